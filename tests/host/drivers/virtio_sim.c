/* SPDX-License-Identifier: BSD-2-Clause */
/* The device's side of virtio 1.2, sections 2 and 3, for host tests. */
#include "tests/host/drivers/virtio_sim.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/shared.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "tests/host/drivers/virtio_sim_private.h"

#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED      0x80u
#define RESET_READS        1000 /* of the driver */

const struct virtio_transport *const virtio_transports[] = {NULL};

static struct virtio_sim *sim_of(struct virtio_device *device)
{
    return (struct virtio_sim *)device;
}

static void complain(struct virtio_sim *sim, const char *what)
{
    if (sim->complaint == NULL) {
        sim->complaint = what;
    }
}

/* --- Registers -------------------------------------------------------------------------------- */

/* A driver that waits for a reset looks very often, and then thinks that it was refused. */
static uint8_t read_status(struct virtio_device *device)
{
    struct virtio_sim *sim = sim_of(device);

    sim_let_device_move();
    sim->status_reads++;
    if (sim->status == 0) {
        sim->status_reads = 0;
    }
    if (sim->status_reads >= RESET_READS) {
        sim->resets_refused++;
    }
    return sim->status;
}

static void write_status(struct virtio_device *device, uint8_t status)
{
    struct virtio_sim *sim = sim_of(device);

    sim->status_reads = 0;
    if (status != 0) {
        sim->times_failed += (status & ~sim->status & STATUS_FAILED) != 0;
        sim->status = status;
        return;
    }
    if (sim->refuses_reset) {
        sim->status = STATUS_NEEDS_RESET;
        return;
    }
    sim->status = 0;
    sim->is_started = false;
    sim->taken = sim->given = 0;
    sim->next = sim->used = (struct virtio_sim_place){.wrap = true};
    memset(sim->entries, 0, sizeof(sim->entries));
    sim->used_pending = sim->changed_pending = false;
}

static uint32_t read_features(struct virtio_device *device, unsigned half)
{
    sim_let_device_move();
    return (uint32_t)(sim_of(device)->offered >> 32 * half);
}

static void write_features(struct virtio_device *device, unsigned half, uint32_t bits)
{
    const uint32_t offered = (uint32_t)(sim_of(device)->offered >> 32 * half);

    if ((bits & ~offered) != 0) {
        complain(sim_of(device), "a feature is accepted that was not offered");
    }
}

static IOReturn find_mapper(struct virtio_device *device)
{
    device->mapper = sim_of(device)->mapper;
    return sim_of(device)->has_no_mapper ? kIOReturnNotResponding : kIOReturnSuccess;
}

static uint32_t queue_size_max(struct virtio_device *device, unsigned index)
{
    sim_let_device_move();
    return index == 0 && !sim_of(device)->is_started ? sim_of(device)->queue_size_max : 0;
}

static bool start_queue(struct virtio_device *device, const struct virtio_queue_place *place)
{
    struct virtio_sim *sim = sim_of(device);

    if (place->size == 0 || !is_power_of_two(place->size)) {
        complain(sim, "a queue whose size is no power of two");
    }
    if ((sim->status & STATUS_FEATURES_OK) == 0 || (sim->status & STATUS_DRIVER_OK) != 0) {
        complain(sim, "a queue is started at a wrong time");
    }
    sim_let_device_move();
    if (sim->refuses_queue) {
        return false;
    }
    sim->queue = *place;
    sim->is_started = true;
    return true;
}

static volatile void *doorbell(struct virtio_device *device, unsigned index)
{
    (void)index;
    return &sim_of(device)->doorbell;
}

static bool attach(struct virtio_device *device)
{
    return !sim_of(device)->refuses_line;
}

static void detach(struct virtio_device *device)
{
    (void)device;
}

static uint32_t config_generation(struct virtio_device *device)
{
    struct virtio_sim *const sim = sim_of(device);

    sim_let_device_move();
    if (sim->is_restless && sim->calm != 0) {
        sim->calm--;
    } else if (sim->is_restless) {
        sim->generation++;
    }
    return sim->generation;
}

/*
 * The fields of a disk's configuration (section 5.2.4), those of 64 bits as two
 * halves. An access has a field's place and width, and the field its feature.
 */
static const struct virtio_config_field blk_fields[] = {
    {0, 0, 4},         {0, 4, 4},         {1u << 1, 8, 4},   {1u << 2, 12, 4},  {1u << 4, 16, 2},
    {1u << 4, 18, 1},  {1u << 4, 19, 1},  {1u << 6, 20, 4},  {1u << 10, 24, 1}, {1u << 10, 25, 1},
    {1u << 10, 26, 2}, {1u << 10, 28, 4}, {1u << 11, 32, 1}, {1u << 12, 34, 2}, {1u << 13, 36, 4},
    {1u << 13, 40, 4}, {1u << 13, 44, 4}, {1u << 14, 48, 4}, {1u << 14, 52, 4}, {1u << 14, 56, 1},
};

