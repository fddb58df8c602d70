/* SPDX-License-Identifier: BSD-2-Clause */
/* The host door: memory, time and the interrupt line of one device. */
#include "tests/host/vdma/door.h"

#include <stdlib.h>

bool tripped[256];

uint8_t *door_at(struct door *door, uint64_t address)
{
    if (address - RAM_BASE < RAM_SIZE) {
        return door->ram + (address - RAM_BASE);
    }
    if (address - EDGE_BASE < EDGE_SIZE) {
        return door->edge + (address - EDGE_BASE);
    }
    return NULL;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t translate(void *context, uint64_t bus, uint64_t length, unsigned access,
                          uint64_t *memory)
{
    (void)context;
    (void)access;
    *memory = bus;
    if (bus - RAM_BASE < RAM_SIZE) {
        return lesser(length, RAM_END - bus);
    }
    if (bus - EDGE_BASE < EDGE_SIZE) {
        return lesser(length, EDGE_BASE + EDGE_SIZE - bus);
    }
    if (bus - ZEROS_BASE < ZEROS_SIZE) {
        return lesser(length, ZEROS_BASE + ZEROS_SIZE - bus);
    }
    return 0;
}

static bool granted(const struct door *door, uint64_t address, uint64_t length, unsigned access)
{
    while (length != 0) {
        uint64_t covered = 0;

        for (unsigned i = 0; i < door->grant_count; i++) {
            const struct grant *grant = &door->grants[i];

            if (grant->access == access && address - grant->address < grant->length) {
                const uint64_t here = grant->length - (address - grant->address);

                covered = here > covered ? here : covered;
            }
        }
        if (covered == 0) {
            return false;
        }
        covered = lesser(covered, length);
        address += covered;
        length -= covered;
    }
    return true;
}

static bool port_read(void *context, uint64_t memory, void *to, uint32_t length)
{
    struct door *door = context;

    door->strays += !granted(door, memory, length, READS);
    if (memory >= ZEROS_BASE) {
        memset(to, 0, length);
        return true;
    }
    memcpy(to, door_at(door, memory), length);
    if (door->after_read != NULL) {
        door->after_read(door, memory, length);
    }
    return true;
}

static bool port_write(void *context, uint64_t memory, const void *from, uint32_t length)
{
    struct door *door = context;

    door->strays += !granted(door, memory, length, WRITES);
    if (memory < ZEROS_BASE) {
        memcpy(door_at(door, memory), from, length);
    }
    return true;
}

static void port_own(void *context, const struct vdma_owned *bytes)
{
    struct door *door = context;

    assert_true(granted(door, bytes->memory, bytes->length, bytes->access));
    door->last_owned = *bytes;
    door->owned++;
}

static void port_disown(void *context, uint32_t request)
{
    struct door *door = context;

    (void)request;
    door->owned = 0;
}

static void port_line(void *context, unsigned vector, bool high)
{
    struct door *door = context;

    (void)vector;
    door->rises += high;
    door->line = high;
}

static void port_deadline(void *context, uint64_t tick)
{
    struct door *door = context;

    door->deadline = tick;
}

static void port_record(void *context, const struct vdma_record *record)
{
    struct door *door = context;
    struct raw_record *copy = &door->records[door->record_count % RECORDS];

    _Static_assert(sizeof(struct raw_record) == 64 && sizeof(*record) == 64, "the sheet says 64");
    memcpy(copy, record, sizeof(*copy));
    door->record_count++;
    if (copy->event == 4) {
        tripped[copy->rule] = true;
        door->config_rule = copy->rule;
        door->config_place = copy->segment;
        door->config_value = copy->value;
    }
}

int door_setup(void **state)
{
    struct door *door = calloc(1, sizeof(*door));

    assert_non_null(door);
    door->device = malloc(sizeof(*door->device));
    door->ram = malloc(RAM_SIZE);
    door->edge = malloc(EDGE_SIZE);
    assert_true(door->device != NULL && door->ram != NULL && door->edge != NULL);
    memset(door->ram, 0, RAM_SIZE);
    memset(door->edge, 0, EDGE_SIZE);
    for (unsigned i = 0; i < sizeof(door->disk); i++) {
        door->disk[i] = (uint8_t)(i * 7 + i / 512);
    }
    door->ports = (struct vdma_ports){.translate = translate,
                                      .read = port_read,
                                      .write = port_write,
                                      .own = port_own,
                                      .disown = port_disown,
                                      .line = port_line,
                                      .deadline = port_deadline,
                                      .record = port_record};
    door_power(door, &(struct vdma_options){.disk = door->disk, .sectors = DISK_SECTORS});
    door_start(door);
    *state = door;
    return 0;
}

int door_teardown(void **state)
{
    struct door *door = *state;
    const unsigned strays = door->strays;

    free(door->device);
    free(door->ram);
    free(door->edge);
    free(door);
    return strays == 0 ? 0 : -1;
}

void door_power(struct door *door, const struct vdma_options *options)
{
    door->now = 1000;
    door->deadline = UINT64_MAX;
    door->line = false;
    assert_true(vdma_init(door->device, &door->ports, door, options));
}

uint64_t door_read(struct door *door, uint32_t offset, unsigned size)
{
    return vdma_read_register(door->device, offset, size, door->pc, door->now);
}

bool door_write(struct door *door, uint32_t offset, uint32_t value)
{
    return vdma_write_register(door->device, offset, 4, value, door->pc, door->now);
}

static void forget_ring(struct door *door)
{
    memset(door_at(door, DESC_TABLE), 0, 16 * RING_SIZE);
    memset(door_at(door, AVAIL_RING), 0, 6 + 2 * RING_SIZE);
    memset(door_at(door, USED_RING), 0, 6 + 8 * RING_SIZE);
    door->avail = 0;
    door->used_seen = 0;
    door->grant_count = 0;
    door_grant(door, DESC_TABLE, 16 * RING_SIZE, READS);
    door_grant(door, AVAIL_RING, 6 + 2 * RING_SIZE, READS);
    door_grant(door, USED_RING, 6 + 8 * RING_SIZE, WRITES);
}

void door_start_features(struct door *door, uint64_t features)
{
    forget_ring(door);
    door->features = features;
    assert_true(door_write(door, 0x070, 0));
    assert_true(door_write(door, 0x070, 1));
    assert_true(door_write(door, 0x070, 3));
    assert_true(door_write(door, 0x024, 0));
    assert_true(door_write(door, 0x020, (uint32_t)features));
    assert_true(door_write(door, 0x024, 1));
    assert_true(door_write(door, 0x020, (uint32_t)(features >> 32)));
    assert_true(door_write(door, 0x070, 11));
    assert_int_equal(door_read(door, 0x070, 4), 11);
    assert_true(door_write(door, 0x030, 0));
    assert_true(door_write(door, 0x038, RING_SIZE));
    assert_true(door_write(door, 0x080, (uint32_t)DESC_TABLE));
    assert_true(door_write(door, 0x084, 0));
    assert_true(door_write(door, 0x090, (uint32_t)AVAIL_RING));
    assert_true(door_write(door, 0x094, 0));
    assert_true(door_write(door, 0x0a0, (uint32_t)USED_RING));
    assert_true(door_write(door, 0x0a4, 0));
    assert_true(door_write(door, 0x044, 1));
    assert_true(door_write(door, 0x070, 15));
}

void door_start(struct door *door)
{
    door_start_features(door, 1ull << 32 | 1ull << 28); /* VERSION_1, INDIRECT_DESC */
}

void step_all(struct door *door)
{
    unsigned steps = 0;

    while (vdma_step(door->device, door->now)) {
        assert_in_range(++steps, 1, 100000);
    }
}

void settle(struct door *door)
{
    step_all(door);
    while (door->deadline != UINT64_MAX) {
        assert_true(door->deadline > door->now);
        door->now = door->deadline;
        step_all(door);
    }
}

bool needs_reset(struct door *door)
{
    return (door_read(door, 0x070, 4) & 0x40) != 0;
}
