/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirection and task death with maps of several parts, which each child knows of. */
#include "kernel/inject.h"
#include "tests/host/machine/map_composite.h"

/* A part stays registered with its child until the map of the whole goes. */
static void redirecting_a_part_reaches_the_map(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;
    uint64_t seen;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    map = map_all(multi, other, 0);
    seen = IOMemoryMap_getAddress(map);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    assert_int_equal(try_load(other, seen + PAGE_SIZE), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, seen + PAGE_SIZE), 2);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(try_load(other, seen + PAGE_SIZE), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(multi, TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    OSObject_release(map);
    /* Without the map the part has nothing to redirect. */
    assert_null(parts[1]->mappings);
    OSObject_release(multi);
    release_both(parts);
}

/* Parts are where the whole is, also where it has taken a place that was somebody's. */
static void parts_move_to_the_place_that_is_taken(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    const uint64_t place = new_pages(other, 2, RW);
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, place, kIOMapOverwrite, 0, 0);
    assert_non_null(map);
    assert_int_equal(load(other, place + PAGE_SIZE), 2);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(load(other, place), 1);
    assert_int_equal(try_load(other, place + PAGE_SIZE), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(load(other, place + PAGE_SIZE), 2);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

static void redirecting_a_window_reaches_its_parent(void **state)
{
    IOMemoryDescriptor *parts[2];
    IOSubMemoryDescriptor *sub;
    IOMemoryMap *map, *through;

    (void)state;
    two_pages(parts);
    sub = IOSubMemoryDescriptor_withSubRange(parts[0], 0, 10, kIODirectionOutIn);
    map = map_all(parts[0], other, 0);
    through = map_all(UP(sub), kernel_task, 0);
    assert_int_equal(IOSubMemoryDescriptor_redirect(sub, kernel_task, true), kIOReturnSuccess);
    assert_true(IOMemoryDescriptor_getFlags(parts[0]) & kIOMemoryRedirected);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(map)), KERN_ABORTED);
    assert_int_equal(load(kernel_task, IOMemoryMap_getAddress(through)), 1);
    assert_int_equal(IOSubMemoryDescriptor_redirect(sub, kernel_task, false), kIOReturnSuccess);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 1);
    OSObject_release(through);
    OSObject_release(map);
    OSObject_release(sub);
    release_both(parts);
}

