/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of everything that an interrupt handler may call. */
#include "tests/lib/handler_calls.h"

#include <string.h>

#include "descriptors/IOMallocAccounting.h"
#include "tests/harness/harness.h"

#define DEVICE 0x9000000ull

struct shared shared;

static uint8_t pages[MEMORY_LENGTH] __attribute__((aligned(4096)));

void note_wrong(bool wrong, const char *condition)
{
    if (!wrong) {
        return;
    }
    if (__atomic_fetch_add(&shared.wrong, 1, __ATOMIC_RELAXED) == 0) {
        shared.first = condition;
    }
}

uint64_t sum_of_segments(IOMemoryDescriptorRef memory)
{
    const IOByteCount total = IOMemoryDescriptor_getLength(memory.descriptor);
    IOByteCount at = 0, length;
    uint64_t sum = 0;

    while (at < total) {
        sum = sum * 31 + IOMemoryDescriptor_getPhysicalSegment(memory, at, &length, 0);
        sum = sum * 31 + length;
        if (length == 0) {
            return 0;
        }
        at += length;
    }
    return sum;
}

uint64_t dma_walk(IOMemoryDescriptorRef memory)
{
    union {
        IOMDDMAWalkSegmentState state;
        IOMDDMAWalkSegmentArgs arguments;
    } walk = {.state = {0}};
    uint64_t bytes = 0;
    DMACommandOps operation = kIOMDFirstSegment;

    while (IOMemoryDescriptor_dmaCommandOperation(memory.descriptor, operation, &walk,
                                                  sizeof(walk)) == kIOReturnSuccess) {
        bytes += walk.arguments.fLength;
        operation = kIOMDWalkSegments;
    }
    return bytes;
}

static void make_memory(void)
{
    IOMemoryDescriptor *twice[2];

    shared.bytes = pages;
    for (unsigned i = 0; i < MEMORY_LENGTH; i++) {
        pages[i] = (uint8_t)(i * 7 + i / 4096);
    }
    shared.memory = IOMemoryDescriptor_withAddressRange((uintptr_t)pages, MEMORY_LENGTH,
                                                        kIODirectionOutIn, kernel_task);
    twice[0] = twice[1] = shared.memory;
    shared.multi = IOMultiMemoryDescriptor_withDescriptors(twice, 2, kIODirectionOutIn, false);
    shared.window = IOSubMemoryDescriptor_withSubRange(shared.multi, MEMORY_LENGTH - PAGE_SIZE,
                                                       WINDOW_LENGTH, kIODirectionOutIn);
    ASSERT_EQ(IOMemoryDescriptor_prepare(shared.memory, 0), kIOReturnSuccess);
    ASSERT_EQ(IOMemoryDescriptor_prepare(shared.window, 0), kIOReturnSuccess);
    shared.map = IOMemoryDescriptor_map(shared.memory, 0);
    ASSERT_NE(shared.map, NULL);
}

static void make_others(void)
{
    shared.buffer = IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false);
    shared.device = IODeviceMemory_withRange(DEVICE, 100);
    shared.guard = IOGuardPageMemoryDescriptor_withSize(1);
    shared.cursor = IONaturalMemoryCursor_withSpecification(0x800, 0, 1);
    shared.numbers = IORangeAllocator_withRange(NUMBERS - 1, 0, 16, IORangeAllocator_kLocking);
    shared.array = OSArray_withCapacity(2);
    for (unsigned i = 0; i < 2; i++) {
        shared.contexts[i] = OSArray_withCapacity(0);
        ASSERT_TRUE(OSArray_setObject(shared.array, shared.contexts[i]));
        OSObject_release(shared.contexts[i]); /* the array keeps it */
    }
    ASSERT_NE(shared.buffer, NULL);
    ASSERT_NE(shared.device, NULL);
    ASSERT_NE(shared.guard, NULL);
    ASSERT_NE(shared.cursor, NULL);
    ASSERT_NE(shared.numbers, NULL);
}

