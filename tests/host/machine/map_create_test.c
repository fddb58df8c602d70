/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings of general descriptors, how they are made and how they end: the checks
 * MD-19, MD-20, MD-22 to MD-27 and MD-36, and MM-1 to MM-3, MM-5 and MM-10.
 */
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_cache.h"

/* Three ranges of the owner: a page and a half, two whole pages, a page and a bit. */
static IOMemoryDescriptor *three_ranges(IOAddressRange *ranges, bool aligned)
{
    const uint64_t at = new_pages(owner, 8, RW);

    ranges[0] = (IOAddressRange){at + 3 * PAGE_SIZE - 5000, 5000};
    ranges[1] = (IOAddressRange){at + 5 * PAGE_SIZE + (aligned ? 0 : 16), 2 * PAGE_SIZE};
    ranges[2] = (IOAddressRange){at + (aligned ? 0 : 100), PAGE_SIZE + 77};
    return IOMemoryDescriptor_withAddressRanges(ranges, 3, kIODirectionOutIn, owner);
}

/* Owner's address of a byte of the descriptor. */
static uint64_t source_of(const IOAddressRange *range, uint64_t offset)
{
    while (offset >= range->length) {
        offset -= range->length;
        range++;
    }
    return range->address + offset;
}

/* Map [offset, offset + length) with guards and compare it byte by byte. */
static void compare_part(IOMemoryDescriptor *memory, const IOAddressRange *ranges, task_t task,
                         uint64_t offset, uint64_t length)
{
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(
        memory, task, 0, kIOMapAnywhere | kIOMapGuardedSmall, offset, length);
    uint64_t at;

    assert_non_null(map);
    at = IOMemoryMap_getAddress(map);
    for (uint64_t i = 0; i < length; i += i + 97 < length && i > 64 ? 97 : 1) {
        uint8_t byte;

        assert_int_equal(load(task, at + i), load(owner, source_of(ranges, offset + i)));
        assert_int_equal(IOMemoryDescriptor_readBytes(memory, offset + i, &byte, 1), 1);
        assert_int_equal(load(task, at + i), byte);
    }
    assert_int_equal(try_load(task, trunc_page(at) - 1), KERN_PROTECTION_FAILURE); /* MD-20 */
    assert_int_equal(try_load(task, round_page(at + length)), KERN_PROTECTION_FAILURE);
    OSObject_release(map);
}

static void md_19_parts_of_many_sizes(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory = three_ranges(ranges, true);
    const uint64_t sizes[] = {1, 8, 4095, 4096, 4097, 8192, 9000};
    const uint64_t length = IOMemoryDescriptor_getLength(memory);
    struct holdings before;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fill(owner, ranges[i].address, ranges[i].length, (uint8_t)i);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    compare_part(memory, ranges, other, 0, length);
    compare_part(memory, ranges, kernel_task, 0, length);
    before = holdings_now();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint64_t offset = 0; offset + sizes[i] <= length; offset += 1777) {
            compare_part(memory, ranges, i % 2 ? other : kernel_task, offset, sizes[i]);
        }
    }
    assert_int_equal(holdings_now().entries, before.entries);
    assert_int_equal(holdings_now().mapped, before.mapped);
    assert_int_equal(holdings_now().tables, before.tables);
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
}

static void md_19_ranges_that_do_not_fit_together(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory = three_ranges(ranges, false);
    IOMemoryMap *map;

    (void)state;
    fill(owner, ranges[0].address, 5000, 1);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 4999, 2, kIOReturnNotAligned);
    /* Each of them alone can be seen. */
    map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 10, 4990);
    assert_non_null(map);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), pattern(10, 1));
    OSObject_release(map);
    OSObject_release(memory);
}

/* Ranges that lie next to each other in the task count as one, whatever is behind them. */
static void md_19_adjacent_ranges_over_two_objects(void **state)
{
    const uint64_t first = new_pages(owner, 1, RW), second = new_pages(owner, 2, RW);
    IOAddressRange ranges[] = {{first + 100, 200}, {first + 300, PAGE_SIZE}};
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(second, first + PAGE_SIZE);
    fill(owner, first, 2 * PAGE_SIZE, 3);
    map = map_all(memory, other, 0);
    assert_int_equal(IOMemoryMap_getAddress(map) & PAGE_MASK, 100);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), pattern(100, 3));
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE + 199),
                     pattern(PAGE_SIZE + 299, 3));
    OSObject_release(map);
    OSObject_release(memory);
}

