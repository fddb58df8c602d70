/* SPDX-License-Identifier: BSD-2-Clause */
/* One map's share of a redirection, asked for by itself. */
#include "descriptors/IODeviceMemory.h"
#include "tests/host/machine/map_composite.h"

static void redirect(IOMemoryMap *map, task_t safe, bool on)
{
    assert_int_equal(IOMemoryMap_redirectTask(map, safe, on), kIOReturnSuccess);
}

static void expect_waiting(IOMemoryMap *map, bool waiting)
{
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(map)),
                     waiting ? KERN_ABORTED : KERN_SUCCESS);
}

/* Registers are entered eagerly: they are there, or wait. */
static void expect_gone(IOMemoryMap *map, bool gone)
{
    struct mmu_translation at;

    assert_int_equal(translate(other, IOMemoryMap_getAddress(map), &at), !gone);
}

static enum mmu_memory memory_type(IOMemoryMap *map)
{
    struct mmu_translation at;

    assert_true(translate(other, IOMemoryMap_getAddress(map), &at));
    return at.attributes.memory;
}

static void beginnings_and_ends_are_counted(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapUnique);

    (void)state;
    redirect(map, TASK_NULL, false); /* without a beginning */
    redirect(map, other, false);
    expect_waiting(map, false);
    redirect(map, TASK_NULL, true);
    redirect(map, owner, true);
    expect_waiting(map, true);
    redirect(map, TASK_NULL, false);
    expect_waiting(map, true);
    redirect(map, TASK_NULL, false);
    expect_waiting(map, false);
    redirect(map, TASK_NULL, true);
    expect_waiting(map, true);
    redirect(map, TASK_NULL, false);
    expect_waiting(map, false);
    OSObject_release(map);
    OSObject_release(memory);
}

/* The safe task's maps go on, without the cache; an end may name another task. */
static void the_safe_task_goes_on(void **state)
{
    IODeviceMemory *device = IODeviceMemory_withRange(DEVICE, PAGE_SIZE);
    IOMemoryMap *map = map_all(UP(device), other, kIOMapUnique | kIOMapWriteCombineCache);
    const enum mmu_memory combined = memory_type(map);

    (void)state;
    redirect(map, other, true);
    expect_gone(map, false);
    assert_int_not_equal(memory_type(map), combined);
    redirect(map, other, true);
    redirect(map, other, false);
    assert_int_not_equal(memory_type(map), combined);
    redirect(map, other, false);
    assert_int_equal(memory_type(map), combined);
    redirect(map, other, false);
    assert_int_equal(memory_type(map), combined);

    redirect(map, other, true);
    redirect(map, TASK_NULL, false); /* ends what there is */
    assert_int_equal(memory_type(map), combined);
    redirect(map, TASK_NULL, true);
    redirect(map, other, false);
    expect_gone(map, false);

    /* Of both kinds each end finds its own. */
    redirect(map, other, true);
    redirect(map, TASK_NULL, true);
    redirect(map, other, false);
    expect_gone(map, true);
    redirect(map, TASK_NULL, false);
    expect_gone(map, false);
    assert_int_equal(memory_type(map), combined);
    redirect(map, other, true);
    redirect(map, TASK_NULL, true);
    redirect(map, TASK_NULL, false);
    expect_gone(map, false);
    assert_int_not_equal(memory_type(map), combined);
    redirect(map, other, false);
    assert_int_equal(memory_type(map), combined);
    OSObject_release(map);
    OSObject_release(device);
}

/* What is recorded is the caller's own, and what is borrowed is another map's. */
static void maps_of_others_are_left_alone(void **state)
{
    const uint64_t at = new_pages(other, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, other);
    IOMemoryMap *recorded = IOMemoryDescriptor_setMapping(memory, other, at, kIOMapUnique);
    IOMemoryDescriptor *shared = describe(new_pages(owner, 2, RW), 2 * PAGE_SIZE, 3, owner);
    IOMemoryMap *lender = map_all(shared, other, 0);
    IOMemoryMap *borrower = IOMemoryDescriptor_createMappingInTask(shared, other, 0, kIOMapAnywhere,
                                                                   PAGE_SIZE, PAGE_SIZE);

    (void)state;
    assert_non_null(recorded);
    assert_non_null(borrower);
    assert_int_equal(IOMemoryMap_getAddress(borrower), IOMemoryMap_getAddress(lender) + PAGE_SIZE);
    redirect(recorded, TASK_NULL, true);
    expect_waiting(recorded, false);
    redirect(recorded, TASK_NULL, false);
    redirect(borrower, TASK_NULL, true);
    expect_waiting(borrower, false);
    redirect(borrower, TASK_NULL, false);
    redirect(lender, TASK_NULL, true);
    expect_waiting(borrower, true);
    redirect(borrower, TASK_NULL, false);
    expect_waiting(lender, true);
    redirect(lender, TASK_NULL, false);
    expect_waiting(borrower, false);
    assert_int_equal(IOMemoryMap_redirectTask(NULL, TASK_NULL, true), kIOReturnBadArgument);
    OSObject_release(borrower);
    OSObject_release(lender);
    OSObject_release(recorded);
    OSObject_release(shared);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(beginnings_and_ends_are_counted),
        MAP_TEST(the_safe_task_goes_on),
        MAP_TEST(maps_of_others_are_left_alone),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
