/* SPDX-License-Identifier: BSD-2-Clause */
/* Allocating and freeing. Single pages take the short way through the cache. */
#include "kernel/page.h"

#include "kernel/allocation.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/page/page_arch.h"
#include "kernel/page/page_private.h"
#include "kernel/trace.h"

/* Off the way of the fast paths. */
#define COLD __attribute__((cold, noinline))

static bool owner_is_valid(enum page_owner owner)
{
    /* One comparison: less one, PAGE_OWNER_NONE is the largest number there is. */
    return (unsigned)owner - 1 < PAGE_OWNER_COUNT - 1;
}

static unsigned order_for(uint64_t count)
{
    return count > 1 ? 64 - (unsigned)__builtin_clzll(count - 1) : 0;
}

static page_reclaim_t *reclaim; /* NULL also while it runs */

void page_set_reclaim(page_reclaim_t *function)
{
    reclaim = function;
}

/*
 * True if it freed anything. Not from handlers: they may have interrupted its owner. Not
 * under page_lock: it gives pages back.
 */
static bool reclaim_for(const struct page_fit *fit, enum page_owner owner)
{
    page_reclaim_t *function = reclaim;
    uint64_t freed;

    /*
     * Not for tables: reclaiming takes pages out of tables, and would edit those whose owner is
     * asking. Not twice: what reclaiming itself allocates must not come back here.
     */
    if (function == NULL || owner == PAGE_OWNER_TABLE || irq_in_handler()) {
        return false;
    }
    reclaim = NULL;
    freed = function((fit->bytes + PAGE_MASK) >> PAGE_SHIFT);
    reclaim = function;
    return freed != 0;
}

/*
 * The first record says how long the block is, the others that they are inside one: freeing can
 * check its arguments against them.
 */
static void mark_allocated(uint64_t index, uint64_t count, enum page_owner owner)
{
    struct page *page = page_record(index);
    unsigned order = is_power_of_two(count) ? order_for(count) : ORDER_RUN;

    page->word = RECORD_WORD(RECORD_BLOCK, order, owner);
    page->count = (uint32_t)count;
    for (uint64_t i = 1; i < count; i++) {
        page[i].word = RECORD_WORD(RECORD_ALLOCATED, 0, owner);
    }
}

/* Off the free lists, which get the cache's pages too if that is what it takes. */
static bool take(const struct page_fit *fit, const struct page_request *request, uint64_t *index)
{
    const lock_state_t state = lock_take(&page_lock);
    bool found;

    page_account();
    found = page_buddy_take(fit, index);
    if (!found) {
        /* Single pages in the cache may be the halves that a larger block lacks. */
        page_cache_drain(0);
        found = page_buddy_take(fit, index);
    }
    if (found) {
        /* The rest of the block goes back at once: a run of 5 pages costs 5, and not 8. */
        page_buddy_put(*index + request->count, ((uint64_t)1 << fit->order) - request->count);
        mark_allocated(*index, request->count, request->owner);
    }
    lock_release(&page_lock, state);
    return found;
}

/* A run with constraints that have been checked. */
static kern_return_t alloc_run(const struct page_request *request, paddr_t *first)
{
    unsigned order = order_for(request->count);
    unsigned align = 0;
    struct page_fit fit = {.order = order,
                           .bytes = request->count * PAGE_SIZE,
                           .alignment = request->alignment ? request->alignment : PAGE_SIZE,
                           .highest = request->highest ? request->highest : UINT64_MAX};
    uint64_t index;

    if (fit.alignment > PAGE_SIZE) {
        align = (unsigned)__builtin_ctzll(fit.alignment) - PAGE_SHIFT;
    }
    /*
     * A block is aligned to its own size, so a larger one brings the alignment with it, and what is
     * not needed of it goes back. Beyond the largest the search looks at the addresses.
     */
    if (align > fit.order) {
        fit.order = align < PAGE_ORDER_MAX ? align : PAGE_ORDER_MAX;
    }
    /* Ends: a reclaim either frees pages, of which there are so many, or says that it cannot. */
    while (!take(&fit, request, &index)) {
        if (!reclaim_for(&fit, request->owner)) {
            page_pool.failures++;
            trace_page_failure(request->count, request->owner, fit.highest);
            return KERN_RESOURCE_SHORTAGE;
        }
    }
    *first = page_address(page_record(index));
    /*
     * After the lock: a large run takes longer than interrupts may be held back. It is the caller's
     * by now.
     */
    if (request->zero) {
        page_fill_zero(phys_to_virt(*first), fit.bytes);
    }
    return KERN_SUCCESS;
}

