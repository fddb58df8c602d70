/* SPDX-License-Identifier: BSD-2-Clause */
/* From "where is RAM, and what of it is taken" to filled free lists. */
#include <string.h>

#include "kernel/console.h"
#include "kernel/direct_map.h"
#include "kernel/page/page_private.h"

#define SECTION_RECORDS (SECTION_PAGES * sizeof(struct page)) /* bytes of one section's records */

/* Ranges of page numbers [first, end), sorted and apart. */
struct span {
    uint64_t first;
    uint64_t end;
};

struct span_list {
    unsigned count;
    struct span spans[2 * PAGE_RANGES_MAX + 1]; /* banks add a reservation each, the bytes one */
};

/* Insert in order, merging with what it touches. */
static void span_add(struct span_list *list, struct span added)
{
    unsigned at = 0;
    unsigned merged;

    if (added.first >= added.end) {
        return;
    }
    /*
     * Strictly: spans that touch are merged, so that neighbouring banks are one and a block may
     * cross from one into the other.
     */
    while (at < list->count && list->spans[at].end < added.first) {
        at++;
    }
    for (merged = at; merged < list->count && list->spans[merged].first <= added.end; merged++) {
        if (list->spans[merged].first < added.first) {
            added.first = list->spans[merged].first;
        }
        if (list->spans[merged].end > added.end) {
            added.end = list->spans[merged].end;
        }
    }
    memmove(&list->spans[at + 1], &list->spans[merged],
            (list->count - merged) * sizeof(struct span));
    list->count = list->count - (merged - at) + 1;
    list->spans[at] = added;
}

/* Whole pages inside a bank, or touched by a reservation; nothing above the direct map. */
static struct span span_of(const struct page_range *range, bool outward)
{
    /*
     * The allocator's users reach pages through the direct map: what it does not cover is given
     * up here, and not found out by a fault.
     */
    const uint64_t base = range->base < DIRECT_MAP_SIZE ? range->base : DIRECT_MAP_SIZE;
    const uint64_t room = DIRECT_MAP_SIZE - base;
    const uint64_t size = range->size < room ? range->size : room;

    if (size == 0) {
        return (struct span){0, 0};
    }
    /* A page that is only partly RAM is not RAM; one that is only partly reserved is reserved. */
    return outward ? (struct span){base >> PAGE_SHIFT, (base + size + PAGE_MASK) >> PAGE_SHIFT}
                   : (struct span){(base + PAGE_MASK) >> PAGE_SHIFT, (base + size) >> PAGE_SHIFT};
}

/* Call visit for each part of `from` that no span of `minus` covers. */
static void span_subtract(struct span from, const struct span_list *minus,
                          void (*visit)(struct span, void *), void *context)
{
    for (unsigned i = 0; i < minus->count && from.first < from.end; i++) {
        const struct span *taken = &minus->spans[i];

        if (taken->end <= from.first) {
            continue;
        }
        if (taken->first >= from.end) {
            break;
        }
        if (taken->first > from.first) {
            visit((struct span){from.first, taken->first}, context);
        }
        from.first = taken->end;
    }
    if (from.first < from.end) {
        visit(from, context);
    }
}

/* Looks for the highest gap of `pages` pages. */
struct placement {
    uint64_t pages;
    uint64_t first; /* found; 0: none yet */
};

static void try_place(struct span gap, void *context)
{
    struct placement *placement = context;

    /*
     * The last gap that fits is the highest: memory below 4 GiB is for devices that can use
     * nothing else.
     */
    if (gap.end - gap.first >= placement->pages) {
        placement->first = gap.end - placement->pages;
    }
}

static void free_gap(struct span gap, void *context)
{
    (void)context;
    page_buddy_put(gap.first, gap.end - gap.first);
}

/* Give all pages of a span one state; sections it covers in part get records. */
static void mark(struct span span, enum section_state section_state, enum record_state record_state)
{
    uint64_t at = span.first;
    uint64_t end = span.end;

    while (at < end) {
        uint64_t section = at >> SECTION_ORDER;
        uint64_t section_end = (section + 1) << SECTION_ORDER;
        uint64_t whole = (end - at) >> SECTION_ORDER;

        /* A byte for 4 MiB: a machine of 64 GiB starts without writing 512 MiB of records. */
        if (at % SECTION_PAGES == 0 && whole > 0) {
            memset(&page_pool.sections[section], section_state, whole);
            at += whole << SECTION_ORDER;
            continue;
        }
        page_section_ready(section);
        for (; at < end && at < section_end; at++) {
            page_record(at)->word = RECORD_WORD(record_state, 0, PAGE_OWNER_NONE);
        }
    }
}

/*
 * Room for the section bytes and, behind them, the records of every section
 * that holds RAM. A hole between banks leaves a hole in the records, whose
 * pages stay free like any others.
 */
