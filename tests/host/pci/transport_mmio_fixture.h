/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the virtio-mmio transport: a machine with slots of many kinds, and a disk in one. */
#ifndef TESTS_HOST_PCI_TRANSPORT_MMIO_FIXTURE_H
#define TESTS_HOST_PCI_TRANSPORT_MMIO_FIXTURE_H

#include <stdio.h>

#include "drivers/virtio/transport_mmio.h"
#include "kernel/direct_map.h"
#include "qemu/vdma/wire.h"
#include "tests/host/bus/machine.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/host/sim/sim_order.h"

#define SLOTS      0x0a000000ull
#define SLOT_SIZE  0x200ull
#define FILLERS    66 /* more than the transport keeps */
#define FILLER_ID  18u
#define FIRST_LINE 32 /* shared peripheral interrupt 0 */

const struct virtio_transport *const virtio_transports[] = {&virtio_mmio, NULL};

/* One device, as section 4.2.2 has its registers. */
struct slot {
    struct sim_registers registers; /* first */
    uint32_t magic, version, id, vendor;
    uint64_t offered, accepted;
    uint32_t offered_half, accepted_half, queue;
    uint32_t status, interrupt;
    uint32_t ready, size_max[2];
    uint32_t generation;
    bool moving;          /* the configuration never stops changing */
    bool refuses_reset;   /* the status stays what it was */
    bool refuses_choice;  /* takes FEATURES_OK back */
    bool refuses_queue;   /* never ready */
    uint32_t fails_with;  /* status bits, once the driver is ready */
    unsigned reset_reads; /* until a reset is confirmed */
    uint8_t config[0x100];
};

enum {
    DISK_LOW,
    EMPTY,
    LEGACY,
    NO_MAGIC,
    TOO_SMALL,
    NO_LINE,
    DISK_HIGH,
    ENTROPY,
    VDMA,   /* a disk by its type, but with a driver of its own */
    BESIDE, /* the same as a process: another vendor's, but for a word of its configuration */
    SLOT_COUNT
};

static struct slot slots[SLOT_COUNT + FILLERS];
static struct virtio_device *disk;
static struct slot *disk_slot;

static inline uint32_t read_register(struct slot *slot, uint64_t offset)
{
    switch (offset) {
    case 0x000:
        return slot->magic;
    case 0x004:
        return slot->version;
    case 0x008:
        return slot->id;
    case 0x00c:
        return slot->vendor;
    case 0x010:
        return (uint32_t)(slot->offered >> 32 * slot->offered_half);
    case 0x034:
        return slot->queue < 2 ? slot->size_max[slot->queue] : 0;
    case 0x044:
        return slot->queue < 2 ? slot->ready : 0;
    case 0x060:
        return slot->interrupt;
    case 0x070:
        if (slot->reset_reads != 0 && --slot->reset_reads == 0) {
            slot->status = 0;
        }
        return slot->status;
    case 0x0fc:
        return slot->moving ? slot->generation++ : slot->generation;
    default:
        fail_msg("a read of register %#x", (unsigned)offset);
        return 0;
    }
}

static inline uint64_t read_slot(struct sim_registers *self, uint64_t offset, unsigned width)
{
    struct slot *slot = (struct slot *)self;
    uint64_t value = 0;

    if (offset >= 0x100) {
        memcpy(&value, slot->config + offset - 0x100, width);
    } else {
        assert_int_equal(width, 4);
        value = read_register(slot, offset);
    }
    log_access(offset, value, width, false);
    return value;
}

static inline void write_status(struct slot *slot, uint32_t value)
{
    if (value == 0 && slot->reset_reads == 0) {
        slot->status = slot->refuses_reset ? slot->status : 0;
        slot->ready = 0;
        return;
    }
    if (value != 0) {
        slot->status = value;
    }
    if ((value & 8) != 0 && slot->refuses_choice) {
        slot->status &= ~8u;
    }
    if ((value & 4) != 0) {
        slot->status |= slot->fails_with;
    }
}

