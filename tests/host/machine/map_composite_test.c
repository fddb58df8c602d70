/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings of windows and concatenations: the checks CD-3 to CD-6; no byte outside a
 * window is shown, page offsets are kept, and a failure leaves nothing reserved.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_composite.h"

static void cd_3_maps_through_a_window(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *parent = describe(at + 50, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *sub = window(parent, 100, 5000), *inner = window(sub, 10, 100);
    IOMemoryMap *whole, *part, *same, *innermost;

    (void)state;
    fill(owner, at, PAGES3, 1);
    expect_no_map(sub, other, 0, kIOMapAnywhere, 1, 5000,
                  kIOReturnBadArgument); /* in the parent only */
    expect_no_map(sub, other, 0, kIOMapAnywhere, 5000, 1, kIOReturnBadArgument);
    expect_no_map(sub, other, 0, kIOMapAnywhere, 1, UINT64_MAX, kIOReturnBadArgument);
    part = map_all(sub, other, 0);
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(part), parent);
    assert_int_equal(part->offset, 100);
    assert_int_equal(IOMemoryMap_getLength(part), 5000);
    assert_int_equal(load(other, IOMemoryMap_getAddress(part)), pattern(150, 1));
    assert_int_equal(load(other, IOMemoryMap_getAddress(part) + 4999), pattern(5149, 1));
    /* The parent's maps and the window's are one family. */
    same = IOMemoryDescriptor_createMappingInTask(parent, other, 0, kIOMapAnywhere, 100, 5000);
    assert_ptr_equal(same, part);
    innermost = map_all(inner, other, kIOMapReference);
    assert_int_equal(IOMemoryMap_getAddress(innermost), IOMemoryMap_getAddress(part) + 10);
    OSObject_release(innermost);
    OSObject_release(same);
    OSObject_release(part);
    whole = map_all(parent, other, 0);
    part = map_all(sub, other, 0);
    assert_int_equal(IOMemoryMap_getAddress(part), IOMemoryMap_getAddress(whole) + 100);
    OSObject_release(inner);
    OSObject_release(sub);
    OSObject_release(parent);
    OSObject_release(whole);
    assert_int_equal(load(other, IOMemoryMap_getAddress(part)), pattern(150, 1));
    OSObject_release(part);
}

/* The protocol beneath: a half-built map that asks past the window. */
static void cd_3_no_way_round_the_window(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *parent = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(parent, 100, 200, kIODirectionOutIn);
    static const uint64_t offsets[] = {1, 200, 3000, UINT64_MAX, UINT64_MAX - 99};

    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        IOMemoryMap *map = (IOMemoryMap *)OSMetaClass_allocate(&IOMemoryMap_metaClass);

        assert_true(IOMemoryMap_init(map, other, 0, kIOMapAnywhere, 0, 200));
        platform_set_last_error(0);
        assert_null(IOSubMemoryDescriptor_makeMapping(sub, sub, other, (IOVirtualAddress)map,
                                                      kIOMapAnywhere, offsets[i], 0));
        assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    }
    OSObject_release(sub);
    OSObject_release(parent);
}

static void cd_4_a_partial_map_with_guards(void **state)
{
    const uint64_t at = new_pages(owner, 8, RW), length = 7 * PAGE_SIZE - 100;
    const uint64_t skip = 1000, size = length - 1500;
    IOAddressRange ranges[] = {{at, 2 * PAGE_SIZE}, {at + 5 * PAGE_SIZE, 2 * PAGE_SIZE}};
    IOMemoryDescriptor *general =
        IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);
    IOMemoryDescriptor *middle = window(general, PAGE_SIZE, 2 * PAGE_SIZE);
    IOMemoryDescriptor *tail = window(general, PAGES3, PAGE_SIZE - 100);
    IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){general, middle, tail}, 3);
    const uint64_t before = ranges_now();
    IOMemoryMap *map;
    uint64_t seen;

    (void)state;
    fill(owner, at, 7 * PAGE_SIZE, 5);
    OSObject_release(general);
    OSObject_release(middle);
    OSObject_release(tail);
    assert_int_equal(IOMemoryDescriptor_getLength(multi), length);
    assert_int_equal(IOMemoryDescriptor_getDMAMapLength(multi, NULL), 7 * PAGE_SIZE);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, 0,
                                                 kIOMapAnywhere | kIOMapGuardedSmall, skip, size);
    assert_non_null(map);
    seen = IOMemoryMap_getAddress(map);
    assert_int_equal(seen & PAGE_MASK, skip); /* of the first part */
    assert_ptr_equal(IOMemoryMap_getMemoryDescriptor(map), multi);
    OSObject_release(multi); /* the map has it */
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    for (uint64_t i = 0; i<size; i += i> 64 && i + 97 < size ? 97 : 1) {
        uint8_t byte;

        assert_int_equal(IOMemoryDescriptor_readBytes(multi, skip + i, &byte, 1), 1);
        assert_int_equal(load(other, seen + i), byte);
    }
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, trunc_page(seen) - 1), KERN_PROTECTION_FAILURE);
    assert_int_equal(try_load(other, round_page(seen + size)), KERN_PROTECTION_FAILURE);
    /* A store in one view of a page is seen in all. */
    store(other, seen - skip + PAGE_SIZE, 77);
    assert_int_equal(load(owner, at + PAGE_SIZE), 77);
    assert_int_equal(load(other, seen - skip + 4 * PAGE_SIZE), 77);
    OSObject_release(map);
    assert_int_equal(ranges_now(), before);
}

