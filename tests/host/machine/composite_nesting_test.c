/* SPDX-License-Identifier: BSD-2-Clause */
/* Composites whose parts are in use elsewhere, and how deep they may be. */
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOInterleavedMemoryDescriptor.h"
#include "tests/host/machine/map_composite.h"

#define LEVELS 16

static void set_active(IOMemoryDescriptor *memory, bool active)
{
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(
                         memory, active ? kIOMDSetDMAActive : kIOMDSetDMAInactive, NULL, 0),
                     kIOReturnSuccess);
}

/* What stays prepared keeps the others prepared: nothing is counted on any of them. */
static void a_busy_part_keeps_all(void **state)
{
    IOMemoryDescriptor *parts[2], *multi, *outer;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    outer = join((IOMemoryDescriptor *[]){multi, parts[0]}, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(outer, 0), kIOReturnSuccess);
    set_active(parts[1], true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnBusy);
        assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnBusy);
    }
    assert_int_equal(parts[0]->wireCount, 2);
    assert_int_equal(parts[1]->wireCount, 1);
    set_active(parts[1], false);
    assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnNotReady);
    assert_int_equal(parts[0]->wireCount, 0);
    assert_int_equal(parts[1]->wireCount, 0);
    /* A part that is there twice may give back one of its prepares, not both. */
    OSObject_release(outer);
    outer = join((IOMemoryDescriptor *[]){parts[0], parts[1], parts[0]}, 3);
    assert_int_equal(IOMemoryDescriptor_prepare(outer, 0), kIOReturnSuccess);
    set_active(parts[0], true);
    assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnBusy);
    assert_int_equal(parts[0]->wireCount, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(parts[0], 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnSuccess);
    set_active(parts[0], false);
    assert_int_equal(IOMemoryDescriptor_complete(parts[0], 0), kIOReturnSuccess);
    OSObject_release(outer);
    OSObject_release(multi);
    release_both(parts);
}

/* While a device has it, all but the last of its prepares can be given back. */
static void expect_nothing_announced(IOMemoryDescriptor *memory)
{
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    set_active(memory, true);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnBusy);
    set_active(memory, false);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(memory->wireCount, 0);
}

/* Whoever is only asked, or is let go of, waits for no complete that does not come. */
static void questions_announce_nothing(void **state)
{
    IOMemoryDescriptor *parts[2], *multi, *outer;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    outer = join((IOMemoryDescriptor *[]){parts[0], multi}, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(outer, 0), kIOReturnSuccess);
    set_active(parts[1], true);
    assert_int_equal(IOMemoryDescriptor_complete(outer, 0), kIOReturnBusy);
    assert_false(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)outer,
                                                             &multi, 1, 3, false));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    set_active(parts[1], false);
    assert_true(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)outer,
                                                            &multi, 1, 3, false));
    assert_int_equal(parts[0]->wireCount | parts[1]->wireCount | multi->wireCount, 0);
    expect_nothing_announced(parts[0]);
    expect_nothing_announced(parts[1]);
    expect_nothing_announced(multi);
    expect_nothing_announced(outer);
    OSObject_release(outer);
    OSObject_release(multi);
    release_both(parts);
}

/* Another list is begun: nothing of the former one is shown, held or said any more. */
static void former_parts_are_forgotten(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *former, *map;

    (void)state;
    two_pages(parts);
    IOMemoryDescriptor_setTag(parts[0], 7);
    multi = join(parts, 1);
    assert_int_equal(IOMemoryDescriptor_getTag(multi), 7);
    former = map_all(multi, other, 0);
    assert_true(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)multi,
                                                            &parts[1], 1, 3, false));
    assert_int_equal(IOMemoryDescriptor_getTag(multi), 0);
    map = map_all(multi, other, 0);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 2);
    assert_int_equal(load(other, IOMemoryMap_getAddress(former)), 1);
    assert_int_equal(IOMemoryMap_getPhysicalAddress(former), 0);
    OSObject_release(map);
    OSObject_release(former);
    /* A list that is none leaves none. */
    assert_false(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)multi, NULL,
                                                             1, 3, false));
    assert_int_equal(IOMemoryDescriptor_getLength(multi), 0);
    assert_int_equal(OSObject_getRetainCount(parts[1]), 1);
    OSObject_release(multi);
    release_both(parts);
}

