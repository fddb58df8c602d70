/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins, one by one, by the list and by runs. */
#include "kernel/page.h"
#include "kernel/page/page_batch.h"

_Static_assert(((RECORD_ALLOCATED & RECORD_BLOCK & RECORD_RESERVED) & RECORD_PINNABLE) != 0 &&
                   ((RECORD_FREE | RECORD_FREE_BLOCK | RECORD_FOREIGN) & RECORD_PINNABLE) == 0,
               "one bit says that a page is somebody's");

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

    if (page != NULL && (page->word & WORD_PINNABLE) != 0) {
        status = page_word_pin(&page->word, 0) ? KERN_SUCCESS : KERN_FAILURE;
        page_pool.pins += status == KERN_SUCCESS;
        page_pool.quarantined += status == KERN_SUCCESS ? quarantined : 0;
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

/* Where a walk over the pages of runs is, and what it does to their notes. */
struct walk {
    const struct memory_run *run;
    uint64_t start;  /* of the run, in the list */
    uint64_t page;   /* number of the next page, of that run */
    uint64_t in;     /* bits of a note: where there is one, */
    uint64_t bits;   /* these are set, */
    uint64_t found;  /* and all that there were */
    uint64_t passed; /* pages that had no pin */
    struct page_batch batch;
};

/* Number of the page behind the run that the walk is at. */
static inline uint64_t behind_run(const struct walk *walk)
{
    return (walk->run->address + (walk->run->end - walk->start) + PAGE_MASK) >> PAGE_SHIFT;
}

/* The note of a page that is about to lose a pin: with it, it may become somebody else's. */
static inline __attribute__((always_inline)) uint64_t note_last(struct page *page, uint64_t in,
                                                                uint64_t bits)
{
    const uint64_t note = page->note;

    if ((note & in) != 0 && (note & bits) != bits) {
        /* In one step, or a note that a handler takes meanwhile would be lost. */
        __atomic_or_fetch(&page->note, (uint8_t)bits, __ATOMIC_RELAXED);
    }
    return note;
}

/*
 * As many pages as are what most are, in runs of a batch and a section, and nobody calls anybody.
 * What is not has its turn by itself.
 */
static __attribute__((noinline)) void unpin_usual(struct walk *walk, uint64_t length)
{
    struct page *const records = page_record(0);
    const uint8_t *const states = page_pool.sections;
    const uint64_t sections = page_pool.section_count, in = walk->in, bits = walk->bits;
    const struct memory_run *run = walk->run;
    uint64_t start = walk->start, first = walk->page, left = walk->batch.left;
    uint64_t found = walk->found;

    while (start != length) {
        const uint64_t end = (run->address + (run->end - start) + PAGE_MASK) >> PAGE_SHIFT;
        const uint64_t section = first >> SECTION_ORDER, count = end - first;
        const struct page *const stop = &records[count <= left ? end : first + left];
        struct page *page = &records[first];

        if (page == stop || (end - 1) >> SECTION_ORDER != section || section >= sections ||
            states[section] != SECTION_READY) {
            break;
        }
        while (page != stop && (page->word & (WORD_PINNABLE | WORD_ORPHAN)) == WORD_PINNABLE &&
               page->word >= WORD_ONE_PIN) {
            found |= note_last(page, in, bits);
            page->word -= WORD_ONE_PIN;
            page++;
        }
        left -= (uint64_t)(page - &records[first]);
        first = (uint64_t)(page - records);
        if (first != end) {
            break;
        }
        start = run->end;
        run++;
        if (start != length) {
            first = run->address >> PAGE_SHIFT;
        }
    }
    walk->run = run;
    walk->start = start;
    walk->page = first;
    walk->batch.left = left;
    walk->found = found;
}

/* The next page, whatever it is. */
static __attribute__((noinline)) void unpin_next(struct walk *walk, uint64_t length)
{
    struct page *const page = page_record(walk->page);

    if (page_batch_reach(&walk->batch, walk->page, walk->page + 1, -1) != walk->page) {
        walk->found |= note_last(page, walk->in, walk->bits);
        walk->passed += unpin(page) != KERN_SUCCESS;
    }
    walk->page++;
    if (walk->page == behind_run(walk)) {
        walk->start = walk->run->end;
        walk->run++;
        if (walk->start != length) {
            walk->page = walk->run->address >> PAGE_SHIFT;
        }
    }
}

uint8_t page_unpin_runs(const struct memory_run *run, uint64_t length, uint8_t in, uint8_t bits)
{
    struct walk walk = {.run = run, .in = in, .bits = bits};

    if (length == 0) {
        return 0;
    }
    walk.page = run->address >> PAGE_SHIFT;
    page_batch_begin(&walk.batch);
    unpin_usual(&walk, length);
    while (walk.start != length) {
        unpin_next(&walk, length);
        unpin_usual(&walk, length);
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