static bool is_field(const struct virtio_sim *sim, unsigned offset, unsigned width)
{
    for (unsigned i = 0; i < sizeof(blk_fields) / sizeof(blk_fields[0]); i++) {
        if (blk_fields[i].offset == offset && blk_fields[i].width == width) {
            return (sim->device.features & blk_fields[i].feature) == blk_fields[i].feature;
        }
    }
    return false;
}

static uint32_t read_config(struct virtio_device *device, unsigned offset, unsigned width)
{
    struct virtio_sim *sim = sim_of(device);
    uint32_t value = 0;

    if (!is_field(sim, offset, width)) { /* only disks are asked */
        complain(sim, "an access to the configuration that no field offers");
        return 0;
    }
    sim_let_device_move();
    memcpy(&value, sim->config + offset, width);
    return value;
}

const struct virtio_transport virtio_sim_transport = {
    .name = "simulated",
    .read_status = read_status,
    .write_status = write_status,
    .read_features = read_features,
    .write_features = write_features,
    .find_mapper = find_mapper,
    .queue_size_max = queue_size_max,
    .start_queue = start_queue,
    .doorbell = doorbell,
    .attach = attach,
    .detach = detach,
    .config_generation = config_generation,
    .read_config = read_config,
};

void virtio_sim_create(struct virtio_sim *sim, uint32_t id, uint64_t offered,
                       uint32_t queue_size_max)
{
    *sim = (struct virtio_sim){.device = {.transport = &virtio_sim_transport, .id = id},
                               .offered = offered,
                               .queue_size_max = queue_size_max};
}

void virtio_sim_set(struct virtio_sim *sim, unsigned offset, uint64_t value, unsigned width)
{
    memcpy(sim->config + offset, &value, width);
    sim->generation++;
}

/* --- The queue -------------------------------------------------------------------------------- */

void *virtio_sim_at(const struct virtio_sim *sim, uint64_t address)
{
    uint64_t physical = address;

    if (sim->mapper != NULL &&
        IOMapper_translate(sim->mapper, address, 0, &physical, NULL) != kIOReturnSuccess) {
        return NULL;
    }
    return physical >= SIM_RAM_BASE && physical - SIM_RAM_BASE < VIRTIO_SIM_RAM
               ? phys_to_virt(paddr(physical))
               : NULL;
}

bool virtio_sim_reaches(const struct virtio_sim *sim, uint64_t address, uint64_t length, bool write)
{
    const uint32_t access = write ? kIODMAMapWriteAccess : kIODMAMapReadAccess;
    uint64_t physical, bytes;

    if (sim->mapper == NULL) {
        return address >= SIM_RAM_BASE && length <= VIRTIO_SIM_RAM &&
               address - SIM_RAM_BASE <= VIRTIO_SIM_RAM - length;
    }
    for (; length != 0; address += bytes, length -= bytes) {
        if (IOMapper_translate(sim->mapper, address, access, &physical, &bytes) !=
            kIOReturnSuccess) {
            return false;
        }
        bytes = bytes < length ? bytes : length;
    }
    return true;
}

bool virtio_sim_add(const struct virtio_sim *sim, struct virtio_sim_chain *chain, uint64_t address,
                    uint32_t length, bool write)
{
    struct virtio_sim_entry *const entry = &chain->entries[chain->count];

    if (chain->count == VIRTIO_SIM_CHAIN - 1 || length == 0 ||
        !virtio_sim_reaches(sim, address, length, write) ||
        (!write && chain->count != 0 && entry[-1].write)) {
        return false;
    }
    *entry = (struct virtio_sim_entry){.address = address, .length = length, .write = write};
    chain->count++;
    return true;
}

/* The driver's own place for a ring: without it nothing could be tried. */
static void *ring_part(const struct virtio_sim *sim, uint64_t address)
{
    void *at = virtio_sim_at(sim, address);

    if (at == NULL) {
        abort();
    }
    return at;
}

static uint16_t *avail(const struct virtio_sim *sim)
{
    return ring_part(sim, sim->queue.driver.value);
}

static uint8_t *used(const struct virtio_sim *sim)
{
    return ring_part(sim, sim->queue.device.value);
}