/* One page seen through several ranges at its own offsets is one page of the map. */
static void md_19_ranges_that_meet_in_a_page(void **state)
{
    const uint64_t before = 2 * PAGE_SIZE;
    struct vm_object *object;
    uint64_t one, two;
    IOMemoryDescriptor *memory;
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(vm_object_create(4, &object), KERN_SUCCESS);
    one = show_object(owner, object, RW);
    two = show_object(owner, object, RW);
    vm_object_release(object);
    fill(owner, one, 4 * PAGE_SIZE, 8);
    memory = IOMemoryDescriptor_withAddressRanges(
        (IOAddressRange[]){{one + 100, before + 100},
                           {two + before + 200, PAGE_SIZE - 201},
                           {one + before + PAGE_SIZE - 1, PAGE_SIZE}},
        3, kIODirectionOutIn, owner);
    map = map_all(memory, other, 0);
    for (uint64_t i = 0; i < before + 2 * PAGE_SIZE - 101; i += 7) {
        assert_int_equal(load(other, IOMemoryMap_getAddress(map) + i), pattern(100 + i, 8));
    }
    OSObject_release(map);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, before + 90, 60);
    assert_non_null(map);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 59), pattern(before + 249, 8));
    OSObject_release(map);
    OSObject_release(memory);
}

/* Of many pieces each is found, wherever a map begins and ends. */
static void md_19_many_ranges(void **state)
{
    const uint64_t at = new_pages(owner, 16, RW);
    IOAddressRange ranges[8];
    IOMemoryDescriptor *memory;

    (void)state;
    fill(owner, at, 16 * PAGE_SIZE, 9);
    for (uint64_t i = 0; i < 8; i++) { /* each in front of the one before it */
        ranges[i] = (IOAddressRange){at + (14 - 2 * i) * PAGE_SIZE, (1 + i % 2) * PAGE_SIZE};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 8, kIODirectionOutIn, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    for (uint64_t first = 0; first < 12; first++) {
        for (uint64_t end = first + 1; end <= 12; end += 3) {
            compare_part(memory, ranges, other, first * PAGE_SIZE, (end - first) * PAGE_SIZE);
        }
    }
    assert_int_equal(IOMemoryDescriptor_complete(memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(memory);
}

/* In the place of another map pages are as absent as they were. */
static void md_19_pieces_over_others_are_lazy(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory = three_ranges(ranges, true);
    IOMemoryMap *first = map_all(memory, other, 0), *over;
    IOByteCount resident = 99;

    (void)state;
    over = IOMemoryDescriptor_createMappingInTask(memory, other, IOMemoryMap_getAddress(first),
                                                  kIOMapOverwrite | kIOMapUnique, 0, 0);
    assert_non_null(over);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &resident, NULL), kIOReturnSuccess);
    assert_int_equal(resident, 0);
    store(owner, ranges[2].address + PAGE_SIZE, 7);
    assert_int_equal(load(other, IOMemoryMap_getAddress(over) + 5000 + 3 * PAGE_SIZE), 7);
    OSObject_release(over);
    OSObject_release(first);
    OSObject_release(memory);
}

static void md_20_guards(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at + 8, PAGE_SIZE, kIODirectionOutIn, owner);
    const uint64_t ranges = ranges_now();
    IOMemoryMap *map;
    uint64_t first, last;

    (void)state;
    map = map_all(memory, other, kIOMapGuardedLarge);
    first = trunc_page(IOMemoryMap_getAddress(map));
    last = round_page(IOMemoryMap_getAddress(map) + PAGE_SIZE) - 1;
    assert_int_equal(last - first + 1, 2 * PAGE_SIZE);
    assert_int_equal(try_store(other, first), KERN_SUCCESS);
    assert_int_equal(try_store(other, last), KERN_SUCCESS);
    assert_int_equal(try_load(other, first - 1), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_load(other, first - 65536), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_load(other, first - 65537), KERN_INVALID_ADDRESS);
    assert_int_equal(try_store(other, last + 1), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_store(other, last + 65536), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_store(other, last + 65537), KERN_INVALID_ADDRESS);
    OSObject_release(map);
    assert_int_equal(ranges_now(), ranges);
    /* Both bits mean the small one; guards need room that the system picks. */
    map = map_all(memory, other, kIOMapGuardedMask);
    first = trunc_page(IOMemoryMap_getAddress(map));
    assert_int_equal(try_load(other, first - PAGE_SIZE), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_load(other, first - PAGE_SIZE - 1), KERN_INVALID_ADDRESS);
    OSObject_release(map);
    expect_no_map(memory, other, 0x100008, kIOMapGuardedSmall, 0, 0, kIOReturnBadArgument);
    OSObject_release(memory);
}

