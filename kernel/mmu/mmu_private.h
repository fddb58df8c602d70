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
#include "kernel/direct_map.h"
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

/* Where a walk has ended. */
struct mmu_found {
    pte_t *entry;  /* a leaf, or empty */
    pte_t *parent; /* what leads to its table; NULL: that is the root */
    unsigned level;
};

/*
 * The one walk: down to the leaf or empty entry that an address leads to. It is the most of what a
 * page costs, so it is a part of those who enter and take away.
 */
static inline __attribute__((always_inline)) struct mmu_found mmu_find(
    const struct mmu_space *space, vaddr_t va)
{
    struct mmu_found found = {NULL, NULL, 0};
    paddr_t table = space->root;

    /* Unrolled: a shift by a constant is part of the instruction that needs it. */
#pragma GCC unroll 4
    for (unsigned level = 0; level <= LEAF_LEVEL; level++) {
        found.parent = found.entry;
        /* By kernel addresses: tables are RAM, and RAM is in the direct map. */
        found.entry = (pte_t *)phys_to_virt(table) + LEVEL_INDEX(va, level);
        found.level = level;
        if (!pte_is_table(*found.entry, level)) {
            break;
        }
        table = pte_address(*found.entry);
    }
    return found;
}

/* mmu_table.c */

/* The same with all entries on the way, and no deeper than `deepest`. */
void mmu_walk(const struct mmu_space *space, vaddr_t va, unsigned deepest, struct mmu_path *path);

/*
 * The tables that are missing for a leaf of a level at va. KERN_RESOURCE_SHORTAGE; KERN_NO_SPACE: a
 * leaf is in the way, or tables are where it is to be.
 */
kern_return_t mmu_add_tables(const struct mmu_space *space, vaddr_t va, unsigned level);

/*
 * The writer of entries. path->entry[path->level] becomes next. A valid
 * leaf is replaced by another only in three steps: store without
 * DESCRIPTOR_VALID, flush, store (break before make).
 */
void mmu_store(struct mmu_path *path, pte_t next);

/*
 * So many entries more, or less, of the table that an entry leads to are in use: for who writes
 * them by himself. The count rides in bits 11:2 of the table entry, which hardware ignores there,
 * so that finding a table empty costs no look at its 512 entries.
 */
static inline void mmu_count_entries(pte_t *parent, int change)
{
    pte_set(parent, *parent + (uint64_t)change * PTE_COUNT_ONE);
}

/* Entries of a table next to each other, from va's on, that lie in [va, end) as a whole. */
static inline unsigned mmu_run_length(unsigned level, vaddr_t va, vaddr_t end)
{
    const uint64_t left = (end - va) >> LEVEL_SHIFT(level);
    const unsigned room = TABLE_ENTRIES - (unsigned)LEVEL_INDEX(va, level);

    return left < room ? (unsigned)left : room;
}

/* mmu_clear.c */

/* Asked once: it decides what bits mean, which must not differ from one leaf to another. */
extern bool mmu_stores_noted;

/* A leaf becomes empty; what it was. The count of its table is the caller's to keep. */
static inline pte_t mmu_take_entry(pte_t *entry)
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

/* Tables taken out of the tree: they wait here until the flush that covers them is over. */
struct mmu_dead_tables {
    paddr_t first; /* 0: none */
};

/* Take out the table that va leads to if it has become empty, and so on upward. */
void mmu_prune(const struct mmu_space *space, vaddr_t va, struct mmu_dead_tables *dead);

/* So many entries less of a table are in use; true: it is empty now, and to be taken out. */
static inline bool mmu_entries_gone(pte_t *parent, unsigned count)
{
    mmu_count_entries(parent, -(int)count);
    return (*parent & PTE_COUNT) == 0;
}

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

/* mmu_attributes.c */

/* What a leaf says of rights, by the bits of access. */
#define MMU_RIGHTS (2 * MMU_CLEAN)
extern const pte_t mmu_rights[MMU_RIGHTS];

/*
 * What the rest of the kernel may rely on, whoever asks: refused here, in the one place that
 * makes bits, and not by each caller.
 */
