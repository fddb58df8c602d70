/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables: the walk, the store, and their life between page allocator and TLB. */
#include "kernel/direct_map.h"
#include "kernel/mmu/mmu_arch.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/page.h"
#include "kernel/page/page_arch.h"
#include "kernel/panic.h"

/* Before the page allocator runs: enough for a machine of one bank, and to map more. */
#define EARLY_TABLES 16

/* Above this many pages, flushing everything of the space is the shorter way. */
#define FLUSH_PAGES_MAX 32

/*
 * Never freed, as nothing is taken out of what is mapped so early. Beside boot's own, and not in
 * what start-up clears: most of them are never used.
 */
static pte_t early_tables[EARLY_TABLES][TABLE_ENTRIES]
    __attribute__((aligned(PAGE_SIZE), section(".bss.boot_tables")));
static unsigned early_used;
static paddr_t added_first; /* early tables beyond these, which lie in RAM */
static unsigned added_count, added_used;
static uint64_t tables_allocated;

kern_return_t mmu_table_alloc(paddr_t *table)
{
    if (page_last() == 0) { /* the page allocator has not started */
        if (early_used < EARLY_TABLES) {
            *table = virt_to_phys(early_tables[early_used++]);
        } else if (added_used < added_count) {
            *table = paddr_add(added_first, added_used++ * PAGE_SIZE);
        } else {
            return KERN_RESOURCE_SHORTAGE;
        }
        page_fill_zero(phys_to_virt(*table), PAGE_SIZE);
        return KERN_SUCCESS;
    }
    /* Owned as a table: want of one reclaims nothing, since reclaiming edits tables (page.c). */
    if (page_alloc(0, PAGE_OWNER_TABLE, table) != KERN_SUCCESS) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /* Before anything leads there: to the walk, what a page held before would be entries. */
    page_fill_zero(phys_to_virt(*table), PAGE_SIZE);
    tables_allocated++;
    return KERN_SUCCESS;
}

unsigned mmu_early_tables_left(void)
{
    return EARLY_TABLES - early_used + added_count - added_used;
}

void mmu_early_tables_add(paddr_t first, unsigned count)
{
    added_first = first;
    added_count = count;
}

unsigned mmu_early_tables_used(paddr_t *first)
{
    *first = added_first;
    return added_used;
}

uint64_t mmu_table_count(void)
{
    return tables_allocated;
}

void mmu_bury(struct mmu_dead_tables *dead, paddr_t table)
{
    pte_t *entries = phys_to_virt(table);

    /* A walk that still reaches the table sees entry 0 as invalid: the link is page-aligned. */
    entries[0] = dead->first.value;
    dead->first = table;
}

void mmu_free_dead(struct mmu_dead_tables *dead)
{
    while (dead->first.value != 0) {
        paddr_t table = dead->first;

        /* Read before it is freed: the link lies in the table itself. */
        dead->first = paddr(*(pte_t *)phys_to_virt(table));
        KERNEL_CHECK(page_free(table, 0) == KERN_SUCCESS);
        tables_allocated--;
    }
}

void mmu_walk(const struct mmu_space *space, vaddr_t va, unsigned deepest, struct mmu_path *path)
{
    paddr_t table = space->root;

    for (path->level = 0;; path->level++) {
        pte_t *const entry = (pte_t *)phys_to_virt(table) + LEVEL_INDEX(va, path->level);

        path->entry[path->level] = entry;
        if (path->level == deepest || !pte_is_table(*entry, path->level)) {
            break;
        }
        table = pte_address(*entry);
    }
}

kern_return_t mmu_add_tables(const struct mmu_space *space, vaddr_t va, unsigned level)
{
    struct mmu_path path;
    paddr_t table;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    if (path.level > level) {
        return KERN_NO_SPACE;
    }
    while (path.level < level) {
        /* A leaf; to put a table in its place would take away what it shows. */
        if (*path.entry[path.level] != 0) {
            return KERN_NO_SPACE;
        }
        if (mmu_table_alloc(&table) != KERN_SUCCESS) {
            return KERN_RESOURCE_SHORTAGE;
        }
        mmu_arch_flush_begin(); /* the zeros come before the entry that leads to them */
        mmu_store(&path, table.value | DESCRIPTOR_VALID | DESCRIPTOR_TABLE);
        path.level++;
        path.entry[path.level] = (pte_t *)phys_to_virt(table) + LEVEL_INDEX(va, path.level);
    }
    return KERN_SUCCESS;
}

void mmu_store(struct mmu_path *path, pte_t next)
{
    pte_t *entry = path->entry[path->level];

    /* The root, which stays, has nobody who counts. */
    if ((*entry == 0) != (next == 0) && path->level > 0) {
        mmu_count_entries(path->entry[path->level - 1], next != 0 ? 1 : -1);
    }
    pte_set(entry, next);
}

void mmu_prune(const struct mmu_space *space, vaddr_t va, struct mmu_dead_tables *dead)
{
    struct mmu_path path;

    mmu_walk(space, va, LEAF_LEVEL, &path);
    /* Up to the root, which stays: TTBR0 or TTBR1 leads to it. */
    while (path.level > 0 && (*path.entry[path.level - 1] & PTE_COUNT) == 0) {
        paddr_t table;

        path.level--;
        table = pte_address(*path.entry[path.level]);
        mmu_store(&path, 0);
        mmu_bury(dead, table);
    }
}

uint64_t mmu_flushes;

void mmu_flush(const struct mmu_space *space, vaddr_t va, uint64_t size)
{
    mmu_flushes++;
    mmu_arch_flush_begin();
    if (space->user && !mmu_space_is_cached(space)) {
        /* It has no ASID, so the TLB knows nothing of it. */
    } else if (size <= FLUSH_PAGES_MAX * PAGE_SIZE) {
        /*
         * By address while that is few instructions: it spares everybody else's translations.
         * vae1is also drops the cached steps of the walk (not only the last level), which a table
         * that is about to be freed needs.
         */
        for (vaddr_t at = va, end = va + size; at != end; at += PAGE_SIZE) {
            mmu_arch_flush_page(at, space->asid);
        }
    } else if (space->user) {
        mmu_arch_flush_asid(space->asid);
    } else {
        mmu_arch_flush_all();
    }
    mmu_arch_flush_end();
}
