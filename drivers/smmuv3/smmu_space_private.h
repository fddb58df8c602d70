/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O address space of one stream: which addresses are taken, and where they lead. Three
 * levels of tables:
 *
 *      38      30 29     21 20     12 11       0
 *     | level 0  | level 1 | level 2 |  offset  |
 *        1 GiB      2 MiB     4 KiB  <- span of one entry
 *
 * Beside each table is a node that knows what a table cannot say: which of its pages belong
 * to allocations, and where these begin. The two change together, by the functions of
 * smmu_node.c and smmu_space.c alone, which are called one at a time; only space_look is for any
 * context.
 *
 * Addresses and lengths are pages of I/O address space, unless a name says otherwise.
 */
#ifndef DRIVERS_SMMUV3_SMMU_SPACE_PRIVATE_H
#define DRIVERS_SMMUV3_SMMU_SPACE_PRIVATE_H

#include "drivers/smmuv3/smmu_wire_private.h"
#include "kernel/kern_return.h"
#include "kernel/types.h"

#define SPACE_BITS    39u /* of an I/O address */
#define SPACE_PAGES   (1ull << (SPACE_BITS - PAGE_SHIFT))
#define SPACE_LEVELS  3u
#define SPACE_ENTRIES 512u
#define BLOCK_PAGES   512ull /* 2 MiB */
#define GIANT_PAGES   (512 * BLOCK_PAGES)

/* Tables of one space: 16 MiB, which is 8 GiB in pages, and more than there is in blocks. */
#define SPACE_TABLES_MAX 4096u

/* An entry of an allocation that does not translate. Hardware looks at bit 0 alone. */
#define ENTRY_HELD (1ull << 55)

struct space_node {
    uint64_t *entries;                 /* the table */
    unsigned taken;                    /* entries that are an allocation's, or have a node below */
    unsigned live;                     /* of these, what is not blocked; 0: nothing leads here */
    uint64_t used[SPACE_ENTRIES / 64]; /* level 2: a bit a page that is taken */
    uint32_t count[SPACE_ENTRIES];     /* pages of the allocation that begins here */
    struct space_node **below;         /* levels 0 and 1: SPACE_ENTRIES of them, a page */
};

struct smmu_space {
    struct space_node *root;
    struct space_node *near; /* of the first pages; it stays as long as the space, uncounted */
    uint64_t lowest;         /* no page below it is free; never 0, which nobody gets unasked */
    uint64_t far;            /* pages that are taken beside `near` */
    unsigned tables, tables_max;
};

/* KERN_RESOURCE_SHORTAGE: and nothing is left. */
kern_return_t space_create(struct smmu_space *space);

/* Pages that are taken. */
uint64_t space_taken(const struct smmu_space *space);

/* With all that is mapped; nothing may translate by it any more. A zeroed one: no effect. */
void space_destroy(struct smmu_space *space);

/*
 * The lowest free range before `limit` that begins `residue` behind a multiple of
 * `alignment`, a power of two. Nothing changes. False: there is none.
 */
bool space_find(const struct smmu_space *space, uint64_t pages, uint64_t limit, uint64_t alignment,
                uint64_t residue, uint64_t *first);

/* Where the first taken page of the range is; `end`: all are free. */
uint64_t space_first_taken(const struct smmu_space *space, uint64_t first, uint64_t end);

/*
 * Free pages become an allocation's: a run of memory from `physical` on, by the largest
 * entries that fit, of which `bits` are the other bits; bits ENTRY_HELD: nothing.
 * KERN_RESOURCE_SHORTAGE: no tables; what was placed, *done pages, is to be taken back.
 */
kern_return_t space_place(struct smmu_space *space, uint64_t first, uint64_t pages,
                          uint64_t physical, uint64_t bits, uint64_t *done);

/* The same of scattered pages, by their numbers. */
kern_return_t space_place_list(struct smmu_space *space, uint64_t first, uint64_t pages,
                               const uint32_t *numbers, uint64_t bits, uint64_t *done);

/* What was placed from `first` on is an allocation of so many pages. */
void space_begin(struct smmu_space *space, uint64_t first, uint64_t pages);

/* Pages of the allocation that begins here; 0: none does. */
uint64_t space_count(const struct smmu_space *space, uint64_t first);

/* What an invalidation has to reach. */
struct space_change {
    bool tables;    /* tables as well, not the last level alone */
    bool mixed;     /* leaves of several levels */
    unsigned level; /* of all leaves otherwise; SPACE_LEVELS: there are none */
};
#define SPACE_UNCHANGED                                                                            \
    {                                                                                              \
        .level = SPACE_LEVELS                                                                      \
    }

/* Placed pages translate no more, but stay taken. */
void space_block(struct smmu_space *space, uint64_t first, uint64_t pages,
                 struct space_change *change);

/*
 * Blocked pages, after the invalidation: free, and empty tables with them. Who has not seen
 * it end does not call this: they stay taken for good, and harm nobody.
 */
void space_release(struct smmu_space *space, uint64_t first, uint64_t pages);

/*
 * The block that a page lies in becomes a table of the same translations, level by level, so
 * that the page has an entry. broken, if not NULL, is called in between, while its pages
 * translate nothing, to invalidate them. KERN_RESOURCE_SHORTAGE.
 */
typedef void space_broken(void *context, uint64_t first, uint64_t pages, unsigned level);
kern_return_t space_split(struct smmu_space *space, uint64_t page, space_broken *broken,
                          void *context);

/* New entries of pages that are taken and have entries of their own. ENTRY_HELD: none. */
void space_set(struct smmu_space *space, uint64_t first, uint64_t pages, uint64_t physical,
               uint64_t bits);

/* What a walk for this page ends at, and how many pages that spans: a leaf, or nothing. */
uint64_t space_look(const struct smmu_space *space, uint64_t page, uint64_t *span);

#endif
