/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtqueue against a simulated device that keeps the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio/queue_private.h"
#include "tests/host/drivers/virtq_chains.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

/* No part of a split ring is in another one's memory, nor behind its pages. */
static void expect_apart(const struct virtq *vq)
{
    const uintptr_t size = virtq_size(vq);

    assert_true((uintptr_t)vq->avail >= (uintptr_t)(vq->desc + size));
    assert_true((uintptr_t)vq->used_event == (uintptr_t)(vq->avail->ring + size));
    assert_true((uintptr_t)vq->used >= (uintptr_t)(vq->used_event + 1));
    assert_int_equal((uintptr_t)vq->used % 8, 4);
    assert_true((uintptr_t)vq->avail_event == (uintptr_t)(vq->used->ring + size));
    assert_true((uintptr_t)(vq->avail_event + 1) - (uintptr_t)vq->desc <=
                vq->ring_pages * PAGE_SIZE);
}

/* Does a queue of whatever size the device offers work, and how long is it? */
static void test_sizes(void **state)
{
    static const struct {
        unsigned offered, used;
    } cases[] = {{1, 1},     {2, 2},      {3, 2},       {4, 4},         {7, 4},        {100, 64},
                 {512, 512}, {1000, 512}, {1024, 1024}, {32767, 16384}, {32768, 32768}};
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned tables = 0; tables < 2; tables++) {
            const unsigned longest = cases[i].used < 4 ? cases[i].used : 4;

            sim_device_create(&device, cases[i].offered, tables ? longest : 1, tables, false);
            assert_int_equal(virtq_size(device.queue), cases[i].used);
            expect_apart(device.queue);
            for (unsigned id = 0; id < cases[i].used; id++) {
                assert_true(submit_chain(device.queue, id, 0, 1));
            }
            assert_false(submit_chain(device.queue, 0, 0, 1)); /* full */
            virtq_publish(device.queue);
            for (unsigned id = 0; id < cases[i].used; id++) {
                assert_true(sim_device_take(&device, &seen));
                assert_chain_seen(&seen, id, 0, 1);
                sim_device_give(&device, seen.head, seen.writable);
            }
            for (unsigned id = 0; id < cases[i].used; id++) {
                assert_true(virtq_take(device.queue, &used));
                assert_ptr_equal(used.token, (void *)(uintptr_t)(id + 1));
                assert_int_equal(used.length, buffer_length(id, 0));
                assert_int_equal(used.missing, 0);
            }
            assert_false(virtq_take(device.queue, &used));
            assert_null(virtq_broken(device.queue));
            sim_device_destroy(&device);
        }
    }
}

static void test_bad_setup(void **state)
{
    static uint32_t doorbell;
    static const struct virtq_setup wrong[] = {
        {.size = 0, .chain_entries = 1, .doorbell = &doorbell},
        {.size = 32769, .chain_entries = 1, .doorbell = &doorbell},
        {.size = 8, .doorbell = &doorbell},
        {.size = 8, .chain_entries = 3, .doorbell = &doorbell},
        {.size = 8, .chain_entries = 16, .doorbell = &doorbell},
        {.size = 15, .chain_entries = 16, .doorbell = &doorbell},
        /* Section 2.7.5.3.1. */
        {.size = 8, .chain_entries = 16, .indirect = true, .doorbell = &doorbell},
        {.size = 8, .chain_entries = 65536, .indirect = true, .doorbell = &doorbell},
        {.size = 8, .chain_entries = 4},
    };
    const struct virtq_setup too_much = {
        .size = 32768, .chain_entries = 1024, .indirect = true, .doorbell = &doorbell};
    struct virtq *queue = NULL;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(virtq_create(&wrong[i], &queue), kIOReturnBadArgument);
    }
    /* More tables than there is memory. */
    assert_int_equal(virtq_create(&too_much, &queue), kIOReturnNoMemory);
    assert_null(queue);
    virtq_destroy(NULL);
}

/* Chains of every length and split between reading and writing. */
static void test_chain_lengths(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        sim_device_create(&device, 64, 64, tables, true);
        for (unsigned length = 1; length <= 64; length++) {
            for (unsigned reads = 0; reads <= length; reads += 1 + length / 8) {
                assert_true(submit_chain(device.queue, length, reads, length - reads));
                virtq_publish(device.queue);
                assert_true(sim_device_take(&device, &seen));
                assert_chain_seen(&seen, length, reads, length - reads);
                assert_int_equal(seen.ring_entries, tables ? 1 : length);
                sim_device_give(&device, seen.head, 0);
                assert_true(virtq_take(device.queue, &used));
                assert_int_equal(used.missing, seen.writable);
            }
        }
        sim_device_destroy(&device);
    }
}

