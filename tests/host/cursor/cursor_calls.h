/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of cursors: a list that checks how it is filled, and the call that fills it. */
#ifndef TESTS_HOST_CURSOR_CALLS_H
#define TESTS_HOST_CURSOR_CALLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "tests/host/machine/kernel_pages.h"

#define GIB (1ull << 30)

static IOPhysicalSegment list[64];
static UInt32 calls;
static void *pointer; /* the second argument of each call */

static inline void record(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    assert_int_equal(index, calls);
    assert_ptr_equal(segments, pointer);
    assert_true(index < 64);
    list[index] = segment;
    calls++;
}

/* One call; returns what it returned. */
static inline UInt32 gen(IOMemoryCursor *cursor, IOMemoryDescriptorRef memory, IOByteCount from,
                         UInt32 maxSegments, UInt32 maxTransfer, IOByteCount *size)
{
    calls = 0;
    *size = 0xdead;
    return IOMemoryCursor_genPhysicalSegments(cursor, memory, from, pointer, maxSegments,
                                              maxTransfer, size);
}

static inline IOMemoryCursor *cursor_with(uint64_t segment, uint64_t transfer, uint64_t alignment)
{
    IOMemoryCursor *cursor = IOMemoryCursor_withSpecification(record, segment, transfer, alignment);

    assert_non_null(cursor);
    return cursor;
}

static inline IOMemoryDescriptor *physical(IOAddressRange *ranges, UInt32 count)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);

    assert_non_null(memory);
    return memory;
}

static inline void expect_entry(UInt32 index, uint64_t location, uint64_t length)
{
    assert_int_equal(list[index].location, location);
    assert_int_equal(list[index].length, length);
}

#endif
