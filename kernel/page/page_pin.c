/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins, one by one, by the list and by runs. */
#include "kernel/page.h"
#include "kernel/page/page_unpin.h"

_Static_assert(((RECORD_ALLOCATED & RECORD_BLOCK & RECORD_RESERVED) & RECORD_PINNABLE) != 0 &&
                   ((RECORD_FREE | RECORD_FREE_BLOCK | RECORD_FOREIGN) & RECORD_PINNABLE) == 0,
               "one bit says that a page is somebody's");
_Static_assert(((RECORD_ALLOCATED | RECORD_BLOCK) & RECORD_NOT_GIVEN) == 0 &&
                   (RECORD_RESERVED & RECORD_NOT_GIVEN) != 0,
               "another one, that it was not handed out");
_Static_assert(RECORD_BLOCK == (RECORD_ALLOCATED | RECORD_FIRST),
               "and one, which of a block it is");

kern_return_t page_batch_judge(uint64_t page)
{
    const paddr_t address = paddr(page << PAGE_SHIFT);

    switch (page_get_state(address)) {
    case PAGE_FOREIGN:
        return KERN_SUCCESS;
    case PAGE_FREE: /* whoever pins it has made a mistake */
        return KERN_INVALID_ADDRESS;
    default:
        return KERN_FAILURE;
    }
}

/* Call with page_lock held: what is reserved can be a device's target, too, and gets a record. */
static inline struct page *record_of(paddr_t address)
{
    return page_is_ready(address, page_pool.section_count)
               ? page_record(address.value >> PAGE_SHIFT)
               : page_lookup_reserved(address);
}

static inline __attribute__((always_inline)) kern_return_t pin_one(paddr_t address,
                                                                   uint64_t quarantined)
{
    const lock_state_t state = lock_take(&page_lock);
    struct page *const page = record_of(address);
    kern_return_t status = KERN_INVALID_ADDRESS;

    if (page != NULL && page_word_pin(&page->word, 0)) {
        page_pool.pins++;
        page_pool.quarantined += quarantined;
        status = KERN_SUCCESS;
    } else if (page != NULL && (page->word & WORD_PINNABLE) != 0) {
        status = KERN_FAILURE;
    }
    lock_release(&page_lock, state);
    return status;
}

kern_return_t page_pin(paddr_t address)
{
    return pin_one(address, 0);
}

kern_return_t page_quarantine(paddr_t address)
{
    /*
     * The pin counts with the others; how many will never go is told apart, or they would look
     * like a leak.
     */
    return pin_one(address, 1);
}

/* Call with page_lock held, and take what was unpinned from page_pool.pins. */
static inline __attribute__((always_inline)) kern_return_t unpin(struct page *page)
{
    uint64_t word = page->word;

    if ((word & WORD_PINNABLE) == 0) {
        return KERN_INVALID_ADDRESS;
    }
    if (word < WORD_ONE_PIN) {
        return KERN_FAILURE;
    }
    word -= WORD_ONE_PIN;
    page->word = word;
    /* Its owner has given it back while it was pinned: this was the last who held it. */
    if ((word & WORD_ORPHAN) != 0 && word < WORD_ONE_PIN) {
        page_unpinned(page);
    }
    return KERN_SUCCESS;
}

kern_return_t page_unpin(paddr_t address)
{
    const lock_state_t state = lock_take(&page_lock);
    struct page *const page = record_of(address);
    const kern_return_t status = page != NULL ? unpin(page) : KERN_INVALID_ADDRESS;

    page_pool.pins -= status == KERN_SUCCESS;
    lock_release(&page_lock, state);
    return status;
}

/*
 * What cannot be unpinned is passed over: the list may have registers in it, which were passed over
 * when it was pinned.
 */
void page_unpin_list(const paddr_t *pages, uint64_t count)
{
    struct page_batch batch;
    uint64_t passed = 0;

    page_batch_begin(&batch);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t page = pages[i].value >> PAGE_SHIFT;

        if (page_batch_reach(&batch, page, page + 1, -1) != page) {
            passed += unpin(page_record(page)) != KERN_SUCCESS;
        }
    }
    page_pool.pins += passed;
    page_batch_end(&batch, -1);
}

/* The run that the walk is at, but what is done of it; however long, and whatever it is. */
static __attribute__((noinline)) void unpin_row(struct page_unpinning *walk)
{
    struct page_unpinning now = *walk; /* in registers */
    const uint64_t from = now.run->address, before = now.found;
    const uint64_t end = (from + (now.run->end - now.start) + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t first = (from >> PAGE_SHIFT) + now.done, passed = 0;
    struct page_batch batch;

    /* Decided here, and not at each page: of notes with none of the bits nothing is set. */
    now.in = now.noting ? now.in : 0;
    now.noting = true;
    page_batch_begin(&batch);
    while (first != end) {
        const uint64_t stop = page_batch_reach(&batch, first, end, -1);
        struct page *const behind = page_record(stop);

        for (struct page *page = page_record(first); page != behind; page++) {
            if (!page_unpin_usual(&now, page)) {
                page_note_last(&now, page);
                passed += unpin(page) != KERN_SUCCESS;
            }
        }
        first = stop != first ? stop : first + 1; /* it has no record: no RAM, or free */
    }
    page_pool.pins += passed;
    page_batch_end(&batch, -1);
    walk->found = walk->noting ? now.found : before;
    walk->start = now.run->end;
    walk->run++;
    walk->done = 0;
}

/* As many as are usual, in registers. */
static __attribute__((noinline)) void unpin_batch(struct page_unpinning *walk)
{
    struct page_unpinning now = *walk;

    page_unpin_some(&now);
    *walk = now;
}

void page_unpin_rest(const struct memory_runs *runs, struct page_unpinning *walk)
{
    while (walk->run != walk->end) {
        const struct memory_run *const before = walk->run;

        /* Registers have no pins, and it is not known which they are; some runs are no batch. */
        if (!runs->registers && walk->done == 0 &&
            walk->run->end - walk->start <= PAGE_BATCH << PAGE_SHIFT) {
            unpin_batch(walk);
        }
        if (walk->run == before) {
            unpin_row(walk);
        }
    }
}

uint32_t page_pin_count(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL ? page->pins : 0; /* only pages with a valid record can have pins */
}
