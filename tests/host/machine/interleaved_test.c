/* SPDX-License-Identifier: BSD-2-Clause */
/* Interleaved descriptors, as far as they need no mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/kernel_pages.h"

static IOInterleavedMemoryDescriptor *room_for(IOByteCount capacity, IODirection direction)
{
    IOInterleavedMemoryDescriptor *self =
        IOInterleavedMemoryDescriptor_withCapacity(capacity, direction);

    assert_non_null(self);
    assert_int_equal(IOMemoryDescriptor_getLength(self), 0);
    assert_int_equal(IOMemoryDescriptor_getDirection(self), direction);
    return self;
}

static void add(IOInterleavedMemoryDescriptor *self, IOMemoryDescriptor *memory, IOByteCount offset,
                IOByteCount length)
{
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, memory, offset, length));
}

static void is_refused(IOInterleavedMemoryDescriptor *self, IOMemoryDescriptor *memory,
                       IOByteCount offset, IOByteCount length, IOReturn why)
{
    const IOByteCount before = IOMemoryDescriptor_getLength(self);
    const int references = memory == NULL ? 0 : OSObject_getRetainCount(memory);

    platform_set_last_error(0);
    assert_false(IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, memory, offset, length));
    assert_int_equal(IOMemoryLastError(), why);
    assert_int_equal(IOMemoryDescriptor_getLength(self), before);
    assert_int_equal(memory == NULL ? 0 : OSObject_getRetainCount(memory), references);
}

static void cd_1_windows_follow_each_other(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(4, kIODirectionOutIn);
    IOMemoryDescriptor *first = describe_pages(100, 5000, kIODirectionOutIn);
    IOMemoryDescriptor *second = describe_pages(9000, 3000, kIODirectionOutIn);
    uint8_t got[300], expected[300];
    IOByteCount length;

    (void)state;
    IOMemoryDescriptor_setTag(second, 7);
    add(self, first, 4900, 100);
    add(self, second, 10, 0); /* uses a slot */
    add(self, second, 2900, 100);
    add(self, first, 0, 100);
    assert_int_equal(IOMemoryDescriptor_getTag(self), 7);
    OSObject_release(first);
    OSObject_release(second);
    memcpy(expected, pages + 5000, 100);
    memcpy(expected + 100, pages + 11900, 100);
    memcpy(expected + 200, pages + 100, 100);
    assert_int_equal(IOInterleavedMemoryDescriptor_prepare(self, 0), kIOReturnSuccess);
    for (IOByteCount offset = 0; offset < 300; offset += length) {
        assert_int_equal(IOInterleavedMemoryDescriptor_getPhysicalSegment(self, offset, &length, 0),
                         physical_of(pages + (offset < 100   ? 5000 + offset
                                              : offset < 200 ? 11900 + offset - 100
                                                             : 100 + offset - 200)));
        assert_in_range(length, 1, 100 - offset % 100);
    }
    assert_int_equal(IOMemoryDescriptor_readBytes(self, 0, got, 300), 300);
    assert_memory_equal(got, expected, 300);
    assert_int_equal(IOMemoryDescriptor_writeBytes(self, 50, expected + 200, 100), 100);
    assert_memory_equal(pages + 5050, expected + 200, 50);
    assert_memory_equal(pages + 11900, expected + 250, 50);
    assert_int_equal(pages[11950], expected[150]);
    assert_int_equal(IOMemoryDescriptor_readBytes(self, 250, got, 51), 0);
    assert_int_equal(IOInterleavedMemoryDescriptor_complete(self, 0), kIOReturnSuccess);
    OSObject_release(self);
}

