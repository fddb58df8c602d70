/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory cursors at their edges: the checks MC-1 to MC-17 by name. */
#include "tests/host/cursor/cursor_calls.h"

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
    IOOptionBits options;             /* of the last question */
} Odd;

static IOReturn odd_segment(IOMemoryDescriptor *base, IOByteCount offset, IOOptionBits options,
                            IOPhysicalSegment *segment)
{
    const IOPhysicalSegment *answer = ((Odd *)base)->answers;

    ((Odd *)base)->options = options;
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
    memory->options = -1u;
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 2);
    assert_int_equal(memory->options, 0); /* what a device is told */
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
    static const IOPhysicalSegment nowhere[] = {{0x1000, 8}, {0x7000, 0}};
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
    /* Why it failed, and not where it would have been. */
    memory->answers = nowhere;
    size = 77;
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(&memory->super, 8, &size, 0), 0);
    assert_int_equal(size, 0);
    memory->answers = early;
    assert_int_equal(gen(cursor, &memory->super, 0, 64, 0, &size), 1);
    assert_int_equal(size, 8);
    assert_int_equal(gen(cursor, &memory->super, 8, 64, 0, &size), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    OSObject_release(cursor);
    OSObject_release(&memory->super);
}

static UInt32 rows;

static bool record_one(void *segments, uint64_t address, uint64_t length, UInt32 index)
{
    record((IOPhysicalSegment){address, length}, segments, index);
    return true;
}

static UInt32 record_row(struct IOMemoryRow *row, void *segments)
{
    rows++;
    return IOMemoryRow_each(row, record_one, segments);
}

/* Entries from `from` on, and whether they came in one row. */
static void expect_row(IOMemoryCursor *cursor, IOMemoryDescriptor *memory, IOByteCount from,
                       UInt32 most, UInt32 transfer, UInt32 count, IOByteCount bytes, bool inRow)
{
    IOByteCount size;

    rows = 0;
    assert_int_equal(gen(cursor, memory, from, most, transfer, &size), count);
    assert_int_equal(size, bytes);
    assert_int_equal(rows, inRow);
}

/* Runs that need no cut are put out in one call: whole, and in part at both ends. */
static void runs_are_put_out_in_a_row(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 0x100}, {0x3000, 0x200}, {0x2000, 0x80}, {0x8000, 0x100}};
    IOMemoryDescriptor *memory = physical(ranges, 4);
    IOMemoryCursor *cursor = IOMemoryCursor_withRowFunction(record, record_row, 0, 0, 1);
    IOMemoryCursor *exact = IOMemoryCursor_withRowFunction(record, record_row, 0x200, 0, 1);

    (void)state;
    expect_row(cursor, memory, 0, 64, 0, 4, 0x480, false); /* who translates is not known yet */
    IOMapper_setMapperRequired(false);
    expect_row(cursor, memory, 0, 64, 0, 4, 0x480, true);
    expect_entry(0, 0x1000, 0x100);
    expect_entry(1, 0x3000, 0x200);
    expect_entry(2, 0x2000, 0x80);
    expect_entry(3, 0x8000, 0x100);
    expect_row(cursor, memory, 0x101, 64, 0x280, 3, 0x280, true);
    expect_entry(0, 0x3001, 0x1ff);
    expect_entry(1, 0x2000, 0x80);
    expect_entry(2, 0x8000, 1);
    expect_row(cursor, memory, 0x110, 64, 0x10, 1, 0x10, true);
    expect_entry(0, 0x3010, 0x10);
    /* As many as there is room for, the last of them whole; or cut where the bytes end before. */
    expect_row(cursor, memory, 0xf0, 2, 0, 2, 0x210, true);
    expect_entry(0, 0x10f0, 0x10);
    expect_entry(1, 0x3000, 0x200);
    expect_row(cursor, memory, 0xf0, 2, 0x20, 2, 0x20, true);
    expect_entry(1, 0x3000, 0x10);
    expect_row(cursor, memory, 0x380, 4, 0, 1, 0x100, true);
    expect_entry(0, 0x8000, 0x100);
    expect_row(exact, memory, 0, 64, 0, 4, 0x480, true);
    OSObject_release(exact);
    OSObject_release(cursor);
    OSObject_release(memory);
}

/* All else goes by the other function. */
static void what_has_to_be_looked_at_is_no_row(void **state)
{
    IOAddressRange ranges[] = {{0x1000, 0x100}, {0x3000, 0x200}};
    IOMemoryDescriptor *memory = physical(ranges, 2);
    IOMemoryDescriptor *remote = IOMemoryDescriptor_withAddressRanges(
        ranges, 2, kIODirectionOut | kIOMemoryRemote, TASK_NULL);
    IOMemoryCursor *cursor = IOMemoryCursor_withRowFunction(record, record_row, 0, 0, 1);
    IOMemoryCursor *shorter = IOMemoryCursor_withRowFunction(record, record_row, 0x1ff, 0, 1);
    IOMemoryCursor *aligned = IOMemoryCursor_withRowFunction(record, record_row, 0, 0, 16);

    (void)state;
    IOMapper_setMapperRequired(false);
    expect_row(shorter, memory, 0, 64, 0, 3, 0x300, false);
    expect_entry(1, 0x3000, 0x1ff);
    expect_entry(2, 0x31ff, 1);
    expect_row(aligned, memory, 0, 64, 0, 2, 0x300, false);
    expect_row(cursor, remote, 0, 64, 0, 2, 0x300, false);
    expect_row(cursor, memory, 0, 64, 0x10, 1, 0x10, true);
    assert_null(IOMemoryCursor_withRowFunction(record, NULL, 0, 0, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMemoryCursor_withRowFunction(NULL, record_row, 0, 0, 1));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(aligned);
    OSObject_release(shorter);
    OSObject_release(cursor);
    OSObject_release(remote);
    OSObject_release(memory);
}

/* Only of what was taken is anything said. */
static bool take_one(void *context, uint64_t address, uint64_t length, UInt32 index)
{
    return index < *(UInt32 *)context && address != 0 && length != 0;
}

static void a_row_ends_at_what_is_refused(void **state)
{
    static const struct memory_run runs[] = {{0x1000, 0x10}, {0x3000, 0x30}, {0x5000, 0x40},
                                             {0x7000, 0x48}, {0x9000, 0x60}, {0xb000, 0x80}};
    static const uint64_t ends[] = {8, 0x10, 0x30, 0x40, 0x48, 0x60};

    (void)state;
    for (UInt32 count = 1; count <= 6; count++) {
        const uint64_t end = runs[count - 1].end - 4;

        for (UInt32 taken = 0; taken <= count; taken++) {
            struct IOMemoryRow row = {runs, 0x1008, 8, end};
            UInt32 most = taken;

            assert_int_equal(IOMemoryRow_each(&row, take_one, &most), taken);
            assert_int_equal(row.offset, taken == count ? end : ends[taken]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(mc_13_invalid_specifications),
        BALANCED(a_cursor_is_initialised_once),
        BALANCED(mc_14_byte_orders),
        BALANCED(mc_14_the_index_is_widened),
        BALANCED(mc_15_the_pointer_is_passed_through),
        BALANCED(mc_16_two_walks_at_once),
        BALANCED(mc_17_pieces_of_any_size_are_the_same_memory),
        BALANCED(segments_that_wrap_or_end_early),
        BALANCED(runs_are_put_out_in_a_row),
        BALANCED(what_has_to_be_looked_at_is_no_row),
        BALANCED(a_row_ends_at_what_is_refused),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
