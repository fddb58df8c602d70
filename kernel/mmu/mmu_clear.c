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
    const struct mmu_found found = mmu_find(clearing->space, at);
    const uint64_t span = LEVEL_SPAN(found.level);
    const vaddr_t first = at;
    unsigned count, taken = 0;

    at &= ~(span - 1);
    count = mmu_run_length(found.level, at, clearing->end + (span - 1));
    for (unsigned i = 0; i < count; i++, at += span) {
        if (found.entry[i] == 0) {
            continue;
        }
        /* The walk went as deep as its own address leads; the next entry may lead deeper. */
        if (pte_is_table(found.entry[i], found.level)) {
            break;
        }
        taken++;
        if (is_written(mmu_take_entry(&found.entry[i])) && clearing->written != NULL) {
            clearing->written(at, clearing->context);
        }
    }
    if (taken != 0) {
        clearing->any = true;
        mmu_count_mapped(clearing->space, -(int64_t)(taken * (span >> PAGE_SHIFT)));
        /* The last leaf of a table takes the table with it. */
        if (mmu_entries_gone(found.parent, taken)) {
            mmu_prune(clearing->space, first, &clearing->dead);
        }
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
    const struct mmu_found found = mmu_find(space, va);
    struct mmu_dead_tables dead = {{0}};
    bool written;

    /* Nothing there, so nothing cached: no flush for pages that were never looked at. */
    if (*found.entry == 0) {
        return false;
    }
    mmu_count_mapped(space, -(int64_t)(LEVEL_SPAN(found.level) >> PAGE_SHIFT));
    written = is_written(mmu_take_entry(found.entry));
    if (mmu_entries_gone(found.parent, 1)) {
        mmu_prune(space, va, &dead);
    }
    mmu_flush(space, va & ~PAGE_MASK, PAGE_SIZE);
    if (dead.first.value != 0) {
        mmu_free_dead(&dead);
    }
    return written;
}

bool mmu_page_is_dirty(struct mmu_space *space, vaddr_t va)
{
    /* One load of a word that the CPU may change: an answer of that moment. */
    return is_written(*mmu_find(space, va).entry);
}
