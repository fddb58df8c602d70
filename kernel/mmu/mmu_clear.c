/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables as a cache: taking entries out, and what they knew of stores. */
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

/* Asked once: it decides what bits mean, which must not differ from one leaf to another. */
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
 * Writable means written: entries for reading are made read-only, and clean ones lose that bit at
 * the first store only.
 */
static bool is_written(pte_t leaf)
{
    return (leaf & DESCRIPTOR_VALID) != 0 && (leaf & DESCRIPTOR_READ_ONLY) == 0;
}

/* Clear the leaf that a path has led to, and what tables this leaves empty; has it been written? */
static bool take_leaf(struct mmu_space *space, struct mmu_path *path, struct mmu_dead_tables *dead)
{
    const uint64_t pages = LEVEL_SPAN(path->level) >> PAGE_SHIFT;
    const pte_t taken = mmu_store_empty(path);

    /*
     * May take the table that the path stands in: then its level is a lower one, and the caller
     * walks anew.
     */
    mmu_prune(path, dead);
    mmu_count_mapped(space, -(int64_t)pages);
    return is_written(taken);
}

/* One call of mmu_clear. */
struct clearing {
    struct mmu_space *space;
    vaddr_t end;
    mmu_written_t *written;
    void *context;
    struct mmu_dead_tables dead;
    bool any;
};

/*
 * Clear the leaves of one table from an address on, without a walk for each: most of what is
 * looked at was never mapped. Returns where to go on.
 */
static vaddr_t clear_table(struct clearing *clearing, vaddr_t at)
{
    struct mmu_path path;
    unsigned level;
    uint64_t span;

    mmu_walk(clearing->space, at, LEAF_LEVEL, &path);
    level = path.level;
    span = LEVEL_SPAN(level);
    at &= ~(span - 1);
    do {
        const pte_t entry = *path.entry[level];

        /* The walk went as deep as its own address leads; the next entry may lead deeper. */
        if (pte_is_table(entry, level)) {
            return at;
        }
        if (entry != 0) {
            clearing->any = true;
            if (take_leaf(clearing->space, &path, &clearing->dead) && clearing->written != NULL) {
                clearing->written(at, clearing->context);
            }
        }
        at += span;
        path.entry[level]++;
        /* The last leaf of a table takes the table with it. */
    } while (at < clearing->end && LEVEL_INDEX(at, level) != 0 && path.level == level);
    return at;
}

void mmu_clear_noting(struct mmu_space *space, vaddr_t va, uint64_t size, mmu_written_t *written,
                      void *context)
{
    struct clearing clearing = {
        .space = space, .end = va + size, .written = written, .context = context};

    for (vaddr_t at = va; at < clearing.end;) {
        at = clear_table(&clearing, at);
    }
    /*
     * A hole was never cached: invalid entries are not (Arm ARM, "Translation Lookaside
     * Buffers"), so nothing taken means nothing to flush.
     */
    if (clearing.any) {
        mmu_flush(space, va, size);
    }
    mmu_free_dead(&clearing.dead);
}

void mmu_clear(struct mmu_space *space, vaddr_t va, uint64_t size)
{
    mmu_clear_noting(space, va, size, NULL, NULL);
}

bool mmu_take_page(struct mmu_space *space, vaddr_t va)
{
    struct mmu_dead_tables dead;
    struct mmu_path path;
    bool written;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    /* Nothing there, so nothing cached: no flush for pages that were never looked at. */
    if (*path.entry[path.level] == 0) {
        return false;
    }
    dead = (struct mmu_dead_tables){{0}};
    written = take_leaf(space, &path, &dead);
    mmu_flush(space, va & ~PAGE_MASK, PAGE_SIZE);
    mmu_free_dead(&dead);
    return written;
}

bool mmu_page_is_dirty(struct mmu_space *space, vaddr_t va)
{
    struct mmu_path path;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    /* One load of a word that the CPU may change: an answer of that moment. */
    return is_written(*path.entry[path.level]);
}