/* CD-7: those before the failing one, once each; others' prepares stay. */
static void cd_7_a_failing_part_unpins_the_others(void **state)
{
    (void)state;
    for (size_t bad = 0; bad < 4; bad++) {
        IOInterleavedMemoryDescriptor *self = room_for(4, kIODirectionOutIn);
        IOMemoryDescriptor *parts[4];

        for (size_t i = 0; i < 4; i++) {
            parts[i] = describe_pages(ptoa(i), 100, kIODirectionOutIn);
            if (i != bad) {
                IOMemoryDescriptor_prepare(parts[i], 0);
            }
            add(self, parts[i], 50, 10);
        }
        set_page(pages + ptoa(bad), PAGE_UNMAPPED);
        assert_int_equal(IOMemoryDescriptor_prepare(self, 0), kIOReturnCannotWire);
        assert_int_equal(pins(), 3);
        assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnNotReady);
        set_page(pages + ptoa(bad), PAGE_NORMAL);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(IOMemoryDescriptor_complete(parts[i], 0),
                             i == bad ? kIOReturnNotReady : kIOReturnSuccess);
            /* Its own prepare was the only one left, and was still there. */
            assert_int_equal(IOMemoryDescriptor_complete(parts[i], 0), kIOReturnNotReady);
            OSObject_release(parts[i]);
        }
        OSObject_release(self);
    }
}

static void cd_8_refusals_keep_no_reference(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(2, kIODirectionOut);
    IOMemoryDescriptor *in = describe_pages(0, 10, kIODirectionIn);

    (void)state;
    is_refused(self, NULL, 0, 0, kIOReturnBadArgument); /* no descriptor */
    is_refused(self, in, 0, 1, kIOReturnBadArgument);   /* not for this direction */
    assert_false(IOInterleavedMemoryDescriptor_setMemoryDescriptor(NULL, in, 0, 1));
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, kIODirectionIn);
    add(self, in, 0, 1);
    OSObject_release(self);
    assert_int_equal(OSObject_getRetainCount(in), 1);
    self = room_for(1, kIODirectionNone);
    add(self, in, 0, 1);
    OSObject_release(self);
    OSObject_release(in);
    assert_null(IOInterleavedMemoryDescriptor_withCapacity(0, 0)); /* CD-8: zero counts */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOInterleavedMemoryDescriptor_withCapacity(1, kIOMemoryMapperNone));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOInterleavedMemoryDescriptor_withCapacity(1ull << 32, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

/* Without a new list there is no room, also where the former one was. */
static void room_goes_with_its_list(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(4, kIODirectionIn);
    IOMemoryDescriptor *part = describe_pages(0, 10, kIODirectionIn);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1) {
            fail_request(1);
        }
        assert_false(
            IOInterleavedMemoryDescriptor_initWithCapacity(self, i == 0 ? 0 : 3, kIODirectionIn));
        fail_request(0);
        is_refused(self, part, 0, 1, kIOReturnNoSpace);
    }
    assert_true(IOInterleavedMemoryDescriptor_initWithCapacity(self, 3, kIODirectionIn));
    IOMemoryDescriptor_setTag(part, 7);
    add(self, part, 0, 1);
    assert_int_equal(IOMemoryDescriptor_getTag(self), 7);
    /* The tag of a part goes with it. */
    assert_true(IOInterleavedMemoryDescriptor_initWithCapacity(self, 3, kIODirectionIn));
    assert_int_equal(IOMemoryDescriptor_getTag(self), 0);
    OSObject_release(part);
    OSObject_release(self);
}

static void cd_9_preparation_ids(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(2, kIODirectionIn);
    IOMemoryDescriptor *part = describe_pages(0, 10, kIODirectionIn);
    uint64_t first;

    (void)state;
    add(self, part, 0, 5);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(self), 0);
    IOMemoryDescriptor_prepare(part, 0);
    first = IOMemoryDescriptor_getPreparationID(self);
    assert_true(first >= 1ull << 32);
    assert_int_not_equal(first, IOMemoryDescriptor_getPreparationID(part));
    IOMemoryDescriptor_complete(part, 0);
    assert_int_equal(IOMemoryDescriptor_getPreparationID(self), 0);
    IOMemoryDescriptor_prepare(part, 0);
    assert_true(IOMemoryDescriptor_getPreparationID(self) > first);
    first = IOMemoryDescriptor_getPreparationID(self);
    add(self, part, 5, 5); /* another layout */
    assert_true(IOMemoryDescriptor_getPreparationID(self) > first);
    first = IOMemoryDescriptor_getPreparationID(self);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, 0);
    assert_int_not_equal(IOMemoryDescriptor_getPreparationID(self), first); /* of no part */
    IOMemoryDescriptor_complete(part, 0);
    OSObject_release(part);
    OSObject_release(self);
}