/* Completes that are owed take prepare locks: a mapping request, which has the other, lets them be.
 */
static void what_is_owed_waits_for_the_mapping_lock(void **state)
{
    IOMemoryDescriptor *parts[2], *multi, *outer;
    IOMemoryMap *map, *again;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    outer = join(&multi, 1);
    assert_int_equal(IOMemoryDescriptor_prepare(outer, 0), kIOReturnSuccess);
    set_active(multi, true);
    OSObject_release(outer);
    sim_in_handler = true; /* where nothing can be settled */
    set_active(multi, false);
    sim_in_handler = false;
    assert_int_equal(parts[0]->wireCount, 1);
    map = map_all(multi, other, kIOMapPrefault);
    again = map_all(multi, other, kIOMapPrefault);
    assert_ptr_equal(again, map);
    OSObject_release(again);
    OSObject_release(map);
    assert_int_equal(IOMemoryDescriptor_complete(multi, 0), kIOReturnNotReady); /* made up for */
    assert_int_equal(parts[0]->wireCount, 0);
    assert_int_equal(parts[1]->wireCount, 0);
    OSObject_release(multi);
    release_both(parts);
}

/* A composite that goes meanwhile leaves no pin behind for good. */
static void a_composite_goes_before_its_busy_part(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    assert_int_equal(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    set_active(parts[0], true);
    OSObject_release(multi);
    assert_int_equal(parts[0]->wireCount, 1); /* the device goes on */
    assert_int_equal(parts[1]->wireCount, 0);
    set_active(parts[0], false);
    assert_int_equal(parts[0]->wireCount, 0);
    assert_int_equal(IOMemoryDescriptor_complete(parts[0], 0), kIOReturnNotReady);
    release_both(parts);
}

static void a_busy_part_refuses_new_parts(void **state)
{
    IOInterleavedMemoryDescriptor *mixed = IOInterleavedMemoryDescriptor_withCapacity(2, 3);
    IOMemoryDescriptor *parts[2];

    (void)state;
    two_pages(parts);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(mixed, parts[0], 0, 8));
    assert_int_equal(IOMemoryDescriptor_prepare(mixed, 0), kIOReturnSuccess);
    set_active(parts[0], true);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(mixed, 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    assert_false(IOInterleavedMemoryDescriptor_initWithCapacity(mixed, 1, 3));
    assert_int_equal(IOMemoryDescriptor_getLength(mixed), 8);
    set_active(parts[0], false);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(mixed, 0);
    assert_int_equal(IOMemoryDescriptor_getLength(mixed), 0);
    assert_int_equal(parts[0]->wireCount, 0);
    OSObject_release(mixed);
    release_both(parts);
}

/* `levels` windows, one of the other; the last one's reference keeps them all. */
static IOMemoryDescriptor *chain(IOMemoryDescriptor *memory, unsigned levels)
{
    OSObject_retain(memory);
    for (unsigned i = 0; i < levels; i++) {
        IOMemoryDescriptor *sub = window(memory, 0, 8);

        OSObject_release(memory);
        memory = sub;
    }
    return memory;
}

static bool retarget(IOMemoryDescriptor *sub, IOMemoryDescriptor *parent)
{
    return IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)sub, parent, 0, 8, 3);
}

static void the_limit_holds_when_something_inside_changes(void **state)
{
    IOMemoryDescriptor *parts[2], *bottom, *top, *deep, *shallow;

    (void)state;
    two_pages(parts);
    bottom = window(parts[0], 0, 8);
    top = chain(bottom, LEVELS - 1); /* with the bottom, as deep as may be */
    shallow = chain(parts[1], 1);
    deep = chain(parts[1], 8);
    assert_false(retarget(bottom, shallow));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_prepare(top, 0), kIOReturnSuccess);
    assert_int_equal(parts[0]->wireCount, 1); /* it is what it was */
    assert_int_equal(IOMemoryDescriptor_complete(top, 0), kIOReturnSuccess);
    assert_true(retarget(bottom, parts[1]));
    OSObject_release(top);
    /* With less above there is room, and once it is used there is none again. */
    top = chain(bottom, LEVELS - 9);
    assert_true(retarget(bottom, deep));
    assert_null(IOSubMemoryDescriptor_withSubRange(top, 0, 8, 3));
    assert_true(retarget(bottom, shallow));
    OSObject_release(chain(top, 7));
    assert_false(retarget(shallow, top)); /* a circle */
    OSObject_release(top);
    OSObject_release(bottom);
    OSObject_release(deep);
    OSObject_release(shallow);
    release_both(parts);
}

