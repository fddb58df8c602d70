/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's side of a virtio ring. */
#include "tests/host/sim/sim_virtq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/direct_map.h"

void (*sim_device_turn)(void);
bool sim_packed;

#define DESC_AVAIL   0x80u
#define DESC_USED    0x8000u
#define EVENT_OFF    0x10000u
#define EVENT_PLACED 0x20000u
#define EVENT_WRAP   0x8000u

/* The rings as the specification lays them out, found by address alone. */
static uint16_t *avail_ring(const struct sim_device *device)
{
    return phys_to_virt(virtq_avail_address(device->queue));
}

static uint8_t *used_ring(const struct sim_device *device)
{
    return phys_to_virt(virtq_used_address(device->queue));
}

static uint16_t *avail_event(const struct sim_device *device)
{
    return (uint16_t *)(used_ring(device) + 4 + 8 * virtq_size(device->queue));
}

static uint16_t *used_flags(const struct sim_device *device)
{
    return (uint16_t *)used_ring(device);
}

void sim_device_create(struct sim_device *device, unsigned size, unsigned chain_entries,
                       bool tables, bool event_index)
{
    struct virtq_setup setup = {.size = size,
                                .index = 5,
                                .chain_entries = chain_entries,
                                .indirect = tables,
                                .event_index = event_index,
                                .packed = sim_packed,
                                .doorbell = &device->doorbell};

    *device = (struct sim_device){.doorbell = SIM_DOORBELL_IDLE,
                                  .event_index = event_index,
                                  .packed = sim_packed,
                                  .taken_wrap = true,
                                  .used_wrap = true};
    assert_int_equal(virtq_create(&setup, &device->queue), kIOReturnSuccess);
    assert_int_equal(virtq_desc_address(device->queue).value % 16, 0);
    assert_int_equal(virtq_avail_address(device->queue).value % 2, 0);
    assert_int_equal(virtq_used_address(device->queue).value % 4, 0);
}

void sim_device_destroy(struct sim_device *device)
{
    virtq_destroy(device->queue);
}

void sim_device_abandon(struct sim_device *device)
{
    while (virtq_detach(device->queue) != NULL) {
        continue;
    }
    sim_device_destroy(device);
}

void sim_device_restart(struct sim_device *device)
{
    device->taken = device->used = 0;
    device->taken_wrap = device->used_wrap = true;
    memset(device->entries, 0, sizeof(device->entries));
}

bool sim_device_notified(struct sim_device *device)
{
    if (device->doorbell == SIM_DOORBELL_IDLE) {
        return false;
    }
    assert_int_equal(device->doorbell, 5);
    device->doorbell = SIM_DOORBELL_IDLE;
    device->notified++;
    return true;
}

static void add_entry(struct sim_chain *chain, const uint8_t *at, uint16_t flags, bool last)
{
    struct sim_entry entry;

    memcpy(&entry.address, at, 8);
    memcpy(&entry.length, at + 8, 4);
    entry.write = (flags & VIRTQ_WRITE) != 0;
    assert_int_equal((flags & VIRTQ_NEXT) == 0, last);
    assert_int_equal(flags & VIRTQ_INDIRECT, 0);
    assert_int_not_equal(entry.length, 0);
    /* What the device reads comes before what it writes (section 2.7.4.2). */
    assert_false(!entry.write && chain->writable != 0);
    assert_in_range(chain->count, 0, SIM_ENTRIES_MAX - 1);
    chain->writable += entry.write ? entry.length : 0;
    chain->entries[chain->count++] = entry;
}

static void walk(struct sim_chain *chain, const uint8_t *table, unsigned entries, unsigned at,
                 unsigned *visited)
{
    uint16_t flags, next;

    *visited = 0;
    do {
        assert_in_range(at, 0, entries - 1);
        assert_in_range(++*visited, 1, entries); /* no loop */
        memcpy(&flags, table + 16 * at + 12, 2);
        memcpy(&next, table + 16 * at + 14, 2);
        add_entry(chain, table + 16 * at, flags, (flags & VIRTQ_NEXT) == 0);
        at = next;
    } while ((flags & VIRTQ_NEXT) != 0);
}

/* --- A packed ring ---------------------------------------------------------------------------- */

static uint8_t *packed_entry(const struct sim_device *device, unsigned at)
{
    return (uint8_t *)phys_to_virt(virtq_desc_address(device->queue)) + 16 * at;
}

static void step(const struct sim_device *device, uint16_t *at, bool *wrap, unsigned count)
{
    const unsigned size = virtq_size(device->queue);

    assert_in_range(count, 1, size);
    *wrap ^= *at + count >= size;
    *at = (uint16_t)((*at + count) % size);
}

static bool is_available(const struct sim_device *device, uint16_t flags)
{
    return ((flags & DESC_AVAIL) != 0) == device->taken_wrap &&
           ((flags & DESC_USED) != 0) != device->taken_wrap;
}

/* The table of an indirect entry: in order, and of its flags but one means anything. */
static void walk_table(struct sim_chain *chain, const uint8_t *table, unsigned entries)
{
    for (unsigned i = 0; i < entries; i++) {
        uint16_t flags;

        memcpy(&flags, table + 16 * i + 14, 2);
        assert_int_equal(flags & ~VIRTQ_WRITE, 0);
        add_entry(chain, table + 16 * i, (uint16_t)(flags | (i + 1 < entries ? VIRTQ_NEXT : 0)),
                  i + 1 == entries);
    }
}