static void cd_5_nested_concatenations_map_like_the_flat_one(void **state)
{
    const uint64_t at = new_pages(owner, 6, RW);
    IOMemoryDescriptor *leaf[3], *left, *nested, *flat;
    IOMemoryMap *one, *two, *again;

    (void)state;
    fill(owner, at, 6 * PAGE_SIZE, 9);
    for (uint64_t i = 0; i < 3; i++) {
        leaf[i] = describe(at + (2 - i) * 2 * PAGE_SIZE, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    }
    left = join((IOMemoryDescriptor *[]){leaf[1], leaf[2]}, 2);
    nested = join((IOMemoryDescriptor *[]){leaf[0], left}, 2);
    flat = join(leaf, 3);
    one = IOMemoryDescriptor_createMappingInTask(nested, other, 0, kIOMapAnywhere, 100,
                                                 5 * PAGE_SIZE);
    two = IOMemoryDescriptor_createMappingInTask(flat, kernel_task, 0, kIOMapAnywhere, 100,
                                                 5 * PAGE_SIZE);
    for (uint64_t i = 0; i < 5 * PAGE_SIZE; i += 61) {
        assert_int_equal(load(other, IOMemoryMap_getAddress(one) + i),
                         load(kernel_task, IOMemoryMap_getAddress(two) + i));
    }
    /* Compatible requests share; nothing shares a part of it. */
    again = IOMemoryDescriptor_createMappingInTask(nested, other, 0, kIOMapAnywhere, 200, 300);
    assert_int_equal(IOMemoryMap_getAddress(again), IOMemoryMap_getAddress(one) + 100);
    OSObject_release(again);
    again = IOMemoryDescriptor_createMappingInTask(nested, other, 0, kIOMapAnywhere, 100,
                                                   5 * PAGE_SIZE);
    assert_ptr_equal(again, one);
    OSObject_release(again);
    expect_no_map(leaf[1], other, 0, kIOMapAnywhere | kIOMapReference, 0, 0, kIOReturnNotFound);
    OSObject_release(one);
    OSObject_release(two);
    OSObject_release(flat);
    OSObject_release(nested);
    OSObject_release(left);
    for (uint64_t i = 0; i < 3; i++) {
        OSObject_release(leaf[i]);
    }
}

static void cd_6_borders_inside_pages(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    IOMemoryDescriptor *whole = describe(at, PAGES3, kIODirectionOutIn, owner);
    IOMemoryDescriptor *head = window(whole, 0, 100);
    IOMemoryDescriptor *odd = join((IOMemoryDescriptor *[]){head, whole}, 2);
    /* The page offsets fit, but the page would have to be two at once. */
    IOMemoryDescriptor *far = window(whole, PAGE_SIZE + 100, 50), *near = window(whole, 100, 5000);
    IOMemoryDescriptor *torn = join((IOMemoryDescriptor *[]){head, far}, 2);
    IOMemoryDescriptor *whole_again = join((IOMemoryDescriptor *[]){head, near}, 2);
    IOMemoryDescriptor *inner, *nested;
    IOMemoryMap *map;
    uint8_t bytes[150];

    (void)state;
    fill(owner, at, PAGES3, 3);
    assert_int_equal(IOMemoryDescriptor_prepare(odd, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_readBytes(odd, 50, bytes, 150), 150);
    assert_int_equal(bytes[50], pattern(0, 3));
    assert_int_equal(IOMemoryDescriptor_writeBytes(odd, 100 + PAGE_SIZE, "x", 1), 1);
    assert_int_equal(load(owner, at + PAGE_SIZE), 'x');
    IOMemoryDescriptor_complete(odd, 0);
    expect_no_map(odd, other, 0, kIOMapAnywhere | kIOMapGuardedLarge, 0, 0, kIOReturnNotAligned);
    expect_no_map(odd, other, 0, kIOMapAnywhere, 99, 2, kIOReturnNotAligned);
    inner = join((IOMemoryDescriptor *[]){whole}, 1);
    nested = join((IOMemoryDescriptor *[]){head, inner}, 2);
    expect_no_map(nested, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    OSObject_release(nested);
    OSObject_release(inner);
    expect_no_map(torn, kernel_task, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    map = IOMemoryDescriptor_createMappingInTask(odd, other, 0, kIOMapAnywhere, 100, 0);
    assert_null(map); /* length 0 is the whole length */
    map = IOMemoryDescriptor_createMappingInTask(odd, other, 0, kIOMapAnywhere, 100, PAGES3);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 7), pattern(7, 3));
    OSObject_release(map);
    map = map_all(whole_again, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 99), pattern(99, 3));
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 100), pattern(100, 3));
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + 5099), pattern(5099, 3));
    OSObject_release(map);
    OSObject_release(whole_again);
    OSObject_release(torn);
    OSObject_release(far);
    OSObject_release(near);
    OSObject_release(odd);
    OSObject_release(head);
    OSObject_release(whole);
}

