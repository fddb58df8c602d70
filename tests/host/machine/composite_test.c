/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sub and multi descriptors show of their parts: the checks CD-1 to CD-5, CD-9 and CD-15 as
 * far as they need no mapping.
 */
#include "tests/host/machine/composite_fixture.h"

static void cd_1_windows_are_the_parent_shifted(void **state)
{
    static const struct {
        IOByteCount offset, length;
    } windows[] = {{0, 100}, {4990, 20}, {7900, 100}, {0, 8000}, {3, 7000}, {0, 0}, {8000, 0}};
    IOMemoryDescriptor *parent = two_ranges();
    static uint8_t expected[8000], got[8001];

    (void)state;
    IOMemoryDescriptor_setTag(parent, 42);
    IOMemoryDescriptor_prepare(parent, 0);
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        const IOByteCount start = windows[i].offset, size = windows[i].length;
        IOSubMemoryDescriptor *sub = window(parent, start, size);
        IOByteCount length, parentLength;

        assert_int_equal(IOMemoryDescriptor_getLength(sub), size);
        assert_int_equal(IOMemoryDescriptor_getTag(sub), 42);
        assert_true(IOMemoryDescriptor_getFlags(sub) & kIOMemoryThreadSafe);
        for (IOByteCount offset = 0; offset < size; offset += length) {
            assert_int_equal(
                IOSubMemoryDescriptor_getPhysicalSegment(sub, offset, &length, 0),
                IOMemoryDescriptor_getPhysicalSegment(parent, start + offset, &parentLength, 0));
            assert_int_equal(length, parentLength < size - offset ? parentLength : size - offset);
        }
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(sub, size, &length, 0), 0);
        assert_int_equal(length, 0);
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(sub, size + 1, NULL, 0),
                         0); /* behind the window */
        assert_int_equal(IOMemoryDescriptor_readBytes(parent, start, expected, size), size);
        assert_int_equal(IOMemoryDescriptor_readBytes(sub, 0, got, size), size);
        assert_memory_equal(got, expected, size);
        assert_int_equal(IOMemoryDescriptor_readBytes(sub, 0, got, size + 1), 0);
        OSObject_release(sub);
    }
    IOMemoryDescriptor_complete(parent, 0);
    OSObject_release(parent);
}

static void cd_1_writes_stay_inside(void **state)
{
    IOMemoryDescriptor *parent = two_ranges();
    IOSubMemoryDescriptor *sub = window(parent, 4990, 20);
    static uint8_t before[32768], bytes[20];

    (void)state;
    memcpy(before, pages, sizeof(before));
    memset(bytes, 0xcc, sizeof(bytes));
    IOMemoryDescriptor_prepare(parent, 0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(sub, 0, bytes, 20), 20);
    memset(before + 5090, 0xcc, 10);
    memset(before + 9000, 0xcc, 10);
    assert_memory_equal(pages, before, sizeof(before));
    IOMemoryDescriptor_complete(parent, 0);
    OSObject_release(sub);
    OSObject_release(parent);
}

static void cd_2_dma_map_length_of_a_window(void **state)
{
    IOMemoryDescriptor *parent = two_ranges(), *parts[2];
    IOMultiMemoryDescriptor *multi;
    uint64_t offset;
    IOSubMemoryDescriptor *sub = window(parent, 4990, 20); /* 5090..5100 and 9000..9010 */

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, &offset), ptoa(2));
    assert_int_equal(offset, 5090 & PAGE_MASK);
    OSObject_release(sub);
    sub = window(parent, 0, 10);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, &offset), ptoa(1));
    assert_int_equal(offset, 100);
    OSObject_release(sub);
    sub = window(parent, 17, 0);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, &offset), 0);
    OSObject_release(sub);
    /* In the midst of a part, which goes on behind it. */
    parts[0] = describe_pages(0, 100, kIODirectionOutIn);
    parts[1] = describe_pages(ptoa(1), ptoa(3), kIODirectionOutIn);
    multi = concatenate(parts, 2);
    for (IOByteCount page = 0; page < 3; page++) {
        sub = window(multi, 100 + ptoa(page) + 10, 20);
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(sub, &offset), ptoa(1));
        assert_int_equal(offset, 10);
        OSObject_release(sub);
    }
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    OSObject_release(parent);
}

