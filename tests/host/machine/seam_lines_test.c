/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's interrupt lines: handlers that share a level, and how they are let go of. */
#include "descriptors/platform_wait.h"
#include "kernel/irq.h"
#include "tests/host/machine/map_composite.h"
#include "tests/host/sim/sim_irq.h"

static void handle_nothing(void *context)
{
    (void)context;
}

static void lines_are_let_go_of_by_number(void **state)
{
    const uint64_t before = sim_time;

    (void)state;
    platform_interrupt_detach(70, NULL); /* nobody has it */
    platform_interrupt_enable(70, NULL, true);
    assert_int_equal(platform_interrupt_attach(70, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_equal(platform_interrupt_attach(71, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(70, false, handle_nothing, NULL), KERN_SUCCESS);
    assert_int_not_equal(platform_interrupt_attach(70, true, handle_nothing, NULL), KERN_SUCCESS);
    platform_interrupt_detach(70, NULL); /* the older of two */
    platform_interrupt_detach(70, NULL);
    assert_false(sim_line_is_enabled(70));
    platform_interrupt_detach(71, NULL);
    platform_wait(0); /* a time that has passed */
    assert_int_equal(sim_time, before);
}

static void count_call(void *context)
{
    ++*(unsigned *)context;
}

/* Several on a level: all are called, and it is open only while all of them want it so. */
static void a_level_has_several_handlers(void **state)
{
    unsigned calls[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(platform_interrupt_attach(72, true, count_call, &calls[i]), KERN_SUCCESS);
    }
    assert_int_equal(sim_interrupt(72), IRQ_SERVED);
    assert_int_equal(calls[0] + calls[1] + calls[2], 3);
    platform_interrupt_enable(72, &calls[1], false);
    assert_false(sim_line_is_enabled(72));
    platform_interrupt_enable(72, &calls[0], false);
    platform_interrupt_enable(72, &calls[0], true);
    assert_false(sim_line_is_enabled(72));
    /* The first one goes, whose place the line's handler knows. */
    platform_interrupt_detach(72, &calls[0]);
    assert_false(sim_line_is_enabled(72));
    sim_interrupt(72);
    platform_interrupt_enable(72, &calls[1], true);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 2);
    assert_int_equal(calls[2], 2);
    /* With the one that has closed it goes its wish. */
    platform_interrupt_enable(72, &calls[2], false);
    platform_interrupt_detach(72, &calls[2]);
    assert_true(sim_line_is_enabled(72));
    platform_interrupt_detach(72, &calls[1]);
    assert_false(sim_line_is_enabled(72));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(lines_are_let_go_of_by_number),
        MAP_TEST(a_level_has_several_handlers),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
