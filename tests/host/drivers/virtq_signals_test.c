/* SPDX-License-Identifier: BSD-2-Clause */
/* Who of a virtqueue is told, and when: interrupts that are gathered or off, and doorbells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio/queue_private.h"
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

/* Who says nothing hears of what comes back: of the first, and of a packed ring of all. */
static void test_a_new_queue_asks(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        sim_device_create(&device, 8, 4, true, event != 0);
        for (unsigned id = 0; id < (sim_packed ? 30 : 1); id++) {
            assert_true(submit_chain(device.queue, id, 0, 1));
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_true(sim_device_give(&device, seen.head, 0));
            assert_true(virtq_take(device.queue, &used));
        }
        sim_device_destroy(&device);
    }
}

/* Of a doorbell of 16 bits, as devices on a PCI bus have, what lies behind it is not written. */
static void test_a_narrow_doorbell(void **state)
{
    (void)state;
    for (unsigned narrow = 0; narrow < 2; narrow++) {
        struct sim_device device = {.doorbell = SIM_DOORBELL_IDLE};
        const struct virtq_setup setup = {.size = 8,
                                          .index = 5,
                                          .chain_entries = 4,
                                          .indirect = true,
                                          .doorbell = &device.doorbell,
                                          .narrow_doorbell = narrow != 0};

        assert_int_equal(virtq_create(&setup, &device.queue), kIOReturnSuccess);
        assert_true(submit_chain(device.queue, 0, 0, 1));
        virtq_publish(device.queue);
        assert_int_equal(device.doorbell, narrow != 0 ? 0xffff0005 : 5);
        sim_device_abandon(&device);
    }
}

/* What stands in a broken ring the device is not told of any more. */
static void test_a_broken_queue_publishes_nothing(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;

    (void)state;
    for (unsigned event = 0; event < 2; event++) {
        sim_device_create(&device, 8, 4, true, event != 0);
        assert_true(submit_chain(device.queue, 0, 0, 1));
        virtq_reject(device.queue, "it is");
        virtq_publish(device.queue);
        assert_false(sim_device_notified(&device));
        assert_false(sim_device_take(&device, &seen));
        sim_device_abandon(&device);
    }
}

/* Seen but not taken yet, a chain has had its interrupt: the wish is for those behind it. */
static void test_a_wish_beyond_what_is_seen(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    sim_device_create(&device, 8, 4, true, true);
    assert_false(virtq_enable_interrupt(device.queue));
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned id = 0; id < 2; id++) {
            assert_true(submit_chain(device.queue, id, 0, 1));
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_true(sim_device_give(&device, seen.head, 0));
            assert_true(virtq_look(device.queue));
        }
        for (unsigned id = 0; id < 2; id++) {
            assert_true(virtq_take(device.queue, &used));
        }
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

/* Everything that a device, or a batch, has left in the queue's memory and in its records. */
static void leave_behind(struct virtq *vq)
{
    for (unsigned slot = 0; slot < virtq_slots(vq); slot++) {
        vq->desc[slot].address ^= UINT64_MAX;
        vq->slots[slot].framed = 7;
        vq->slots[slot].link = 7;
    }
    vq->avail->flags = 1;
    vq->avail->index = 3;
    *vq->used_event = 4;
    vq->used->flags.value = 1;
    vq->used->index.value = 5;
    vq->avail_event->value = 6;
    vq->broken = "it was";
    if (vq->packed != NULL) {
        struct virtq_packed *packed = vq->packed;

        memset(packed->ring, 0xff, virtq_size(vq) * sizeof(packed->ring[0]));
        *packed->driver_event = 0xffffffff;
        packed->device_event->value = 1; /* no doorbells */
    }
}

