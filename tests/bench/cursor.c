/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segment generator: what a device is told of one page, of one segment, of
 * 16 MiB at once; and composites of many children.
 */
#include <string.h>

#include "descriptors/IOMemoryCursor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"

#define PAGES      4096
#define AREA_BYTES ptoa(PAGES) /* 16 MiB */
#define KIB_64     0x10000
#define ENTRIES    (PAGES + 1)

static IOPhysicalSegment list[ENTRIES];
static IOAddressRange ranges[PAGES];
static paddr_t pages[PAGES];

/* What a driver's segment function does at the least: two stores into its list. */
static __attribute__((noinline)) void store(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    ((IOPhysicalSegment *)segments)[index] = segment;
}

/* One walk over a prepared descriptor. */
struct walk {
    IOMemoryCursor *cursor;
    IOMemoryDescriptor *memory;
    IOByteCount from;
    UInt32 entries; /* in: most; out: produced */
};

static void generate(void *context)
{
    struct walk *walk = context;
    IOByteCount size;

    walk->entries = IOMemoryCursor_genPhysicalSegments(walk->cursor, walk->memory, walk->from, list,
                                                       walk->entries, 0, &size);
}

/* The same by hand, of the runs that preparing has made of the first `count` pages. */
static uint64_t by_hand(size_t count)
{
    static uint16_t pins[65536];
    static struct hand_run runs[PAGES];
    struct hand_pages hand = {.pages = pages, .count = count, .pins = pins, .runs = runs};
    struct hand_list entries = {runs, hand_pin(&hand), (struct hand_entry *)list};

    hand_unpin(&hand);
    return bench_calls(hand_entries, &entries, 1);
}

/* With preparing before it and completing after it. */
static uint64_t whole_by_hand(size_t count)
{
    static uint16_t pins[65536];
    static struct hand_run runs[PAGES];
    struct hand_pages hand = {pages, count, pins, runs, (struct hand_entry *)list, false};

    return bench_calls(hand_whole, &hand, 1);
}

/* `per` operations in one walk. */
static void measure(struct bench_result *result, IOMemoryDescriptor *memory, uint64_t maxSegment,
                    uint64_t per)
{
    struct walk walk = {IOMemoryCursor_withSpecification(store, maxSegment, 0, 1), memory, 0,
                        ENTRIES};

    if (walk.cursor == NULL || memory == NULL ||
        IOMemoryDescriptor_prepare(memory, kIODirectionNone) != kIOReturnSuccess) {
        result->skipped = "no memory";
    } else {
        result->measured = bench_calls(generate, &walk, 1);
        result->operations = per != 0 ? per : walk.entries;
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
    }
    OSObject_release(walk.cursor);
    OSObject_release(memory);
}

/* So many single pages, in an order in which no two are neighbours. */
static bool take_scattered(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        /* Odd numbers first, then even ones. */
        const unsigned to = ((i & 1) != 0 ? 0 : PAGES / 2) + i / 2;

        if (page_alloc(0, PAGE_OWNER_IMAGE, &pages[to]) != KERN_SUCCESS) {
            return false;
        }
    }
    for (unsigned i = 0; i < PAGES; i++) {
        ranges[i] = (IOAddressRange){(uintptr_t)phys_to_virt(pages[i]), PAGE_SIZE};
    }
    return true;
}

static void return_scattered(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        page_free(pages[i], 0);
    }
}

static void bench_scattered(struct bench_result *result)
{
    if (!take_scattered()) {
        result->skipped = "no memory";
        return;
    }
    measure(result,
            IOMemoryDescriptor_withAddressRanges(ranges, PAGES, kIODirectionIn, kernel_task), 0, 0);
    result->floor = by_hand(PAGES);
    return_scattered();
}

static paddr_t area; /* 16 MiB in one run */

static bool take_area(void)
{
    const struct page_request request = {.count = PAGES, .owner = PAGE_OWNER_IMAGE};

    return page_alloc_run(&request, &area) == KERN_SUCCESS;
}

