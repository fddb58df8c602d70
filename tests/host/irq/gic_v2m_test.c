/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages by lines of the distributor, of which some are a device's all the same. */
#include "kernel/heap.h"
#include "kernel/irq/msi_private.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_irq.h"

#define FIRST 80u
#define COUNT 64u

static uint32_t registers[1024];
static struct msi_controller controller;
static struct {
    struct msi_block block;
    unsigned intids[COUNT + 1];
} made[2];

static enum irq_result nothing(void *context)
{
    (void)context;
    return IRQ_NOTHING;
}

static int begin_frame(void **state)
{
    (void)state;
    memset(made, 0, sizeof(made));
    controller = (struct msi_controller){.registers = registers};
    registers[8 / 4] = FIRST << 16 | COUNT;
    return 0;
}

static int end_frame(void **state)
{
    (void)state;
    heap_free(controller.state);
    for (unsigned line = FIRST; line < FIRST + COUNT; line++) {
        assert_int_equal(sim_line_trigger(line), IRQ_LEVEL);
    }
    return 0;
}

static kern_return_t allocate(unsigned which, unsigned least, unsigned most, bool consecutive)
{
    const struct msi_request request = {.least = least, .most = most, .consecutive = consecutive};

    return gic_v2m.allocate(&controller, &request, &made[which].block);
}

static void release(unsigned which)
{
    gic_v2m.free(&controller, &made[which].block);
    made[which].block.count = 0;
}

/* As on QEMU's machine with an SMMU, whose lines 106 to 109 are in the frame's 64. */
static void lines_of_a_device_are_not_given_out(void **state)
{
    struct msi_message message;

    (void)state;
    for (unsigned line = 106; line < 110; line++) {
        assert_int_equal(irq_register(line, nothing, NULL), KERN_SUCCESS);
    }
    assert_true(gic_v2m.start(&controller));
    assert_int_equal(controller.total, 60);
    assert_int_equal(allocate(0, 60, COUNT, false), KERN_SUCCESS);
    assert_int_equal(made[0].block.count, 60);
    for (unsigned i = 0; i < 60; i++) {
        const unsigned intid = made[0].block.intids[i];

        assert_int_equal(intid, FIRST + i + (FIRST + i >= 106 ? 4 : 0));
        assert_int_equal(sim_line_trigger(intid), IRQ_EDGE);
        gic_v2m.message(&controller, &made[0].block, i, &message);
        assert_int_equal(message.data, intid);
    }
    assert_int_equal(sim_line_trigger(106), IRQ_LEVEL);
    assert_int_equal(allocate(1, 1, 1, false), KERN_NO_SPACE);
    assert_int_equal(made[1].block.count, 0);
    release(0);
    /* More than there are: nothing is taken. */
    assert_int_equal(allocate(0, 61, COUNT, false), KERN_NO_SPACE);
    /* Behind each other: 96 to 111 is broken, and so is 104 to 107. */
    made[0].block.count = 0;
    assert_int_equal(allocate(0, 16, 16, true), KERN_SUCCESS);
    assert_int_equal(made[0].block.intids[0], 80);
    assert_int_equal(allocate(1, 16, 31, true), KERN_SUCCESS);
    assert_int_equal(made[1].block.intids[0], 112);
    assert_int_equal(made[1].block.count, 16);
    release(1);
    assert_int_equal(allocate(1, 32, COUNT, true), KERN_NO_SPACE);
    assert_int_equal(made[1].block.count, 0);
    release(0);
    for (unsigned line = 106; line < 110; line++) {
        irq_unregister(line);
    }
}

/* Who comes later, or goes, is seen at the next request. */
static void a_device_may_come_later(void **state)
{
    (void)state;
    assert_true(gic_v2m.start(&controller));
    assert_int_equal(controller.total, COUNT);
    assert_int_equal(irq_register(FIRST, nothing, NULL), KERN_SUCCESS);
    assert_int_equal(allocate(0, COUNT, COUNT, false), KERN_NO_SPACE);
    made[0].block.count = 0;
    assert_int_equal(allocate(0, 1, COUNT, false), KERN_SUCCESS);
    assert_int_equal(made[0].block.count, COUNT - 1);
    assert_int_equal(made[0].block.intids[0], FIRST + 1);
    release(0);
    irq_unregister(FIRST);
    assert_int_equal(allocate(0, COUNT, COUNT, false), KERN_SUCCESS);
    release(0);
}

static void frames_that_make_no_sense(void **state)
{
    static const uint32_t types[] = {0, 31u << 16 | 1, 80u << 16, 1000u << 16 | 21};

    (void)state;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        registers[8 / 4] = types[i];
        assert_false(gic_v2m.start(&controller));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_of_a_device_are_not_given_out, begin_frame,
                                        end_frame),
        cmocka_unit_test_setup_teardown(a_device_may_come_later, begin_frame, end_frame),
        cmocka_unit_test_setup_teardown(frames_that_make_no_sense, begin_frame, end_frame),
    };

    return cmocka_run_group_tests(tests, machine_start, machine_stop);
}
