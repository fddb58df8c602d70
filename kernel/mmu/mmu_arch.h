/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions behind the page tables. Host builds replace this header. */
#ifndef KERNEL_MMU_ARCH_H
#define KERNEL_MMU_ARCH_H

#include "kernel/cache.h"
#include "kernel/types.h"

#define TTBR_ASID(asid) ((uint64_t)(asid) << 48)
#define TCR_ASID_16     (1UL << 36) /* TCR_EL1.AS */

/* Entries written so far are seen by later table walks. */
static inline void mmu_arch_publish(void)
{
    __asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

/* Begin of a flush: what was stored to the tables must be visible first. */
static inline void mmu_arch_flush_begin(void)
{
    __asm__ volatile("dsb ishst" : : : "memory");
}

/* One page of one ASID; a global entry goes whatever the ASID. */
static inline void mmu_arch_flush_page(vaddr_t va, uint16_t asid)
{
    __asm__ volatile("tlbi vae1is, %0"
                     :
                     : "r"(TTBR_ASID(asid) | ((va >> PAGE_SHIFT) & 0xfffffffffffUL))
                     : "memory");
}

static inline void mmu_arch_flush_asid(uint16_t asid)
{
    __asm__ volatile("tlbi aside1is, %0" : : "r"(TTBR_ASID(asid)) : "memory");
}

static inline void mmu_arch_flush_all(void)
{
    __asm__ volatile("tlbi vmalle1is" : : : "memory");
}

/* All flushes begun have finished; only now may a table page be used again. */
static inline void mmu_arch_flush_end(void)
{
    __asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

/*
 * Memory in the direct map is about to be executable somewhere: what was written there
 * leaves the data cache, and what was there before the instruction cache.
 */
static inline void mmu_arch_make_executable(const void *start, uint64_t size)
{
    cache_make_executable(start, size);
}

static inline void mmu_arch_set_lower_root(paddr_t root, uint16_t asid)
{
    __asm__ volatile("msr ttbr0_el1, %0\n\tisb" : : "r"(TTBR_ASID(asid) | root.value) : "memory");
}

/* Number of ASIDs that this CPU tells apart. */
static inline unsigned mmu_arch_asid_count(void)
{
    uint64_t tcr;

    __asm__("mrs %0, tcr_el1" : "=r"(tcr));
    return (tcr & TCR_ASID_16) != 0 ? 65536 : 256;
}

/*
 * Let the CPU keep dirty state in descriptors, where it can (FEAT_HAFDBS). Before
 * the first descriptor with DESCRIPTOR_DIRTY_MODIFIER.
 */
static inline bool mmu_arch_note_stores(void)
{
    const uint64_t access_flag = 1UL << 39, dirty_state = 1UL << 40; /* TCR_EL1.HA, HD */
    uint64_t mmfr1, tcr;

    __asm__("mrs %0, id_aa64mmfr1_el1" : "=r"(mmfr1));
    if ((mmfr1 & 0xf) < 2) {
        return false;
    }
    __asm__ volatile("mrs %0, tcr_el1" : "=r"(tcr));
    /* The TLB may hold what it made of TCR, entry by entry. */
    __asm__ volatile("msr tcr_el1, %0\n\tisb\n\ttlbi vmalle1\n\tdsb nsh\n\tisb"
                     :
                     : "r"(tcr | access_flag | dirty_state)
                     : "memory");
    return true;
}

#endif
