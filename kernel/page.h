/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical pages: who owns which, and the allocator over all RAM that the
 * device tree reports.
 *
 * Blocks are powers of two pages ("order" n is 2^n pages), naturally aligned,
 * split and coalesced in buddies. Every RAM page has a record: state, owner,
 * pin count. All functions may be called from any context (interrupts are
 * masked inside); none blocks. Running out is an error code, never a panic.
 */
#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

#define PAGE_ORDER_MAX 18 /* largest block: 2^18 pages, 1 GiB */

/* What a page is used for; kept in its record and counted. */
enum page_owner {
    PAGE_OWNER_NONE = 0, /* free or reserved */
    PAGE_OWNER_KERNEL,   /* stacks and other kernel structures */
    PAGE_OWNER_TABLE,    /* page tables */
    PAGE_OWNER_HEAP,     /* behind heap.h */
    PAGE_OWNER_DRIVER,   /* rings and other memory that a device reads */
    PAGE_OWNER_BUFFER,   /* memory of buffer descriptors */
    PAGE_OWNER_IMAGE,    /* asked for by the image itself (main, a test) */
    PAGE_OWNER_COUNT
};

/* What a page is. */
enum page_state {
    PAGE_FOREIGN = 0, /* not RAM the allocator knows */
    PAGE_RESERVED,    /* RAM, but never handed out: image, device tree, /memreserve/ */
    PAGE_FREE,
    PAGE_ALLOCATED,
};

/* A request for one physically contiguous run. */
struct page_request {
    size_t count;          /* pages, not zero; need not be a power of two */
    uint64_t alignment;    /* bytes, a power of two; 0 means PAGE_SIZE */
    uint64_t highest;      /* highest address the run's last byte may have; 0 means no limit */
    enum page_owner owner; /* not PAGE_OWNER_NONE */
    bool zero;             /* fill with zeros */
};

/* One block of 2^order pages. KERN_INVALID_ARGUMENT, KERN_RESOURCE_SHORTAGE. */
kern_return_t page_alloc(unsigned order, enum page_owner owner, paddr_t *block);

/*
 * Give back a block of page_alloc. Detected and refused, nothing changed:
 * KERN_INVALID_ADDRESS (not an allocated block's first page, not RAM, misaligned),
 * KERN_INVALID_ARGUMENT (allocated with another size), KERN_FAILURE (already
 * free, or still pinned).
 */
kern_return_t page_free(paddr_t block, unsigned order);

/*
 * A contiguous run with constraints; see struct page_request. More than
 * 2^PAGE_ORDER_MAX pages are never to be had: KERN_RESOURCE_SHORTAGE.
 */
kern_return_t page_alloc_run(const struct page_request *request, paddr_t *first);

/* Give back a whole run of page_alloc_run; errors as page_free. */
kern_return_t page_free_run(paddr_t first, size_t count);

/*
 * As page_free_run, but pages of the run that are pinned are freed one by one, each
 * by its last unpin: a device may still be using them.
 */
kern_return_t page_release_run(paddr_t first, size_t count);

/*
 * Make every page of an allocated, unpinned run a single page, each to be given back
 * alone. KERN_INVALID_ARGUMENT: it is no run of this size.
 */
kern_return_t page_split_run(paddr_t first, size_t count);

/*
 * One owner more for an allocated single page; each owner gives it back with
 * page_free or page_release_run. KERN_INVALID_ADDRESS: it is no such page.
 */
kern_return_t page_share(paddr_t page);
uint32_t page_share_count(paddr_t page); /* owners; 0 for a page that is not allocated */

/*
 * Called in thread context when a request finds no memory; frees up to `pages`
 * pages if it can and returns how many. It must not allocate. Not asked for
 * page tables, whose owner is in the middle of changing them. NULL: none.
 */
typedef uint64_t page_reclaim_t(uint64_t pages);
void page_set_reclaim(page_reclaim_t *function);

/*
 * Pins: a pinned page is never freed, moved or reclaimed. Counted; a page may
 * be pinned in any state but PAGE_FREE and PAGE_FOREIGN (KERN_INVALID_ADDRESS).
 * A count that would overflow or go below zero is KERN_FAILURE.
 */
kern_return_t page_pin(paddr_t page);
kern_return_t page_unpin(paddr_t page);

/* Give back one pin of each page of a list. What has none, such as a device's registers, is passed
 * over. */
void page_unpin_list(const paddr_t *pages, uint64_t count);

/*
 * A pin that nobody gives back: the page is out of use for good, because a device that was
 * not seen to stop may still write there. KERN_INVALID_ADDRESS: no RAM, or free.
 */
kern_return_t page_quarantine(paddr_t page);

uint32_t page_pin_count(paddr_t page); /* 0 for a page that is not RAM */

/* What a page is, and whose. Any context. */
enum page_state page_get_state(paddr_t page);
enum page_owner page_get_owner(paddr_t page);

/* What all of RAM is. */
struct page_stats {
    uint64_t total;                           /* pages of RAM */
    uint64_t reserved;                        /* never handed out */
    uint64_t free;                            /* now */
    uint64_t allocated;                       /* now */
    uint64_t high_water;                      /* most allocated at once */
    uint64_t failures;                        /* requests refused for want of memory */
    uint64_t pins;                            /* sum of all pin counts */
    uint64_t quarantined;                     /* of them, those of page_quarantine */
    uint64_t owned[PAGE_OWNER_COUNT];         /* pages, by owner */
    uint64_t free_blocks[PAGE_ORDER_MAX + 1]; /* free blocks, by order, after merging all caches */
};

/* Free pages now, of how many. Constant time. */
uint64_t page_count_free(uint64_t *total);

/* Counts owners by going through the records of all RAM that was ever used: not for a hot path. */
void page_get_stats(struct page_stats *stats);

/* True if the allocator knows a page of [start, start + size), reserved ones included. */
bool page_overlaps_ram(paddr_t start, uint64_t size);

/*
 * How many pages from this one on, at most `pages`, are all RAM, or all none; whether they
 * are RAM.
 */
uint64_t page_alike(paddr_t start, uint64_t pages, bool *ram);

/*
 * A byte that goes with a page of RAM, for whoever manages what is in the page (kernel/vm):
 * 0 in one that was never used. NULL: there is none, and it would be 0. Any context.
 */
uint8_t *page_note(paddr_t page);

/*
 * Set these bits in the note of each page of a run that has `in` in its note; returns the bits
 * that any of them had before. Any context.
 */
uint8_t page_note_set(paddr_t first, uint64_t count, uint8_t in, uint8_t bits);

/* Highest page number of RAM (address >> PAGE_SHIFT). */
uint64_t page_last(void);

#endif
