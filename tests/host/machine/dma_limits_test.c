/* SPDX-License-Identifier: BSD-2-Clause */
/* Where runs are cut for a device, and which lists obey it: each limit by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors/IODMALimits.h"

static IOReturn segment(const struct IODMALimits *limits, uint64_t address, uint64_t left,
                        bool first, bool more, uint64_t expected)
{
    uint64_t length = 0x5a5a;
    const IOReturn status = IODMALimits_segment(limits, address, left, first, more, &length);

    assert_int_equal(length, status == kIOReturnSuccess ? expected : 0x5a5a);
    return status;
}

static void each_limit_cuts_a_segment(void **state)
{
    struct IODMALimits limits = IODMALIMITS_NONE;

    (void)state;
    assert_int_equal(segment(&limits, 0x1003, 5000, true, true, 5000), kIOReturnSuccess);
    limits.highest = 0xffff;
    assert_int_equal(segment(&limits, 0x10000, 1, true, false, 0), kIOReturnMessageTooLarge);
    assert_int_equal(segment(&limits, 0xff00, 0x200, true, false, 0x100), kIOReturnSuccess);
    limits = IODMALIMITS_NONE;
    limits.longest = 100;
    assert_int_equal(segment(&limits, 7, 250, true, false, 100), kIOReturnSuccess);
    limits = IODMALIMITS_NONE;
    limits.boundaryMask = 0xfff;
    assert_int_equal(segment(&limits, 0xff0, 0x100, false, false, 0x10), kIOReturnSuccess);
}

static void alignments_refuse_what_cannot_start_or_end(void **state)
{
    struct IODMALimits limits = IODMALIMITS_NONE;

    (void)state;
    limits.firstMask = 15;
    assert_int_equal(segment(&limits, 8, 64, true, false, 0), kIOReturnNotAligned);
    assert_int_equal(segment(&limits, 8, 64, false, false, 64), kIOReturnSuccess);
    limits = IODMALIMITS_NONE;
    limits.startMask = 15;
    assert_int_equal(segment(&limits, 8, 64, true, false, 64), kIOReturnSuccess);
    assert_int_equal(segment(&limits, 8, 64, false, false, 0), kIOReturnNotAligned);
    limits = IODMALIMITS_NONE;
    limits.lengthMask = 3;
    assert_int_equal(segment(&limits, 0, 62, true, false, 0), kIOReturnNotAligned);
    limits = IODMALIMITS_NONE;
    limits.endMask = 7;
    assert_int_equal(segment(&limits, 0, 60, true, false, 60), kIOReturnSuccess); /* the last */
    assert_int_equal(segment(&limits, 0, 60, true, true, 0), kIOReturnNotAligned);
    /* No cut inside leaves an address where the next may start. */
    limits = IODMALIMITS_NONE;
    limits.longest = 8;
    limits.startMask = 15;
    assert_int_equal(segment(&limits, 0, 64, true, false, 0), kIOReturnNotAligned);
    /* Lengths of 16 that start between multiples of the ends' 8 never end on one. */
    limits = IODMALIMITS_NONE;
    limits.longest = 32;
    limits.lengthMask = 15;
    limits.endMask = 7;
    assert_int_equal(segment(&limits, 4, 64, true, true, 0), kIOReturnNotAligned);
    assert_int_equal(segment(&limits, 8, 64, true, true, 32), kIOReturnSuccess);
    /* Ends of 16, lengths of 4, from an odd address. */
    limits.lengthMask = 3;
    limits.endMask = 15;
    assert_int_equal(segment(&limits, 2, 64, true, true, 0), kIOReturnNotAligned);
    assert_int_equal(segment(&limits, 4, 64, true, true, 28), kIOReturnSuccess);
}

static void what_stays_in_place_ends_where_it_may(void **state)
{
    struct IODMALimits limits = IODMALIMITS_NONE;

    (void)state;
    assert_int_equal(IODMALimits_cover(&limits, 5, 1000, true, true), 1000);
    limits.highest = 0xffff;
    assert_int_equal(IODMALimits_cover(&limits, 0x10000, 10, true, true), 0);
    assert_int_equal(IODMALimits_cover(&limits, 0xffff, 1, true, true), 1);
    assert_int_equal(IODMALimits_cover(&limits, 0xffff, 10, true, true), 1);
    assert_int_equal(IODMALimits_cover(&limits, 0xff00, 0x1000, true, false), 0x100);
    limits.endMask = 15;
    assert_int_equal(IODMALimits_cover(&limits, 0xff00, 0x1000, true, false), 0x100);
    limits.highest = 0xff46; /* up to it is no further than it goes: the end is the last one */
    assert_int_equal(IODMALimits_cover(&limits, 0xff40, 7, true, false), 7);
    assert_int_equal(IODMALimits_cover(&limits, 0xff40, 8, true, false), 0);
    assert_int_equal(IODMALimits_cover(&limits, 0xff30, 0x18, true, false), 0x10);
    limits.highest = 0xffff;
    assert_int_equal(IODMALimits_cover(&limits, 0, 60, true, true), 48);
    assert_int_equal(IODMALimits_cover(&limits, 0, 60, true, false), 60);
    assert_int_equal(IODMALimits_cover(&limits, 0, 8, true, true), 0);
    limits.firstMask = 3;
    assert_int_equal(IODMALimits_cover(&limits, 2, 64, true, false), 0);
    limits = IODMALIMITS_NONE;
    limits.longest = 32;
    assert_int_equal(IODMALimits_cover(&limits, 0, 100, true, false), 100);
    limits.lengthMask = 7;
    assert_int_equal(IODMALimits_cover(&limits, 0, 100, true, false), 96);
    limits.startMask = 63; /* one segment, and nowhere for the next to start */
    assert_int_equal(IODMALimits_cover(&limits, 0, 100, true, false), 32);
}

