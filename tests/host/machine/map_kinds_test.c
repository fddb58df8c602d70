/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps of every kind: what each tells of itself, who shares it, and what it leaves behind. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/map_fixture.h"

#define LENGTH (3 * PAGE_SIZE)
#define FIXED  0x70000000ull

static IOMemoryDescriptor *memory;
static uint64_t source;

static int kinds_start(void **state)
{
    const int result = map_start(state);

    if (result == 0) {
        source = new_pages(owner, 3, RW);
        memory = describe(source, LENGTH, kIODirectionOutIn, owner);
    }
    return result;
}

static int kinds_stop(void **state)
{
    OSSafeReleaseNULL(memory);
    return map_stop(state);
}

#define KINDS_TEST(name) cmocka_unit_test_setup_teardown(name, kinds_start, kinds_stop)

static IOMemoryMap *request(task_t task, uint64_t address, IOOptionBits options, uint64_t offset,
                            uint64_t length)
{
    return IOMemoryDescriptor_createMappingInTask(memory, task, address, options, offset, length);
}

static void mm_1_what_each_kind_tells(void **state)
{
    static const struct {
        IOOptionBits options;
        uint64_t address, offset, length;
    } kinds[] = {
        {kIOMapAnywhere, 0, 0, 0},
        {kIOMapAnywhere, 0, 100, 5000},
        {kIOMapAnywhere | kIOMapReadOnly, 0, 0, 0},
        {kIOMapAnywhere | kIOMapUnique, 0, 0, 0},
        {kIOMapAnywhere | kIOMapGuardedSmall, 0, 0, 0},
        {kIOMapAnywhere | kIOMapGuardedLarge, 0, 4096, 1},
        {0, FIXED, 0, 0},
        {0, FIXED + 100, 100, 5000},
        {kIOMapReadOnly, FIXED + 5, PAGE_SIZE + 5, 10},
        {kIOMapAnywhere | kIOMapInhibitCache, 0, 0, 0},
    };

    (void)state;
    for (unsigned to = 0; to < 2; to++) {
        const task_t task = to == 0 ? other : owner;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            IOMemoryMap *map =
                request(task, kinds[i].address, kinds[i].options, kinds[i].offset, kinds[i].length);
            const uint64_t length = kinds[i].length != 0 ? kinds[i].length : LENGTH;

            assert_non_null(map);
            assert_int_equal(IOMemoryMap_getLength(map), length);
            assert_int_equal(IOMemoryMap_getSize(map), length);
            assert_ptr_equal(IOMemoryMap_getAddressTask(map), task);
            assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
            assert_int_equal(IOMemoryMap_getAddress(map), IOMemoryMap_getVirtualAddress(map));
            assert_int_equal(IOMemoryMap_getAddress(map) % PAGE_SIZE, kinds[i].offset % PAGE_SIZE);
            if ((kinds[i].options & kIOMapAnywhere) == 0) {
                assert_int_equal(IOMemoryMap_getAddress(map), kinds[i].address);
            }
            assert_int_equal(IOMemoryMap_getMapOptions(map) & ~kIOMapStatic, kinds[i].options);
            store(owner, source + kinds[i].offset, (uint8_t)(i + 1));
            assert_int_equal(load(task, IOMemoryMap_getAddress(map)), i + 1);
            OSObject_release(map);
        }
    }
}

/* Identity: its owner asks for it without a wish, and gets the memory where it is. */
static void mm_1_identity(void **state)
{
    IOMemoryMap *map = request(owner, 0, kIOMapAnywhere, 0, 0);

    (void)state;
    assert_int_equal(IOMemoryMap_getAddress(map), source);
    assert_int_equal(IOMemoryMap_getLength(map), LENGTH);
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), owner);
    assert_true(IOMemoryMap_getMapOptions(map) & kIOMapStatic);
    OSObject_release(map);
    assert_int_equal(load(owner, source + 100), 0); /* not its to take away */
}

