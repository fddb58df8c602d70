/* SPDX-License-Identifier: BSD-2-Clause */
/* The available and used rings (virtio 1.2, sections 2.7.6 to 2.7.10). */
#include "qemu/vdma/device/vdma_private.h"

#define AVAIL_NO_INTERRUPT 1u

static bool event_index(const struct vdma *device)
{
    return (device->driver_features & VDMA_F_EVENT_IDX) != 0;
}

static uint64_t avail_at(const struct vdma_queue *queue, unsigned position)
{
    return queue->avail + 4 + 2 * (uint64_t)(position % queue->size);
}

/* Something is wrong that belongs to no chain: nobody can be told but by failing. */
static bool ring_broken(struct vdma *device, unsigned queue, enum vdma_rule rule, uint64_t value)
{
    device->access_pc = device->queues[queue].pc;
    vdma_log_rule(device, rule, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, value);
    vdma_fail(device);
    return false;
}

/* Remember which of the entries [from, to) came when the device had enough to do. */
static void note_depth(struct vdma *device, struct vdma_queue *queue, uint16_t from, uint16_t to)
{
    if (device->limits.depth == 0) {
        return;
    }
    for (uint16_t position = from; position != to; position++) {
        const uint16_t outstanding = (uint16_t)(position + 1 - queue->completed);

        queue->over[position % queue->size] = outstanding > device->limits.depth ? outstanding : 0;
    }
}

/* Read flags and index of the available ring. */
static bool refresh(struct vdma *device, unsigned index)
{
    struct vdma_queue *queue = &device->queues[index];
    struct {
        uint16_t flags, index;
    } head;

    if (!vdma_read(device, false, queue->avail, &head, sizeof(head))) {
        return ring_broken(device, index, R16, queue->avail);
    }
    if ((head.flags & ~(event_index(device) ? 0 : AVAIL_NO_INTERRUPT)) != 0) {
        return ring_broken(device, index, R32, head.flags);
    }
    if ((uint16_t)(head.index - queue->next) > queue->size) {
        return ring_broken(device, index, R18, head.index);
    }
    /* An index that steps back is one that is too far ahead, or takes back what was shown. */
    if ((uint16_t)(head.index - queue->next) < (uint16_t)(queue->seen - queue->next)) {
        return ring_broken(device, index, R18, head.index);
    }
    note_depth(device, queue, queue->seen, head.index);
    queue->seen = head.index;
    /* The entries are read after the index that made them valid. */
    vdma_barrier(device);
    return true;
}

/* Ask for a doorbell at the next entry, where the driver looks at such. */
static bool ask_for_doorbell(struct vdma *device, struct vdma_queue *queue)
{
    if (event_index(device)) {
        const uint64_t event = queue->used + 4 + 8 * (uint64_t)queue->size;

        if (!vdma_write(device, false, event, &queue->next, 2)) {
            return false;
        }
        /* Before the index is looked at again, or a doorbell is neither asked for nor missed. */
        vdma_barrier(device);
    }
    return true;
}

bool vdma_queue_look(struct vdma *device, unsigned index)
{
    struct vdma_queue *queue = &device->queues[index];

    if (!queue->ready || !queue->rung) {
        return false;
    }
    if (queue->next != queue->seen || queue->again_next != queue->again_count) {
        return true;
    }
    if (!refresh(device, index)) {
        return false;
    }
    if (queue->next == queue->seen) {
        if (!ask_for_doorbell(device, queue)) {
            return ring_broken(device, index, R16, queue->used);
        }
        if (event_index(device) && !refresh(device, index)) {
            return false;
        }
    }
    queue->rung = queue->next != queue->seen;
    return queue->rung;
}

void vdma_queue_give(struct vdma *device, unsigned index, uint32_t id, uint32_t length)
{
    struct vdma_queue *queue = &device->queues[index];
    const uint64_t element = queue->used + 4 + 8 * (uint64_t)(queue->given % queue->size);
    const uint32_t pair[2] = {id, length};
    bool there;

    queue->given++;
    there = vdma_write(device, false, element, pair, sizeof(pair));
    vdma_barrier(device);
    if (!there || !vdma_write(device, false, queue->used + 2, &queue->given, 2)) {
        ring_broken(device, index, R16, queue->used);
    }
}

bool vdma_queue_wants_interrupt(struct vdma *device, unsigned index, uint16_t before)
{
    const struct vdma_queue *queue = &device->queues[index];
    uint16_t word = 0;

    vdma_barrier(device);
    if (event_index(device)) {
        /* Owed when the index reaches or passes the one that the driver waits for. */
        if (!vdma_read(device, false, avail_at(queue, 0) + 2 * (uint64_t)queue->size, &word, 2)) {
            return true;
        }
        return (uint16_t)(queue->given - word - 1) < (uint16_t)(queue->given - before);
    }
    return !vdma_read(device, false, queue->avail, &word, 2) || (word & AVAIL_NO_INTERRUPT) == 0;
}
