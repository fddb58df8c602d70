/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirections that meet at one map, and descriptors that change while they are on. */
#include "descriptors/IODeviceMemory.h"
#include "descriptors/IOMemoryMapping.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_composite.h"

static void redirect(IOMemoryDescriptor *memory, task_t safe, bool on)
{
    assert_int_equal(IOMemoryDescriptor_redirect(memory, safe, on), kIOReturnSuccess);
}

static void expect_waiting(task_t task, uint64_t address, bool waiting)
{
    assert_int_equal(try_load(task, address), waiting ? KERN_ABORTED : KERN_SUCCESS);
}

static void the_end_may_name_another_task(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapUnique);
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    redirect(memory, TASK_NULL, true);
    expect_waiting(other, at, true);
    redirect(memory, other, false);
    expect_waiting(other, at, false);
    redirect(memory, other, true);
    expect_waiting(other, at, false);
    redirect(memory, TASK_NULL, false);
    expect_waiting(other, at, false);
    assert_int_equal(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected, 0);
    OSObject_release(map);
    OSObject_release(memory);
}

static void two_redirections_need_two_ends(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 2, RW), 2 * PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *low = window(memory, 0, PAGE_SIZE), *high = window(memory, PAGE_SIZE, 64);
    IOMemoryMap *map = map_all(memory, other, kIOMapUnique), *late;
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    redirect(low, TASK_NULL, true);
    redirect(high, TASK_NULL, true);
    redirect(low, TASK_NULL, false);
    expect_waiting(other, at, true);
    late = map_all(memory, other, kIOMapUnique); /* one that is made meanwhile waits as well */
    expect_waiting(other, IOMemoryMap_getAddress(late), true);
    redirect(low, TASK_NULL, false); /* without a beginning: nobody else's ends */
    expect_waiting(other, at, true);
    redirect(high, TASK_NULL, false);
    expect_waiting(other, at, false);
    expect_waiting(other, IOMemoryMap_getAddress(late), false);
    redirect(memory, TASK_NULL, true);
    redirect(memory, TASK_NULL, true);
    redirect(memory, TASK_NULL, false);
    expect_waiting(other, at, true);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 1), kIOReturnAborted);
    redirect(memory, TASK_NULL, false);
    expect_waiting(other, at, false);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 1), kIOReturnSuccess);
    redirect(memory, TASK_NULL, true);
    redirect(memory, other, true);
    redirect(memory, TASK_NULL, false); /* the one that named nobody, though it is older */
    expect_waiting(other, at, false);
    assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 1), kIOReturnAborted);
    redirect(memory, other, false);
    OSObject_release(late);
    OSObject_release(map);
    OSObject_release(low);
    OSObject_release(high);
    OSObject_release(memory);
}

/* Who is at the safe task's address after its death is not safe. */
static void the_safe_task_dies(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *low = window(memory, 0, 64);
    IOMemoryMap *map;
    task_t safe, next;

    (void)state;
    assert_int_equal(task_create(&safe), KERN_SUCCESS);
    map = map_all(memory, safe, kIOMapUnique);
    redirect(low, safe, true);
    expect_waiting(safe, IOMemoryMap_getAddress(map), false);
    task_terminate(safe);
    redirect(memory, safe, true); /* dead: nobody goes on */
    redirect(memory, safe, false);
    task_release(safe);
    OSObject_release(map);
    assert_int_equal(task_create(&next), KERN_SUCCESS);
    assert_ptr_equal(next, safe); /* the heap gives out the same place again */
    map = map_all(memory, next, kIOMapUnique);
    expect_waiting(next, IOMemoryMap_getAddress(map), true);
    redirect(low, next, false);
    expect_waiting(next, IOMemoryMap_getAddress(map), false);
    assert_int_equal(IOMemoryDescriptor_getFlags(memory) & kIOMemoryRedirected, 0);
    redirect(low, next, true);
    OSObject_release(low); /* freed while it watches: the end of the task finds no record */
    redirect(memory, TASK_NULL, false);
    OSObject_release(map);
    task_release(next);
    OSObject_release(memory);
}

