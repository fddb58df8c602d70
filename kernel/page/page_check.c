/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of the free lists. Read-only. */
#include "kernel/page/page_private.h"
#include "kernel/panic.h"

static _Noreturn void damaged(const char *what, const struct page *page)
{
    panic("page: %s at %#llx", what, (unsigned long long)page_address(page).value);
}

static bool is_record(const struct page *page)
{
    const uintptr_t at = (uintptr_t)page - page_pool.records;

    /* Before it is followed: a checker must not fault on the damage that it is to name. */
    return at % sizeof(*page) == 0 && at / sizeof(*page) <= page_pool.last;
}

/* A neighbour on a list: a pointer into the records, to a block of the same list. */
static void check_neighbour(const struct page *page, const struct page *other)
{
    if (!is_record(other)) {
        damaged("free list leads out of the records", page);
    }
    if (other->state != RECORD_FREE_BLOCK || other->order != page->order ||
        page_zone(other) != page_zone(page)) {
        damaged("free list holds what is no free block of its size", other);
    }
}

void page_check_block(const struct page *page)
{
    const uint64_t index = page_index(page);
    /* In one zone as a whole: the lower one's border is a multiple of the largest blocks there. */
    const unsigned most = page_zone(page) == PAGE_ZONE_LOW ? PAGE_ORDER_MAX : BLOCK_ORDER_MAX;

    if (page->state != RECORD_FREE_BLOCK || page->order > most) {
        damaged("no free block", page);
    }
    /* Else its buddy would be another block's middle, and joining them would overlap. */
    if (index % ((uint64_t)1 << page->order) != 0) {
        damaged("a misaligned free block", page);
    }
    if (page->next != NULL) {
        check_neighbour(page, page->next);
        if (page->next->previous != page) {
            damaged("free list does not lead back", page);
        }
    }
    if (page->previous == NULL) {
        if (page_pool.free[page_zone(page)][page->order] != page) {
            damaged("a free block is first of no list", page);
        }
    } else {
        check_neighbour(page, page->previous);
        if (page->previous->next != page) {
            damaged("free list does not lead here", page);
        }
    }
}

void page_check(void)
{
    uint64_t pages = 0;

    for (unsigned order = 0; order <= BLOCK_ORDER_MAX; order++) {
        uint64_t blocks = 0;

        for (unsigned zone = 0; zone < PAGE_ZONES; zone++) {
            const struct page *page = page_pool.free[zone][order];

            for (; page != NULL; page = page->next) {
                /* Also what ends a list that has become a ring. */
                if (++blocks > page_pool.free_blocks[order]) {
                    damaged("more free blocks than were counted", page);
                }
                page_check_block(page);
            }
        }
        if (blocks != page_pool.free_blocks[order]) {
            panic("page: %llu free blocks of order %u are counted, %llu are there",
                  (unsigned long long)page_pool.free_blocks[order], order,
                  (unsigned long long)blocks);
        }
        pages += blocks << order;
    }
    if (pages != page_pool.free_pages) {
        panic("page: %llu free pages are counted, %llu are there",
              (unsigned long long)page_pool.free_pages, (unsigned long long)pages);
    }
}