static void cd_11_fill_clear_and_refill(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(3, kIODirectionIn);
    IOMemoryDescriptor *in = describe_pages(0, ptoa(2), kIODirectionIn);
    IOMemoryDescriptor *out = describe_pages(ptoa(4), 100, kIODirectionOut);

    (void)state;
    assert_int_equal(IOInterleavedMemoryDescriptor_prepare(self, 0), kIOReturnSuccess); /* empty */
    assert_int_equal(IOInterleavedMemoryDescriptor_complete(self, 0), kIOReturnSuccess);
    IOMemoryDescriptor_setTag(in, 9);
    for (unsigned i = 0; i < 3; i++) {
        add(self, in, i, 10);
    }
    is_refused(self, in, 0, 1, kIOReturnNoSpace);
    assert_int_equal(OSObject_getRetainCount(in), 4);
    assert_int_equal(IOInterleavedMemoryDescriptor_prepare(self, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 2);
    assert_true(IOInterleavedMemoryDescriptor_getPhysicalSegment(self, 0, NULL, 0) !=
                0); /* length: NULL */
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, kIODirectionOut);
    assert_int_equal(pins(), 0);
    assert_int_equal(OSObject_getRetainCount(in), 1);
    assert_int_equal(IOMemoryDescriptor_getLength(self), 0);
    assert_int_equal(IOMemoryDescriptor_getTag(self), 0);
    assert_int_equal(IOMemoryDescriptor_getDirection(self), kIODirectionOut);
    assert_int_equal(IOInterleavedMemoryDescriptor_complete(self, 0), kIOReturnNotReady);
    is_refused(self, in, 0, 1, kIOReturnBadArgument);
    add(self, out, 0, 100); /* cleared is unprepared */
    assert_int_equal(IOInterleavedMemoryDescriptor_prepare(self, 0), kIOReturnSuccess);
    assert_true(IOMemoryDescriptor_getFlags(out) & kIOMemoryPreparedReadOnly);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, kIODirectionNone);
    assert_int_equal(IOMemoryDescriptor_getDirection(self), kIODirectionOut);
    assert_int_equal(pins(), 0);
    OSObject_release(self);
    OSObject_release(in);
    OSObject_release(out);
}

/* Prepares are counted, not noted. */
static void cd_12_two_prepares_need_two_completes(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(3, kIODirectionIn);
    IOMemoryDescriptor *in = describe_pages(0, 100, kIODirectionIn);

    (void)state;
    add(self, in, 0, 10);
    IOMemoryDescriptor_prepare(self, 0);
    IOMemoryDescriptor_prepare(self, 0);
    assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 1);
    is_refused(self, in, 0, 1, kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnSuccess);
    assert_int_equal(pins(), 0);
    add(self, in, 0, 1);
    assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnNotReady);
    IOMemoryDescriptor_prepare(self, 0);
    IOMemoryDescriptor_prepare(self, 0);
    OSObject_release(in);
    OSObject_release(self); /* nobody completed */
    assert_int_equal(pins(), 0);
}