/* Whatever fails, and wherever, nothing stays. */
static void a_part_that_cannot_be_mapped(void **state)
{
    const uint64_t at = new_pages(owner, 4, RW), constant = new_pages(owner, 1, MMU_READ);
    IOAddressRange far = {0x123400000000, PAGE_SIZE};
    IOBufferMemoryDescriptor *shrinks =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionOutIn, false);
    IOMemoryDescriptor *bad[] = {
        describe(at + 64 * PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner), /* not mapped */
        describe(constant, PAGE_SIZE, kIODirectionOutIn, owner),
        IOMemoryDescriptor_withAddressRanges(&far, 1, kIODirectionOutIn | kIOMemoryRemote,
                                             TASK_NULL),
        UP(shrinks),
    };
    static const IOReturn reasons[] = {kIOReturnVMError, kIOReturnNotPermitted,
                                       kIOReturnNotAttached, kIOReturnUnderrun};
    IOMemoryDescriptor *good = describe(at, PAGE_SIZE, kIODirectionOutIn, owner);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t position = 0; position < 3; position++) {
            IOMemoryDescriptor *parts[] = {good, good, good}, *multi, *outer;

            parts[position] = bad[i];
            if (bad[i] == UP(shrinks)) {
                IOBufferMemoryDescriptor_setLength(shrinks, PAGE_SIZE);
            }
            multi = join(parts, 3);
            outer = join((IOMemoryDescriptor *[]){good, multi}, 2);
            IOBufferMemoryDescriptor_setLength(shrinks, 100);
            expect_no_map(multi, other, 0, kIOMapAnywhere, 0, 0, reasons[i]);
            expect_no_map(outer, kernel_task, 0, kIOMapAnywhere | kIOMapGuardedSmall, 0, 0,
                          reasons[i]);
            OSObject_release(outer);
            OSObject_release(multi);
        }
        OSObject_release(bad[i]);
    }
    assert_int_equal(OSObject_getRetainCount(good), 1);
    OSObject_release(good);
}

static void every_request_for_memory_fails_once(void **state)
{
    struct inject_report report;
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map = NULL;
    uint64_t nth;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    for (nth = 1; map == NULL; nth++) {
        const uint64_t ranges = ranges_now();

        inject_begin(nth);
        map = IOMemoryDescriptor_createMappingInTask(multi, other, 0,
                                                     kIOMapAnywhere | kIOMapGuardedSmall, 0, 0);
        inject_end(&report);
        if (map == NULL) {
            assert_true(report.failed);
            assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
            assert_int_equal(ranges_now(), ranges);
        }
    }
    assert_true(nth > 5);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), 2);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