/* Begun anew it is as when it was made, whatever it has been through. */
static void test_a_restart_leaves_nothing(void **state)
{
    static struct virtq_slot slots[8];
    static struct sim_chain seen;
    uint64_t tables[8];

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        const bool has_tables = kind / 2 != 0;
        struct sim_device device;
        struct virtq_used used;
        struct virtq *vq;

        sim_device_create(&device, 8, 4, has_tables, kind % 2 != 0);
        vq = device.queue;
        for (unsigned slot = 0; slot < virtq_slots(vq); slot++) {
            slots[slot] = vq->slots[slot];
            tables[slot] = vq->desc[slot].address;
        }
        /* One chain comes back, and one is never shown. */
        assert_true(submit_chain(vq, 0, 1, 1));
        virtq_publish(vq);
        assert_true(submit_chain(vq, 1, 0, 1));
        assert_true(sim_device_take(&device, &seen));
        sim_device_give(&device, seen.head, 0);
        assert_true(virtq_take(vq, &used));
        while (virtq_detach(vq) != NULL) {
            continue;
        }
        leave_behind(vq);
        virtq_restart(vq);
        for (unsigned slot = 0; slot < virtq_slots(vq); slot++) {
            assert_null(vq->slots[slot].token);
            assert_ptr_equal(vq->slots[slot].entries, slots[slot].entries);
            assert_ptr_equal(vq->slots[slot].next, slots[slot].next);
            assert_int_equal(vq->slots[slot].framed, 0);
            assert_int_equal(vq->slots[slot].link, slots[slot].link);
            assert_true(vq->tables == VIRTQ_IN_RING || vq->desc[slot].address == tables[slot]);
        }
        assert_ptr_equal(vq->free, vq->slots);
        assert_int_equal(vq->avail_index | vq->published | vq->used_index, 0);
        assert_int_equal(vq->avail->flags | vq->avail->index | *vq->used_event, 0);
        assert_int_equal(vq->used->flags.value | vq->used->index.value | vq->avail_event->value, 0);
        assert_null(vq->broken);
        if (vq->packed != NULL) {
            static const struct virtq_desc empty[8];
            const struct virtq_packed *packed = vq->packed;

            assert_memory_equal(packed->ring, empty, sizeof(empty));
            assert_int_equal(*packed->driver_event | packed->device_event->value, 0);
            assert_int_equal(packed->next | packed->used, 0);
            assert_true(packed->next_wrap && packed->used_wrap);
        }
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
    sim_device_abandon(&device);
}

/* A chain of two segments and a status. */
static void submit_segments(struct virtq *queue)
{
    static int token;
    struct virtq_chain chain;
    struct virtq_segments segments;

    assert_int_equal(virtq_begin(queue, &chain), kIOReturnSuccess);
    virtq_chain_segments(&chain, &segments, VIRTQ_NEXT | VIRTQ_WRITE);
    for (unsigned i = 0; i < 2; i++) {
        virtq_segment_function(queue)((IOPhysicalSegment){0x1000u + 0x1000u * i, 512}, &segments,
                                      i);
    }
    virtq_chain_filled(&chain, 2, 1024);
    virtq_chain_add(&chain, paddr(0x8000), 1, VIRTQ_WRITE);
    virtq_submit(queue, &chain, &token);
}

static void assert_counted(const struct virtq *queue, uint64_t requests, uint64_t segments)
{
    struct virtq_counters counters;

    virtq_get_counters(queue, &counters);
    assert_int_equal(counters.requests, requests);
    assert_int_equal(counters.segments, segments);
}

/* Behind the last that was taken: is there more, is there nothing left at all, or is it over? */
static void test_how_things_stand(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned together = 1; together < 3; together++) {
        sim_device_create(&device, 8, 4, true, true);
        virtq_gather_interrupts(device.queue, together);
        virtq_enable_interrupt(device.queue);
        /* At the device, given back, and taken. */
        assert_true(submit_chain(device.queue, 0, 0, 1));
        virtq_publish(device.queue);
        assert_true(sim_device_take(&device, &seen));
        assert_int_equal(virtq_renew_interrupt(device.queue, true), 0);
        sim_device_give(&device, seen.head, 0);
        assert_int_equal(virtq_renew_interrupt(device.queue, true), 1);
        assert_true(virtq_take(device.queue, &used));
        assert_true(virtq_renew_interrupt(device.queue, true) <= 0);
        /* Asked for: the next one comes with an interrupt. */
        assert_true(submit_chain(device.queue, 1, 0, 1));
        assert_int_equal(virtq_renew_interrupt(device.queue, true),
                         0); /* it waits for a doorbell */
        virtq_publish(device.queue);
        assert_true(sim_device_take(&device, &seen));
        assert_true(sim_device_give(&device, seen.head, 0));
        assert_true(virtq_take(device.queue, &used));
        /* Not wanted: what has come back is not looked at. */
        virtq_disable_interrupt(device.queue);
        assert_true(submit_chain(device.queue, 2, 0, 1));
        virtq_publish(device.queue);
        assert_true(sim_device_take(&device, &seen));
        assert_false(sim_device_give(&device, seen.head, 0));
        assert_int_equal(virtq_renew_interrupt(device.queue, false), 0);
        assert_int_equal(virtq_renew_interrupt(device.queue, true), 1);
        assert_true(virtq_take(device.queue, &used));
        virtq_reject(device.queue, "a test");
        assert_int_equal(virtq_renew_interrupt(device.queue, true), VIRTQ_BROKEN);
        sim_device_destroy(&device);
    }
}

