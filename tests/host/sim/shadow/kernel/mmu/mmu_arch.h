/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/mmu/mmu_arch.h: a TLB that remembers (sim_tlb.h). */
#ifndef KERNEL_MMU_ARCH_H
#define KERNEL_MMU_ARCH_H

#include "kernel/cache.h"
#include "kernel/types.h"

static inline void mmu_arch_make_executable(const void *start, uint64_t size)
{
    cache_make_executable(start, size);
}

void mmu_arch_publish(void);
void mmu_arch_flush_begin(void);
void mmu_arch_flush_end(void);
void mmu_arch_flush_page(vaddr_t va, uint16_t asid);
void mmu_arch_flush_asid(uint16_t asid);
void mmu_arch_flush_all(void);
void mmu_arch_set_lower_root(paddr_t root, uint16_t asid);
unsigned mmu_arch_asid_count(void);
bool mmu_arch_note_stores(void);

#endif
