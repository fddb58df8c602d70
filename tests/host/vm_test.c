/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces, memory objects, faults and pins, over simulated RAM and the real page tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/vm_object.h"
#include "tests/host/sim_machine.h"

#define RW (MMU_READ | MMU_WRITE)

static struct task *task;
static struct vm_map *map;
static struct sim_balance before;

static int power_on(void **state)
{
    (void)state;
    sim_machine_start(64 * SIM_MIB);
    return 0;
}

static int power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

static int start(void **state)
{
    (void)state;
    before = sim_balance();
    if (task_create(&task) != KERN_SUCCESS)
        return -1;
    map = task_map(task);
    return 0;
}

static int stop(void **state)
{
    struct sim_balance after;

    (void)state;
    if (task)
        task_release(task);
    task = NULL;
    after = sim_balance();
    sim_set_notes_stores(false);
    return memcmp(&before, &after, sizeof(before)) == 0 ? 0 : -1;
}

static struct vm_object *object_of(uint64_t pages)
{
    struct vm_object *object;

    assert_int_equal(vm_object_create(pages, &object), KERN_SUCCESS);
    return object;
}

static vaddr_t enter(struct vm_object *object, uint64_t pages, unsigned access)
{
    const struct vm_range range = {.object = object, .access = access, .max_access = access};
    vaddr_t at = 0;

    assert_int_equal(vm_map_enter(map, &at, pages * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    return at;
}

static uint8_t load(vaddr_t va)
{
    uint8_t byte;

    assert_int_equal(sim_load(map, va, &byte), KERN_SUCCESS);
    return byte;
}

static void store(vaddr_t va, uint8_t byte)
{
    assert_int_equal(sim_store(map, va, byte), KERN_SUCCESS);
}

static uint64_t resident(struct vm_object *object)
{
    uint64_t pages, dirty;

    vm_object_count(object, 0, vm_object_pages(object), &pages, &dirty);
    return pages;
}

static uint64_t dirty(struct vm_object *object)
{
    uint64_t pages, changed;

    vm_object_count(object, 0, vm_object_pages(object), &pages, &changed);
    return changed;
}

/* Is a page absent until it is touched, and zero then, even if its RAM was used before? */
static void pages_appear_when_touched(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct vm_object *object = object_of(4);
        vaddr_t at = enter(object, 4, RW);

        assert_int_equal(resident(object), 0);
        for (uint64_t i = 0; i < PAGE_SIZE; i += 64)
            assert_int_equal(load(at + 2 * PAGE_SIZE + i), 0);
        assert_int_equal(resident(object), 1);
        for (uint64_t i = 0; i < 4 * PAGE_SIZE; i += 64)
            store(at + i, 0xee);
        assert_int_equal(resident(object), 4);
        assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
        vm_object_release(object);
    }
}

static void two_mappings_of_an_object_show_the_same(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t one = enter(object, 2, RW);
    vaddr_t other = enter(object, 2, MMU_READ);

    (void)state;
    vm_object_release(object); /* the ranges keep it */
    assert_int_equal(load(other + 5), 0);
    store(one + 5, 77);
    assert_int_equal(load(other + 5), 77);
    assert_int_equal(sim_store(map, other + 5, 1), KERN_PROTECTION_FAILURE);
}

static void a_copy_shares_until_written(void **state)
{
    struct vm_object *object = object_of(3);
    struct vm_object *copy;
    struct page_stats stats, after;
    vaddr_t at = enter(object, 3, RW);
    vaddr_t copied;

    (void)state;
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    page_get_stats(&stats);
    assert_int_equal(vm_object_copy(object, 0, 3, &copy), KERN_SUCCESS);
    copied = enter(copy, 3, RW);
    assert_int_equal(load(copied), 1);
    assert_int_equal(load(at), 1);
    page_get_stats(&after);
    assert_int_equal(after.owned[PAGE_OWNER_BUFFER], stats.owned[PAGE_OWNER_BUFFER]);
    store(at, 10);                 /* the owner's store */
    store(copied + PAGE_SIZE, 20); /* and the copy's */
    store(at + 2 * PAGE_SIZE, 30); /* absent in both */
    assert_int_equal(load(copied), 1);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(copied + PAGE_SIZE), 20);
    assert_int_equal(load(copied + 2 * PAGE_SIZE), 0);
    assert_int_equal(load(at), 10);
    vm_object_release(object);
    vm_object_release(copy);
}