static inline bool mmu_is_allowed(const struct mmu_space *space, struct mmu_attributes attributes)
{
    const unsigned access = attributes.access;

    if (access >= MMU_RIGHTS || (unsigned)attributes.memory > MMU_DEVICE_GRE) {
        return false;
    }
    /*
     * No page is both: what can be stored to must not be run, or one stray write is code.
     * (SCTLR_EL1.WXN would say the same of EL1 and EL0 together, but only after the fact.)
     */
    if ((access & MMU_WRITE) != 0 && (access & MMU_EXECUTE) != 0) {
        return false;
    }
    /*
     * Fetching from Device memory is CONSTRAINED UNPREDICTABLE (Arm ARM, "Memory types and
     * attributes"): a speculative fetch could read a register that reading changes.
     */
    if ((access & MMU_EXECUTE) != 0 && attributes.memory > MMU_WRITE_THROUGH) {
        return false;
    }
    /*
     * DBM means "read-only until the first store" only to a CPU with FEAT_HAFDBS; another
     * one would fault for ever on a page that its owner takes for writable.
     */
    if ((access & MMU_CLEAN) != 0 && !((access & MMU_WRITE) != 0 && mmu_stores_noted)) {
        return false;
    }
    /* AP[1] in the upper half would show the kernel to EL0 wherever TTBR1 covers it. */
    return space->user || (access & MMU_USER) == 0;
}

/* The bits of a leaf but its address; false, and none: not allowed, whatever the level. */
static inline bool mmu_encode(const struct mmu_space *space, struct mmu_attributes attributes,
                              unsigned level, pte_t *bits)
{
    /* Plain data of the kernel, the most of it, may be seen in any way there is. */
    if (((attributes.access & ~(MMU_READ | MMU_WRITE)) != 0 ||
         (unsigned)attributes.memory > MMU_DEVICE_GRE) &&
        !mmu_is_allowed(space, attributes)) {
        *bits = 0;
        return false;
    }
    /*
     * AF is set at once: nobody here ages pages, and a clear one costs a fault at the first
     * touch. SH is inner shareable for all: on other observers' caches, virtio devices among
     * them, it is what makes Normal memory coherent; for Device memory it is ignored.
     *
     * Bit 1 means "table" above the last level and "page" in it; a page entry without it is
     * reserved and faults.
     *
     * nG ties the translation to the ASID. A global one of a task would answer for the same
     * address of every other task until it is flushed. The kernel's are global, so that a
     * change of task leaves them in the TLB.
     */
    *bits = DESCRIPTOR_ACCESSED | DESCRIPTOR_SHAREABLE | DESCRIPTOR_MEMORY(attributes.memory) |
            mmu_rights[attributes.access] | (level == LEAF_LEVEL ? DESCRIPTOR_PAGE : 0) |
            (space->user ? DESCRIPTOR_NOT_GLOBAL : 0);
    return true;
}

static inline pte_t mmu_encoded_at(pte_t bits_of_a_page, unsigned level)
{
    /* "Page" in the last level is "table" in those above. */
    return level == LEAF_LEVEL ? bits_of_a_page : bits_of_a_page & ~DESCRIPTOR_PAGE;
}
struct mmu_attributes mmu_decode(pte_t leaf);

/* Both addresses must be aligned to it: a block's output address has no bits below its span. */
static inline bool mmu_leaf_fits(unsigned level, vaddr_t va, paddr_t pa, uint64_t left)
{
    return left >= LEVEL_SPAN(level) && (va | pa.value) % LEVEL_SPAN(level) == 0;
}

/*
 * The level of the largest leaf that fits. Level 0 has no blocks with 4 KiB granules and 48 bits
 * (Arm ARM, "Translation table lookup levels"), so that is 1 GiB.
 */
static inline unsigned mmu_leaf_level(vaddr_t va, paddr_t pa, uint64_t left)
{
    if (!mmu_leaf_fits(2, va, pa, left)) {
        return LEAF_LEVEL;
    }
    return mmu_leaf_fits(1, va, pa, left) ? 1 : 2;
}

/* Whole pages between low and high? */
static inline bool mmu_range_is_valid(const struct mmu_space *space, vaddr_t va, uint64_t size)
{
    /*
     * Between these, so that nobody can take away what boot and the direct map have shown;
     * without a sum, since the upper half ends where addresses do.
     */
    return size != 0 && ((va | size) & PAGE_MASK) == 0 && va >= space->low && va < space->high &&
           size <= space->high - va;
}

/* mmu.c */

extern uint64_t mmu_mapped_pages; /* of all spaces, the direct map not counted */

static inline void mmu_count_mapped(struct mmu_space *space, int64_t pages)
{
    space->mapped += (uint64_t)pages;
    mmu_mapped_pages += (uint64_t)pages;
}

/* Of memory that is about to be executable: what was stored there is what is fetched. */
void mmu_make_executable(paddr_t pa, uint64_t size);

/* mmu_clear.c */
void mmu_dirty_init(void);

/* mmu_space.c */
uint64_t mmu_space_count(void);
extern uint64_t mmu_generation;

/* May the TLB know it? */
static inline bool mmu_space_is_cached(const struct mmu_space *space)
{
    return space->generation == mmu_generation;
}

#endif
