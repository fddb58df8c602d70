/* SPDX-License-Identifier: BSD-2-Clause */
/* Guard pages, as far as they need no mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/kernel_pages.h"

static void sizes_are_whole_pages(void **state)
{
    static const vm_size_t sizes[] = {1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 10 * PAGE_SIZE};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(sizes[i]);
        uint64_t offset = 1;

        assert_int_equal(IOMemoryDescriptor_getLength(guard), round_page(sizes[i]));
        assert_int_equal(IOMemoryDescriptor_getDMAMapLength(guard, &offset), round_page(sizes[i]));
        assert_int_equal(offset, 0);
        assert_int_equal(IOMemoryDescriptor_getDirection(guard), kIODirectionOutIn);
        OSObject_release(guard);
    }
}

/* CD-15: no object of no size, and nothing left of one that finds no room. */
static void cd_15_sizes_that_cannot_be(void **state)
{
    IOGuardPageMemoryDescriptor *guard;

    (void)state;
    platform_set_last_error(0);
    assert_null(IOGuardPageMemoryDescriptor_withSize(0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOGuardPageMemoryDescriptor_withSize(UINT64_MAX));
    assert_null(IOGuardPageMemoryDescriptor_withSize(UINT64_MAX - PAGE_SIZE + 2));
    guard = IOGuardPageMemoryDescriptor_withSize(UINT64_MAX - PAGE_SIZE + 1);
    assert_int_equal(IOMemoryDescriptor_getLength(guard), UINT64_MAX - PAGE_SIZE + 1);
    OSObject_release(guard);
    fail_request(1);
    assert_null(IOGuardPageMemoryDescriptor_withSize(1));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

static void prepares_count_and_pin_nothing(void **state)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(1);
    IOMDDMACharacteristics what;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_complete(guard, 0), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(guard, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(guard, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 0);
    assert_false(IOGuardPageMemoryDescriptor_initWithSize(guard, 100));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    IOMemoryDescriptor_dmaCommandOperation(guard, kIOMDGetCharacteristics, &what, sizeof(what));
    assert_int_equal(what.fPages, 1);
    assert_int_equal(what.fHighestPage, 0);
    assert_int_equal(what.fIsPrepared, 1);
    assert_int_equal(IOMemoryDescriptor_complete(guard, 0), kIOReturnSuccess);
    IOMemoryDescriptor_dmaCommandOperation(guard, kIOMDSetDMAActive, NULL, 0);
    assert_int_equal(IOMemoryDescriptor_complete(guard, 0), kIOReturnBusy);
    IOMemoryDescriptor_dmaCommandOperation(guard, kIOMDSetDMAInactive, NULL, 0);
    assert_int_equal(IOMemoryDescriptor_complete(guard, 0), kIOReturnSuccess);
    assert_true(IOGuardPageMemoryDescriptor_initWithSize(guard, PAGE_SIZE + 1));
    assert_int_equal(IOMemoryDescriptor_getLength(guard), 2 * PAGE_SIZE);
    IOMemoryDescriptor_prepare(guard, 0);
    OSObject_release(guard); /* still prepared */
}

static void nothing_can_be_reached(void **state)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(1);
    IOMDDMAWalkSegmentState walk = {0};
    IOByteCount length = 1;
    uint8_t byte = 7;

    (void)state;
    IOMemoryDescriptor_prepare(guard, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(guard, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    /* Who reckons with page offsets is told where it would be, up to its end. */
    assert_int_equal(
        IOMemoryDescriptor_getPhysicalSegment(guard, 100, &length, _kIOMemorySourceSegment), 100);
    assert_int_equal(length, PAGE_SIZE - 100);
    platform_set_last_error(0);
    assert_int_equal(IOMemoryDescriptor_readBytes(guard, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    platform_set_last_error(0);
    assert_int_equal(IOMemoryDescriptor_writeBytes(guard, 5, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(byte, 7);
    assert_int_equal(
        IOMemoryDescriptor_dmaCommandOperation(guard, kIOMDFirstSegment, walk, sizeof(walk)),
        kIOReturnNotPermitted);
    OSObject_release(guard);
}

/* Pages of a part are those that it has bytes in. */
static void facts_of_a_part_of_a_guard(void **state)
{
    static const struct {
        IOByteCount offset, length;
        UInt32 pages;
    } parts[] = {{0, 1, 1},
                 {PAGE_SIZE - 1, 1, 1},
                 {PAGE_SIZE - 1, 2, 2},
                 {PAGE_SIZE, PAGE_SIZE, 1},
                 {100, PAGE_SIZE, 2},
                 {2 * PAGE_SIZE, 1, 1},
                 {2 * PAGE_SIZE + 5, PAGE_SIZE + 5, 2},
                 {1, 4 * PAGE_SIZE - 1, 4}};
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(4 * PAGE_SIZE);

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        IOSubMemoryDescriptor *part = IOSubMemoryDescriptor_withSubRange(
            guard, parts[i].offset, parts[i].length, kIODirectionNone);
        IOMDDMACharacteristics what;

        assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(part, kIOMDGetCharacteristics,
                                                                &what, sizeof(what)),
                         kIOReturnSuccess);
        assert_int_equal(what.fSGCount, 1);
        assert_int_equal(what.fPages, parts[i].pages);
        OSObject_release(part);
    }
    OSObject_release(guard);
}

/* CD-14 without its mapping: a walk stops at a guard; a window of the data alone is fine. */
static void cd_14_guards_around_data(void **state)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(2 * PAGE_SIZE);
    IOMemoryDescriptor *data = describe_pages(0, ptoa(2), kIODirectionOutIn);
    IOMemoryDescriptor *parts[] = {IOMemoryDescriptor_upcast(guard), data,
                                   IOMemoryDescriptor_upcast(guard)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 3, kIODirectionOutIn, false);
    IOSubMemoryDescriptor *window =
        IOSubMemoryDescriptor_withSubRange(multi, ptoa(2), ptoa(2), kIODirectionOutIn);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(0, 0, 0);
    IOPhysicalSegment segments[4];
    IOByteCount length, done;
    static uint8_t got[2 * PAGE_SIZE];

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getLength(multi), ptoa(6));
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(multi, NULL), ptoa(6));
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 2);
    assert_true(IOMemoryDescriptor_getPreparationID(multi) >= 1ull << 32);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(multi, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryDescriptor_getPhysicalSegment(multi, ptoa(2), &length, 0),
                     physical_of(pages));
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, ptoa(2), got, ptoa(2)), ptoa(2));
    assert_memory_equal(got, pages, ptoa(2));
    assert_int_equal(IOMemoryDescriptor_readBytes(multi, ptoa(4) - 10, got, 20), 10);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryCursor_genPhysicalSegments(cursor, multi, 0, segments, 4, 0, &done),
                     0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(IOMemoryCursor_genPhysicalSegments(cursor, window, 0, segments, 4, 0, &done),
                     2);
    assert_int_equal(done, ptoa(2));
    IOMemoryDescriptor_complete(multi, 0);
    OSObject_release(cursor);
    OSObject_release(window);
    OSObject_release(multi);
    OSObject_release(data);
    OSObject_release(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(sizes_are_whole_pages),          WITH_PAGES(cd_15_sizes_that_cannot_be),
        WITH_PAGES(prepares_count_and_pin_nothing), WITH_PAGES(nothing_can_be_reached),
        WITH_PAGES(facts_of_a_part_of_a_guard),     WITH_PAGES(cd_14_guards_around_data),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