/* Entries from number `at` of a table on; true: the last one was found. */
static bool walk(const struct virtio_sim *sim, struct virtio_sim_chain *chain, const uint8_t *table,
                 unsigned entries, unsigned at)
{
    for (unsigned visited = 0; visited < entries && at < entries; visited++) {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;

        memcpy(&address, table + 16 * at, 8);
        memcpy(&length, table + 16 * at + 8, 4);
        memcpy(&flags, table + 16 * at + 12, 2);
        memcpy(&next, table + 16 * at + 14, 2);
        if ((flags & VIRTQ_INDIRECT) != 0 ||
            !virtio_sim_add(sim, chain, address, length, (flags & VIRTQ_WRITE) != 0)) {
            return false;
        }
        if ((flags & VIRTQ_NEXT) == 0) {
            return true;
        }
        at = next;
    }
    return false;
}

static void read_chain(struct virtio_sim *sim, struct virtio_sim_chain *chain)
{
    const uint8_t *ring = ring_part(sim, sim->queue.desc.value);
    const unsigned size = sim->queue.size;
    uint64_t address;
    uint32_t length;
    uint16_t flags;

    if (chain->head >= size) {
        chain->broken = true;
        return;
    }
    memcpy(&address, ring + 16 * chain->head, 8);
    memcpy(&length, ring + 16 * chain->head + 8, 4);
    memcpy(&flags, ring + 16 * chain->head + 12, 2);
    if ((flags & VIRTQ_INDIRECT) == 0) {
        chain->broken = !walk(sim, chain, ring, size, chain->head);
        return;
    }
    /* Section 2.7.5.3.1: no table longer than the queue. */
    chain->broken = flags != VIRTQ_INDIRECT || !virtio_sim_has(sim, VIRTIO_F_INDIRECT_DESC) ||
                    length % 16 != 0 || length / 16 > size ||
                    !virtio_sim_reaches(sim, address, length, false) ||
                    !walk(sim, chain, virtio_sim_at(sim, address), length / 16, 0) ||
                    chain->count != length / 16;
}

bool virtio_sim_take(struct virtio_sim *sim, struct virtio_sim_chain *chain)
{
    if (!sim->is_started || (sim->status & STATUS_DRIVER_OK) == 0 ||
        (sim->status & STATUS_NEEDS_RESET) != 0) {
        return false;
    }
    if (virtio_sim_has(sim, VIRTIO_F_RING_PACKED)) {
        return virtio_sim_take_packed(sim, chain);
    }

    const unsigned size = sim->queue.size;
    const uint16_t index = __atomic_load_n(&avail(sim)[1], __ATOMIC_ACQUIRE);
    uint16_t event = sim->taken;

    if (virtio_sim_has(sim, VIRTIO_F_EVENT_IDX)) {
        memcpy(used(sim) + 4 + 8 * size, &event, 2);
    }
    if (index == sim->taken) {
        return false;
    }
    *chain = (struct virtio_sim_chain){.head = avail(sim)[2 + sim->taken % size]};
    if ((uint16_t)(index - sim->taken) > size) {
        chain->broken = true; /* more is available than fits */
    } else {
        read_chain(sim, chain);
    }
    sim->taken++;
    return true;
}

void virtio_sim_give(struct virtio_sim *sim, unsigned head, uint32_t length)
{
    const unsigned size = sim->queue.size;
    const uint32_t id = head;
    uint8_t *element;

    if (virtio_sim_has(sim, VIRTIO_F_RING_PACKED)) {
        virtio_sim_give_packed(sim, head, length);
        return;
    }
    element = used(sim) + 4 + 8 * (sim->given % size);
    memcpy(element, &id, 4);
    memcpy(element + 4, &length, 4);
    sim->given++;
    __atomic_store_n((uint16_t *)(used(sim) + 2), sim->given, __ATOMIC_RELEASE);
    if (virtio_sim_has(sim, VIRTIO_F_EVENT_IDX)) {
        sim->used_pending |= (uint16_t)(sim->given - 1) == avail(sim)[2 + size];
    } else {
        sim->used_pending |= (avail(sim)[0] & 1) == 0;
    }
}

bool virtio_sim_interrupt(struct virtio_sim *sim)
{
    if (sim->device.used == NULL || sim_in_handler ||
        (!sim->used_pending && !sim->changed_pending)) {
        return false;
    }

    const bool changed = sim->changed_pending;
    const irq_state_t state = irq_mask();

    sim->used_pending = sim->changed_pending = false;
    sim_in_handler = true;
    if (changed) {
        sim->device.changed(sim->device.context);
    }
    if (sim->device.used != NULL) { /* the first may have given the device up */
        sim->device.used(sim->device.context, 0);
    }
    sim_in_handler = false;
    irq_restore(state);
    return true;
}