/* A device may write a pinned page at any time: it must belong to one object alone. */
static void pinned_pages_are_never_shared(void **state)
{
    struct vm_object *object = object_of(2);
    struct vm_object *copy, *second;
    vaddr_t at = enter(object, 2, RW);
    paddr_t pages[2], same;

    (void)state;
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    assert_int_equal(vm_object_copy(object, 0, 2, &copy), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 2, 0, pages), KERN_SUCCESS);
    assert_int_equal(page_share_count(pages[0]), 1);
    assert_int_equal(vm_object_copy(object, 0, 2, &second), KERN_SUCCESS);
    *(uint8_t *)phys_to_virt(pages[0]) = 99; /* the device */
    assert_int_equal(load(at), 99);
    assert_int_equal(load(enter(copy, 2, RW)), 1);
    assert_int_equal(load(enter(second, 2, RW)), 1);
    store(at, 98);
    assert_true(vm_object_resident(object, 0, &same));
    assert_int_equal(same.value, pages[0].value);
    vm_unwire(pages, 2);
    vm_object_release(object);
    vm_object_release(copy);
    vm_object_release(second);
}

static void wiring_is_all_or_nothing(void **state)
{
    struct vm_object *object = object_of(8);
    vaddr_t at = enter(object, 8, RW);
    struct page_stats stats;
    paddr_t pages[8];

    (void)state;
    assert_int_equal(vm_map_wire(map, at, 8, VM_WIRE_NO_FAULT, pages), KERN_MEMORY_ERROR);
    assert_int_equal(resident(object), 0);
    assert_int_equal(vm_map_remove(map, at + 5 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 8, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_protect(map, at + 4 * PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 5, VM_WIRE_WRITE, pages), KERN_PROTECTION_FAILURE);
    page_get_stats(&stats);
    assert_int_equal(stats.pins, before.pins);
    assert_int_equal(vm_map_wire(map, at, 5, 0, pages), KERN_SUCCESS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(page_pin_count(pages[i]), 1);
    vm_unwire(pages, 5);
    vm_object_release(object);
}

/* Pinned memory outlives the range, the object and the task. */
static void pinned_pages_survive_their_task(void **state)
{
    struct vm_object *object = object_of(1);
    vaddr_t at = enter(object, 1, RW);
    struct page_stats alive, dead;
    paddr_t page, other;

    (void)state;
    store(at, 42);
    assert_int_equal(vm_map_wire(map, at, 1, VM_WIRE_WRITE, &page), KERN_SUCCESS);
    vm_object_release(object);
    task_release(task);
    task = NULL;
    assert_int_equal(*(uint8_t *)phys_to_virt(page), 42);
    assert_int_equal(page_get_state(page), PAGE_ALLOCATED);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);
    for (int i = 0; i < 100; i++) { /* and nobody else gets it */
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &other), KERN_SUCCESS);
        assert_int_not_equal(other.value, page.value);
        page_free(other, 0);
    }
    page_get_stats(&alive);
    vm_unwire(&page, 1);
    page_get_stats(&dead);
    assert_int_equal(dead.allocated, alive.allocated - 1);
}

static void placement(void **state)
{
    const struct vm_range nothing = {.object = NULL};
    struct vm_object *object = object_of(16);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    vaddr_t at = 0x10000;

    (void)state;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_NO_SPACE);
    at = 0x13000;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_NO_SPACE);
    at = 0x10800;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_INVALID_ARGUMENT);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_INVALID_ADDRESS);
    at = MMU_USER_VA_END - PAGE_SIZE;
    assert_int_equal(vm_map_enter(map, &at, 2 * PAGE_SIZE, 0, &range, 0), KERN_INVALID_ADDRESS);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, 17 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 1 << 21, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(at % (1 << 21), 0);
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &nothing, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(at, MMU_USER_VA_BASE);
    assert_int_equal(sim_load(map, at, &(uint8_t){0}), KERN_PROTECTION_FAILURE);
    assert_int_equal(sim_load(map, at + PAGE_SIZE, &(uint8_t){0}), KERN_INVALID_ADDRESS);
    vm_object_release(object);
}

