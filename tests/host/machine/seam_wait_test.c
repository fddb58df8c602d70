/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's waiting and interrupts over our kernel: how long, on which line, and who is called. */
#include "descriptors/platform_wait.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_irq.h"

#define LEVEL_LINE 60
#define EDGE_LINE  61

static unsigned slept;
static bool timed; /* a deadline was to end the last sleep */

static void sleep_on(void)
{
    slept++;
    timed = sim_timer_is_running();
    sim_while_waiting = NULL;
}

/* To the deadline, or to whatever comes before it; a deadline that has passed is none to wait for.
 */
static void waiting_ends_at_the_deadline(void **state)
{
    const uint64_t now = platform_now();

    (void)state;
    platform_wait(now + 1000);
    assert_int_equal(platform_now(), now + 1000);
    assert_false(sim_timer_is_running());
    sim_while_waiting = sleep_on;
    platform_wait(now + 1000);
    platform_wait(now + 999);
    platform_wait(0);
    assert_int_equal(slept, 0);
    assert_int_equal(platform_now(), now + 1000);
    platform_wait(now + 5000); /* somebody comes */
    assert_int_equal(slept, 1);
    assert_true(timed);
    assert_true(platform_now() < now + 5000);
    assert_false(sim_timer_is_running()); /* it would lie on a stack that is gone */
    sim_while_waiting = sleep_on;
    platform_wait(UINT64_MAX);
    assert_int_equal(slept, 2);
    assert_false(timed);
    assert_false(sim_timer_is_running());
}

static unsigned calls[3];

static void handle(void *context)
{
    ++*(unsigned *)context;
}

static void expect_calls(unsigned line, unsigned first, unsigned second, unsigned third)
{
    memset(calls, 0, sizeof(calls));
    sim_interrupt(line);
    assert_int_equal(calls[0], first);
    assert_int_equal(calls[1], second);
    assert_int_equal(calls[2], third);
}

/* A level is for all that are on it, and open while none of them wants it closed. */
static void levels_are_shared(void **state)
{
    const struct holdings before = holdings_now();

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(platform_interrupt_attach(LEVEL_LINE, true, handle, &calls[i]),
                         KERN_SUCCESS);
    }
    expect_calls(LEVEL_LINE, 1, 1, 1);
    platform_interrupt_enable(LEVEL_LINE, &calls[0], false);
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    platform_interrupt_enable(EDGE_LINE, &calls[0], true);  /* he is not on that one */
    platform_interrupt_enable(LEVEL_LINE, &calls[1], true); /* and this one speaks for himself */
    assert_false(sim_line_is_enabled(LEVEL_LINE));
    platform_interrupt_enable(LEVEL_LINE, &calls[0], true);
    assert_true(sim_line_is_enabled(LEVEL_LINE));
    expect_calls(LEVEL_LINE, 1, 1, 1);
    platform_interrupt_detach(LEVEL_LINE, &calls[1]); /* from the middle */
    platform_interrupt_detach(LEVEL_LINE, &calls[1]); /* no more there */
    platform_interrupt_enable(LEVEL_LINE, &calls[1], false);
    platform_interrupt_detach(EDGE_LINE, &calls[0]); /* of another line */
    expect_calls(LEVEL_LINE, 1, 0, 1);
    platform_interrupt_detach(LEVEL_LINE, &calls[2]);
    expect_calls(LEVEL_LINE, 1, 0, 0);
    platform_interrupt_detach(LEVEL_LINE, &calls[0]);
    expect_calls(LEVEL_LINE, 0, 0, 0);
    assert_true(sim_holds(&before));
}

/* An edge is one's alone. */
static void edges_are_one_devices(void **state)
{
    const struct holdings before = holdings_now();
    struct inject_report report;

    (void)state;
    assert_int_equal(platform_interrupt_attach(EDGE_LINE, false, handle, &calls[0]), KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(EDGE_LINE, false, handle, &calls[1]),
                         KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(EDGE_LINE, true, handle, &calls[1]),
                         KERN_SUCCESS);
    platform_interrupt_enable(EDGE_LINE, &calls[1], false); /* it was refused */
    assert_true(sim_line_is_enabled(EDGE_LINE));
    expect_calls(EDGE_LINE, 1, 0, 0);
    platform_interrupt_enable(EDGE_LINE, &calls[0], false);
    assert_false(sim_line_is_enabled(EDGE_LINE));
    platform_interrupt_enable(EDGE_LINE, &calls[0], true);
    assert_true(sim_line_is_enabled(EDGE_LINE));
    platform_interrupt_detach(EDGE_LINE, &calls[0]);
    assert_int_equal(platform_interrupt_attach(EDGE_LINE, false, handle, &calls[1]), KERN_SUCCESS);
    platform_interrupt_detach(EDGE_LINE, &calls[1]);
    inject_begin(1);
    assert_int_equal(platform_interrupt_attach(EDGE_LINE, false, handle, &calls[0]),
                     KERN_RESOURCE_SHORTAGE);
    inject_end(&report);
    assert_true(sim_holds(&before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(waiting_ends_at_the_deadline),
        MAP_TEST(levels_are_shared),
        MAP_TEST(edges_are_one_devices),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