static bool place_records(const struct span_list *banks, struct span_list *reserved)
{
    /*
     * RAM begins at 1 GiB on the `virt` machine: records for what is below would cost 8 MiB for
     * nothing.
     */
    uint64_t first_section = banks->spans[0].first >> SECTION_ORDER;
    uint64_t byte_pages = (page_pool.section_count + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t record_sections = page_pool.section_count - first_section;
    /* Records of a section are 32 KiB, so they begin at a page as the section bytes end at one. */
    struct placement placement = {.pages = byte_pages +
                                           ((record_sections * SECTION_RECORDS) >> PAGE_SHIFT)};
    uint64_t records;

    for (unsigned i = 0; i < banks->count; i++) {
        span_subtract(banks->spans[i], reserved, try_place, &placement);
    }
    if (placement.first == 0) {
        return false;
    }
    records = placement.first + byte_pages;
    page_pool.sections = phys_to_virt(paddr(placement.first << PAGE_SHIFT));
    /* Where the record of page 0 would be, so that a page number needs no subtraction. */
    page_pool.records =
        (uintptr_t)phys_to_virt(paddr(records << PAGE_SHIFT)) - first_section * SECTION_RECORDS;
    span_add(reserved, (struct span){placement.first, records});
    for (unsigned i = 0; i < banks->count; i++) {
        uint64_t from = (banks->spans[i].first >> SECTION_ORDER) - first_section;
        uint64_t to = ((banks->spans[i].end - 1) >> SECTION_ORDER) + 1 - first_section;

        span_add(reserved, (struct span){records + ((from * SECTION_RECORDS) >> PAGE_SHIFT),
                                         records + ((to * SECTION_RECORDS) >> PAGE_SHIFT)});
    }
    return true;
}

struct page_range page_home;

static bool holds_image(const struct span *bank)
{
    const uint64_t page = page_home.base >> PAGE_SHIFT;

    return page_home.size != 0 && page >= bank->first && page < bank->end;
}

/* The bank at one end, the upper one unless the image is there. */
static void give_up_bank(struct span_list *banks)
{
    const unsigned at = holds_image(&banks->spans[banks->count - 1]) ? 0 : banks->count - 1;
    const struct span lost = banks->spans[at];

    banks->count--;
    for (unsigned i = at; i < banks->count; i++) {
        banks->spans[i] = banks->spans[i + 1];
    }
    if (banks->count > 0) {
        kprintf("page: %#llx bytes at %#llx are not used: no room for records from there to the "
                "rest\n",
                (unsigned long long)(lost.end - lost.first) << PAGE_SHIFT,
                (unsigned long long)lost.first << PAGE_SHIFT);
    }
}

/* Place the records; a bank that is too far away from the others is given up for it. */
static bool choose_banks(struct span_list *banks, struct span_list *reserved)
{
    /*
     * Records are one array: between two banks that are far apart it needs as much room as RAM in
     * between would.
     */
    while (banks->count > 0) {
        page_pool.last = banks->spans[banks->count - 1].end - 1;
        page_pool.section_count = (page_pool.last >> SECTION_ORDER) + 1;
        if (place_records(banks, reserved)) {
            return true;
        }
        give_up_bank(banks);
    }
    return false;
}

static struct span span_intersect(struct span a, struct span b)
{
    return (struct span){a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
}

static void fill(const struct span_list *banks, const struct span_list *reserved)
{
    /*
     * Foreign first, then what the banks say, then what is taken of it: a section that no bank
     * mentions stays without records, which need not exist.
     */
    memset(page_pool.sections, SECTION_FOREIGN, page_pool.section_count);
    for (unsigned i = 0; i < banks->count; i++) {
        mark(banks->spans[i], SECTION_BLANK, RECORD_FREE);
        page_pool.total += banks->spans[i].end - banks->spans[i].first;
        for (unsigned j = 0; j < reserved->count; j++) {
            struct span taken = span_intersect(banks->spans[i], reserved->spans[j]);

            if (taken.first >= taken.end) {
                continue;
            }
            mark(taken, SECTION_RESERVED, RECORD_RESERVED);
            page_pool.reserved += taken.end - taken.first;
        }
    }
    for (unsigned i = 0; i < banks->count; i++) {
        /* When all states are known: joining looks at neighbours, which may be reserved. */
        span_subtract(banks->spans[i], reserved, free_gap, NULL);
    }
}

bool page_setup(const struct page_range *bank_ranges, unsigned bank_count,
                const struct page_range *reserved_ranges, unsigned reserved_count)
{
    static struct span_list banks, reserved; /* large for a stack */

    if (bank_count > PAGE_RANGES_MAX || reserved_count > PAGE_RANGES_MAX) {
        return false;
    }
    banks.count = 0;
    reserved.count = 0;
    for (unsigned i = 0; i < bank_count; i++) {
        span_add(&banks, span_of(&bank_ranges[i], false));
    }
    for (unsigned i = 0; i < reserved_count; i++) {
        span_add(&reserved, span_of(&reserved_ranges[i], true));
    }
    /* Everything anew: tests set up one machine after another. */
    memset(&page_pool, 0, sizeof(page_pool));
    page_cache_reset();
    if (!choose_banks(&banks, &reserved)) {
        /* Every question after this finds no RAM, rather than records that are not there. */
        page_pool.section_count = 0;
        return false;
    }
    fill(&banks, &reserved);
    return true;
}
