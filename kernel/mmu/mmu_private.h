/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the MMU code: how the tables are laid out and walked.
 *
 *   va  63      48 47     39 38     30 29     21 20     12 11       0
 *      |  half    | level 0 | level 1 | level 2 | level 3 |  offset  |
 *                             1 GiB     2 MiB     4 KiB  <- span of one entry
 *
 * An entry is empty (0), a table, or a leaf (block or page). A leaf without
 * DESCRIPTOR_VALID is mapped in name only: any access faults. A table is empty
 * only inside an operation: the one that empties it frees it. To notice that,
 * the entry pointing to a table counts the table's used entries in bits that
 * hardware ignores. The direct map and what boot mapped are never taken away,
 * so their tables need no count.
 */
#ifndef KERNEL_MMU_PRIVATE_H
#define KERNEL_MMU_PRIVATE_H

#include "boot/translation.h"
#include "kernel/mmu.h"

typedef uint64_t pte_t;

#define PTE_USER      (1UL << 6) /* AP[1]: EL0 may access */
#define PTE_COUNT_ONE (1UL << 2) /* bits 11:2 of a table entry, 0 to 512 */
#define PTE_COUNT     (0x3ffUL * PTE_COUNT_ONE)

#define LEAF_LEVEL 3

struct mmu_space {
    paddr_t root; /* level 0 table */
    vaddr_t low;  /* what map, unmap and protect may touch: [low, high) */
    vaddr_t high;
    bool user;     /* lower half */
    uint16_t asid; /* valid in this generation only: mmu_space.c */
    uint64_t generation;
    uint64_t mapped; /* pages, in [low, high) */
};

/* The entries on the way to an address; entry[level] is where the walk ended. */
struct mmu_path {
    pte_t *entry[LEAF_LEVEL + 1];
    unsigned level;
};

static inline bool pte_is_table(pte_t entry, unsigned level)
{
    const pte_t table = DESCRIPTOR_VALID | DESCRIPTOR_TABLE;

    return level < LEAF_LEVEL && (entry & table) == table;
}

static inline paddr_t pte_address(pte_t entry)
{
    return paddr(entry & DESCRIPTOR_ADDRESS);
}

/* One store, of all 64 bits: a walk must not meet half an entry. */
static inline void pte_set(pte_t *entry, pte_t value)
{
    *(volatile pte_t *)entry = value;
}

/* mmu_table.c */

/* The one walk: down to `deepest`, or to the leaf or empty entry above it. */
void mmu_walk(const struct mmu_space *space, vaddr_t va, unsigned deepest, struct mmu_path *path);

/* The same, adding tables. KERN_RESOURCE_SHORTAGE; KERN_NO_SPACE if a leaf is in the way. */
kern_return_t mmu_walk_adding(const struct mmu_space *space, vaddr_t va, unsigned deepest,
                              struct mmu_path *path);

/*
 * The writer of entries. path->entry[path->level] becomes next. A valid
 * leaf is replaced by another only in three steps: store without
 * DESCRIPTOR_VALID, flush, store (break before make).
 */
void mmu_store(struct mmu_path *path, pte_t next);

/*
 * The same for `count` entries of one table, from the path's on. Empty ones become leaves, of
 * memory in a row: `first`, and each a span further. And leaves become empty, whatever they are by
 * then: for who asks whether they were written, there is mmu_store_empty.
 */
void mmu_store_run(const struct mmu_path *path, pte_t first, unsigned count);
void mmu_empty_run(const struct mmu_path *path, unsigned count);

/*
 * So many entries more, or less, of the path's table are in use: for who writes them by himself.
 * The count rides in bits 11:2 of the table entry, which hardware ignores there, so that finding a
 * table empty costs no look at its 512 entries.
 */
static inline void mmu_count_entries(const struct mmu_path *path, int change)
{
    if (path->level > 0) {
        pte_t *const parent = path->entry[path->level - 1];

        pte_set(parent, *parent + (uint64_t)change * PTE_COUNT_ONE);
    }
}

/* Entries next to each other in the path's table, from va's on, that lie in [va, end) as a whole.
 */
static inline unsigned mmu_run_length(const struct mmu_path *path, vaddr_t va, vaddr_t end)
{
    const uint64_t left = (end - va) >> LEVEL_SHIFT(path->level);
    const unsigned room = TABLE_ENTRIES - (unsigned)LEVEL_INDEX(va, path->level);

    return left < room ? (unsigned)left : room;
}

/* mmu_clear.c */

/*
 * The path's entry becomes empty; what it was, to the last bit: where the CPU updates
 * entries by itself, it may do so between a load and a store.
 */
pte_t mmu_store_empty(struct mmu_path *path);

/* Tables taken out of the tree: they wait here until the flush that covers them is over. */
struct mmu_dead_tables {
    paddr_t first; /* 0: none */
};

/* If the table that holds the path's last entry has become empty, take it out, and so on upward. */
void mmu_prune(struct mmu_path *path, struct mmu_dead_tables *dead);

void mmu_bury(struct mmu_dead_tables *dead, paddr_t table); /* table is in the tree no more */
void mmu_free_dead(struct mmu_dead_tables *dead);           /* after the flush */

kern_return_t mmu_table_alloc(paddr_t *table); /* zeroed */
uint64_t mmu_table_count(void);

/*
 * Before the page allocator runs: how many tables are left, more of them at `first` (mapped
 * pages that are nobody's), and how many of those have been used.
 */
unsigned mmu_early_tables_left(void);
void mmu_early_tables_add(paddr_t first, unsigned count);
unsigned mmu_early_tables_used(paddr_t *first);

/* Forget cached translations of a range; returns when no access can use them any more. */
void mmu_flush(const struct mmu_space *space, vaddr_t va, uint64_t size);

/* mmu_attributes.c: what is allowed does not depend on the level. */
bool mmu_encode(const struct mmu_space *space, struct mmu_attributes attributes, unsigned level,
                pte_t *bits); /* false: not allowed */
static inline pte_t mmu_encoded_at(pte_t bits_of_a_page, unsigned level)
{
    /* "Page" in the last level is "table" in those above. */
    return level == LEAF_LEVEL ? bits_of_a_page : bits_of_a_page & ~DESCRIPTOR_PAGE;
}
struct mmu_attributes mmu_decode(pte_t leaf);
unsigned mmu_leaf_level(vaddr_t va, paddr_t pa, uint64_t left); /* of the largest leaf that fits */

/* mmu.c */
void mmu_count_mapped(struct mmu_space *space, int64_t pages);

/* mmu_clear.c */
void mmu_dirty_init(void);
/* Asked once: it decides what bits mean, which must not differ from one leaf to another. */
extern bool mmu_stores_noted;

/* mmu_space.c */
uint64_t mmu_space_count(void);
bool mmu_space_is_cached(const struct mmu_space *space); /* may the TLB know it? */

#endif