/* What is not just popping a page: a marked slot, an empty cache, a larger block. */
static COLD kern_return_t alloc_slow(unsigned order, enum page_owner owner, paddr_t *block)
{
    struct page *page = NULL;
    lock_state_t state;

    if (order > PAGE_ORDER_MAX || !owner_is_valid(owner)) {
        return KERN_INVALID_ARGUMENT;
    }
    if (order == 0) {
        state = lock_take(&page_lock);
        page = page_cache_pop();
        if (page != NULL) {
            page->word = RECORD_WORD(RECORD_BLOCK, 0, owner);
        }
        lock_release(&page_lock, state);
    }
    if (page == NULL) {
        return alloc_run(&(struct page_request){.count = (size_t)1 << order, .owner = owner},
                         block);
    }
    *block = page_address(page);
    return KERN_SUCCESS;
}

/* False: not as easily as that, and nothing has changed. */
static inline __attribute__((always_inline)) bool pop_page(enum page_owner owner, paddr_t *block)
{
    const lock_state_t state = lock_take(&page_lock);
    const uintptr_t popped = *page_pool.top;
    struct page *page;

    /*
     * Marked at the bottom, and where a pop would go below the lowest so far: one test for both
     * (page_record.h).
     */
    if ((popped & PAGE_CACHE_MARK) != 0) {
        lock_release(&page_lock, state);
        return false;
    }
    page_pool.top--;
    page = (struct page *)popped;
    page->word = RECORD_WORD(RECORD_BLOCK, 0, owner);
    *block = page_address(page);
    lock_release(&page_lock, state);
    return true;
}

static kern_return_t alloc_single(const struct page_request *request, paddr_t *first)
{
    const kern_return_t status =
        pop_page(request->owner, first) ? KERN_SUCCESS : alloc_slow(0, request->owner, first);

    if (status == KERN_SUCCESS && request->zero) {
        page_fill_zero(phys_to_virt(*first), PAGE_SIZE);
    }
    return status;
}

/* Whoever wants to know of memory with nothing in it. */
static inline kern_return_t told(kern_return_t status, const paddr_t *first, size_t count)
{
    if (status == KERN_SUCCESS) {
        allocation_tell(phys_to_virt(*first), count << PAGE_SHIFT);
    }
    return status;
}

kern_return_t page_alloc_run(const struct page_request *request, paddr_t *first)
{
    kern_return_t status;

    if (request->count == 0 || !owner_is_valid(request->owner) ||
        (request->alignment != 0 && !is_power_of_two(request->alignment))) {
        return KERN_INVALID_ARGUMENT;
    }
    /*
     * More than the largest block: no machine's RAM could give that, so it is want of memory and
     * not a bad argument.
     */
    if (request->count > (size_t)1 << PAGE_ORDER_MAX ||
        (request->owner != PAGE_OWNER_HEAP && inject_fails(INJECT_PAGE))) {
        page_pool.failures++;
        return KERN_RESOURCE_SHORTAGE;
    }
    /* One page that may lie anywhere needs no search: the cache is full of such. */
    status = request->count == 1 && request->alignment <= PAGE_SIZE && request->highest == 0
                 ? alloc_single(request, first)
                 : alloc_run(request, first);
    return request->zero ? status : told(status, first, request->count);
}

kern_return_t page_alloc(unsigned order, enum page_owner owner, paddr_t *block)
{
    /* One call of the slow way: with two the arguments are kept for it in every allocation. */
    if (order != 0 || !owner_is_valid(owner)) {
        goto slow;
    }
    /* Tables apart: a test can fail the one and leave the other. */
    if (owner != PAGE_OWNER_HEAP &&
        inject_fails(owner == PAGE_OWNER_TABLE ? INJECT_TABLE : INJECT_PAGE)) {
        return KERN_RESOURCE_SHORTAGE;
    }
    if (pop_page(owner, block)) {
        allocation_tell(phys_to_virt(*block), PAGE_SIZE);
        return KERN_SUCCESS;
    }
slow:
    return told(alloc_slow(order, owner, block), block, (size_t)1 << order);
}