void make_shared(void)
{
    IOPhysicalSegment list[8];
    IOByteCount size;

    memset(&shared, 0, sizeof(shared));
    make_memory();
    make_others();
    shared.memory_references = OSObject_getRetainCount(shared.memory);
    shared.memory_sum = sum_of_segments(shared.memory);
    shared.window_sum = sum_of_segments(shared.window);
    shared.window_entries = IONaturalMemoryCursor_getPhysicalSegments(shared.cursor, shared.window,
                                                                      0, list, 8, 0, &size);
    ASSERT_EQ(size, WINDOW_LENGTH);
    ASSERT_EQ(dma_walk(shared.memory), MEMORY_LENGTH);
}

void drop_shared(void)
{
    IOFree(shared.gift, GIFT_SIZE);
    IOMallocReclaim();
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.window, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.memory, 0), kIOReturnSuccess);
    EXPECTS_REPORT(11);
    EXPECT_EQ(IOMemoryDescriptor_complete(shared.memory, 0), kIOReturnNotReady);
    OSObject_release(shared.map);
    OSObject_release(shared.window);
    OSObject_release(shared.multi);
    OSObject_release(shared.memory);
    OSObject_release(shared.buffer);
    OSObject_release(shared.device);
    OSObject_release(shared.guard);
    OSObject_release(shared.cursor);
    OSObject_release(shared.numbers);
    OSObject_release(shared.array);
}

static void call_objects(void)
{
    const int references = OSObject_getRetainCount(shared.memory);

    OSObject_retain(shared.memory);
    RIGHT(OSObject_taggedTryRetain(shared.memory, NULL));
    RIGHT(OSObject_getRetainCount(shared.memory) == references + 2);
    OSObject_releaseWhen(shared.memory, 1);
    OSObject_release(shared.memory);
    RIGHT(OSObject_getRetainCount(shared.memory) == references);
    RIGHT(OSObject_getMetaClass(shared.memory) == &IOGeneralMemoryDescriptor_metaClass);
    RIGHT(OSObject_isEqualTo(shared.memory, shared.memory));
    RIGHT(OSDynamicCast(IOMemoryMap, shared.memory) == NULL);
    RIGHT(OSDynamicCast(IOMemoryDescriptor, shared.window) != NULL);
    RIGHT(OSRequiredCast(IOSubMemoryDescriptor, shared.window) == shared.window);
    RIGHT(OSMetaClass_getInstanceCount(&IOMemoryMap_metaClass) >= 1);
    RIGHT(OSMetaClass_getTotalInstanceCount() >= 10);
    RIGHT(strcmp(OSMetaClass_getClassName(&IOMemoryMap_metaClass), "IOMemoryMap") == 0);
    RIGHT(OSMetaClass_getSuperClass(&IODeviceMemory_metaClass) == &IOMemoryDescriptor_metaClass);
    RIGHT(OSMetaClass_getClassSize(&IOMemoryMap_metaClass) != 0);
    RIGHT(OSArray_getCount(shared.array) == 2);
    RIGHT((void *)OSArray_getObject(shared.array, 0) == shared.contexts[0]);
}

static void call_attributes(void)
{
    RIGHT(IOMemoryDescriptor_getLength(shared.memory) == MEMORY_LENGTH);
    RIGHT(IOMemoryDescriptor_getDirection(shared.window) == kIODirectionOutIn);
    RIGHT((IOMemoryDescriptor_getFlags(shared.memory) & kIOMemoryTypeMask) == kIOMemoryTypeVirtual);
    RIGHT(IOMemoryDescriptor_getMetaClass(shared.device) == &IODeviceMemory_metaClass);
    RIGHT(IOMemoryDescriptor_getTag(shared.memory) <= 2); /* thread context's */
    IOMemoryDescriptor_setTag(shared.device, 7);
    RIGHT(IOMemoryDescriptor_getTag(shared.device) == 7);
    IOMemoryDescriptor_setVMTags(shared.memory, 8, 9);
    RIGHT(IOMemoryDescriptor_getVMTag(shared.memory, kernel_map) == 8);
    IOMemoryDescriptor_setMapperOptions(shared.memory, 10);
    RIGHT(IOMemoryDescriptor_getMapperOptions(shared.memory) == 10);
    RIGHT(IOMemoryDescriptor_getDescriptorID(shared.memory) != kIODescriptorIDInvalid);
    RIGHT(get_task_map(kernel_task) == kernel_map);
}

