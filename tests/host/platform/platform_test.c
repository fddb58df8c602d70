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
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"
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

/* The port knows pages alone: of them the classes make runs, and give back what they took. */
static struct {
    unsigned pinned, written, wanted;
    kern_return_t refusal;
} counted;

kern_return_t platform_object_wire(struct vm_object *object, uint64_t first, uint64_t count,
                                   unsigned flags, paddr_t *pages)
{
    (void)object, (void)flags;
    assert_int_equal(count, 1);
    if (counted.wanted-- == 0) {
        return counted.refusal;
    }
    /* Pages 0 and 1 lie in a row, 2 and 3 before them. */
    pages[0] = paddr(HOST_RAM_BASE + ptoa((first + 2) % 4));
    counted.pinned++;
    return KERN_SUCCESS;
}

void platform_unwire(const paddr_t *pages, uint64_t count)
{
    (void)pages;
    counted.pinned -= (unsigned)count;
}

void platform_mark_written(paddr_t start, uint64_t length)
{
    (void)start;
    counted.written += (unsigned)length;
}

/* With as much room as it takes. */
static kern_return_t wire_all(uint64_t at, uint64_t size, struct memory_runs *runs)
{
    const uint64_t end = runs->length + size;
    kern_return_t status;

    do {
        const uint64_t left = end - runs->length;

        status = platform_object_wire_run(NULL, at + (size - left), left, 0, runs);
    } while (status == KERN_NO_SPACE && IOMemoryRuns_makeRoom(runs, 0));
    return status;
}

static void pages_of_a_port_become_runs(void **state)
{
    struct memory_runs runs;

    (void)state;
    memset(&counted, 0, sizeof(counted));
    counted.wanted = 5;
    assert_true(IOMemoryRuns_init(&runs, 1));
    assert_int_equal(platform_object_wire_run(NULL, 100, 2 * PAGE_SIZE, 0, &runs), KERN_NO_SPACE);
    assert_int_equal(runs.length, PAGE_SIZE - 100);
    assert_int_equal(counted.pinned, 1); /* no page that there is no room for */
    assert_int_equal(wire_all(PAGE_SIZE, PAGE_SIZE + 100, &runs), KERN_SUCCESS);
    assert_int_equal(runs.count, 2);
    assert_int_equal(runs.list[0].address, HOST_RAM_BASE + ptoa(2) + 100);
    assert_int_equal(runs.list[0].end, 2 * PAGE_SIZE - 100);
    assert_int_equal(runs.list[1].address, HOST_RAM_BASE);
    assert_int_equal(runs.highest, HOST_RAM_BASE + ptoa(4));
    assert_int_equal(counted.pinned, 3);
    /* It goes on where the run ends, in a page that is pinned for it. */
    assert_int_equal(wire_all(ptoa(2) + 100, 50, &runs), KERN_SUCCESS);
    assert_int_equal(runs.count, 2);
    assert_int_equal(counted.pinned, 3);
    counted.refusal = KERN_MEMORY_ERROR;
    assert_int_equal(wire_all(ptoa(1), ptoa(2), &runs), KERN_MEMORY_ERROR);
    assert_int_equal(runs.length, 3 * PAGE_SIZE + 50); /* what came before it */
    assert_int_equal(counted.pinned, 4);
    platform_unwire_runs(&runs, false);
    assert_int_equal(counted.pinned, 0);
    assert_int_equal(counted.written, 0);
    counted.pinned = 4;
    platform_unwire_runs(&runs, true);
    assert_int_equal(counted.pinned, 0);
    assert_int_equal(counted.written, runs.length);
    IOMemoryRuns_free(&runs);
}

static void a_port_refuses_pages(void **state)
{
    IOBufferMemoryDescriptor *buffer = buffer_of(5000);
    const uint64_t at = (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    const uint64_t ram = at - (platform_memory_physical((void *)at).value - HOST_RAM_BASE);
    struct memory_runs bytes, runs;

    (void)state;
    assert_true(IOMemoryRuns_init(&bytes, 2));
    IOMemoryRuns_append(&bytes, at + 10, 4990);
    IOMemoryRuns_append(&bytes, ram + HOST_RAM_SIZE - 1, 2);
    assert_true(IOMemoryRuns_init(&runs, 1));
    assert_int_equal(platform_wire_runs(kernel_map, &bytes, 0, &runs), KERN_NO_SPACE);
    assert_int_equal(runs.length, PAGE_SIZE - 10);
    assert_true(IOMemoryRuns_makeRoom(&runs, 0));
    assert_int_equal(platform_wire_runs(kernel_map, &bytes, 0, &runs), KERN_INVALID_ADDRESS);
    assert_int_equal(runs.length, 4990 + 1);
    assert_int_equal(runs.list[0].address, platform_memory_physical((void *)at).value + 10);
    assert_int_equal(runs.highest, HOST_RAM_BASE + HOST_RAM_SIZE);
    IOMemoryRuns_free(&runs);
    IOMemoryRuns_free(&bytes);
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
        cmocka_unit_test(pages_of_a_port_become_runs),
        cmocka_unit_test(a_port_refuses_pages),
        cmocka_unit_test(what_needs_address_spaces_is_refused),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(everything_was_released),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
