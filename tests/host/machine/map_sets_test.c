/* SPDX-License-Identifier: BSD-2-Clause */
/* How maps enter the set of their memory and leave it, by the methods behind a mapping. */
#include "descriptors/IOMemoryMapping.h"
#include "tests/host/machine/map_calls_fixture.h"

static void a_set_has_each_map_once(void **state)
{
    IOMemoryDescriptor *second = describe(new_pages(owner, 1, RW), 8, kIODirectionOutIn, owner);

    (void)state;
    IOMemoryDescriptor_addMapping(memory, NULL);
    IOMemoryDescriptor_addMapping(memory, map);
    IOMemoryDescriptor_addMapping(second, map);
    IOMemoryDescriptor_removeMapping(second, map);
    IOMemoryDescriptor_removeMapping(memory, NULL);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    /* Out of it a map answers no request, and in it again it does. */
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryMap *asked;

        if (i == 0) {
            IOMemoryDescriptor_removeMapping(memory, map);
        } else {
            IOMemoryDescriptor_addMapping(memory, map);
        }
        asked = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, PAGE_SIZE,
                                                       2 * PAGE_SIZE);
        assert_int_equal(asked == map, i == 1);
        IOMemoryMap_free(asked == map ? NULL : asked);
        OSObject_release(asked == map ? map : NULL);
    }
    OSObject_release(second);
}

/* What becomes of the former memory is no matter of the map's any more. */
static void a_map_leaves_the_set_of_its_former_memory(void **state)
{
    IOMemoryDescriptor *second =
        describe(new_pages(owner, 4, RW), 4 * PAGE_SIZE, kIODirectionOutIn, owner);
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    assert_true(IOMemoryMap_setMemoryDescriptor(map, second, 0));
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), second);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    assert_int_equal(OSObject_getRetainCount(second), 2);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, at), KERN_SUCCESS);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false), kIOReturnSuccess);
    OSObject_release(second);
}

/* A map travels as an integer in these, and is entered once. */
static void a_map_is_entered_once(void **state)
{
    IOMemoryMap *one = request(other, 0, kIOMapAnywhere, 0, 8);
    IOVirtualAddress none = 0, integer = (IOVirtualAddress)map, fresh = (IOVirtualAddress)one;
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_NORMAL};
    vaddr_t at;

    (void)state;
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, NULL, 0, 0, 0));
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, &none, 0, 0, 0));
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, &integer, 0, 0, 0)); /* it is */
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, &fresh, 0, UINT64_MAX, 0));
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, &fresh, 0, 4 * PAGE_SIZE, 0));
    REFUSED(IOMemoryDescriptor_doMap(memory, NULL, &fresh, 0, 0, 4 * PAGE_SIZE));
    REFUSED(IOMemoryDescriptor_doUnmap(memory, NULL, 0, 0));
    REFUSED(IOMemoryDescriptor_doUnmap(memory, NULL, integer, 1));
    assert_null(IOMemoryDescriptor_makeMapping(memory, memory, other, 0, 0, 0, 0));
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 0);
    /* What the class answers is the answer. */
    assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, 0));
    assert_int_equal(IOMemoryDescriptor_doMap(memory, NULL, &fresh, kIOMapAnywhere, 0, 8),
                     kIOReturnSuccess);
    at = trunc_page(IOMemoryMap_getAddress(one));
    assert_int_equal(IOMemoryDescriptor_doUnmap(memory, NULL, fresh, 0), kIOReturnSuccess);
    /* And once: what is there then is somebody else's. */
    assert_int_equal(vm_object_create(1, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(other), &at, PAGE_SIZE, PAGE_SIZE, &range, 0),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    assert_int_equal(IOMemoryDescriptor_doUnmap(memory, NULL, fresh, 0), kIOReturnSuccess);
    assert_int_equal(load(other, at), 0);
    OSObject_release(one);
    assert_int_equal(load(other, at), 0);
}

/* A map that was unmapped can be entered once more, and knows nothing of its life before. */
static void a_map_is_entered_anew(void **state)
{
    IOMemoryMap *one = request(other, 0, kIOMapAnywhere, 0, 8);
    IOVirtualAddress integer = (IOVirtualAddress)one;

    (void)state;
    assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, 0));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_doMap(memory, NULL, &integer, kIOMapAnywhere, 0, 8),
                         kIOReturnSuccess);
        IOMemoryDescriptor_addMapping(memory, one);
        assert_int_equal(load(other, IOMemoryMap_getAddress(one)), 0);
        assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
        assert_int_equal(try_load(other, IOMemoryMap_getAddress(one)), KERN_ABORTED);
        if (i == 1) {
            assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false),
                             kIOReturnSuccess);
        }
        assert_int_equal(IOMemoryMap_unmap(one), kIOReturnSuccess);
        assert_int_equal(IOMemoryMap_getAddress(one), 0);
        if (i != 1) {
            assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false),
                             kIOReturnSuccess);
        }
    }
    OSObject_release(one);
}

