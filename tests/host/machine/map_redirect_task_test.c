/* SPDX-License-Identifier: BSD-2-Clause */
/* One map's share of a redirection by itself: counted, and ended by whatever end there is. */
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"

static IOMemoryDescriptor *memory;
static IOMemoryMap *map;

/* A page of owner's that other sees. */
static int start(void **state)
{
    if (map_start(state) != 0) {
        return -1;
    }
    memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    map = map_all(memory, other, 0);
    return 0;
}

static int stop(void **state)
{
    OSObject_release(map);
    OSObject_release(memory);
    return map_stop(state);
}

static bool waits(void)
{
    const kern_return_t status = try_load(other, IOMemoryMap_getAddress(map));

    assert_true(status == KERN_SUCCESS || status == KERN_ABORTED);
    return status == KERN_ABORTED;
}

static void redirect(task_t safe, bool on)
{
    assert_int_equal(IOMemoryMap_redirectTask(map, safe, on), kIOReturnSuccess);
}

static void each_beginning_needs_an_end(void **state)
{
    (void)state;
    redirect(owner, true);
    redirect(TASK_NULL, true);
    assert_true(waits());
    redirect(owner, false);
    assert_true(waits());
    redirect(owner, false);
    assert_false(waits());
    redirect(owner, false); /* nothing is left to end */
    assert_false(waits());
    redirect(owner, true);
    assert_true(waits());
    redirect(owner, false);
    assert_false(waits());
}

static void an_end_may_name_another_task(void **state)
{
    (void)state;
    redirect(owner, true);
    assert_true(waits());
    redirect(other, false);
    assert_false(waits());
    redirect(other, true); /* the safe task never waits */
    assert_false(waits());
    redirect(owner, false);
    redirect(other, false); /* nothing is left */
    redirect(other, false);
    redirect(owner, true);
    assert_true(waits());
    redirect(owner, false);
    assert_false(waits());
}

static unsigned kind(IOMemoryMap *one)
{
    struct mmu_translation at;

    assert_int_equal(vm_fault(task_map(other), IOMemoryMap_getAddress(one), MMU_READ),
                     KERN_SUCCESS);
    assert_true(translate(other, IOMemoryMap_getAddress(one), &at));
    return at.attributes.memory;
}

static void the_safe_tasks_registers_are_combined_again_at_the_last_end(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *combined = map_all(device, other, kIOMapWriteCombineCache);

    (void)state;
    assert_int_equal(kind(combined), MMU_NONCACHED);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryMap_redirectTask(combined, other, true), kIOReturnSuccess);
        assert_int_equal(kind(combined), MMU_DEVICE);
    }
    assert_int_equal(IOMemoryMap_redirectTask(combined, other, false), kIOReturnSuccess);
    assert_int_equal(kind(combined), MMU_DEVICE);
    assert_int_equal(IOMemoryMap_redirectTask(combined, owner, false), kIOReturnSuccess);
    assert_int_equal(kind(combined), MMU_NONCACHED);
    assert_int_equal(IOMemoryMap_redirectTask(combined, other, false), kIOReturnSuccess);
    assert_int_equal(kind(combined), MMU_NONCACHED);
    OSObject_release(combined);
    OSObject_release(device);
}

/* Whatever it showed before: its new memory's registers rest uncached, as others that are on. */
static void a_map_combines_and_rests_as_its_new_memory(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);

    (void)state;
    for (unsigned already = 0; already < 2; already++) {
        IOMemoryMap *unique = map_all(memory, other, kIOMapUnique);

        if (already != 0) {
            assert_int_equal(IOMemoryDescriptor_redirect(device, other, true), kIOReturnSuccess);
        }
        assert_int_equal(IOMemoryMap_redirect(unique, device, kIOMapWriteCombineCache, 0),
                         kIOReturnSuccess);
        if (already == 0) {
            assert_int_equal(kind(unique), MMU_NONCACHED);
            assert_int_equal(IOMemoryDescriptor_redirect(device, other, true), kIOReturnSuccess);
        }
        assert_int_equal(kind(unique), MMU_DEVICE);
        assert_int_equal(IOMemoryDescriptor_redirect(device, other, false), kIOReturnSuccess);
        assert_int_equal(kind(unique), MMU_NONCACHED);
        OSObject_release(unique);
    }
    OSObject_release(device);
}

/* Registers that are not combined rest as they are, and are so afterwards. */
static void registers_of_other_modes_stay_so(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *one = map_all(device, other, kIOMapInhibitCache);

    (void)state;
    assert_int_equal(kind(one), MMU_DEVICE);
    assert_int_equal(IOMemoryMap_redirectTask(one, other, true), kIOReturnSuccess);
    assert_int_equal(kind(one), MMU_DEVICE);
    assert_int_equal(IOMemoryMap_redirectTask(one, other, false), kIOReturnSuccess);
    assert_int_equal(kind(one), MMU_DEVICE);
    OSObject_release(one);
    OSObject_release(device);
}

