/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning by runs: which there are, that each page is pinned once for each, and where it ends. */
#include "kernel/direct_map.h"
#include "kernel/page/page_record.h"
#include "tests/host/machine/wire_fixture.h"

/* Pages that lie one behind the other where they are neighbours in threes, and else do not. */
static void fill_in_threes(struct vm_object *object, vaddr_t at)
{
    for (uint64_t i = 0; i < vm_object_pages(object); i += 3) {
        const uint64_t three = i % 2 == 0 ? i : vm_object_pages(object) - i;

        for (uint64_t page = three; page < three + 3 && page < vm_object_pages(object); page++) {
            store(at + page * PAGE_SIZE, (uint8_t)page);
        }
    }
}

static void one_pass_finds_all_pages(void **state)
{
    struct vm_object *object = object_of(600); /* more than a chunk of slots */
    const vaddr_t at = enter(object, 600, RW);
    const struct memory_run bytes[] = {{at + 100, 599 * PAGE_SIZE}};
    struct memory_runs wiring = wire_room(WIRE_MOST);

    (void)state;
    fill_in_threes(object, at);
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    assert_true(wiring.count > 1);
    wire_check_pages(&wiring, object, 100);
    assert_false(wiring.registers);
    wire_back(&wiring, false);
    /* And what is absent, into the middle of which it reaches. */
    vm_object_release(object);
    object = object_of(600);
    assert_int_equal(vm_map_remove(map, at, 600 * PAGE_SIZE), KERN_SUCCESS);
    const vaddr_t other = enter(object, 600, RW);
    const struct memory_run rest[] = {{other + 509 * PAGE_SIZE + 1, 5 * PAGE_SIZE}};

    store(other + 511 * PAGE_SIZE, 1);
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(rest, 1, VM_WIRE_NO_FAULT, &wiring), KERN_MEMORY_ERROR);
    assert_int_equal(wiring.count, 0);
    assert_int_equal(wire(rest, 1, 0, &wiring), KERN_SUCCESS);
    wire_check_pages(&wiring, object, 509 * PAGE_SIZE + 1);
    assert_int_equal(resident(object), 6);
    wire_back(&wiring, false);
    vm_object_release(object);
}

/* With too little room it stops, and goes on where it was. */
static void it_goes_on_with_more_room(void **state)
{
    struct vm_object *object = object_of(40);
    const vaddr_t at = enter(object, 40, RW);
    const struct memory_run bytes[] = {{at + 7, 3 * PAGE_SIZE},
                                       {at + 20 * PAGE_SIZE + 9, 3 * PAGE_SIZE + 5},
                                       {at + 4 * PAGE_SIZE, 10 * PAGE_SIZE}};
    struct memory_runs wiring = wire_room(0), at_once = wire_room(WIRE_MOST);
    size_t turns = 0;

    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        store(at + (i * 7 % 40) * PAGE_SIZE, 1);
    }
    assert_int_equal(wire(bytes, 3, 0, &at_once), KERN_SUCCESS);
    wire_check(&at_once);
    wire_back(&at_once, false);
    while (wire(bytes, 3, 0, &wiring) == KERN_NO_SPACE) {
        assert_int_equal(wiring.count, wiring.capacity);
        wire_check(&wiring);
        wiring.capacity++;
        turns++;
    }
    assert_int_equal(turns, at_once.count);
    assert_int_equal(wiring.count, at_once.count);
    assert_int_equal(wiring.length, 10 * PAGE_SIZE);
    assert_int_equal(wiring.longest, at_once.longest);
    assert_int_equal(wiring.highest, at_once.highest);
    wire_back(&wiring, false);
    vm_object_release(object);
}