static void a_child_under_a_redirected_multi(void **state)
{
    IOMemoryDescriptor *parts[2], *multi;
    IOMemoryMap *map;
    uint64_t at;

    (void)state;
    two_pages(parts);
    multi = join(parts, 2);
    map = map_all(multi, other, 0);
    at = IOMemoryMap_getAddress(map);
    redirect(multi, TASK_NULL, true);
    redirect(parts[0], TASK_NULL, true);
    redirect(parts[0], TASK_NULL, false);
    expect_waiting(other, at, true);
    redirect(parts[1], TASK_NULL, true);
    redirect(multi, TASK_NULL, false);
    expect_waiting(other, at, false);
    expect_waiting(other, at + PAGE_SIZE, true);
    redirect(parts[1], TASK_NULL, false);
    expect_waiting(other, at + PAGE_SIZE, false);
    assert_int_equal(load(other, at + PAGE_SIZE), 2);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

/* Two parts that meet inside a page: it waits while one of them does. */
static void parts_that_share_a_page(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);
    IOMemoryDescriptor *parts[] = {describe(at, 5000, 3, owner),
                                   describe(at + 5000, 1000, 3, owner)};
    IOMemoryDescriptor *multi = join(parts, 2);
    IOMemoryMap *map = map_all(multi, other, 0);
    const uint64_t seen = IOMemoryMap_getAddress(map);

    (void)state;
    redirect(parts[0], TASK_NULL, true);
    redirect(parts[1], TASK_NULL, true);
    redirect(parts[0], TASK_NULL, false);
    expect_waiting(other, seen, false);
    expect_waiting(other, seen + 5000, true);
    redirect(parts[1], TASK_NULL, false);
    expect_waiting(other, seen + 5000, false);
    OSObject_release(map);
    OSObject_release(multi);
    release_both(parts);
}

static void unique_maps_of_registers(void **state)
{
    IODeviceMemory *device = IODeviceMemory_withRange(DEVICE, 2 * PAGE_SIZE);
    IOMemoryMap *map = map_all(UP(device), other, kIOMapUnique), *late;
    const uint64_t at = IOMemoryMap_getAddress(map);
    struct mmu_translation seen;

    (void)state;
    redirect(UP(device), TASK_NULL, true);
    assert_int_equal(try_load(other, at), KERN_ABORTED);
    late = map_all(UP(device), other, kIOMapUnique);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(late)), KERN_ABORTED);
    OSObject_release(late);
    redirect(UP(device), TASK_NULL, false);
    assert_true(translate(other, at, &seen)); /* at once: registers are entered eagerly */
    redirect(UP(device), TASK_NULL, true);
    OSObject_release(device); /* it takes its redirection along */
    assert_true(translate(other, at, &seen));
    OSObject_release(map);
}

