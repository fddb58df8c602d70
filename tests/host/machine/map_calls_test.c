/* SPDX-License-Identifier: BSD-2-Clause */
/* What the methods behind a mapping answer when they are called by themselves. */
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_calls_fixture.h"

static void a_map_is_made_once(void **state)
{
    IOMemoryMap *unborn = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

    (void)state;
#define SAYS_WHY(call)                                                                             \
    platform_set_last_error(0);                                                                    \
    assert_false(call);                                                                            \
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument)
    SAYS_WHY(IOMemoryMap_init(NULL, other, 0, kIOMapAnywhere, 0, 1));
    SAYS_WHY(IOMemoryMap_init(map, other, 0, kIOMapAnywhere, 0, 1));
    SAYS_WHY(IOMemoryMap_init(unborn, TASK_NULL, 0, kIOMapAnywhere, 0, 1));
    SAYS_WHY(IOMemoryMap_setMemoryDescriptor(NULL, memory, 0));
    SAYS_WHY(IOMemoryMap_setMemoryDescriptor(map, (IOMemoryDescriptor *)NULL, 0));
    SAYS_WHY(IOMemoryMap_setMemoryDescriptor(map, memory, 2 * PAGE_SIZE));
    assert_true(IOMemoryMap_setMemoryDescriptor(map, memory, PAGE_SIZE)); /* what it is */
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    assert_int_equal(OSObject_getRetainCount(memory), 2);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 0);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(map)), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false), kIOReturnSuccess);
    OSObject_release(unborn);
}

static void only_what_sees_the_bytes_is_compatible(void **state)
{
    const uint64_t at = IOMemoryMap_getAddress(map);
    static const struct {
        uint64_t skip; /* the fixed address, beside that of the map; or anywhere */
        IOOptionBits options;
        uint64_t offset, length;
        bool fits;
    } requests[] = {
        {0, kIOMapAnywhere, PAGE_SIZE, 2 * PAGE_SIZE, true},
        {0, kIOMapAnywhere, PAGE_SIZE + 1, PAGE_SIZE, true},
        {1, 0, PAGE_SIZE + 1, 5, true},
        {2, 0, PAGE_SIZE + 1, 5, false},
        {0, kIOMapAnywhere, PAGE_SIZE - 1, 5, false},
        {0, kIOMapAnywhere, 3 * PAGE_SIZE + 1, 5, false},
        {0, kIOMapAnywhere, 3 * PAGE_SIZE - 1, 2, false},
        {0, kIOMapAnywhere | kIOMapReadOnly, PAGE_SIZE, 5, false},
        {0, kIOMapAnywhere | kIOMapGuardedSmall, PAGE_SIZE, 5, false},
        {0, kIOMapAnywhere | kIOMapCopybackCache, PAGE_SIZE, 5, true},
        {0, kIOMapAnywhere | kIOMapWriteThruCache, PAGE_SIZE, 5, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        IOMemoryMap *one = request(other, at + requests[i].skip, requests[i].options,
                                   requests[i].offset, requests[i].length);
        IOMemoryMap *found = IOMemoryMap_copyCompatible(map, one);

        assert_int_equal(found != NULL, requests[i].fits);
        if (found == map) {
            OSObject_release(map);
        } else if (found != NULL) { /* it borrows the view, and the descriptor as well */
            assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, requests[i].offset));
        }
        OSObject_release(one);
    }
    assert_int_equal(OSObject_getRetainCount(map), 1);
}

/* Who borrows is asked for no part: all borrow from whose view it is. */
static void borrowers_lend_only_all_of_it(void **state)
{
    IOMemoryMap *const inner = IOMemoryDescriptor_createMappingInTask(
        memory, other, 0, kIOMapAnywhere, PAGE_SIZE + 8, 100);
    IOMemoryMap *const same = request(other, 0, kIOMapAnywhere, PAGE_SIZE + 8, 100);
    IOMemoryMap *const less = request(other, 0, kIOMapAnywhere, PAGE_SIZE + 8, 99);

    (void)state;
    assert_ptr_equal(inner->superMap, map);
    assert_null(IOMemoryMap_copyCompatible(inner, less));
    assert_ptr_equal(IOMemoryMap_copyCompatible(inner, same), inner);
    assert_ptr_equal(IOMemoryMap_copyCompatible(map, less), less);
    assert_true(IOMemoryMap_setMemoryDescriptor(less, memory, PAGE_SIZE + 8));
    OSObject_release(inner);
    OSObject_release(inner);
    OSObject_release(same);
    OSObject_release(less);
}

