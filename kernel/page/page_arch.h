/* SPDX-License-Identifier: BSD-2-Clause */
/* Zero-filling by cache blocks, where they are to be had. Host builds replace this header. */
#ifndef KERNEL_PAGE_ARCH_H
#define KERNEL_PAGE_ARCH_H

#include "kernel/types.h"

#define DCZID_PROHIBITED 0x10 /* DCZID_EL0.DZP: a hypervisor traps DC ZVA */

/* Both a multiple of 2 KiB, the largest block DC ZVA can have. Normal write-back memory only. */
static inline void page_fill_zero(void *start, uint64_t size)
{
    uint64_t dczid;
    uint64_t at = (uint64_t)start;
    uint64_t end = at + size;

    __asm__("mrs %0, dczid_el0" : "=r"(dczid));
    if ((dczid & DCZID_PROHIBITED) != 0) {
        for (; at < end; at += 16) {
            __asm__ volatile("stp xzr, xzr, [%0]" : : "r"(at) : "memory");
        }
        return;
    }
    for (uint64_t step = 4UL << (dczid & 0xf); at < end; at += step) {
        __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
    }
}

#endif