/* What a cursor does: fill entries by the segment function, here also a second time. */
static void test_segment_function(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;
    uint16_t heads[20];

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        sim_device_create(&device, tables ? 64 : 2048, 64, tables, false);
        /* Leave the free list out of order first. */
        for (unsigned id = 0; id < 20; id++) {
            assert_true(submit_chain(device.queue, id, 1, 0));
        }
        virtq_publish(device.queue);
        for (unsigned id = 0; id < 20; id++) {
            assert_true(sim_device_take(&device, &seen));
            heads[id] = seen.head;
        }
        for (unsigned id = 0; id < 20; id++) {
            sim_device_give(&device, heads[id * 7 % 20], 0);
            assert_true(virtq_take(device.queue, &used));
        }

        for (unsigned count = 1; count <= 62; count++) {
            struct virtq_segments segments;
            struct virtq_chain chain;
            uint32_t bytes = 0;

            assert_int_equal(virtq_begin(device.queue, &chain), kIOReturnSuccess);
            virtq_chain_add(&chain, buffer_address(count, 0), buffer_length(count, 0), VIRTQ_NEXT);
            for (unsigned attempt = 0; attempt < 2; attempt++) {
                virtq_chain_segments(&chain, &segments, VIRTQ_NEXT | VIRTQ_WRITE);
                bytes = 0;
                for (unsigned i = 0; i < count; i++) {
                    const unsigned id = attempt == 0 ? 999 : count;

                    virtq_segment_function(device.queue)(
                        (IOPhysicalSegment){buffer_address(id, i + 1).value,
                                            buffer_length(id, i + 1)},
                        &segments, i);
                    bytes += buffer_length(id, i + 1);
                }
            }
            virtq_chain_filled(&chain, count, bytes);
            virtq_chain_add(&chain, buffer_address(count, count + 1),
                            buffer_length(count, count + 1), VIRTQ_WRITE);
            virtq_submit(device.queue, &chain, &device);
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_chain_seen(&seen, count, 1, count + 1);
            sim_device_give(&device, seen.head, seen.writable);
            assert_true(virtq_take(device.queue, &used));
            assert_int_equal(used.missing, 0);
        }
        sim_device_destroy(&device);
    }
}

/* A row of runs becomes the entries that one after another would. */
static void test_row_function(void **state)
{
    static struct memory_run runs[8];
    struct sim_device device;
    static struct sim_chain seen;
    struct virtq_used used;

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        sim_device_create(&device, tables ? 64 : 256, 16, tables, false);
        for (unsigned count = 1; count <= 8; count++) {
            struct IOMemoryRow row = {.run = runs, .address = buffer_address(count, 1).value};
            struct virtq_segments segments;
            struct virtq_chain chain;

            for (unsigned i = 0; i < count; i++) {
                row.end += buffer_length(count, i + 1);
                runs[i] = (struct memory_run){buffer_address(count, i + 1).value, row.end};
            }
            assert_int_equal(virtq_begin(device.queue, &chain), kIOReturnSuccess);
            virtq_chain_add(&chain, buffer_address(count, 0), buffer_length(count, 0), VIRTQ_NEXT);
            virtq_chain_segments(&chain, &segments, VIRTQ_NEXT | VIRTQ_WRITE);
            assert_int_equal(virtq_row_function(device.queue)(&row, &segments), count);
            assert_int_equal(row.offset, row.end);
            virtq_chain_filled(&chain, count, (uint32_t)row.end);
            virtq_chain_add(&chain, buffer_address(count, count + 1),
                            buffer_length(count, count + 1), VIRTQ_WRITE);
            virtq_submit(device.queue, &chain, &device);
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_chain_seen(&seen, count, 1, count + 1);
            sim_device_give(&device, seen.head, seen.writable);
            assert_true(virtq_take(device.queue, &used));
            assert_int_equal(used.missing, 0);
        }
        sim_device_destroy(&device);
    }
}

#define LENGTHS 5

/* Segments of a command into a chain, one after another or in a row; how many were taken. */
static unsigned output_command(const struct virtq_chain *chain, bool inRow,
                               struct virtq_command_segments *to)
{
    static const uint64_t lengths[LENGTHS] = {0x40, 0x20, 0x60, 0x10, 0x30};
    const struct virtq_command_output *const output = virtq_command_output(chain);
    static struct memory_run runs[LENGTHS];
    struct IOMemoryRow row = {.run = runs, .address = buffer_address(0, 0).value};
    const uint64_t left = to->left;
    unsigned count = 0;

    for (unsigned i = 0; i < LENGTHS; i++) {
        const IODMACommand_Segment64 segment = {buffer_address(0, i).value, lengths[i]};

        row.end += lengths[i];
        runs[i] = (struct memory_run){segment.fIOVMAddr, row.end};
        if (!inRow && count == i) {
            count += output->segment(NULL, segment, to, i);
        }
    }
    if (inRow) {
        count = output->row(NULL, &row, to);
        assert_int_equal(row.offset, left - to->left);
    }
    return count;
}

