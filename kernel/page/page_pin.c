/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins, one by one and by the list. */
#include "kernel/page.h"
#include "kernel/page/page_private.h"

#define BATCH 64 /* pages of a list that are handled while the lock is held */

_Static_assert(RECORD_FREE_BLOCK < RECORD_ALLOCATED && RECORD_RESERVED < RECORD_FOREIGN &&
                   RECORD_FOREIGN - RECORD_ALLOCATED == 3,
               "allocated pages, blocks and reserved pages have neighbouring states");

/* The record of a page that may be pinned, or NULL. Call with page_lock held. */
static inline struct page *pinnable(paddr_t address)
{
    struct page *page = page_lookup(address);

    if (page == NULL) {
        page = page_lookup_reserved(address); /* can be a device's target, too */
    }
    return page != NULL && page->state >= RECORD_ALLOCATED && page->state <= RECORD_RESERVED ? page
                                                                                             : NULL;
}

/* Call with page_lock held. */
static inline kern_return_t pin(paddr_t address)
{
    struct page *page = pinnable(address);

    if (page == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    /* Wrapped, the page would count as unpinned under its devices. */
    if (page->pins == UINT32_MAX) {
        return KERN_FAILURE;
    }
    page->pins++;
    page_pool.pins++;
    return KERN_SUCCESS;
}

static inline kern_return_t unpin(paddr_t address)
{
    struct page *page = pinnable(address);

    if (page == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    if (page->pins == 0) {
        return KERN_FAILURE;
    }
    page->pins--;
    page_pool.pins--;
    /* Its owner has given it back while it was pinned: this was the last who held it. */
    if (page->pins == 0 && (page->flags & RECORD_ORPHAN) != 0) {
        page_unpinned(page);
    }
    return KERN_SUCCESS;
}

kern_return_t page_pin(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = pin(address);

    lock_release(&page_lock, state);
    return status;
}

kern_return_t page_quarantine(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = pin(address);

    if (status == KERN_SUCCESS) {
        /*
         * The pin counts with the others; how many will never go is told apart, or they would look
         * like a leak.
         */
        page_pool.quarantined++;
    }
    lock_release(&page_lock, state);
    return status;
}

kern_return_t page_unpin(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = unpin(address);

    lock_release(&page_lock, state);
    return status;
}

/* Whether a page of a list that cannot be pinned may be passed over: it is no RAM. */
static kern_return_t judge(kern_return_t status, paddr_t address)
{
    /*
     * Registers take DMA as RAM does, and nobody frees them. A free page is something else: whoever
     * pins it has made a mistake.
     */
    if (status == KERN_INVALID_ADDRESS && page_get_state(address) == PAGE_FOREIGN) {
        return KERN_SUCCESS;
    }
    return status;
}

kern_return_t page_pin_list(const paddr_t *pages, uint64_t count)
{
    kern_return_t status = KERN_SUCCESS;
    uint64_t done = 0;

    while (done < count && status == KERN_SUCCESS) {
        uint64_t stop = count - done < BATCH ? count : done + BATCH;
        /*
         * In batches: masking for each page would double its cost, and a list of a gibibyte
         * must not hold interrupts back as a whole.
         */
        lock_state_t state = lock_take(&page_lock);

        while (done < stop) {
            status = pin(pages[done]);
            if (status != KERN_SUCCESS && judge(status, pages[done]) != KERN_SUCCESS) {
                break;
            }
            status = KERN_SUCCESS;
            done++;
        }
        lock_release(&page_lock, state);
    }
    if (status != KERN_SUCCESS) {
        /* All or none: who is refused has nothing to remember. */
        page_unpin_list(pages, done);
    }
    return status;
}

uint64_t page_pin_unshared(const paddr_t *pages, uint64_t count)
{
    uint64_t done = 0, stop = 0;

    /* As long as the batch before was pinned whole. */
    while (done == stop && done < count) {
        lock_state_t state = lock_take(&page_lock);

        const uint64_t first = done;

        stop = count - done < BATCH ? count : done + BATCH;
        for (; done < stop; done++) {
            struct page *page = pinnable(pages[done]);

            if (page == NULL || (page->flags & RECORD_SHARED) != 0 || page->pins == UINT32_MAX) {
                break;
            }
            page->pins++;
        }
        page_pool.pins += done - first;
        lock_release(&page_lock, state);
    }
    return done;
}

/*
 * What cannot be unpinned is passed over: the list may have registers in it, as page_pin_list lets
 * them by.
 */
void page_unpin_list(const paddr_t *pages, uint64_t count)
{
    for (uint64_t done = 0; done < count;) {
        uint64_t stop = count - done < BATCH ? count : done + BATCH;
        lock_state_t state = lock_take(&page_lock);

        for (; done < stop; done++) {
            unpin(pages[done]);
        }
        lock_release(&page_lock, state);
    }
}

uint32_t page_pin_count(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL ? page->pins : 0; /* only pages with a valid record can have pins */
}