static IOReturn check(const struct IODMALimits *limits, uint64_t first, uint64_t firstLength,
                      uint64_t second, uint64_t secondLength, UInt32 expected)
{
    const IOPhysicalSegment list[] = {{first, firstLength}, {second, secondLength}};
    UInt32 index = 99;
    const IOReturn status = IODMALimits_check(limits, list, 2, true, &index);

    assert_int_equal(index, status == kIOReturnSuccess ? 99 : expected);
    assert_int_equal(IODMALimits_check(limits, list, 2, true, NULL), status);
    return status;
}

static void a_list_is_judged_entry_by_entry(void **state)
{
    struct IODMALimits limits = IODMALIMITS_NONE;

    (void)state;
    assert_int_equal(IODMALimits_check(&limits, NULL, 0, true, NULL), kIOReturnSuccess);
    assert_int_equal(check(&limits, 1, 2, 3, 4, 0), kIOReturnSuccess);
    assert_int_equal(check(&limits, 1, 2, 3, 0, 1), kIOReturnBadArgument);
    assert_int_equal(check(&limits, UINT64_MAX, 2, 3, 4, 0), kIOReturnBadArgument);
    assert_int_equal(check(&limits, UINT64_MAX, 1, 3, 4, 0), kIOReturnSuccess);
    assert_int_equal(check(&limits, 0, UINT64_MAX - 1, 0, 1, 1), kIOReturnSuccess);
    assert_int_equal(check(&limits, 0, UINT64_MAX, 0, 1, 1), kIOReturnMessageTooLarge);
    limits.transfer = 100;
    assert_int_equal(check(&limits, 0, 50, 100, 50, 0), kIOReturnSuccess);
    assert_int_equal(check(&limits, 0, 50, 100, 51, 1), kIOReturnMessageTooLarge);
    limits = IODMALIMITS_NONE;
    limits.longest = 10;
    assert_int_equal(check(&limits, 0, 10, 100, 11, 1), kIOReturnMessageTooLarge);
    limits = IODMALIMITS_NONE;
    limits.highest = 99;
    assert_int_equal(check(&limits, 90, 10, 0, 1, 0), kIOReturnSuccess);
    assert_int_equal(check(&limits, 90, 11, 0, 1, 0), kIOReturnMessageTooLarge);
    limits = IODMALIMITS_NONE;
    limits.firstMask = 3;
    limits.startMask = 7;
    assert_int_equal(check(&limits, 4, 1, 8, 1, 0), kIOReturnSuccess);
    assert_int_equal(check(&limits, 2, 1, 8, 1, 0), kIOReturnNotAligned);
    assert_int_equal(check(&limits, 4, 1, 4, 1, 1), kIOReturnNotAligned);
    limits = IODMALIMITS_NONE;
    limits.lengthMask = 1;
    limits.endMask = 3;
    assert_int_equal(check(&limits, 0, 4, 2, 4, 0), kIOReturnSuccess); /* the last may */
    assert_int_equal(check(&limits, 2, 4, 0, 4, 0), kIOReturnNotAligned);
    assert_int_equal(check(&limits, 0, 4, 0, 3, 1), kIOReturnNotAligned);
    limits = IODMALIMITS_NONE;
    limits.boundaryMask = 0xff;
    assert_int_equal(check(&limits, 0xf0, 16, 0x1f0, 17, 1), kIOReturnNotAligned);
}

/* A part of a list: its last entry is not the transfer's. */
static void the_end_of_a_part_is_an_end_in_the_midst(void **state)
{
    struct IODMALimits limits = IODMALIMITS_NONE;
    const IOPhysicalSegment entry = {2, 4};

    (void)state;
    limits.endMask = 3;
    assert_int_equal(IODMALimits_check(&limits, &entry, 1, true, NULL), kIOReturnSuccess);
    assert_int_equal(IODMALimits_check(&limits, &entry, 1, false, NULL), kIOReturnNotAligned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_cuts_a_segment),
        cmocka_unit_test(alignments_refuse_what_cannot_start_or_end),
        cmocka_unit_test(what_stays_in_place_ends_where_it_may),
        cmocka_unit_test(a_list_is_judged_entry_by_entry),
        cmocka_unit_test(the_end_of_a_part_is_an_end_in_the_midst),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
