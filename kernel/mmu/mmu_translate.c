/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tables say: of an address, to code at EL0, and in all. */
#include "kernel/direct_map.h"
#include "kernel/mmu.h"
#include "kernel/mmu/mmu_private.h"

bool mmu_translate(struct mmu_space *space, vaddr_t va, struct mmu_translation *out)
{
    struct mmu_found found;
    uint64_t offset;
    pte_t leaf;

    /*
     * A table's index leaves out the upper bits: an address of the other half, or of neither, would
     * find what some address of this one shows.
     */
    if (space->user ? va >= MMU_USER_VA_END : va < DIRECT_MAP_BASE) {
        return false;
    }
    found = mmu_find(space, va);
    /* A leaf without DESCRIPTOR_VALID is an answer too: its owner knows what is there. */
    leaf = *found.entry;
    if (leaf == 0) {
        return false;
    }
    offset = va & (LEVEL_SPAN(found.level) - 1);
    out->pa = paddr_add(pte_address(leaf), offset);
    out->contiguous = LEVEL_SPAN(found.level) - offset;
    out->attributes = mmu_decode(leaf);
    return true;
}

/* One step of the next function: the entry of a level, by a constant number of bits. */
static inline __attribute__((always_inline)) pte_t step(paddr_t table, vaddr_t va, unsigned level)
{
    return ((const pte_t *)phys_to_virt(table))[LEVEL_INDEX(va, level)];
}

bool mmu_peek(const struct mmu_space *space, vaddr_t va, bool write, paddr_t *pa)
{
    /* What a leaf must say, and what it must not. */
    const pte_t must = DESCRIPTOR_VALID | PTE_USER | DESCRIPTOR_MEMORY(MAIR_INDEX_NORMAL);
    const pte_t looked_at =
        DESCRIPTOR_VALID | PTE_USER | DESCRIPTOR_MEMORY(7) | (write ? DESCRIPTOR_READ_ONLY : 0);
    paddr_t table = space->root;
    pte_t entry = 0;

    if (va >= MMU_USER_VA_END) {
        return false;
    }
    /* Of pages alone: a block is somebody's window, and rare. */
#pragma GCC unroll 3
    for (unsigned level = 0; level < LEAF_LEVEL; level++) {
        entry = step(table, va, level);
        if (!pte_is_table(entry, level)) {
            return false;
        }
        table = pte_address(entry);
    }
    entry = step(table, va, LEAF_LEVEL);
    if ((entry & looked_at) != must) {
        return false;
    }
    *pa = paddr_add(pte_address(entry), va & PAGE_MASK);
    return true;
}

void mmu_get_stats(struct mmu_stats *stats)
{
    *stats = (struct mmu_stats){
        .tables = mmu_table_count(), .mapped_pages = mmu_mapped_pages, .spaces = mmu_space_count()};
}
