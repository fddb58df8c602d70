/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables as a cache: taking entries out, and what they knew of stores. */
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"

bool mmu_stores_noted;

void mmu_dirty_init(void)
{
    mmu_stores_noted = mmu_arch_note_stores();
}

bool mmu_notes_stores(void)
{
    return mmu_stores_noted;
}

/*
 * Writable means written: entries for reading are made read-only, and clean ones lose that bit at
 * the first store only.
 */
static bool is_written(pte_t leaf)
{
    return (leaf & DESCRIPTOR_VALID) != 0 && (leaf & DESCRIPTOR_READ_ONLY) == 0;
}

/* An entry becomes empty; what it was. The count of its table is the caller's to keep. */
static inline pte_t take_entry(pte_t *entry)
{
    /*
     * The CPU may note a store between a load and a store of ours, and the note would be lost;
     * where it does not write entries, two plain accesses are less.
     */
    if (mmu_stores_noted) {
        return __atomic_exchange_n(entry, 0, __ATOMIC_RELAXED);
    }
    const pte_t former = *entry;

    pte_set(entry, 0);
    return former;
}

pte_t mmu_store_empty(struct mmu_path *path)
{
    pte_t *const entry = path->entry[path->level];

    if (*entry != 0) {
        mmu_count_entries(path, -1);
    }
    return take_entry(entry);
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
    unsigned level, count, taken = 0;
    pte_t *entries;
    uint64_t span;

    mmu_walk(clearing->space, at, LEAF_LEVEL, &path);
    level = path.level;
    entries = path.entry[level];
    span = LEVEL_SPAN(level);
    at &= ~(span - 1);
    count = mmu_run_length(&path, at, clearing->end + (span - 1));
    for (unsigned i = 0; i < count; i++, at += span) {
        if (entries[i] == 0) {
            continue;
        }
        /* The walk went as deep as its own address leads; the next entry may lead deeper. */
        if (pte_is_table(entries[i], level)) {
            break;
        }
        taken++;
        if (is_written(take_entry(&entries[i])) && clearing->written != NULL) {
            clearing->written(at, clearing->context);
        }
    }
    if (taken != 0) {
        clearing->any = true;
        mmu_count_entries(&path, -(int)taken);
        mmu_count_mapped(clearing->space, -(int64_t)(taken * (span >> PAGE_SHIFT)));
        mmu_prune(&path, &clearing->dead); /* the last leaf of a table takes the table with it */
    }
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
    mmu_count_mapped(space, -(int64_t)(LEVEL_SPAN(path.level) >> PAGE_SHIFT));
    written = is_written(mmu_store_empty(&path));
    mmu_prune(&path, &dead);
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
