/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of device memory: the check CD-13. */
#include "descriptors/IODeviceMemory.h"
#include "tests/host/machine/map_composite.h"

/* The page tables say so: which address, and with which attributes. */
static void expect_mapped(task_t task, uint64_t address, uint64_t physical, enum mmu_memory memory)
{
    struct mmu_translation at;

    assert_true(translate(task, address, &at));
    assert_int_equal(at.pa.value, physical);
    assert_int_equal(at.attributes.memory, memory);
}

static void cd_13_maps_are_device_memory(void **state)
{
    IODeviceMemory *memory = IODeviceMemory_withRange(DEVICE + 0x10, 0x2000);
    IOMemoryMap *map = map_all(UP(memory), other, 0);
    uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), UP(memory));
    assert_int_equal(at & PAGE_MASK, 0x10);
    expect_mapped(other, at, DEVICE + 0x10, MMU_DEVICE); /* eagerly: no fault was taken */
    expect_mapped(other, at + 0x2000, DEVICE + 0x2010, MMU_DEVICE);
    assert_int_equal(IOMemoryMap_getMapOptions(map) & kIOMapCacheMask, kIOMapInhibitCache);
    OSObject_release(map);
    map = map_all(UP(memory), kernel_task, kIOMapPostedWrite);
    expect_mapped(kernel_task, IOMemoryMap_getAddress(map), DEVICE + 0x10, MMU_DEVICE_NGNRE);
    OSObject_release(map);
    OSObject_release(memory);
}

/* Whoever redirects the device reaches every window's maps. */
static void cd_13_windows_map_through_their_parent(void **state)
{
    IODeviceMemory *memory = IODeviceMemory_withRange(DEVICE, 0x3000);
    IODeviceMemory *part = IODeviceMemory_withSubRange(memory, 0x1004, 0x20);
    struct mmu_translation translation;
    IOMemoryMap *map = map_all(UP(part), other, 0);
    uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), UP(memory));
    assert_int_equal(map->offset, 0x1004);
    expect_mapped(other, at, DEVICE + 0x1004, MMU_DEVICE);
    expect_no_map(UP(part), other, 0, kIOMapAnywhere, 0x10, 0x11, kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
    assert_false(translate(other, at, &translation));
    assert_int_equal(try_load(other, at), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(part, TASK_NULL, true), kIOReturnSuccess);
    assert_true(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected);
    assert_int_equal(try_load(other, at), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(part, TASK_NULL, false), kIOReturnSuccess);
    assert_false(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected);
    OSObject_release(map);
    map = map_all(UP(part), other, kIOMapUnique);
    expect_mapped(other, IOMemoryMap_getAddress(map), DEVICE + 0x1004, MMU_DEVICE);
    OSObject_release(map);
    OSObject_release(memory);
    OSObject_release(part);
}

/* Registers of two devices and RAM in one row; a redirected device is entered anew after that. */
static void device_memory_inside_a_concatenation(void **state)
{
    const uint64_t ram = new_pages(owner, 1, RW);
    IODeviceMemory *first = IODeviceMemory_withRange(DEVICE, PAGE_SIZE);
    IODeviceMemory *second = IODeviceMemory_withRange(DEVICE + 0x10000, PAGE_SIZE);
    IOMemoryDescriptor *memory = describe(ram, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *multi;
    IOMultiMemoryDescriptor *all = IOMultiMemoryDescriptor_withDescriptors(
        (IOMemoryDescriptor *[]){UP(second), memory, UP(first)}, 3, kIODirectionNone, false);
    struct mmu_translation translation;
    IOMemoryMap *map;
    uint64_t at;

    (void)state;
    multi = UP(all);
    map = map_all(multi, kernel_task, 0);
    at = IOMemoryMap_getAddress(map);
    expect_mapped(kernel_task, at, DEVICE + 0x10000, MMU_DEVICE);
    expect_mapped(kernel_task, at + 2 * PAGE_SIZE, DEVICE, MMU_DEVICE);
    store(owner, ram, 4);
    assert_int_equal(load(kernel_task, at + PAGE_SIZE), 4);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, true), kIOReturnSuccess);
    assert_false(translate(kernel_task, at, &translation));
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, false), kIOReturnSuccess);
    expect_mapped(kernel_task, at, DEVICE + 0x10000, MMU_DEVICE); /* its code must not fault */
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(memory);
    OSObject_release(first);
    OSObject_release(second);
}

static void ram_of_the_machine_is_refused(void **state)
{
    (void)state;
    assert_null(IODeviceMemory_withRange(SIM_RAM_BASE + 0x1000, 16));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IODeviceMemory_withRange(SIM_RAM_BASE - 8, 9));
    assert_null(IODeviceMemory_withRange(SIM_RAM_BASE + 64 * SIM_MIB - 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(cd_13_maps_are_device_memory),
        MAP_TEST(cd_13_windows_map_through_their_parent),
        MAP_TEST(device_memory_inside_a_concatenation),
        MAP_TEST(ram_of_the_machine_is_refused),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
