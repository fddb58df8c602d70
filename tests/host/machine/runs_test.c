/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of runs by themselves: what they begin with, how they grow, and what is found in them. */
#include "descriptors/segments/IOMemoryRuns.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"

static void expect_empty(const struct memory_runs *runs, size_t capacity)
{
    assert_int_equal(runs->count, 0);
    assert_int_equal(runs->capacity, capacity);
    assert_int_equal(runs->length, 0);
    assert_int_equal(runs->longest, 0);
}

/* Whatever the structure held, and to be begun again as well. */
static void a_list_begins_empty(void **state)
{
    static const size_t capacities[] = {0, 1, 2, 100};
    struct memory_runs runs;

    (void)state;
    for (unsigned i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        const uint64_t blocks = holdings_now().heap_blocks;

        memset(&runs, 0xff, sizeof(runs));
        assert_true(IOMemoryRuns_init(&runs, capacities[i]));
        expect_empty(&runs, capacities[i] != 0 ? capacities[i] : 1); /* there is one anyway */
        assert_int_equal(runs.highest, 0);
        assert_int_equal(runs.list == &runs.single, capacities[i] <= 1);
        assert_int_equal(holdings_now().heap_blocks, blocks + (capacities[i] > 1));
        for (size_t k = 0; k < capacities[i]; k++) {
            IOMemoryRuns_append(&runs, 0x1000 + 0x100 * k, 0x80);
            IOMemoryRuns_append(&runs, 0x7000, 0); /* nothing, and not a run */
        }
        assert_int_equal(runs.count, capacities[i]);
        IOMemoryRuns_free(&runs);
        expect_empty(&runs, 0);
        assert_null(runs.list);
        assert_int_equal(holdings_now().heap_blocks, blocks);
    }
    assert_false(IOMemoryRuns_init(&runs, SIZE_MAX)); /* no product of sizes */
    inject_begin(1);
    assert_false(IOMemoryRuns_init(&runs, 2));
    inject_end(&(struct inject_report){0});
}

/* What is in it stays, be it in the structure or elsewhere; without memory all stays. */
static void a_list_grows_when_it_is_told_to(void **state)
{
    static const size_t capacities[] = {4, 16, 64, 100, 400};
    const uint64_t blocks = holdings_now().heap_blocks;
    struct memory_runs runs;

    (void)state;
    assert_true(IOMemoryRuns_init(&runs, 0));
    for (unsigned i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        const struct memory_runs before = runs;

        inject_begin(1);
        assert_false(IOMemoryRuns_makeRoom(&runs, i == 3 ? 100 : 64));
        inject_end(&(struct inject_report){0});
        assert_memory_equal(&runs, &before, sizeof(runs));
        assert_true(IOMemoryRuns_makeRoom(&runs, i == 3 ? 100 : 1));
        assert_int_equal(runs.capacity, capacities[i]);
        assert_int_equal(holdings_now().heap_blocks, blocks + 1);
        while (runs.count < runs.capacity) {
            IOMemoryRuns_append(&runs, 0x1000 * (runs.count + 1), 8 + runs.count);
        }
        for (size_t k = 0; k < runs.count; k++) {
            assert_int_equal(runs.list[k].address, 0x1000 * (k + 1));
        }
        assert_int_equal(runs.longest, 8 + runs.count - 1);
    }
    IOMemoryRuns_free(&runs);
    assert_int_equal(holdings_now().heap_blocks, blocks);
}

/* Neighbours are one run, but at address 0, where the topmost byte's neighbour is none. */
static void neighbours_are_one_run(void **state)
{
    struct memory_runs runs;

    (void)state;
    assert_true(IOMemoryRuns_init(&runs, 4));
    IOMemoryRuns_append(&runs, 0x1000, 0x100);
    IOMemoryRuns_append(&runs, 0x1100, 0x20);
    assert_int_equal(runs.count, 1);
    assert_int_equal(runs.list[0].end, 0x120);
    assert_int_equal(runs.longest, 0x120);
    IOMemoryRuns_append(&runs, UINT64_MAX - 0xf, 0x10);
    IOMemoryRuns_append(&runs, 0, 0x10);
    IOMemoryRuns_append(&runs, 0x10, 0x10);
    assert_int_equal(runs.count, 3);
    assert_int_equal(runs.list[2].address, 0);
    assert_int_equal(runs.length, 0x150);
    assert_int_equal(runs.longest, 0x120);
    IOMemoryRuns_append(&runs, 0x20, 0x200);
    assert_int_equal(runs.longest, 0x220);
    assert_int_equal(IOMemoryRuns_start(&runs, &runs.list[0]), 0);
    assert_int_equal(IOMemoryRuns_start(&runs, &runs.list[2]), 0x130);
    IOMemoryRuns_free(&runs);
}