static void recorded_maps_are_the_callers(void **state)
{
    const uint64_t at = new_pages(owner, 1, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *next = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryMap *map = IOMemoryDescriptor_setMapping(memory, owner, at, kIOMapUnique);

    (void)state;
    redirect(memory, TASK_NULL, true);
    expect_waiting(owner, at, false);
    redirect(memory, TASK_NULL, false);
    assert_int_equal(IOMemoryMap_redirect(map, (IOMemoryDescriptor *)NULL, 0, 0),
                     kIOReturnUnsupported);
    assert_int_equal(IOMemoryMap_redirect(map, next, 0, 0), kIOReturnUnsupported);
    expect_waiting(owner, at, false);
    OSObject_release(map);
    OSObject_release(next);
    OSObject_release(memory);
}

/* Of each size: nothing of the former reference meets the new ranges. */
static void reinitialised_while_redirected(void **state)
{
    static const uint64_t pages[][2] = {{4, 1}, {1, 4}, {2, 2}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t former = new_pages(owner, pages[i][0], RW);
        const uint64_t next = new_pages(owner, pages[i][1], RW);
        IOAddressRange range = {next, ptoa(pages[i][1])};
        IOMemoryDescriptor *memory =
            describe(former, ptoa(pages[i][0]), 3 | kIOMemoryPersistent, owner);
        IOMemoryMap *map = map_all(memory, other, 0), *fresh;
        uint8_t byte = 0;

        store(owner, former, 11);
        store(owner, next, 22);
        redirect(memory, TASK_NULL, true);
        assert_true(IOMemoryDescriptor_initWithOptions(
            memory, &range, 1, 0, owner, 3 | kIOMemoryTypeVirtual | kIOMemoryPersistent, NULL));
        assert_int_equal(IOMemoryDescriptor_handleFault(memory, NULL, 0, 1), kIOReturnAborted);
        assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        assert_int_equal(pins_at(owner, former), 0);
        assert_int_equal(pins_at(owner, next + range.length - 1), 1);
        assert_int_equal(IOMemoryDescriptor_readBytes(memory, 0, &byte, 1), 1);
        assert_int_equal(byte, 22);
        assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        fresh = map_all(memory, other, 0);
        assert_ptr_not_equal(fresh, map); /* the old one answers for other memory */
        expect_waiting(other, IOMemoryMap_getAddress(map), true);
        assert_int_equal(IOMemoryMap_getPhysicalSegment(map, 0, NULL, 0), 0);
        redirect(memory, TASK_NULL, false);
        assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 11);
        assert_int_equal(load(other, IOMemoryMap_getAddress(fresh)), 22);
        OSObject_release(map);
        OSObject_release(fresh);
        OSObject_release(memory);
    }
}

/* A Unique map of the former memory: the same descriptor is another memory by now. */
static void shown_anew_after_reinitialisation(void **state)
{
    const uint64_t former = new_pages(owner, 1, RW), next = new_pages(owner, 1, RW);
    IOAddressRange range = {next, PAGE_SIZE};
    IOMemoryDescriptor *memory = describe(former, PAGE_SIZE, 3, owner);
    IOMemoryMap *map = map_all(memory, other, kIOMapUnique);

    (void)state;
    store(owner, former, 11);
    store(owner, next, 22);
    assert_true(IOMemoryDescriptor_initWithOptions(memory, &range, 1, 0, owner,
                                                   3 | kIOMemoryTypeVirtual, NULL));
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 11);
    assert_int_equal(IOMemoryMap_redirect(map, memory, 0, 0), kIOReturnSuccess);
    assert_int_equal(load(other, IOMemoryMap_getAddress(map)), 22);
    OSObject_release(map);
    OSObject_release(memory);
}

/* A redirected window that is given another parent takes the redirection there. */
static void a_window_moves_its_redirection(void **state)
{
    IOMemoryDescriptor *parts[2], *sub;
    IOMemoryMap *maps[2];

    (void)state;
    two_pages(parts);
    sub = window(parts[0], 0, PAGE_SIZE);
    maps[0] = map_all(parts[0], other, 0);
    maps[1] = map_all(parts[1], other, 0);
    redirect(sub, TASK_NULL, true);
    assert_true(
        IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)sub, parts[1], 0, 8, 3));
    expect_waiting(other, IOMemoryMap_getAddress(maps[0]), false);
    expect_waiting(other, IOMemoryMap_getAddress(maps[1]), true);
    /* All of them, or none: of two the second can still be had where the first cannot. */
    redirect(sub, TASK_NULL, true);
    inject_begin(1);
    assert_false(
        IOSubMemoryDescriptor_initSubRange((IOSubMemoryDescriptor *)sub, parts[0], 0, 8, 3));
    inject_end(&(struct inject_report){0});
    expect_waiting(other, IOMemoryMap_getAddress(maps[0]), false);
    expect_waiting(other, IOMemoryMap_getAddress(maps[1]), true);
    redirect(sub, TASK_NULL, false);
    expect_waiting(other, IOMemoryMap_getAddress(maps[1]), true);
    redirect(sub, TASK_NULL, false);
    expect_waiting(other, IOMemoryMap_getAddress(maps[1]), false);
    OSObject_release(maps[0]);
    OSObject_release(maps[1]);
    OSObject_release(sub);
    release_both(parts);
}

