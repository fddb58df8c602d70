/* SPDX-License-Identifier: BSD-2-Clause */
/* Zero-filling by cache blocks, where they are to be had. Host builds replace this header. */
#ifndef KERNEL_PAGE_ARCH_H
#define KERNEL_PAGE_ARCH_H

#include "kernel/types.h"

#define DCZID_PROHIBITED 0x10   /* DCZID_EL0.DZP: a hypervisor traps DC ZVA */
#define LARGEST_BLOCK    0x800u /* bytes that one DC ZVA may clear */

/* Both a multiple of LARGEST_BLOCK. Normal write-back memory only. */
static inline void page_fill_zero(void *start, uint64_t size)
{
    uint64_t dczid, step;
    uint64_t at = (uint64_t)start;
    uint64_t end = at + size;

    __asm__("mrs %0, dczid_el0" : "=r"(dczid));
    if ((dczid & DCZID_PROHIBITED) != 0) {
        for (; at < end; at += 16) {
            __asm__ volatile("stp xzr, xzr, [%0]" : : "r"(at) : "memory");
        }
        return;
    }
    step = 4UL << (dczid & 0xf);
    /* 32 a turn where 32 end where the memory ends: counting took as long as clearing. */
    while (32 * step <= LARGEST_BLOCK && at < end) {
        __asm__ volatile(".rept 32\n\tdc zva, %0\n\tadd %0, %0, %1\n\t.endr"
                         : "+r"(at)
                         : "r"(step)
                         : "memory");
    }
    for (; at < end; at += step) {
        __asm__ volatile("dc zva, %0" : : "r"(at) : "memory");
    }
}

#endif