/* Recorded, not made: nothing of it is in the page tables, and nothing is taken from them. */
static void mm_1_recorded(void **state)
{
    const struct holdings before = holdings_now();
    IOMemoryMap *map = IOMemoryDescriptor_setMapping(memory, other, FIXED, 0);

    (void)state;
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), FIXED);
    assert_int_equal(IOMemoryMap_getLength(map), LENGTH);
    assert_ptr_equal(IOMemoryMap_getAddressTask(map), other);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), memory);
    assert_true(IOMemoryMap_getMapOptions(map) & kIOMapStatic);
    assert_int_equal(holdings_now().entries, before.entries);
    assert_int_equal(try_load(other, FIXED), KERN_INVALID_ADDRESS);
    OSObject_release(map);
}

static void mm_1_borrowed(void **state)
{
    IOMemoryMap *whole = request(other, 0, kIOMapAnywhere, 0, 0);
    IOMemoryMap *part = request(other, 0, kIOMapAnywhere, 5000, 70);

    (void)state;
    assert_ptr_not_equal(part, whole);
    assert_int_equal(IOMemoryMap_getAddress(part), IOMemoryMap_getAddress(whole) + 5000);
    assert_int_equal(IOMemoryMap_getLength(part), 70);
    assert_ptr_equal(IOMemoryMap_getAddressTask(part), other);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(part), memory);
    OSObject_release(whole);
    store(owner, source + 5000, 9);
    assert_int_equal(load(other, IOMemoryMap_getAddress(part)), 9);
    OSObject_release(part);
}

/* Neighbours on both sides stay, whatever kind the map between them was. */
static void mm_2_the_last_release_takes_exactly_the_map(void **state)
{
    static const IOOptionBits kinds[] = {0, kIOMapReadOnly, kIOMapUnique, kIOMapPrefault};
    IOMemoryMap *below, *above;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    below = request(other, FIXED, kIOMapUnique, 0, 0);
    above = request(other, FIXED + 2 * LENGTH, kIOMapUnique, 0, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct holdings before;
        const int references = OSObject_getRetainCount(memory);
        IOMemoryMap *map;

        assert_int_equal(load(other, FIXED + LENGTH - 1), 0);
        assert_int_equal(load(other, FIXED + 2 * LENGTH), 0);
        before = holdings_now();
        map = request(other, FIXED + LENGTH, kinds[i], 0, 0);
        assert_non_null(map);
        OSObject_retain(map);
        OSObject_release(map);
        assert_int_equal(load(other, FIXED + LENGTH), 0); /* not the last one */
        OSObject_release(map);
        assert_true(sim_holds(&before));
        assert_int_equal(OSObject_getRetainCount(memory), references);
        for (uint64_t page = 0; page < 3; page++) {
            assert_int_equal(try_load(other, FIXED + LENGTH + ptoa(page)), KERN_INVALID_ADDRESS);
        }
        assert_int_equal(load(other, FIXED + LENGTH - 1), 0);
        assert_int_equal(load(other, FIXED + 2 * LENGTH), 0);
    }
    OSObject_release(below);
    OSObject_release(above);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
}

static void mm_10_class_and_count(void **state)
{
    IOMemoryMap *map = request(other, 0, kIOMapAnywhere, 0, 0), *again, *part;

    (void)state;
    assert_ptr_equal(IOMemoryMap_getMetaClass(map), &IOMemoryMap_metaClass);
    assert_ptr_equal(OSDynamicCast(IOMemoryMap, OSObject_upcast(map)), map);
    assert_int_equal(OSObject_getRetainCount(map), 1);
    again = request(other, 0, kIOMapAnywhere, 0, 0);
    assert_ptr_equal(again, map);
    assert_int_equal(OSObject_getRetainCount(map), 2);
    part = request(other, 0, kIOMapAnywhere, 10, 10);
    assert_int_equal(OSObject_getRetainCount(part), 1);
    OSObject_release(part);
    OSObject_release(again);
    assert_int_equal(OSObject_getRetainCount(map), 1);
    OSObject_release(map);
}

