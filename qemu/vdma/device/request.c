/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a chain asks for: its header, its status, and the data between them, cut into
 * what the device reads and what it writes.
 */
#include "qemu/vdma/device/vdma_private.h"

#define HEADER_BLK 16u

enum need {
    NO_DATA,
    DATA,
    MAYBE_DATA
};

struct shape {
    uint32_t type;
    bool control;             /* about the device itself: no limits, no faults, at once */
    enum need source, target; /* what it reads and writes */
    unsigned arguments;       /* of its header */
};

static const struct shape shapes[] = {
    {VIRTIO_BLK_T_IN, false, NO_DATA, DATA, 0},
    {VIRTIO_BLK_T_OUT, false, DATA, NO_DATA, 0},
    {VIRTIO_BLK_T_FLUSH, false, NO_DATA, NO_DATA, 0},
    {VIRTIO_BLK_T_GET_ID, true, NO_DATA, DATA, 0},
    {VDMA_NOP, false, NO_DATA, NO_DATA, 0},
    {VDMA_COPY, false, DATA, DATA, 0},
    {VDMA_FILL, false, NO_DATA, DATA, 2},
    {VDMA_COMPARE, false, DATA, NO_DATA, 1},
    {VDMA_CHECKSUM, false, DATA, NO_DATA, 0},
    {VDMA_CAPABILITIES, true, NO_DATA, DATA, 0},
    {VDMA_SET_LIMITS, true, MAYBE_DATA, NO_DATA, 1},
    {VDMA_SET_TABLE, true, NO_DATA, NO_DATA, 2},
    {VDMA_INJECT, true, MAYBE_DATA, NO_DATA, 1},
    {VDMA_READ_LOG, true, NO_DATA, DATA, 0},
};

static const struct shape *shape_of(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (shapes[i].type == type) {
            return &shapes[i];
        }
    }
    return NULL;
}

void vdma_add_control(struct vdma_slot *slot, uint64_t address, uint64_t length)
{
    if (slot->control_count < VDMA_CONTROLS) {
        slot->controls[slot->control_count++] = (struct vdma_range){address, length};
    }
}

/* Cut `length` bytes off the front of the readable part; how many there were. */
static uint32_t take_front(struct vdma *device, struct vdma_slot *slot, uint32_t *first, void *to,
                           uint32_t length)
{
    uint8_t *bytes = to;
    uint32_t taken = 0;

    while (taken < length && *first < slot->count && slot->segments[*first].access == VDMA_READS) {
        struct vdma_segment *segment = &slot->segments[*first];
        const uint32_t wanted = length - taken;
        const uint32_t here = segment->length < wanted ? (uint32_t)segment->length : wanted;

        if (!vdma_read(device, false, segment->address, bytes + taken, here)) {
            vdma_refuse(slot, R48, VDMA_IN_CHAIN, segment->place, segment->address);
            return taken;
        }
        vdma_add_control(slot, segment->address, here);
        taken += here;
        segment->address += here;
        segment->length -= here;
        *first += segment->length == 0;
    }
    return taken;
}

static void read_header(struct vdma *device, struct vdma_slot *slot, uint32_t *first)
{
    uint32_t size = HEADER_BLK;
    uint32_t taken = take_front(device, slot, first, &slot->request, HEADER_BLK);

    slot->header_ok = taken == HEADER_BLK;
    if (!slot->header_ok) {
        slot->request.type = 0;
    } else if (VDMA_TYPE_IS_VDMA(slot->request.type)) {
        size = sizeof(slot->request);
        taken += take_front(device, slot, first, (uint8_t *)&slot->request + HEADER_BLK,
                            size - HEADER_BLK);
    }
    if (taken != size) {
        vdma_refuse(slot, R34, VDMA_IN_CHAIN, 0, taken);
    }
}

/* The status is cut off the end of the last descriptor. */
static void find_status(struct vdma *device, struct vdma_slot *slot, uint32_t first)
{
    const bool private = slot->header_ok && VDMA_TYPE_IS_VDMA(slot->request.type);
    const uint32_t size = private ? sizeof(struct vdma_status) : 1;
    struct vdma_segment *last = slot->count > first ? &slot->segments[slot->count - 1] : NULL;

    if (last == NULL || last->access != VDMA_WRITES || last->length < size) {
        vdma_refuse(slot, R35, VDMA_IN_CHAIN, last != NULL ? last->place : VDMA_NO_SEGMENT,
                    last != NULL && last->access == VDMA_WRITES ? last->length : 0);
        return;
    }
    slot->status_address = last->address + last->length - size;
    if (slot->status_address + size < slot->status_address ||
        !vdma_there(device, slot->status_address, size, VDMA_WRITES)) {
        vdma_refuse(slot, R48, VDMA_IN_CHAIN, last->place, slot->status_address);
        return;
    }
    slot->status_size = size;
    last->length -= size;
    slot->count -= last->length == 0;
    vdma_add_control(slot, slot->status_address, size);
}