/*
 * Why a block of `count` pages cannot be freed; KERN_SUCCESS if it can.
 * A page that is free already and an address that was never a block are different mistakes, and
 * each has its status: the one is a double free.
 */
static kern_return_t check_free(paddr_t block, uint64_t count)
{
    struct page *page = page_lookup(block);
    uint64_t size;

    if ((block.value & PAGE_MASK) != 0) {
        return KERN_INVALID_ADDRESS;
    }
    if (page == NULL) {
        return page_get_state(block) == PAGE_FREE ? KERN_FAILURE : KERN_INVALID_ADDRESS;
    }
    if (page->state == RECORD_FREE || page->state == RECORD_FREE_BLOCK) {
        return KERN_FAILURE;
    }
    if (page->state != RECORD_BLOCK) {
        return KERN_INVALID_ADDRESS;
    }
    size = page->order == ORDER_RUN ? page->count : (uint64_t)1 << page->order;
    if (size != count) {
        return KERN_INVALID_ARGUMENT;
    }
    for (uint64_t i = 0; i < count; i++) {
        /* A device may still reach it; page_release_run is for who knows that. */
        if (page[i].pins != 0) {
            return KERN_FAILURE;
        }
    }
    return KERN_SUCCESS;
}

static kern_return_t free_run(paddr_t first, uint64_t count)
{
    lock_state_t state = lock_take(&page_lock);
    kern_return_t status = check_free(first, count);
    struct page *page = page_lookup(first);

    /* A shared page has lost one owner, and stays. */
    if (status == KERN_SUCCESS && !page_share_drop(page)) {
        for (uint64_t i = 0; i < count; i++) {
            page[i].word = RECORD_WORD(RECORD_FREE, 0, PAGE_OWNER_NONE);
        }
        /*
         * Through the cache, as it was taken: it is the next to be asked for, and its lines are
         * warm.
         */
        if (count == 1) {
            page_cache_push(page);
        } else {
            page_account();
            page_buddy_put(page_index(page), count);
        }
    }
    lock_release(&page_lock, state);
    return status;
}

kern_return_t page_free_run(paddr_t first, size_t count)
{
    if (count == 0 || count > (size_t)1 << PAGE_ORDER_MAX) {
        return KERN_INVALID_ARGUMENT;
    }
    return count == 1 ? page_free(first, 0) : free_run(first, count);
}

static COLD kern_return_t free_block(paddr_t block, unsigned order)
{
    return order > PAGE_ORDER_MAX ? KERN_INVALID_ARGUMENT : free_run(block, (uint64_t)1 << order);
}

kern_return_t page_free(paddr_t block, unsigned order)
{
    struct page *page;
    lock_state_t state;
    uintptr_t *top;

    /*
     * One test for both: the offset in the page moved to the top bits, beside an order that is
     * not 0.
     */
    if ((uint32_t)block.value << (32 - PAGE_SHIFT) | order) { /* misaligned, or not one page */
        return free_block(block, order);
    }
    state = lock_take(&page_lock);
    if (!page_is_ready(block, page_pool.short_free_sections)) {
        goto slow;
    }
    /*
     * The record's place straight from the address: one shift, where by the page number it would be
     * two.
     */
    page = (struct page *)(page_pool.records + block.value / (PAGE_SIZE / sizeof(struct page)));
    top = page_pool.top + 1;
    /* State, order, flags and pins in one compare; the owner is the byte that is shifted out. */
    if (page->word >> 8 != RECORD_WORD(RECORD_BLOCK, 0, 0) >> 8 || page_cache_full(page_pool.top)) {
        goto slow; /* something is wrong, or the cache is full */
    }
    page->word = RECORD_WORD(RECORD_FREE, 0, PAGE_OWNER_NONE);
    *top = (uintptr_t)page;
    page_pool.top = top;
    lock_release(&page_lock, state);
    return KERN_SUCCESS;

slow:
    lock_release(&page_lock, state);
    return free_block(block, order);
}
