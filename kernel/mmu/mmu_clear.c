/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables as a cache: taking entries out, and what they knew of stores. */
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

static bool notes_stores;

void mmu_dirty_init(void)
{
    notes_stores = mmu_arch_note_stores();
}

bool mmu_notes_stores(void)
{
    return notes_stores;
}

/*
 * Clear the leaf that an address lies in, if there is one. Returns where the next
 * leaf may begin; *taken is the leaf, 0 for a hole.
 */
static vaddr_t clear_leaf(struct mmu_space *space, vaddr_t va, struct mmu_dead_tables *dead,
                          pte_t *taken)
{
    struct mmu_path path;
    uint64_t span;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    span = LEVEL_SPAN(path.level);
    *taken = *path.entry[path.level];
    if (*taken != 0) {
        *taken = mmu_store_empty(&path);
        mmu_prune(&path, dead);
        mmu_count_mapped(space, -(int64_t)(span >> PAGE_SHIFT));
    }
    return (va & ~(span - 1)) + span;
}

void mmu_clear(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    struct mmu_dead_tables dead = {{0}};
    bool any = false;
    vaddr_t next;

    for (vaddr_t at = va; at - va < size; at = next) {
        pte_t taken;

        next = clear_leaf(space, at, &dead, &taken);
        any |= taken != 0;
    }
    /*
     * A hole was never cached: invalid entries are not (Arm ARM, "Translation Lookaside
     * Buffers"), so nothing taken means nothing to flush.
     */
    if (any) {
        mmu_flush(space, va, size);
    }
    mmu_free_dead(&dead);
}

bool mmu_take_page(struct mmu_space *space, vaddr_t va)
{
    struct mmu_dead_tables dead = {{0}};
    pte_t taken;

    clear_leaf(space, va, &dead, &taken);
    if (taken == 0) {
        return false;
    }
    mmu_flush(space, va & ~PAGE_MASK, PAGE_SIZE);
    mmu_free_dead(&dead);
    /*
     * Writable means written: entries for reading are made read-only, and clean ones lose that
     * bit at the first store only.
     */
    return (taken & DESCRIPTOR_VALID) != 0 && (taken & DESCRIPTOR_READ_ONLY) == 0;
}

bool mmu_page_is_dirty(struct mmu_space *space, vaddr_t va)
{
    struct mmu_path path;
    pte_t leaf;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    leaf = *path.entry[path.level];
    return (leaf & DESCRIPTOR_VALID) != 0 && (leaf & DESCRIPTOR_READ_ONLY) == 0;
}
