/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of events: what it keeps, what it counts as lost, and what it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/trace.h"
#include "tests/host/sim/sim_console.h"

static int stop(void **state)
{
    (void)state;
    trace_start(); /* forgets */
    trace_stop();
    sim_console_forget();
    return 0;
}

static void nothing_is_kept_while_it_is_off(void **state)
{
    (void)state;
    trace_fault(0x1000, 2, KERN_SUCCESS);
    assert_int_equal(trace_count(), 0);
    trace_print();
    assert_false(sim_console_said("trace:"));
}

static void entries_have_their_names(void **state)
{
    (void)state;
    trace_start();
    trace_fault(0xffff000012345000, 2, KERN_PROTECTION_FAILURE);
    trace_task(0x40, true, 1);
    trace_stop();
    trace_fault(0, 0, KERN_SUCCESS);
    assert_int_equal(trace_count(), 2);
    assert_int_equal(trace_lost(), 0);
    trace_print();
    assert_true(sim_console_said("trace: 2 events, 0 of them lost\n"));
    assert_true(sim_console_said("  1 fault address=0xffff000012345000 access=0x2 status=0x2\n"));
    assert_true(sim_console_said("  2 task task=0x40 alive=0x1 tasks=0x1\n"));
}

static void the_oldest_are_lost_and_counted(void **state)
{
    (void)state;
    trace_start();
    for (unsigned i = 0; i < TRACE_SIZE; i++) {
        trace_remove(i, 0, KERN_SUCCESS);
    }
    assert_int_equal(trace_lost(), 0);
    for (unsigned i = 0; i < 5; i++) {
        trace_remove(0x1000 + i, 0, KERN_SUCCESS);
    }
    assert_int_equal(trace_count(), TRACE_SIZE + 5);
    assert_int_equal(trace_lost(), 5);
    trace_print();
    assert_true(sim_console_said("  261 remove start=0x1004 size=0x0 status=0x0\n"));
    trace_start();
    assert_int_equal(trace_count(), 0);
    trace_remove(7, 0, KERN_SUCCESS);
    sim_console_forget();
    trace_print();
    assert_true(sim_console_said("trace: 1 events, 0 of them lost\n  1 remove start=0x7"));
}

/* It must not have a part in the test of the first ring: there is no way back. */
static void a_larger_ring_takes_what_there_is_along(void **state)
{
    static uint64_t memory[4 * TRACE_SIZE * 5 + 1];

    (void)state;
    assert_int_equal(trace_bytes(4 * TRACE_SIZE), sizeof(memory) - 8);
    memory[4 * TRACE_SIZE * 5] = 0x1234;
    trace_start();
    for (unsigned i = 0; i < TRACE_SIZE + 3; i++) {
        trace_remove(i, 0, KERN_SUCCESS);
    }
    assert_false(trace_use(memory, TRACE_SIZE / 2));
    assert_false(trace_use(memory, TRACE_SIZE + 1));
    assert_false(trace_use(memory, 2 * TRACE_SIZE_MAX));
    assert_int_equal(trace_size(), TRACE_SIZE);
    assert_true(trace_is_on());
    assert_true(trace_use(memory, 4 * TRACE_SIZE));
    assert_true(trace_is_on());
    assert_int_equal(trace_size(), 4 * TRACE_SIZE);
    assert_int_equal(trace_count(), TRACE_SIZE + 3);
    /* What was lost before is written by nobody again: it stands there as an entry that is not. */
    assert_int_equal(trace_lost(), 0);
    for (unsigned i = TRACE_SIZE + 3; i < 5 * TRACE_SIZE; i++) {
        trace_remove(i, 0, KERN_SUCCESS);
    }
    assert_int_equal(trace_lost(), TRACE_SIZE);
    sim_console_forget();
    trace_print();
    assert_true(sim_console_said("  1280 remove start=0x4ff size"));
    assert_int_equal(memory[4 * TRACE_SIZE * 5], 0x1234);
    assert_false(trace_use(memory, TRACE_SIZE)); /* less than there is */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_kept_while_it_is_off, stop, stop),
        cmocka_unit_test_setup_teardown(entries_have_their_names, stop, stop),
        cmocka_unit_test_setup_teardown(the_oldest_are_lost_and_counted, stop, stop),
        cmocka_unit_test_setup_teardown(a_larger_ring_takes_what_there_is_along, stop, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