static void what_is_no_view_now_is_not_compatible(void **state)
{
    IOMemoryMap *one = request(other, 0, kIOMapAnywhere, PAGE_SIZE, 5);
    IOMemoryMap *foreign = request(owner, 0, kIOMapAnywhere, PAGE_SIZE, 5);
    IOMemoryMap *unique = map_all(memory, other, kIOMapUnique);
    IOAddressRange anew = {new_pages(owner, 3, RW), 3 * PAGE_SIZE};

    (void)state;
    assert_null(IOMemoryMap_copyCompatible(map, NULL));
    assert_null(IOMemoryMap_copyCompatible(map, map)); /* it is entered already */
    assert_null(IOMemoryMap_copyCompatible(map, foreign));
    assert_null(IOMemoryMap_copyCompatible(unique, one));
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_null(IOMemoryMap_copyCompatible(map, one));
    OSObject_release(map);
    map = map_all(memory, other, 0);
    assert_ptr_equal(IOMemoryMap_copyCompatible(map, one), one);
    assert_true(IOMemoryMap_setMemoryDescriptor(one, memory, PAGE_SIZE));
    OSObject_release(one);
    one = request(other, 0, kIOMapAnywhere, PAGE_SIZE, 5);
    assert_true(IOMemoryDescriptor_initWithOptions(memory, &anew, 1, 0, owner,
                                                   kIOMemoryTypeVirtual | kIODirectionOutIn, NULL));
    assert_null(IOMemoryMap_copyCompatible(map, one)); /* it shows what was described before */
    OSObject_release(unique);
    OSObject_release(foreign);
    OSObject_release(one);
}

/* A recorded view is what its maker said, whatever the tables say. */
static void a_recorded_view_has_the_recorded_mode(void **state)
{
    const uint64_t at = new_pages(other, 1, RW);
    IOMemoryMap *recorded = IOMemoryDescriptor_setMapping(memory, other, at, kIOMapWriteThruCache);
    IOMemoryMap *same = request(other, 0, kIOMapAnywhere | kIOMapWriteThruCache, 0, 8);
    IOMemoryMap *differs = request(other, 0, kIOMapAnywhere | kIOMapInhibitCache, 0, 8);

    (void)state;
    assert_non_null(recorded);
    assert_ptr_equal(IOMemoryMap_copyCompatible(recorded, same), same);
    assert_true(IOMemoryMap_setMemoryDescriptor(same, memory, 0));
    assert_null(IOMemoryMap_copyCompatible(recorded, differs));
    OSObject_release(same);
    OSObject_release(differs);
    OSObject_release(recorded);
}

/* Whose options come with its making alone: it is the caller's place all the same. */
static void a_view_is_recorded_by_the_request(void **state)
{
    const uint64_t at = new_pages(other, 1, RW);
    IOMemoryMap *const recorded = IOMemoryDescriptor_makeMapping(
        memory, memory, other, (IOVirtualAddress)request(other, at, 0, 0, 8), kIOMapStatic, 0, 0);

    (void)state;
    assert_non_null(recorded);
    store(other, at, 5);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(load(other, at), 5);
    assert_int_equal(IOMemoryDescriptor_redirect(memory, TASK_NULL, false), kIOReturnSuccess);
    OSObject_release(recorded);
    assert_int_equal(load(other, at), 5);
}

/* Whose private copy has too few bytes for the map that it is made for. */
static IOReturn copy_too_short(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount length,
                               IOMemoryDescriptor **out)
{
    (void)self, (void)offset;
    *out = describe(0x10000, length - 1, kIODirectionOutIn, owner);
    return kIOReturnSuccess;
}

