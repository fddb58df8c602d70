/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: factories and initialisers of every class but buffers (the check OM-10). */
#include "descriptors/IOBigMemoryCursor.h"
#include "descriptors/IOLittleMemoryCursor.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/OSArray.h"
#include "kernel/heap.h"
#include "tests/host/machine/inject_sweep.h"

static IOReturn ranges_of_owner(IOOptionBits options)
{
    IOAddressRange ranges[] = {{things.at + 5, 100},
                               {things.at + 2 * PAGE_SIZE, PAGE_SIZE},
                               {things.at + 300, 0},
                               {things.at + PAGE_SIZE - 1, 2}};

    return inject_made(IOMemoryDescriptor_withOptions(
        ranges, 4, 0, owner, kIODirectionOutIn | kIOMemoryTypeVirtual64 | options, NULL));
}

static IOReturn virtual(void)
{
    return ranges_of_owner(0);
}

static IOReturn virtual_in_place(void)
{
    return ranges_of_owner(kIOMemoryAsReference);
}

static IOReturn virtual_thread_safe(void)
{
    return ranges_of_owner(kIOMemoryThreadSafe | kIOMemoryMapCopyOnWrite);
}

static IOReturn virtual_prepared(void)
{
    return ranges_of_owner(kIOMemoryAutoPrepare);
}

static IOReturn persistent(void)
{
    return ranges_of_owner(kIOMemoryPersistent);
}

static IOReturn persistent_prepared(void)
{
    return ranges_of_owner(kIOMemoryPersistent | kIOMemoryAutoPrepare);
}

static IOReturn persistent_again(void)
{
    return inject_made(IOMemoryDescriptor_withPersistentMemoryDescriptor(things.persistent));
}

static IOReturn persistent_of_what_is_there_now(void)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPersistentMemoryDescriptor(things.replaced);

    assert_ptr_not_equal(memory, things.replaced);
    return inject_made(memory);
}

static IOReturn one_range(void)
{
    return inject_made(IOMemoryDescriptor_withAddressRange(things.at, 100, kIODirectionIn, owner));
}

static IOReturn kernel_memory(void)
{
    uint8_t *bytes;
    IOReturn status;

    bytes = heap_alloc(100);
    if (bytes == NULL) {
        return kIOReturnNoMemory;
    }
    status = inject_made(IOMemoryDescriptor_withAddress(bytes, 100, kIODirectionIn));
    heap_free(bytes);
    return status;
}

static IOReturn physical_range(void)
{
    return inject_made(IOMemoryDescriptor_withPhysicalAddress(DEVICE, 100, kIODirectionIn));
}

static IOReturn physical_ranges(void)
{
    IOAddressRange ranges[] = {{DEVICE, 100}, {SIM_RAM_BASE, 5000}, {DEVICE, 0}};

    return inject_made(
        IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, TASK_NULL));
}

static IOReturn remote(void)
{
    return inject_made(IOMemoryDescriptor_withAddressRange(
        DEVICE, 100, kIODirectionOutIn | kIOMemoryRemote, TASK_NULL));
}

/* One after the other in the same object; whatever fails, it can be released. */
static IOReturn ranges_anew(void)
{
    IOAddressRange ranges[] = {{things.at, 100}, {things.at + 5000, 100}, {things.at + 9000, 9}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange(things.at, 100, kIODirectionIn, owner);
    IOReturn status;

    if (memory == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(IOMemoryDescriptor_initWithOptions(
        memory, ranges, 3, 0, owner, kIODirectionOutIn | kIOMemoryTypeVirtual | kIOMemoryPersistent,
        NULL));
    OSObject_release(memory);
    return status;
}

static IOReturn window(void)
{
    return inject_made(
        IOSubMemoryDescriptor_withSubRange(things.multi, 10, 5000, kIODirectionOutIn));
}

static IOReturn window_anew(void)
{
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(things.memory, 10, 50, kIODirectionOutIn);
    IOReturn status;

    if (sub == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(
        IOSubMemoryDescriptor_initSubRange(sub, things.multi, 0, 5000, kIODirectionOutIn));
    OSObject_release(sub);
    return status;
}

static IOReturn multi(void)
{
    IOMemoryDescriptor *children[] = {things.memory, (IOMemoryDescriptor *)things.guard,
                                      things.memory, (IOMemoryDescriptor *)things.sub};

    return inject_made(
        IOMultiMemoryDescriptor_withDescriptors(children, 4, kIODirectionOutIn, true));
}

static IOReturn multi_anew(void)
{
    IOMemoryDescriptor *children[] = {things.prepared, (IOMemoryDescriptor *)things.guard,
                                      things.memory, (IOMemoryDescriptor *)things.sub};
    IOMultiMemoryDescriptor *self =
        IOMultiMemoryDescriptor_withDescriptors(children, 1, kIODirectionOutIn, false);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = IOMemoryDescriptor_prepare(self, 0);
    if (status == kIOReturnSuccess) {
        status = inject_done(
            IOMultiMemoryDescriptor_initWithDescriptors(self, children, 4, kIODirectionIn, false));
    }
    OSObject_release(self);
    return status;
}

static IOReturn interleaved(void)
{
    IOInterleavedMemoryDescriptor *self =
        IOInterleavedMemoryDescriptor_withCapacity(3, kIODirectionOutIn);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.prepared, 1, 5000) &&
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.multi, 5000, 5000));
    if (status == kIOReturnSuccess) {
        status = IOMemoryDescriptor_prepare(self, 0);
    }
    OSObject_release(self);
    return status;
}

