/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What C cannot say to an AArch64 CPU: system registers, barriers, sleep.
 * Each is one instruction and a compiler barrier. Any context.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <stdint.h>

/* cpu_read_sysreg(cntfrq_el0): the register is written as its bare assembler name. */
#define cpu_read_sysreg(name)                                                                      \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("mrs %0, " #name : "=r"(value_) : : "memory");                            \
        value_;                                                                                    \
    })

/* Most registers need cpu_isb() before the new value is sure to count. A zero needs no register. */
#define cpu_write_sysreg(name, value)                                                              \
    __asm__ volatile("msr " #name ", %x0" : : "rZ"((uint64_t)(value)) : "memory")

/* Instructions after it see every system-register write before it. */
static inline void cpu_isb(void)
{
    __asm__ volatile("isb" : : : "memory");
}

/* Wait until all earlier accesses are complete, device registers included. */
static inline void cpu_dsb_sy(void)
{
    __asm__ volatile("dsb sy" : : : "memory");
}

/* The same for page-table stores and TLB maintenance among CPUs. */
static inline void cpu_dsb_ish(void)
{
    __asm__ volatile("dsb ish" : : : "memory");
}

/* Order stores to memory that a device reads before a later store that tells the device. */
static inline void cpu_dmb_st(void)
{
    __asm__ volatile("dmb oshst" : : : "memory");
}

/* Order loads of memory that a device writes after an earlier load that said it has. */
static inline void cpu_dmb_ld(void)
{
    __asm__ volatile("dmb oshld" : : : "memory");
}

/* Order all accesses, memory and device, before all later ones. */
static inline void cpu_dmb_sy(void)
{
    __asm__ volatile("dmb sy" : : : "memory");
}

/* Sleep until an interrupt is pending, masked or not (PSTATE.I). May return early. */
static inline void cpu_wfi(void)
{
    __asm__ volatile("wfi" : : : "memory");
}

#endif