/* Who comes after a dead task, at its place, is not safe because that was. */
static void a_dead_task_is_not_safe(void **state)
{
    (void)state;
    for (unsigned later = 0; later < 2; later++) { /* it dies before it is named, or after that */
        IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
        IOMemoryMap *map;
        task_t dead, next;

        assert_int_equal(task_create(&dead), KERN_SUCCESS);
        if (later != 0) {
            redirect(memory, dead, true);
        }
        task_terminate(dead);
        if (later == 0) {
            redirect(memory, dead, true);
        }
        task_release(dead);
        assert_int_equal(task_create(&next), KERN_SUCCESS);
        assert_ptr_equal(next, dead);
        map = map_all(memory, next, 0);
        expect_waiting(next, IOMemoryMap_getAddress(map), true);
        redirect(memory, next, false);
        expect_waiting(next, IOMemoryMap_getAddress(map), false);
        OSObject_release(map);
        task_release(next);
        OSObject_release(memory);
    }
}

/* A window whose parent cannot be redirected is not either: nobody would end it. */
static void a_window_is_not_redirected_without_its_parent(void **state)
{
    struct inject_report report;
    IOMemoryDescriptor *parts[2], *sub;
    IOMemoryMap *map;

    (void)state;
    two_pages(parts);
    sub = window(parts[0], 0, PAGE_SIZE);
    map = map_all(sub, other, 0);
    for (unsigned nth = 1; nth < 3; nth++) {
        inject_begin(nth);
        assert_int_equal(IOMemoryDescriptor_redirect(sub, TASK_NULL, true), kIOReturnNoMemory);
        inject_end(&report);
        assert_true(report.failed);
        expect_waiting(other, IOMemoryMap_getAddress(map), false);
        assert_int_equal(IOMemoryDescriptor_handleFault(sub, NULL, 0, 1), kIOReturnSuccess);
        assert_int_equal(IOMemoryDescriptor_handleFault(parts[0], NULL, 0, 1), kIOReturnSuccess);
    }
    OSObject_release(map);
    OSObject_release(sub);
    release_both(parts);
}

/* Maps of what it described before are none of those that a redirection covers. */
static void former_maps_are_not_redirected(void **state)
{
    static const IOOptionBits kinds[][2] = {
        {0, 0}, {kIOMapUnique, 0}, {0, kIOMapUnique}, {kIOMapUnique, kIOMapUnique}};

    (void)state;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        IOAddressRange range = {new_pages(owner, 1, RW), PAGE_SIZE};
        IOMemoryDescriptor *memory =
            describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOutIn, owner);
        IOMemoryMap *maps[] = {map_all(memory, other, kinds[i][0]),
                               map_all(memory, other, kinds[i][1])},
                    *fresh;

        assert_true(IOMemoryDescriptor_initWithOptions(memory, &range, 1, 0, owner,
                                                       3 | kIOMemoryTypeVirtual, NULL));
        fresh = map_all(memory, other, 0);
        redirect(memory, TASK_NULL, true);
        expect_waiting(other, IOMemoryMap_getAddress(maps[0]), false);
        expect_waiting(other, IOMemoryMap_getAddress(maps[1]), false);
        expect_waiting(other, IOMemoryMap_getAddress(fresh), true);
        redirect(memory, TASK_NULL, false);
        OSObject_release(maps[0]);
        OSObject_release(maps[1]);
        OSObject_release(fresh);
        OSObject_release(memory);
    }
}