static void split(struct vdma_slot *slot, uint32_t first)
{
    uint32_t at = first;

    slot->source.segments = &slot->segments[at];
    while (at < slot->count && slot->segments[at].access == VDMA_READS) {
        slot->source.bytes += slot->segments[at++].length;
    }
    slot->source.count = at - first;
    slot->target.segments = &slot->segments[at];
    slot->target.count = slot->count - at;
    while (at < slot->count) {
        slot->target.bytes += slot->segments[at++].length;
    }
}

static bool check_header(struct vdma_slot *slot, const struct shape *shape)
{
    const uint32_t lists = shape->control ? 0
                                          : (shape->source == DATA ? VDMA_SOURCE_LIST : 0) |
                                                (shape->target == DATA ? VDMA_TARGET_LIST : 0);
    uint64_t sector;

    if (!VDMA_TYPE_IS_VDMA(shape->type)) {
        sector = slot->request.tag;
        return shape->type != VIRTIO_BLK_T_FLUSH || sector == 0 ||
               vdma_refuse(slot, R41, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, sector);
    }
    if ((slot->request.flags & ~lists) != 0) {
        return vdma_refuse(slot, R41, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, slot->request.flags);
    }
    for (unsigned i = shape->arguments; i < 2; i++) {
        if (slot->request.arguments[i] != 0) {
            return vdma_refuse(slot, R41, VDMA_IN_CHAIN, VDMA_NO_SEGMENT,
                               slot->request.arguments[i]);
        }
    }
    return true;
}

static bool check_side(struct vdma_slot *slot, const struct vdma_side *side, enum need need,
                       unsigned access)
{
    if (need == NO_DATA && side->count != 0) {
        return vdma_refuse(slot, R36, side->segments[0].where, side->segments[0].place,
                           side->bytes);
    }
    if (need == DATA && side->count == 0) {
        return vdma_refuse(slot, R37, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, access);
    }
    return true;
}

static bool check_blk(const struct vdma *device, struct vdma_slot *slot, uint64_t bytes)
{
    const uint64_t sector = slot->request.tag;
    const uint64_t sectors = bytes / VDMA_SECTOR;

    if (bytes % VDMA_SECTOR != 0) {
        return vdma_refuse(slot, R39, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, bytes);
    }
    if (sectors > device->sectors || sector > device->sectors - sectors) {
        return vdma_refuse(slot, R40, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, sector);
    }
    return true;
}

static bool check_data(struct vdma *device, struct vdma_slot *slot)
{
    const uint64_t *arguments = slot->request.arguments;
    const uint64_t source = slot->source.bytes;

    switch (slot->request.type) {
    case VIRTIO_BLK_T_IN:
        return check_blk(device, slot, slot->target.bytes);
    case VIRTIO_BLK_T_OUT:
        return check_blk(device, slot, source);
    case VDMA_COPY:
        return source == slot->target.bytes ||
               vdma_refuse(slot, R38, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, slot->target.bytes);
    case VDMA_COMPARE:
        return (source % 2 == 0 && arguments[0] == source / 2) ||
               vdma_refuse(slot, R38, VDMA_IN_CHAIN, VDMA_NO_SEGMENT,
                           source - (arguments[0] < source ? arguments[0] : source));
    case VDMA_FILL:
        return arguments[1] == 1 || arguments[1] == 2 || arguments[1] == 4 || arguments[1] == 8 ||
               vdma_refuse(slot, R41, VDMA_IN_CHAIN, VDMA_NO_SEGMENT, arguments[1]);
    default:
        return true;
    }
}

bool vdma_decode(struct vdma *device, struct vdma_slot *slot)
{
    const struct shape *shape;
    uint32_t first = 0;

    if (!slot->walked) {
        return false;
    }
    read_header(device, slot, &first);
    find_status(device, slot, first);
    if (slot->rule != RULE_NONE) {
        return false;
    }
    split(slot, first);
    shape = shape_of(slot->request.type);
    if (shape == NULL) {
        slot->control = true;
        return true;
    }
    slot->control = shape->control;
    return check_header(slot, shape) && vdma_read_lists(device, slot) &&
           check_side(slot, &slot->source, shape->source, VDMA_READS) &&
           check_side(slot, &slot->target, shape->target, VDMA_WRITES) && check_data(device, slot);
}