/* Idle is a queue of which the driver has heard everything, and nothing waits to be published. */
static void test_a_queue_is_idle(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    sim_device_create(&device, 8, 4, true, true);
    virtq_enable_interrupt(device.queue);
    assert_int_equal(virtq_renew_interrupt(device.queue, true), VIRTQ_IDLE);
    assert_true(submit_chain(device.queue, 0, 0, 1));
    assert_int_equal(virtq_renew_interrupt(device.queue, true), 0);
    virtq_publish(device.queue);
    assert_int_equal(virtq_renew_interrupt(device.queue, true), 0);
    assert_true(sim_device_take(&device, &seen));
    sim_device_set_used_index(&device, 2); /* more than it has */
    assert_int_equal(virtq_renew_interrupt(device.queue, true), VIRTQ_BROKEN);
    sim_device_restart(&device);
    while (virtq_detach(device.queue) != NULL) {
        ;
    }
    virtq_restart(device.queue);
    assert_int_equal(virtq_renew_interrupt(device.queue, true), VIRTQ_IDLE);
    assert_false(virtq_take(device.queue, &used));
    sim_device_destroy(&device);
}

/*
 * What went through is counted over resets, too; of what the device was never told only segments.
 * A chain may have none.
 */
static void test_counts_go_on(void **state)
{
    struct sim_device device;

    (void)state;
    sim_device_create(&device, 8, 4, true, true);
    for (unsigned round = 0; round < 3; round++) {
        assert_counted(device.queue, 2 * round, 4 * round);
        submit_segments(device.queue);
        assert_counted(device.queue, 2 * round, 4 * round + 2);
        virtq_publish(device.queue);
        assert_counted(device.queue, 2 * round + 1, 4 * round + 2);
        assert_true(submit_chain(device.queue, 0, 1, 1));
        virtq_publish(device.queue);
        assert_counted(device.queue, 2 * round + 2, 4 * round + 2);
        submit_segments(device.queue);
        while (virtq_detach(device.queue) != NULL) {
            assert_counted(device.queue, 2 * round + 2, 4 * round + 4);
        }
        virtq_restart(device.queue);
        sim_device_restart(&device);
    }
    sim_device_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIRTQ_TEST_BOTH(test_interrupt_off),
        VIRTQ_TEST_BOTH(test_gathered_interrupts),
        VIRTQ_TEST_BOTH(test_a_restart_rings_again),
        VIRTQ_TEST_BOTH(test_a_restart_leaves_nothing),
        cmocka_unit_test(test_an_index_is_passed),
        VIRTQ_TEST_BOTH(test_no_notify),
        VIRTQ_TEST_BOTH(test_counts_go_on),
        VIRTQ_TEST_BOTH(test_how_things_stand),
        cmocka_unit_test_setup_teardown(test_a_queue_is_idle, virtq_test_set_up,
                                        virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_a_new_queue_asks),
        cmocka_unit_test_setup_teardown(test_a_narrow_doorbell, virtq_test_set_up,
                                        virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_a_broken_queue_publishes_nothing),
        cmocka_unit_test_setup_teardown(test_a_wish_beyond_what_is_seen, virtq_test_set_up_packed,
                                        virtq_test_tear_down_packed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
