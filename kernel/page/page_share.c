/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single pages with several owners, and pages given back while pinned. Both are
 * flags in the record, so that they send page_free the slow way.
 */
#include "kernel/page.h"
#include "kernel/page/page_private.h"

static bool is_single(const struct page *page)
{
    /* An orphan has no owner that could take another one in. */
    return page != NULL && page->state == RECORD_BLOCK && page->order == 0 &&
           (page->flags & RECORD_ORPHAN) == 0;
}

kern_return_t page_share(paddr_t address)
{
    lock_state_t state = lock_take(&page_lock);
    struct page *page = page_lookup(address);
    kern_return_t status = KERN_SUCCESS;

    if (!is_single(page)) {
        status = KERN_INVALID_ADDRESS;
    } else if ((page->flags & RECORD_SHARED) == 0) {
        /* The count is of the further owners: a page that nobody shares needs none. */
        page->flags |= RECORD_SHARED;
        page->count = 1;
    } else if (page->count == UINT32_MAX) {
        status = KERN_FAILURE;
    } else {
        page->count++;
    }
    lock_release(&page_lock, state);
    return status;
}

uint32_t page_share_count(paddr_t address)
{
    const struct page *page = page_lookup(address);

    if (!is_single(page)) {
        /* Blocks of several pages have one owner, and free pages none. */
        return page_get_state(address) == PAGE_ALLOCATED;
    }
    return (page->flags & RECORD_SHARED) != 0 ? page->count + 1 : 1;
}

bool page_share_drop(struct page *page)
{
    if ((page->flags & RECORD_SHARED) == 0) {
        return false;
    }
    /* One owner is left, so it is an ordinary page again, and freeing it takes the short way. */
    if (--page->count == 0) {
        page->flags &= (uint8_t)~RECORD_SHARED;
    }
    return true;
}

void page_unpinned(struct page *page)
{
    page->word = RECORD_WORD(RECORD_FREE, 0, PAGE_OWNER_NONE);
    page_cache_push(page);
}

/* Make every page of an allocated run a block of its own. */
/* Each page on its own from here on: some may be pinned longer than others. */
static void split_run(struct page *page, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        page[i].state = RECORD_BLOCK;
        page[i].order = 0;
    }
}

static bool any_pinned(const struct page *page, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (page[i].pins != 0) {
            return true;
        }
    }
    return false;
}

/* The run is allocated with exactly this size, and pages of it are pinned. */
static void release_pinned(struct page *page, size_t count)
{
    /* Another owner has it still, pins and all. */
    if (count == 1 && page_share_drop(page)) {
        return;
    }
    split_run(page, count);
    for (size_t i = 0; i < count; i++) {
        /*
         * A device may still write to it: it stays nobody's until the last unpin, and only then can
         * it become somebody else's.
         */
        if (page[i].pins != 0) {
            page[i].flags |= RECORD_ORPHAN;
        } else {
            page_unpinned(&page[i]);
        }
    }
}

static size_t run_size(const struct page *page)
{
    if (page == NULL || page->state != RECORD_BLOCK || (page->flags & RECORD_ORPHAN) != 0) {
        return 0;
    }
    return page->order == ORDER_RUN ? page->count : (size_t)1 << page->order;
}

kern_return_t page_split_run(paddr_t first, size_t count)
{
    lock_state_t state = lock_take(&page_lock);
    struct page *page = page_lookup(first);
    bool whole = count != 0 && run_size(page) == count && !any_pinned(page, count);

    /* One page is a block of its own already. */
    if (whole && count != 1) {
        split_run(page, count);
    }
    lock_release(&page_lock, state);
    return whole ? KERN_SUCCESS : KERN_INVALID_ARGUMENT;
}

kern_return_t page_release_run(paddr_t first, size_t count)
{
    /* Mostly nothing is pinned; and everything that is wrong with the request is named there. */
    const kern_return_t status = page_free_run(first, count);
    lock_state_t state;
    struct page *page;
    bool allocated;

    if (status != KERN_FAILURE) {
        return status;
    }
    state = lock_take(&page_lock);
    page = page_lookup(first);
    /* It was pinned then, or is free; a handler may have taken the last pin since. */
    allocated = run_size(page) == count;
    if (allocated) {
        release_pinned(page, count);
    }
    lock_release(&page_lock, state);
    return allocated ? KERN_SUCCESS : status;
}