static IOReturn interleaved_anew(void)
{
    IOInterleavedMemoryDescriptor *self =
        IOInterleavedMemoryDescriptor_withCapacity(1, kIODirectionOutIn);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.prepared, 1, 5000) &&
        IOInterleavedMemoryDescriptor_initWithCapacity(self, 100, kIODirectionOutIn) &&
        IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, things.multi, 5000, 5000));
    if (status == kIOReturnSuccess) {
        IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, kIODirectionIn);
    }
    OSObject_release(self);
    return status;
}

static IOReturn device(void)
{
    return inject_made(IODeviceMemory_withRange(DEVICE, 100));
}

static IOReturn device_window(void)
{
    return inject_made(IODeviceMemory_withSubRange(things.device, 100, 100));
}

static IOReturn device_array(void)
{
    IODeviceMemory_InitElement list[] = {{DEVICE, 100, 1}, {DEVICE + 200, 0, 2}, {DEVICE, 5, 3}};

    return inject_made(IODeviceMemory_arrayFromList(list, 3));
}

static IOReturn guard(void)
{
    return inject_made(IOGuardPageMemoryDescriptor_withSize(100));
}

static IOReturn guard_anew(void)
{
    IOGuardPageMemoryDescriptor *self = IOGuardPageMemoryDescriptor_withSize(100);
    IOReturn status;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    status = inject_done(IOGuardPageMemoryDescriptor_initWithSize(self, 9000));
    OSObject_release(self);
    return status;
}

static void no_segment(IOPhysicalSegment segment, void *segments, UInt32 index)
{
    (void)segment;
    (void)segments;
    (void)index;
}

static IOReturn cursor(void)
{
    return inject_made(IOMemoryCursor_withSpecification(no_segment, 0, 0, 1));
}

static IOReturn natural_cursor(void)
{
    return inject_made(IONaturalMemoryCursor_withSpecification(0, 0, 1));
}

static IOReturn big_cursor(void)
{
    return inject_made(IOBigMemoryCursor_withSpecification(0, 0, 1));
}

static IOReturn little_cursor(void)
{
    return inject_made(IOLittleMemoryCursor_withSpecification(0, 0, 1));
}

static IOReturn array(void)
{
    OSArray *self = OSArray_withCapacity(1);
    IOReturn status = kIOReturnSuccess;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    for (unsigned i = 0; i < 20 && status == kIOReturnSuccess; i++) {
        status = inject_done(OSArray_setObject(self, things.memory));
        assert_int_equal(OSArray_getCount(self), i + (status == kIOReturnSuccess));
    }
    OSObject_release(self);
    return status;
}

/* Every second number is taken, so that the list of free parts grows. */
static IOReturn range_allocator(void)
{
    IORangeAllocator *self = IORangeAllocator_withRange(99, 0, 1, IORangeAllocator_kLocking);
    IOReturn status = kIOReturnSuccess;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    for (unsigned i = 0; i < 20 && status == kIOReturnSuccess; i++) {
        status = inject_done(IORangeAllocator_allocateRange(self, 2 * i, 1));
        assert_int_equal(IORangeAllocator_getFreeCount(self),
                         100 - i - (status == kIOReturnSuccess));
    }
    for (unsigned i = 0; IORangeAllocator_getFreeCount(self) < 100;
         i++) { /* which needs no memory */
        assert_int_equal(IORangeAllocator_deallocate(self, 2 * i, 1), kIOReturnSuccess);
    }
    OSObject_release(self);
    return status;
}

static const struct inject_operation operations[] = {
    {"withOptions, virtual", virtual, false, 0},
    {"withOptions, ranges used in place", virtual_in_place, false, 0},
    {"withOptions, thread-safe, copy-on-write", virtual_thread_safe, false, 0},
    {"withOptions, auto-prepare", virtual_prepared, true, 0},
    {"withOptions, persistent", persistent, false, 0},
    {"withOptions, persistent, auto-prepare", persistent_prepared, true, 0},
    {"withPersistentMemoryDescriptor, same memory", persistent_again, false, 0},
    {"withPersistentMemoryDescriptor, other memory", persistent_of_what_is_there_now, false, 0},
    {"withAddressRange", one_range, false, 0},
    {"withAddress", kernel_memory, false, 0},
    {"withPhysicalAddress", physical_range, false, 0},
    {"withAddressRanges, physical", physical_ranges, false, 0},
    {"withAddressRange, remote", remote, false, 0},
    {"initWithOptions again", ranges_anew, false, 0},
    {"withSubRange", window, false, 0},
    {"initSubRange again", window_anew, false, 0},
    {"withDescriptors", multi, false, 0},
    {"initWithDescriptors again, while prepared", multi_anew, false, 0},
    {"interleaved: windows, prepare", interleaved, true, 0},
    {"interleaved: initWithCapacity again", interleaved_anew, false, 0},
    {"device memory: withRange", device, false, 0},
    {"device memory: withSubRange", device_window, false, 0},
    {"device memory: arrayFromList", device_array, false, 0},
    {"guard page: withSize", guard, false, 0},
    {"guard page: initWithSize again", guard_anew, false, 0},
    {"cursor", cursor, false, 0},
    {"natural cursor", natural_cursor, false, 0},
    {"big-endian cursor", big_cursor, false, 0},
    {"little-endian cursor", little_cursor, false, 0},
    {"array that grows", array, false, 0},
    {"range allocator that grows", range_allocator, false, 0},
};

int main(void)
{
    return inject_main(operations, sizeof(operations) / sizeof(operations[0]));
}
