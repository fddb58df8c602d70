/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classes over the smallest embedding: what needs no address spaces works, and
 * what does is refused, never reached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/platform.h"
#include "embed/examples/port/port.h"

static IOBufferMemoryDescriptor *buffer_of(uint64_t capacity)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(capacity, kIODirectionOutIn, false);

    assert_non_null(buffer);
    return buffer;
}

static void buffers_and_windows_have_segments(void **state)
{
    IOBufferMemoryDescriptor *buffer = buffer_of(10000);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(buffer, 4000, 200, kIODirectionOutIn);
    IOMemoryDescriptor *parts[] = {IOMemoryDescriptor_upcast(sub),
                                   IOMemoryDescriptor_upcast(buffer)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(4096, 0, 1);
    const uint64_t at =
        platform_memory_physical(IOBufferMemoryDescriptor_getBytesNoCopy(buffer)).value;
    IOPhysicalSegment segments[8];
    IOByteCount size;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, multi, 0, segments, 8, 0, &size), 4);
    assert_int_equal(size, 10200);
    assert_int_equal(segments[0].location, at + 4000);
    assert_int_equal(segments[0].length, 200);
    assert_int_equal(segments[1].location, at);
    assert_int_equal(segments[3].location, at + 8192);
    assert_int_equal(segments[3].length, 10000 - 8192);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(cursor);
    OSObject_release(multi);
    OSObject_release(sub);
    OSObject_release(buffer);
}

static void bytes_go_in_and_out(void **state)
{
    IOBufferMemoryDescriptor *buffer = buffer_of(5000);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)bytes + 10, 4000, kIODirectionOutIn, kernel_task);
    IOMemoryDescriptor *outside =
        IOMemoryDescriptor_withPhysicalAddress(0x1000, 16, kIODirectionIn);
    char got[6] = "";

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 90, "hello", 6), 6);
    assert_string_equal((char *)bytes + 100, "hello");
    assert_int_equal(IOMemoryDescriptor_readBytes(buffer, 100, got, 6), 6);
    assert_string_equal(got, "hello");
    assert_int_equal(IOMemoryDescriptor_performOperation(memory, kIOMemoryIncoherentIOFlush, 0, 10),
                     kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    /* Where the CPU reaches nothing. */
    assert_int_equal(IOMemoryDescriptor_readBytes(outside, 0, got, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnVMError);
    assert_int_equal(
        IOMemoryDescriptor_performOperation(outside, kIOMemoryIncoherentIOStore, 0, 10),
        kIOReturnUnderrun);
    OSObject_release(outside);
    OSObject_release(memory);
    OSObject_release(buffer);
}

static void what_needs_address_spaces_is_refused(void **state)
{
    IOBufferMemoryDescriptor *buffer = buffer_of(5000);
    IOMemoryDescriptor *physical =
        IOMemoryDescriptor_withPhysicalAddress(HOST_RAM_BASE, 4096, kIODirectionIn);

    (void)state;
    assert_null(IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionIn | kIOMemoryPageable, 5000, 1));
    assert_null(
        IOMemoryDescriptor_createMappingInTask(physical, kernel_task, 0, kIOMapAnywhere, 0, 0));
    assert_null(IOMemoryDescriptor_createMappingInTask(buffer, kernel_task, 0,
                                                       kIOMapAnywhere | kIOMapUnique, 0, 0));
    OSObject_release(physical);
    OSObject_release(buffer);
}

static void no_memory_is_told(void **state)
{
    IORangeAllocator *ranges = IORangeAllocator_withRange(99, 0, 4, 0);
    IORangeScalar start;

    (void)state;
    assert_null(IOBufferMemoryDescriptor_withCapacity(2 * HOST_RAM_SIZE, kIODirectionIn, false));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    assert_true(IORangeAllocator_allocate(ranges, 10, &start, 0));
    assert_int_equal(start, 0);
    OSObject_release(ranges);
}

static void everything_was_released(void **state)
{
    (void)state;
    assert_int_equal(OSMetaClass_getTotalInstanceCount(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_and_windows_have_segments),
        cmocka_unit_test(bytes_go_in_and_out),
        cmocka_unit_test(what_needs_address_spaces_is_refused),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(everything_was_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
