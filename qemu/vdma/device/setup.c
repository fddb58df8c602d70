/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver sets up before it uses the device: features and rings; and the doorbell. */
#include "qemu/vdma/device/vdma_private.h"

uint64_t vdma_features(const struct vdma *device)
{
    return device->offered;
}

bool vdma_set_features(struct vdma *device, uint64_t features)
{
    if ((features & ~device->offered) != 0 || (features & VDMA_F_VERSION_1) == 0) {
        return false;
    }
    device->driver_features = features;
    device->status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    return true;
}

struct part {
    uint64_t address, length;
    unsigned access;
};

static void parts_of(struct part *parts, unsigned size, uint64_t desc, uint64_t avail,
                     uint64_t used)
{
    parts[0] = (struct part){desc, 16 * (uint64_t)size, VDMA_READS};
    parts[1] = (struct part){avail, 6 + 2 * (uint64_t)size, VDMA_READS};
    parts[2] = (struct part){used, 6 + 8 * (uint64_t)size, VDMA_WRITES};
}

/* Does a part lie over one of the first `count` others? */
static bool overlaps(const struct part *part, const struct part *others, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (vdma_overlap(part->address, part->length, others[i].address, others[i].length)) {
            return true;
        }
    }
    return false;
}

static enum vdma_rule check_parts(struct vdma *device, const struct part *parts, uint64_t *value)
{
    for (unsigned i = 0; i < 3; i++) {
        *value = parts[i].address;
        if (parts[i].address + parts[i].length < parts[i].address ||
            !vdma_there(device, parts[i].address, parts[i].length, parts[i].access)) {
            return R16;
        }
        if (overlaps(&parts[i], parts, i)) {
            return R17;
        }
        for (unsigned j = 0; j < device->queue_count; j++) {
            const struct vdma_queue *queue = &device->queues[j];
            struct part others[3];

            parts_of(others, queue->size, queue->desc, queue->avail, queue->used);
            if (queue->ready && overlaps(&parts[i], others, 3)) {
                return R17;
            }
        }
    }
    return RULE_NONE;
}

static enum vdma_rule check_setup(struct vdma *device, const struct vdma_queue_setup *setup,
                                  uint64_t *value)
{
    struct part parts[3];

    *value = setup->size;
    if (setup->size == 0 || (setup->size & (setup->size - 1)) != 0 ||
        setup->size > device->queue_size || setup->again_count > setup->size) {
        return R12;
    }
    *value = setup->desc;
    if (setup->desc % 16 != 0) {
        return R13;
    }
    *value = setup->avail;
    if (setup->avail % 2 != 0) {
        return R14;
    }
    *value = setup->used;
    if (setup->used % 4 != 0) {
        return R15;
    }
    parts_of(parts, setup->size, setup->desc, setup->avail, setup->used);
    return check_parts(device, parts, value);
}

bool vdma_queue_start(struct vdma *device, unsigned index, const struct vdma_queue_setup *setup)
{
    const uint16_t given = (uint16_t)(setup->next - setup->again_count);
    enum vdma_rule rule;
    uint64_t value;

    if (index >= device->queue_count || device->queues[index].ready) {
        vdma_log_rule(device, R59, VDMA_IN_REGISTERS, VDMA_NO_SEGMENT, index);
        return false;
    }
    rule = check_setup(device, setup, &value);
    if (rule != RULE_NONE) {
        vdma_log_rule(device, rule, VDMA_IN_REGISTERS, VDMA_NO_SEGMENT, value);
        return false;
    }
    device->queues[index] = (struct vdma_queue){.desc = setup->desc,
                                                .avail = setup->avail,
                                                .used = setup->used,
                                                .size = (uint16_t)setup->size,
                                                .ready = true,
                                                .next = setup->next,
                                                .seen = setup->next,
                                                .given = given,
                                                .completed = given,
                                                .again_count = (uint16_t)setup->again_count};
    for (unsigned i = 0; i < setup->again_count; i++) {
        device->queues[index].again[i] = setup->again[i];
    }
    return true;
}

/* The request of this queue that was taken first. */
static struct vdma_slot *oldest(struct vdma *device, unsigned index)
{
    struct vdma_slot *first = NULL;

    for (unsigned i = 0; i < VDMA_SLOTS; i++) {
        struct vdma_slot *slot = &device->slots[i];

        if (slot->used && slot->parked && slot->queue == index &&
            (first == NULL || slot->number < first->number)) {
            first = slot;
        }
    }
    return first;
}

uint16_t vdma_queue_stop(struct vdma *device, unsigned index, uint64_t now)
{
    struct vdma_slot *slot;

    device->now = now;
    if (index >= device->queue_count) {
        return 0;
    }
    /* The position says nothing of them: they are taken now. */
    while (device->queues[index].again_next != device->queues[index].again_count &&
           vdma_step(device, now)) {
    }
    while ((slot = oldest(device, index)) != NULL) {
        vdma_finish(device, slot);
    }
    device->queues[index].ready = false;
    return device->queues[index].next;
}

bool vdma_doorbell(struct vdma *device, unsigned index, uint64_t pc)
{
    struct vdma_record record;

    device->access_pc = pc;
    if ((device->status & STATUS_NEEDS_RESET) != 0) {
        vdma_log_rule(device, R61, VDMA_IN_REGISTERS, VDMA_NO_SEGMENT, index);
        return false;
    }
    if (index >= device->queue_count || !device->queues[index].ready ||
        (device->status & STATUS_DRIVER_OK) == 0) {
        vdma_log_rule(device, R60, VDMA_IN_REGISTERS, VDMA_NO_SEGMENT, index);
        return false;
    }
    record = vdma_record_of(device, NULL, VDMA_EVENT_DOORBELL);
    record.queue = (uint8_t)index;
    vdma_log(device, &record);
    device->queues[index].rung = true;
    device->queues[index].pc = pc;
    return true;
}

void vdma_config(const struct vdma *device, uint32_t offset, void *to, uint32_t length)
{
    /* virtio 1.2, section 5.2.4. */
    struct {
        uint64_t capacity;
        uint32_t size_max, seg_max;
        uint32_t geometry, blk_size;
        uint8_t topology[8];
        uint8_t writeback, unused;
        uint16_t num_queues;
        uint8_t rest[220];
    } config = {.capacity = device->shown_sectors,
                .size_max = UINT32_MAX,
                .seg_max = device->queue_size - 2,
                .blk_size = VDMA_SECTOR,
                .num_queues = (uint16_t)device->queue_count};
    const struct vdma_limits *limits = &device->limits;

    _Static_assert(sizeof(config) == 256, "all that there is room for in the registers");
    if (limits->segment_max != 0 && limits->segment_max < config.size_max) {
        config.size_max = (uint32_t)limits->segment_max;
    }
    if (limits->segments_max != 0 && limits->segments_max < config.seg_max) {
        config.seg_max = limits->segments_max;
    }
    __builtin_memset(to, 0, length);
    if (offset < sizeof(config)) {
        const uint32_t left = (uint32_t)sizeof(config) - offset;

        __builtin_memcpy(to, (const uint8_t *)&config + offset, length < left ? length : left);
    }
}
