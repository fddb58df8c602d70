/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins, one by one, by the list and by runs. */
#include "kernel/page.h"
#include "kernel/page/page_batch.h"

_Static_assert(((RECORD_ALLOCATED & RECORD_BLOCK & RECORD_RESERVED) & RECORD_PINNABLE) != 0 &&
                   ((RECORD_FREE | RECORD_FREE_BLOCK | RECORD_FOREIGN) & RECORD_PINNABLE) == 0,
               "one bit says that a page is somebody's");
_Static_assert(((RECORD_ALLOCATED | RECORD_BLOCK) & RECORD_NOT_GIVEN) == 0 &&
                   (RECORD_RESERVED & RECORD_NOT_GIVEN) != 0,
               "another one, that it was not handed out");

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

/* Where a walk over runs is, and what it does to the notes of their pages. */
struct walk {
    const struct memory_run *run, *end;
    uint64_t start;  /* of the run, in the list */
    uint64_t in;     /* bits of a note: where there is one, */
    uint64_t bits;   /* these are set, */
    uint64_t found;  /* and all that there were */
    uint64_t passed; /* pages that had no pin */
    struct page_batch batch;
};

/* A page is about to lose a pin: with it, its note may become somebody else's. */
static inline __attribute__((always_inline)) void note_last(struct walk *walk, struct page *page)
{
    const uint64_t note = page->note;

    if ((note & walk->in) != 0 && (note & walk->bits) != walk->bits) {
        /* In one step, or a note that a handler takes meanwhile would be lost. */
        __atomic_or_fetch(&page->note, (uint8_t)walk->bits, __ATOMIC_RELAXED);
    }
    walk->found |= note;
}

/* False, and nothing is done: it has no pin, is nobody's, or somebody is called for it. */
static inline __attribute__((always_inline)) bool unpin_usual(struct walk *walk, struct page *page)
{
    const uint64_t word = page->word;

    if ((word & (WORD_PINNABLE | WORD_ORPHAN)) != WORD_PINNABLE || word < WORD_ONE_PIN) {
        return false;
    }
    note_last(walk, page);
    page->word = word - WORD_ONE_PIN;
    return true;
}

/* Pages with records up to the first that is not usual; NULL: all of them are. */
static inline __attribute__((always_inline)) struct page *unpin_until(struct walk *walk,
                                                                      struct page *page,
                                                                      const struct page *last)
{
    for (; unpin_usual(walk, page); page++) {
        if (page == last) {
            return NULL;
        }
    }
    return page;
}

/* The run that the walk is at, but its first `done` pages; however many, and whatever they are. */
static __attribute__((noinline)) void unpin_row(struct walk *walk, uint64_t done)
{
    const uint64_t from = walk->run->address;
    const uint64_t end = (from + (walk->run->end - walk->start) + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t first = (from >> PAGE_SHIFT) + done;
    struct walk now = *walk;

    while (first != end) {
        const uint64_t stop = page_batch_reach(&now.batch, first, end, -1);
        struct page *const behind = page_record(stop);

        for (struct page *page = page_record(first); page != behind; page++) {
            if (!unpin_usual(&now, page)) {
                note_last(&now, page);
                now.passed += unpin(page) != KERN_SUCCESS;
            }
        }
        first = stop != first ? stop : first + 1; /* it has no record: no RAM, or free */
    }
    now.start = now.run->end;
    now.run++;
    *walk = now;
}

/*
 * As many runs as the batch has pages left for, if they have records and are what most are. Returns
 * how many pages are done of the first one that is not; it has its turn by itself.
 */
static inline __attribute__((always_inline)) uint64_t unpin_runs(struct walk *walk)
{
    struct page *const records = page_record(0);
    const struct memory_run *const begin = walk->run;
    const uint64_t runs = (uint64_t)(walk->end - begin);
    uint64_t left = walk->batch.left, done = 0; /* left for a page of each run */
    const struct memory_run *stop = begin + (runs < left ? runs : left);

    while (walk->run != stop) {
        const uint64_t from = walk->run->address, behind = from + (walk->run->end - walk->start);
        const uint64_t more = ((behind - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT);
        struct page *const first = &records[from >> PAGE_SHIFT];
        const struct page *odd;

        if (more != 0) {
            if (more >= left - (uint64_t)(walk->run - begin)) {
                break;
            }
            left -= more;
            stop = begin + (runs < left ? runs : left);
        }
        odd = unpin_until(walk, first, first + more);
        if (odd != NULL) {
            done = (uint64_t)(odd - first);
            left += more;
            break;
        }
        walk->start = walk->run->end;
        walk->run++;
    }
    walk->batch.left = left - (uint64_t)(walk->run - begin) - done;
    return done;
}

uint8_t page_unpin_runs(const struct memory_runs *runs, uint8_t in, uint8_t bits)
{
    struct walk walk = {.run = runs->list, .end = runs->list + runs->count, .in = in, .bits = bits};
    uint64_t done = 0;

    page_batch_begin(&walk.batch);
    while (walk.run != walk.end) {
        if (!runs->registers) {
            done = unpin_runs(&walk);
        }
        if (walk.run != walk.end) {
            /* Through memory, so that what is usual has all of it in registers. */
            struct walk now = walk;

            unpin_row(&now, done);
            walk = now;
        }
    }
    page_pool.pins += walk.passed;
    page_batch_end(&walk.batch, -1);
    return (uint8_t)walk.found;
}

uint32_t page_pin_count(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL ? page->pins : 0; /* only pages with a valid record can have pins */
}
