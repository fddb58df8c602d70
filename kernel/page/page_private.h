/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the page allocator. */
#ifndef KERNEL_PAGE_PRIVATE_H
#define KERNEL_PAGE_PRIVATE_H

#include "kernel/lock.h"
#include "kernel/page/page_record.h"

/*
 * Over the pool, the records and the free lists. Public functions take it; what only
 * reads one word of a record does not.
 */
extern struct lock page_lock;

/* page_buddy.c: free lists. Call with page_lock held. */

void page_section_ready(uint64_t section); /* write its records; it must be on no free list */

/*
 * The record of an address in a section that is reserved as a whole (the image among it): it gets
 * records when somebody first has something to say of it. NULL: the section is of another kind.
 */
struct page *page_lookup_reserved(paddr_t address);

/* Free pages [index, index + count) whose records, if valid, are RECORD_FREE already. */
void page_buddy_put(uint64_t index, uint64_t count);

/* What a block must satisfy. */
struct page_fit {
    unsigned order;     /* size of the block to take */
    uint64_t bytes;     /* of it that will be used, from its start */
    uint64_t alignment; /* bytes, a power of two */
    uint64_t highest;   /* address the last used byte may have */
};

/* Take a block off the free lists; false: there is none. Its records are then valid. */
bool page_buddy_take(const struct page_fit *fit, uint64_t *index);

/*
 * page_check.c: panics by name ("page: ...") where the free lists do not agree with
 * the records. Debug builds call the first one for every block that goes on a list or
 * off one; it looks at that block and its two neighbours. The second one looks at
 * every free block, for tests. Both with interrupts masked.
 */
void page_check_block(const struct page *page);
void page_check(void);

/* page_cache.c: likewise. */

struct page *page_cache_pop(void); /* NULL: there is no single page left */
void page_cache_push(struct page *page);
void page_cache_drain(unsigned keep); /* give pages back until `keep` are left */
void page_cache_reset(void);          /* empty, without giving anything back */
void page_account(void); /* bring high_water up to date; before the free lists change */

/* page_share.c: call with page_lock held. */

bool page_share_drop(struct page *page); /* one owner less; false: there is only one */
void page_unpinned(struct page *page);   /* its last pin has gone */

/* page_init.c: the part of start-up that tests call with machines of their own. */

struct page_range {
    uint64_t base; /* bytes */
    uint64_t size;
};

#define PAGE_RANGES_MAX 64

/* Where the image is: its bank is the last that is given up. Size 0: nowhere. */
extern struct page_range page_home;

/*
 * Start with these banks of RAM, none of the pages of `reserved` ever handed out.
 * The records go to the top of RAM, which must be mapped. False: no room for them.
 */
bool page_setup(const struct page_range *banks, unsigned bank_count,
                const struct page_range *reserved, unsigned reserved_count);

#endif