static void placements(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    const uint64_t place = new_pages(other, 4, RW);
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    expect_no_map(multi, other, place, 0, 0, 0, kIOReturnNoSpace);
    expect_no_map(multi, other, place + 1, kIOMapOverwrite, 0, 0, kIOReturnNotAligned);
    store(other, place, 50);
    store(other, place + PAGES3, 53);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, place + PAGE_SIZE,
                                                 kIOMapOverwrite | kIOMapReadOnly, 0, 0);
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getAddress(map), place + PAGE_SIZE);
    assert_int_equal(load(other, place), 50);
    assert_int_equal(load(other, place + PAGE_SIZE), 1);
    assert_int_equal(load(other, place + 2 * PAGE_SIZE), 2);
    assert_int_equal(load(other, place + PAGES3), 53);
    assert_int_equal(try_store(other, place + 2 * PAGE_SIZE), KERN_PROTECTION_FAILURE);
    OSObject_release(map);
    assert_int_equal(load(other, place + PAGE_SIZE), 1); /* the caller's reservation */
    remove_pages(other, place, 4);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, place + 8, 0, 8, 2 * PAGE_SIZE - 8);
    assert_int_equal(IOMemoryMap_getAddress(map), place + 8);
    OSObject_release(map);
    assert_int_equal(try_load(other, place + 8), KERN_INVALID_ADDRESS);
    OSObject_release(multi);
    release_both(parts);
}

/* A part of no bytes takes no place. */
static void empty_parts_are_passed_over(void **state)
{
    IOMemoryDescriptor *parts[2], *none, *multi;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    none = window(parts[1], 100, 0);
    multi = join((IOMemoryDescriptor *[]){none, parts[0], none, none, parts[1], none}, 6);
    map = map_all(multi, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 1);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), 2);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(none);
    release_both(parts);
}

/* Each part is asked for its own bytes: who is not its owner has whole pages of it, or none. */
static void parts_own_their_pages(void **state)
{
    IOMemoryDescriptor *parts[2], *few, *multi;
    bool (*owns)(IOMemoryDescriptor *, IOByteCount, IOByteCount, task_t);

    (void)state;
    two_pages(parts);
    few = describe(new_pages(owner, 1, RW), PAGE_SIZE - 1, kIODirectionOutIn, owner);
    multi = join((IOMemoryDescriptor *[]){parts[0], parts[1], few}, 3);
    owns = IOMemoryDescriptor_methods(multi)->ownsPages;
    assert_true(owns(multi, 0, 2 * PAGE_SIZE, other));
    assert_true(owns(multi, PAGE_SIZE, 2 * PAGE_SIZE, other));
    assert_true(owns(multi, PAGE_SIZE + 10, 2 * PAGE_SIZE - 10, other));
    assert_true(owns(multi, 2 * PAGE_SIZE, 2 * PAGE_SIZE, other)); /* of nothing */
    assert_false(owns(multi, PAGE_SIZE, 2 * PAGE_SIZE + 1, other));
    assert_false(owns(multi, 2 * PAGE_SIZE, 3 * PAGE_SIZE - 1, other));
    assert_true(owns(multi, 0, 3 * PAGE_SIZE - 1, owner));
    OSObject_release(multi);
    OSObject_release(few);
    release_both(parts);
}

static void prefault_needs_a_preparation(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    expect_no_map(multi, other, 0, kIOMapAnywhere | kIOMapPrefault, 0, 0, kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    map = map_all(multi, other, kIOMapPrefault);
    sim_faults = 0;
    store(other, IOMemoryMap_getAddress(map), 1);
    store(other, IOMemoryMap_getAddress(map) + PAGE_SIZE, 1);
    assert_int_equal(sim_faults, 0);
    IOMemoryDescriptor_complete(multi, 0);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

/* It is mapped like a multi, and clearing leaves its maps alone. */
static void an_interleaved_map_outlives_its_parts(void **state)
{
    IOInterleavedMemoryDescriptor *list =
        IOInterleavedMemoryDescriptor_withCapacity(2, kIODirectionOutIn);
    IOMemoryDescriptor *parts[2];
    IOMemoryMap *map, *second;
    uint64_t seen;

    (void)state;
    two_pages(parts);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[1], 0, PAGE_SIZE));
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[0], 0, 10));
    map = map_all(UP(list), other, 0);
    seen = IOMemoryMap_getAddress(map);
    assert_int_equal(load(other, seen), 2);
    assert_int_equal(load(other, seen + PAGE_SIZE), 1);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(list, 0);
    release_both(parts);
    store(other, seen + PAGE_SIZE, 8);
    assert_int_equal(load(other, seen), 2);
    assert_int_equal(load(other, seen + PAGE_SIZE), 8);
    two_pages(parts);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(list, parts[0], 0, PAGE_SIZE));
    second = map_all(UP(list), other, 0); /* not an answer with the former map */
    assert_int_equal(load(other, IOMemoryMap_getAddress(second)), 1);
    OSObject_release(second);
    OSObject_release(map);
    assert_int_equal(try_load(other, seen), KERN_INVALID_ADDRESS);
    OSObject_release(list);
    release_both(parts);
}