static void copies_have_all_bytes(void **state)
{
    const OSMetaClass *const meta = OSObject_getMetaClass(memory);
    IOMemoryDescriptorClass copying = *IOMemoryDescriptor_methods(memory);

    (void)state;
    copying.meta.super = meta;
    copying.copyForUnique = copy_too_short;
    memory->super.metaClass = &copying.meta;
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapUnique, 0, 0, kIOReturnBadArgument);
    memory->super.metaClass = meta;
}

/* Of a view that its maker recorded, the pages may allow more than the map. */
static void what_may_only_be_read_is_not_wired_for_stores(void **state)
{
    const uint64_t at = new_pages(other, 1, RW);
    IOMemoryMap *recorded = IOMemoryDescriptor_setMapping(memory, other, at, kIOMapReadOnly);

    (void)state;
    assert_non_null(recorded);
    store(other, at, 1);
    assert_int_equal(IOMemoryMap_getMapOptions(recorded) & kIOMapReadOnly, kIOMapReadOnly);
    assert_int_equal(IOMemoryMap_wireRange(recorded, kIODirectionOutIn, 0, 8),
                     kIOReturnNotPermitted);
    assert_int_equal(pins_at(other, at), 0);
    assert_int_equal(IOMemoryMap_wireRange(recorded, VM_PROT_READ, 0, 8), kIOReturnSuccess);
    assert_int_equal(pins_at(other, at), 1);
    OSObject_release(recorded);
    assert_int_equal(pins_at(other, at), 0);
}

/* Its task dies with its pins, whether it was to be unmapped then or not. */
static void pins_end_with_the_task(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        task_t task;
        IOMemoryMap *pinned;

        assert_int_equal(task_create(&task), KERN_SUCCESS);
        pinned = map_all(memory, task, 0);
        assert_int_equal(IOMemoryMap_wireRange(pinned, kIODirectionOut, 0, PAGE_SIZE),
                         kIOReturnSuccess);
        if (i == 1) {
            assert_int_equal(IOMemoryMap_userClientUnmap(pinned), kIOReturnSuccess);
        }
        task_terminate(task);
        assert_int_equal(IOMemoryMap_getAddress(pinned), 0);
        assert_int_equal(IOMemoryMap_wireRange(pinned, kIODirectionOut, 0, PAGE_SIZE),
                         kIOReturnNotReady);
        OSObject_release(pinned);
        task_release(task);
    }
}

/* Segments of a map are those of its memory, from its own offset on and to its end. */
static void a_map_has_its_own_segments(void **state)
{
    IOByteCount length, there;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    for (uint64_t offset = 0; offset < 2 * PAGE_SIZE; offset += 1000) {
        const IOPhysicalAddress at = IOMemoryDescriptor_getPhysicalSegment(
            memory, PAGE_SIZE + offset, &there, kIOMemoryMapperNone);

        assert_int_equal(IOMemoryMap_getPhysicalSegment(map, offset, &length, kIOMemoryMapperNone),
                         at);
        assert_int_equal(length, there < 2 * PAGE_SIZE - offset ? there : 2 * PAGE_SIZE - offset);
    }
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 2 * PAGE_SIZE, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
}

static void offsets_that_wrap_are_refused(void **state)
{
    IOSubMemoryDescriptor *window =
        IOSubMemoryDescriptor_withSubRange(memory, 0, PAGE_SIZE, kIODirectionOutIn);
    IOMemoryDescriptor *targets[] = {memory, (IOMemoryDescriptor *)window};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryMap *wraps = request(other, 0, kIOMapAnywhere, 8, 8);
        IOMemoryMap *leaves = request(other, 0, kIOMapAnywhere, 8, 8);

        assert_null(IOMemoryDescriptor_makeMapping(
            targets[i], targets[i], other, (IOVirtualAddress)wraps, kIOMapAnywhere, UINT64_MAX, 0));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
        assert_null(IOMemoryDescriptor_makeMapping(targets[i], targets[i], other,
                                                   (IOVirtualAddress)leaves, kIOMapAnywhere,
                                                   4 * PAGE_SIZE, 0));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    OSObject_release(window);
}

