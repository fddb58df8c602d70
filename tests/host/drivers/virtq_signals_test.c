/* SPDX-License-Identifier: BSD-2-Clause */
/* Who of a virtqueue is told, and when: interrupts that are gathered or off, and doorbells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/virtq_chains.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

/* With the interrupt switched off, does the device stay quiet, and does polling still work? */
static void test_interrupt_off(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        sim_device_create(&device, 8, 4, true, event != 0);
        virtq_disable_interrupt(device.queue);
        for (unsigned id = 0; id < 1000; id++) {
            assert_true(submit_chain(device.queue, id, 0, 1));
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_false(sim_device_give(&device, seen.head, 0));
            assert_true(virtq_take(device.queue, &used));
            virtq_disable_interrupt(device.queue);
        }
        assert_true(submit_chain(device.queue, 0, 0, 1));
        virtq_publish(device.queue);
        assert_true(sim_device_take(&device, &seen));
        assert_false(virtq_enable_interrupt(device.queue));
        assert_true(sim_device_give(&device, seen.head, 0));
        assert_true(virtq_enable_interrupt(device.queue)); /* it is there already */
        assert_true(virtq_take(device.queue, &used));
        sim_device_destroy(&device);
    }
}

/* One interrupt for all that is in flight, but none that waits for what was never made. */
static void test_gathered_interrupts(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    sim_device_create(&device, 64, 4, true, true);
    virtq_gather_interrupts(device.queue, 8);
    assert_false(virtq_enable_interrupt(device.queue));
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned count = 1 + round % 20;
        unsigned interrupts = 0, taken = 0;

        for (unsigned id = 0; id < count; id++) {
            assert_true(submit_chain(device.queue, id, 0, 1));
        }
        virtq_publish(device.queue);
        assert_true(submit_chain(device.queue, 99, 0, 1)); /* unpublished: not to be waited for */
        for (unsigned id = 0; id < count; id++) {
            assert_true(sim_device_take(&device, &seen));
            if (!sim_device_give(&device, seen.head, 0)) {
                continue;
            }
            interrupts++;
            do {
                while (virtq_take(device.queue, &used)) {
                    taken++;
                }
            } while (virtq_enable_interrupt(device.queue));
        }
        assert_int_equal(interrupts, (count + 7) / 8);
        assert_int_equal(taken, count);
        virtq_publish(device.queue);
        assert_true(sim_device_take(&device, &seen));
        assert_true(sim_device_give(&device, seen.head, 0));
        assert_true(virtq_take(device.queue, &used));
        assert_false(virtq_enable_interrupt(device.queue));
    }
    sim_device_destroy(&device);
}

/* What a device asked for before its reset does not count behind it. */
static void test_a_restart_rings_again(void **state)
{
    static struct sim_chain seen;

    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        struct sim_device device;

        sim_device_create(&device, 8, 4, true, event != 0);
        for (unsigned id = 0; id < 3; id++) {
            assert_true(submit_chain(device.queue, id, 0, 1));
        }
        virtq_publish(device.queue);
        device.no_notify = true;
        while (sim_device_take(&device, &seen)) {
        }
        while (virtq_detach(device.queue) != NULL) {
        }
        virtq_restart(device.queue);
        sim_device_restart(&device);
        device.no_notify = false;
        sim_device_notified(&device);
        assert_true(submit_chain(device.queue, 0, 0, 1));
        virtq_publish(device.queue);
        assert_true(sim_device_notified(&device));
        sim_device_destroy(&device);
    }
}

/* All numbers are modulo 65536: the index is one of those that a step fills, or it is not. */
static void test_an_index_is_passed(void **state)
{
    static const uint16_t starts[] = {0, 5, 0x7ffe, 0xfffd};

    (void)state;
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (unsigned step = 0; step < 5; step++) {
            for (int from_start = -4; from_start < 9; from_start++) {
                const uint16_t before = starts[i], now = (uint16_t)(before + step);
                const uint16_t event = (uint16_t)(before + from_start);

                assert_int_equal(virtq_passed(event, before, now),
                                 from_start >= 0 && from_start < (int)step);
            }
        }
    }
}

/* A device that polls its ring asks for no doorbell and must get none. */
static void test_no_notify(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;

    (void)state;
    sim_device_create(&device, 8, 4, true, false);
    device.no_notify = true;
    assert_false(sim_device_take(&device, &seen));
    assert_true(submit_chain(device.queue, 0, 0, 1));
    virtq_publish(device.queue);
    assert_false(sim_device_notified(&device));
    assert_true(sim_device_take(&device, &seen));
    device.no_notify = false;
    assert_false(sim_device_take(&device, &seen));
    assert_true(submit_chain(device.queue, 1, 0, 1));
    virtq_publish(device.queue);
    virtq_publish(device.queue); /* nothing new: no second doorbell */
    assert_true(sim_device_notified(&device));
    assert_false(sim_device_notified(&device));
    while (virtq_detach(device.queue) != NULL) {
        continue;
    }
    sim_device_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIRTQ_TEST_BOTH(test_interrupt_off),
        VIRTQ_TEST_BOTH(test_gathered_interrupts),
        VIRTQ_TEST_BOTH(test_a_restart_rings_again),
        cmocka_unit_test(test_an_index_is_passed),
        VIRTQ_TEST_BOTH(test_no_notify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