/* Which second request is answered with the first one's map: rows ask, columns are there. */
static void md_21_who_shares_with_whom(void **state)
{
    static const IOOptionBits kinds[] = {0, kIOMapReadOnly, kIOMapInhibitCache,
                                         kIOMapWriteThruCache, kIOMapUnique};
    static const bool shares[5][5] = {
        {true, false, false, false, false},  {false, true, false, false, false},
        {false, false, true, false, false},  {false, false, false, true, false},
        {false, false, false, false, false},
    };

    (void)state;
    for (unsigned there = 0; there < 5; there++) {
        IOMemoryMap *first = request(other, 0, kIOMapAnywhere | kinds[there], 0, 0), *second;

        assert_non_null(first);
        /* Pages have one mode at a time: only the same wish is asked of a map with one. */
        second = request(other, 0, kIOMapAnywhere | kinds[there], 0, 0);
        assert_int_equal(second == first, shares[there][there]);
        OSSafeReleaseNULL(second);
        second = request(other, 0, kIOMapAnywhere | kIOMapUnique, 0, 0);
        assert_ptr_not_equal(second, first);
        OSSafeReleaseNULL(second);
        second = request(other, 0, kIOMapAnywhere | kinds[there] | kIOMapReadOnly, 0, 0);
        assert_int_equal(second == first, kinds[there] == kIOMapReadOnly);
        OSSafeReleaseNULL(second);
        OSObject_release(first);
    }
}

/* A reference to a map finds what is there, and makes nothing. */
static void md_21_references(void **state)
{
    const struct holdings before = holdings_now();
    IOMemoryMap *map, *found;

    (void)state;
    assert_null(request(other, 0, kIOMapAnywhere | kIOMapReference, 0, 0));
    assert_true(sim_holds(&before));
    map = request(other, 0, kIOMapAnywhere | kIOMapUnique, 0, 0);
    assert_null(request(other, 0, kIOMapAnywhere | kIOMapReference, 0, 0));
    OSObject_release(map);
    map = request(other, 0, kIOMapAnywhere, 0, 0);
    found = request(other, 0, kIOMapAnywhere | kIOMapReference, 0, 0);
    assert_ptr_equal(found, map);
    OSObject_release(found);
    found = request(other, 0, kIOMapAnywhere | kIOMapReference, 100, 10);
    assert_non_null(found);
    assert_int_equal(IOMemoryMap_getAddress(found), IOMemoryMap_getAddress(map) + 100);
    OSObject_release(found);
    assert_null(request(owner, 0, kIOMapAnywhere | kIOMapReference | kIOMapReadOnly, 0, 0));
    OSObject_release(map);
}

static void md_22_where_a_map_cannot_be(void **state)
{
    static const struct {
        uint64_t address, offset;
    } places[] = {
        {0, 0}, /* page 0 */
        {FIXED + 1, 0},
        {FIXED, 1}, /* another offset in the page */
        {MMU_KERNEL_VA_BASE, 0},
        {UINT64_MAX & ~PAGE_MASK, 0}, /* not the task's */
        {FIXED + LENGTH, 0},
        {FIXED - LENGTH + 2 * PAGE_SIZE, 0},
        {FIXED + PAGE_SIZE, PAGE_SIZE},
    };
    IOMemoryMap *taken, *free_place;

    (void)state;
    taken = request(other, FIXED + PAGE_SIZE, kIOMapUnique, 0, 0);
    assert_non_null(taken);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct holdings before = holdings_now();

        assert_null(request(other, places[i].address, 0, places[i].offset, 0));
        assert_true(sim_holds(&before));
    }
    free_place = request(other, FIXED + PAGE_SIZE + LENGTH, 0, 0, 0);
    assert_non_null(free_place);
    assert_int_equal(IOMemoryMap_getAddress(free_place), FIXED + PAGE_SIZE + LENGTH);
    OSObject_release(free_place);
    free_place = request(other, FIXED, 0, 0, PAGE_SIZE);
    assert_non_null(free_place);
    OSObject_release(free_place);
    OSObject_release(taken);
}

