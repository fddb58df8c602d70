/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow side of the cache of single pages; page.c has the fast one. */
#include "kernel/page/page_private.h"

#define REFILL_ORDER 4 /* single pages taken from the free lists at once: 2^4 */

struct lock page_lock = LOCK_INITIAL("pages", LOCK_RANK_PAGE);

/* Usable before page_init: there is no memory then. */
struct page_pool page_pool = {
    .top = page_pool.cache, .low = page_pool.cache, .cache = {PAGE_CACHE_MARK}};

/* Pops below this slot are news. */
static void set_low(uintptr_t *slot)
{
    /* The bottom keeps its mark: it is what stops a pop from an empty cache. */
    if (page_pool.low != page_pool.cache) {
        *page_pool.low &= ~PAGE_CACHE_MARK;
    }
    page_pool.low = slot;
    *slot |= PAGE_CACHE_MARK;
    page_pool.short_free_sections = page_pool.section_count;
}

void page_account(void)
{
    /*
     * While pages are popped below the old low the top is the lowest itself; afterwards `low` has
     * kept it.
     */
    const bool popping = page_pool.short_free_sections == 0;
    const uintptr_t *low = popping ? page_pool.top : page_pool.low;
    uint64_t unused = page_pool.free_pages + (uint64_t)(low - page_pool.cache);
    uint64_t allocated = page_pool.total - page_pool.reserved - unused;

    if (allocated > page_pool.high_water) {
        page_pool.high_water = allocated;
    }
    set_low(page_pool.top);
}

static bool refill(void)
{
    /* No smaller one if there is none of this size: then the caller asks the free lists itself. */
    const struct page_fit fit = {.order = REFILL_ORDER,
                                 .bytes = PAGE_SIZE << REFILL_ORDER,
                                 .alignment = PAGE_SIZE,
                                 .highest = UINT64_MAX};
    uint64_t index;

    /* No account: a page is popped next, so that the peak is not behind. */
    if (!page_buddy_take(&fit, &index)) {
        return false;
    }
    /*
     * The lowest page on top of the stack: pages are given out in ascending order, so that
     * buffers made of single pages have long runs and few segments.
     */
    for (uint64_t i = (uint64_t)1 << REFILL_ORDER; i-- > 0;) {
        *++page_pool.top = (uintptr_t)page_record(index + i);
    }
    return true;
}

struct page *page_cache_pop(void)
{
    if (page_pool.top == page_pool.cache && !refill()) {
        return NULL;
    }
    /* Sends the next page_free the slow way: it ends the descent, and the lowest point is noted. */
    page_pool.short_free_sections = 0;
    return (struct page *)(*page_pool.top-- & ~PAGE_CACHE_MARK);
}

void page_cache_push(struct page *page)
{
    page_account();
    if (page_cache_full(page_pool.top)) {
        /* Half: the next page, whether it comes or goes, finds room and pages alike. */
        page_cache_drain(PAGE_CACHE_SIZE / 2);
    }
    *++page_pool.top = (uintptr_t)page;
}

void page_cache_drain(unsigned keep)
{
    page_account();
    for (; page_pool.top - page_pool.cache > (ptrdiff_t)keep; page_pool.top--) {
        page_buddy_put(page_index((struct page *)(*page_pool.top & ~PAGE_CACHE_MARK)), 1);
    }
    set_low(page_pool.top);
}

void page_cache_reset(void)
{
    page_pool.top = page_pool.cache;
    page_pool.low = page_pool.cache;
    page_pool.cache[0] = PAGE_CACHE_MARK;
}
