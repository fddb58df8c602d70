/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The free lists. A free block of order n starts at an index that is a multiple
 * of 2^n; its buddy is the other half of the block of order n + 1. Two zones
 * keep memory below 4 GiB apart, which is asked for last, because devices with
 * 32 address bits can use nothing else.
 */
#include "kernel/page/page_arch.h"
#include "kernel/page/page_private.h"

#ifdef DEBUG
#define check_in_debug_builds page_check_block
#else
#define check_in_debug_builds(page) ((void)0)
#endif

void page_section_ready(uint64_t section)
{
    struct page *records = page_record(section * SECTION_PAGES);
    uint8_t state = page_pool.sections[section];

    if (state == SECTION_READY) {
        return;
    }
    /* The first time that anybody looks at a page of this section: 32 KiB for 4 MiB. */
    page_fill_zero(records, SECTION_PAGES * sizeof(struct page));
    page_pool.sections[section] = SECTION_READY;
    if (state == SECTION_BLANK || state == SECTION_HEAD) {
        return; /* zero is RECORD_FREE */
    }
    for (uint64_t i = 0; i < SECTION_PAGES; i++) {
        records[i].state = state == SECTION_RESERVED ? RECORD_RESERVED : RECORD_FOREIGN;
    }
}

struct page *page_lookup_reserved(paddr_t address)
{
    const uint64_t section = address.value >> SECTION_SHIFT;

    if (section >= page_pool.section_count || page_pool.sections[section] != SECTION_RESERVED) {
        return NULL;
    }
    page_section_ready(section);
    return page_lookup(address);
}

static bool is_free_block(uint64_t index, unsigned order)
{
    uint64_t section = index >> SECTION_ORDER;
    const struct page *page = page_record(index);

    /* The buddy of the last block may lie behind the end of memory, where there are no records. */
    if (section >= page_pool.section_count) {
        return false;
    }
    if (page_pool.sections[section] != SECTION_READY &&
        page_pool.sections[section] != SECTION_HEAD) {
        return false;
    }
    /* Of its own order: a buddy that is split has a smaller block at its start. */
    return page->state == RECORD_FREE_BLOCK && page->order == order;
}

static void list_add(uint64_t index, unsigned order)
{
    struct page *page = page_record(index);
    struct page **list = &page_pool.free[page_zone(page)][order];
    uint8_t *section = &page_pool.sections[index >> SECTION_ORDER];

    /* A blank section's records hold anything: that its first one is valid now must be known. */
    if (*section == SECTION_BLANK) {
        *section = SECTION_HEAD;
    }
    /* All of the record: in a section that has been blank it held anything. */
    *page = (struct page){.state = RECORD_FREE_BLOCK, .order = (uint8_t)order, .next = *list};
    if (*list != NULL) {
        (*list)->previous = page;
    }
    *list = page;
    check_in_debug_builds(page);
    page_pool.free_blocks[order]++;
    page_pool.free_pages += (uint64_t)1 << order;
}

static void list_remove(struct page *page)
{
    unsigned order = page->order;

    check_in_debug_builds(page); /* before it is unlinked, which would hide a wrong link */
    if (page->previous != NULL) {
        page->previous->next = page->next;
    } else {
        page_pool.free[page_zone(page)][order] = page->next;
    }
    if (page->next != NULL) {
        page->next->previous = page->previous;
    }
    /* Its section's one valid record stays valid, and says that it heads nothing any more. */
    page->state = RECORD_FREE;
    page_pool.free_blocks[order]--;
    page_pool.free_pages -= (uint64_t)1 << order;
}

/* A block lies in one zone: below the limit, which 1 GiB divides, none is larger than that. */
static unsigned order_max(uint64_t index)
{
    return index < PAGE_LOW_LIMIT >> PAGE_SHIFT ? PAGE_ORDER_MAX : BLOCK_ORDER_MAX;
}

static void put_block(uint64_t index, unsigned order)
{
    /*
     * Joined at once: the largest blocks are what contiguous buffers are made of, and putting
     * this off would have to search for buddies later.
     */
    while (order < order_max(index) && is_free_block(index ^ (uint64_t)1 << order, order)) {
        list_remove(page_record(index ^ (uint64_t)1 << order));
        index &= ~((uint64_t)1 << order);
        order++;
    }
    list_add(index, order);
}

void page_buddy_put(uint64_t index, uint64_t count)
{
    while (count > 0) {
        unsigned order = 63 - (unsigned)__builtin_clzll(count);
        /*
         * The largest block that starts here, ends inside, and has a buddy: index 0 is aligned to
         * all.
         */
        unsigned aligned = index ? (unsigned)__builtin_ctzll(index) : PAGE_ORDER_MAX;
        const unsigned most = order_max(index);

        if (order > aligned) {
            order = aligned;
        }
        if (order > most) {
            order = most;
        }
        put_block(index, order);
        index += (uint64_t)1 << order;
        count -= (uint64_t)1 << order;
    }
}

static bool fits(const struct page *page, const struct page_fit *fit)
{
    uint64_t start = page_address(page).value;

    /* Both compared before anything is subtracted: a block at the top of memory must not wrap. */
    return (start & (fit->alignment - 1)) == 0 && start <= fit->highest &&
           fit->bytes - 1 <= fit->highest - start;
}

/* The smallest block that will do. */
static struct page *find(unsigned zone, const struct page_fit *fit)
{
    for (unsigned order = fit->order; order <= BLOCK_ORDER_MAX; order++) {
        /*
         * Without an alignment or a limit the first one fits; only a request with one walks the
         * list.
         */
        for (struct page *page = page_pool.free[zone][order]; page != NULL; page = page->next) {
            if (fits(page, fit)) {
                return page;
            }
        }
    }
    return NULL;
}

bool page_buddy_take(const struct page_fit *fit, uint64_t *index)
{
    struct page *page = fit->highest >= PAGE_LOW_LIMIT ? find(PAGE_ZONE_HIGH, fit) : NULL;
    unsigned order;
    uint64_t end;

    if (page == NULL) {
        page = find(PAGE_ZONE_LOW, fit);
    }
    if (page == NULL) {
        return false;
    }
    /* Before the record is made new with those of its section. */
    order = page->order;
    list_remove(page);
    *index = page_index(page);
    end = *index + ((uint64_t)1 << fit->order);
    /*
     * Whoever gets the pages writes their records: those must exist before the block leaves the
     * list, and only for the sections that are used.
     */
    for (uint64_t at = *index; at < end; at += SECTION_PAGES) {
        page_section_ready(at >> SECTION_ORDER);
    }
    /*
     * The halves that are not used go back, each to its own list, the upper one first: the
     * block that is taken is the lowest part, which keeps its alignment.
     */
    while (order > fit->order) {
        order--;
        list_add(*index + ((uint64_t)1 << order), order);
    }
    return true;
}
