/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the ring of kernel/trace.h has of transfers, as it prints it: for tests that a driver
 * records what its device is told.
 *
 *     recorded_start();
 *     ... transfers, short enough that the ring loses nothing ...
 *     recorded_end(&recorded);
 */
#ifndef TESTS_LIB_RECORDED_H
#define TESTS_LIB_RECORDED_H

#include "kernel/trace.h"
#include "kernel/types.h"

struct recorded {
    unsigned starts, notifies, ends; /* dma_start, dma_notify, dma_end */
    unsigned lists, entries;         /* dma_issue; entries of data */
    uint64_t bytes;                  /* of those entries */
    unsigned doorbells;
    unsigned virtual, physical, bounce, mapped, limits, copies; /* dma_... */
    uint64_t lost;
    unsigned in[TRACE_LIST_COUNT]; /* entries of data, by what they stand in */
};

/* Forget what was recorded, and go on. */
void recorded_start(void);

/* Record no more, and count what there is. */
void recorded_end(struct recorded *recorded);

#endif
