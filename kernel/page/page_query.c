/* SPDX-License-Identifier: BSD-2-Clause */
/* What the allocator tells of its pages. */
#include "kernel/page.h"
#include "kernel/page/page_private.h"

enum page_state page_get_state(paddr_t address)
{
    /*
     * A section without records is of one kind throughout, and the first table says which; one that
     * is ready is asked page by page.
     */
    static const enum page_state of_section[] = {
        [SECTION_BLANK] = PAGE_FREE,
        [SECTION_HEAD] = PAGE_FREE,
        [SECTION_RESERVED] = PAGE_RESERVED,
        [SECTION_FOREIGN] = PAGE_FOREIGN,
    };
    static const enum page_state of_record[] = {
        [RECORD_FREE] = PAGE_FREE,           [RECORD_FREE_BLOCK] = PAGE_FREE,
        [RECORD_ALLOCATED] = PAGE_ALLOCATED, [RECORD_BLOCK] = PAGE_ALLOCATED,
        [RECORD_RESERVED] = PAGE_RESERVED,   [RECORD_FOREIGN] = PAGE_FOREIGN,
    };
    uint64_t section = address.value >> SECTION_SHIFT;
    const struct page *page = page_lookup(address);

    if (page != NULL) {
        /*
         * One byte, read without the lock: an answer about a page of somebody else's is of its
         * moment in any case.
         */
        return of_record[page->state];
    }
    return section < page_pool.section_count ? of_section[page_pool.sections[section]]
                                             : PAGE_FOREIGN;
}

enum page_owner page_get_owner(paddr_t address)
{
    const struct page *page = page_lookup(address);

    return page != NULL ? page->owner : PAGE_OWNER_NONE;
}

/* Add the allocated pages of a section whose records are valid. */
/* The lock for one section at a time: all of RAM under it would hold interrupts back for long. */
static void count_owners(uint64_t section, uint64_t *owned)
{
    const struct page *records = page_record(section * SECTION_PAGES);
    lock_state_t state = lock_take(&page_lock);

    for (uint64_t i = 0; i < SECTION_PAGES; i++) {
        if (records[i].state == RECORD_ALLOCATED || records[i].state == RECORD_BLOCK) {
            owned[records[i].owner]++;
        }
    }
    lock_release(&page_lock, state);
}

void page_get_stats(struct page_stats *stats)
{
    lock_state_t state = lock_take(&page_lock);

    /* Drained, so that free pages are counted in one place, whoever has freed them last. */
    page_cache_drain(0);
    *stats = (struct page_stats){
        .total = page_pool.total,
        .reserved = page_pool.reserved,
        .free = page_pool.free_pages,
        .allocated = page_pool.total - page_pool.reserved - page_pool.free_pages,
        .high_water = page_pool.high_water,
        .failures = page_pool.failures,
        .pins = page_pool.pins,
        .quarantined = page_pool.quarantined,
    };
    __builtin_memcpy(stats->free_blocks, page_pool.free_blocks, sizeof(stats->free_blocks));
    for (unsigned order = PAGE_ORDER_MAX + 1; order <= BLOCK_ORDER_MAX; order++) {
        /*
         * Larger ones than anybody may ask for are kept for the sake of start-up: each counts as
         * the largest ones that it can be cut into.
         */
        stats->free_blocks[PAGE_ORDER_MAX] += page_pool.free_blocks[order]
                                              << (order - PAGE_ORDER_MAX);
    }
    lock_release(&page_lock, state);
    for (uint64_t section = 0; section < page_pool.section_count; section++) {
        /*
         * Of another moment than the counts above, since each section takes the lock for itself;
         * what is allocated has records, so the others are passed over.
         */
        if (page_pool.sections[section] == SECTION_READY) {
            count_owners(section, stats->owned);
        }
    }
}

uint64_t page_count_free(uint64_t *total)
{
    lock_state_t state = lock_take(&page_lock);
    /* What is in the cache counts too; it is not drained for a mere question. */
    const uint64_t free = page_pool.free_pages + (uint64_t)(page_pool.top - page_pool.cache);

    *total = page_pool.total;
    lock_release(&page_lock, state);
    return free;
}

uint64_t page_last(void)
{
    /*
     * 0 before page_setup, and never after: that is how the tables of the MMU find out whether they
     * can ask for pages.
     */
    return page_pool.last;
}

bool page_overlaps_ram(paddr_t start, uint64_t size)
{
    const uint64_t limit = page_pool.section_count << SECTION_SHIFT;
    uint64_t address = start.value & ~PAGE_MASK, end;

    if (start.value >= limit || size == 0) {
        return false;
    }
    /* Cut at the last section: no sum can wrap, and behind it there is no RAM. */
    end = size < limit - start.value ? start.value + size : limit;
    while (address < end) {
        const uint64_t section = address >> SECTION_SHIFT;

        /* Whole sections at once: a window of a PCI bridge is larger than RAM. */
        if (page_pool.sections[section] == SECTION_FOREIGN) {
            address = (section + 1) << SECTION_SHIFT;
        } else if (page_get_state(paddr(address)) != PAGE_FOREIGN) {
            return true;
        } else {
            address += PAGE_SIZE;
        }
    }
    return false;
}

uint64_t page_alike(paddr_t start, uint64_t pages, bool *ram)
{
    const uint64_t first = start.value >> PAGE_SHIFT;
    uint64_t done = 0;

    *ram = page_get_state(start) != PAGE_FOREIGN;
    while (done < pages) {
        const uint64_t section = (first + done) / SECTION_PAGES;
        uint64_t stop = (section + 1) * SECTION_PAGES - first;

        /* Behind the last RAM everything is alike. */
        if (section >= page_pool.section_count) {
            return *ram ? done : pages;
        }
        stop = stop < pages ? stop : pages;
        if (page_pool.sections[section] != SECTION_READY) {
            /* All of it is alike, so 4 MiB are decided by one byte. */
            if ((page_pool.sections[section] != SECTION_FOREIGN) != *ram) {
                return done;
            }
            done = stop;
        }
        for (; done < stop; done++) {
            if ((page_record(first + done)->state != RECORD_FOREIGN) != *ram) {
                return done;
            }
        }
    }
    return pages;
}

uint8_t *page_note(paddr_t address)
{
    struct page *page = page_lookup(address);

    if (page == NULL) {
        lock_state_t state = lock_take(&page_lock);

        /* Under the lock, since it may write the records of a whole section. */
        page = page_lookup_reserved(address);
        lock_release(&page_lock, state);
    }
    return page != NULL && page->state != RECORD_FOREIGN ? &page->note : NULL;
}

uint8_t page_note_set(paddr_t first, uint64_t count, uint8_t in, uint8_t bits)
{
    uint8_t found = 0;

    for (uint64_t done = 0; done < count;) {
        const paddr_t address = paddr_add(first, done << PAGE_SHIFT);
        const uint64_t left = SECTION_PAGES - (address.value >> PAGE_SHIFT) % SECTION_PAGES;
        const uint64_t stop = left < count - done ? done + left : count;
        struct page *page = page_lookup(address);

        /* A section without records has no notes, and a foreign page's is 0. */
        for (; page != NULL && done < stop; done++, page++) {
            found |= page->note;
            if ((page->note & in) != 0 && (page->note & bits) != bits) {
                /* In one step, or a note that a handler takes meanwhile would be lost. */
                __atomic_or_fetch(&page->note, bits, __ATOMIC_RELAXED);
            }
        }
        done = stop;
    }
    return found;
}
