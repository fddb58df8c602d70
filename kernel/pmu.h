/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest instructions retired (PMU event 0x08). Exact, and the same in every
 * run, under QEMU's -icount with a fixed shift; does not count idle time. The
 * count begins at reset.
 */
#ifndef KERNEL_PMU_H
#define KERNEL_PMU_H

#include "kernel/types.h"

/* Make sure that it counts. False: this machine cannot (no -icount, no PMU); it reads 0 then. */
bool pmu_start(void);

static inline uint64_t pmu_instructions(void)
{
    uint64_t count;

    __asm__ volatile("isb\n\tmrs %0, pmevcntr0_el0" : "=r"(count) : : "memory");
    return count; /* 32 bits wide: subtract as uint32_t */
}

#endif
