/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose the bytes are: in memory, translated, and in nobody else's use. */
#include "qemu/vdma/device/vdma_private.h"

static bool refuse(struct vdma_slot *slot, enum vdma_rule rule, const struct vdma_segment *segment,
                   uint64_t value)
{
    return vdma_refuse(slot, rule, segment->where, segment->place, value);
}

static bool in_a_ring(const struct vdma *device, uint64_t bus, uint64_t length)
{
    for (unsigned i = 0; i < device->queue_count; i++) {
        const struct vdma_queue *queue = &device->queues[i];
        const uint64_t size = queue->size;

        if (queue->ready && (vdma_overlap(bus, length, queue->desc, 16 * size) ||
                             vdma_overlap(bus, length, queue->avail, 6 + 2 * size) ||
                             vdma_overlap(bus, length, queue->used, 6 + 8 * size))) {
            return true;
        }
    }
    return false;
}

static bool in_the_request(const struct vdma_slot *slot, uint64_t bus, uint64_t length)
{
    for (uint32_t i = 0; i < slot->control_count; i++) {
        if (vdma_overlap(bus, length, slot->controls[i].address, slot->controls[i].length)) {
            return true;
        }
    }
    return false;
}

/* Where it may be written, the device's own instructions must not lie. */
static bool check_piece(const struct vdma *device, struct vdma_slot *slot,
                        const struct vdma_segment *segment, uint64_t address,
                        const struct vdma_spot *spot)
{
    /* As the driver names them: behind the guard that is what the table translates. */
    const uint64_t named = device->guarded != 0 ? address : spot->bus;

    if (segment->access != VDMA_WRITES) {
        return true;
    }
    if (in_the_request(slot, named, spot->length)) {
        return refuse(slot, R52, segment, segment->address);
    }
    if (in_a_ring(device, named, spot->length) ||
        vdma_overlap(spot->bus, spot->length, device->table, 8ull * device->table_entries)) {
        return refuse(slot, R53, segment, segment->address);
    }
    return true;
}

static uint64_t fold(uint64_t before, const struct vdma_spot *spot)
{
    return (before ^ spot->bus) * 0x100000001b3ull + spot->length;
}

static bool check_memory(struct vdma *device, struct vdma_slot *slot,
                         const struct vdma_segment *segment)
{
    uint64_t address = segment->address;
    uint64_t left = segment->length;

    while (left != 0) {
        const struct vdma_spot spot =
            vdma_reach(device, !slot->control, address, left, segment->access);

        if (spot.length == 0) {
            return refuse(slot, spot.rule, segment, spot.value);
        }
        if (!check_piece(device, slot, segment, address, &spot)) {
            return false;
        }
        slot->fold = fold(slot->fold, &spot);
        address += spot.length;
        left -= spot.length;
    }
    if (segment->address < slot->low) {
        slot->low = segment->address;
    }
    if (address > slot->high) {
        slot->high = address;
    }
    return true;
}

/* The order of two segments by address; heap sort needs no memory and has no bad case. */
static bool before(const struct vdma_side *side, uint16_t a, uint16_t b)
{
    return side->segments[a].address < side->segments[b].address;
}

static void sink(const struct vdma_side *side, uint16_t *order, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        uint16_t moved = order[at];

        if (child >= count) {
            return;
        }
        if (child + 1 < count && before(side, order[child], order[child + 1])) {
            child++;
        }
        if (!before(side, moved, order[child])) {
            return;
        }
        order[at] = order[child];
        order[child] = moved;
        at = child;
    }
}

static void sort(const struct vdma_side *side, uint16_t *order)
{
    for (uint32_t i = 0; i < side->count; i++) {
        order[i] = (uint16_t)i;
    }
    for (uint32_t i = side->count / 2; i-- > 0;) {
        sink(side, order, i, side->count);
    }
    for (uint32_t count = side->count; count-- > 1;) {
        const uint16_t last = order[count];

        order[count] = order[0];
        order[0] = last;
        sink(side, order, 0, count);
    }
}

static bool check_target(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_side *side = &slot->target;

    if (side->count < 2) {
        return true;
    }
    sort(side, device->order);
    for (uint32_t i = 1; i < side->count; i++) {
        const struct vdma_segment *a = &side->segments[device->order[i - 1]];
        const struct vdma_segment *b = &side->segments[device->order[i]];

        if (vdma_overlap(a->address, a->length, b->address, b->length)) {
            const struct vdma_segment *later = a->place > b->place ? a : b;

            return refuse(slot, R51, later, later->address);
        }
    }
    return true;
}

static bool check_against(struct vdma_slot *slot, const struct vdma_segment *segment,
                          const struct vdma_side *side)
{
    for (uint32_t i = 0; i < side->count; i++) {
        const struct vdma_segment *theirs = &side->segments[i];

        if ((segment->access == VDMA_WRITES || theirs->access == VDMA_WRITES) &&
            vdma_overlap(segment->address, segment->length, theirs->address, theirs->length)) {
            return refuse(slot, R54, segment, segment->address);
        }
    }
    return true;
}

static bool check_others(const struct vdma *device, struct vdma_slot *slot,
                         const struct vdma_side *side)
{
    for (unsigned i = 0; i < VDMA_SLOTS && device->parked != 0; i++) {
        const struct vdma_slot *other = &device->slots[i];

        if (!other->used || !other->parked || slot->high <= other->low ||
            other->high <= slot->low ||
            /* Addresses of two kinds: nothing can be said. */
            (slot->control && vdma_has_two_kinds(device))) {
            continue;
        }
        for (uint32_t j = 0; j < side->count; j++) {
            if (!check_against(slot, &side->segments[j], &other->source) ||
                !check_against(slot, &side->segments[j], &other->target)) {
                return false;
            }
        }
    }
    return true;
}

bool vdma_check_ownership(struct vdma *device, struct vdma_slot *slot)
{
    const struct vdma_side *const sides[] = {&slot->source, &slot->target};

    slot->low = UINT64_MAX;
    slot->high = 0;
    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < sides[i]->count; j++) {
            if (!check_memory(device, slot, &sides[i]->segments[j])) {
                return false;
            }
        }
    }
    return check_target(device, slot) && check_others(device, slot, &slot->source) &&
           check_others(device, slot, &slot->target);
}

bool vdma_translation_stays(struct vdma *device, const struct vdma_slot *slot)
{
    const struct vdma_side *const sides[] = {&slot->source, &slot->target};
    uint64_t now = 0;

    for (unsigned i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < sides[i]->count; j++) {
            uint64_t address = sides[i]->segments[j].address;
            uint64_t left = sides[i]->segments[j].length;

            while (left != 0) {
                const struct vdma_spot spot =
                    vdma_reach(device, true, address, left, sides[i]->segments[j].access);

                if (spot.length == 0) {
                    return false;
                }
                now = fold(now, &spot);
                address += spot.length;
                left -= spot.length;
            }
        }
    }
    return now == slot->fold;
}
