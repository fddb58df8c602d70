/* SPDX-License-Identifier: BSD-2-Clause */
/* Where ranges lie, what they allow, and what pins do, over the real page tables. */
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/machine/vm_fixture.h"

static void wiring_is_all_or_nothing(void **state)
{
    struct vm_object *object = object_of(8);
    vaddr_t at = enter(object, 8, RW);
    struct page_stats stats;
    paddr_t pages[8];

    (void)state;
    const uint64_t blocks = holdings_now().heap_blocks;

    assert_int_equal(vm_map_wire(map, at, 8, VM_WIRE_NO_FAULT, pages), KERN_MEMORY_ERROR);
    assert_int_equal(resident(object), 0);
    assert_int_equal(holdings_now().heap_blocks, blocks); /* nothing was allocated for it */
    assert_int_equal(vm_map_remove(map, at + 5 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 8, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_protect(map, at + 4 * PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 5, VM_WIRE_WRITE, pages), KERN_PROTECTION_FAILURE);
    page_get_stats(&stats);
    assert_int_equal(stats.pins, before.pins);
    assert_int_equal(vm_map_wire(map, at, 5, 0, pages), KERN_SUCCESS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(page_pin_count(pages[i]), 1);
    }
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
    for (int i = 0; i < 6; i++) {
        store(at + (vaddr_t)i * PAGE_SIZE, (uint8_t)(i + 1));
    }
    assert_int_equal(vm_map_enter(map, &middle, 2 * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE),
                     KERN_SUCCESS);
    assert_int_equal(load(at + PAGE_SIZE), 2);
    assert_int_equal(load(middle), 0);
    assert_int_equal(load(middle + PAGE_SIZE), 0);
    assert_int_equal(load(at + 4 * PAGE_SIZE), 5);
    vm_object_release(old);
    vm_object_release(new);
}

/* An address space that is no task's. */
static void a_map_goes_with_its_ranges(void **state)
{
    const struct vm_range range = {.object = object_of(1), .access = RW, .max_access = RW};
    struct vm_map *own;
    vaddr_t at = 0x10000;

    (void)state;
    assert_int_equal(vm_map_create(&own), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(own, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    vm_map_retain(own);
    vm_map_release(own);
    assert_int_equal(sim_store(own, at, 1), KERN_SUCCESS);
    vm_map_release(own);
    vm_object_release(range.object);
}

/* If the new range cannot be filled, the old one must still be there, as filled as it was. */
static void a_failed_overwrite_changes_nothing(void **state)
{
    struct vm_object *old = object_of(2);
    struct vm_object *huge;
    vaddr_t at = enter(old, 2, RW);
    uint64_t pages = 64 * SIM_MIB / PAGE_SIZE, faults;
    struct vm_range range = {.access = RW, .max_access = RW};

    (void)state;
    store(at, 5);
    assert_int_equal(vm_map_fill_tables(map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
    huge = object_of(pages);
    range.object = huge;
    assert_int_equal(
        vm_map_enter(map, &at, pages * PAGE_SIZE, 0, &range, VM_ENTER_OVERWRITE | VM_ENTER_EAGER),
        KERN_MEMORY_ERROR);
    faults = sim_faults;
    assert_int_equal(load(at), 5);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    assert_int_equal(sim_faults, faults);
    vm_object_release(huge);
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

/* What is filled ahead stays so: somebody relies on it who cannot fault. */
static void other_rights_are_filled_ahead_as_well(void **state)
{
    const struct vm_range range = {.object = object_of(2), .access = RW, .max_access = RW};
    vaddr_t at = 0;
    uint64_t faults;

    (void)state;
    assert_int_equal(
        vm_map_enter(map, &at, 2 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    faults = sim_faults;
    assert_int_equal(vm_map_protect(map, at, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    load(at);
    load(at + PAGE_SIZE);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, RW), KERN_SUCCESS);
    load(at + PAGE_SIZE);
    assert_int_equal(sim_faults, faults);
    vm_object_release(range.object);
}

/* Who fills a part of a range may take faults in the rest; only whole ones stay filled. */
static void what_is_filled_in_part_is_not_kept_so(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 2, RW), other = enter(object, 2, RW);
    const vaddr_t parts[] = {at, at + PAGE_SIZE};
    uint64_t faults;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vm_map_fill_tables(map, parts[i], PAGE_SIZE), KERN_SUCCESS);
        assert_int_equal(vm_map_block(map, at, 2 * PAGE_SIZE, true), KERN_SUCCESS);
        assert_int_equal(vm_map_block(map, at, 2 * PAGE_SIZE, false), KERN_SUCCESS);
        faults = sim_faults;
        load(parts[i]);
        assert_int_equal(sim_faults, faults + 1);
    }
    /* Up to a hole: what lies before it is filled, and stays so. */
    assert_int_equal(vm_map_remove(map, other + PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_fill_tables(map, other, 2 * PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_block(map, other, PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(vm_map_block(map, other, PAGE_SIZE, false), KERN_SUCCESS);
    faults = sim_faults;
    store(other, 1);
    assert_int_equal(sim_faults, faults);
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

static void copying_stops_at_a_bad_address(void **state)
{
    struct vm_object *object = object_of(2);
    vaddr_t at = enter(object, 2, RW);
    uint8_t data[3 * 4096], back[sizeof(data)];
    uint64_t done;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
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

/* A child shares, copies or misses each range, as the range says; guards stay guards. */
static void a_child_inherits_range_by_range(void **state)
{
    static const enum vm_inheritance kinds[] = {VM_INHERIT_SHARE, VM_INHERIT_COPY, VM_INHERIT_NONE};
    const struct vm_range guard = {.object = NULL};
    struct vm_object *object = object_of(6);
    vaddr_t guarded = 0x900000;
    struct task *child;
    vaddr_t at[3];
    uint8_t byte;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct vm_range range = {.object = object,
                                       .offset = 2 * i * PAGE_SIZE,
                                       .access = RW,
                                       .max_access = RW,
                                       .inheritance = kinds[i]};

        at[i] = 0x100000 + i * 0x10000;
        assert_int_equal(vm_map_enter(map, &at[i], 2 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
        store(at[i], (uint8_t)(i + 1));
    }
    assert_int_equal(vm_map_enter(map, &guarded, PAGE_SIZE, 0, &guard, 0), KERN_SUCCESS);
    assert_int_equal(task_create_child(task, &child), KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        store(at[i], (uint8_t)(i + 11));
    }
    assert_int_equal(sim_load(task_map(child), at[0], &byte), KERN_SUCCESS);
    assert_int_equal(byte, 11);
    assert_int_equal(sim_load(task_map(child), at[1], &byte), KERN_SUCCESS);
    assert_int_equal(byte, 2);
    assert_int_equal(sim_load(task_map(child), at[2], &byte), KERN_INVALID_ADDRESS);
    assert_int_equal(sim_load(task_map(child), guarded, &byte), KERN_PROTECTION_FAILURE);
    assert_int_equal(sim_store(task_map(child), at[1] + PAGE_SIZE, 99), KERN_SUCCESS);
    assert_int_equal(load(at[1] + PAGE_SIZE), 0);
    task_release(child);
    vm_object_release(object);
    task_terminate(task);
    assert_int_equal(task_create_child(task, &child), KERN_INVALID_ARGUMENT);
}

/* Half of what was to be inherited is nothing, whatever is refused on the way. */
static void what_is_inherited_in_part_is_empty(void **state)
{
    struct vm_object *object = object_of(1);
    const struct vm_range range = {
        .object = object, .access = RW, .max_access = RW, .inheritance = VM_INHERIT_SHARE};
    const vaddr_t first = 0x100000, second = 0x200000;
    struct inject_report report = {.failed = true};
    struct vm_range found;
    struct vm_map *to;
    uint64_t size;
    vaddr_t at;

    (void)state;
    at = first;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    at = second;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_create(&to), KERN_SUCCESS);
    for (unsigned nth = 1; report.failed; nth++) {
        kern_return_t status;

        inject_begin(nth);
        status = vm_map_inherit(map, to);
        inject_end(&report);
        assert_int_equal(status, report.failed ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS);
        assert_int_equal(vm_map_lookup(to, first, &found, &size),
                         report.failed ? KERN_INVALID_ADDRESS : KERN_SUCCESS);
        assert_int_equal(vm_map_lookup(to, second, &found, &size),
                         report.failed ? KERN_INVALID_ADDRESS : KERN_SUCCESS);
    }
    vm_map_release(to);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wiring_is_all_or_nothing),
        TEST(pinned_pages_survive_their_task),
        TEST(placement),
        TEST(overwriting_replaces_exactly_its_interval),
        TEST(a_failed_overwrite_changes_nothing),
        TEST(a_map_goes_with_its_ranges),
        TEST(protection_can_be_lowered_and_raised_to_its_maximum),
        TEST(other_rights_are_filled_ahead_as_well),
        TEST(what_is_filled_in_part_is_not_kept_so),
        TEST(a_blocked_range_answers_so_until_unblocked),
        TEST(copying_stops_at_a_bad_address),
        TEST(a_hundred_thousand_ranges),
        TEST(a_child_inherits_range_by_range),
        TEST(what_is_inherited_in_part_is_empty),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