/* Where two pieces meet, a page must not show a neighbour's bytes. */
static void pieces_that_share_a_page_cannot_be_populated(void **state)
{
    IOAddressRange inside[] = {{DEVICE, PAGE_SIZE + 8}, {DEVICE + 4 * PAGE_SIZE + 8, PAGE_SIZE}};
    IOAddressRange ends[] = {{DEVICE, PAGE_SIZE + 8}, {DEVICE + 4 * PAGE_SIZE, PAGE_SIZE}};
    IOAddressRange fits[] = {{DEVICE + 0x400, PAGE_SIZE - 0x400}, {DEVICE + 4 * PAGE_SIZE, 16}};
    IOAddressRange late[] = {{DEVICE + 0xc00, 0x400}, {DEVICE + 4 * PAGE_SIZE, 16}};
    IOMemoryDescriptor *const quarter =
        IOMemoryDescriptor_withAddressRanges(late, 2, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *meet =
        IOMemoryDescriptor_withAddressRanges(inside, 2, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *end =
        IOMemoryDescriptor_withAddressRanges(ends, 2, kIODirectionOutIn, TASK_NULL);
    IOMemoryDescriptor *border =
        IOMemoryDescriptor_withAddressRanges(fits, 2, kIODirectionOutIn, TASK_NULL);
    vm_map_t space = task_map(other);
    uint64_t at = IOMemoryMap_getAddress(map);
    int pager;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(border, NULL, space, at + 0x400, 0,
                                                            PAGE_SIZE - 0x400 + 16, 0),
                     kIOReturnSuccess);
    OSObject_release(border);
    assert_int_equal(
        IOMemoryDescriptor_populateDevicePager(quarter, NULL, space, at + 0xc00, 0, 0x400 + 16, 0),
        kIOReturnSuccess);
    OSObject_release(quarter);
    assert_int_equal(
        IOMemoryDescriptor_populateDevicePager(meet, NULL, space, at, 0, 2 * PAGE_SIZE, 0),
        kIOReturnVMError);
    REFUSED(IOMemoryDescriptor_populateDevicePager(meet, NULL, space, at, PAGE_SIZE + 8, 9, 0));
    assert_int_equal(IOMemoryDescriptor_populateDevicePager(end, NULL, space, at, PAGE_SIZE, 16, 0),
                     kIOReturnVMError);
    REFUSED(IOMemoryDescriptor_populateDevicePager(end, &pager, space, at, 0, 16, 0));
    REFUSED(IOMemoryDescriptor_populateDevicePager(end, NULL, NULL, at, 0, 16, 0));
    REFUSED(IOMemoryDescriptor_populateDevicePager(end, NULL, space, at, 0, 0, 0));
    REFUSED(IOMemoryDescriptor_populateDevicePager(end, NULL, space, at, 0, 3 * PAGE_SIZE, 0));
    REFUSED(IOMemoryDescriptor_populateDevicePager(end, NULL, space, at, 0, 16, kIOMapStatic));
    REFUSED(IOMemoryDescriptor_handleFault(end, &pager, 0, 1));
    /* Pages that are not there have no address. */
    assert_int_not_equal(
        IOMemoryDescriptor_populateDevicePager(memory, NULL, space, at, PAGE_SIZE, 16, 0),
        kIOReturnSuccess);
    OSObject_release(meet);
    OSObject_release(end);
}

static void a_view_that_has_outlived_its_memory_has_no_address(void **state)
{
    IOByteCount length = 5;

    (void)state;
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 2 * PAGE_SIZE, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getVirtualAddress(map), 0);
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 0, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALLS_TEST(a_map_is_made_once),
        CALLS_TEST(only_what_sees_the_bytes_is_compatible),
        CALLS_TEST(borrowers_lend_only_all_of_it),
        CALLS_TEST(what_is_no_view_now_is_not_compatible),
        CALLS_TEST(a_recorded_view_has_the_recorded_mode),
        CALLS_TEST(a_view_is_recorded_by_the_request),
        CALLS_TEST(what_may_only_be_read_is_not_wired_for_stores),
        CALLS_TEST(pins_end_with_the_task),
        CALLS_TEST(a_map_has_its_own_segments),
        CALLS_TEST(offsets_that_wrap_are_refused),
        CALLS_TEST(pieces_that_share_a_page_cannot_be_populated),
        CALLS_TEST(a_view_that_has_outlived_its_memory_has_no_address),
        CALLS_TEST(copies_have_all_bytes),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
