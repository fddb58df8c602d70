/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory cursors at their edges: the checks MC-1 to MC-17 by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "tests/host/machine/kernel_pages.h"

#define GIB (1ull << 30)

static IOPhysicalSegment list[64];
static UInt32 calls;
static void *pointer; /* the second argument of each call */

static void record(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    assert_int_equal(index, calls);
    assert_ptr_equal(segments, pointer);
    assert_true(index < 64);
    list[index] = segment;
    calls++;
}

/* One call; returns what it returned. */
static UInt32 gen(IOMemoryCursor *cursor, IOMemoryDescriptorRef memory, IOByteCount from,
                  UInt32 maxSegments, UInt32 maxTransfer, IOByteCount *size)
{
    calls = 0;
    *size = 0xdead;
    return IOMemoryCursor_genPhysicalSegments(cursor, memory, from, pointer, maxSegments,
                                              maxTransfer, size);
}

static IOMemoryCursor *cursor_with(uint64_t segment, uint64_t transfer, uint64_t alignment)
{
    IOMemoryCursor *cursor = IOMemoryCursor_withSpecification(record, segment, transfer, alignment);

    assert_non_null(cursor);
    return cursor;
}

static IOMemoryDescriptor *physical(IOAddressRange *ranges, UInt32 count)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);

    assert_non_null(memory);
    return memory;
}

static void expect_entry(UInt32 index, uint64_t location, uint64_t length)
{
    assert_int_equal(list[index].location, location);
    assert_int_equal(list[index].length, length);
}

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
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(endless, memory, 0, 64, 0, &size), 1);
    expect_entry(0, 8 * GIB, 5 * GIB);
    assert_int_equal(size, 5 * GIB);
    assert_int_equal(gen(large, memory, 0, 64, 0, &size), 2);
    expect_entry(0, 8 * GIB, 3 * GIB);
    expect_entry(1, 11 * GIB, 2 * GIB - 1);
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

static void mc_11_misaligned_runs(void **state)
{
    static const uint64_t alignments[] = {2, 4, 512, 4096};
    IOMemoryDescriptor *misaligned = IOMemoryDescriptor_withPhysicalAddress(0x10001, 100, 1);
    IOByteCount size;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const uint64_t a = alignments[i];
        IOAddressRange ranges[] = {{0x10000, a}, {0x20000 + a, 3 * a}, {0x40000 + a / 2, a}};
        IOMemoryDescriptor *memory = physical(ranges, 3);
        IOMemoryCursor *cursor = cursor_with(2 * a, 0, a);

        assert_int_equal(gen(cursor, misaligned, 0, 64, 0, &size), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
        assert_int_equal(calls, 0);
        assert_int_equal(size, 0);
        assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), 3);
        assert_int_equal(size, 4 * a);
        expect_entry(2, 0x20000 + 3 * a, a);
        /* The next call starts there and says why. */
        assert_int_equal(gen(cursor, memory, 4 * a, 64, 0, &size), 0);
        assert_int_equal(IOMemoryLastError(), kIOReturnNotAligned);
        OSObject_release(cursor);
        OSObject_release(memory);
    }
    OSObject_release(misaligned);
}

/* A cut by the byte limit leaves the next call an aligned start, unless nothing would be left. */
static void mc_11_transfer_limit_keeps_alignment(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 100}, {0x2000, 20}};
    IOMemoryDescriptor *memory = physical(ranges, 2);
    IOMemoryCursor *cursor = cursor_with(0, 0, 16);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, memory, 0, 64, 70, &size), 1);
    assert_int_equal(size, 64);
    assert_int_equal(gen(cursor, memory, 0, 64, 100, &size), 1); /* the run ends there anyway */
    assert_int_equal(size, 100);
    assert_int_equal(gen(cursor, memory, 0, 64, 108, &size), 1); /* 8 bytes would not do */
    assert_int_equal(size, 100);
    assert_int_equal(gen(cursor, memory, 0, 64, 10, &size), 1); /* better than nothing */
    assert_int_equal(size, 10);
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* Fewest pieces of `run` bytes with cuts at multiples of a and pieces of at most m, by trying all.
 */
