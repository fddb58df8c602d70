/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory cursors: how much is one segment, and how many are one call. */
#include "tests/host/cursor/cursor_calls.h"

static void mc_3_4_runs_are_merged_and_counted(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 0x1000}, {0x2000, 0x500}, {0x9000, 0},
                               {0x2500, 0xb00},  {0x8000, 1},     {0x8001, 0x2ffe}};
    IOMemoryDescriptor *memory = physical(ranges, 6);
    IOMemoryCursor *all = cursor_with(0, 0, 1);
    IOMemoryCursor *cut = cursor_with(0x1800, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(all, memory, 0, 64, 0, &size), 2);
    assert_int_equal(size, IOMemoryDescriptor_getLength(memory));
    expect_entry(0, 0x1000, 0x2000);
    expect_entry(1, 0x8000, 0x2fff);
    assert_int_equal(gen(cut, memory, 0, 64, 0, &size), 4);
    expect_entry(0, 0x1000, 0x1800);
    expect_entry(1, 0x2800, 0x800);
    expect_entry(2, 0x8000, 0x1800);
    expect_entry(3, 0x9800, 0x17ff);
    OSObject_release(all);
    OSObject_release(cut);
    OSObject_release(memory);
}

/* As many entries as each run, cut at the limit, makes: no more for any limit. */
static void mc_4_the_count_is_the_sum_over_runs(void **state)
{
    static const uint64_t runs[] = {1, 0x1000, 0x2345, 0x40, 0x1fff};
    enum {
        RUNS = sizeof(runs) / sizeof(runs[0])
    };
    IOAddressRange ranges[RUNS];
    IOMemoryDescriptor *memory;

    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        ranges[i] = (IOAddressRange){0x100000 + 0x10000 * i, runs[i]};
    }
    memory = physical(ranges, RUNS);
    for (uint64_t limit = 0x200; limit < 0x3000; limit += 0x7b) {
        IOMemoryCursor *cursor = cursor_with(limit, 0, 1);
        uint64_t expected = 0;
        IOByteCount size;

        for (unsigned i = 0; i < RUNS; i++) {
            expected += (runs[i] + limit - 1) / limit;
        }
        assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), expected);
        assert_int_equal(size, IOMemoryDescriptor_getLength(memory));
        OSObject_release(cursor);
    }
    OSObject_release(memory);
}

static void mc_3_merges_across_children(void **state)
{
    IOAddressRange first[] = {{0x1000, 0x1000}}, second[] = {{0x2000, 0x1000}, {0x5000, 0x10}};
    IOMemoryDescriptor *children[] = {physical(first, 1), physical(second, 2)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(children, 2, kIODirectionOut, false);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, multi, 0, 64, 0, &size), 2);
    expect_entry(0, 0x1000, 0x2000);
    expect_entry(1, 0x5000, 0x10);
    OSObject_release(cursor);
    OSObject_release(multi);
    OSObject_release(children[0]);
    OSObject_release(children[1]);
}

/* No segment longer, no call with more segments or bytes, than was asked for. */
static void mc_2_limits_are_kept(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 0x2345}, {0x9000, 3}, {0x20000, 0x1000}, {0x21000, 77}};
    IOMemoryDescriptor *memory = physical(ranges, 4);
    static const uint64_t sizes[] = {1, 7, 512, 0x1000, 0x2345, 0x100000};
    IOByteCount size;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (UInt32 most = 1; most <= 64; most += 21) {
            for (UInt32 transfer = 1; transfer < 0x4000; transfer = transfer * 5 + 1) {
                IOMemoryCursor *cursor = cursor_with(sizes[i], 0, 1);
                const UInt32 count = gen(cursor, memory, 5, most, transfer, &size);
                uint64_t sum = 0;

                assert_in_range(count, 1, most);
                for (UInt32 k = 0; k < count; k++) {
                    assert_in_range(list[k].length, 1, sizes[i]);
                    sum += list[k].length;
                }
                assert_int_equal(size, sum);
                assert_in_range(size, 1, transfer);
                OSObject_release(cursor);
            }
        }
    }
    OSObject_release(memory);
}

/* However few segments a call has room for, the calls together make the one list. */
static void mc_5_calls_that_go_on(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 0x2345}, {0x9000, 3}, {0x20000, 0x1000}, {0x21000, 77}};
    IOMemoryDescriptor *memory = physical(ranges, 4);
    IOMemoryCursor *cursor = cursor_with(0x800, 0, 1);
    IOPhysicalSegment whole[64];
    IOByteCount size, total;
    UInt32 count = gen(cursor, memory, 0, 64, 0, &total);

    (void)state;
    assert_int_equal(total, IOMemoryDescriptor_getLength(memory));
    memcpy(whole, list, sizeof(whole));
    for (UInt32 room = 1; room <= count; room++) {
        UInt32 made = 0;

        for (IOByteCount from = 0; from < total; from += size) {
            const UInt32 now = gen(cursor, memory, from, room, 0, &size);

            assert_in_range(now, 1, room);
            assert_memory_equal(list, &whole[made], now * sizeof(list[0]));
            made += now;
        }
        assert_int_equal(made, count);
    }
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* The transfer limit, from the cursor or from the call, is met to the byte. */
static void mc_6_transfer_limits(void **state)
{
    static const uint64_t limits[] = {1,      0xfff,  0x1000, 0x1001, 0x1fff,
                                      0x2000, 0x2001, 0x2fff, 0x3000, 0x3001};
    IOAddressRange ranges[] = {{0x10000, 0x2000}, {0x20000, 0x1000}};
    IOMemoryDescriptor *memory = physical(ranges, 2);
    IOMemoryCursor *endless = cursor_with(0x1000, 5, 1);
    IOByteCount size;

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        const uint64_t expected = limits[i] < 0x3000 ? limits[i] : 0x3000;
        IOMemoryCursor *limited = cursor_with(0x1000, limits[i], 1);

        assert_int_equal(gen(limited, memory, 0, 64, 0, &size), (expected + 0xfff) / 0x1000);
        assert_int_equal(size, expected);
        /* An argument takes the place of the cursor's limit, also upwards. */
        gen(endless, memory, 0, 64, (UInt32)limits[i], &size);
        assert_int_equal(size, expected);
        OSObject_release(limited);
    }
    OSObject_release(endless);
    OSObject_release(memory);
}