static void cd_15_overflowing_windows(void **state)
{
    static const struct {
        IOByteCount offset, length;
    } windows[] = {{0, 101}, {101, 0}, {100, 1}, {50, UINT64_MAX}, {UINT64_MAX, 2}, {1, -1ull}};
    IOInterleavedMemoryDescriptor *self = room_for(4, kIODirectionNone);
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionIn);
    IOAddressRange half = {0, 1ull << 63};
    IOMemoryDescriptor *large =
        IOMemoryDescriptor_withAddressRanges(&half, 1, kIOMemoryRemote, TASK_NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        is_refused(self, memory, windows[i].offset, windows[i].length, kIOReturnBadArgument);
    }
    add(self, large, 0, 1ull << 63);
    is_refused(self, large, 0, 1ull << 63, kIOReturnBadArgument); /* 2^64 in all */
    is_refused(self, IOMemoryDescriptor_upcast(self), 0, 0, kIOReturnBadArgument);
    OSObject_release(self);
    OSObject_release(large);
    OSObject_release(memory);
}

static void cd_16_dma_marks_reach_the_parts(void **state)
{
    IOInterleavedMemoryDescriptor *self = room_for(2, kIODirectionOutIn);
    IOMemoryDescriptor *part = describe_pages(0, 100, kIODirectionOutIn);

    (void)state;
    add(self, part, 0, 10);
    IOMemoryDescriptor_prepare(self, 0);
    IOMemoryDescriptor_dmaCommandOperation(self, kIOMDSetDMAActive, NULL, 0);
    assert_int_equal(IOMemoryDescriptor_complete(part, 0), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnBusy);
    is_refused(self, part, 0, 1, kIOReturnBusy);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_int_equal(IOMemoryDescriptor_getLength(self), 10);
    assert_false(IOInterleavedMemoryDescriptor_initWithCapacity(self, 1, 0));
    assert_int_equal(pins(), 1);
    IOMemoryDescriptor_dmaCommandOperation(self, kIOMDSetDMAInactive, NULL, 0);
    assert_int_equal(IOMemoryDescriptor_complete(self, 0), kIOReturnSuccess);
    assert_true(IOInterleavedMemoryDescriptor_initWithCapacity(self, 1, kIODirectionIn));
    assert_int_equal(OSObject_getRetainCount(part), 1);
    OSObject_release(self);
    OSObject_release(part);
}

static void om_9_no_object(void **state)
{
    IOByteCount length = 5;

    (void)state;
    assert_false(IOInterleavedMemoryDescriptor_initWithCapacity(NULL, 1, 0));
    assert_int_equal(IOInterleavedMemoryDescriptor_prepare(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOInterleavedMemoryDescriptor_complete(NULL, 0), kIOReturnBadArgument);
    assert_int_equal(IOInterleavedMemoryDescriptor_getPhysicalSegment(NULL, 0, &length, 0), 0);
    assert_int_equal(length, 0);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(NULL, 0);
    IOInterleavedMemoryDescriptor_free(NULL);
    assert_false(IOGuardPageMemoryDescriptor_initWithSize(NULL, 1));
    IOGuardPageMemoryDescriptor_free(NULL);
}

/* OM-10 */
static void each_allocation_of_a_creation_fails(void **state)
{
    IOInterleavedMemoryDescriptor *made = NULL;
    unsigned nth;

    (void)state;
    for (nth = 1; made == NULL; nth++) {
        fail_request(nth);
        made = IOInterleavedMemoryDescriptor_withCapacity(2, 0);
        fail_request(0);
        if (made == NULL) {
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        }
    }
    assert_int_equal(nth, 4);
    OSObject_release(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(cd_1_windows_follow_each_other),
        WITH_PAGES(cd_7_a_failing_part_unpins_the_others),
        WITH_PAGES(cd_8_refusals_keep_no_reference),
        WITH_PAGES(room_goes_with_its_list),
        WITH_PAGES(cd_9_preparation_ids),
        WITH_PAGES(cd_11_fill_clear_and_refill),
        WITH_PAGES(cd_12_two_prepares_need_two_completes),
        WITH_PAGES(cd_15_overflowing_windows),
        WITH_PAGES(cd_16_dma_marks_reach_the_parts),
        WITH_PAGES(om_9_no_object),
        WITH_PAGES(each_allocation_of_a_creation_fails),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
