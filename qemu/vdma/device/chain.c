/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following a chain of descriptors (virtio 1.2, section 2.7). Each descriptor is read
 * once, and what is looked at is the copy: the driver may change the ring meanwhile.
 */
#include "qemu/vdma/device/vdma_private.h"

struct desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct walk {
    struct vdma *device;
    struct vdma_slot *slot;
    const struct vdma_queue *queue;
    uint64_t table;   /* the one being followed */
    uint32_t entries; /* in it */
    uint32_t at;
    uint32_t place;
    bool indirect, writing;
};

bool vdma_refuse(struct vdma_slot *slot, enum vdma_rule rule, unsigned where, uint32_t place,
                 uint64_t value)
{
    if (slot->rule == RULE_NONE) {
        slot->rule = (uint16_t)rule;
        slot->where = (uint8_t)where;
        slot->place = place;
        slot->value = value;
    }
    return false;
}

static bool refuse(struct walk *walk, enum vdma_rule rule, uint64_t value)
{
    return vdma_refuse(walk->slot, rule, VDMA_IN_CHAIN, walk->place, value);
}

/* Read the descriptor at walk->at. False: it cannot be followed. */
static bool read_desc(struct walk *walk, struct desc *desc)
{
    struct vdma *device = walk->device;

    if (walk->place == walk->queue->size) {
        return refuse(walk, R21, walk->queue->size);
    }
    if (!walk->indirect) {
        if (walk->queue->owner[walk->at] != OWNER_NONE) {
            return refuse(walk, walk->place == 0 ? R55 : R56, walk->at);
        }
        device->chain[device->chain_count++] = (uint16_t)walk->at;
    }
    if (!vdma_read(device, false, walk->table + 16 * (uint64_t)walk->at, desc, sizeof(*desc))) {
        return refuse(walk, walk->indirect ? R28 : R16, walk->table);
    }
    return true;
}

/* Go on in the table that the descriptor names. */
static bool enter_table(struct walk *walk, const struct desc *desc)
{
    if ((walk->device->driver_features & VDMA_F_INDIRECT) == 0) {
        return refuse(walk, R23, desc->flags);
    }
    if (walk->indirect) {
        return refuse(walk, R25, desc->flags);
    }
    if ((desc->flags & DESC_NEXT) != 0) {
        return refuse(walk, R24, desc->flags);
    }
    if (desc->length == 0 || desc->length % 16 != 0) {
        return refuse(walk, R26, desc->length);
    }
    if (desc->length / 16 > walk->queue->size) {
        return refuse(walk, R27, desc->length / 16);
    }
    if (!vdma_there(walk->device, desc->address, desc->length, VDMA_READS)) {
        return refuse(walk, R28, desc->address);
    }
    walk->indirect = true;
    walk->table = desc->address;
    walk->entries = desc->length / 16;
    walk->at = 0;
    vdma_add_control(walk->slot, desc->address, desc->length);
    return true;
}

/* What is wrong here leaves the rest of the chain legible, so that its status is found. */
static void add_segment(struct walk *walk, const struct desc *desc)
{
    struct vdma_slot *slot = walk->slot;
    const bool write = (desc->flags & DESC_WRITE) != 0;

    if ((desc->flags & ~(DESC_NEXT | DESC_WRITE)) != 0) {
        refuse(walk, R22, desc->flags);
    }
    if (!write && walk->writing) {
        refuse(walk, R33, desc->address);
    }
    walk->writing |= write;
    if (desc->length == 0) {
        refuse(walk, R29, desc->address);
        return;
    }
    if (desc->address + desc->length < desc->address) {
        refuse(walk, R30, desc->address);
    }
    slot->chain_bytes += desc->length;
    if (slot->chain_bytes > 1ull << 32) {
        refuse(walk, R31, slot->chain_bytes);
    }
    slot->segments[slot->count++] =
        (struct vdma_segment){.address = desc->address,
                              .length = desc->length,
                              .place = walk->place,
                              .access = write ? VDMA_WRITES : VDMA_READS};
}

bool vdma_walk(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_queue *queue = &device->queues[slot->queue];
    struct walk walk = {.device = device,
                        .slot = slot,
                        .queue = queue,
                        .table = queue->desc,
                        .entries = queue->size,
                        .at = slot->head};
    struct desc desc;

    device->chain_count = 0;
    if (slot->head >= queue->size) {
        return refuse(&walk, R19, slot->head);
    }
    for (;;) {
        if (!read_desc(&walk, &desc)) {
            return false;
        }
        if ((desc.flags & DESC_INDIRECT) != 0) {
            if (!enter_table(&walk, &desc)) {
                return false;
            }
            continue;
        }
        add_segment(&walk, &desc);
        if ((desc.flags & DESC_NEXT) == 0) {
            break;
        }
        if (desc.next >= walk.entries) {
            return refuse(&walk, R20, desc.next);
        }
        walk.at = desc.next;
        walk.place++;
    }
    slot->walked = true;
    return slot->rule == RULE_NONE;
}
