/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of guard pages: the check CD-14. */
#include "descriptors/IOGuardPageMemoryDescriptor.h"
#include "descriptors/composite/IOCompositeMemory_private.h"
#include "tests/host/machine/map_composite.h"

static IOMemoryDescriptor *guard_of(uint64_t pages)
{
    IOGuardPageMemoryDescriptor *guard = IOGuardPageMemoryDescriptor_withSize(ptoa(pages));

    assert_non_null(guard);
    return UP(guard);
}

static void expect_no_access(task_t task, uint64_t address, uint64_t length)
{
    for (uint64_t i = 0; i < length; i += 512) {
        assert_int_equal(try_load(task, address + i), KERN_PROTECTION_FAILURE);
        assert_int_equal(try_store(task, address + i), KERN_PROTECTION_FAILURE);
    }
    assert_int_equal(try_load(task, address + length - 1), KERN_PROTECTION_FAILURE);
}

static void a_guard_alone(void **state)
{
    IOMemoryDescriptor *guard = guard_of(3);
    const uint64_t before = ranges_now();
    IOMemoryMap *map = map_all(guard, other, 0), *part;
    uint64_t at = IOMemoryMap_getAddress(map), end = 0;

    (void)state;
    /* Whoever is shown it is shown nothing, and so nothing of anybody's. */
    assert_true(IOMemoryDescriptor_methods(guard)->ownsPages(guard, 8, 100, other));
    assert_true(IOMemoryDescriptor_methods(guard)->ownsPages(guard, 8, 100, kernel_task));
    expect_no_access(other, at, ptoa(3));
    assert_int_equal(IOMemoryMap_wireRange(map, kIODirectionOut, 0, 1), kIOReturnNotPermitted);
    /* Nobody can give access to it later either. */
    assert_int_not_equal(vm_map_protect(task_map(other), at, ptoa(1), MMU_READ), KERN_SUCCESS);
    part = IOMemoryDescriptor_createMappingInTask(guard, other, 0, kIOMapAnywhere, 100, 5000);
    assert_int_equal(IOMemoryMap_getAddress(part), at + 100);
    OSObject_release(part);
    OSObject_release(map);
    assert_int_equal(ranges_now(), before);
    map = IOMemoryDescriptor_createMappingInTask(guard, other, at, kIOMapPrefault, 0, 0);
    assert_int_equal(IOMemoryMap_getAddress(map), at);
    expect_no_map(guard, other, at, kIOMapUnique, 0, 0, kIOReturnNoSpace);
    expect_no_map(guard, other, at + 1, kIOMapUnique, 0, 0, kIOReturnNotAligned);
    OSObject_release(map);
    /* The largest one there is finds no place. */
    assert_true(IOGuardPageMemoryDescriptor_initWithSize((IOGuardPageMemoryDescriptor *)guard,
                                                         trunc_page(UINT64_MAX)));
    expect_no_map(guard, other, end, kIOMapAnywhere, 0, 0, kIOReturnNoSpace);
    expect_no_map(guard, other, end, kIOMapAnywhere | kIOMapGuardedLarge, 0, 0, kIOReturnNoSpace);
    OSObject_release(guard);
}

static void cd_14_one(task_t task, uint64_t below, uint64_t above, IOOptionBits options)
{
    const uint64_t at = new_pages(owner, 1, RW), before = ranges_now();
    IOMemoryDescriptor *parts[] = {
        guard_of(below), describe(at, PAGE_SIZE, kIODirectionOutIn, owner), guard_of(above)};
    IOMemoryDescriptor *multi = join(parts, 3);
    IOMemoryMap *map;
    uint64_t seen;

    for (uint64_t i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
    fill(owner, at, PAGE_SIZE, 6);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(pins_at(owner, at), 1);
    map = map_all(multi, task, options);
    assert_int_equal(IOMemoryMap_getLength(map), ptoa(below + 1 + above));
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(multi, NULL), ptoa(below + 1 + above));
    seen = IOMemoryMap_getAddress(map);
    expect_no_access(task, seen, ptoa(below));
    expect_no_access(task, seen + ptoa(below + 1), ptoa(above));
    for (uint64_t i = 0; i < PAGE_SIZE; i += 7) {
        assert_int_equal(load(task, seen + ptoa(below) + i), pattern(i, 6));
    }
    store(task, seen + ptoa(below), 99);
    assert_int_equal(load(owner, at), 99);
    IOMemoryDescriptor_complete(multi, 0);
    OSObject_release(multi);
    OSObject_release(map);
    assert_int_equal(ranges_now(), before);
}

static void cd_14_guards_on_either_side(void **state)
{
    (void)state;
    for (uint64_t below = 1; below <= 3; below++) {
        for (uint64_t above = 1; above <= 3; above++) {
            cd_14_one(other, below, above, 0);
            cd_14_one(other, below, above, kIOMapPrefault | kIOMapGuardedSmall);
        }
    }
}

/* Neighbours of a guard in one page: that page cannot be both. */
static void cd_14_a_guard_takes_whole_pages(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE + 100, kIODirectionOutIn, owner);
    IOMemoryDescriptor *guard = guard_of(2), *skewed = window(guard, 100, PAGE_SIZE);
    IOMemoryDescriptor *odd = join((IOMemoryDescriptor *[]){memory, guard}, 2);
    IOMemoryDescriptor *torn = join((IOMemoryDescriptor *[]){memory, skewed}, 2);
    IOMemoryDescriptor *pair = join((IOMemoryDescriptor *[]){window(guard, 0, 100), skewed}, 2);
    IOMemoryMap *map;

    (void)state;
    expect_no_map(odd, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    expect_no_map(torn, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    map = map_all(pair, other, 0); /* nothing beside nothing is fine */
    expect_no_access(other, IOMemoryMap_getAddress(map), PAGE_SIZE + 100);
    OSObject_release(map);
    OSObject_release(composite_of(pair)->parts[0].memory);
    OSObject_release(pair);
    OSObject_release(torn);
    OSObject_release(odd);
    OSObject_release(skewed);
    OSObject_release(guard);
    OSObject_release(memory);
}

static void guards_have_no_contents(void **state)
{
    IOMemoryDescriptor *guard = guard_of(1);
    IOByteCount resident = 9, dirty = 9;
    IOOptionBits former = 0;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_getPageCounts(guard, &resident, &dirty), kIOReturnSuccess);
    assert_int_equal(resident, 0);
    assert_int_equal(dirty, 0);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(guard, kIOMemoryPurgeableEmpty, &former),
                     kIOReturnSuccess);
    assert_int_equal(former, kIOMemoryPurgeableNonVolatile);
    assert_int_equal(IOMemoryDescriptor_setOwnership(guard, owner, 1, 0), kIOReturnSuccess);
    OSObject_release(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_guard_alone),
        MAP_TEST(cd_14_guards_on_either_side),
        MAP_TEST(cd_14_a_guard_takes_whole_pages),
        MAP_TEST(guards_have_no_contents),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
