/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a request: its data are moved, its status written, its chain given back. */
#include "qemu/vdma/device/vdma_private.h"

void vdma_raise(struct vdma *device, unsigned vector, uint32_t cause)
{
    struct vdma_record record = vdma_record_of(device, NULL, VDMA_EVENT_LINE);

    device->causes |= cause;
    record.pc = 0;
    record.queue = (uint8_t)vector;
    record.value = device->causes;
    vdma_log(device, &record);
    device->ports->line(device->context, vector, true);
}

void vdma_fail(struct vdma *device)
{
    struct vdma_record record = vdma_record_of(device, NULL, VDMA_EVENT_FAILED);

    if ((device->status & STATUS_NEEDS_RESET) != 0) {
        return;
    }
    device->status |= STATUS_NEEDS_RESET;
    vdma_log(device, &record);
    /* Section 2.1.2: the driver is told, if it was ready to be. */
    if ((device->status & STATUS_DRIVER_OK) != 0) {
        vdma_raise(device, VDMA_NO_QUEUE, CAUSE_CONFIG);
    }
}

/* Give its ring descriptors and its segments' memory back to the driver. */
void vdma_release(struct vdma *device, struct vdma_slot *slot)
{
    struct vdma_queue *queue = &device->queues[slot->queue];

    if (slot->parked) {
        for (unsigned i = 0; i < queue->size; i++) {
            if (queue->owner[i] == slot->index + 1u) {
                queue->owner[i] = vdma_has(slot, VDMA_FAULT_MISSING) ? OWNER_LOST : OWNER_NONE;
            }
        }
        queue->held--;
        device->parked--;
        if (device->ports->disown != NULL) {
            device->ports->disown(device->context, slot->number);
        }
    } else if (vdma_has(slot, VDMA_FAULT_MISSING)) {
        for (uint32_t i = 0; i < device->chain_count; i++) {
            queue->owner[device->chain[i]] = OWNER_LOST;
        }
    }
    if (slot->segments == device->scratch) {
        device->scratch_busy = false;
    }
    slot->used = false;
}

static void write_status(struct vdma *device, const struct vdma_slot *slot)
{
    const struct vdma_status status = {.tag = slot->request.tag,
                                       .value = slot->value,
                                       .moved = slot->moved,
                                       .segment = slot->place,
                                       .rule = slot->rule,
                                       .where = slot->where,
                                       .code = slot->code};

    if (slot->status_size == sizeof(status)) {
        vdma_write(device, false, slot->status_address, &status, sizeof(status));
    } else {
        const uint8_t code = slot->code == VDMA_STATUS_REFUSED ? VDMA_STATUS_ERROR : slot->code;

        vdma_write(device, false, slot->status_address, &code, 1);
    }
}

static void tell(struct vdma *device, const struct vdma_slot *slot, enum vdma_progress progress)
{
    if (device->ports->progress != NULL) {
        device->ports->progress(device->context, slot->queue, slot->head, progress);
    }
}

/* The used ring, with what the faults make of it. */
static void give(struct vdma *device, struct vdma_slot *slot, uint32_t length)
{
    const uint32_t id = vdma_has(slot, VDMA_FAULT_WRONG_ID)
                            ? (uint32_t)slot->arguments[VDMA_FAULT_WRONG_ID]
                            : slot->head;
    const uint16_t before = device->queues[slot->queue].given;

    if (vdma_has(slot, VDMA_FAULT_WRONG_LENGTH)) {
        length = (uint32_t)slot->arguments[VDMA_FAULT_WRONG_LENGTH];
    }
    if (!vdma_has(slot, VDMA_FAULT_MISSING)) {
        device->queues[slot->queue].completed++;
        tell(device, slot, VDMA_GIVING);
        vdma_queue_give(device, slot->queue, id, length);
        tell(device, slot, VDMA_GIVEN);
        if (vdma_has(slot, VDMA_FAULT_DUPLICATE)) {
            vdma_queue_give(device, slot->queue, id, length);
        }
    }
    if (vdma_has(slot, VDMA_FAULT_MISSING) || vdma_has(slot, VDMA_FAULT_NO_INTERRUPT) ||
        !vdma_queue_wants_interrupt(device, slot->queue, before)) {
        return;
    }
    if (vdma_has(slot, VDMA_FAULT_LATE_INTERRUPT)) {
        vdma_late_interrupt(device, slot);
    } else {
        vdma_raise(device, slot->queue, CAUSE_USED);
    }
}

