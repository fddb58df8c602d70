/* SPDX-License-Identifier: BSD-2-Clause */
/* A view that the platform does not take away (the linker puts a refusal before it). */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
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

/* What it has pinned, and what it is put together from, goes all the same. */
static void of_what_stays_nothing_is_held(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *parts[] = {describe(at, PAGE_SIZE, kIODirectionOutIn, owner),
                                   describe(at + PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner)};
    IOMemoryDescriptor *both = (IOMemoryDescriptor *)IOMultiMemoryDescriptor_withDescriptors(
        parts, 2, kIODirectionOutIn, false);

    (void)state;
    store(owner, at, 1);
    sim_console_set_quiet(true);
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *const memory = i == 0 ? parts[0] : both;
        IOMemoryMap *map = map_all(memory, other, 0);
        const uint64_t there = IOMemoryMap_getAddress(map);

        if (i == 0) {
            assert_int_equal(IOMemoryMap_wireRange(map, VM_PROT_READ, 0, 1), kIOReturnSuccess);
            assert_int_equal(pins_at(owner, at), 1);
        }
        refusals = 1;
        OSObject_release(map);
        assert_int_equal(pins_at(owner, at), 0);
        assert_int_equal(OSObject_getRetainCount(memory), i == 0 ? 2 : 1);
        assert_int_equal(OSObject_getRetainCount(parts[1]), 2);
        assert_int_equal(vm_map_remove(task_map(other), there, memory->length), KERN_SUCCESS);
    }
    sim_console_set_quiet(false);
    OSObject_release(both);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
}

static unsigned taken; /* by the class that is asked */

static IOReturn count_unmap(IOMemoryDescriptor *self, IOMemoryMap *map)
{
    taken++;
    return descriptor_do_unmap(self, map);
}

/* A class is asked for views that are its own to take away: no borrowed and no recorded ones. */
static void views_of_others_are_nobodys_to_take_away(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), there = new_pages(other, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    const OSMetaClass *const meta = OSObject_getMetaClass(memory);
    IOMemoryDescriptorClass counting = *IOMemoryDescriptor_methods(memory);
    IOMemoryMap *maps[3] = {IOMemoryDescriptor_setMapping(memory, other, there, 0)};

    (void)state;
    counting.meta.super = meta;
    counting.doUnmap = count_unmap;
    memory->super.metaClass = &counting.meta;
    maps[2] = map_all(memory, kernel_task, 0);
    maps[1] = IOMemoryDescriptor_createMappingInTask(memory, kernel_task, 0, kIOMapAnywhere,
                                                     PAGE_SIZE, 8);
    taken = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(maps[i]->superMap != NULL, i == 1);
        assert_int_equal(IOMemoryMap_unmap(maps[i]), kIOReturnSuccess);
        assert_int_equal(taken, i / 2);
        OSObject_release(maps[i]);
    }
    memory->super.metaClass = meta;
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
        MAP_TEST(of_what_stays_nothing_is_held),
        MAP_TEST(views_of_others_are_nobodys_to_take_away),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