/* All the ways up count, also through a descriptor that is a part of many. */
static void the_longest_way_up_counts(void **state)
{
    IOMemoryDescriptor *parts[2], *inner, *wide[LEVELS], *top;

    (void)state;
    two_pages(parts);
    inner = window(parts[0], 0, 8);
    wide[0] = inner;
    for (unsigned i = 1; i < LEVELS; i++) { /* 2^15 ways up */
        wide[i] = join((IOMemoryDescriptor *[]){wide[i - 1], inner, wide[i - 1]}, 3);
    }
    top = wide[LEVELS - 1];
    assert_null(IOSubMemoryDescriptor_withSubRange(top, 0, 8, 3));
    assert_true(retarget(inner, parts[1]));
    for (unsigned i = LEVELS - 1; i > 0; i--) {
        OSObject_release(wide[i]);
    }
    OSObject_release(inner);
    release_both(parts);
}

/* Whichever of those that show a descriptor came first. */
static void the_longest_of_two_ways_counts(void **state)
{
    IOMemoryDescriptor *parts[2], *shallow;

    (void)state;
    two_pages(parts);
    shallow = chain(parts[1], 1);
    for (unsigned longFirst = 0; longFirst < 2; longFirst++) {
        IOMemoryDescriptor *inner = window(parts[0], 0, 8);
        IOMemoryDescriptor *first = chain(inner, longFirst != 0 ? LEVELS - 1 : 1);
        IOMemoryDescriptor *second = chain(inner, longFirst != 0 ? 1 : LEVELS - 1);

        assert_false(retarget(inner, shallow));
        assert_true(retarget(inner, parts[1]));
        OSObject_release(second);
        OSObject_release(first);
        OSObject_release(inner);
    }
    OSObject_release(shallow);
    release_both(parts);
}

/* As deep as the parts that it has, whatever those were that it had. */
static void new_parts_count_anew(void **state)
{
    IOMemoryDescriptor *parts[2], *deep, *multi, *above;

    (void)state;
    two_pages(parts);
    deep = chain(parts[0], LEVELS - 1);
    multi = join(&deep, 1);
    assert_null(IOSubMemoryDescriptor_withSubRange(multi, 0, 8, 3));
    assert_true(IOMultiMemoryDescriptor_initWithDescriptors((IOMultiMemoryDescriptor *)multi,
                                                            &parts[1], 1, 3, false));
    above = chain(multi, LEVELS - 1);
    assert_null(IOSubMemoryDescriptor_withSubRange(above, 0, 8, 3));
    OSObject_release(above);
    OSObject_release(multi);
    OSObject_release(deep);
    release_both(parts);
}

/* Each once: one after another there are more ways up than anybody has time for. */
static void a_way_up_is_climbed_once(void **state)
{
    IOInterleavedMemoryDescriptor *bottom = IOInterleavedMemoryDescriptor_withCapacity(2, 3);
    IOMemoryDescriptor *parts[2], *levels[LEVELS], *deep;

    (void)state;
    two_pages(parts);
    levels[0] = (IOMemoryDescriptor *)bottom;
    for (unsigned i = 1; i < LEVELS - 2; i++) { /* 16^13 ways up */
        IOMemoryDescriptor *many[16];

        for (unsigned k = 0; k < 16; k++) {
            many[k] = levels[i - 1];
        }
        levels[i] = join(many, 16);
    }
    deep = chain(parts[0], 2);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(bottom, parts[1], 0, 1));
    assert_int_equal(levels[LEVELS - 3]->depth, LEVELS - 2);
    assert_true(IOInterleavedMemoryDescriptor_setMemoryDescriptor(bottom, deep, 0, 1));
    assert_int_equal(levels[LEVELS - 3]->depth, LEVELS);
    IOInterleavedMemoryDescriptor_clearMemoryDescriptors(bottom, 0);
    assert_int_equal(levels[LEVELS - 3]->depth, LEVELS - 2);
    for (unsigned i = LEVELS - 2; i > 0; i--) {
        OSObject_release(levels[i - 1]);
    }
    OSObject_release(deep);
    release_both(parts);
}

/* --- Lists at random, and how deep they are by their parts ------------------------------------ */

