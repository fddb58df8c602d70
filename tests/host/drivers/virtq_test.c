/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtqueue against a simulated device: one that keeps the rules, and ones that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_virtq.h"

#define RAM 0x40000000ull

static struct page_range bank = {RAM, 64 * SIM_MIB};
static uint64_t driver_pages;
static uint64_t heap_blocks;

static void balance(uint64_t *pages, uint64_t *blocks)
{
    struct page_stats page;
    struct heap_stats heap;

    page_get_stats(&page);
    heap_get_stats(&heap);
    *pages = page.owned[PAGE_OWNER_DRIVER];
    *blocks = heap.blocks;
}

static int attach(void **state)
{
    static bool attached;

    (void)state;
    if (!attached) {
        sim_ram_attach(&bank, 1);
        assert_true(page_setup(&bank, 1, NULL, 0));
        attached = true;
    }
    balance(&driver_pages, &heap_blocks);
    return 0;
}

static int all_returned(void **state)
{
    uint64_t pages, blocks;

    (void)state;
    balance(&pages, &blocks);
    assert_int_equal(pages, driver_pages);
    assert_int_equal(blocks, heap_blocks);
    return 0;
}

/* --- Building chains -------------------------------------------------------------------------- */

/* Every buffer has an address and a length of its own. */
static paddr_t buffer_address(unsigned id, unsigned i)
{
    return paddr(0x80000000ull + id * 0x100000ull + i * 0x2000ull);
}

static uint32_t buffer_length(unsigned id, unsigned i)
{
    return 1 + (id * 7 + i * 13) % 4096;
}

/* A chain of `reads` buffers for the device to read, then `writes` for it to write. */
static void fill(struct virtq_chain *chain, unsigned id, unsigned reads, unsigned writes)
{
    for (unsigned i = 0; i < reads + writes; i++) {
        virtq_chain_add(chain, buffer_address(id, i), buffer_length(id, i),
                        (i < reads ? 0 : VIRTQ_WRITE) | (i + 1 < reads + writes ? VIRTQ_NEXT : 0));
    }
}

static bool submit(struct virtq *queue, unsigned id, unsigned reads, unsigned writes)
{
    struct virtq_chain chain;

    if (virtq_begin(queue, &chain) != kIOReturnSuccess ||
        virtq_chain_room(&chain) < reads + writes) {
        return false;
    }
    fill(&chain, id, reads, writes);
    virtq_submit(queue, &chain, (void *)(uintptr_t)(id + 1));
    return true;
}

static void assert_seen(const struct sim_chain *seen, unsigned id, unsigned reads, unsigned writes)
{
    uint32_t writable = 0;

    assert_int_equal(seen->count, reads + writes);
    for (unsigned i = 0; i < seen->count; i++) {
        assert_int_equal(seen->entries[i].address, buffer_address(id, i).value);
        assert_int_equal(seen->entries[i].length, buffer_length(id, i));
        assert_int_equal(seen->entries[i].write, i >= reads);
        writable += i >= reads ? buffer_length(id, i) : 0;
    }
    assert_int_equal(seen->writable, writable);
}

/* --- A device that keeps the rules ------------------------------------------------------------ */

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
            for (unsigned id = 0; id < cases[i].used; id++) {
                assert_true(submit(device.queue, id, 0, 1));
            }
            assert_false(submit(device.queue, 0, 0, 1)); /* full */
            virtq_publish(device.queue);
            for (unsigned id = 0; id < cases[i].used; id++) {
                assert_true(sim_device_take(&device, &seen));
                assert_seen(&seen, id, 0, 1);
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
    static const struct virtq_setup wrong[] = {
        {.size = 0, .chain_entries = 1},
        {.size = 32769, .chain_entries = 1},
        {.size = 8},
        {.size = 8, .chain_entries = 3},
        {.size = 8, .chain_entries = 16},
        {.size = 15, .chain_entries = 16},
        {.size = 8, .chain_entries = 16, .indirect = true}, /* section 2.7.5.3.1 */
        {.size = 8, .chain_entries = 65536, .indirect = true},
    };
    const struct virtq_setup too_much = {.size = 32768, .chain_entries = 1024, .indirect = true};
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
                assert_true(submit(device.queue, length, reads, length - reads));
                virtq_publish(device.queue);
                assert_true(sim_device_take(&device, &seen));
                assert_seen(&seen, length, reads, length - reads);
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
            assert_true(submit(device.queue, id, 1, 0));
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

                    virtq_output_segment((IOPhysicalSegment){buffer_address(id, i + 1).value,
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
            assert_seen(&seen, count, 1, count + 1);
            sim_device_give(&device, seen.head, seen.writable);
            assert_true(virtq_take(device.queue, &used));
            assert_int_equal(used.missing, 0);
        }
        sim_device_destroy(&device);
    }
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
            fill(&chain, i, 2, 1);
        }
        virtq_publish(device.queue);
        assert_false(sim_device_notified(&device));
        assert_int_equal(virtq_in_flight(device.queue), 0);
        for (unsigned id = 0; id < 4; id++) {
            assert_true(submit(device.queue, id, 1, 0));
        }
        while (virtq_detach(device.queue) != NULL) {
            continue;
        }
        sim_device_destroy(&device);
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
            if (!submit(device.queue, id, chain->reads, chain->writes)) {
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
            assert_true(submit(device.queue, id, 0, 1));
            virtq_publish(device.queue);
            assert_true(sim_device_take(&device, &seen));
            assert_false(sim_device_give(&device, seen.head, 0));
            assert_true(virtq_take(device.queue, &used));
            virtq_disable_interrupt(device.queue);
        }
        assert_true(submit(device.queue, 0, 0, 1));
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
            assert_true(submit(device.queue, id, 0, 1));
        }
        virtq_publish(device.queue);
        assert_true(submit(device.queue, 99, 0, 1)); /* unpublished: not to be waited for */
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

