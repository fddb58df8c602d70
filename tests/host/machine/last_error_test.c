/* SPDX-License-Identifier: BSD-2-Clause */
/* The last error is of the last call that failed, and says why; those that succeed leave it alone.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IODMAController.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOGeneralMemoryDescriptor.h"
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IONaturalMemoryCursor.h"
#include "descriptors/IORangeAllocator.h"
#include "descriptors/IOService.h"
#include "descriptors/IOWorkLoop.h"
#include "tests/host/machine/map_composite.h"

#define FORMER kIOReturnOffline /* that no call here fails with */

#define KEEPS(call)                                                                                \
    do {                                                                                           \
        platform_set_last_error(FORMER);                                                           \
        call;                                                                                      \
        assert_int_equal(IOMemoryLastError(), FORMER);                                             \
    } while (false)

/* A creation, which leaves it alone, and what it made. */
#define MADE(call)                                                                                 \
    ({                                                                                             \
        __typeof__(call) made_;                                                                    \
        KEEPS(made_ = (call));                                                                     \
        assert_non_null(made_);                                                                    \
        made_;                                                                                     \
    })

/* A call that answers with nothing or false, and not with a status. */
#define SAYS(call, reason)                                                                         \
    do {                                                                                           \
        platform_set_last_error(FORMER);                                                           \
        assert_false(call);                                                                        \
        assert_int_equal(IOMemoryLastError(), reason);                                             \
    } while (false)

static void refused_memory(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, 100, kIODirectionOutIn, owner);
    IOMemoryDescriptor *remote = describe(at, 100, kIODirectionOutIn | kIOMemoryRemote, owner);
    IODeviceMemory *device = IODeviceMemory_withRange(DEVICE, 100);
    IOMemoryDescriptor *const none = NULL;
    IOAddressRange range = {at, 100};

    (void)state;
    SAYS(IOMemoryDescriptor_withAddressRanges(&range, 1, kIOMemoryTypeVirtual, owner),
         kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_withAddress(&range, 8, 0x100), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_withPhysicalAddress(SIM_RAM_BASE, 8, 0x100), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_withPersistentMemoryDescriptor(memory), kIOReturnBadArgument);
    SAYS(IODeviceMemory_withRange(SIM_RAM_BASE, 8), kIOReturnBadArgument);
    SAYS(IODeviceMemory_withSubRange(device, 1, 100), kIOReturnBadArgument);
    SAYS(IODeviceMemory_arrayFromList(NULL, 1), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_map(remote, 0), kIOReturnNotAttached);
    SAYS(IOGeneralMemoryDescriptor_serialize((IOGeneralMemoryDescriptor *)memory, NULL),
         kIOReturnUnsupported);
    SAYS((IOMemoryDescriptor_setVMTags(memory, UINT16_MAX + 1, 0), false), kIOReturnBadArgument);
    SAYS((IOMemoryDescriptor_setVMTags(memory, 0, UINT16_MAX + 1), false), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_readBytes(memory, 100, &range, 1), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_writeBytes(memory, 99, &range, 2), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0x100), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_getDMAMapLength(none, NULL), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_readBytes(none, 0, &range, 1), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_writeBytes(none, 0, &range, 1), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_getPhysicalSegment(none, 0, NULL, 0), kIOReturnBadArgument);
    SAYS((IOBufferMemoryDescriptor_setLength(NULL, 1), false), kIOReturnBadArgument);
    OSObject_release(device);
    OSObject_release(remote);
    OSObject_release(memory);
}

static void refused_maps(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 100, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    IOMemoryMap *fresh = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

    (void)state;
    SAYS(IOMemoryMap_init(map, other, 0, 0, 0, 8), kIOReturnBadArgument);
    SAYS(IOMemoryMap_init(fresh, TASK_NULL, 0, 0, 0, 8), kIOReturnBadArgument);
    assert_true(IOMemoryMap_init(fresh, other, 0, 0, 0, 8));
    SAYS(IOMemoryMap_setMemoryDescriptor(fresh, memory, 93), kIOReturnBadArgument);
    SAYS(IOMemoryMap_getPhysicalSegment(map, 100, NULL, 0), kIOReturnBadArgument);
    SAYS(IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 1, 100),
         kIOReturnBadArgument);
    OSObject_release(fresh);
    OSObject_release(map);
    OSObject_release(memory);
}

static void refused_services(void **state)
{
    IOWorkLoop *loop = MADE(IOWorkLoop_workLoopWithOptions(0));
    IOService *service = MADE(IOService_withReader("service", NULL, NULL));
    IOInterruptEventSource *source =
        (IOInterruptEventSource *)OSMetaClass_allocate(&IOInterruptEventSource_metaClass);

    (void)state;
    SAYS(IOWorkLoop_init(loop), kIOReturnNotPermitted);
    SAYS(IOWorkLoop_workLoopWithOptions(0x100), kIOReturnBadArgument);
    SAYS(IOEventSource_init(source, NULL, NULL), kIOReturnBadArgument);
    SAYS(IOInterruptEventSource_init(source, (OSObject *)loop, NULL, NULL, -1),
         kIOReturnBadArgument);
    SAYS(IOService_withReader(NULL, NULL, NULL), kIOReturnBadArgument);
    SAYS(IODMAController_getController(service, 0), kIOReturnNotFound);
    SAYS(IOMapperIOVMAlloc(1), kIOReturnNotFound);
    SAYS((IOMapperIOVMFree(1, 1), false), kIOReturnNotFound);
    OSObject_release(source);
    OSObject_release(service);
    OSObject_release(loop);
}

