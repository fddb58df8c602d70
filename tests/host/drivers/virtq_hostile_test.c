/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtqueue against simulated devices that do not keep the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/drivers/virtq_chains.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

/*
 * A device whose used index goes back and forth between any two looks: the driver
 * is told of so much, or finds the queue broken, but is never sent to look in vain.
 */
static void test_hostile_flicker(void **state)
{
    static struct sim_chain seen;
    struct sim_device device;
    struct virtq_used used;

    (void)state;
    sim_device_create(&device, 8, 4, true, true);
    assert_true(submit_chain(device.queue, 0, 0, 1));
    virtq_publish(device.queue);
    assert_true(sim_device_take(&device, &seen));
    sim_device_give(&device, seen.head, 1);
    assert_int_equal(virtq_enable_interrupt(device.queue), 1);
    sim_device_set_used_index(&device, 0); /* too late: it was believed */
    assert_true(virtq_take_next(device.queue, &used));
    /* It has nothing, so nobody looks what it says; at the next look this is more than it has. */
    assert_int_equal(virtq_enable_interrupt(device.queue), 0);
    assert_null(virtq_broken(device.queue));
    assert_int_equal(virtq_completed(device.queue), 0);
    assert_non_null(virtq_broken(device.queue));
    virtq_restart(device.queue);
    sim_device_destroy(&device);
}

/* Three chains published, of which the device has taken all; chain i can take buffer_length(i, 0).
 */
static void three_in_flight(struct sim_device *device, bool tables, uint16_t heads[3])
{
    static struct sim_chain seen;

    sim_device_create(device, tables ? 8 : 32, 4, tables, true);
    for (unsigned id = 0; id < 3; id++) {
        assert_true(submit_chain(device->queue, id, 0, 1));
    }
    virtq_publish(device->queue);
    for (unsigned id = 0; id < 3; id++) {
        assert_true(sim_device_take(device, &seen));
        heads[id] = seen.head;
    }
}

/*
 * It is broken: it gives and takes nothing, and says why. After the reset that
 * follows, all `left` requests come back and it works as new.
 */
static void assert_broken_then_recovers(struct sim_device *device, unsigned left)
{
    static struct sim_chain seen;
    struct virtq_used used;
    struct virtq_chain chain;

    assert_false(virtq_take(device->queue, &used));
    assert_non_null(virtq_broken(device->queue));
    assert_false(virtq_take(device->queue, &used));
    assert_false(virtq_enable_interrupt(device->queue));
    assert_int_equal(virtq_begin(device->queue, &chain), kIOReturnDeviceError);
    sim_device_notified(device);
    virtq_publish(device->queue);
    assert_false(sim_device_notified(device));
    assert_int_equal(virtq_in_flight(device->queue), left);
    while (left > 0) {
        assert_non_null(virtq_detach(device->queue));
        left--;
    }
    assert_null(virtq_detach(device->queue));
    virtq_restart(device->queue);
    assert_null(virtq_broken(device->queue));
    sim_device_restart(device);
    for (unsigned id = 0; id < 100; id++) {
        assert_true(submit_chain(device->queue, id, 1, 1));
        virtq_publish(device->queue);
        assert_true(sim_device_take(device, &seen));
        assert_chain_seen(&seen, id, 1, 1);
        sim_device_give(device, seen.head, seen.writable);
        assert_true(virtq_take(device->queue, &used));
    }
    sim_device_destroy(device);
}

static void test_hostile_id(void **state)
{
    static const uint32_t ids[] = {32, 33, 0xffff, 0x10000, 0xffffffff, 0x10001};
    struct sim_device device;
    uint16_t heads[3];

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        /* The name in a packed ring has 16 bits. */
        for (unsigned i = 0; i < (sim_packed ? 3 : sizeof(ids) / sizeof(ids[0])); i++) {
            three_in_flight(&device, tables, heads);
            sim_device_give(&device, ids[i], 0);
            assert_broken_then_recovers(&device, 3);
        }
        three_in_flight(&device, tables, heads);
        sim_device_give(&device, heads[2] + 1u, 0); /* a free entry */
        assert_broken_then_recovers(&device, 3);
    }
}

static void test_hostile_duplicate(void **state)
{
    struct sim_device device;
    struct virtq_used used;
    uint16_t heads[3];

    (void)state;
    three_in_flight(&device, true, heads);
    sim_device_give(&device, heads[1], 0);
    sim_device_give(&device, heads[1], 0);
    assert_true(virtq_take(device.queue, &used));
    assert_broken_then_recovers(&device, 2);
}

static void test_hostile_chain_inside(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;

    (void)state;
    sim_device_create(&device, 8, 4, false, false);
    assert_true(submit_chain(device.queue, 0, 2, 2));
    virtq_publish(device.queue);
    assert_true(sim_device_take(&device, &seen));
    sim_device_give(&device, seen.head + 1u, 0); /* in flight, but not a chain's first entry */
    assert_broken_then_recovers(&device, 1);
}

