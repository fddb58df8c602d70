/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving bytes. Data go through a buffer in pieces of VDMA_PIECE bytes, counted from the
 * transfer's first byte: each piece is read whole before it is written.
 */
#include "qemu/vdma/device/vdma_private.h"

/* A position in the data of one side. */
struct flow {
    const struct vdma_side *side;
    uint32_t index;
    uint64_t offset; /* in the segment */
};

/* How many of `left` bytes are in the segment where the flow stands. */
static uint64_t here(const struct flow *flow, uint64_t left)
{
    const uint64_t rest = flow->side->segments[flow->index].length - flow->offset;

    return rest < left ? rest : left;
}

static void advance(struct flow *flow, uint64_t bytes)
{
    flow->offset += bytes;
    if (flow->offset == flow->side->segments[flow->index].length) {
        flow->index++;
        flow->offset = 0;
    }
}

static void skip(struct flow *flow, uint64_t bytes)
{
    while (bytes != 0) {
        const uint64_t step = here(flow, bytes);

        advance(flow, step);
        bytes -= step;
    }
}

static bool flow_read(struct vdma *device, struct flow *flow, uint8_t *to, uint64_t length)
{
    while (length != 0) {
        const uint64_t step = here(flow, length);

        if (!vdma_read(device, true, flow->side->segments[flow->index].address + flow->offset, to,
                       step)) {
            return false;
        }
        advance(flow, step);
        to += step;
        length -= step;
    }
    return true;
}

static bool flow_write(struct vdma *device, struct flow *flow, const uint8_t *from, uint64_t length)
{
    while (length != 0) {
        const uint64_t step = here(flow, length);

        if (!vdma_write(device, true, flow->side->segments[flow->index].address + flow->offset,
                        from, step)) {
            return false;
        }
        advance(flow, step);
        from += step;
        length -= step;
    }
    return true;
}

static void checksum_add(const struct vdma *device, uint32_t *crc, uint8_t byte)
{
    *crc = *crc << 8 ^ device->crc[*crc >> 24 ^ byte];
}

/* The sum of POSIX cksum goes over the length as well, its last byte first. */
static uint32_t checksum_end(const struct vdma *device, uint32_t crc, uint64_t length)
{
    for (; length != 0; length >>= 8) {
        checksum_add(device, &crc, (uint8_t)length);
    }
    return ~crc;
}

struct transfer {
    struct vdma *device;
    struct vdma_slot *slot;
    struct flow from, to, second;
    uint8_t *disk;
    uint32_t crc;
};

/* Fill the buffer with the bytes from slot->moved on. */
static bool fetch(struct transfer *transfer, uint8_t *bytes, uint32_t length)
{
    const struct vdma_request *request = &transfer->slot->request;

    switch (request->type) {
    case VIRTIO_BLK_T_IN:
        __builtin_memcpy(bytes, transfer->disk + transfer->slot->moved, length);
        return true;
    case VDMA_FILL:
        for (uint32_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)(request->arguments[0] >> 8 * (i % request->arguments[1]));
        }
        return true;
    default:
        return flow_read(transfer->device, &transfer->from, bytes, length);
    }
}

/* Where two buffers differ; `length`: nowhere. */
static uint32_t difference(const uint8_t *a, const uint8_t *b, uint32_t length)
{
    uint32_t i = 0;

    while (i < length && a[i] == b[i]) {
        i++;
    }
    return i;
}

/* Do with the buffer what the request wants. False: the end, and the slot says which. */
static bool deliver(struct transfer *transfer, const uint8_t *bytes, uint32_t length)
{
    struct vdma *device = transfer->device;
    struct vdma_slot *slot = transfer->slot;
    uint8_t *other = device->piece[1];
    uint32_t same;

    switch (slot->request.type) {
    case VIRTIO_BLK_T_OUT:
        __builtin_memcpy(transfer->disk + slot->moved, bytes, length);
        return true;
    case VDMA_CHECKSUM:
        for (uint32_t i = 0; i < length; i++) {
            checksum_add(device, &transfer->crc, bytes[i]);
        }
        return true;
    case VDMA_COMPARE:
        if (!flow_read(device, &transfer->second, other, length)) {
            slot->code = VDMA_STATUS_ERROR;
            return false;
        }
        same = difference(bytes, other, length);
        if (same != length) {
            slot->code = VDMA_STATUS_DIFFERENT;
            slot->moved += same;
            slot->value = slot->moved;
        }
        return same == length;
    default:
        if (!flow_write(device, &transfer->to, bytes, length)) {
            slot->code = VDMA_STATUS_ERROR;
            return false;
        }
        return true;
    }
}

static uint64_t length_of(const struct vdma_slot *slot)
{
    switch (slot->request.type) {
    case VIRTIO_BLK_T_IN:
    case VDMA_FILL:
        return slot->target.bytes;
    case VDMA_COMPARE:
        return slot->source.bytes / 2;
    default:
        return slot->source.bytes;
    }
}

static void corrupt(struct vdma *device, struct vdma_slot *slot, uint8_t *bytes, uint32_t length)
{
    const uint64_t position = slot->arguments[VDMA_FAULT_CORRUPT];

    if (vdma_has(slot, VDMA_FAULT_CORRUPT) && position - slot->moved < length) {
        bytes[position - slot->moved] ^= 0xff;
        vdma_log_fault(device, slot, VDMA_FAULT_CORRUPT, true);
        slot->faults &= ~(1u << VDMA_FAULT_CORRUPT);
    }
}

void vdma_engine(struct vdma *device, struct vdma_slot *slot)
{
    struct transfer transfer = {.device = device,
                                .slot = slot,
                                .from = {.side = &slot->source},
                                .second = {.side = &slot->source},
                                .to = {.side = &slot->target}};
    uint64_t total = length_of(slot);

    if (!VDMA_TYPE_IS_VDMA(slot->request.type) && total != 0) {
        transfer.disk = device->disk + slot->request.tag * VDMA_SECTOR;
    }
    if (slot->request.type == VDMA_COMPARE) {
        skip(&transfer.second, total);
    }
    if (vdma_has(slot, VDMA_FAULT_SHORT) && slot->arguments[VDMA_FAULT_SHORT] < total) {
        total = slot->arguments[VDMA_FAULT_SHORT];
    }
    while (slot->moved < total) {
        const uint64_t left = total - slot->moved;
        const uint32_t length = left < VDMA_PIECE ? (uint32_t)left : VDMA_PIECE;

        if (!fetch(&transfer, device->piece[0], length)) {
            slot->code = VDMA_STATUS_ERROR;
            return;
        }
        corrupt(device, slot, device->piece[0], length);
        if (!deliver(&transfer, device->piece[0], length)) {
            return;
        }
        slot->moved += length;
    }
    if (slot->request.type == VDMA_CHECKSUM) {
        slot->value = checksum_end(device, transfer.crc, total);
    }
}