static void md_22_fixed_addresses(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    const uint64_t free = 0x40000000, taken = new_pages(other, 1, RW);
    IOMemoryDescriptor *memory = describe(at + 8, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map;

    (void)state;
    store(owner, at + 8, 5);
    map = IOMemoryDescriptor_createMappingInTask(memory, other, free + 8, 0, 0, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), free + 8);
    assert_int_equal(load(other, free + 8), 5);
    expect_no_map(memory, other, free + PAGE_SIZE + 8, kIOMapUnique, 0, 0, kIOReturnNoSpace);
    OSObject_release(map);
    expect_no_map(memory, other, free, 0, 0, 0, kIOReturnNotAligned);
    expect_no_map(memory, other, free + 9, 0, 0, 0, kIOReturnNotAligned);
    expect_no_map(memory, other, taken + 8, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, other, 8, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, other, MMU_USER_VA_END - PAGE_SIZE + 8, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, other, MMU_KERNEL_VA_BASE + 8, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, kernel_task, free + 8, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(memory, other, UINT64_MAX - PAGE_SIZE + 9, 0, 0, 0, kIOReturnNoSpace);
    map = IOMemoryDescriptor_createMappingInTask(memory, kernel_task, MMU_KERNEL_VA_BASE + 8, 0, 0,
                                                 0);
    assert_non_null(map);
    assert_int_equal(load(kernel_task, MMU_KERNEL_VA_BASE + 8), 5);
    OSObject_release(map);
    OSObject_release(memory);
}

static void requests_that_make_no_sense(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, 6000, kIODirectionOutIn, owner);
    IOMemoryDescriptor *nothing = describe(at, 0, kIODirectionOutIn, owner);
    IOMemoryDescriptor *nowhere = describe(at + 1024 * PAGE_SIZE, 10, kIODirectionOutIn, owner);
    IOMemoryDescriptor *hole = describe(at + PAGE_SIZE, 2 * PAGE_SIZE, kIODirectionOutIn, owner);

    (void)state;
    expect_no_map(memory, TASK_NULL, 0, kIOMapAnywhere, 0, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 6000, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 1, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 5999, 2, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 16, UINT64_MAX - 8, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere, UINT64_MAX, 2, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere | 0xA00, 0, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere | 0xF00, 0, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere | 0x00800000, 0, 0, kIOReturnBadArgument);
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapOverwrite, 0, 0, kIOReturnBadArgument);
    expect_no_map(nothing, other, 0, kIOMapAnywhere, 0, 0, kIOReturnBadArgument);
    expect_no_map(nothing, other, 0, kIOMapAnywhere, 0, 1, kIOReturnBadArgument);
    expect_no_map(nowhere, other, 0, kIOMapAnywhere, 0, 0, kIOReturnVMError);
    expect_no_map(nowhere, owner, 0, kIOMapAnywhere, 0, 0, kIOReturnVMError);
    expect_no_map(hole, other, 0, kIOMapAnywhere, 0, 0, kIOReturnVMError);
    task_terminate(other);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnBadArgument);
    task_terminate(owner);
    expect_no_map(memory, kernel_task, 0, kIOMapAnywhere, 0, 0, kIOReturnVMError);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnCannotWire);
    OSObject_release(memory);
    OSObject_release(nothing);
    OSObject_release(nowhere);
    OSObject_release(hole);
}

