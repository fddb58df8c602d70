/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of a page, for the page allocator, for the heap, which keeps its
 * slabs in the records of the pages it owns, and for memory objects, which share pages.
 *
 * Every page of RAM has a 32-byte record in one array, indexed by page number
 * (the part below the first RAM does not exist). The array is never
 * initialised as a whole: RAM is divided in sections of
 * 4 MiB, and the records of a section are written when it is first split.
 * Until then one byte says what all its pages are. Blocks of a section and more
 * need only the record of their first page, so the free lists hold all of a
 * 64 GiB machine after a few thousand instructions.
 */
#ifndef KERNEL_PAGE_RECORD_H
#define KERNEL_PAGE_RECORD_H

#include "kernel/page.h"

#define SECTION_ORDER 10 /* 2^10 pages, 4 MiB */
#define SECTION_PAGES ((uint64_t)1 << SECTION_ORDER)
#define SECTION_SHIFT (SECTION_ORDER + PAGE_SHIFT)
#define ORDER_RUN     0xff /* a block whose size is in count, not a power of two */

enum section_state {
    SECTION_READY = 0, /* every record of the section is valid */
    SECTION_BLANK,     /* free, inside a larger free block; no record is valid */
    SECTION_HEAD,      /* free; only its first record is valid: of a block now or before */
    SECTION_RESERVED,  /* wholly reserved; no record is valid */
    SECTION_FOREIGN,   /* no RAM; its records need not even exist */
};

enum record_state {
    RECORD_FREE = 0,   /* inside a free block, or in the cache of single pages */
    RECORD_FREE_BLOCK, /* first page of a block on a free list */
    RECORD_FOREIGN,
    RECORD_ALLOCATED = 4, /* allocated, not the first page */
    RECORD_BLOCK = 6,     /* allocated, first page: order and count are the block's */
    RECORD_RESERVED = 7,
};

#define RECORD_FIRST     0x2u /* a bit of the states of pages that were handed out */
#define RECORD_PINNABLE  0x4u /* a bit of the states of pages that are somebody's */
#define RECORD_NOT_GIVEN 0x1u /* of those, a bit of the state of what was never handed out */

struct page {
    union {
        struct {
            uint8_t owner; /* enum page_owner */
            uint8_t state; /* enum record_state */
            uint8_t order;
            uint8_t flags; /* RECORD_SHARED, RECORD_ORPHAN; page_share.c */
            uint32_t pins;
        };
        uint64_t word; /* the above at once: RECORD_WORD */
    };
    uint32_t count;     /* ORDER_RUN: pages; RECORD_SHARED: owners beyond the first */
    uint16_t slab_used; /* live objects */
    uint8_t slab_class; /* of its objects; 0: the page is no slab */
    uint8_t note;       /* page_note; the allocator leaves it alone */
    union {
        struct { /* RECORD_FREE_BLOCK: the free list */
            struct page *next;
            struct page *previous;
        };
        struct {                    /* an allocated page that is a slab of the heap (heap_slab.c) */
            void *slab_free;        /* first free object */
            uint32_t slab_next;     /* other slabs of the class with free objects: */
            uint32_t slab_previous; /* page numbers, 0 at the ends */
        };
    };
};

_Static_assert(sizeof(struct page) == 32, "the record array of a section fills whole pages");

#define RECORD_SHARED 0x1u /* a single page with several owners */
#define RECORD_ORPHAN 0x2u /* a single page without an owner; the last unpin frees it */

/* word of the first page of a block: no flags, no pins. */
#define RECORD_WORD(state, order, owner)                                                           \
    ((uint64_t)(state) << 8 | (uint64_t)(order) << 16 | (uint64_t)(owner))

#define PAGE_CACHE_SIZE 64 /* slots; one of them is the bottom */
/*
 * Free memory lies in larger blocks than are ever given out, 64 GiB: start-up touches a
 * record for each, in a page (on a host with huge pages: 2 MiB) of its own.
 */
#define BLOCK_ORDER_MAX 24

#define PAGE_ZONES     2 /* below 4 GiB, and the rest */
#define PAGE_ZONE_LOW  0
#define PAGE_ZONE_HIGH 1
#define PAGE_LOW_LIMIT ((uint64_t)1 << 32) /* first address of the rest */

/*
 * Everything the allocator knows. The cache is a stack of single pages in front
 * of the free lists. It is aligned, so it is full when the next slot would be.
 *
 * high_water is exact although the fast paths do not look at it: it can only
 * rise while pages are popped below `low`, the lowest top so far. The slot `low`
 * has PAGE_CACHE_MARK set (so has the bottom), which sends page_alloc the slow
 * way; that makes short_free_sections 0, which sends the next page_free the
 * slow way; and that notes the new low.
 */
#define PAGE_CACHE_MARK ((uintptr_t)1)

struct page_pool {
    uintptr_t *top;               /* last used slot of cache */
    uint64_t short_free_sections; /* section_count; 0: pages are being popped below low */
    uint8_t *sections;            /* enum section_state of each */
    uintptr_t records;            /* address that the record of page 0 would have */
    uintptr_t *low;               /* lowest top since high_water was brought up to date */
    uint64_t section_count;       /* from address 0 */
    struct page *free[PAGE_ZONES][BLOCK_ORDER_MAX + 1];
    uint64_t free_blocks[BLOCK_ORDER_MAX + 1];
    uint64_t free_pages; /* on the free lists, the cache not counted */
    uint64_t total;
    uint64_t reserved;
    uint64_t high_water;
    uint64_t failures;
    uint64_t pins;
    uint64_t quarantined;
    uint64_t last; /* highest page number of RAM */
    /* Addresses of records. */
    uintptr_t cache[PAGE_CACHE_SIZE] __attribute__((aligned(PAGE_CACHE_SIZE * sizeof(uintptr_t))));
};

extern struct page_pool page_pool;

static inline bool page_cache_full(const uintptr_t *top)
{
    return (uintptr_t)(top + 1) % sizeof(page_pool.cache) == 0;
}

/* The record of page number `index`; valid as its section says. */
static inline struct page *page_record(uint64_t index)
{
    return (struct page *)(page_pool.records + index * sizeof(struct page));
}

static inline uint64_t page_index(const struct page *page)
{
    return ((uintptr_t)page - page_pool.records) / sizeof(struct page);
}

static inline paddr_t page_address(const struct page *page)
{
    return paddr(((uintptr_t)page - page_pool.records) * (PAGE_SIZE / sizeof(struct page)));
}

static inline unsigned page_zone(const struct page *page)
{
    return page_address(page).value < PAGE_LOW_LIMIT ? PAGE_ZONE_LOW : PAGE_ZONE_HIGH;
}

/* Do all pages of this address's section, one of the first `sections`, have valid records? */
static inline bool page_is_ready(paddr_t address, uint64_t sections)
{
    const uint8_t *states = page_pool.sections; /* loaded beside short_free_sections */
    uint64_t section = address.value >> SECTION_SHIFT;

    return section < sections && states[section] == SECTION_READY;
}

/* The record of an address, or NULL. */
static inline struct page *page_lookup(paddr_t address)
{
    return page_is_ready(address, page_pool.section_count)
               ? page_record(address.value >> PAGE_SHIFT)
               : NULL;
}

/* Has a page two owners or more? In the few instructions that each fault and each pin has for it.
 */
static inline bool page_is_shared(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL && (page->flags & RECORD_SHARED) != 0;
}

#endif
