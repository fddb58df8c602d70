/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages that are pinned while it is found out which they are (kernel/vm): many under one lock, and
 * what is known of their records kept from one to the next.
 *
 *     page_batch_begin(&batch);
 *     if (page_batch_pin(&batch, first, end, 0) != end) ...
 *     page_batch_end(&batch, 1);
 *
 * Inline, so that a batch lives in registers.
 */
#ifndef KERNEL_PAGE_PAGE_BATCH_H
#define KERNEL_PAGE_PAGE_BATCH_H

#include "kernel/page/page_private.h"

/*
 * Masking for each page would double its cost, and a list of a gibibyte must not hold interrupts
 * back as a whole.
 */
#define PAGE_BATCH 64 /* pages that are handled while the lock is held */

/* In the word of a record, by which pins are counted: one load says all that is asked of it. */
#define WORD_ONE_PIN  ((uint64_t)1 << 32)
#define WORD_SHARED   ((uint64_t)RECORD_SHARED << 24)
#define WORD_ORPHAN   ((uint64_t)RECORD_ORPHAN << 24)
#define WORD_PINNABLE ((uint64_t)RECORD_PINNABLE << 8)
#define WORD_RESERVED ((uint64_t)RECORD_NOT_GIVEN << 8)
_Static_assert(offsetof(struct page, pins) == 4 && offsetof(struct page, flags) == 3 &&
                   offsetof(struct page, state) == 1 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "where they are in the word");

/* One pin more; false: the page is free or no RAM, or cannot have one for a bit of `not_if`. */
static inline __attribute__((always_inline)) bool page_word_pin(uint64_t *word, uint64_t not_if)
{
    uint64_t pinned;

    /* Wrapped, the page would count as unpinned under its devices. */
    if ((*word & (WORD_PINNABLE | not_if)) != WORD_PINNABLE ||
        __builtin_add_overflow(*word, WORD_ONE_PIN, &pinned)) {
        return false;
    }
    *word = pinned;
    return true;
}

struct page_batch {
    lock_state_t interrupts;
    uint64_t left; /* pages until others are let in */
};

/* Take page_lock. */
static inline __attribute__((always_inline)) void page_batch_begin(struct page_batch *batch)
{
    batch->interrupts = lock_take(&page_lock);
    batch->left = PAGE_BATCH;
}

/* Let go of it. Each page that was reached has got so many pins, or lost one (-1). */
static inline __attribute__((always_inline)) void page_batch_end(const struct page_batch *batch,
                                                                 int64_t each)
{
    page_pool.pins += (uint64_t)each * (PAGE_BATCH - batch->left);
    lock_release(&page_lock, batch->interrupts);
}

/* A batch that is full ends, and another one begins: others are let in. */
static inline __attribute__((always_inline)) void page_batch_renew(struct page_batch *batch,
                                                                   int64_t each)
{
    page_batch_end(batch, each);
    page_batch_begin(batch);
}

/*
 * As many of pages [first, end), not none, as can be handled at once: where they end; first: it has
 * no record. `each` as above, where a batch is full.
 */
static inline __attribute__((always_inline)) uint64_t page_batch_reach(struct page_batch *batch,
                                                                       uint64_t first, uint64_t end,
                                                                       int64_t each)
{
    const paddr_t address = paddr(first << PAGE_SHIFT);
    const uint64_t behind = (first | (SECTION_PAGES - 1)) + 1; /* its section */

    if (batch->left == 0) {
        page_batch_renew(batch, each);
    }
    /* What is reserved can be a device's target, too, and gets its records now. */
    if (!page_is_ready(address, page_pool.section_count) && page_lookup_reserved(address) == NULL) {
        /* Registers do not use up a batch, and there may be as many of them as there are of RAM. */
        page_batch_renew(batch, each);
        return first;
    }
    end = end < behind ? end : behind;
    end = end - first < batch->left ? end : first + batch->left;
    batch->left -= end - first;
    return end;
}

/*
 * Pin pages [first, end) up to the first that cannot be: it is free or no RAM, its pins are as many
 * as can be counted, or its word has a bit of `not_if`. Returns the number of that page, or end.
 */
static inline __attribute__((always_inline)) uint64_t page_batch_pin(struct page_batch *batch,
                                                                     uint64_t first, uint64_t end,
                                                                     uint64_t not_if)
{
    while (first != end) {
        const uint64_t stop = page_batch_reach(batch, first, end, 1);
        struct page *const behind = page_record(stop);
        struct page *page = page_record(first);

        for (; page != behind; page++) {
            if (!page_word_pin(&page->word, not_if)) {
                batch->left += (uint64_t)(behind - page);
                return stop - (uint64_t)(behind - page);
            }
        }
        if (stop == first) {
            break; /* it has no record: no RAM, or free */
        }
        first = stop;
    }
    return first;
}

/*
 * Why a page was not pinned; KERN_SUCCESS: it may be passed over, as it is no RAM. Registers take
 * DMA as RAM does, and nobody frees them.
 */
kern_return_t page_batch_judge(uint64_t page);

#endif