/* A device that polls its ring asks for no doorbell and must get none. */
static void test_no_notify(void **state)
{
    struct sim_device device;
    static struct sim_chain seen;

    (void)state;
    sim_device_create(&device, 8, 4, true, false);
    device.no_notify = true;
    assert_false(sim_device_take(&device, &seen));
    assert_true(submit(device.queue, 0, 0, 1));
    virtq_publish(device.queue);
    assert_false(sim_device_notified(&device));
    assert_true(sim_device_take(&device, &seen));
    device.no_notify = false;
    assert_false(sim_device_take(&device, &seen));
    assert_true(submit(device.queue, 1, 0, 1));
    virtq_publish(device.queue);
    virtq_publish(device.queue); /* nothing new: no second doorbell */
    assert_true(sim_device_notified(&device));
    assert_false(sim_device_notified(&device));
    while (virtq_detach(device.queue) != NULL) {
        continue;
    }
    sim_device_destroy(&device);
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
            assert_true(submit(device.queue, id, 0, length));
        }
        assert_false(submit(device.queue, 8, 0, 1));
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
    assert_true(submit(device.queue, 0, 0, 1));
    virtq_publish(device.queue);
    assert_true(sim_device_take(&device, &seen));
    sim_device_give(&device, seen.head, 1);
    assert_int_equal(virtq_enable_interrupt(device.queue), 1);
    sim_device_set_used_index(&device, 0); /* too late: it was believed */
    assert_true(virtq_take_next(device.queue, &used));
    assert_int_equal(virtq_enable_interrupt(device.queue), 0);
    assert_non_null(virtq_broken(device.queue)); /* and this is beyond what is in flight */
    virtq_restart(device.queue);
    sim_device_destroy(&device);
}

/* --- Devices that do not ---------------------------------------------------------------------- */

/* Three chains published, of which the device has taken all; chain i can take buffer_length(i, 0).
 */
static void three_in_flight(struct sim_device *device, bool tables, uint16_t heads[3])
{
    static struct sim_chain seen;

    sim_device_create(device, tables ? 8 : 32, 4, tables, true);
    for (unsigned id = 0; id < 3; id++) {
        assert_true(submit(device->queue, id, 0, 1));
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
    device->taken = device->used = 0;
    for (unsigned id = 0; id < 100; id++) {
        assert_true(submit(device->queue, id, 1, 1));
        virtq_publish(device->queue);
        assert_true(sim_device_take(device, &seen));
        assert_seen(&seen, id, 1, 1);
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
        for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
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
    assert_true(submit(device.queue, 0, 2, 2));
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
    assert_true(submit(device.queue, 3, 0, 1));
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
        const size_t bytes = device.queue->ring_pages * PAGE_SIZE;

        for (unsigned i = 0; i < 200; i++) {
            ring[sim_random(&seed) % bytes] = (uint8_t)sim_random(&seed);
            ring[sim_random(&seed) % 256] = (uint8_t)sim_random(&seed);
            while (virtq_take(device.queue, &used)) {
                assert_in_range((uintptr_t)used.token, 1, 4);
                left--;
            }
            if (virtq_broken(device.queue) == NULL && left < 3 && submit(device.queue, 3, 0, 1)) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_bad_setup, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_chain_lengths, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_segment_function, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_abandoned_chain, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_traffic, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_interrupt_off, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_gathered_interrupts, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_no_notify, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_fewer_tables_than_entries, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_flicker, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_id, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_duplicate, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_chain_inside, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_length, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_used_index, attach, all_returned),
        cmocka_unit_test_setup_teardown(test_hostile_scribble, attach, all_returned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