/* Two addresses of one page: a run that goes on in the middle of it is one, with one pin. */
static void a_page_is_pinned_once_for_a_run(void **state)
{
    struct vm_object *object = object_of(2);
    const vaddr_t one = enter(object, 2, RW), two = enter(object, 2, RW);
    const struct memory_run goes_on[] = {{one, 100}, {two + 100, 300}, {one + 300, 301}};
    const struct memory_run apart[] = {{one, 100}, {two + 101, 300}, {one + 50, 301}};
    const struct memory_run over[] = {{one + 4000, 50}, {two + 4050, 200}};
    struct memory_runs wiring = wire_room(1);
    paddr_t page;

    (void)state;
    store(one, 1);
    store(one + PAGE_SIZE, 1);
    page = wire_page(object, 0);
    assert_int_equal(wire(goes_on, 3, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 1);
    wire_check(&wiring);
    assert_int_equal(page_pin_count(page), 1);
    wire_back(&wiring, false);
    wiring = wire_room(3);
    assert_int_equal(wire(apart, 3, 0, &wiring), KERN_SUCCESS);
    assert_int_equal(wiring.count, 3);
    wire_check(&wiring);
    assert_int_equal(page_pin_count(page), 3);
    wire_back(&wiring, false);
    wiring = wire_room(3);
    assert_int_equal(wire(over, 2, 0, &wiring), KERN_SUCCESS);
    wire_check(&wiring);
    assert_int_equal(page_pin_count(page), 1);
    assert_int_equal(page_pin_count(wire_page(object, 1)), 1);
    wire_back(&wiring, false);
    vm_object_release(object);
}

/* What a copy shares is parted from it before it is pinned, each page of it. */
static void shared_pages_are_parted(void **state)
{
    struct vm_object *object = object_of(6), *copy;
    const vaddr_t at = enter(object, 6, RW);
    const struct memory_run bytes[] = {{at, 6 * PAGE_SIZE}};
    struct memory_runs wiring = wire_room(WIRE_MOST);

    (void)state;
    for (uint64_t i = 0; i < 6; i++) {
        store(at + i * PAGE_SIZE, (uint8_t)i);
    }
    assert_int_equal(vm_object_copy(object, 2, 3, &copy), KERN_SUCCESS);
    assert_int_equal(wire(bytes, 1, VM_WIRE_NO_FAULT, &wiring), KERN_SUCCESS);
    wire_check_pages(&wiring, object, 0);
    for (uint64_t i = 2; i < 5; i++) {
        assert_int_not_equal(wire_page(object, i).value, wire_page(copy, i - 2).value);
        assert_int_equal(page_pin_count(wire_page(copy, i - 2)), 0);
    }
    wire_back(&wiring, false);
    vm_object_release(copy);
    vm_object_release(object);
}

/* What it has by then stays pinned, and is in the list. */
static void a_failure_leaves_what_is_in_the_list(void **state)
{
    struct vm_object *object = object_of(8);
    const vaddr_t at = enter(object, 8, RW);
    const struct memory_run bytes[] = {{at + 1, 2 * PAGE_SIZE},
                                       {at + 4 * PAGE_SIZE, 6 * PAGE_SIZE}};
    struct memory_runs wiring = wire_room(WIRE_MOST);

    (void)state;
    assert_int_equal(vm_map_remove(map, at + 6 * PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(wire(bytes, 2, 0, &wiring), KERN_INVALID_ADDRESS);
    assert_int_equal(wiring.length, 4 * PAGE_SIZE);
    wire_check(&wiring);
    assert_int_equal(wire_pins(), before.pins + 5);
    wire_back(&wiring, false);
    assert_int_equal(vm_map_protect(map, at + PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(bytes, 2, VM_WIRE_WRITE, &wiring), KERN_PROTECTION_FAILURE);
    assert_int_equal(wiring.length, PAGE_SIZE - 1);
    wire_check(&wiring);
    wire_back(&wiring, false);
    /* No more pins can be counted: a code of its own, and no endless search for another page. */
    store(at + 5 * PAGE_SIZE, 1);
    page_lookup(wire_page(object, 5))->pins = UINT32_MAX;
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(bytes, 2, 0, &wiring), KERN_FAILURE);
    page_lookup(wire_page(object, 5))->pins = 0;
    assert_int_equal(wiring.length, 3 * PAGE_SIZE);
    wire_back(&wiring, false);
    vm_object_release(object);
}

/* Pages that were written are dirty, unless their stores are told of otherwise. */
static void what_was_written_is_dirty(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 4, RW);
    const struct memory_run bytes[] = {{at + 4095, 2}};
    struct memory_runs wiring = wire_room(WIRE_MOST);

    (void)state;
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    wire_back(&wiring, false);
    assert_int_equal(dirty(object), 0);
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(bytes, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    assert_int_equal(dirty(object), 0);
    wire_back(&wiring, true);
    assert_int_equal(dirty(object), 2);
    const struct memory_run third[] = {{at + 2 * PAGE_SIZE, 1}};

    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(third, 1, VM_WIRE_WRITE, &wiring), KERN_SUCCESS);
    assert_int_equal(dirty(object), 3);
    wire_back(&wiring, false);

    /* Also one that had to be parted from a copy's first. */
    const struct memory_run fourth[] = {{at + 3 * PAGE_SIZE, 1}};
    struct vm_object *copy;

    load(at + 3 * PAGE_SIZE);
    assert_int_equal(vm_object_copy(object, 3, 1, &copy), KERN_SUCCESS);
    wiring = wire_room(WIRE_MOST);
    assert_int_equal(wire(fourth, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &wiring), KERN_SUCCESS);
    wire_back(&wiring, true);
    assert_int_equal(dirty(object), 4);
    vm_object_release(copy);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_pass_finds_all_pages),
        TEST(it_goes_on_with_more_room),
        TEST(a_page_is_pinned_once_for_a_run),
        TEST(shared_pages_are_parted),
        TEST(a_failure_leaves_what_is_in_the_list),
        TEST(what_was_written_is_dirty),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
