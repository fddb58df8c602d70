/* SPDX-License-Identifier: BSD-2-Clause */
/* Misbehaving on demand: which request suffers what, and what still comes afterwards. */
#include "qemu/vdma/device/vdma_private.h"

/* xorshift64*: any seed but 0 gives a sequence of full length. */
static uint64_t draw(struct vdma *device)
{
    device->random ^= device->random >> 12;
    device->random ^= device->random << 25;
    device->random ^= device->random >> 27;
    return device->random * 0x2545f4914f6cdd1dull;
}

void vdma_faults_clear(struct vdma *device)
{
    device->fault_count = 0;
    device->script.rate = 0;
    device->wrong_armed = false;
}

void vdma_faults_script(struct vdma *device, const struct vdma_script *script)
{
    device->script = *script;
    device->random = script->seed != 0 ? script->seed : 0x9e3779b97f4a7c15ull;
}

void vdma_faults_inject(struct vdma *device, const struct vdma_fault *fault)
{
    if (device->fault_count < VDMA_FAULTS_PENDING) {
        device->faults[device->fault_count++] = *fault;
    }
}

void vdma_log_fault(struct vdma *device, const struct vdma_slot *slot, unsigned kind, bool done)
{
    struct vdma_record record = vdma_record_of(device, slot, VDMA_EVENT_FAULT);

    record.rule = (uint16_t)kind;
    record.value = slot->arguments[kind];
    record.code = done ? 0 : 1;
    vdma_log(device, &record);
}

static void suffer(struct vdma *device, struct vdma_slot *slot, unsigned kind, uint64_t argument,
                   uint64_t second)
{
    slot->faults |= 1u << kind;
    slot->arguments[kind] = argument;
    if (kind == VDMA_FAULT_REGISTER) {
        device->wrong_armed = true;
        device->wrong_offset = (uint32_t)argument;
        device->wrong_mask = (uint32_t)second;
    }
}

/* One of the kinds in the mask, all with the same chance. */
static unsigned nth_kind(uint32_t kinds, uint64_t number)
{
    unsigned count = 0;
    unsigned kind = 1;

    for (unsigned i = 1; i < VDMA_FAULTS; i++) {
        count += (kinds & 1u << i) != 0;
    }
    for (number %= count; (kinds & 1u << kind) == 0 || number-- != 0;) {
        kind++;
    }
    return kind;
}

static void draw_from_script(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_script *script = &device->script;
    unsigned kind;
    uint64_t argument;

    if (script->rate == 0 || script->kinds == 0 || draw(device) % 65536 >= script->rate) {
        return;
    }
    kind = nth_kind(script->kinds, draw(device));
    argument = draw(device);
    if (script->argument_max != UINT64_MAX) {
        argument %= script->argument_max + 1;
    }
    if (kind == VDMA_FAULT_REGISTER) {
        suffer(device, slot, kind, 0x60, argument);
    } else {
        suffer(device, slot, kind, argument, 0);
    }
}

/* Those that can only be decided while moving data report themselves. */
static bool reports_later(unsigned kind)
{
    return kind == VDMA_FAULT_CORRUPT || kind == VDMA_FAULT_PAST_END ||
           kind == VDMA_FAULT_LATE_WRITE || kind == VDMA_FAULT_AFTER_RESET;
}

void vdma_faults_draw(struct vdma *device, struct vdma_slot *slot)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < device->fault_count; i++) {
        struct vdma_fault fault = device->faults[i];

        if (fault.after == 0) {
            suffer(device, slot, fault.kind, fault.argument, fault.second);
        } else {
            fault.after--;
            device->faults[kept++] = fault;
        }
    }
    device->fault_count = kept;
    draw_from_script(device, slot);
    for (unsigned kind = 1; kind < VDMA_FAULTS; kind++) {
        if (vdma_has(slot, kind) && !reports_later(kind)) {
            vdma_log_fault(device, slot, kind, true);
        }
    }
}

void vdma_faults_taken(struct vdma *device, struct vdma_slot *slot)
{
    if (vdma_has(slot, VDMA_FAULT_CONFIG)) {
        device->shown_sectors = slot->arguments[VDMA_FAULT_CONFIG];
        device->generation++;
        vdma_raise(device, VDMA_NO_QUEUE, CAUSE_CONFIG);
    }
    if (vdma_has(slot, VDMA_FAULT_SPURIOUS)) {
        vdma_raise(device, slot->queue, CAUSE_USED);
    }
    if (vdma_has(slot, VDMA_FAULT_NEEDS_RESET)) {
        vdma_fail(device);
    }
}

static struct vdma_later *new_later(struct vdma *device, const struct vdma_slot *slot,
                                    unsigned kind)
{
    for (unsigned i = 0; i < VDMA_LATER; i++) {
        struct vdma_later *later = &device->later[i];

        if (!later->used) {
            device->later_count++;
            *later = (struct vdma_later){.used = true,
                                         .kind = (uint8_t)kind,
                                         .queue = slot->queue,
                                         .request = slot->number,
                                         .due = vdma_after(device, slot->arguments[kind])};
            return later;
        }
    }
    return NULL;
}