static inline void write_slot(struct sim_registers *self, uint64_t offset, uint64_t value,
                              unsigned width)
{
    struct slot *slot = (struct slot *)self;

    assert_int_equal(width, 4);
    log_access(offset, value, width, true);
    switch (offset) {
    case 0x014:
        slot->offered_half = (uint32_t)value;
        break;
    case 0x020:
        slot->accepted &= ~(0xffffffffull << 32 * slot->accepted_half);
        slot->accepted |= value << 32 * slot->accepted_half;
        break;
    case 0x024:
        slot->accepted_half = (uint32_t)value;
        break;
    case 0x030:
        slot->queue = (uint32_t)value;
        break;
    case 0x044:
        slot->ready = slot->refuses_queue ? 0 : (uint32_t)value;
        break;
    case 0x064:
        slot->interrupt &= ~(uint32_t)value;
        break;
    case 0x070:
        write_status(slot, (uint32_t)value);
        break;
    default:
        break;
    }
}

static inline uint64_t slot_base(unsigned number)
{
    return SLOTS + number * SLOT_SIZE;
}

static inline void add_slot(unsigned number)
{
    struct slot *slot = &slots[number];
    char name[32];

    *slot = (struct slot){.registers = {.start = phys_to_virt(paddr(slot_base(number))),
                                        .size = SLOT_SIZE,
                                        .read = read_slot,
                                        .write = write_slot},
                          .magic = 0x74726976,
                          .version = 2,
                          .id = FILLER_ID};
    sim_mmio_plug(&slot->registers);
    snprintf(name, sizeof(name), "virtio_mmio@%llx", (unsigned long long)slot_base(number));
    begin(name);
    ok(fdt_property_string(tree, "compatible", "virtio,mmio"));
    add_registers(slot_base(number), number == TOO_SMALL ? SLOT_SIZE - 1 : SLOT_SIZE);
    if (number != NO_LINE) {
        cells("interrupts", 3, 0u, number, 1u);
    }
    if (number == DISK_HIGH) {
        ok(fdt_property(tree, "dma-coherent", NULL, 0));
    }
    end();
}

static inline int start(void **state)
{
    if (machine_start(state) != 0) {
        return -1;
    }
    begin_tree();
    add_memory();
    begin_controller("intc@8000000", "arm,gic-400", GIC, 3);
    add_registers(0x08000000, 0x10000);
    end();
    for (unsigned i = 0; i < SLOT_COUNT + FILLERS; i++) {
        add_slot(i);
    }
    slots[DISK_LOW].id = slots[DISK_HIGH].id = slots[TOO_SMALL].id = slots[NO_LINE].id =
        VIRTIO_ID_BLOCK;
    slots[NO_MAGIC].id = slots[LEGACY].id = slots[VDMA].id = VIRTIO_ID_BLOCK;
    slots[VDMA].vendor = VIRTIO_VENDOR_VDMA;
    slots[BESIDE].id = VIRTIO_ID_BLOCK;
    memcpy(slots[BESIDE].config + VDMA_CONFIG_VENDOR, "VDMA", 4);
    slots[BESIDE].offered = slots[DISK_HIGH].offered = 1u << 4;
    memcpy(slots[DISK_HIGH].config + VDMA_CONFIG_VENDOR, "VDMa", 4);
    /* No geometry: whatever this is. */
    memcpy(slots[DISK_LOW].config + VDMA_CONFIG_VENDOR, "VDMA", 4);
    slots[ENTROPY].id = VIRTIO_ID_ENTROPY;
    slots[EMPTY].id = 0;
    slots[EMPTY].version = 1; /* as QEMU's old ones have it: nothing to complain of */
    slots[LEGACY].version = 1;
    slots[NO_MAGIC].magic++;
    return finish_tree() == NULL ? 0 : -1;
}

/* The disk that is found first, of which the rest speaks. */
static inline void claim_disk(void)
{
    disk = virtio_claim(VIRTIO_ID_BLOCK);
    assert_non_null(disk);
    assert_int_equal(disk->address.value, slot_base(DISK_HIGH));
    disk_slot = &slots[DISK_HIGH];
}

#define WANTED (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | 1u << 5)

static inline int again(void **state)
{
    (void)state;
    disk_slot->offered = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | 1u << 3;
    disk_slot->accepted = 0;
    disk_slot->size_max[0] = 256;
    disk_slot->size_max[1] = 0;
    disk_slot->status = disk_slot->ready = disk_slot->interrupt = 0;
    disk_slot->reset_reads = disk_slot->fails_with = 0;
    disk_slot->refuses_reset = disk_slot->refuses_choice = disk_slot->refuses_queue = false;
    disk_slot->moving = false;
    log_forget();
    return 0;
}

#endif
