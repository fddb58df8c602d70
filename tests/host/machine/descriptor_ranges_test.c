/* SPDX-License-Identifier: BSD-2-Clause */
/* General descriptors over ranges of every shape, against arithmetic on the ranges themselves. */
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMapper.h"
#include "tests/host/machine/kernel_pages.h"

#define RANGES_MAX 9
#define BYTES      (PAGES * PAGE_SIZE)
#define ROUNDS     400

static uint64_t dice;

static uint64_t below(uint64_t limit)
{
    return sim_random(&dice) % limit;
}

/* Ranges that are empty, touch, overlap, repeat, or begin and end at pages. */
static UInt32 roll_ranges(IOAddressRange *ranges)
{
    const UInt32 count = 1 + (UInt32)below(RANGES_MAX);
    uint64_t next = below(BYTES);

    for (UInt32 i = 0; i < count; i++) {
        static const uint64_t scales[] = {1, 3, 100, PAGE_SIZE, 3 * PAGE_SIZE};
        uint64_t length = below(scales[below(5)] + 1);

        switch (below(5)) {
        case 0:
            next = below(BYTES);
            break;
        case 1:
            next &= ~PAGE_MASK;
            length = round_page(length);
            break;
        case 2:
            if (i > 0) {
                ranges[i] = ranges[i - 1];
                continue;
            }
            break;
        default:
            break; /* go on where the last one ended */
        }
        length = length < BYTES - next ? length : BYTES - next;
        ranges[i] = (IOAddressRange){pages_at + next, length};
        next = next + length < BYTES ? next + length : 0;
    }
    return count;
}

/* Where byte `offset` lies in the pages, and how many follow it in its range. */
static uint64_t position(const IOAddressRange *range, uint64_t offset, uint64_t *left)
{
    while (offset >= range->length) {
        offset -= range++->length;
    }
    *left = range->length - offset;
    return range->address - pages_at + offset;
}

static uint64_t sum(const IOAddressRange *ranges, UInt32 count)
{
    uint64_t total = 0;

    for (UInt32 i = 0; i < count; i++) {
        total += ranges[i].length;
    }
    return total;
}

/* The same by who asks at every transfer: the run that a byte is in, and where it ends. */
static void expect_run(const IOMemoryDescriptor *memory, uint64_t total, uint64_t offset,
                       addr64_t at, IOByteCount length)
{
    const struct memory_run *run;
    IOPhysicalAddress found = 0;

    assert_true(IOMemoryDescriptor_findRun(memory, offset, total - offset, &found, &run));
    assert_int_equal(found, at);
    assert_int_equal(run == NULL ? total : run->end, offset + length);
    assert_int_equal(run == NULL, memory->runs->count == 1);
    assert_false(IOMemoryDescriptor_findRun(memory, offset, total - offset + 1, &found, &run));
    assert_int_equal(IOMemoryDescriptor_findRun(memory, offset, 0, &found, &run), run == NULL);
    found = 0;
    assert_true(IOMemoryDescriptor_isOneRun(memory, offset, length, &found));
    assert_int_equal(found, at);
    assert_false(IOMemoryDescriptor_isOneRun(memory, offset, length + 1, &found));
    assert_int_equal(IOMemoryDescriptor_isOneRun(memory, offset, 0, &found), run == NULL);
}

/* One segment: inside the descriptor, to the page's or the range's end, and the right bytes. */
static IOByteCount expect_segment(IOMemoryDescriptor *memory, const IOAddressRange *ranges,
                                  uint64_t total, uint64_t offset)
{
    IOByteCount length;
    const addr64_t at =
        IOMemoryDescriptor_getPhysicalSegment(memory, offset, &length, kIOMemoryMapperNone);
    uint64_t left;
    const uint64_t first = position(ranges, offset, &left);
    const uint64_t to_page_end = PAGE_SIZE - first % PAGE_SIZE;

    assert_in_range(length, left < to_page_end ? left : to_page_end, total - offset);
    expect_run(memory, total, offset, at, length);
    for (uint64_t i = 0; i < length; i++) {
        assert_int_equal(at + i, physical_of(&pages[position(ranges, offset + i, &left)]));
    }
    return length;
}