static void test_hostile_length(void **state)
{
    struct sim_device device;
    struct virtq_used used;
    uint16_t heads[3];

    (void)state;
    three_in_flight(&device, true, heads);
    sim_device_give(&device, heads[0], buffer_length(0, 0)); /* all of it is right */
    assert_true(virtq_take(device.queue, &used));
    sim_device_give(&device, heads[1], buffer_length(1, 0) + 1);
    assert_broken_then_recovers(&device, 2);
    three_in_flight(&device, true, heads);
    sim_device_give(&device, heads[0], 0xffffffff);
    assert_broken_then_recovers(&device, 3);
}

static void test_hostile_used_index(void **state)
{
    static const uint16_t jumps[] = {4, 5, 8, 9, 0x7fff, 0x8000, 0xffff};
    struct sim_device device;
    struct virtq_used used;
    uint16_t heads[3];

    (void)state;
    for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        three_in_flight(&device, false, heads);
        sim_device_set_used_index(&device, jumps[i]);
        assert_broken_then_recovers(&device, 3);
    }
    /* Backwards, after two have been taken. */
    three_in_flight(&device, true, heads);
    sim_device_give(&device, heads[0], 0);
    sim_device_give(&device, heads[1], 0);
    assert_true(virtq_take(device.queue, &used));
    assert_true(virtq_take(device.queue, &used));
    sim_device_set_used_index(&device, 1);
    assert_broken_then_recovers(&device, 1);
    /* A chain that is in the ring but not published is not the device's to return. */
    three_in_flight(&device, true, heads);
    assert_true(submit_chain(device.queue, 3, 0, 1));
    sim_device_set_used_index(&device, 4);
    assert_broken_then_recovers(&device, 4);
}

/* A device that scribbles over everything that is shared, all the time. */
static void test_hostile_scribble(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct sim_device device;
        struct virtq_used used;
        uint16_t heads[3];
        unsigned left = 3;

        three_in_flight(&device, round % 2 != 0, heads);
        uint8_t *ring = (uint8_t *)device.queue->desc;
        size_t bytes = device.queue->ring_pages * PAGE_SIZE;

        if (sim_packed) {
            ring = (uint8_t *)device.queue->packed->ring;
            bytes = device.queue->packed->ring_pages * PAGE_SIZE;
        }
        for (unsigned i = 0; i < 200; i++) {
            ring[sim_random(&seed) % bytes] = (uint8_t)sim_random(&seed);
            ring[sim_random(&seed) % 256] = (uint8_t)sim_random(&seed);
            while (virtq_take(device.queue, &used)) {
                assert_in_range((uintptr_t)used.token, 1, 4);
                left--;
            }
            if (virtq_broken(device.queue) == NULL && left < 3 &&
                submit_chain(device.queue, 3, 0, 1)) {
                virtq_publish(device.queue);
                left++;
            }
        }
        assert_int_equal(virtq_in_flight(device.queue), left);
        while (virtq_detach(device.queue) != NULL) {
            left--;
        }
        assert_int_equal(left, 0);
        sim_device_destroy(&device);
    }
}

/* A chain that is said to go on for ever is as long as its room, in the first slot and the last. */
static void test_hostile_chain_without_end(void **state)
{
    struct sim_device device;
    uint16_t heads[3];

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        three_in_flight(&device, tables != 0, heads);
        const struct virtq *vq = device.queue;
        struct virtq_desc *entries = vq->chains;
        const unsigned room = 1u << vq->chain_shift;

        for (unsigned i = 0; i < virtq_slots(vq) * room; i++) {
            entries[i].rest |= (uint64_t)VIRTQ_NEXT << VIRTQ_REST_FLAGS;
        }
        for (unsigned slot = 0; slot < virtq_slots(vq); slot++) {
            struct virtq_chain chain;

            virtq_get_chain(vq, slot, &chain);
            assert_int_equal(chain.count, room);
            assert_ptr_equal(chain.entries, entries + slot * room);
        }
        sim_device_abandon(&device);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hostile_flicker, virtq_test_set_up,
                                        virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_hostile_id),
        VIRTQ_TEST_BOTH(test_hostile_duplicate),
        cmocka_unit_test_setup_teardown(test_hostile_chain_inside, virtq_test_set_up,
                                        virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_hostile_length),
        cmocka_unit_test_setup_teardown(test_hostile_used_index, virtq_test_set_up,
                                        virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_hostile_scribble),
        cmocka_unit_test_setup_teardown(test_hostile_chain_without_end, virtq_test_set_up,
                                        virtq_test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
