/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole pages, in few instructions: zeroed, copied. Host builds replace this header. */
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

/* One page to another. By general registers: those of FP would have to be saved first. */
static inline void page_copy(void *to, const void *from)
{
    uint64_t a, b, c, d, e, f, g, h;

    /* 512 bytes a turn. */
    for (unsigned i = 0; i < PAGE_SIZE / 512; i++) {
        __asm__ volatile(".rept 8\n\t"
                         "ldp %4, %5, [%1, #16]\n\tldp %6, %7, [%1, #32]\n\t"
                         "ldp %8, %9, [%1, #48]\n\tldp %2, %3, [%1], #64\n\t"
                         "stp %4, %5, [%0, #16]\n\tstp %6, %7, [%0, #32]\n\t"
                         "stp %8, %9, [%0, #48]\n\tstp %2, %3, [%0], #64\n\t"
                         ".endr"
                         : "+r"(to), "+r"(from), "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d), "=&r"(e),
                           "=&r"(f), "=&r"(g), "=&r"(h)
                         :
                         : "memory");
    }
}

#endif