static void md_14_random_ranges(void **state)
{
    static uint8_t read[RANGES_MAX * 3 * PAGE_SIZE + 1];
    IOAddressRange ranges[RANGES_MAX];
    const struct memory_run *run;
    IOPhysicalAddress at;
    uint64_t left;

    (void)state;
    dice = 14;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const UInt32 count = roll_ranges(ranges);
        const uint64_t total = sum(ranges, count);
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, kernel_task);
        IOByteCount length = 7;

        assert_int_equal(IOMemoryDescriptor_getLength(memory), total);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        for (uint64_t offset = 0; offset < total; offset += length) {
            length = expect_segment(memory, ranges, total, offset);
        }
        for (unsigned i = 0; i < 8 && total != 0; i++) {
            expect_segment(memory, ranges, total, below(total));
        }
        for (uint64_t beyond = 0; beyond < 2; beyond++) {
            length = 7;
            assert_int_equal(
                IOMemoryDescriptor_getPhysicalSegment(memory, total + beyond, &length, 0), 0);
            assert_int_equal(length, 0);
        }
        assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, read, total), total);
        for (uint64_t i = 0; i < total; i++) {
            assert_int_equal(read[i], pages[position(ranges, i, &left)]);
        }
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        assert_false(IOMemoryDescriptor_findRun(memory, 0, 1, &at, &run));
        assert_false(IOMemoryDescriptor_isOneRun(memory, 0, 1, &at));
        OSObject_release(memory);
    }
}

/* I/O pages of the pieces: ranges that touch in the address space are one, empty ones none. */
static uint64_t io_pages(const IOAddressRange *ranges, UInt32 count)
{
    uint64_t sum_pages = 0, start = 0, end = 0;

    for (UInt32 i = 0; i <= count; i++) {
        if (i < count && ranges[i].length == 0) {
            continue;
        }
        if (i < count && end != 0 && ranges[i].address == end) {
            end += ranges[i].length;
            continue;
        }
        sum_pages += (round_page(end) - trunc_page(start)) / PAGE_SIZE;
        if (i < count) {
            start = ranges[i].address;
            end = start + ranges[i].length;
        }
    }
    return sum_pages;
}

static void md_32_random_ranges(void **state)
{
    IOAddressRange ranges[RANGES_MAX];

    (void)state;
    dice = 32;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const UInt32 count = roll_ranges(ranges);
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, kernel_task);
        uint64_t offset = 7, left;
        IOMemoryMap *map;

        for (unsigned when = 0; when < 3; when++) { /* new, prepared, mapped */
            assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset),
                             io_pages(ranges, count) * PAGE_SIZE);
            assert_int_equal(offset,
                             sum(ranges, count) == 0 ? 0 : position(ranges, 0, &left) % PAGE_SIZE);
            if (when == 0) {
                assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
            } else if (when == 1) {
                map = IOMemoryDescriptor_map(memory, kIOMapAnywhere); /* where they can be */
                OSSafeReleaseNULL(map);
            }
        }
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
}

/* A piece that begins at address 0 is a piece like others: its length says that it is there. */
static void md_32_a_piece_at_address_zero(void **state)
{
    IOAddressRange ranges[] = {{0x5000, 0x1000}, {0, 0x1801}, {0x9fff, 2}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *zero = IOMemoryDescriptor_withPhysicalAddress(0, 1, kIODirectionIn);
    uint64_t offset;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, &offset), 5 * PAGE_SIZE);
    assert_int_equal(offset, 0);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(zero, &offset), PAGE_SIZE);
    OSObject_release(zero);
    OSObject_release(memory);
}

/* Whoever changes the array afterwards changes nothing, unless it was to be used in place. */
static void md_4_the_array_is_the_callers_again(void **state)
{
    (void)state;
    for (UInt32 count = 1; count <= 3; count++) {
        IOAddressRange ranges[] = {
            {pages_at + 100, 50}, {pages_at + 5000, 5000}, {pages_at + 20000, 1}};
        const IOAddressRange kept[] = {ranges[0], ranges[1], ranges[2]};
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, kernel_task);
        const uint64_t total = sum(kept, count);
        uint8_t first, last;
        uint64_t left;

        memset(ranges, 0xff, sizeof(ranges));
        assert_int_equal(IOMemoryDescriptor_getLength(memory), total);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        for (uint64_t offset = 0; offset < total;) {
            offset += expect_segment(memory, kept, total, offset);
        }
        assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &first, 1), 1);
        assert_int_equal(IOMemoryDescriptor_readBytes(memory, total - 1, &last, 1), 1);
        assert_int_equal(first, pages[100]);
        assert_int_equal(last, pages[position(kept, total - 1, &left)]);
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, NULL),
                         io_pages(kept, count) * PAGE_SIZE);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
}

/* A single range has its place in the object, wherever it came from. */
static void md_4_the_array_is_used_in_place(void **state)
{
    for (UInt32 count = 2; count <= 3; count++) {
        IOAddressRange ranges[] = {{pages_at, 10}, {pages_at + 5000, 10}, {pages_at + 9000, 10}};
        uint64_t bytes[2];

        (void)state;
        for (unsigned in_place = 0; in_place < 2; in_place++) {
            const uint64_t before = holdings_now().heap_bytes;
            IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
                ranges, count, kIODirectionOutIn | (in_place ? kIOMemoryAsReference : 0),
                kernel_task);

            bytes[in_place] = holdings_now().heap_bytes - before;
            assert_int_equal(((IOGeneralMemoryDescriptor *)memory)->ranges == ranges, in_place);
            assert_int_equal((IOMemoryDescriptor_getFlags(memory) & kIOMemoryAsReference) != 0,
                             in_place);
            OSObject_release(memory); /* the array is not freed */
        }
        assert_true(bytes[1] <= bytes[0]);
        assert_int_equal(ranges[0].length, 10);
    }
}