/* Commands put out as many bytes as are left, in segments that are not too long. */
static void test_command_functions(void **state)
{
    static const uint64_t ends[LENGTHS] = {0x40, 0x60, 0xc0, 0xd0, 0x100};
    struct sim_device device;

    (void)state;
    sim_device_create(&device, 64, 16, true, false);
    for (unsigned left = 1; left <= 0x110; left++) {
        for (uint32_t longest = 0x3f; longest <= 0x60; longest++) {
            unsigned count = 0, fits = 0;
            uint64_t end = 0;

            for (; count < LENGTHS && end < left; count++, fits++, end = ends[count - 1]) {
                if ((ends[count] < left ? ends[count] : left) - end > longest) {
                    break;
                }
            }
            end = end < left ? end : left;
            for (unsigned inRow = 0; inRow < 2; inRow++) {
                struct virtq_command_segments to = {.left = left, .longest = longest};
                struct virtq_chain chain;
                uint64_t at = 0;

                assert_int_equal(virtq_begin(device.queue, &chain), kIOReturnSuccess);
                virtq_chain_segments(&chain, &to.segments, VIRTQ_NEXT);
                memset(chain.entries, 0x55, (LENGTHS + 1) * sizeof(*chain.entries));
                assert_int_equal(output_command(&chain, inRow != 0, &to), count);
                assert_int_equal(to.left, left - end);
                for (unsigned i = 0; i < count; i++) {
                    const uint64_t stop = ends[i] < end ? ends[i] : end;
                    uint64_t rest = virtq_rest((uint32_t)(stop - at), VIRTQ_NEXT, i + 1);

                    if (sim_packed) {
                        rest = virtq_packed_rest(stop - at, VIRTQ_NEXT);
                    }
                    assert_int_equal(chain.entries[i].address, buffer_address(0, i).value);
                    assert_int_equal(chain.entries[i].rest, rest);
                    at = stop;
                }
                assert_int_equal(chain.entries[count].rest, 0x5555555555555555);
            }
        }
    }
    sim_device_destroy(&device);
}

/* A chain that is begun and forgotten costs nothing. */
static void test_abandoned_chain(void **state)
{
    struct sim_device device;
    struct virtq_chain chain;

    (void)state;
    for (unsigned tables = 0; tables < 2; tables++) {
        sim_device_create(&device, tables ? 4 : 16, 4, tables, false);
        for (unsigned i = 0; i < 100; i++) {
            assert_int_equal(virtq_begin(device.queue, &chain), kIOReturnSuccess);
            fill_chain(&chain, i, 2, 1);
        }
        virtq_publish(device.queue);
        assert_false(sim_device_notified(&device));
        assert_int_equal(virtq_in_flight(device.queue), 0);
        for (unsigned id = 0; id < 4; id++) {
            assert_true(submit_chain(device.queue, id, 1, 0));
        }
        sim_device_abandon(&device);
    }
}

/*
 * Far more requests than an index has values, with a device that answers in any
 * order and both sides asleep whenever they may be: a notification too few on
 * either side stops everything, and the test with it.
 */
struct traffic {
    unsigned size, chain_entries;
    bool tables, event_index;
    unsigned together; /* chains for one interrupt; 0: as it is at first */
};

struct in_flight {
    unsigned id, reads, writes;
};

