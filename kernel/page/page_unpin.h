/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving back the pins of physical runs. Inline, as all of it is that most runs need: pages with
 * records, each of which has a pin and an owner. What is left has its turn by a call.
 */
#ifndef KERNEL_PAGE_PAGE_UNPIN_H
#define KERNEL_PAGE_PAGE_UNPIN_H

#include "kernel/page/page_batch.h"

/* Where a walk over the runs of a list is, and what it does to the notes of their pages. */
struct page_unpinning {
    const struct memory_run *run, *end;
    uint64_t start; /* of the run, in the list */
    uint64_t done;  /* pages of it */
    bool noting;    /* notes are looked at: */
    uint64_t in;    /* where one has any of these bits */
    uint64_t bits;  /* it gets these */
    uint64_t found; /* all that there were */
};

/*
 * To give back the pins of the pages of runs, one for each run that touches a page. Unless the list
 * says `registers`, all of them have been pinned for it. Before that, if they are `noting`, `bits`
 * are set in the note (page_note) of each page that has `in` there.
 */
static inline struct page_unpinning page_unpin_begin(const struct memory_runs *runs, bool noting,
                                                     uint8_t in, uint8_t bits)
{
    return (struct page_unpinning){.run = runs->list,
                                   .end = runs->list + runs->count,
                                   .noting = noting,
                                   .in = in,
                                   .bits = bits};
}

/* A page is about to lose a pin: with it, its note may become somebody else's. */
static inline __attribute__((always_inline)) void page_note_last(struct page_unpinning *walk,
                                                                 struct page *page)
{
    if (!walk->noting) {
        return;
    }
    const uint64_t note = page->note;

    if ((note & walk->in) != 0 && (note & walk->bits) != walk->bits) {
        /* In one step, or a note that a handler takes meanwhile would be lost. */
        __atomic_or_fetch(&page->note, (uint8_t)walk->bits, __ATOMIC_RELAXED);
    }
    walk->found |= note;
}

/* False, and nothing is done: it has no pin, is nobody's, or somebody is called for it. */
static inline __attribute__((always_inline)) bool page_unpin_usual(struct page_unpinning *walk,
                                                                   struct page *page)
{
    const uint64_t word = page->word;

    if ((word & (WORD_PINNABLE | WORD_ORPHAN)) != WORD_PINNABLE || word < WORD_ONE_PIN) {
        return false;
    }
    page_note_last(walk, page);
    page->word = word - WORD_ONE_PIN;
    return true;
}

/* Pages with records up to the first that is not usual; NULL: all of them are. */
static inline __attribute__((always_inline)) struct page *page_unpin_until(
    struct page_unpinning *walk, struct page *page, const struct page *last)
{
    for (; page_unpin_usual(walk, page); page++) {
        if (page == last) {
            return NULL;
        }
    }
    return page;
}

/*
 * As many runs as a batch has pages for, if they have records and are what most are; in the first
 * one that is not, `done` says how far.
 */
static inline __attribute__((always_inline)) void page_unpin_some(struct page_unpinning *walk)
{
    const lock_state_t interrupts = lock_take(&page_lock);
    struct page *const records = page_record(0);
    const struct memory_run *const begin = walk->run, *const full = begin + PAGE_BATCH;
    const struct memory_run *stop = walk->end - begin < PAGE_BATCH ? walk->end : full;
    uint64_t beyond = 0; /* pages, beyond one of each run */

    while (walk->run != stop) {
        const uint64_t from = walk->run->address, behind = from + (walk->run->end - walk->start);
        const uint64_t more = ((behind - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT);
        struct page *const first = &records[from >> PAGE_SHIFT];
        const struct page *odd;

        if (more != 0) {
            if (more >= (uint64_t)(full - walk->run) - beyond) {
                break;
            }
            beyond += more;
            stop = walk->end < full - beyond ? walk->end : full - beyond;
        }
        odd = page_unpin_until(walk, first, first + more);
        if (odd != NULL) {
            walk->done = page_index(odd) - (from >> PAGE_SHIFT);
            beyond -= more - walk->done;
            break;
        }
        walk->start = walk->run->end;
        walk->run++;
    }
    page_pool.pins -= (uint64_t)(walk->run - begin) + beyond;
    lock_release(&page_lock, interrupts);
}

/* The same for all that there are, whatever they are. */
void page_unpin_rest(const struct memory_runs *runs, struct page_unpinning *walk);

#endif