/* Each operation with a block of every size that is too small. */
static void md_33_small_blocks(void **state)
{
    static const struct {
        DMACommandOps op;
        UInt size;
    } ops[] = {
        {kIOMDWalkSegments, sizeof(IOMDDMAWalkSegmentState)},
        {kIOMDFirstSegment, sizeof(IOMDDMAWalkSegmentState)},
        {kIOMDGetCharacteristics, sizeof(IOMDDMACharacteristics)},
        {kIOMDGetCharacteristicsMapped, sizeof(IOMDDMACharacteristics)},
        {kIOMDAddDMAMapSpec, sizeof(IODMAMapSpecification)},
        {kIOMDDMAMap, sizeof(IOMDDMAMapArgs)},
        {kIOMDDMAUnmap, sizeof(IOMDDMAMapArgs)},
    };
    IOMemoryDescriptor *memory = describe_pages(10, 5000, kIODirectionOutIn);
    uint64_t block[16], untouched[16];

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    memset(untouched, 0xa5, sizeof(untouched));
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        for (UInt size = 0; size < ops[i].size; size++) {
            memcpy(block, untouched, sizeof(block));
            assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, ops[i].op, block, size),
                             kIOReturnUnderrun);
            assert_memory_equal(block, untouched, sizeof(block));
        }
        assert_int_equal(
            IOMemoryDescriptor_dmaCommandOperation(memory, ops[i].op, NULL, ops[i].size),
            kIOReturnBadArgument);
    }
    for (uint64_t op = 0; op < 256; op++) {
        const bool known = op >= 1 && op <= 6;

        memset(block, 0, sizeof(block));
        if (!known) {
            assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(
                                 memory, (DMACommandOps)(op << 24), block, sizeof(block)),
                             kIOReturnBadArgument);
        }
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

static IOReturn walk(IOMemoryDescriptor *memory, DMACommandOps op, uint64_t *offset)
{
    IOMDDMAWalkSegmentState state = {0};
    IOMDDMAWalkSegmentArgs args = {.fOffset = *offset};
    IOReturn status;

    memcpy(state, &args, sizeof(args));
    status = IOMemoryDescriptor_dmaCommandOperation(memory, op, state, sizeof(state));
    memcpy(&args, state, sizeof(args));
    *offset = args.fOffset;
    return status;
}

/* At the end and behind it a walk has two answers of its own. */
static void md_33_where_a_walk_ends(void **state)
{
    static const uint64_t lengths[] = {0, 1, 4096, 5000, 12345};
    static const DMACommandOps ops[] = {kIOMDWalkSegments, kIOMDFirstSegment};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        IOMemoryDescriptor *memory = describe_pages(10, lengths[i], kIODirectionOutIn);

        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        for (unsigned k = 0; k < 2; k++) {
            uint64_t offset = lengths[i];

            assert_int_equal(walk(memory, ops[k], &offset), kIOReturnOverrun);
            offset = lengths[i] + 1;
            assert_int_equal(walk(memory, ops[k], &offset), kIOReturnInternalError);
            offset = UINT64_MAX;
            assert_int_equal(walk(memory, ops[k], &offset), kIOReturnInternalError);
            if (lengths[i] != 0) {
                offset = lengths[i] - 1;
                assert_int_equal(walk(memory, ops[k], &offset), kIOReturnSuccess);
                assert_int_equal(offset, lengths[i]);
            }
        }
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        OSObject_release(memory);
    }
}

/* As many marks as were set have to be taken away before the last complete. */
static void md_33_marks_nest(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionOutIn);

    (void)state;
    for (unsigned depth = 1; depth < 6; depth++) {
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        for (unsigned i = 0; i < depth; i++) {
            assert_int_equal(
                IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                kIOReturnSuccess);
        }
        for (unsigned i = 0; i < depth; i++) {
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
            assert_int_equal(
                IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
                kIOReturnSuccess);
        }
        assert_int_equal(
            IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
            kIOReturnNotReady);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        assert_int_equal(pins(), 0);
    }
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(md_4_the_array_is_the_callers_again),
        WITH_PAGES(md_4_the_array_is_used_in_place),
        WITH_PAGES(md_14_random_ranges),
        WITH_PAGES(md_32_random_ranges),
        WITH_PAGES(md_32_a_piece_at_address_zero),
        WITH_PAGES(md_33_small_blocks),
        WITH_PAGES(md_33_where_a_walk_ends),
        WITH_PAGES(md_33_marks_nest),
    };

    IOMapper_setMapperRequired(false); /* which would be asked first */
    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