static void run_traffic(const struct traffic *traffic, uint64_t total, uint64_t seed)
{
    static struct in_flight chains[1 << 16];
    static struct sim_chain seen;
    static uint16_t held[2048];
    static uint32_t held_writable[2048];
    struct sim_device device;
    struct virtq_counters counters;
    struct virtq_used used;
    unsigned held_count = 0;
    uint64_t submitted = 0, finished = 0;
    bool device_awake = false, driver_awake = true;

    sim_device_create(&device, traffic->size, traffic->chain_entries, traffic->tables,
                      traffic->event_index);
    if (traffic->together != 0) {
        virtq_gather_interrupts(device.queue, traffic->together);
    }
    assert_false(virtq_enable_interrupt(device.queue));
    while (finished < total) {
        bool progress = false;

        /* The driver: a batch, published once. */
        for (uint64_t batch = sim_random(&seed) % 8; batch > 0 && submitted < total; batch--) {
            const unsigned id = submitted & 0xffff;
            struct in_flight *chain = &chains[id];

            chain->id = id;
            chain->reads = sim_random(&seed) % traffic->chain_entries;
            chain->writes = 1 + sim_random(&seed) % (traffic->chain_entries - chain->reads);
            if (!submit_chain(device.queue, id, chain->reads, chain->writes)) {
                break;
            }
            submitted++;
        }
        virtq_publish(device.queue);

        /* The device: asleep until the doorbell; then takes some, and sleeps when it saw none. */
        if (sim_device_notified(&device)) {
            device_awake = true;
        }
        for (uint64_t turns = sim_random(&seed) % 8; device_awake && turns > 0; turns--) {
            progress = true;
            if (!sim_device_take(&device, &seen)) {
                device_awake = false;
                break;
            }
            held[held_count] = seen.head;
            held_writable[held_count++] = seen.writable;
        }
        for (uint64_t turns = sim_random(&seed) % 8; turns > 0 && held_count > 0; turns--) {
            const unsigned pick = sim_random(&seed) % held_count;

            progress = true;
            driver_awake |= sim_device_give(&device, held[pick], held_writable[pick]);
            held[pick] = held[--held_count];
            held_writable[pick] = held_writable[held_count];
        }

        /* The driver's interrupt. */
        while (driver_awake) {
            while (virtq_take(device.queue, &used)) {
                const unsigned id = (unsigned)(uintptr_t)used.token - 1;

                assert_int_equal(chains[id].id, id);
                chains[id].id = ~0u; /* once only */
                assert_int_equal(used.missing, 0);
                finished++;
                progress = true;
            }
            driver_awake = virtq_enable_interrupt(device.queue);
        }
        assert_null(virtq_broken(device.queue));
        /* Nobody works, nobody will be woken, yet something is left to do? */
        if (!progress && !device_awake && held_count == 0 && submitted == total) {
            assert_int_equal(finished, total);
        }
        if (!device_awake && held_count == 0 && virtq_in_flight(device.queue) != 0) {
            assert_int_not_equal(device.doorbell, SIM_DOORBELL_IDLE);
        }
    }
    virtq_get_counters(device.queue, &counters);
    assert_int_equal(counters.requests, total);
    assert_int_equal(counters.doorbells, device.notified);
    assert_int_equal(virtq_in_flight(device.queue), 0);
    sim_device_destroy(&device);
}

static void test_traffic(void **state)
{
    static const struct traffic cases[] = {
        {1, 1, true, true, 0},     {1, 1, true, false, 0},    {2, 2, true, true, 0},
        {2, 2, false, false, 0},   {4, 4, false, true, 0},    {64, 8, false, true, 0},
        {64, 16, true, true, 0},   {64, 8, false, false, 0},  {128, 8, true, true, 0},
        {1000, 4, false, true, 0}, {1024, 4, true, false, 0}, {1024, 32, false, true, 0},
        {16, 1, false, true, 0},   {64, 4, true, true, 8},    {64, 4, true, true, 1000},
        {16, 4, false, true, 3},   {8, 4, true, false, 5},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        run_traffic(&cases[i], 150000, 1 + i);
    }
}

/* A ring of many entries with few tables: so many chains at once, of any length the ring has. */
static void test_fewer_tables_than_entries(void **state)
{
    struct sim_device device = {0};
    static struct sim_chain seen;
    struct virtq_used used;
    const struct virtq_setup setup = {.size = 64,
                                      .index = 5,
                                      .chain_entries = 64,
                                      .chains = 9, /* 8 */
                                      .indirect = true,
                                      .doorbell = &device.doorbell};

    (void)state;
    assert_int_equal(virtq_create(&setup, &device.queue), kIOReturnSuccess);
    assert_int_equal(virtq_size(device.queue), 64);
    assert_int_equal(virtq_slots(device.queue), 8);
    for (unsigned round = 0; round < 10000; round++) {
        const unsigned length = 1 + round % 64;

        for (unsigned id = 0; id < 8; id++) {
            assert_true(submit_chain(device.queue, id, 0, length));
        }
        assert_false(submit_chain(device.queue, 8, 0, 1));
        virtq_publish(device.queue);
        for (unsigned id = 0; id < 8; id++) {
            assert_true(sim_device_take(&device, &seen));
            assert_in_range(seen.head, 0, 7);
            assert_int_equal(seen.count, length);
            sim_device_give(&device, seen.head, seen.writable);
        }
        for (unsigned id = 0; id < 8; id++) {
            assert_true(virtq_take(device.queue, &used));
        }
    }
    sim_device_destroy(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIRTQ_TEST_BOTH(test_sizes),
        cmocka_unit_test_setup_teardown(test_bad_setup, virtq_test_set_up, virtq_test_tear_down),
        VIRTQ_TEST_BOTH(test_chain_lengths),
        VIRTQ_TEST_BOTH(test_segment_function),
        VIRTQ_TEST_BOTH(test_row_function),
        VIRTQ_TEST_BOTH(test_command_functions),
        VIRTQ_TEST_BOTH(test_abandoned_chain),
        VIRTQ_TEST_BOTH(test_traffic),
        cmocka_unit_test_setup_teardown(test_fewer_tables_than_entries, virtq_test_set_up,
                                        virtq_test_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