/* One that shows other bytes of its memory by now answers requests for those. */
static void a_map_is_found_where_it_was_moved_to(void **state)
{
    IOMemoryMap *moved = IOMemoryDescriptor_createMappingInTask(
        memory, other, 0, kIOMapAnywhere | kIOMapReadOnly, 0, PAGE_SIZE);
    IOMemoryMap *again;

    (void)state;
    assert_true(IOMemoryMap_setMemoryDescriptor(moved, memory, 2 * PAGE_SIZE));
    again = IOMemoryDescriptor_createMappingInTask(
        memory, other, 0, kIOMapAnywhere | kIOMapReadOnly, 2 * PAGE_SIZE, PAGE_SIZE);
    assert_ptr_equal(again, moved);
    OSObject_release(again);
    OSObject_release(moved);
}

/* Entered anew, a map knows nothing of a description of its memory that is over. */
static void a_map_that_was_outlived_is_entered_anew(void **state)
{
    IOMemoryMap *one = request(other, 0, kIOMapAnywhere, 0, 8);
    IOVirtualAddress integer = (IOVirtualAddress)one;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, 0));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_doMap(memory, NULL, &integer, kIOMapAnywhere, 0, 8),
                         kIOReturnSuccess);
        assert_int_equal(IOMemoryMap_getPhysicalAddress(one),
                         IOMemoryDescriptor_getPhysicalSegment(memory, 0, NULL, 0));
        IOMemoryDescriptor_addMapping(memory, one);
        IOMemoryDescriptor_emptyMappings(memory);
        assert_int_equal(IOMemoryMap_getPhysicalAddress(one), 0);
        assert_int_equal(IOMemoryMap_unmap(one), kIOReturnSuccess);
    }
    OSObject_release(one);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
}

/* Nor is it blocked as it was when it was unmapped. */
static void a_map_that_was_blocked_is_entered_anew(void **state)
{
    IOMemoryMap *one = request(other, 0, kIOMapAnywhere | kIOMapUnique, 0, 8);
    IOVirtualAddress integer = (IOVirtualAddress)one;

    (void)state;
    assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, 0));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_doMap(memory, NULL, &integer, kIOMapAnywhere, 0, 8),
                         kIOReturnSuccess);
        assert_int_equal(IOMemoryMap_redirectTask(one, TASK_NULL, true), kIOReturnSuccess);
        assert_int_equal(try_load(other, IOMemoryMap_getAddress(one)), KERN_ABORTED);
        assert_int_equal(IOMemoryMap_redirectTask(one, TASK_NULL, false), kIOReturnSuccess);
        assert_int_equal(load(other, IOMemoryMap_getAddress(one)), 0);
        assert_int_equal(IOMemoryMap_redirect(one, (IOMemoryDescriptor *)NULL, 0, 0),
                         kIOReturnSuccess);
        assert_int_equal(try_load(other, IOMemoryMap_getAddress(one)), KERN_ABORTED);
        assert_int_equal(IOMemoryMap_unmap(one), kIOReturnSuccess);
    }
    OSObject_release(one);
}

/* What it releases takes locks that come before the mappings' own: it waits for the last unlock. */
static void a_map_that_ends_under_the_lock_waits(void **state)
{
    const unsigned maps = OSMetaClass_getInstanceCount(&IOMemoryMap_metaClass);
    IOMemoryMap *one = IOMemoryDescriptor_createMappingInTask(memory, other, 0,
                                                              kIOMapAnywhere | kIOMapUnique, 0, 8);

    (void)state;
    IOMemory_lock();
    OSObject_release(one);
    IOMemory_lock();
    IOMemory_unlock();
    assert_int_equal(OSMetaClass_getInstanceCount(&IOMemoryMap_metaClass), maps + 1);
    IOMemory_unlock();
    assert_int_equal(OSMetaClass_getInstanceCount(&IOMemoryMap_metaClass), maps);
}

/* Unique maps of one memory are all of them reached by its redirection, whichever goes first. */
static void unique_maps_leave_in_any_order(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);

    (void)state;
    for (unsigned gone = 0; gone < 3; gone++) {
        IOMemoryMap *maps[3];

        for (unsigned i = 0; i < 3; i++) {
            maps[i] = map_all(device, other, kIOMapUnique);
        }
        OSObject_release(maps[gone]);
        for (unsigned on = 2; on-- > 0;) {
            assert_int_equal(IOMemoryDescriptor_redirect(device, TASK_NULL, on != 0),
                             kIOReturnSuccess);
            for (unsigned i = 0; i < 3; i++) {
                if (i != gone) {
                    assert_int_equal(
                        vm_fault(task_map(other), IOMemoryMap_getAddress(maps[i]), MMU_READ),
                        on != 0 ? KERN_ABORTED : KERN_SUCCESS);
                }
            }
        }
        for (unsigned i = 0; i < 3; i++) {
            OSObject_release(i != gone ? maps[i] : NULL);
        }
    }
    OSObject_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALLS_TEST(a_set_has_each_map_once),
        CALLS_TEST(a_map_leaves_the_set_of_its_former_memory),
        CALLS_TEST(a_map_is_entered_once),
        CALLS_TEST(a_map_is_entered_anew),
        CALLS_TEST(a_map_is_found_where_it_was_moved_to),
        CALLS_TEST(a_map_that_was_outlived_is_entered_anew),
        CALLS_TEST(a_map_that_was_blocked_is_entered_anew),
        CALLS_TEST(a_map_that_ends_under_the_lock_waits),
        CALLS_TEST(unique_maps_leave_in_any_order),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
