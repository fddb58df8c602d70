/* SPDX-License-Identifier: BSD-2-Clause */
/* A view that the platform does not take away (the linker puts a refusal before it). */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_console.h"

static unsigned refusals; /* that are still to come */

kern_return_t __real_platform_map_remove(vm_map_t map, uint64_t address, uint64_t size);
kern_return_t __wrap_platform_map_remove(vm_map_t map, uint64_t address, uint64_t size);
kern_return_t __wrap_platform_map_remove(vm_map_t map, uint64_t address, uint64_t size)
{
    if (refusals != 0) {
        refusals--;
        return KERN_RESOURCE_SHORTAGE;
    }
    return __real_platform_map_remove(map, address, size);
}

/* The map stays and works until it can be taken away. */
static void unmapping_is_tried_again(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    const uint64_t there = IOMemoryMap_getAddress(map);

    (void)state;
    store(owner, at, 7);
    refusals = 1;
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnNoMemory);
    assert_int_equal(load(other, there), 7);
    assert_int_equal(IOMemoryMap_getAddress(map), there);
    refusals = 1;
    assert_int_equal(IOMemoryDescriptor_doUnmap(memory, NULL, (IOVirtualAddress)map, 0),
                     kIOReturnNoMemory);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(try_load(other, there), KERN_INVALID_ADDRESS);
    OSObject_release(map);
    OSObject_release(memory);
}

/* A map, and a pageable buffer of the kernel's, that go with their views still there say so. */
static void what_stays_behind_is_named(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map = map_all(memory, other, 0);
    const uint64_t there = IOMemoryMap_getAddress(map);
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryPageable, 2 * PAGE_SIZE, 1);
    uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);

    (void)state;
    assert_non_null(bytes);
    sim_console_forget();
    sim_console_set_quiet(true);
    refusals = 1;
    OSObject_release(map);
    assert_true(sim_console_said("stays"));
    sim_console_forget();
    refusals = 1;
    OSObject_release(buffer);
    assert_true(sim_console_said("stays"));
    sim_console_set_quiet(false);
    assert_int_equal(refusals, 0);
    assert_int_equal(vm_map_remove(task_map(other), there, 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_remove(kernel_map, (uint64_t)bytes, 2 * PAGE_SIZE), KERN_SUCCESS);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(unmapping_is_tried_again),
        MAP_TEST(what_stays_behind_is_named),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