/* CD-4: ranges, a window over a boundary of them, and a tail; their owner lets go at once. */
static void cd_4_concatenation(void **state)
{
    IOMemoryDescriptor *general = two_ranges();
    IOSubMemoryDescriptor *middle = window(general, 4000, 2000), *tail = window(general, 7999, 1);
    IOMemoryDescriptor *parts[] = {general, UP(middle), UP(tail), UP(middle)};
    static uint8_t expected[12001], got[12001];
    IOMultiMemoryDescriptor *multi;
    uint64_t sum = 0;

    (void)state;
    multi = concatenate(parts, 4);
    for (size_t i = 0; i < 4; i++) {
        sum += IOMemoryDescriptor_getDMAMapLength(parts[i], NULL);
    }
    memcpy(expected, pages + 100, 5000);
    memcpy(expected + 5000, pages + 9000, 3000);
    memcpy(expected + 8000, expected + 4000, 2000);
    expected[10000] = expected[7999];
    memcpy(expected + 10001, expected + 4000, 2000);
    OSObject_release(general);
    OSObject_release(middle);
    OSObject_release(tail);
    assert_int_equal(IOMemoryDescriptor_getLength(multi), 12001);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(multi, NULL), sum);
    assert_int_equal(IOMultiMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, 0, got, 12001), 12001);
    assert_memory_equal(got, expected, 12001);
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, 7990, got, 2012), 2012);
    assert_memory_equal(got, expected + 7990, 2012);
    assert_int_equal(IOMultiMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(multi);
}

static void cd_5_multi_of_multi_is_the_flat_list(void **state)
{
    IOMemoryDescriptor *leaves[4];
    IOMultiMemoryDescriptor *left, *right, *nested, *flat;
    IOByteCount offset = 0, length, flatLength;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        leaves[i] = describe_pages(i * 5000, 3000 + i, kIODirectionOutIn);
        IOMemoryDescriptor_setTag(leaves[i], (IOOptionBits)i); /* the first is 0 */
    }
    left = concatenate(leaves, 2);
    right = concatenate(&leaves[2], 2);
    nested = concatenate((IOMemoryDescriptor *[]){UP(left), UP(right)}, 2);
    flat = concatenate(leaves, 4);
    assert_int_equal(IOMemoryDescriptor_getTag(nested), 1);
    IOMemoryDescriptor_prepare(nested, 0);
    assert_int_equal(pins(), 6); /* the last two leaves lie in two pages each */
    for (; offset < IOMemoryDescriptor_getLength(flat); offset += length) {
        assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(nested, offset, &length, 0),
                         IOMemoryDescriptor_getPhysicalSegment(flat, offset, &flatLength, 0));
        assert_int_equal(length, flatLength);
    }
    assert_int_equal(offset, IOMemoryDescriptor_getLength(nested));
    IOMemoryDescriptor_complete(nested, 0);
    assert_int_equal(pins(), 0);
    OSObject_release(nested);
    OSObject_release(flat);
    OSObject_release(left);
    OSObject_release(right);
    for (size_t i = 0; i < 4; i++) {
        OSObject_release(leaves[i]);
    }
}

static void cd_9_preparation_ids(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, kIODirectionIn),
                                   describe_pages(50, 10, kIODirectionIn)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionIn, false);
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(parts[0], 0, 5, 0);
    uint64_t first, second;

    (void)state;
    assert_int_equal(IOMultiMemoryDescriptor_getPreparationID(multi), 0);
    IOMemoryDescriptor_prepare(parts[0], 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(multi), 0); /* one is not enough */
    IOMemoryDescriptor_prepare(multi, 0);
    first = IOMemoryDescriptor_getPreparationID(multi);
    assert_true(first >= 1ull << 32);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(multi), first);
    second = IOSubMemoryDescriptor_getPreparationID(sub);
    assert_true(second >= 1ull << 32 && second != first);
    assert_int_not_equal(second, IOMemoryDescriptor_getPreparationID(parts[0]));
    assert_int_equal(IOSubMemoryDescriptor_getPreparationID(sub), second);
    IOMemoryDescriptor_complete(multi, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(multi), 0);
    IOMemoryDescriptor_prepare(multi, 0);
    assert_true(IOMemoryDescriptor_getPreparationID(multi) > first); /* a child is another */
    /* The first one alone, too. */
    first = IOMemoryDescriptor_getPreparationID(multi);
    IOMemoryDescriptor_prepare(parts[1], 0);
    IOMemoryDescriptor_complete(multi, 0);
    IOMemoryDescriptor_complete(parts[0], 0);
    IOMemoryDescriptor_prepare(parts[0], 0);
    IOMemoryDescriptor_prepare(multi, 0);
    IOMemoryDescriptor_complete(parts[1], 0);
    assert_true(IOMemoryDescriptor_getPreparationID(multi) > first);
    second = IOMemoryDescriptor_getPreparationID(sub);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(sub), second); /* its parent stayed */
    IOMemoryDescriptor_complete(multi, 0);
    IOMemoryDescriptor_complete(parts[0], 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(sub), 0); /* as its parent's */
    IOMemoryDescriptor_prepare(sub, kIODirectionIn);
    assert_true(IOMemoryDescriptor_getPreparationID(sub) > second);
    OSObject_release(sub);
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