/* One that was unmapped meanwhile, and is entered anew, rests no longer for what has ended. */
static void a_map_that_is_entered_anew_combines(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *one = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);
    IOVirtualAddress integer = (IOVirtualAddress)one;

    (void)state;
    assert_true(
        IOMemoryMap_init(one, other, 0, kIOMapAnywhere | kIOMapWriteCombineCache, 0, PAGE_SIZE));
    assert_true(IOMemoryMap_setMemoryDescriptor(one, device, 0));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_doMap(device, NULL, &integer,
                                                  kIOMapAnywhere | kIOMapWriteCombineCache, 0,
                                                  PAGE_SIZE),
                         kIOReturnSuccess);
        IOMemoryDescriptor_addMapping(device, one);
        assert_int_equal(kind(one), MMU_NONCACHED);
        assert_int_equal(IOMemoryMap_redirectTask(one, other, true), kIOReturnSuccess);
        assert_int_equal(kind(one), MMU_DEVICE);
        assert_int_equal(IOMemoryMap_unmap(one), kIOReturnSuccess);
    }
    OSObject_release(one);
    OSObject_release(device);
}

/* What somebody else has put there, and what is not there any more, is left alone. */
static void maps_of_others_are_not_covered(void **state)
{
    const uint64_t at = new_pages(other, 1, RW);
    IOMemoryMap *fixed = IOMemoryDescriptor_setMapping(memory, other, at, 0);

    (void)state;
    assert_non_null(fixed);
    assert_int_equal(IOMemoryMap_redirectTask(fixed, owner, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, at), KERN_SUCCESS);
    assert_int_equal(IOMemoryMap_redirectTask(fixed, owner, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, at), KERN_SUCCESS);
    OSObject_release(fixed);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    redirect(owner, true);
    redirect(owner, false);
}

/* What could not be blocked is not, and is not taken for it later; every cache mode can be asked
 * for.
 */
static void a_map_is_redirected_or_as_it_was(void **state)
{
    IOMemoryDescriptor *one =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *two =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
    struct inject_report report = {.failed = true};

    (void)state;
    for (uint64_t nth = 1; report.failed; nth++) {
        IOMemoryMap *unique = IOMemoryDescriptor_createMappingInTask(
            one, other, 0, kIOMapAnywhere | kIOMapUnique, 100, 8);
        const uint64_t at = IOMemoryMap_getAddress(unique);
        IOReturn status;

        inject_begin(nth);
        status = IOMemoryMap_redirect(unique, (IOMemoryDescriptor *)NULL, 0, 0);
        inject_end(&report);
        if (status == kIOReturnSuccess) {
            assert_int_equal(try_load(other, at), KERN_ABORTED);
            assert_int_equal(IOMemoryMap_redirect(unique, one, 0, 100), kIOReturnSuccess);
        }
        assert_int_equal(try_load(other, at), KERN_SUCCESS);
        assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, true), kIOReturnSuccess);
        assert_int_equal(try_load(other, at), KERN_ABORTED);
        assert_int_equal(IOMemoryDescriptor_redirect(one, TASK_NULL, false), kIOReturnSuccess);
        assert_int_equal(try_load(other, at), KERN_SUCCESS);
        /* Other memory is shown at once, and waits for its own reasons alone. */
        assert_int_equal(IOMemoryMap_redirect(unique, (IOMemoryDescriptor *)NULL, 0, 0),
                         kIOReturnSuccess);
        assert_int_equal(IOMemoryMap_redirect(unique, two, kIOMapPostedCombinedReordered, 100),
                         kIOReturnSuccess);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(try_load(other, at), KERN_SUCCESS);
            assert_int_equal(IOMemoryDescriptor_redirect(two, TASK_NULL, i == 0), kIOReturnSuccess);
            assert_int_equal(try_load(other, at), i == 0 ? KERN_ABORTED : KERN_SUCCESS);
            assert_int_equal(IOMemoryDescriptor_redirect(two, TASK_NULL, false), kIOReturnSuccess);
        }
        assert_int_equal(IOMemoryMap_redirect(
                             unique, two, kIOMapPostedCombinedReordered + kIOMapInhibitCache, 100),
                         kIOReturnBadArgument);
        OSObject_release(unique);
    }
    OSObject_release(one);
    OSObject_release(two);
}

#define TASK_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(a_map_is_redirected_or_as_it_was),
        TASK_TEST(each_beginning_needs_an_end),
        TASK_TEST(an_end_may_name_another_task),
        TASK_TEST(the_safe_tasks_registers_are_combined_again_at_the_last_end),
        TASK_TEST(a_map_combines_and_rests_as_its_new_memory),
        TASK_TEST(a_map_that_is_entered_anew_combines),
        TASK_TEST(maps_of_others_are_not_covered),
        TASK_TEST(registers_of_other_modes_stay_so),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