static bool take_packed(struct sim_device *device, struct sim_chain *chain)
{
    const unsigned size = virtq_size(device->queue);
    uint32_t event = device->no_notify ? EVENT_OFF : 0;
    uint16_t flags, id;

    if (device->event_index) {
        event = EVENT_PLACED | (device->taken_wrap ? EVENT_WRAP : 0) | device->taken;
    }
    memcpy(used_ring(device), &event, 4);
    memcpy(&flags, packed_entry(device, device->taken) + 14, 2);
    if (!is_available(device, flags)) {
        return false;
    }
    *chain = (struct sim_chain){.ring_entries = 0};
    do {
        const uint8_t *entry = packed_entry(device, device->taken);
        uint64_t address;
        uint32_t length;

        memcpy(&address, entry, 8);
        memcpy(&length, entry + 8, 4);
        memcpy(&id, entry + 12, 2);
        memcpy(&flags, entry + 14, 2);
        /* All of a chain is there when its first entry is. */
        assert_true(is_available(device, flags));
        assert_int_equal(flags & ~(DESC_AVAIL | DESC_USED | 7), 0);
        assert_in_range(++chain->ring_entries, 1, size);
        if ((flags & VIRTQ_INDIRECT) != 0) {
            assert_int_equal(flags & 7, VIRTQ_INDIRECT);
            assert_int_equal(chain->ring_entries, 1);
            assert_int_equal(length % 16, 0);
            assert_in_range(length / 16, 1, size);
            walk_table(chain, phys_to_virt(paddr(address)), length / 16);
        } else {
            add_entry(chain, entry, (uint16_t)(flags & 7), (flags & VIRTQ_NEXT) == 0);
        }
        step(device, &device->taken, &device->taken_wrap, 1);
    } while ((flags & VIRTQ_NEXT) != 0);
    chain->head = id; /* of the last one (section 2.8.6) */
    assert_in_range(id, 0, size - 1);
    assert_int_equal(device->entries[id], 0); /* the name is free */
    device->entries[id] = (uint16_t)chain->ring_entries;
    return true;
}

static bool give_packed(struct sim_device *device, uint32_t id, uint32_t length)
{
    const unsigned size = virtq_size(device->queue);
    const uint16_t flags = device->used_wrap ? DESC_AVAIL | DESC_USED : 0, name = (uint16_t)id;
    const unsigned count = id < size && device->entries[id] != 0 ? device->entries[id] : 1;
    uint8_t *entry = packed_entry(device, device->used);
    unsigned place, before = device->used;
    bool wrap = device->used_wrap;
    uint32_t event;

    memcpy(entry + 8, &length, 4);
    memcpy(entry + 12, &name, 2);
    memcpy(entry + 14, &flags, 2); /* last: it says that the others are right */
    if (id < size) {
        device->entries[id] = 0;
    }
    step(device, &device->used, &device->used_wrap, count);
    memcpy(&event, avail_ring(device), 4);
    if ((event & EVENT_PLACED) == 0 || !device->event_index) {
        return (event & EVENT_OFF) == 0;
    }
    /* The place wanted, among those that this chain has taken. */
    place = event & (EVENT_WRAP - 1);
    for (unsigned i = 0; i < count; i++) {
        if (before == place && wrap == ((event & EVENT_WRAP) != 0)) {
            return true;
        }
        wrap ^= ++before == size;
        before %= size;
    }
    return false;
}

/* --- Either ----------------------------------------------------------------------------------- */

bool sim_device_take(struct sim_device *device, struct sim_chain *chain)
{
    if (device->packed) {
        return take_packed(device, chain);
    }

    const unsigned size = virtq_size(device->queue);
    const uint16_t *avail = avail_ring(device);
    const uint8_t *ring = phys_to_virt(virtq_desc_address(device->queue));
    uint64_t address;
    uint32_t length;
    uint16_t flags;

    if (device->event_index) {
        *avail_event(device) = device->taken;
    } else {
        *used_flags(device) = device->no_notify ? VIRTQ_USED_NO_NOTIFY : 0;
    }
    if (avail[1] == device->taken) {
        return false;
    }
    assert_in_range((uint16_t)(avail[1] - device->taken), 1, size);

    *chain = (struct sim_chain){.head = avail[2 + device->taken % size]};
    device->taken++;
    assert_in_range(chain->head, 0, size - 1);
    memcpy(&address, ring + 16 * chain->head, 8);
    memcpy(&length, ring + 16 * chain->head + 8, 4);
    memcpy(&flags, ring + 16 * chain->head + 12, 2);
    if ((flags & VIRTQ_INDIRECT) != 0) {
        assert_int_equal(flags, VIRTQ_INDIRECT);
        assert_int_equal(length % 16, 0);
        assert_in_range(length / 16, 1, size); /* section 2.7.5.3.1 */
        walk(chain, phys_to_virt(paddr(address)), length / 16, 0, &chain->ring_entries);
        assert_int_equal(chain->ring_entries, length / 16); /* no entry unused */
        chain->ring_entries = 1;
    } else {
        walk(chain, ring, size, chain->head, &chain->ring_entries);
    }
    return true;
}

void sim_device_set_used_index(struct sim_device *device, uint16_t index)
{
    device->used = index;
    memcpy(used_ring(device) + 2, &index, 2);
}

bool sim_device_give(struct sim_device *device, uint32_t id, uint32_t length)
{
    if (device->packed) {
        return give_packed(device, id, length);
    }

    const unsigned size = virtq_size(device->queue);
    const uint16_t *avail = avail_ring(device);
    uint8_t *element = used_ring(device) + 4 + 8 * (device->used % size);

    memcpy(element, &id, 4);
    memcpy(element + 4, &length, 4);
    sim_device_set_used_index(device, (uint16_t)(device->used + 1));
    if (device->event_index) {
        return (uint16_t)(device->used - 1) == avail[2 + size]; /* used_event, just passed */
    }
    return (avail[0] & VIRTQ_AVAIL_NO_INTERRUPT) == 0;
}