static void mc_7_positions_past_the_end(void **state)
{
    static const uint64_t positions[] = {100, 101, UINT64_MAX};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(0x1000, 100, 1);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gen(cursor, memory, positions[i], 64, 0, &size), 0);
        assert_int_equal(size, 0);
        assert_int_equal(calls, 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnOverrun);
    }
    assert_int_equal(gen(cursor, memory, 99, 64, 0, &size), 1);
    expect_entry(0, 0x1063, 1);
    OSObject_release(cursor);
    OSObject_release(memory);
}

static void mc_8_no_descriptor_no_room_no_preparation(void **state)
{
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    const uint64_t at = scattered_new(2);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange(at, 2 * PAGE_SIZE, kIODirectionIn, kernel_task);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, (IOMemoryDescriptor *)NULL, 0, 1, 0, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    platform_set_last_error(0);
    assert_int_equal(gen(cursor, memory, 0, 0, 0, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(gen(cursor, memory, 0, 1, 0, &size), 0);
    assert_int_equal(size, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(calls, 0);
    /* Without a place for the size it is the same. */
    assert_int_equal(IOMemoryCursor_genPhysicalSegments(cursor, memory, 0, pointer, 1, 0, NULL), 0);
    OSObject_release(cursor);
    OSObject_release(memory);
    scattered_free(at, 2);
}

/* Memory that ends part-way ends the call with what there is. */
static void mc_8_memory_missing_part_way(void **state)
{
    const uint64_t at = scattered_new(1);
    IOMemoryDescriptor *children[] = {
        IOMemoryDescriptor_withPhysicalAddress(0x1000, 100, kIODirectionIn),
        IOMemoryDescriptor_withAddressRange(at, 10, kIODirectionIn, kernel_task)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(children, 2, kIODirectionIn, false);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, multi, 0, 64, 0, &size), 1);
    assert_int_equal(size, 100);
    assert_int_equal(gen(cursor, multi, 100, 64, 0, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    OSObject_release(cursor);
    OSObject_release(multi);
    OSObject_release(children[0]);
    OSObject_release(children[1]);
    scattered_free(at, 1);
}

static void mc_9_more_than_32_bits(void **state)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withPhysicalAddress(8 * GIB, 5 * GIB, kIODirectionIn);
    IOMemoryCursor *endless = cursor_with(0, 0, 1);
    IOMemoryCursor *large = cursor_with(3 * GIB, 5 * GIB - 1, 1);
    IOMemoryCursor *wide = cursor_with(4 * GIB + 1, 0, 1); /* limits of more than 32 bits, too */
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(endless, memory, 0, 64, 0, &size), 1);
    expect_entry(0, 8 * GIB, 5 * GIB);
    assert_int_equal(size, 5 * GIB);
    assert_int_equal(gen(large, memory, 0, 64, 0, &size), 2);
    expect_entry(0, 8 * GIB, 3 * GIB);
    expect_entry(1, 11 * GIB, 2 * GIB - 1);
    assert_int_equal(gen(wide, memory, 0, 64, 0, &size), 2);
    expect_entry(0, 8 * GIB, 4 * GIB + 1);
    expect_entry(1, 12 * GIB + 1, GIB - 1);
    OSObject_release(wide);
    wide = cursor_with(0, 4 * GIB + 2, 1);
    assert_int_equal(gen(wide, memory, 0, 64, 0, &size), 1);
    expect_entry(0, 8 * GIB, 4 * GIB + 2);
    OSObject_release(wide);
    OSObject_release(endless);
    OSObject_release(large);
    OSObject_release(memory);
}

static void mc_10_address_zero_is_memory(void **state)
{
    IOAddressRange ranges[] = {{0, 0x800}, {0x4000, 0x100}, {0, 0x10}};
    IOMemoryDescriptor *memory = physical(ranges, 3);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), 3);
    expect_entry(0, 0, 0x800);
    expect_entry(2, 0, 0x10);
    assert_int_equal(size, 0x910);
    OSObject_release(cursor);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(mc_3_4_runs_are_merged_and_counted),
        BALANCED(mc_4_the_count_is_the_sum_over_runs),
        BALANCED(mc_3_merges_across_children),
        BALANCED(mc_2_limits_are_kept),
        BALANCED(mc_5_calls_that_go_on),
        BALANCED(mc_6_transfer_limits),
        BALANCED(mc_7_positions_past_the_end),
        BALANCED(mc_8_no_descriptor_no_room_no_preparation),
        BALANCED(mc_8_memory_missing_part_way),
        BALANCED(mc_9_more_than_32_bits),
        BALANCED(mc_10_address_zero_is_memory),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