static void overwriting_replaces_exactly_its_interval(void **state)
{
    struct vm_object *old = object_of(6);
    struct vm_object *new = object_of(2);
    const struct vm_range range = {.object = new, .access = RW, .max_access = RW};
    vaddr_t at = enter(old, 6, RW);
    vaddr_t middle = at + 2 * PAGE_SIZE;

    (void)state;
    for (int i = 0; i < 6; i++)
        store(at + (vaddr_t)i * PAGE_SIZE, (uint8_t)(i + 1));
    assert_int_equal(vm_map_enter(map, &middle, 2 * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE),
                     KERN_SUCCESS);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(middle), 0);
    assert_int_equal(load(middle + PAGE_SIZE), 0);
    assert_int_equal(load(at + 4 * PAGE_SIZE), 5);
    vm_object_release(old);
    vm_object_release(new);
}

/* If the new range cannot be filled, the old one must still be there. */
static void a_failed_overwrite_changes_nothing(void **state)
{
    struct vm_object *old = object_of(2);
    struct vm_object *huge;
    vaddr_t at = enter(old, 2, RW);
    uint64_t pages = 64 * SIM_MIB / PAGE_SIZE;
    struct vm_range range = {.access = RW, .max_access = RW};

    (void)state;
    store(at, 5);
    huge = object_of(pages);
    range.object = huge;
    assert_int_equal(
        vm_map_enter(map, &at, pages * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE | VM_ENTER_EAGER),
        KERN_MEMORY_ERROR);
    vm_object_release(huge);
    assert_int_equal(load(at), 5);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    vm_object_release(old);
}

static void protection_can_be_lowered_and_raised_to_its_maximum(void **state)
{
    struct vm_object *object = object_of(3);
    vaddr_t at = enter(object, 3, RW);

    (void)state;
    store(at + PAGE_SIZE, 3);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(sim_store(map, at + PAGE_SIZE, 4), KERN_PROTECTION_FAILURE);
    store(at, 1);
    store(at + 2 * PAGE_SIZE, 1);
    assert_int_equal(load(at + PAGE_SIZE), 3);
    assert_int_equal(vm_map_protect(map, at, 3 * PAGE_SIZE, MMU_READ | MMU_EXECUTE),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_protect(map, at, 4 * PAGE_SIZE, MMU_READ), KERN_INVALID_ADDRESS);
    store(at, 2); /* both refusals changed nothing */
    assert_int_equal(vm_map_protect(map, at, 3 * PAGE_SIZE, RW), KERN_SUCCESS);
    store(at + PAGE_SIZE, 4);
    vm_object_release(object);
}