static void call_context(void)
{
    OSObject *held = IOMemoryDescriptor_copyContext(shared.memory);

    RIGHT(held == NULL || (void *)held == shared.contexts[0] || (void *)held == shared.contexts[1]);
    OSObject_release(held);
    if (shared.nameless != NULL) {
        const uint64_t number = IOMemoryDescriptor_getDescriptorID(shared.nameless);

        RIGHT(shared.number == 0 || shared.number == number);
        shared.number = number;
    }
}

static void call_bytes(void)
{
    uint8_t bytes[300];

    RIGHT(IOMemoryDescriptor_readBytes(shared.memory, PAGE_SIZE - 150, bytes, 300) == 300);
    RIGHT(memcmp(bytes, pages + PAGE_SIZE - 150, 300) == 0);
    RIGHT(IOMemoryDescriptor_writeBytes(shared.memory, HANDLER_BYTES, bytes, 300) == 300);
    RIGHT(memcmp(bytes, pages + HANDLER_BYTES, 300) == 0);
    /* The page before the seam is the handler's, and what follows is the first page. */
    RIGHT(IOMemoryDescriptor_readBytes(shared.window, 0, bytes, 300) == 300);
    RIGHT(memcmp(bytes, pages + HANDLER_BYTES, 300) == 0);
    RIGHT(IOMemoryDescriptor_readBytes(shared.window, PAGE_SIZE, bytes, 300) == 300);
    RIGHT(memcmp(bytes, pages, 300) == 0);
    RIGHT(IOMemoryDescriptor_performOperation(shared.memory, kIOMemoryIncoherentIOFlush, 0,
                                              PAGE_SIZE) == kIOReturnSuccess);
    RIGHT(IOFlushProcessorCache(kernel_task, (uintptr_t)pages, PAGE_SIZE) == kIOReturnSuccess);
}

static void call_segments(void)
{
    IOPhysicalSegment list[8];
    IOByteCount length;

    RIGHT(sum_of_segments(shared.memory) == shared.memory_sum);
    RIGHT(sum_of_segments(shared.window) == shared.window_sum);
    RIGHT(IOMemoryDescriptor_getPhysicalAddress(shared.device) == DEVICE);
    RIGHT(IOMemoryDescriptor_getPhysicalSegment(shared.guard, 0, &length, 0) == 0 && length == 0);
    RIGHT(IOMemoryLastError() == kIOReturnNotPermitted);
    RIGHT(strcmp(IOReturn_name(IOMemoryLastError()), "kIOReturnNotPermitted") == 0);
    RIGHT(IONaturalMemoryCursor_getPhysicalSegments(shared.cursor, shared.window, 0, list, 8, 0,
                                                    &length) == shared.window_entries);
    RIGHT(dma_walk(shared.window) == WINDOW_LENGTH);
}

static void call_dma(void)
{
    IOMDDMACharacteristics found;

    RIGHT(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDSetDMAActive, NULL, 0) ==
          kIOReturnSuccess);
    RIGHT(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDGetCharacteristics, &found,
                                                 sizeof(found)) == kIOReturnSuccess);
    RIGHT(found.fLength == MEMORY_LENGTH && found.fIsPrepared);
    RIGHT(IOMemoryDescriptor_dmaCommandOperation(shared.memory, kIOMDSetDMAInactive, NULL, 0) ==
          kIOReturnSuccess);
}

