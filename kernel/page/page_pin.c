/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins, one by one and by the list. */
#include "kernel/page.h"
#include "kernel/page/page_private.h"

#define BATCH 64 /* pages of a list that are handled while the lock is held */

_Static_assert(RECORD_FREE_BLOCK < RECORD_ALLOCATED && RECORD_RESERVED < RECORD_FOREIGN &&
                   RECORD_FOREIGN - RECORD_ALLOCATED == 3,
               "allocated pages, blocks and reserved pages have neighbouring states");

#define NO_SECTION UINT64_MAX

/* In the word of a record, by which pins are counted: one load says all that is asked of it. */
#define ONE_PIN     ((uint64_t)1 << 32)
#define WORD_SHARED ((uint64_t)RECORD_SHARED << 24)
#define WORD_ORPHAN ((uint64_t)RECORD_ORPHAN << 24)
#define STATE(word) ((unsigned)((word) >> 8) & 0xff)
_Static_assert(offsetof(struct page, pins) == 4 && offsetof(struct page, flags) == 3 &&
                   offsetof(struct page, state) == 1 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "where they are in the word");

/*
 * The record of a page that may be pinned, or NULL. Call with page_lock held. *ready: a section
 * of which all records are valid, as long as the lock is held, or NO_SECTION; most pages of a list
 * are in that of the one before.
 */
static inline __attribute__((always_inline)) struct page *pinnable(paddr_t address, uint64_t *ready)
{
    const uint64_t section = address.value >> SECTION_SHIFT;
    struct page *page = page_record(address.value >> PAGE_SHIFT);

    if (section != *ready) {
        if (page_is_ready(address, page_pool.section_count)) {
            *ready = section;
        } else {
            page = page_lookup_reserved(address); /* can be a device's target, too */
            if (page == NULL) {
                return NULL;
            }
        }
    }
    return STATE(page->word) - RECORD_ALLOCATED <= RECORD_RESERVED - RECORD_ALLOCATED ? page : NULL;
}

/* Call with page_lock held, and add what was pinned to page_pool.pins. */
static inline __attribute__((always_inline)) kern_return_t pin(paddr_t address, uint64_t *ready,
                                                               uint64_t not_if)
{
    struct page *page = pinnable(address, ready);
    uint64_t word;

    if (page == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    /* Wrapped, the page would count as unpinned under its devices. */
    if ((page->word & not_if) != 0 || __builtin_add_overflow(page->word, ONE_PIN, &word)) {
        return KERN_FAILURE;
    }
    page->word = word;
    return KERN_SUCCESS;
}

/* Call with page_lock held, and take what was unpinned from page_pool.pins. */
static inline __attribute__((always_inline)) kern_return_t unpin(paddr_t address, uint64_t *ready)
{
    struct page *page = pinnable(address, ready);
    uint64_t word;

    if (page == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    word = page->word;
    if (word < ONE_PIN) {
        return KERN_FAILURE;
    }
    word -= ONE_PIN;
    page->word = word;
    /* Its owner has given it back while it was pinned: this was the last who held it. */
    if ((word & WORD_ORPHAN) != 0 && word < ONE_PIN) {
        page_unpinned(page);
    }
    return KERN_SUCCESS;
}

/* Call with page_lock held. */
static inline __attribute__((always_inline)) kern_return_t pin_one(paddr_t address)
{
    uint64_t ready = NO_SECTION;
    const kern_return_t status = pin(address, &ready, 0);

    page_pool.pins += status == KERN_SUCCESS;
    return status;
}

kern_return_t page_pin(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = pin_one(address);

    lock_release(&page_lock, state);
    return status;
}

kern_return_t page_quarantine(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = pin_one(address);

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
    uint64_t ready = NO_SECTION;
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = unpin(address, &ready);

    page_pool.pins -= status == KERN_SUCCESS;
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
        uint64_t ready = NO_SECTION;
        const uint64_t first = done;

        while (done < stop && (status = pin(pages[done], &ready, 0)) == KERN_SUCCESS) {
            done++;
        }
        page_pool.pins += done - first;
        /* Registers are passed over; what follows them begins a batch. */
        if (status != KERN_SUCCESS && judge(status, pages[done]) == KERN_SUCCESS) {
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
        uint64_t ready = NO_SECTION;

        stop = count - done < BATCH ? count : done + BATCH;
        for (; done < stop; done++) {
            if (pin(pages[done], &ready, WORD_SHARED) != KERN_SUCCESS) {
                break;
            }
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
        uint64_t ready = NO_SECTION, unpinned = 0;

        for (; done < stop; done++) {
            unpinned += unpin(pages[done], &ready) == KERN_SUCCESS;
        }
        page_pool.pins -= unpinned;
        lock_release(&page_lock, state);
    }
}

uint32_t page_pin_count(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL ? page->pins : 0; /* only pages with a valid record can have pins */
}
