/* SPDX-License-Identifier: BSD-2-Clause */
/* What the driver side refuses of tables, of tasks that are no drivers, and of methods of nothing.
 */
#include "descriptors/IODMACommand.h"
#include "descriptors/IODriver.h"
#include "descriptors/driverkit/IODriver_private.h"
#include "descriptors/driverkit/IOHandleTable.h"
#include "descriptors/driverkit/IORPC_stub.h"
#include "kernel/inject.h"
#include "tests/host/machine/driver_good.h"

/* Tables: of no task, of the kernel, of one that has one, of more handles than there can be. */
static void tables_that_cannot_be_are_refused(void **state)
{
    const IODriverLimits many = {.handles = IOHANDLES_MOST + 1}, most = {.handles = IOHANDLES_MOST};
    IODriverUsage usage = {.handles = 5};
    struct inject_report report;
    IODriverTask *table = one.table;
    task_t task, dead;

    (void)state;
    assert_int_equal(IODriverTask_create(owner, NULL, NULL), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_create(kernel_task, NULL, &table), kIOReturnBadArgument);
    assert_null(table);
    assert_int_equal(IODriverTask_create(owner, NULL, &table), kIOReturnBusy);
    assert_int_equal(task_create(&task), KERN_SUCCESS);
    assert_int_equal(IODriverTask_create(task, &many, &table), kIOReturnBadArgument);
    inject_begin(1);
    assert_int_equal(IODriverTask_create(task, NULL, &table), kIOReturnNoMemory);
    inject_end(&report);
    assert_true(report.failed);
    assert_null(table);
    GOOD(IODriverTask_create(task, &most, &table));
    IODriverTask_release(table);
    dead = task;
    task_terminate(dead);
    assert_int_equal(IODriverTask_create(dead, NULL, &table), kIOReturnBadArgument);
    task_release(dead);
    IODriverTask_closeAll(NULL);
    IODriverTask_release(NULL);
    IODriverTask_keepDMA(NULL);
    IODriverTask_getUsage(one.table, NULL);
    IODriverTask_getUsage(NULL, &usage);
    assert_int_equal(usage.handles, 0);
    assert_int_equal(IODriverTask_retainHandle(NULL, 1), kIOReturnBadArgument);
    assert_int_equal(IODriverTask_releaseHandle(NULL, 1), kIOReturnBadArgument);
}

/* A task without a table is no driver: it is owed no memory and no maps. */
static void tasks_that_are_no_drivers_make_nothing(void **state)
{
    IOBufferMemoryDescriptor *buffer, *kept;
    IOMemoryMap *map;
    task_t task;

    (void)state;
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &kept));
    assert_int_equal(task_create(&task), KERN_SUCCESS);
    task_set_current(task);
    assert_int_equal(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 1, 0, &buffer),
                     kIOReturnNotReady);
    assert_null(buffer);
    assert_int_equal(
        IOMemoryDescriptor_CreateMapping((IOMemoryDescriptor *)kept, 0, 0, 0, 0, 0, &map),
        kIOReturnNotReady);
    assert_null(map);
    task_set_current(kernel_task);
    task_terminate(task);
    task_release(task);
    OSObject_release(kept);
}

/* Methods of no object, and without a place for what they answer. */
static void methods_of_nothing_are_refused(void **state)
{
    IOBufferMemoryDescriptor *buffer, *unmade;
    OSObject *object = NULL;
    IOMemoryDescriptor *memory, *made;
    _IOMDPrivateState memory_state;
    _IOMemoryMapPrivateState map_state;
    IOAddressSegment range;
    IODMACommand *command;
    IOMemoryMap *map;
    IOService *service = IOService_withReader("device", NULL, NULL);
    const IODMACommandSpecification wide = {.maxAddressBits = 64};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint64_t length;
    uint32_t count = 1;

    (void)state;
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &buffer));
    memory = (IOMemoryDescriptor *)buffer;
#define BAD(call) assert_int_equal(call, kIOReturnBadArgument)
    BAD(IOMemoryDescriptor__CopyState_Impl(NULL, &memory_state));
    BAD(IOMemoryDescriptor__CopyState_Impl(memory, NULL));
    BAD(IOMemoryDescriptor_CreateMapping_Impl(memory, 0, 0, 0, 0, 0, NULL));
    BAD(IOMemoryDescriptor_CreateMapping_Impl(NULL, 0, 0, 0, 0, 0, &map));
    assert_null(map);
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl(0, 0, 1, memory, NULL));
    /* Whatever stood there, nothing does. */