/* Its pages, a range each. */
static bool take_pages_in_a_row(struct bench_result *result)
{
    if (!take_area()) {
        result->skipped = "no memory";
        return false;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        pages[i] = paddr_add(area, ptoa(i));
        ranges[i] = (IOAddressRange){(uintptr_t)phys_to_virt(pages[i]), PAGE_SIZE};
    }
    return true;
}

static void bench_contiguous_pages(struct bench_result *result)
{
    if (!take_pages_in_a_row(result)) {
        return;
    }
    measure(result,
            IOMemoryDescriptor_withAddressRanges(ranges, PAGES, kIODirectionIn, kernel_task), 0,
            PAGES);
    result->floor = by_hand(PAGES);
    page_free_run(area, PAGES);
}

static void prepare_walk_complete(void *context)
{
    struct walk *walk = context;

    IOMemoryDescriptor_prepare(walk->memory, kIODirectionNone);
    generate(walk);
    IOMemoryDescriptor_complete(walk->memory, kIODirectionNone);
}

#define WHOLE 256 /* pages: 1 MiB */

/* All of it, of the first pages that `ranges` names one by one. */
static void measure_whole(struct bench_result *result)
{
    struct walk walk = {
        IOMemoryCursor_withSpecification(store, 0, 0, 1),
        IOMemoryDescriptor_withAddressRanges(ranges, WHOLE, kIODirectionIn, kernel_task), 0,
        ENTRIES};

    if (walk.cursor == NULL || walk.memory == NULL) {
        result->skipped = "no memory";
    } else {
        result->operations = WHOLE;
        result->measured = bench_calls(prepare_walk_complete, &walk, 1);
        result->floor = whole_by_hand(WHOLE);
    }
    OSObject_release(walk.cursor);
    OSObject_release(walk.memory);
}

static void bench_whole_scattered(struct bench_result *result)
{
    if (!take_scattered()) {
        result->skipped = "no memory";
        return;
    }
    measure_whole(result);
    return_scattered();
}

static void bench_whole_contiguous(struct bench_result *result)
{
    if (!take_pages_in_a_row(result)) {
        return;
    }
    measure_whole(result);
    page_free_run(area, PAGES);
}

static void bench_one_range(struct bench_result *result)
{
    if (!take_area()) {
        result->skipped = "no memory";
        return;
    }
    measure(result,
            IOMemoryDescriptor_withAddressRange((uintptr_t)phys_to_virt(area), AREA_BYTES,
                                                kIODirectionIn, kernel_task),
            0, 1);
    page_free_run(area, PAGES);
}

/* Ranges from odd byte to odd byte, with gaps, cut into entries of 64 KiB. */
static void bench_unaligned(struct bench_result *result)
{
    UInt32 count = 0;

    if (!take_area()) {
        result->skipped = "no memory";
        return;
    }
    for (uint64_t at = 1; at + 300001 < AREA_BYTES; at += 310007) {
        ranges[count++] = (IOAddressRange){(uintptr_t)phys_to_virt(paddr_add(area, at)), 300001};
    }
    measure(result,
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionIn, kernel_task),
            KIB_64, 0);
    page_free_run(area, PAGES);
}

/* Concatenate the first so many of the scattered pages, each a descriptor of its own. */
static IOMemoryDescriptor *make_multi(UInt32 children)
{
    static IOMemoryDescriptor *parts[PAGES];
    IOMultiMemoryDescriptor *multi;

    for (UInt32 i = 0; i < children; i++) {
        parts[i] = IOMemoryDescriptor_withAddressRanges(&ranges[i], 1, kIODirectionIn, kernel_task);
    }
    multi = IOMultiMemoryDescriptor_withDescriptors(parts, children, kIODirectionIn, false);
    for (UInt32 i = 0; i < children; i++) {
        OSObject_release(parts[i]);
    }
    return IOMemoryDescriptor_upcast(multi);
}