static void a_blocked_range_answers_so_until_unblocked(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t at = enter(object, 2, RW);

    (void)state;
    store(at, 9);
    assert_int_equal(vm_map_block(map, at, PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(sim_load(map, at, &(uint8_t){0}), KERN_ABORTED);
    store(at + PAGE_SIZE, 1);
    assert_int_equal(vm_map_block(map, at, PAGE_SIZE, false), KERN_SUCCESS);
    assert_int_equal(load(at), 9);
    vm_object_release(object);
}

/* Loads must not count as changes, stores must, on both kinds of CPU. */
static void dirty_pages_are_those_written(void **state)
{
    struct vm_object *object = object_of(4);
    vaddr_t at = enter(object, 4, RW);
    uint64_t faults;

    (void)state;
    for (int i = 0; i < 4; i++)
        load(at + (vaddr_t)i * PAGE_SIZE);
    assert_int_equal(resident(object), 4);
    assert_int_equal(dirty(object), 0);
    faults = sim_faults;
    store(at + PAGE_SIZE, 1);
    store(at + PAGE_SIZE + 1, 1);
    assert_int_equal(sim_faults - faults, mmu_notes_stores() ? 0 : 1);
    assert_int_equal(dirty(object), 1);
    vm_map_drop_tables(map, at, 4 * PAGE_SIZE);
    assert_int_equal(dirty(object), 1);
    store(at, 1);
    assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(dirty(object), 2);
    vm_object_release(object);
}

static void a_cpu_may_note_stores_itself(void **state)
{
    sim_set_notes_stores(true);
    dirty_pages_are_those_written(state);
}

static const struct vm_purge_order plain = {0};

static struct vm_object *volatile_object(uint8_t mark, struct vm_purge_order order)
{
    struct vm_object *object = object_of(2);
    enum vm_purge_state former;
    uint64_t done;
    vaddr_t at = enter(object, 2, RW);

    vm_object_allow_purge(object);
    assert_int_equal(vm_map_write(map, at, &mark, 1, &done), KERN_SUCCESS);
    assert_int_equal(vm_object_set_purge(object, VM_PURGE_VOLATILE, order, &former), KERN_SUCCESS);
    assert_int_equal(former, VM_PURGE_NONVOLATILE);
    return object;
}

static void volatile_memory_goes_in_order(void **state)
{
    struct vm_object *fifo1 = volatile_object(1, plain);
    struct vm_object *fifo2 = volatile_object(1, plain);
    struct vm_object *lifo = volatile_object(1, (struct vm_purge_order){.lifo = true});
    struct vm_object *late = volatile_object(1, (struct vm_purge_order){.group = 7});
    struct vm_object *soon = volatile_object(1, (struct vm_purge_order){.obsolete = true});
    struct vm_object *expected[] = {soon, lifo, fifo1, fifo2, late};

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(vm_purge_reclaim(1), 1);
        for (int j = 0; j < 5; j++)
            assert_int_equal(vm_object_get_purge(expected[j]),
                             j <= i ? VM_PURGE_EMPTY : VM_PURGE_VOLATILE);
    }
    assert_int_equal(vm_purge_reclaim(1), 0);
    for (int i = 0; i < 5; i++)
        vm_object_release(expected[i]);
}

static void purging_spares_pinned_pages_and_empties_the_rest(void **state)
{
    struct vm_object *object = object_of(2);
    enum vm_purge_state former;
    vaddr_t at = enter(object, 2, RW);
    paddr_t page;

    (void)state;
    assert_int_equal(vm_object_set_purge(object, VM_PURGE_EMPTY, plain, &former),
                     KERN_INVALID_ARGUMENT);
    vm_object_allow_purge(object);
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    assert_int_equal(vm_map_wire(map, at, 1, 0, &page), KERN_SUCCESS);
    vm_object_set_purge(object, VM_PURGE_VOLATILE, plain, &former);
    assert_int_equal(vm_purge_reclaim(10), 1);
    assert_int_equal(load(at), 1);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    vm_object_set_purge(object, VM_PURGE_NONVOLATILE, plain, &former);
    assert_int_equal(former, VM_PURGE_EMPTY);
    store(at + PAGE_SIZE, 3);
    vm_object_set_purge(object, VM_PURGE_VOLATILE, plain, &former);
    vm_object_set_purge(object, VM_PURGE_NONVOLATILE, plain, &former);
    assert_int_equal(former, VM_PURGE_VOLATILE);
    assert_int_equal(load(at + PAGE_SIZE), 3);
    vm_unwire(&page, 1);
    vm_object_release(object);
}

/* When the page allocator runs dry it takes volatile memory by itself. */
static void shortage_reclaims_volatile_memory(void **state)
{
    struct vm_object *keep = object_of(1);
    uint64_t pages = 48 * SIM_MIB / PAGE_SIZE;
    struct vm_object *give = object_of(pages);
    vaddr_t kept = enter(keep, 1, RW);
    vaddr_t given = enter(give, pages, RW);
    enum vm_purge_state former;
    struct vm_object *want;
    vaddr_t at;

    (void)state;
    vm_object_allow_purge(give);
    store(kept, 11);
    for (uint64_t i = 0; i < pages; i++)
        store(given + i * PAGE_SIZE, 1);
    vm_object_set_purge(give, VM_PURGE_VOLATILE, plain, &former);
    want = object_of(pages);
    at = enter(want, pages, RW);
    for (uint64_t i = 0; i < pages; i++)
        store(at + i * PAGE_SIZE, 2);
    assert_int_equal(vm_object_get_purge(give), VM_PURGE_EMPTY);
    assert_int_equal(load(kept), 11);
    vm_object_release(keep);
    vm_object_release(give);
    vm_object_release(want);
}

static void copying_stops_at_a_bad_address(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t at = enter(object, 2, RW);
    uint8_t data[3 * 4096], back[sizeof(data)];
    uint64_t done;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    assert_int_equal(vm_map_write(map, at + 100, data, sizeof(data), &done), KERN_INVALID_ADDRESS);
    assert_int_equal(done, 2 * PAGE_SIZE - 100);
    assert_int_equal(vm_map_read(map, at + 100, back, done, &done), KERN_SUCCESS);
    assert_memory_equal(back, data, done);
    assert_int_equal(load(at + 100 + 4000), data[4000]);
    assert_int_equal(vm_map_protect(map, at, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_write(map, at, data, 1, &done), KERN_PROTECTION_FAILURE);
    assert_int_equal(done, 0);
    assert_int_equal(vm_map_read(map, UINT64_MAX - 5, back, 3, &done), KERN_INVALID_ADDRESS);
    vm_object_release(object);
}

static void a_hundred_thousand_ranges(void **state)
{
    struct vm_object *object = object_of(2);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW};
    enum {
        COUNT = 100000
    };

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        vaddr_t at = 0x100000 + (vaddr_t)i * 2 * PAGE_SIZE;

        assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    }
    store(0x100000, 6);
    assert_int_equal(load(0x100000 + (vaddr_t)(COUNT - 1) * 2 * PAGE_SIZE), 6);
    assert_int_equal(vm_map_remove(map, 0x100000, (uint64_t)COUNT * 2 * PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
}

static bool told;

static void died(struct task *dead, void *context)
{
    (void)context;
    told = task_is_alive(dead);
}

static void death_is_told_once_and_frees_the_ranges(void **state)
{
    struct task_watch watch = {.died = died};
    struct task_watch removed = {.died = died};
    struct vm_object *object = object_of(1);

    (void)state;
    enter(object, 1, RW);
    vm_object_set_owner(object, task, 3, true);
    vm_object_release(object);
    task_watch_add(task, &watch);
    task_watch_add(task, &removed);
    task_watch_remove(task, &removed);
    told = false;
    task_terminate(task);
    assert_true(told);
    assert_false(task_is_alive(task));
    assert_null(task_map(task));
    told = false;
    task_terminate(task);
    assert_false(told);
}

static void ledgers_follow_the_owner(void **state)
{
    struct vm_object *object = object_of(3);
    struct task_ledger mine, kernels;

    (void)state;
    vm_object_set_owner(object, task, 4, true);
    task_get_ledger(task, &mine);
    assert_int_equal(mine.tagged[4], 3 * PAGE_SIZE);
    assert_int_equal(mine.footprint, 3 * PAGE_SIZE);
    vm_object_set_owner(object, kernel_task, 2, false);
    task_get_ledger(task, &mine);
    task_get_ledger(kernel_task, &kernels);
    assert_int_equal(mine.tagged[4] + mine.footprint + kernels.footprint, 0);
    assert_int_equal(kernels.tagged[2], 3 * PAGE_SIZE);
    vm_object_release(object);
    task_get_ledger(kernel_task, &kernels);
    assert_int_equal(kernels.tagged[2], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_appear_when_touched),
        TEST(two_mappings_of_an_object_show_the_same),
        TEST(a_copy_shares_until_written),
        TEST(pinned_pages_are_never_shared),
        TEST(wiring_is_all_or_nothing),
        TEST(pinned_pages_survive_their_task),
        TEST(placement),
        TEST(overwriting_replaces_exactly_its_interval),
        TEST(a_failed_overwrite_changes_nothing),
        TEST(protection_can_be_lowered_and_raised_to_its_maximum),
        TEST(a_blocked_range_answers_so_until_unblocked),
        TEST(dirty_pages_are_those_written),
        TEST(a_cpu_may_note_stores_itself),
        TEST(volatile_memory_goes_in_order),
        TEST(purging_spares_pinned_pages_and_empties_the_rest),
        TEST(shortage_reclaims_volatile_memory),
        TEST(copying_stops_at_a_bad_address),
        TEST(a_hundred_thousand_ranges),
        TEST(death_is_told_once_and_frees_the_ranges),
        TEST(ledgers_follow_the_owner),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