/* Nor those that have a descriptor of their own. */
static void former_maps_of_registers_are_not_redirected(void **state)
{
    IOAddressRange next = {DEVICE + 4 * PAGE_SIZE, PAGE_SIZE};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withPhysicalAddress(DEVICE, PAGE_SIZE, 3);
    IOMemoryMap *maps[] = {map_all(memory, other, kIOMapUnique),
                           map_all(memory, other, kIOMapUnique)};
    struct mmu_translation seen;

    (void)state;
    assert_true(IOMemoryDescriptor_initWithOptions(memory, &next, 1, 0, TASK_NULL,
                                                   3 | kIOMemoryTypePhysical, NULL));
    redirect(memory, TASK_NULL, true);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(translate(other, IOMemoryMap_getAddress(maps[i]), &seen));
        OSObject_release(maps[i]);
    }
    redirect(memory, TASK_NULL, false);
    OSObject_release(memory);
}

static bool is_shown(IOMemoryMap *map)
{
    struct mmu_translation seen;

    return translate(other, IOMemoryMap_getAddress(map), &seen);
}

/* Nobody else would ever end what a window has begun. */
static void a_window_ends_its_redirections_with_itself(void **state)
{
    IODeviceMemory *const registers = IODeviceMemory_withRange(DEVICE, PAGE_SIZE);
    IOMemoryDescriptor *const parent = IOMemoryDescriptor_upcast(registers);
    IOMemoryMap *map = map_all(parent, other, 0);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *low =
            i == 0 ? window(parent, 0, 64)
                   : IOMemoryDescriptor_upcast(IODeviceMemory_withSubRange(registers, 0, 64));
        IOMemoryDescriptor *lowest = window(low, 0, 8);

        redirect(lowest, TASK_NULL, true);
        redirect(lowest, owner, true);
        redirect(parent, owner, true);
        OSObject_release(lowest);
        assert_int_equal(IOMemoryDescriptor_getFlags(low) & kIOMemoryRedirected, 0);
        assert_false(is_shown(map)); /* that one has begun itself, and ends itself */
        redirect(parent, owner, false);
        assert_int_equal(IOMemoryDescriptor_getFlags(parent) & kIOMemoryRedirected, 0);
        assert_true(is_shown(map));
        redirect(low, TASK_NULL, true);
        assert_false(is_shown(map));
        OSObject_release(low);
        assert_true(is_shown(map));
    }
    OSObject_release(map);
    OSObject_release(registers);
}

/* The end does not find a map that has left meanwhile: it goes on as it leaves. */
static void a_map_that_leaves_waits_no_longer(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryDescriptor *next = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    IOMemoryMap *maps[] = {map_all(memory, other, kIOMapUnique),
                           map_all(memory, other, kIOMapUnique)};

    (void)state;
    redirect(memory, TASK_NULL, true);
    redirect(memory, owner, true);
    IOMemoryDescriptor_removeMapping(memory, maps[0]);
    assert_true(IOMemoryMap_setMemoryDescriptor(maps[1], next, 0));
    for (unsigned i = 0; i < 2; i++) {
        expect_waiting(other, IOMemoryMap_getAddress(maps[i]), false);
    }
    redirect(memory, TASK_NULL, false);
    redirect(memory, owner, false);
    for (unsigned i = 0; i < 2; i++) {
        expect_waiting(other, IOMemoryMap_getAddress(maps[i]), false);
        OSObject_release(maps[i]);
    }
    OSObject_release(next);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(the_end_may_name_another_task),
        MAP_TEST(two_redirections_need_two_ends),
        MAP_TEST(the_safe_task_dies),
        MAP_TEST(a_child_under_a_redirected_multi),
        MAP_TEST(parts_that_share_a_page),
        MAP_TEST(unique_maps_of_registers),
        MAP_TEST(former_maps_of_registers_are_not_redirected),
        MAP_TEST(recorded_maps_are_the_callers),
        MAP_TEST(reinitialised_while_redirected),
        MAP_TEST(shown_anew_after_reinitialisation),
        MAP_TEST(a_window_moves_its_redirection),
        MAP_TEST(a_dead_task_is_not_safe),
        MAP_TEST(a_window_is_not_redirected_without_its_parent),
        MAP_TEST(former_maps_are_not_redirected),
        MAP_TEST(a_window_ends_its_redirections_with_itself),
        MAP_TEST(a_map_that_leaves_waits_no_longer),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
