/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory objects know of stores to their pages: from faults, page tables, pins and notes. */
#include "tests/host/machine/vm_object_fixture.h"

/* Loads must not count as changes, stores must, on both kinds of CPU. */
static void dirty_pages_are_those_written(void **state)
{
    struct vm_object *object = object_of(4);
    vaddr_t at = enter(object, 4, RW);
    uint64_t faults;

    (void)state;
    for (int i = 0; i < 4; i++) {
        load(at + (vaddr_t)i * PAGE_SIZE);
    }
    assert_int_equal(resident(object), 4);
    assert_int_equal(dirty(object), 0);
    faults = sim_faults;
    store(at + PAGE_SIZE, 1);
    store(at + PAGE_SIZE + 1, 1);
    assert_int_equal(sim_faults - faults, mmu_notes_stores() ? 0 : 1);
    assert_int_equal(dirty(object), 1);
    vm_map_drop_tables(map, at, 4 * PAGE_SIZE);
    assert_int_equal(dirty(object), 1);
    load(at + PAGE_SIZE); /* it cannot become more dirty: a store needs no fault of its own */
    faults = sim_faults;
    store(at + PAGE_SIZE, 1);
    assert_int_equal(sim_faults, faults);
    store(at, 1);
    assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(dirty(object), 2);
    vm_object_release(object);
}

/* A page that is not there is not dirty, and does not come so. */
static void what_is_absent_is_not_dirty(void **state)
{
    struct vm_object *object = object_of(600), *window;
    const vaddr_t at = enter(object, 600, RW);

    (void)state;
    load(at);
    vm_object_mark_dirty(object, 1);
    vm_object_mark_dirty(object, 599); /* where no page ever was */
    assert_int_equal(vm_object_create_physical(paddr(SIM_RAM_BASE), 1, &window), KERN_SUCCESS);
    vm_object_mark_dirty(window, 0); /* nor is a window */
    assert_int_equal(dirty(window), 0);
    vm_object_release(window);
    assert_int_equal(dirty(object), 0);
    load(at + PAGE_SIZE);
    load(at + 599 * PAGE_SIZE);
    assert_int_equal(dirty(object), 0);
    vm_object_mark_dirty(object, 599);
    assert_int_equal(dirty(object), 1);
    vm_object_release(object);
}

static void a_cpu_may_note_stores_itself(void **state)
{
    sim_set_notes_stores(true);
    dirty_pages_are_those_written(state);
}

/* Of a store that only a table knows, the object is told before the table forgets it. */
static void what_tables_know_of_stores_is_carried_on(void **state)
{
    const struct vm_purge_order fault = {.fault = true};

    (void)state;
    sim_set_notes_stores(true);
    for (unsigned way = 0; way < 6; way++) {
        struct vm_object *object = object_of(2), *copy = NULL;
        const vaddr_t at = enter(object, 2, RW);
        enum vm_purge_state former;
        uint64_t faults;

        vm_object_allow_purge(object);
        load(at);
        load(at + PAGE_SIZE);
        faults = sim_faults;
        store(at, 1);
        assert_int_equal(sim_faults, faults);
        switch (way) {
        case 0:
            vm_map_drop_tables(map, at, 2 * PAGE_SIZE);
            break;
        case 1:
            assert_int_equal(vm_map_remove(map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
            break;
        case 2:
            assert_int_equal(vm_map_protect(map, at, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
            break;
        case 3:
            assert_int_equal(vm_map_block(map, at, 2 * PAGE_SIZE, true), KERN_SUCCESS);
            break;
        case 4: /* page by page */
            assert_int_equal(vm_object_set_purge(object, VM_PURGE_VOLATILE, fault, &former),
                             KERN_SUCCESS);
            break;
        default:
            assert_int_equal(vm_object_copy(object, 0, 2, &copy), KERN_SUCCESS);
            vm_object_release(copy);
        }
        assert_int_equal(dirty(object), 1);
        vm_object_release(object);
    }
}

/* What a device has stored is the source's alone, also when it parts from the page of the two. */
static void a_copy_takes_no_note_along(void **state)
{
    struct vm_object *object = object_of(1), *copy;
    const vaddr_t at = enter(object, 1, RW);
    paddr_t page;

    (void)state;
    load(at);
    vm_mark_written(paddr(page_of(object, 0)), 1);
    assert_int_equal(vm_object_copy(object, 0, 1, &copy), KERN_SUCCESS);
    assert_int_equal(vm_map_wire(map, at, 1, 0, &page), KERN_SUCCESS); /* in its own page */
    assert_int_not_equal(page.value, page_of(copy, 0));
    vm_unwire(&page, 1);
    assert_int_equal(dirty(object), 1);
    vm_object_release(copy);
    vm_object_release(object);
}

/* A device stores without a fault: what is pinned for that is dirty, or will be said to be. */
static void pins_for_stores_mark_their_pages(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 4, RW);
    paddr_t pages[4];

    (void)state;
    load(at);
    load(at + PAGE_SIZE);
    assert_int_equal(vm_map_wire(map, at, 4, 0, pages), KERN_SUCCESS);
    vm_unwire(pages, 4);
    assert_int_equal(vm_map_wire(map, at, 4, VM_WIRE_WRITE | VM_WIRE_UNMARKED, pages),
                     KERN_SUCCESS);
    vm_unwire(pages, 4);
    assert_int_equal(resident(object), 4);
    assert_int_equal(dirty(object), 0);
    assert_int_equal(vm_map_wire(map, at + PAGE_SIZE, 2, VM_WIRE_WRITE, pages), KERN_SUCCESS);
    vm_unwire(pages, 2);
    assert_int_equal(dirty(object), 2);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dirty_pages_are_those_written),
        TEST(what_is_absent_is_not_dirty),
        TEST(pins_for_stores_mark_their_pages),
        TEST(a_cpu_may_note_stores_itself),
        TEST(what_tables_know_of_stores_is_carried_on),
        TEST(a_copy_takes_no_note_along),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
