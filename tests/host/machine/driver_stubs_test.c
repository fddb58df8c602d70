/* SPDX-License-Identifier: BSD-2-Clause */
/* The stubs of memory's messages, called in the kernel: the same answers, and what is missing. */
#include "descriptors/IODeviceMemory.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/driver_good.h"
#include "tests/host/machine/map_composite.h"
#include "tests/lib/portable/driverkit_calls.h"

/* The same stubs in the kernel, for the same task, through the same checks. */
static void dk_10_stubs_in_the_kernel_answer_the_same(void **state)
{
    IOBufferMemoryDescriptor *buffer;
    IOMemoryDescriptor *parts[2], *window, *both;
    IOMemoryMap *map;
    IOAddressSegment range;
    _IOMDPrivateState now;
    _IOMemoryMapPrivateState where;
    uint64_t length;

    (void)state;
    task_set_current(one.task);
    assert_int_equal(IOBufferMemoryDescriptor_Create(4, 1, 0, &buffer), kIOReturnBadArgument);
    assert_null(buffer);
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, 2 * PAGE_SIZE, 65536, &buffer));
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
    assert_int_equal(range.address % 65536, 0);
    assert_int_equal(range.length, 2 * PAGE_SIZE);
    assert_int_equal(IOBufferMemoryDescriptor_SetLength(buffer, 2 * PAGE_SIZE + 1),
                     kIOReturnBadArgument);
    GOOD(IOBufferMemoryDescriptor_SetLength(buffer, PAGE_SIZE));
    GOOD(IOMemoryDescriptor_GetLength(UP(buffer), &length));
    assert_int_equal(length, PAGE_SIZE);
    GOOD(IOMemoryDescriptor__CopyState(UP(buffer), &now));
    assert_int_equal(now.length, PAGE_SIZE);
    assert_int_equal(IOMemoryDescriptor_CreateMapping(UP(buffer), 1ull << 40, 0, 0, 0, 0, &map),
                     kIOReturnBadArgument);
    GOOD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, 0, 0, 0, &map));
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), one.task);
    GOOD(try_store(one.task, IOMemoryMap_GetAddress(map))); /* its creator's */
    GOOD(IOMemoryMap__CopyState(map, &where));
    assert_int_equal(where.address, IOMemoryMap_GetAddress(map));
    assert_int_equal(where.length, IOMemoryMap_GetLength(map));
    assert_int_equal(where.offset, IOMemoryMap_GetOffset(map));
    assert_int_equal(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionIn, 0, 1,
                                                                  UP(buffer), &window),
                     kIOReturnNotPermitted);
    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 0, PAGE_SIZE,
                                                      UP(buffer), &window));
    parts[0] = parts[1] = window;
    assert_int_equal(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 33, parts, &both),
                     kIOReturnOverrun);
    assert_int_equal(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 2, NULL, &both),
                     kIOReturnBadArgument);
    GOOD(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionOut, 2, parts, &both));
    GOOD(IOMemoryDescriptor_GetLength(both, &length));
    assert_int_equal(length, 2 * PAGE_SIZE);
    task_set_current(two.task);
    GOOD(IOMemoryMap__CopyState(map, &where));
    assert_int_equal(where.address, 0);
    task_set_current(kernel_task);
    OSObject_release(both);
    OSObject_release(window);
    OSObject_release(map);
    OSObject_release(buffer);
}

/* The same as tests/target/driverkit.c. */
static void dk_10_each_method_and_refusal_by_its_stub(void **state)
{
    IOService *device = IOService_withReader("device", NULL, NULL);

    (void)state;
    assert_int_equal(driverkit_calls(one.task, device), 0);
    OSObject_release(device);
}

/* Local methods, and calls without what they need. */
static void what_is_missing_is_named(void **state)
{
    IOBufferMemoryDescriptor *buffer;
    IOMemoryDescriptor *memory;
    IOMemoryMap *map;
    IOAddressSegment range;
    uint64_t value;

    (void)state;
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, 1, 0, &buffer));
#define BAD(call) assert_int_equal(call, kIOReturnBadArgument)
    BAD(IOBufferMemoryDescriptor_Create(0, 1, 0, NULL));
    BAD(IOBufferMemoryDescriptor_SetLength(NULL, 1));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(NULL, &range));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(buffer, NULL));
    BAD(IOMemoryDescriptor_GetLength(NULL, &value));
    BAD(IOMemoryDescriptor_GetLength(UP(buffer), NULL));
    BAD(IOMemoryDescriptor__CopyState(NULL, NULL));
    BAD(IOMemoryDescriptor__CopyState(UP(buffer), NULL));
    BAD(IOMemoryDescriptor_CreateMapping(NULL, 0, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, 0, 0, 0, NULL));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 0, 0, NULL, &memory));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 0, 0, UP(buffer), NULL));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 0, &memory, &memory));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 1, &memory, NULL));
    BAD(IOMemoryMap__CopyState(NULL, NULL));
    BAD(IOMemoryDescriptor_Map(NULL, 0, 0, 0, 0, &value, &value));
    BAD(IOMemoryDescriptor_Map(UP(buffer), 0, 0, 0, 0, NULL, &value));
    BAD(OSMetaClassBase_Invoke(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    BAD(OSObject_Dispatch(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    BAD(IOMemoryDescriptor_Dispatch(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    BAD(IOBufferMemoryDescriptor_Dispatch(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    BAD(IOMemoryMap_Dispatch(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    BAD(IODMACommand_Dispatch(NULL, (IORPC){NULL, NULL, 0, 0, NULL}));
    assert_int_equal(IOMemoryDescriptor_Map(UP(buffer), 0, 0, 0, 0, &value, &value),
                     kIOReturnUnsupported);
    assert_false(IOMemoryDescriptor_init(NULL));
    assert_false(IOBufferMemoryDescriptor_init(NULL));
    assert_true(IOMemoryDescriptor_init(UP(buffer)) && IOBufferMemoryDescriptor_init(buffer));
    assert_int_equal(IOMemoryMap_GetAddress(NULL) | IOMemoryMap_GetLength(NULL) |
                         IOMemoryMap_GetOffset(NULL),
                     0);
    OSObject_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(dk_10_stubs_in_the_kernel_answer_the_same),
        DRIVER_TEST(dk_10_each_method_and_refusal_by_its_stub),
        DRIVER_TEST(what_is_missing_is_named),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