#define LISTS 24u
#define ROOM  3u

static IOMemoryDescriptor *lists[LISTS];
static unsigned held[LISTS][ROOM], counts[LISTS];

static unsigned depth_below(unsigned list)
{
    unsigned depth = 0;

    for (unsigned i = 0; i < counts[list]; i++) {
        const unsigned part = depth_below(held[list][i]);

        depth = part > depth ? part : depth;
    }
    return depth + 1;
}

/* How many levels are above it; so many that no level is possible: it is above itself. */
static unsigned levels_to_top(unsigned list)
{
    unsigned most = 0;

    for (unsigned above = 0; above < LISTS; above++) {
        for (unsigned i = 0; i < counts[above]; i++) {
            if (held[above][i] == list) {
                const unsigned levels = levels_to_top(above) + 1;

                most = levels > most ? levels : most;
            }
        }
    }
    return most;
}

static bool contains(unsigned list, unsigned sought)
{
    bool found = list == sought;

    for (unsigned i = 0; i < counts[list] && !found; i++) {
        found = contains(held[list][i], sought);
    }
    return found;
}

static void depths_are_those_of_the_parts(void **state)
{
    static unsigned refusals;
    uint64_t seed = 3;

    (void)state;
    for (unsigned i = 0; i < LISTS; i++) {
        lists[i] = (IOMemoryDescriptor *)IOInterleavedMemoryDescriptor_withCapacity(ROOM, 3);
        counts[i] = 0;
    }
    for (unsigned step = 0; step < 1500; step++) {
        const unsigned list = (unsigned)(sim_random(&seed) % LISTS);
        const unsigned part = (unsigned)(sim_random(&seed) % LISTS);
        IOInterleavedMemoryDescriptor *const self = (IOInterleavedMemoryDescriptor *)lists[list];

        if (counts[list] == ROOM || sim_random(&seed) % 32 == 0) {
            IOInterleavedMemoryDescriptor_clearMemoryDescriptors(self, 0);
            counts[list] = 0;
        } else {
            const bool fits =
                !contains(part, list) && levels_to_top(list) + 1 + depth_below(part) <= LEVELS;

            assert_int_equal(
                IOInterleavedMemoryDescriptor_setMemoryDescriptor(self, lists[part], 0, 0), fits);
            refusals += !fits;
            if (fits) {
                held[list][counts[list]++] = part;
            }
        }
        for (unsigned i = 0; i < LISTS; i++) {
            assert_int_equal(lists[i]->depth, depth_below(i));
        }
    }
    assert_true(refusals > 50);
    for (unsigned i = 0; i < LISTS; i++) {
        IOInterleavedMemoryDescriptor_clearMemoryDescriptors(
            (IOInterleavedMemoryDescriptor *)lists[i], 0);
    }
    for (unsigned i = 0; i < LISTS; i++) {
        OSObject_release(lists[i]);
    }
}

static void windows_of_device_memory_count(void **state)
{
    IODeviceMemory *memory = IODeviceMemory_withRange(DEVICE, PAGE_SIZE), *next;
    IOMemoryDescriptor *sub;

    (void)state;
    for (unsigned i = 0; i < LEVELS; i++) {
        next = IODeviceMemory_withSubRange(memory, 0, 8);
        assert_non_null(next);
        OSObject_release(memory);
        memory = next;
    }
    assert_null(IODeviceMemory_withSubRange(memory, 0, 8));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    sub = (IOMemoryDescriptor *)IOSubMemoryDescriptor_withSubRange(memory, 0, 8, 3);
    assert_null(sub);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_busy_part_keeps_all),
        MAP_TEST(questions_announce_nothing),
        MAP_TEST(former_parts_are_forgotten),
        MAP_TEST(what_is_owed_waits_for_the_mapping_lock),
        MAP_TEST(a_composite_goes_before_its_busy_part),
        MAP_TEST(a_busy_part_refuses_new_parts),
        MAP_TEST(the_limit_holds_when_something_inside_changes),
        MAP_TEST(the_longest_way_up_counts),
        MAP_TEST(a_way_up_is_climbed_once),
        MAP_TEST(depths_are_those_of_the_parts),
        MAP_TEST(windows_of_device_memory_count),
        MAP_TEST(the_longest_of_two_ways_counts),
        MAP_TEST(new_parts_count_anew),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