static void buffers(void **state)
{
    IOBufferMemoryDescriptor *buffer =
        MADE(IOBufferMemoryDescriptor_withCapacity(100, kIODirectionOutIn, false));
    const uint64_t source = new_pages(owner, 1, RW);

    (void)state;
    KEEPS(IOBufferMemoryDescriptor_setLength(buffer, 10));
    KEEPS(IOBufferMemoryDescriptor_setDirection(buffer, kIODirectionIn));
    KEEPS(assert_true(IOBufferMemoryDescriptor_appendBytes(buffer, "abc", 3)));
    KEEPS(assert_non_null(IOBufferMemoryDescriptor_getBytesNoCopyRange(buffer, 1, 12)));
    OSObject_release(buffer);
    OSObject_release(MADE(IOBufferMemoryDescriptor_withBytes("abc", 3, kIODirectionOut, false)));
    OSObject_release(MADE(IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, 3, 100)));
    OSObject_release(MADE(IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionOutIn, 100, 0xfffffff0)));
    OSObject_release(MADE(IOBufferMemoryDescriptor_withCopy(
        other, kIODirectionOutIn | kIOMemoryPageable, task_map(owner), source, 100)));
}

static void general_memory(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory =
        MADE(IOMemoryDescriptor_withAddressRange(at, PAGE_SIZE, kIODirectionOutIn, owner));
    IOMemoryDescriptor *persistent = MADE(IOMemoryDescriptor_withAddressRange(
        at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryPersistent, owner));
    IOByteCount length;
    uint8_t byte = 1;
    IOMemoryMap *map;

    (void)state;
    OSObject_release(MADE(IOMemoryDescriptor_withPersistentMemoryDescriptor(persistent)));
    KEEPS(assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess));
    KEEPS(assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 7, &byte, 1), 1));
    KEEPS(assert_int_equal(IOMemoryDescriptor_readBytes(memory, 7, &byte, 1), 1));
    KEEPS(assert_int_not_equal(IOMemoryDescriptor_getPhysicalSegment(memory, 0, &length, 0), 0));
    KEEPS(assert_int_not_equal(IOMemoryDescriptor_getPhysicalAddress(memory), 0));
    KEEPS(assert_int_equal(IOMemoryDescriptor_getDMAMapLength(memory, NULL), PAGE_SIZE));
    map = MADE(IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 0, 0));
    KEEPS(assert_int_not_equal(IOMemoryMap_getPhysicalSegment(map, 8, &length, 0), 0));
    OSObject_release(
        MADE(IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 8, 16)));
    OSObject_release(map);
    OSObject_release(MADE(IOMemoryDescriptor_setMapping(memory, owner, at, 0)));
    KEEPS(assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess));
    OSObject_release(persistent);
    OSObject_release(memory);
}

static void composites(void **state)
{
    IOMemoryDescriptor *parts[2];
    IOInterleavedMemoryDescriptor *mixed;
    IOSubMemoryDescriptor *sub;

    (void)state;
    two_pages(parts);
    OSObject_release(MADE(IOMultiMemoryDescriptor_withDescriptors(parts, 2, 3, false)));
    sub = MADE(IOSubMemoryDescriptor_withSubRange(parts[0], 1, 2, 3));
    KEEPS(assert_true(IOSubMemoryDescriptor_initSubRange(sub, parts[1], 3, 4, 3)));
    OSObject_release(sub);
    mixed = MADE(IOInterleavedMemoryDescriptor_withCapacity(20, 3));
    KEEPS(assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(mixed, parts[0], 0, 8)));
    KEEPS(IOInterleavedMemoryDescriptor_clearMemoryDescriptors(mixed, 1));
    OSObject_release(mixed);
    OSObject_release(MADE(IOGuardPageMemoryDescriptor_withSize(1)));
    release_both(parts);
}

static void lists_and_numbers(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *memory = describe(SIM_RAM_BASE, 64, kIODirectionOutIn, TASK_NULL);
    IONaturalMemoryCursor *cursor = MADE(IONaturalMemoryCursor_withSpecification(0, 0, 0));
    IORangeAllocator *numbers = MADE(IORangeAllocator_withRange(100, 0, 4, 0));
    IODMACommand *command = MADE(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                                       &any, kMapped, NULL, NULL));
    IOPhysicalSegment segment;
    IORangeScalar number;
    uint8_t bytes[8];

    (void)state;
    KEEPS(assert_int_equal(
        IONaturalMemoryCursor_getPhysicalSegments(cursor, memory, 0, &segment, 1, 0, NULL), 1));
    KEEPS(assert_true(IORangeAllocator_allocate(numbers, 4, &number, 0)));
    KEEPS(assert_true(IORangeAllocator_allocateRange(numbers, 50, 4)));
    OSObject_release(MADE(IODMACommand_cloneCommand(command, NULL)));
    OSObject_release(MADE(IODMACommand_withRefCon(NULL)));
    KEEPS(assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true),
                           kIOReturnSuccess));
    KEEPS(assert_int_equal(IODMACommand_readBytes(command, 0, bytes, 8), 8));
    KEEPS(assert_int_equal(IODMACommand_writeBytes(command, 0, bytes, 8), 8));
    KEEPS(IOMappedWrite32(SIM_RAM_BASE, 5));
    KEEPS(assert_int_equal(IOMappedRead32(SIM_RAM_BASE), 5));
    OSObject_release(command);
    OSObject_release(numbers);
    OSObject_release(cursor);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(refused_memory),    MAP_TEST(refused_maps),   MAP_TEST(refused_services),
        MAP_TEST(buffers),           MAP_TEST(general_memory), MAP_TEST(composites),
        MAP_TEST(lists_and_numbers),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