#define RUNS  40
#define BYTES 4096

struct row {
    const uint64_t *places;
    uint64_t offset;
    UInt32 index, most;
};

static bool look(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    struct row *row = context;

    if (index == row->most) {
        return false;
    }
    assert_int_equal(index, row->index);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(address + i, row->places[row->offset + i]);
    }
    row->offset += length;
    row->index++;
    return true;
}

/* By offset, from any byte to any other, among runs of one length and of many. */
static void every_byte_is_found(void **state)
{
    static uint64_t places[BYTES];

    (void)state;
    for (unsigned seed = 0; seed < 12; seed++) {
        struct memory_runs runs;
        uint64_t length = 0;

        assert_true(IOMemoryRuns_init(&runs, RUNS));
        for (unsigned i = 0; i < RUNS; i++) {
            const uint64_t bytes = seed == 0   ? 16
                                   : seed == 1 ? 1
                                   : seed == 2 ? 1 + 2 * i
                                   : seed == 3 ? 1 + 2 * (RUNS - i)
                                               : 1 + (i * 37 + seed * 11) % 97;

            for (uint64_t k = 0; k < bytes; k++) {
                places[length + k] = 0x10000 * (i + 1) + k;
            }
            IOMemoryRuns_append(&runs, places[length], bytes);
            length += bytes;
        }
        assert_int_equal(runs.length, length);
        for (uint64_t at = 0; at < length; at++) {
            const struct memory_run *const run = IOMemoryRuns_find(&runs, at);

            assert_int_equal(run->address + (at - IOMemoryRuns_start(&runs, run)), places[at]);
            assert_true(at < run->end);
        }
        for (uint64_t at = 0; at < length; at += 13) {
            for (uint64_t end = at + 1; end <= length; end += 1 + end / 5) {
                for (UInt32 most = 1; most <= RUNS + 1; most += 5) {
                    struct IOMemoryRow row = IOMemoryRuns_row(&runs, at, end, most);
                    struct row seen = {places, at, 0, most};

                    const UInt32 count = IOMemoryRow_each(&row, look, &seen);

                    assert_int_equal(count, seen.index);
                    assert_true(seen.index <= most);
                    assert_int_equal(row.offset, row.end);
                    assert_int_equal(seen.offset, row.end);
                    assert_true(row.end == end || (row.end < end && seen.index == most));
                }
            }
        }
        IOMemoryRuns_free(&runs);
    }
}

/* What is pinned already stays, where the list grows in the last of several parts. */
static void a_list_grows_in_the_last_part(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t pages = i < 2 ? 2 : 8;

        ranges[i] = (IOAddressRange){new_pages(owner, pages, RW), ptoa(pages)};
        for (uint64_t page = 0; page < pages; page++) { /* in the last part backwards: no runs */
            store(owner, ranges[i].address + ptoa(i < 2 ? page : pages - 1 - page), 1);
        }
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 3,
                                                  kIODirectionOutIn | kIOMemoryPersistent, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_true(((IOGeneralMemoryDescriptor *)memory)->wired.count > 6);
    for (unsigned i = 0; i < 3; i++) {
        for (uint64_t at = 0; at < ranges[i].length; at += PAGE_SIZE) {
            assert_int_equal(pins_at(owner, ranges[i].address + at), 1);
        }
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_list_begins_empty),           MAP_TEST(a_list_grows_when_it_is_told_to),
        MAP_TEST(a_list_grows_in_the_last_part), MAP_TEST(neighbours_are_one_run),
        MAP_TEST(every_byte_is_found),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
