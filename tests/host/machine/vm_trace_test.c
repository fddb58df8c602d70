/* SPDX-License-Identifier: BSD-2-Clause */
/* What the trace tells of memory: each kind of event at its site, with what it was about. */
#include <stdio.h>

#include "kernel/trace.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_console.h"

static void begin(void)
{
    sim_console_forget();
    trace_start();
}

/* One event since then, and no other. */
static void expect(const char *words)
{
    trace_stop();
    assert_int_equal(trace_count(), 1);
    trace_print();
    assert_true(sim_console_said(words));
}

static void ranges_and_faults_are_traced(void **state)
{
    struct vm_object *object = object_of(3);
    const struct vm_range range = {.object = object, .access = MMU_READ, .max_access = RW};
    vaddr_t at = 0x40000;
    paddr_t pages[2];

    (void)state;
    begin();
    assert_int_equal(vm_map_enter(map, &at, 3 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    expect("enter start=0x40000 size=0x3000 access=0x1\n");
    begin();
    assert_int_equal(vm_fault(map, at + PAGE_SIZE + 8, MMU_READ), KERN_SUCCESS);
    expect("fault address=0x41008 access=0x1 status=0x0\n");
    begin();
    assert_int_equal(vm_fault(map, at, MMU_WRITE), KERN_PROTECTION_FAILURE);
    expect("fault address=0x40000 access=0x2 status=0x2\n");
    begin();
    assert_int_equal(vm_map_wire(map, at + PAGE_SIZE, 2, 0, pages), KERN_SUCCESS);
    expect("wire start=0x41000 pages=0x2 status=0x0\n");
    vm_unwire(pages, 2);
    begin();
    assert_int_equal(vm_map_remove(map, at, PAGE_SIZE), KERN_SUCCESS);
    expect("remove start=0x40000 size=0x1000 status=0x0\n");
    /* What is refused for what it asks is no event. */
    begin();
    assert_int_equal(vm_map_remove(map, at, 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_map_enter(map, &at, 0, 0, &range, 0), KERN_INVALID_ARGUMENT);
    at += PAGE_SIZE;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &range, 0), KERN_NO_SPACE);
    trace_stop();
    assert_int_equal(trace_count(), 0);
    vm_object_release(object);
}

/* An event for each range, the one that could not be pinned among them, and for what goes on. */
static void each_range_is_traced(void **state)
{
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 4, RW);
    struct memory_run bytes[] = {
        {at, PAGE_SIZE}, {at + 2 * PAGE_SIZE, 3 * PAGE_SIZE}, {at + 64 * PAGE_SIZE, 6 * PAGE_SIZE}};
    const struct memory_runs all = {.list = bytes, .count = 3, .length = bytes[2].end};
    struct memory_run found[4];
    struct memory_runs wiring = {.list = found, .capacity = 1};
    char words[80];

    (void)state;
    store(at + 3 * PAGE_SIZE, 1); /* what is behind it lies elsewhere */
    store(at + 2 * PAGE_SIZE, 1);
    store(at, 1);
    begin();
    assert_int_equal(vm_map_wire_runs(map, &all, 0, &wiring), KERN_NO_SPACE);
    trace_stop();
    assert_int_equal(trace_count(), 2);
    trace_print();
    snprintf(words, sizeof(words), "wire start=%#lx pages=0x1 status=0x0\n", (unsigned long)at);
    assert_true(sim_console_said(words));
    wiring.capacity = 4;
    begin();
    assert_int_equal(vm_map_wire_runs(map, &all, 0, &wiring), KERN_INVALID_ADDRESS);
    trace_stop();
    assert_int_equal(trace_count(), 2);
    trace_print();
    snprintf(words, sizeof(words), "wire start=%#lx pages=0x2 status=0x0\n",
             (unsigned long)(at + 2 * PAGE_SIZE));
    assert_true(sim_console_said(words));
    snprintf(words, sizeof(words), "wire start=%#lx pages=0x0 status=0x1\n",
             (unsigned long)(at + 64 * PAGE_SIZE));
    assert_true(sim_console_said(words));
    vm_unwire_runs(&wiring, false);
    vm_object_release(object);
}

static void shortage_is_traced(void **state)
{
    const struct page_request nowhere = {
        .count = 3, .owner = PAGE_OWNER_DRIVER, .highest = SIM_RAM_BASE - 1};
    paddr_t first;

    (void)state;
    begin();
    assert_int_equal(page_alloc_run(&nowhere, &first), KERN_RESOURCE_SHORTAGE);
    trace_stop();
    trace_print();
    assert_true(sim_console_said("reclaim wanted=0x3 freed=0x0 more=0x0\n"));
    assert_true(sim_console_said("page_failure pages=0x3 owner=0x4 highest=0x3fffffff\n"));
    assert_int_equal(trace_count(), 2);
}

/* Is there more that could be freed? Whatever its group is, and though later ones are empty. */
static void what_is_left_is_told(void **state)
{
    struct vm_object *objects[2];
    enum vm_purge_state former;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        objects[i] = object_of(1);
        vm_object_allow_purge(objects[i]);
        store(enter(objects[i], 1, RW), 1);
        assert_int_equal(vm_object_set_purge(objects[i], VM_PURGE_VOLATILE,
                                             (struct vm_purge_order){.group = (uint8_t)i}, &former),
                         KERN_SUCCESS);
    }
    begin();
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect("reclaim wanted=0x1 freed=0x1 more=0x1\n");
    begin();
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect("reclaim wanted=0x1 freed=0x1 more=0x0\n");
    vm_object_release(objects[0]);
    vm_object_release(objects[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranges_and_faults_are_traced),
        TEST(each_range_is_traced),
        TEST(shortage_is_traced),
        TEST(what_is_left_is_told),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