/* Showing other memory in a map's place, with maps of several parts on either side. */
static void unique_maps_change_their_memory(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *plain = describe(at, 2 * PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;
    uint64_t seen;

    (void)state;
    store(owner, at, 31);
    store(owner, at + PAGE_SIZE, 32);
    two_pages(parts);
    multi = join(parts, 2);
    map = map_all(multi, other, kIOMapUnique);
    seen = IOMemoryMap_getAddress(map);
    assert_int_equal(IOMemoryMap_redirect(map, plain, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen + PAGE_SIZE), 32);
    assert_null(parts[0]->mappings);
    assert_int_equal(IOMemoryMap_redirect(map, multi, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    assert_int_equal(load(other, seen + PAGE_SIZE), 2);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    assert_int_equal(try_load(other, seen + PAGE_SIZE), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[1], TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0), kIOReturnSuccess);
    assert_int_equal(try_load(other, seen), KERN_ABORTED);
    assert_int_equal(IOMemoryMap_redirect(map, multi, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, seen), 1);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(plain);
    release_both(parts);
}

/* The same of parts of parts, whose pages are found again wherever they are moved to. */
static void parts_of_parts_move_with_their_memory(void **state)
{
    IOMemoryDescriptor *parts[2], *others[2], *inner, *outer, *multi;
    IOMemoryMap *map;
    uint64_t at;

    (void)state;
    two_pages(parts);
    two_pages(others);
    inner = join(parts, 2);
    outer = join((IOMemoryDescriptor *[]){parts[1], inner}, 2);
    multi = join((IOMemoryDescriptor *[]){others[0], others[1], others[0]}, 3);
    map = map_all(multi, other, kIOMapUnique);
    at = IOMemoryMap_getAddress(map);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(IOMemoryMap_redirect(map, outer, 0, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_redirect(parts[0], TASK_NULL, true), kIOReturnSuccess);
        assert_int_equal(load(other, at), 2);
        assert_int_equal(try_load(other, at + PAGE_SIZE), KERN_ABORTED);
        assert_int_equal(load(other, at + 2 * PAGE_SIZE), 2);
        assert_int_equal(IOMemoryDescriptor_redirect(parts[0], TASK_NULL, false), kIOReturnSuccess);
        assert_int_equal(load(other, at + PAGE_SIZE), 1);
        assert_int_equal(IOMemoryMap_redirect(map, multi, 0, 0), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_redirect(others[1], TASK_NULL, true), kIOReturnSuccess);
        assert_int_equal(load(other, at), 1);
        assert_int_equal(try_load(other, at + PAGE_SIZE), KERN_ABORTED);
        assert_int_equal(IOMemoryDescriptor_redirect(others[1], TASK_NULL, false),
                         kIOReturnSuccess);
        assert_int_equal(load(other, at + PAGE_SIZE), 2);
    }
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(outer);
    OSObject_release(inner);
    release_both(others);
    release_both(parts);
}

/* Of former memory a map has no segments; shown other memory it has those of that, from there on.
 */
static void segments_follow_the_memory(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    multi = join((IOMemoryDescriptor *[]){parts[0], parts[0]}, 2);
    map = IOMemoryDescriptor_createMappingInTask(multi, other, 0, kIOMapAnywhere | kIOMapUnique,
                                                 100, 8);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(map),
                     IOMemoryDescriptor_getPhysicalSegment(multi, 100, NULL, 0));
    assert_true(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)multi,
                                                            &parts[0], 1, 3, false));
    assert_int_equal(IOMemoryMap_getPhysicalAddress(map), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[1], 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_redirect(map, parts[1], 0, 1124 + 1024), kIOReturnNotAligned);
    assert_int_equal(IOMemoryMap_redirect(map, parts[1], 0, 100), kIOReturnSuccess);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(map),
                     IOMemoryDescriptor_getPhysicalSegment(parts[1], 100, NULL, 0));
    assert_int_not_equal(IOMemoryMap_getPhysicalAddress(map), 0);
    assert_int_equal(IOMemoryDescriptor_complete(parts[1], 0), kIOReturnSuccess);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

/* What waits for a reason of its own goes on waiting, however deep it is in what need not. */
static void parts_of_parts_have_their_own_reasons(void **state)
{
    IOMemoryDescriptor *parts[2], *inner, *outer;
    IOMemoryMap *map;
    uint64_t at;

    (void)state;
    two_pages(parts);
    inner = join(parts, 2);
    outer = join((IOMemoryDescriptor *[]){inner, inner}, 2);
    map = map_all(outer, other, 0);
    at = IOMemoryMap_getAddress(map);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[0], TASK_NULL, true), kIOReturnSuccess);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IOMemoryDescriptor_redirect(i == 0 ? outer : inner, TASK_NULL, true),
                         kIOReturnSuccess);
        assert_int_equal(try_load(other, at + PAGE_SIZE), KERN_ABORTED);
        assert_int_equal(IOMemoryDescriptor_redirect(i == 0 ? outer : inner, TASK_NULL, false),
                         kIOReturnSuccess);
        for (unsigned page = 0; page < 4; page++) {
            assert_int_equal(try_load(other, at + ptoa(page)),
                             page % 2 == 0 ? KERN_ABORTED : KERN_SUCCESS);
        }
    }
    /* Nor does the end of its own reason let it go on before what it is a part of may. */
    assert_int_equal(IOMemoryDescriptor_redirect(outer, TASK_NULL, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_redirect(parts[0], TASK_NULL, false), kIOReturnSuccess);
    assert_int_equal(try_load(other, at), KERN_ABORTED);
    assert_int_equal(IOMemoryDescriptor_redirect(outer, TASK_NULL, false), kIOReturnSuccess);
    for (unsigned page = 0; page < 4; page++) {
        assert_int_equal(load(other, at + ptoa(page)), page % 2 + 1);
    }
    OSObject_release(map);
    OSObject_release(outer);
    OSObject_release(inner);
    release_both(parts);
}

/* Where the safe task sees registers, those of the part are not combined meanwhile, nor others
 * changed. */