static void log_end(struct vdma *device, const struct vdma_slot *slot)
{
    struct vdma_record record = vdma_record_of(
        device, slot, slot->rule != RULE_NONE ? VDMA_EVENT_REFUSED : VDMA_EVENT_DONE);

    record.rule = slot->rule;
    record.segment = slot->place;
    record.value = slot->value;
    record.address = slot->request.tag;
    record.length = slot->moved;
    record.code = slot->rule != RULE_NONE ? slot->where : slot->code;
    /* The log's reader sees what was before its request. */
    if (slot->rule != RULE_NONE || slot->request.type != VDMA_READ_LOG) {
        vdma_log(device, &record);
    }
}

void vdma_reject(struct vdma *device, struct vdma_slot *slot)
{
    slot->code = VDMA_STATUS_REFUSED;
    log_end(device, slot);
    if (slot->status_size == 0) {
        vdma_fail(device);
    } else {
        write_status(device, slot);
        give(device, slot, slot->status_size);
    }
    vdma_release(device, slot);
}

/* Those that were held back for this one are due now. */
static void let_go(struct vdma *device, const struct vdma_slot *done)
{
    for (unsigned i = 0; i < VDMA_SLOTS && device->parked != 0; i++) {
        struct vdma_slot *slot = &device->slots[i];

        if (slot->used && slot->held && slot->queue == done->queue && slot != done) {
            slot->held = false;
            slot->due = device->now;
        }
    }
}

/* Only what lies in the chain counts for the used ring. */
static bool writes_chain(const struct vdma_slot *slot)
{
    return slot->target.count != 0 && slot->target.segments[0].where == VDMA_IN_CHAIN;
}

/*
 * Done once or twice, what comes of it is the same. Faults would be there twice, a log that was
 * read is gone, and a copy that reads what it has written finds something else there.
 */
static bool repeatable(const struct vdma_slot *slot)
{
    if (slot->request.type == VDMA_INJECT || slot->request.type == VDMA_READ_LOG) {
        return false;
    }
    for (uint32_t i = 0; i < slot->target.count; i++) {
        for (uint32_t j = 0; j < slot->source.count; j++) {
            if (vdma_overlap(slot->target.segments[i].address, slot->target.segments[i].length,
                             slot->source.segments[j].address, slot->source.segments[j].length)) {
                return false;
            }
        }
    }
    return true;
}

void vdma_finish(struct vdma *device, struct vdma_slot *slot)
{
    if (slot->parked && !vdma_translation_stays(device, slot)) {
        vdma_refuse(slot, R57, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, slot->number);
        vdma_reject(device, slot);
        return;
    }
    slot->place = VDMA_NO_SEGMENT;
    if (slot->again && !repeatable(slot)) {
        slot->code = VDMA_STATUS_LOST;
    } else if (vdma_has(slot, VDMA_FAULT_ERROR)) {
        slot->code = VDMA_STATUS_ERROR;
    } else if (slot->control) {
        vdma_do_control(device, slot);
    } else {
        vdma_engine(device, slot);
    }
    vdma_faults_stray(device, slot);
    log_end(device, slot);
    write_status(device, slot);
    give(device, slot, slot->status_size + (writes_chain(slot) ? (uint32_t)slot->moved : 0));
    let_go(device, slot);
    vdma_release(device, slot);
}