/* Two children of many, at one end; with more children it must not cost more a segment. */
static void bench_multi(struct bench_result *result, UInt32 children, UInt32 first)
{
    struct walk walk = {IOMemoryCursor_withSpecification(store, 0, 0, 1), NULL, ptoa(first), 2};

    if (!take_scattered()) {
        result->skipped = "no memory";
    } else {
        walk.memory = make_multi(children);
        IOMemoryDescriptor_prepare(walk.memory, kIODirectionNone);
        result->measured = bench_calls(generate, &walk, 1);
        result->operations = walk.entries;
        IOMemoryDescriptor_complete(walk.memory, kIODirectionNone);
        OSObject_release(walk.memory);
        return_scattered();
    }
    OSObject_release(walk.cursor);
}

static void bench_multi_2(struct bench_result *result)
{
    bench_multi(result, 2, 0);
}

static void bench_multi_64_front(struct bench_result *result)
{
    bench_multi(result, 64, 0);
}

static void bench_multi_64_back(struct bench_result *result)
{
    bench_multi(result, 64, 62);
}

static void bench_multi_4096_front(struct bench_result *result)
{
    bench_multi(result, PAGES, 0);
}

static void bench_multi_4096_back(struct bench_result *result)
{
    bench_multi(result, PAGES, PAGES - 2);
}

/* All of them, in one walk. */
static void bench_multi_4096(struct bench_result *result)
{
    if (!take_scattered()) {
        result->skipped = "no memory";
        return;
    }
    measure(result, make_multi(PAGES), 0, 0);
    return_scattered();
}

/* One question at the far end of 4096 children. */
static void ask_last(void *context)
{
    IOByteCount length;

    IOMemoryDescriptor_getPhysicalSegment((IOMemoryDescriptor *)context, AREA_BYTES - 1, &length,
                                          0);
}

static void bench_last_child(struct bench_result *result)
{
    IOMemoryDescriptor *multi;

    if (!take_scattered()) {
        result->skipped = "no memory";
        return;
    }
    multi = make_multi(PAGES);
    IOMemoryDescriptor_prepare(multi, kIODirectionNone);
    result->operations = 1;
    result->measured = bench_calls(ask_last, multi, 1);
    IOMemoryDescriptor_complete(multi, kIODirectionNone);
    OSObject_release(multi);
    return_scattered();
}

static const struct bench rows[] = {
    {"scattered", "4", "generator, 4096 scattered pages, per segment", NULL, 15, bench_scattered},
    {"contiguous", "4", "generator, 4096 pages in a row, joined before, per page", NULL, 14,
     bench_contiguous_pages},
    {"one_range", "4", "generator, 16 MiB held as one range", NULL, 150, bench_one_range},
    {"whole_scattered", "5", "prepare + generate + complete, per scattered page", NULL, 90,
     bench_whole_scattered},
    {"whole_contiguous", "5", "prepare + generate + complete, per page in a row", NULL, 40,
     bench_whole_contiguous},
    {"unaligned", "6", "generator, unaligned ranges, 64 KiB segments", NULL, 20, bench_unaligned},
    {"multi_2", NULL, "two segments of a multi of 2, each", NULL, 0, bench_multi_2},
    {"multi_64_front", NULL, "the same of 64, at the front", NULL, 0, bench_multi_64_front},
    {"multi_64_back", NULL, "the same of 64, at the back", NULL, 0, bench_multi_64_back},
    {"multi_4096_front", NULL, "the same of 4096, at the front", NULL, 0, bench_multi_4096_front},
    {"multi_4096_back", NULL, "the same of 4096, at the back", NULL, 0, bench_multi_4096_back},
    {"multi_4096", NULL, "all 4096 children of one page, each", NULL, 0, bench_multi_4096},
    {"last_child", NULL, "getPhysicalSegment, last of 4096 children", NULL, 0, bench_last_child},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