void vdma_late_interrupt(struct vdma *device, const struct vdma_slot *slot)
{
    if (new_later(device, slot, VDMA_FAULT_LATE_INTERRUPT) == NULL) {
        vdma_raise(device, slot->queue, CAUSE_USED);
    }
}

/* A write of this kind into the first bytes of the target, at a time to come. */
static void schedule_write(struct vdma *device, struct vdma_slot *slot, unsigned kind)
{
    struct vdma_later *later = NULL;
    struct vdma_spot spot = {.length = 0};

    if (!vdma_has(slot, kind)) {
        return;
    }
    if (slot->target.count != 0) {
        const struct vdma_segment *first = &slot->target.segments[0];

        spot = vdma_reach(device, true, first->address, first->length < 8 ? first->length : 8,
                          VDMA_WRITES);
    }
    if (spot.length != 0) {
        later = new_later(device, slot, kind);
    }
    if (later != NULL) {
        later->memory = spot.memory;
        later->length = (uint32_t)spot.length;
        if (kind == VDMA_FAULT_AFTER_RESET) {
            later->after_reset = true;
            later->due = slot->arguments[kind];
        }
    }
    vdma_log_fault(device, slot, kind, later != NULL);
}

static void write_past_end(struct vdma *device, struct vdma_slot *slot)
{
    uint8_t bytes[VDMA_FAULT_PAST_MAX];
    uint64_t count = slot->arguments[VDMA_FAULT_PAST_END];
    struct vdma_spot spot = {.length = 0};

    if (!vdma_has(slot, VDMA_FAULT_PAST_END)) {
        return;
    }
    count = count == 0 ? 1 : count > sizeof(bytes) ? sizeof(bytes) : count;
    if (slot->target.count != 0) {
        const struct vdma_segment *last = &slot->target.segments[slot->target.count - 1];

        spot = vdma_reach(device, true, last->address + last->length, count, VDMA_WRITES);
    }
    __builtin_memset(bytes, VDMA_FAULT_BYTE, sizeof(bytes));
    vdma_log_fault(device, slot, VDMA_FAULT_PAST_END,
                   spot.length != 0 && device->ports->write(device->context, spot.memory, bytes,
                                                            (uint32_t)spot.length));
}

void vdma_faults_stray(struct vdma *device, struct vdma_slot *slot)
{
    /* Still there: its position was not among the bytes that moved. */
    if (vdma_has(slot, VDMA_FAULT_CORRUPT)) {
        vdma_log_fault(device, slot, VDMA_FAULT_CORRUPT, false);
    }
    write_past_end(device, slot);
    schedule_write(device, slot, VDMA_FAULT_LATE_WRITE);
    schedule_write(device, slot, VDMA_FAULT_AFTER_RESET);
}

uint64_t vdma_later_due(const struct vdma *device)
{
    uint64_t due = VDMA_NEVER;

    for (unsigned i = 0; i < VDMA_LATER && device->later_count != 0; i++) {
        const struct vdma_later *later = &device->later[i];

        if (later->used && !later->after_reset && later->due < due) {
            due = later->due;
        }
    }
    return due;
}

bool vdma_later_step(struct vdma *device)
{
    const uint64_t due = vdma_later_due(device);
    uint8_t bytes[8];

    if (due == VDMA_NEVER || due > device->now) {
        return false;
    }
    for (unsigned i = 0; i < VDMA_LATER; i++) {
        struct vdma_later *later = &device->later[i];
        struct vdma_record record = vdma_record_of(device, NULL, VDMA_EVENT_LATE);

        if (!later->used || later->after_reset || later->due != due) {
            continue;
        }
        later->used = false;
        device->later_count--;
        record.pc = 0;
        record.request = later->request;
        record.rule = later->kind;
        record.queue = later->queue;
        record.length = later->length;
        vdma_log(device, &record);
        if (later->kind == VDMA_FAULT_LATE_INTERRUPT) {
            vdma_raise(device, later->queue, CAUSE_USED);
        } else {
            __builtin_memset(bytes, VDMA_FAULT_BYTE, sizeof(bytes));
            device->ports->write(device->context, later->memory, bytes, later->length);
        }
        return true;
    }
    return false;
}

/* A reset ends what was promised to the driver, and begins what should not happen. */
void vdma_later_reset(struct vdma *device)
{
    for (unsigned i = 0; i < VDMA_LATER; i++) {
        struct vdma_later *later = &device->later[i];

        if (later->used && later->kind == VDMA_FAULT_LATE_INTERRUPT) {
            later->used = false;
            device->later_count--;
        } else if (later->used && later->after_reset) {
            later->after_reset = false;
            later->due = vdma_after(device, later->due);
        }
    }
}