static void call_map(void)
{
    const uint8_t *seen = (const uint8_t *)IOMemoryMap_getAddress(shared.map);
    IOByteCount length;

    RIGHT(IOMemoryMap_getVirtualAddress(shared.map) == (uintptr_t)seen);
    RIGHT(memcmp(seen + PAGE_SIZE, pages + PAGE_SIZE, 100) == 0);
    RIGHT(IOMemoryMap_getLength(shared.map) == MEMORY_LENGTH);
    RIGHT(IOMemoryMap_getSize(shared.map) == MEMORY_LENGTH);
    RIGHT(IOMemoryMap_getAddressTask(shared.map) == kernel_task);
    RIGHT(IOMemoryMap_getMemoryDescriptor(shared.map) == shared.memory);
    RIGHT((IOMemoryMap_getMapOptions(shared.map) & kIOMapReadOnly) == 0);
    RIGHT(IOMemoryMap_getMetaClass(shared.map) == &IOMemoryMap_metaClass);
    RIGHT(IOMemoryMap_getPhysicalSegment(shared.map, PAGE_SIZE, &length, 0) ==
          IOMemoryDescriptor_getPhysicalSegment(shared.memory, PAGE_SIZE, NULL, 0));
    RIGHT(IOMemoryMap_getPhysicalAddress(shared.map) ==
          IOMemoryDescriptor_getPhysicalAddress(shared.memory));
}

static void call_buffer(void)
{
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(shared.buffer);

    RIGHT(IOBufferMemoryDescriptor_getCapacity(shared.buffer) == 100);
    RIGHT(IOBufferMemoryDescriptor_getMetaClass(shared.buffer) ==
          &IOBufferMemoryDescriptor_metaClass);
    IOBufferMemoryDescriptor_setLength(shared.buffer, 10);
    RIGHT(IOBufferMemoryDescriptor_appendBytes(shared.buffer, "abc", 3));
    RIGHT(IOMemoryDescriptor_getLength(shared.buffer) == 13 && bytes[12] == 'c');
    RIGHT(IOBufferMemoryDescriptor_getBytesNoCopyRange(shared.buffer, 10, 3) == bytes + 10);
    RIGHT(IOBufferMemoryDescriptor_getBytesNoCopyRange(shared.buffer, 10, 4) == NULL);
    IOBufferMemoryDescriptor_setDirection(shared.buffer, kIODirectionOut);
    RIGHT(IOMemoryDescriptor_getDirection(shared.buffer) == kIODirectionOut);
    IOBufferMemoryDescriptor_setDirection(shared.buffer, kIODirectionOutIn);
}

static void call_memory(void)
{
    IOMallocStatistics statistics;
    IORangeScalar start, end;
    void *gift = __atomic_exchange_n(&shared.gift, NULL, __ATOMIC_ACQUIRE);

    RIGHT(IOMalloc(10) == NULL && IOMemoryLastError() == kIOReturnCannotLock);
    RIGHT(IOMallocPageable(10, 0) == NULL && IOMemoryLastError() == kIOReturnCannotLock);
    RIGHT(IOMallocContiguous(10, 0, NULL) == NULL && IOMemoryLastError() == kIOReturnCannotLock);
    IOFree(gift, GIFT_SIZE);
    IOMallocGetStatistics(kIOMallocGeneral, &statistics);
    RIGHT(IORangeAllocator_allocate(shared.numbers, 5, &start, 0));
    RIGHT(IORangeAllocator_getFragmentCount(shared.numbers) >= 1);
    RIGHT(IORangeAllocator_getFragmentCapacity(shared.numbers) == 16);
    RIGHT(IORangeAllocator_getFreeCount(shared.numbers) <= NUMBERS - 5);
    RIGHT(IORangeAllocator_deallocate(shared.numbers, start, 5) == kIOReturnSuccess);
    RIGHT(IORangeAllocator_getFragment(shared.numbers, 0, &start, &end));
    RIGHT(IORangeAllocator_getMetaClass(shared.numbers) == &IORangeAllocator_metaClass);
}

void handler_calls(void)
{
    call_objects();
    call_attributes();
    call_context();
    call_bytes();
    call_segments();
    call_dma();
    call_map();
    call_buffer();
    call_memory();
}