static void md_23_identity_only_for_what_it_is(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at + 8, PAGE_SIZE, kIODirectionOutIn, owner);
    const uint64_t ranges = ranges_now();
    IOMemoryMap *same, *alias;

    (void)state;
    store(owner, at + 8, 1);
    same = map_all(memory, owner, 0);
    assert_int_equal(IOMemoryMap_getAddress(same), at + 8);
    assert_int_equal(IOMemoryMap_getMapOptions(same), kIOMapAnywhere | kIOMapStatic);
    assert_int_equal(ranges_now(), ranges);
    assert_int_equal(gIOMemoryReferenceCount, 0);
    alias = map_all(memory, owner, kIOMapReadOnly);
    assert_int_not_equal(IOMemoryMap_getAddress(alias), at + 8);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(alias)), 1);
    assert_int_equal(try_store(owner, IOMemoryMap_getAddress(alias)), KERN_PROTECTION_FAILURE);
    store(owner, at + 8, 2);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(alias)), 2);
    OSObject_release(alias);
    alias = map_all(memory, owner, kIOMapInhibitCache);
    assert_int_not_equal(IOMemoryMap_getAddress(alias), at + 8);
    OSObject_release(alias);
    alias = map_all(memory, owner, kIOMapGuardedSmall);
    assert_int_not_equal(IOMemoryMap_getAddress(alias), at + 8);
    OSObject_release(alias);
    alias = map_all(memory, owner, kIOMapUnique);
    assert_int_not_equal(IOMemoryMap_getAddress(alias), at + 8);
    OSObject_release(alias);
    OSObject_release(same);
    assert_int_equal(load(owner, at + 8), 2); /* it was nobody's to unmap */
    OSObject_release(memory);
}

static void md_24_prefault(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW);
    IOMemoryDescriptor *memory = describe(at + 8, 3 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *map;
    uint64_t faults;

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0, kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    map = map_all(memory, other, kIOMapPrefault);
    faults = sim_faults;
    for (uint64_t i = 0; i < 3 * PAGE_SIZE; i += 512) {
        store(other, IOMemoryMap_getAddress(map) + i, 7);
        load(other, IOMemoryMap_getAddress(map) + i);
    }
    assert_int_equal(sim_faults, faults);
    OSObject_release(map);
    map = map_all(memory, kernel_task, kIOMapPrefault | kIOMapReadOnly);
    faults = sim_faults;
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(map)), 7);
    assert_int_equal(sim_faults, faults);
    OSObject_release(map);
    map = map_all(memory, owner, kIOMapPrefault);
    assert_int_equal(IOMemoryMap_getAddress(map), at + 8);
    faults = sim_faults;
    store(owner, at + 8, 9);
    assert_int_equal(load(owner, at + 8 + 2 * PAGE_SIZE), 7);
    assert_int_equal(sim_faults, faults);
    OSObject_release(map);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
}

static void md_25_copy_on_write(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *memory =
        describe(at + 8, 2 * PAGE_SIZE, kIODirectionOutIn | kIOMemoryMapCopyOnWrite, owner);
    IOMemoryDescriptor *live = describe(at + 8, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryMap *image, *second, *window;
    uint64_t seen;
    uint8_t byte;

    (void)state;
    fill(owner, at, 3 * PAGE_SIZE, 9);
    image = map_all(memory, other, 0);
    window = map_all(live, other, 0);
    seen = IOMemoryMap_getAddress(image);
    store(owner, at + 8, 200);
    assert_int_equal(load(other, seen), pattern(8, 9));
    assert_int_equal(load(other, IOMemoryMap_getAddress(window)), 200);
    store(other, seen + PAGE_SIZE, 100);
    assert_int_equal(load(owner, at + 8 + PAGE_SIZE), pattern(8 + PAGE_SIZE, 9));
    for (uint64_t i = 1; i < PAGE_SIZE; i += 37) {
        assert_int_equal(load(other, seen + i), pattern(8 + i, 9));
    }
    /* One image for all mappings, also into the owner; the live memory for everything else. */
    second = map_all(memory, owner, 0);
    assert_int_not_equal(IOMemoryMap_getAddress(second), at + 8);
    assert_int_equal(load(owner, IOMemoryMap_getAddress(second)), pattern(8, 9));
    assert_int_equal(load(owner, IOMemoryMap_getAddress(second) + PAGE_SIZE), 100);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &byte, 1), 1);
    assert_int_equal(byte, 200);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(image);
    OSObject_release(second);
    OSObject_release(window);
    OSObject_release(memory);
    OSObject_release(live);
}