/* Of all parts: it is unprepared if one is, whichever. */
static void a_number_is_of_all_parts(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(0, 10, kIODirectionOutIn),
                                   describe_pages(50, 10, kIODirectionOutIn)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor_prepare(parts[i], 0);
        assert_int_equal(IOMemoryDescriptor_getPreparationID(multi), kIOPreparationIDUnprepared);
        IOMemoryDescriptor_complete(parts[i], 0);
    }
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

/* What a success says is its answer alone; a refusal says why, whoever it is of. */
static void errors_are_told_and_nothing_else(void **state)
{
    IOMemoryDescriptor *part = describe_pages(0, 100, kIODirectionOutIn), *parts[] = {part, part};
    IOInterleavedMemoryDescriptor *list;
    IOMultiMemoryDescriptor *multi;
    IOSubMemoryDescriptor *sub;

    (void)state;
    platform_set_last_error(5);
    sub = window(part, 0, 10);
    multi = concatenate(parts, 2);
    list = IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, part, 0, 1));
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(list, 0);
    assert_int_equal(IOMemoryLastError(), 5);
#define REFUSES(call)                                                                              \
    platform_set_last_error(5);                                                                    \
    assert_false(call);                                                                            \
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument)
    REFUSES(IOSubMemoryDescriptor_initSubRange(NULL, part, 0, 1, 0));
    REFUSES(IOMultiMemoryDescriptor_initWithDescriptors(NULL, parts, 2, 0, false));
    REFUSES(IOInterleavedMemoryDescriptor_initWithCapacity(NULL, 2, 0));
    REFUSES(IOInterleavedMemoryDescriptor_setMemoryDescriptor(NULL, part, 0, 1));
    platform_set_last_error(5);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(NULL, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    platform_set_last_error(5);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(list, 0x100);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    /* As often as can be counted, and then no more. */
    UP(multi)->wireCount = UINT32_MAX;
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnNoResources);
    UP(multi)->wireCount = 0;
    assert_int_equal(pins(), 0);
    /* Each has an end of its own name, of which nothing is to be said. */
    sim_console_forget();
    IOSubMemoryDescriptor_free(sub);
    IOMultiMemoryDescriptor_free(multi);
    IOInterleavedMemoryDescriptor_free(list);
    assert_false(sim_console_said("given up"));
    OSObject_release(part);
}

static IOMDDMACharacteristics characteristics(IOMemoryDescriptor *memory)
{
    IOMDDMACharacteristics out;

    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &out, sizeof(out)),
        kIOReturnSuccess);
    return out;
}