/* A pageable buffer of the kernel is as good as any other memory. */
static void md_22_pageable_buffers(void **state)
{
    IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, kIODirectionOutIn | kIOMemoryPageable, 2 * PAGE_SIZE, 1);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(buffer, other, FIXED, 0, 0, 0);

    (void)state;
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), FIXED);
    store(other, FIXED + 5000, 3);
    assert_int_equal(
        load(kernel_task, (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffer) + 5000), 3);
    assert_null(IOMemoryDescriptor_createMappingInTask(buffer, other, FIXED + PAGE_SIZE,
                                                       kIOMapUnique, 0, 0));
    OSObject_release(map);
    assert_int_equal(try_load(other, FIXED), KERN_INVALID_ADDRESS);
    OSObject_release(buffer);
}

static void md_24_no_access_through_it_faults(void **state)
{
    static const IOOptionBits kinds[] = {0, kIOMapReadOnly, kIOMapUnique, kIOMapInhibitCache};
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(memory, PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn);

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        IOMemoryDescriptor *of[] = {memory, IOMemoryDescriptor_upcast(sub)};

        for (unsigned k = 0; k < 2; k++) {
            const struct holdings before = holdings_now();
            IOMemoryMap *map;
            uint64_t faults;

            assert_null(IOMemoryDescriptor_createMappingInTask(
                of[k], other, 0, kIOMapAnywhere | kIOMapPrefault | kinds[i], 0, 0));
            assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
            assert_true(sim_holds(&before));
            assert_int_equal(IOMemoryDescriptor_prepare(of[k], 0), kIOReturnSuccess);
            map = IOMemoryDescriptor_createMappingInTask(
                of[k], other, 0, kIOMapAnywhere | kIOMapPrefault | kinds[i], 0, 0);
            assert_non_null(map);
            faults = sim_faults;
            for (uint64_t at = 0; at < IOMemoryMap_getLength(map); at += PAGE_SIZE / 2) {
                uint8_t byte;

                assert_int_equal(sim_load(task_map(other), IOMemoryMap_getAddress(map) + at, &byte),
                                 KERN_SUCCESS);
                if ((kinds[i] & kIOMapReadOnly) == 0) {
                    assert_int_equal(
                        sim_store(task_map(other), IOMemoryMap_getAddress(map) + at, 1),
                        KERN_SUCCESS);
                }
            }
            assert_int_equal(sim_faults, faults);
            OSObject_release(map);
            assert_int_equal(IOMemoryDescriptor_complete(of[k], 0), kIOReturnSuccess);
        }
    }
    OSObject_release(sub);
}

/* What is to be taken away is a map, whole: a length of its own is no such thing. */
static void unmapping_takes_no_length(void **state)
{
    IOMemoryMap *map = request(other, 0, kIOMapAnywhere, 0, 0);
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    assert_int_equal(load(other, at), 0);
    for (uint64_t length = 1; length <= LENGTH; length += LENGTH - 1) {
        assert_int_equal(IOMemoryDescriptor_doUnmap(memory, get_task_map(other),
                                                    (IOVirtualAddress)(uintptr_t)map, length),
                         kIOReturnBadArgument);
        assert_int_equal(load(other, at + LENGTH - 1), 0);
    }
    OSObject_release(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS_TEST(mm_1_what_each_kind_tells),
        KINDS_TEST(mm_1_identity),
        KINDS_TEST(mm_1_recorded),
        KINDS_TEST(mm_1_borrowed),
        KINDS_TEST(mm_2_the_last_release_takes_exactly_the_map),
        KINDS_TEST(mm_10_class_and_count),
        KINDS_TEST(md_21_who_shares_with_whom),
        KINDS_TEST(md_21_references),
        KINDS_TEST(md_22_where_a_map_cannot_be),
        KINDS_TEST(md_22_pageable_buffers),
        KINDS_TEST(md_24_no_access_through_it_faults),
        KINDS_TEST(unmapping_takes_no_length),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