/* Over what a caller has, its pages are all there at once, or what he has is. */
static void a_place_is_taken_as_a_whole(void **state)
{
    const uint64_t place = new_pages(other, 2, RW);
    struct inject_report report = {.failed = true};
    IOMemoryDescriptor *parts[2], *multi;
    struct mmu_translation at;
    unsigned failures = 0;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    store(other, place, 8);
    store(other, place + PAGE_SIZE, 9);
    for (uint64_t nth = 1; report.failed; nth++) {
        const uint64_t ranges = ranges_now();
        IOMemoryMap *map;

        inject_begin(nth);
        map = IOMemoryDescriptor_createMappingInTask(multi, other, place,
                                                     kIOMapOverwrite | kIOMapPrefault, 0, 0);
        inject_end(&report);
        if (map == NULL) {
            failures++;
            assert_int_equal(ranges_now(), ranges);
            assert_int_equal(load(other, place), 8);
            assert_int_equal(load(other, place + PAGE_SIZE), 9);
            continue;
        }
        assert_true(translate(other, place, &at) && translate(other, place + PAGE_SIZE, &at));
        assert_int_equal(load(other, place), 1);
        assert_int_equal(load(other, place + PAGE_SIZE), 2);
        OSObject_release(map);
        assert_int_equal(load(other, place), 1); /* the place is the caller's, as it is */
        break;
    }
    assert_true(failures > 3);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    OSObject_release(multi);
    release_both(parts);
}

/* Nothing of a part is kept for a map that does not come about: neither an image nor its objects.
 */
static void a_refused_map_keeps_nothing_of_the_parts(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW), odd = new_pages(owner, 1, RW);
    IOMemoryDescriptor *frozen =
        describe(at, PAGE_SIZE, kIODirectionOutIn | kIOMemoryMapCopyOnWrite, owner);
    IOMemoryDescriptor *plain = describe(at + PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *misfit = describe(odd + 16, 64, kIODirectionOutIn, owner);
    IOMemoryDescriptor *inner = join((IOMemoryDescriptor *[]){plain, frozen}, 2);
    IOMemoryDescriptor *low = window(plain, 0, PAGE_SIZE);
    IOMemoryDescriptor *multi = join((IOMemoryDescriptor *[]){frozen, inner, low, misfit}, 4);
    IOMemoryMap *map;

    (void)state;
    store(owner, at, 1);
    for (unsigned i = 0; i < 2; i++) {
        expect_no_map(multi, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
        assert_int_equal(gIOMemoryReferenceCount, 0);
    }
    /* What the owner stores and puts there now is what is seen, and stays. */
    store(owner, at, 2);
    remove_pages(owner, at + PAGE_SIZE, 1);
    assert_int_equal(new_pages(owner, 1, RW), at + PAGE_SIZE);
    store(owner, at + PAGE_SIZE, 3);
    map = map_all(inner, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 3);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), 2);
    assert_int_equal(gIOMemoryReferenceCount, 2);
    expect_no_map(multi, other, 0, kIOMapAnywhere, 0, 0, kIOReturnNotAligned);
    assert_int_equal(gIOMemoryReferenceCount, 2); /* those are another map's */
    store(owner, at, 4);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), 2);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(inner);
    OSObject_release(low);
    OSObject_release(misfit);
    OSObject_release(plain);
    OSObject_release(frozen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_place_is_taken_as_a_whole),
        MAP_TEST(cd_3_maps_through_a_window),
        MAP_TEST(cd_3_no_way_round_the_window),
        MAP_TEST(cd_4_a_partial_map_with_guards),
        MAP_TEST(cd_5_nested_concatenations_map_like_the_flat_one),
        MAP_TEST(cd_6_borders_inside_pages),
        MAP_TEST(a_part_that_cannot_be_mapped),
        MAP_TEST(every_request_for_memory_fails_once),
        MAP_TEST(placements),
        MAP_TEST(prefault_needs_a_preparation),
        MAP_TEST(an_interleaved_map_outlives_its_parts),
        MAP_TEST(empty_parts_are_passed_over),
        MAP_TEST(parts_own_their_pages),
        MAP_TEST(a_refused_map_keeps_nothing_of_the_parts),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