/* Of some of the parts it would pass for that of all; and what is not shown does not count. */
static void characteristics_are_of_all_that_is_shown(void **state)
{
    IOMemoryDescriptor *parts[] = {describe_pages(100, 50, kIODirectionOutIn),
                                   describe_pages(PAGE_SIZE + 200, 70, kIODirectionOutIn)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2);
    IOSubMemoryDescriptor *sub = window(multi, 60, 20), *first;

    (void)state;
    IOMemoryDescriptor_prepare(parts[0], 0);
    assert_false(characteristics(UP(multi)).fIsPrepared);
    assert_int_equal(characteristics(UP(multi)).fHighestPage, 0);
    assert_int_equal(characteristics(UP(multi)).fPageAlign, 0);
    first = window(multi, 10, 20); /* of the part that is prepared, and not of all */
    assert_int_equal(characteristics(UP(first)).fPageAlign, 0);
    OSObject_release(first);
    IOMemoryDescriptor_prepare(parts[1], 0);
    assert_true(characteristics(UP(multi)).fIsPrepared);
    assert_int_not_equal(characteristics(UP(multi)).fHighestPage, 0);
    assert_int_equal(characteristics(UP(multi)).fSGCount, 2);
    assert_int_equal(characteristics(UP(multi)).fPages, 2);
    assert_int_equal(characteristics(UP(multi)).fPageAlign, 0); /* of several runs */
    assert_true(characteristics(UP(sub)).fIsPrepared);
    assert_int_equal(characteristics(UP(sub)).fSGCount, 1);
    assert_int_equal(characteristics(UP(sub)).fPages, 1);
    assert_int_equal(characteristics(UP(sub)).fPageAlign & PAGE_MASK, 210);
    IOMemoryDescriptor_complete(parts[0], 0);
    IOMemoryDescriptor_complete(parts[1], 0);
    OSObject_release(sub);
    OSObject_release(multi);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

static void cd_15_overflowing_windows(void **state)
{
    IOMemoryDescriptor *parent = describe_pages(0, 100, kIODirectionIn);
    IOAddressRange half = {0, 1ull << 63};
    IOMemoryDescriptor *large =
        IOMemoryDescriptor_withAddressRanges(&half, 1, kIOMemoryRemote, TASK_NULL);
    IOMemoryDescriptor *twice[] = {large, large};
    static const struct {
        IOByteCount offset, length;
    } windows[] = {{0, 101}, {101, 0}, {100, 1}, {50, UINT64_MAX}, {UINT64_MAX, 2}, {1, -1ull}};

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        platform_set_last_error(0);
        assert_null(IOSubMemoryDescriptor_withSubRange(parent, windows[i].offset, windows[i].length,
                                                       kIODirectionIn));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    assert_null(IOSubMemoryDescriptor_withSubRange((IOMemoryDescriptor *)NULL, 0, 0, 0));
    assert_null(IOSubMemoryDescriptor_withSubRange(parent, 0, 1, kIOMemoryMapperNone));
    assert_null(IOMultiMemoryDescriptor_withDescriptors(twice, 2, 0, false)); /* 2^64 */
    assert_int_equal(OSObject_getRetainCount(parent), 1);
    OSObject_release(large);
    OSObject_release(parent);
}

/* What has no bytes, or none any more, is nothing that a device would have to reach. */
static void of_no_bytes_nothing_is_reached(void **state)
{
    IOInterleavedMemoryDescriptor *empty = IOInterleavedMemoryDescriptor_withCapacity(1, 3);
    IOBufferMemoryDescriptor *shrinks = IOBufferMemoryDescriptor_withCapacity(100, 3, false);
    IOSubMemoryDescriptor *end = window(shrinks, 50, 50), *before;
    IOMemoryDescriptor *parts[] = {describe_pages(0, 100, kIODirectionOutIn), UP(end)};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 2), *outer;

    (void)state;
    UP(shrinks)->flags |= kIOMemoryHostOnly;
    assert_int_equal(IOMemoryDescriptor_reach(UP(empty), 0, 0).some, 0);
    assert_int_equal(IOMemoryDescriptor_reach(UP(multi), 100, 100).some, 0);
    assert_int_equal(IOMemoryDescriptor_reach(UP(multi), 120, 120).some, 0);
    for (IOByteCount length = 49; length <= 51; length++) {
        IOBufferMemoryDescriptor_setLength(shrinks, length);
        assert_int_equal(IOMemoryDescriptor_reach(UP(multi), 0, 150).some,
                         length > 50 ? kIOMemoryHostOnly : 0);
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(multi, NULL),
                         length > 50 ? ptoa(2) : ptoa(1));
    }
    /* Nor what lies behind a window, in what it shows a part of. */
    before = window(multi, 0, 90);
    outer = concatenate((IOMemoryDescriptor *[]){parts[0], UP(before)}, 2);
    assert_int_equal(IOMemoryDescriptor_reach(UP(outer), 120, 190).some, 0);
    OSObject_release(outer);
    OSObject_release(before);
    UP(shrinks)->flags &= ~kIOMemoryHostOnly;
    OSObject_release(multi);
    OSObject_release(end);
    OSObject_release(shrinks);
    OSObject_release(parts[0]);
    OSObject_release(empty);
}

/* What a device uses is not given other parts, prepared or not. */
static void a_device_keeps_the_parts(void **state)
{
    IOMemoryDescriptor *part = describe_pages(0, 100, kIODirectionOutIn), *parts[] = {part};
    IOMultiMemoryDescriptor *multi = concatenate(parts, 1);

    (void)state;
    for (unsigned prepared = 0; prepared < 2; prepared++) {
        if (prepared != 0) {
            assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
        }
        assert_int_equal(operate(multi, kIOMDSetDMAActive), kIOReturnSuccess);
        assert_false(IOMultiMemoryDescriptor_initWithDescriptors(multi, parts, 1, 3, false));
        assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
        assert_int_equal(operate(multi, kIOMDSetDMAInactive), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_getLength(multi), 100);
    }
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(multi);
    OSObject_release(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(cd_1_windows_are_the_parent_shifted),      WITH_PAGES(cd_1_writes_stay_inside),
        WITH_PAGES(cd_2_dma_map_length_of_a_window),          WITH_PAGES(cd_4_concatenation),
        WITH_PAGES(cd_5_multi_of_multi_is_the_flat_list),     WITH_PAGES(cd_9_preparation_ids),
        WITH_PAGES(errors_are_told_and_nothing_else),         WITH_PAGES(a_number_is_of_all_parts),
        WITH_PAGES(characteristics_are_of_all_that_is_shown), WITH_PAGES(cd_15_overflowing_windows),
        WITH_PAGES(of_no_bytes_nothing_is_reached),           WITH_PAGES(a_device_keeps_the_parts),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