static void parts_rest_uncached_for_the_safe_task(void **state)
{
    IOMemoryDescriptor *registers[2], *inner, *outer;
    struct mmu_translation view;
    IOMemoryMap *map;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        registers[i] =
            describe(DEVICE + 4 * i * PAGE_SIZE, PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    }
    inner = join(&registers[1], 1);
    outer = join((IOMemoryDescriptor *[]){registers[0], inner}, 2);
    map = map_all(outer, other, kIOMapWriteCombineCache);
    for (unsigned part = 0; part < 2; part++) {
        for (unsigned on = 2; on-- > 0;) {
            assert_int_equal(IOMemoryDescriptor_redirect(registers[part], other, on != 0),
                             kIOReturnSuccess);
            for (unsigned i = 0; i < 2; i++) {
                const uint64_t at = IOMemoryMap_getAddress(map) + i * PAGE_SIZE;

                assert_int_equal(vm_fault(task_map(other), at, MMU_READ), KERN_SUCCESS);
                assert_true(translate(other, at, &view));
                assert_int_equal(view.attributes.memory,
                                 i == part && on != 0 ? MMU_DEVICE : MMU_NONCACHED);
            }
        }
    }
    OSObject_release(map);
    OSObject_release(outer);
    OSObject_release(inner);
    release_both(registers);
}

/* One that is made during redirections waits for the end of all of them, or is not made. */
static void maps_made_meanwhile_wait_or_are_none(void **state)
{
    IOMemoryDescriptor *parts[2], *kinds[3];
    unsigned failures = 0;

    (void)state;
    two_pages(parts);
    kinds[0] = parts[0];
    kinds[1] = join(parts, 2);
    kinds[2] = window(parts[0], 8, 64);
    for (unsigned kind = 0; kind < 3; kind++) {
        struct inject_report report = {.failed = true};

        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(
                IOMemoryDescriptor_redirect(kinds[kind], i == 0 ? TASK_NULL : owner, true),
                kIOReturnSuccess);
        }
        for (uint64_t nth = 1; report.failed; nth++) {
            const struct holdings before = holdings_now();
            const uint64_t ranges = ranges_now();
            IOMemoryMap *map;

            inject_begin(nth);
            map = IOMemoryDescriptor_createMappingInTask(kinds[kind], other, 0,
                                                         kIOMapAnywhere | kIOMapUnique, 0, 0);
            inject_end(&report);
            if (map == NULL) {
                assert_int_equal(ranges_now(), ranges);
                assert_int_equal(holdings_now().instances, before.instances);
                failures++;
            } else {
                assert_int_equal(try_load(other, IOMemoryMap_getAddress(map)), KERN_ABORTED);
                OSObject_release(map);
            }
        }
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(
                IOMemoryDescriptor_redirect(kinds[kind], i == 0 ? TASK_NULL : owner, false),
                kIOReturnSuccess);
        }
    }
    assert_true(failures > 10);
    OSObject_release(kinds[1]);
    OSObject_release(kinds[2]);
    release_both(parts);
}

static void the_task_dies_before_the_map(void **state)
{
    IOMemoryDescriptor *parts[2], *inner, *multi;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    inner = join(parts, 2);
    multi = join((IOMemoryDescriptor *[]){parts[1], inner, parts[0]}, 3);
    map = map_all(multi, other, 0);
    task_release(other);
    other = NULL;
    assert_int_equal(IOMemoryMap_getAddress(map), 0);
    assert_null(parts[0]->mappings);
    assert_null(inner->mappings);
    OSObject_release(map);
    OSObject_release(multi);
    OSObject_release(inner);
    release_both(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(redirecting_a_part_reaches_the_map),
        MAP_TEST(redirecting_a_window_reaches_its_parent),
        MAP_TEST(unique_maps_change_their_memory),
        MAP_TEST(parts_of_parts_move_with_their_memory),
        MAP_TEST(segments_follow_the_memory),
        MAP_TEST(parts_of_parts_have_their_own_reasons),
        MAP_TEST(parts_rest_uncached_for_the_safe_task),
        MAP_TEST(maps_made_meanwhile_wait_or_are_none),
        MAP_TEST(the_task_dies_before_the_map),
        MAP_TEST(parts_move_to_the_place_that_is_taken),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
