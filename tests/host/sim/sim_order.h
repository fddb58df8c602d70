/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has no effect on one CPU without caches, but an order: barriers, TLB and cache
 * maintenance. A test that looks on sees what memory holds at each of them.
 */
#ifndef TESTS_HOST_SIM_ORDER_H
#define TESTS_HOST_SIM_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum sim_step {
    SIM_BARRIER,     /* all memory, between CPU and devices */
    SIM_PUBLISH,     /* page-table stores are seen by walks */
    SIM_FLUSH_BEGIN, /* the same, before a flush, or a table that is linked */
    SIM_FLUSH_PAGE,  /* detail: the address */
    SIM_FLUSH_ASID,  /* detail: the ASID */
    SIM_FLUSH_ALL,
    SIM_FLUSH_END,  /* flushes have finished */
    SIM_LOWER_ROOT, /* TTBR0 is written; detail: the table's physical address */
    SIM_CLEAN,      /* detail: the first byte's address, here and below */
    SIM_CLEAN_INVALIDATE,
    SIM_EXECUTABLE,
    SIM_STEPS
};

extern void (*sim_witness)(enum sim_step step, uint64_t detail); /* NULL: nobody looks */

static inline void sim_step(enum sim_step step, uint64_t detail)
{
    if (sim_witness != NULL) {
        sim_witness(step, detail);
    }
}

#endif