static void md_26_recorded_mappings(void **state)
{
    struct vm_object *object;
    uint64_t at, there, ranges;
    IOMemoryDescriptor *memory, *byte;
    IOMemoryMap *map, *again;

    (void)state;
    assert_int_equal(vm_object_create(2, &object), KERN_SUCCESS);
    at = show_object(owner, object, RW);
    there = show_object(other, object, RW);
    vm_object_release(object);
    memory = describe(at, 5000, kIODirectionOutIn, owner);
    ranges = ranges_now();
    assert_null(IOMemoryDescriptor_setMapping(memory, other, 0, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_null(IOMemoryDescriptor_setMapping(memory, TASK_NULL, there, 0));
    assert_null(IOMemoryDescriptor_setMapping(memory, other, UINT64_MAX - 4000, 0));
    map = IOMemoryDescriptor_setMapping(memory, other, UINT64_MAX - 4999, 0); /* just fits */
    assert_non_null(map);
    OSObject_release(map);
    /* Whatever offset is named, what is mapped begins with the first byte. */
    map = IOMemoryDescriptor_createMappingInTask(memory, other, there, kIOMapStatic, 100, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getLength(map), 5000);
    OSObject_release(map);
    byte = describe(at, 1, kIODirectionOutIn, owner);
    map = IOMemoryDescriptor_setMapping(byte, other, there, 0);
    assert_non_null(map);
    OSObject_release(map);
    OSObject_release(byte);
    map = IOMemoryDescriptor_setMapping(memory, other, there, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), there);
    assert_int_equal(IOMemoryMap_getMapOptions(map), kIOMapStatic);
    assert_int_equal(holdings_now().mapped, 0);
    again = map_all(memory, other, 0); /* later requests share it */
    assert_ptr_equal(again, map);
    OSObject_release(again);
    assert_int_equal(IOMemoryMap_unmap(map), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getAddress(map), 0);
    OSObject_release(map);
    assert_int_equal(ranges_now(), ranges);
    store(other, there, 1);
    OSObject_release(memory);
}

static void md_27_remote_memory_is_not_mapped(void **state)
{
    IOMemoryDescriptor *memory =
        describe(1ull << 60, 5000, kIODirectionOutIn | kIOMemoryRemote, TASK_NULL);
    IOByteCount count = 5;

    (void)state;
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAttached);
    expect_no_map(memory, other, 0, kIOMapAnywhere | 0x2, 1, 5000, kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_setPurgeable(memory, kIOMemoryPurgeableKeepCurrent, NULL),
                     kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, owner, 1, 0), kIOReturnNotAttached);
    assert_int_equal(IOMemoryDescriptor_getPageCounts(memory, &count, NULL), kIOReturnNotAttached);
    assert_int_equal(count, 5);
    OSObject_release(memory);
}

static void mm_5_segments_of_a_map(void **state)
{
    IOAddressRange ranges[3];
    IOMemoryDescriptor *memory = three_ranges(ranges, true);
    IOMemoryMap *map =
        IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, 3000, 6000);
    uint64_t offset;
    IOByteCount length;

    (void)state;
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 0, &length, kIOMemoryMapperNone), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    for (offset = 0; offset < 6000; offset += length) {
        IOByteCount whole;
        const addr64_t expected =
            IOMemoryDescriptor_getPhysicalSegment(memory, 3000 + offset, &whole, 0);

        assert_int_equal(IOMemoryMap_getPhysicalSegment(map, offset, &length, 0), expected);
        assert_int_equal(length, whole < 6000 - offset ? whole : 6000 - offset);
    }
    assert_int_equal(offset, 6000);
    assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 6000, &length, 0), 0);
    assert_int_equal(length, 0);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(map),
                     IOMemoryDescriptor_getPhysicalSegment(memory, 3000, NULL, 0));
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(map);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(md_19_parts_of_many_sizes),
        MAP_TEST(md_19_ranges_that_do_not_fit_together),
        MAP_TEST(md_19_adjacent_ranges_over_two_objects),
        MAP_TEST(md_19_ranges_that_meet_in_a_page),
        MAP_TEST(md_19_many_ranges),
        MAP_TEST(md_19_pieces_over_others_are_lazy),
        MAP_TEST(md_20_guards),
        MAP_TEST(md_22_fixed_addresses),
        MAP_TEST(requests_that_make_no_sense),
        MAP_TEST(md_23_identity_only_for_what_it_is),
        MAP_TEST(md_24_prefault),
        MAP_TEST(md_25_copy_on_write),
        MAP_TEST(md_26_recorded_mappings),
        MAP_TEST(md_27_remote_memory_is_not_mapped),
        MAP_TEST(mm_5_segments_of_a_map),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