#define MAKES_NOTHING(call, reason)                                                                \
    do {                                                                                           \
        made = memory;                                                                             \
        assert_int_equal(call, reason);                                                            \
        assert_null(made);                                                                         \
    } while (0)
    MAKES_NOTHING(IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl(0, 0, 1, NULL, &made),
                  kIOReturnBadArgument);
    MAKES_NOTHING(IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl(0, 1, PAGE_SIZE, memory, &made),
                  kIOReturnBadArgument);
    MAKES_NOTHING(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(0, 1, NULL, &made),
                  kIOReturnBadArgument);
    MAKES_NOTHING(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(4, 1, &memory, &made),
                  kIOReturnBadArgument);
    unmade = buffer;
    BAD(IOBufferMemoryDescriptor_Create_Impl(0, 0, 0, &unmade));
    assert_null(unmade);
    BAD(IOBufferMemoryDescriptor_Create_Impl(0, UINT64_MAX, 0, &unmade));
    map = (IOMemoryMap *)buffer;
    BAD(IOMemoryDescriptor_CreateMapping_Impl(memory, 1ull << 40, 0, 0, 0, 0, &map));
    assert_null(map);
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(0, 1, &memory, NULL));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(0, 1, NULL, &made));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(0, 0, &memory, &made));
    assert_int_equal(IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(
                         0, kIORPCDescriptorsMost + 1, &memory, &made),
                     kIOReturnOverrun);
    assert_null(made);
    BAD(IOBufferMemoryDescriptor_Create_Impl(0, 1, 0, NULL));
    BAD(IOBufferMemoryDescriptor_SetLength_Impl(NULL, 0));
    BAD(IOBufferMemoryDescriptor_SetLength_Impl(NULL, 1));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(NULL, &range));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(buffer, NULL));
    BAD(IOMemoryDescriptor_GetLength(NULL, &length));
    BAD(IOMemoryDescriptor_GetLength(memory, NULL));
    BAD(IOMemoryDescriptor_Map(NULL, 0, 0, 0, 0, &length, &length));
    BAD(IOMemoryDescriptor_Map(memory, 0, 0, 0, 0, NULL, &length));
    BAD(IOMemoryDescriptor_Map(memory, 0, 0, 0, 0, &length, NULL));
    BAD(IOMemoryMap__CopyState_Impl(NULL, &map_state));
    BAD(IODMACommand_Create_Impl(service, 0, NULL, NULL));
    BAD(IODMACommand_Create_Impl(service, 0, NULL, &command));
    assert_null(command);
    BAD(IODMACommand_CompleteDMA_Impl(NULL, 0));
    BAD(IODMACommand_PrepareForDMA_Impl(NULL, 0, memory, 0, 0, &length, &count, segments));
    GOOD(IODMACommand_Create_Impl(service, 0, &wide, &command));
    BAD(IODMACommand_PrepareForDMA_Impl(command, 0, (IOMemoryDescriptor *)NULL, 0, 0, &length,
                                        &count, segments));
    BAD(IODMACommand_PrepareForDMA_Impl(command, 0, memory, 0, 0, NULL, &count, segments));
    BAD(IODMACommand_PrepareForDMA_Impl(command, 0, memory, 0, 0, &length, NULL, segments));
    BAD(IODMACommand_PrepareForDMA_Impl(command, 0, memory, 0, 0, &length, &count, NULL));
    BAD(IODMACommand_PerformOperation_Impl(NULL, kIODMACommandPerformOperationOptionZero, 0, 0, 0,
                                           memory));
    assert_ptr_equal(IODMACommand_getMetaClass(command), OSTypeID(IODMACommand));
    assert_null(IODMACommand_getMetaClass(NULL));
    OSObject_release(command);
    BAD(IODriverTask_grant(NULL, memory, &length));
    BAD(IODriverTask_grant(one.table, (OSObject *)NULL, &length));
    BAD(IODriverTask_grant(one.table, memory, NULL));
    assert_null(IODriverTask_copyObject(NULL, 1));
    GOOD(IODriverTask_retainHandle(one.table, kIORPCHandleIOMemoryDescriptor));
    BAD(IODriverTask_retainHandle(one.table, 12345));
    GOOD(IODriverTask_releaseHandle(one.table, kIORPCHandleIOMemoryDescriptor));
    BAD(IODriverTask_releaseHandle(one.table, 12345));
    /* A buffer that has not been made has no bytes; an object of another class is none of those. */
    unmade = (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
    assert_int_equal(IOBufferMemoryDescriptor_GetAddressRange(unmade, &range), kIOReturnNotReady);
    BAD(IORPC_adopt((uint64_t)unmade, OSTypeID(IODMACommand), &object)); /* and is released */
    assert_null(object);
    OSObject_release(buffer);
    OSObject_release(service);
}

/* Each of a driver's words for a map is one of the kernel's, and no two of a kind go together. */
static void words_for_a_map_are_the_kernels(void **state)
{
    static const struct {
        uint64_t word;
        IOOptionBits options;
        uint64_t guard;
    } words[] = {{kIOMemoryMapCacheModeDefault, kIOMapDefaultCache, PAGE_SIZE},
                 {kIOMemoryMapCacheModeInhibit, kIOMapInhibitCache, PAGE_SIZE},
                 {kIOMemoryMapCacheModeCopyback, kIOMapCopybackCache, PAGE_SIZE},
                 {kIOMemoryMapCacheModeWriteThrough, kIOMapWriteThruCache, PAGE_SIZE},
                 {kIOMemoryMapCacheModeRealTime, kIOMapRealTimeCache, PAGE_SIZE},
                 {kIOMemoryMapGuardedNone, 0, 0},
                 {kIOMemoryMapGuardedDefault, 0, PAGE_SIZE},
                 {kIOMemoryMapGuardedSmall, 0, PAGE_SIZE},
                 {kIOMemoryMapGuardedLarge, 0, IOMAP_LARGE_GUARD},
                 {kIOMemoryMapReadOnly, kIOMapReadOnly, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map;

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_int_equal(
            IOMemoryDescriptor_CreateMapping_Impl(memory, words[i].word, 0, 0, 0, 0, &map),
            kIOReturnSuccess);
        assert_int_equal(map->options & (kIOMapCacheMask | kIOMapReadOnly), words[i].options);
        assert_int_equal(IOMemoryMap_guardSize(map->options), words[i].guard);
        assert_true((map->options & kIOMapAnywhere) != 0);
        OSObject_release(map);
    }
    BAD(IOMemoryDescriptor_CreateMapping_Impl(
        memory, kIOMemoryMapCacheModeInhibit | kIOMemoryMapCacheModeCopyback, 0, 0, 0, 0, &map));
    assert_null(map);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(tables_that_cannot_be_are_refused),
        DRIVER_TEST(tasks_that_are_no_drivers_make_nothing),
        DRIVER_TEST(methods_of_nothing_are_refused),
        MAP_TEST(words_for_a_map_are_the_kernels),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