static UInt32 fewest(uint64_t run, uint64_t m, uint64_t a)
{
    UInt32 best = run <= m ? 1 : UINT32_MAX;

    for (uint64_t cut = a; cut < run && cut <= m; cut += a) {
        const UInt32 rest = fewest(run - cut, m, a);

        if (rest != UINT32_MAX && rest + 1 < best) {
            best = rest + 1;
        }
    }
    return best;
}

static void mc_12_aligned_cuts_are_minimal(void **state)
{

    (void)state;
    for (uint64_t a = 1; a <= 8; a *= 2) {
        for (uint64_t m = a; m <= 2 * a + 5; m++) {
            IOMemoryCursor *cursor = cursor_with(m, 0, a);

            for (uint64_t run = 1; run <= 18 + a; run++) {
                IOMemoryDescriptor *memory =
                    IOMemoryDescriptor_withPhysicalAddress(0x1000, run, kIODirectionIn);
                IOByteCount size;
                UInt32 i, count = gen(cursor, memory, 0, 64, 0, &size);

                assert_int_equal(size, run);
                assert_int_equal(count, fewest(run, m, a));
                for (i = 0; i < count; i++) {
                    assert_int_equal(list[i].location % a, 0);
                    assert_true(list[i].length <= m);
                }
                OSObject_release(memory);
            }
            OSObject_release(cursor);
        }
    }
}

