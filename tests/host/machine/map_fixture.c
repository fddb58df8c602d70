/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks, stores, loads and maps over the simulated machine. */
#include "tests/host/machine/map_fixture.h"

#include "descriptors/IODMACommand.h"
#include "kernel/lock.h"
#include "kernel/page.h"

task_t owner, other;

static struct holdings before;

int map_power_on(void **state)
{
    (void)state;
    sim_machine_start(64 * SIM_MIB);
    IOMemoryDescriptor_initialize();
    return 0;
}

int map_power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

int map_start(void **state)
{
    (void)state;
    IOMemory_fail(kIOReturnSuccess); /* what a test finds there, it has brought about */
    before = holdings_now();
    return task_create(&owner) == KERN_SUCCESS && task_create(&other) == KERN_SUCCESS ? 0 : -1;
}

int map_stop(void **state)
{
    (void)state;
    if (owner != NULL) {
        task_release(owner);
    }
    if (other != NULL) {
        task_release(other);
    }
    owner = other = NULL;
    sim_set_notes_stores(false);
    if (sim_irq_masked != 0 || sim_in_handler || lock_innermost() != NULL ||
        IODMACommand_getBounceInUse() != 0) {
        return -1;
    }
    return sim_holds(&before) ? 0 : -1;
}

uint64_t show_object(task_t task, struct vm_object *object, unsigned access)
{
    const struct vm_range range = {.object = object, .access = access, .max_access = RW};
    uint64_t at = 0;

    assert_int_equal(vm_map_enter(task_map(task), &at, ptoa(vm_object_pages(object)), 0, &range,
                                  VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    return at;
}

uint64_t new_pages(task_t task, uint64_t count, unsigned access)
{
    struct vm_object *object;
    uint64_t at;

    assert_int_equal(vm_object_create(count, &object), KERN_SUCCESS);
    at = show_object(task, object, access);
    vm_object_release(object);
    return at;
}

void remove_pages(task_t task, uint64_t address, uint64_t count)
{
    assert_int_equal(vm_map_remove(task_map(task), trunc_page(address), ptoa(count)), KERN_SUCCESS);
}

uint8_t load(task_t task, uint64_t address)
{
    uint8_t byte;

    assert_int_equal(sim_load(task_map(task), address, &byte), KERN_SUCCESS);
    return byte;
}

void store(task_t task, uint64_t address, uint8_t byte)
{
    assert_int_equal(sim_store(task_map(task), address, byte), KERN_SUCCESS);
}

kern_return_t try_load(task_t task, uint64_t address)
{
    uint8_t byte;

    return sim_load(task_map(task), address, &byte);
}

kern_return_t try_store(task_t task, uint64_t address)
{
    uint8_t byte = 0;

    sim_load(task_map(task), address, &byte);
    return sim_store(task_map(task), address, byte);
}

uint8_t pattern(uint64_t index, uint8_t seed)
{
    return (uint8_t)(index * 7 + (index >> PAGE_SHIFT) * 31 + seed);
}

void fill(task_t task, uint64_t address, uint64_t length, uint8_t seed)
{
    for (uint64_t i = 0; i < length; i++) {
        store(task, address + i, pattern(i, seed));
    }
}

bool translate(task_t task, uint64_t address, struct mmu_translation *at)
{
    return mmu_translate(vm_map_space(task_map(task)), address, at);
}

uint32_t pins_at(task_t task, uint64_t address)
{
    struct mmu_translation at;

    load(task, address);
    assert_true(translate(task, address, &at));
    return page_pin_count(paddr(trunc_page(at.pa.value)));
}

uint64_t ranges_now(void)
{
    return holdings_now().entries;
}

IOMemoryDescriptor *describe(uint64_t address, uint64_t length, IOOptionBits options, task_t task)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange(address, length, options, task);

    assert_non_null(memory);
    return memory;
}

IOMemoryMap *map_all(IOMemoryDescriptor *memory, task_t task, IOOptionBits options)
{
    IOMemoryMap *map =
        IOMemoryDescriptor_createMappingInTask(memory, task, 0, options | kIOMapAnywhere, 0, 0);

    assert_non_null(map);
    return map;
}

void expect_no_map(IOMemoryDescriptor *memory, task_t task, uint64_t address, IOOptionBits options,
                   uint64_t offset, uint64_t length, IOReturn reason)
{
    const uint64_t ranges = ranges_now();
    const unsigned objects = OSMetaClass_getTotalInstanceCount();

    assert_null(
        IOMemoryDescriptor_createMappingInTask(memory, task, address, options, offset, length));
    assert_int_equal(IOMemoryLastError(), reason);
    assert_int_equal(ranges_now(), ranges);
    assert_int_equal(OSMetaClass_getTotalInstanceCount(), objects);
}
