/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TLB that keeps a translation until it is told to forget it, as QEMU's does
 * only in part. It walks the tables that the code under test has built.
 */
#ifndef TESTS_HOST_SIM_TLB_H
#define TESTS_HOST_SIM_TLB_H

#include "kernel/mmu/mmu_private.h"

#define SIM_ASIDS 8 /* ASIDs 0 to 7: they run out soon */

/* Translate as the CPU would now, for the kernel's half or the active space; false: a fault. */
bool sim_tlb_access(vaddr_t va, struct mmu_translation *out);

/* Is anything of a page of the kernel's known? */
bool sim_tlb_knows(vaddr_t va);

/* Whether the CPU keeps dirty state in descriptors (FEAT_HAFDBS), from mmu_dirty_init on. */
extern bool sim_tlb_notes_stores;

/* Ends the program if an address is known with what the tables of its space do not say. */
void sim_tlb_check(struct mmu_space *space, vaddr_t va);

/*
 * Of all addresses; and the tables must count themselves: how many entries of each are in use, and
 * how many pages the space shows where it may map something.
 */
void sim_tlb_check_all(struct mmu_space *space);

void sim_tlb_reset(void); /* also gives the kernel an empty root table */
uint64_t sim_tlb_flushes(void);

#endif