static void mc_13_invalid_specifications(void **state)
{
    (void)state;
    assert_null(IOMemoryCursor_withSpecification(NULL, 0, 0, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMemoryCursor_withSpecification(record, 0, 0, 3));
    assert_null(IOMemoryCursor_withSpecification(record, 511, 0, 512));
    assert_null(IONaturalMemoryCursor_withSpecification(1, 0, 2));
    assert_null(IOBigMemoryCursor_withSpecification(0, 0, 6));
    assert_null(IOLittleMemoryCursor_withSpecification(0, 0, 0xfff));
    platform_set_last_error(0);
    fail_request(1);
    assert_null(IOMemoryCursor_withSpecification(record, 0, 0, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

static void a_cursor_is_initialised_once(void **state)
{
    IOMemoryCursor *cursor = cursor_with(512, 0, 0); /* alignment 0 means 1 */
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(1, 1024, 1);
    IOByteCount size;

    (void)state;
    assert_false(IOMemoryCursor_initWithSpecification(cursor, record, 16, 0, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(gen(cursor, memory, 0, 64, 0, &size), 2); /* as it was */
    OSObject_release(memory);
    OSObject_release(cursor);
}

static void mc_14_byte_orders(void **state)
{
    IOAddressRange ranges[] = {{0x0102030405060000, 0x1122}, {0x7000, 3}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOut | kIOMemoryRemote, TASK_NULL);
    IONaturalMemoryCursor *natural = IONaturalMemoryCursor_withSpecification(0, 0, 1);
    IOBigMemoryCursor *big = IOBigMemoryCursor_withSpecification(0, 0, 1);
    IOLittleMemoryCursor *little = IOLittleMemoryCursor_withSpecification(0, 0, 1);
    static uint8_t images[3][49]; /* written at an odd address */
    IOByteCount size;

    (void)state;
    memset(images, 0xee, sizeof(images));
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(
            natural, memory, 0, (IOPhysicalSegment *)(void *)(images[0] + 1), 9, 0, &size),
        2);
    assert_int_equal(IOBigMemoryCursor_getPhysicalSegments(
                         big, memory, 0, (IOPhysicalSegment *)(void *)(images[1] + 1), 9, 0, &size),
                     2);
    assert_int_equal(
        IOLittleMemoryCursor_getPhysicalSegments(
            little, memory, 0, (IOPhysicalSegment *)(void *)(images[2] + 1), 9, 0, NULL),
        2);
    assert_int_equal(size, 0x1125);
    assert_memory_equal(images[0], images[2], sizeof(images[0])); /* this machine is little */
    assert_int_equal(images[1][1], 0x01);
    assert_int_equal(images[1][8], 0x00);
    for (UInt32 i = 0; i < 4; i++) {
        for (UInt32 k = 0; k < 8; k++) {
            assert_int_equal(images[1][1 + 8 * i + k], images[2][1 + 8 * i + 7 - k]);
        }
    }
    for (UInt32 i = 0; i < 3; i++) {
        assert_int_equal(images[i][0], 0xee);
        assert_int_equal(images[i][33], 0xee); /* stride 16 */
    }
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(natural, memory, 0, NULL, 9, 0, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(size, 0);
    IONaturalMemoryCursor_outputSegment((IOPhysicalSegment){1, 2}, NULL, 7);
    IOBigMemoryCursor_outputSegment((IOPhysicalSegment){1, 2}, NULL, 7);
    IOLittleMemoryCursor_outputSegment((IOPhysicalSegment){1, 2}, NULL, 7);
    OSObject_release(natural);
    OSObject_release(big);
    OSObject_release(little);
    OSObject_release(memory);
}

/* The address of an entry is computed in 64 bits: 2^28 entries are 4 GiB. */
static void mc_14_the_index_is_widened(void **state)
{
    IOPhysicalSegment *const here = &list[7];
    void *far_below = (void *)((uintptr_t)here - (16ull << 28));

    (void)state;
    IONaturalMemoryCursor_outputSegment((IOPhysicalSegment){0x1234, 5}, far_below, 1u << 28);
    expect_entry(7, 0x1234, 5);
}

static void mc_15_the_pointer_is_passed_through(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 1}, {0x2000, 1}, {0x3000, 1}};
    IOMemoryDescriptor *memory = physical(ranges, 3);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    pointer = &size;
    assert_int_equal(gen(cursor, memory, 0, 3, 0, &size), 3); /* exactly enough room */
    pointer = NULL;
    assert_int_equal(gen(cursor, memory, 0, 2, 0, &size), 2);
    assert_int_equal(size, 2);
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* A segment function that starts a walk of its own with the same cursor. */
struct nested {
    IOMemoryCursor *cursor;
    IOMemoryDescriptor *inner;
    IOPhysicalSegment outer_list[4], inner_list[4];
    UInt32 inner_count;
    bool inside;
};

static void walk_inside(IOPhysicalSegment segment, void *context, UInt32 index)
{
    struct nested *nested = context;

    if (nested->inside) {
        nested->inner_list[index] = segment;
        return;
    }
    nested->outer_list[index] = segment;
    nested->inside = true;
    nested->inner_count =
        IOMemoryCursor_genPhysicalSegments(nested->cursor, nested->inner, 0, nested, 4, 0, NULL);
    nested->inside = false;
}

static void mc_16_two_walks_at_once(void **state)
{
    IOAddressRange outer[] = {{0x1000, 10}, {0x2000, 20}}, inner[] = {{0x7000, 1}, {0x8000, 2}};
    IOMemoryDescriptor *memory = physical(outer, 2);
    struct nested nested = {.cursor = IOMemoryCursor_withSpecification(walk_inside, 0, 0, 1),
                            .inner = physical(inner, 2)};
    IOByteCount size;

    (void)state;
    assert_int_equal(
        IOMemoryCursor_genPhysicalSegments(nested.cursor, memory, 0, &nested, 4, 0, &size), 2);
    assert_int_equal(size, 30);
    assert_int_equal(nested.inner_count, 2);
    assert_int_equal(nested.outer_list[1].location, 0x2000);
    assert_int_equal(nested.outer_list[1].length, 20);
    assert_int_equal(nested.inner_list[1].location, 0x8000);
    OSObject_release(nested.cursor);
    OSObject_release(nested.inner);
    OSObject_release(memory);
}

/* Memory of a class that has no walk of its own, and answers as the test says. */
typedef struct {
    IOMemoryDescriptor super;
    const IOPhysicalSegment *answers; /* one after another; length 0: none */
} Odd;

static IOReturn odd_segment(IOMemoryDescriptor *base, IOByteCount offset, IOOptionBits options,
                            IOPhysicalSegment *segment)
{
    const IOPhysicalSegment *answer = ((Odd *)base)->answers;

    (void)options;
    while (answer->length != 0 && offset >= answer->length) {
        offset -= answer++->length;
    }
    *segment = (IOPhysicalSegment){answer->location + offset, answer->length - offset};
    return answer->length != 0 ? kIOReturnSuccess : kIOReturnNotReady;
}

static uint32_t odds;
OS_CLASS(IOMemoryDescriptorClass, Odd);
const IOMemoryDescriptorClass Odd_class = {
    .meta = {"Odd", &IOMemoryDescriptor_metaClass, sizeof(Odd), &odds, descriptor_free},
    .getPhysicalSegment = odd_segment,
    .walk = descriptor_walk,
};

static Odd *odd(const IOPhysicalSegment *answers, IOByteCount length)
{
    Odd *self = (Odd *)OSMetaClass_allocate(&Odd_class.meta);

    self->answers = answers;
    self->super.length = length;
    return self;
}

static void mc_17_pieces_of_any_size_are_the_same_memory(void **state)
{
    static const IOPhysicalSegment pieces[] = {
        {0x1000, 1}, {0x1001, 0xfff}, {0x2000, 0x1000}, {0x5000, 5}, {0, 0}};
    Odd *memory = odd(pieces, 0x2005);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 2);
    expect_entry(0, 0x1000, 0x2000);
    expect_entry(1, 0x5000, 5);
    OSObject_release(cursor);
    OSObject_release(&memory->super);
}

/* Broken answers end a walk, they do not hang it. */
static void segments_that_wrap_or_end_early(void **state)
{
    static const IOPhysicalSegment wraps[] = {{-16ull, 32}, {0, 0}};
    static const IOPhysicalSegment top[] = {{-16ull, 16}, {0, 16}, {0, 0}};
    static const IOPhysicalSegment early[] = {{0x1000, 8}, {0, 0}};
    Odd *memory = odd(wraps, 32);
    IOMemoryCursor *cursor = cursor_with(0, 0, 1);
    IOByteCount size;

    (void)state;
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnInternalError);
    memory->answers = top; /* never merged across the wrap */
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 2);
    expect_entry(0, -16ull, 16);
    expect_entry(1, 0, 16);
    memory->answers = early;
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 1);
    assert_int_equal(size, 8);
    assert_int_equal(gen(cursor, &memory->super, 8, 64, 0, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    OSObject_release(cursor);
    OSObject_release(&memory->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(mc_3_4_runs_are_merged_and_counted),
        BALANCED(mc_4_the_count_is_the_sum_over_runs),
        BALANCED(mc_3_merges_across_children),
        BALANCED(mc_6_transfer_limits),
        BALANCED(mc_7_positions_past_the_end),
        BALANCED(mc_8_no_descriptor_no_room_no_preparation),
        BALANCED(mc_8_memory_missing_part_way),
        BALANCED(mc_9_more_than_32_bits),
        BALANCED(mc_10_address_zero_is_memory),
        BALANCED(mc_11_misaligned_runs),
        BALANCED(mc_11_transfer_limit_keeps_alignment),
        BALANCED(mc_12_aligned_cuts_are_minimal),
        BALANCED(mc_13_invalid_specifications),
        BALANCED(a_cursor_is_initialised_once),
        BALANCED(mc_14_byte_orders),
        BALANCED(mc_14_the_index_is_widened),
        BALANCED(mc_15_the_pointer_is_passed_through),
        BALANCED(mc_16_two_walks_at_once),
        BALANCED(mc_17_pieces_of_any_size_are_the_same_memory),
        BALANCED(segments_that_wrap_or_end_early),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
