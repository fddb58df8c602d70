/* SPDX-License-Identifier: BSD-2-Clause */
/* What vdma is asked, and what its answers mean: the chain of a request, and its end. */
#include "drivers/vdma/vdma_private.h"
#include "kernel/direct_map.h"

#define PIECE_BYTES (1u << 30)

static paddr_t shared_address(const void *part)
{
    return virt_to_phys(part);
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* The two that may be done in parts: each part by itself has the same effect. */
static bool may_be_cut(uint32_t type)
{
    return type == VDMA_COPY || type == VDMA_FILL;
}

/* Segments of one side, at most `room` and `bytes`; the bytes in *bytes. */
static IOReturn add_side(struct virtq_chain *chain, IOMemoryDescriptor *memory, uint64_t offset,
                         unsigned flags, unsigned room, uint32_t *bytes)
{
    struct virtq_segments segments;
    IOByteCount size = 0;
    UInt32 count;
    IOReturn status;

    virtq_chain_segments(chain, &segments, flags | VIRTQ_NEXT);
    count = IOMemoryCursor_genPhysicalSegments(vdma_state.cursor, memory, offset, &segments, room,
                                               *bytes, &size);
    if (count == 0) {
        status = IOMemoryLastError();
        return status != kIOReturnSuccess ? status : kIOReturnNotReady;
    }
    virtq_chain_filled(chain, count, (uint32_t)size);
    *bytes = (uint32_t)size;
    return kIOReturnSuccess;
}

/*
 * The chain of a part of a transfer. Both sides of a copy must have as many bytes, so where one has
 * no room for as many as the other, it is done again with what fits.
 */
static IOReturn fill(struct vdma_transfer *transfer, struct virtq_chain *chain)
{
    const unsigned room = virtq_chain_room(chain) - VDMA_FIXED;
    const unsigned each = transfer->source != NULL && transfer->target != NULL ? room / 2 : room;
    const struct virtq_chain empty = *chain;
    const uint64_t left = transfer->length - transfer->moved;
    uint32_t bytes = left < PIECE_BYTES ? (uint32_t)left : PIECE_BYTES, agreed;
    IOReturn status = kIOReturnSuccess;

    do {
        agreed = bytes;
        *chain = empty;
        virtq_chain_add(chain, shared_address(&vdma_state.shared->request),
                        sizeof(struct vdma_request), VIRTQ_NEXT);
        if (transfer->source != NULL) {
            status = add_side(chain, transfer->source, transfer->source_offset + transfer->moved, 0,
                              each, &bytes);
        }
        if (status == kIOReturnSuccess && transfer->target != NULL) {
            status = add_side(chain, transfer->target, transfer->target_offset + transfer->moved,
                              VIRTQ_WRITE, each, &bytes);
        }
    } while (status == kIOReturnSuccess && bytes != agreed);
    if (status == kIOReturnSuccess && bytes != left && !may_be_cut(transfer->type)) {
        status = kIOReturnUnsupported;
    }
    transfer->part = bytes;
    return status;
}

static void fill_control(struct virtq_chain *chain)
{
    virtq_chain_add(chain, shared_address(&vdma_state.shared->request), sizeof(struct vdma_request),
                    VIRTQ_NEXT);
    if (vdma_state.in_bytes != 0) {
        virtq_chain_add(chain, shared_address(vdma_state.shared->in), vdma_state.in_bytes,
                        VIRTQ_NEXT);
    }
    if (vdma_state.out_bytes != 0) {
        virtq_chain_add(chain, shared_address(vdma_state.shared->out), vdma_state.out_bytes,
                        VIRTQ_NEXT | VIRTQ_WRITE);
    }
}

static IOReturn ask(struct vdma_transfer *transfer)
{
    struct virtq_chain chain;
    IOReturn status = virtq_begin(vdma_state.queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma_state.shared->request = (struct vdma_request){
        .type = transfer->type,
        .tag = transfer->moved,
        .arguments = {transfer->arguments[0], transfer->arguments[1]},
    };
    vdma_state.shared->status =
        (struct vdma_status){.code = 0xff}; /* until the device has written it */
    if (vdma_is_control(transfer->type)) {
        fill_control(&chain);
    } else if (transfer->type == VDMA_NOP) {
        virtq_chain_add(&chain, shared_address(&vdma_state.shared->request),
                        sizeof(struct vdma_request), VIRTQ_NEXT);
    } else {
        status = fill(transfer, &chain);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    virtq_chain_add(&chain, shared_address(&vdma_state.shared->status), sizeof(struct vdma_status),
                    VIRTQ_WRITE);
    virtq_submit(vdma_state.queue, &chain, transfer);
    virtq_publish(vdma_state.queue);
    vdma_state.busy = true;
    return kIOReturnSuccess;
}

/* The first in line has ended. */
static void finish(IOReturn status)
{
    struct vdma_transfer *transfer = vdma_state.first;

    /* Out of the line first: the completion may submit it again, or leave the stack it is on. */
    vdma_state.first = transfer->next;
    transfer->result = status;
    transfer->completion(transfer);
}

void vdma_ask_next(void)
{
    vdma_state.finishing = true;
    while (vdma_state.first != NULL && !vdma_state.busy) {
        const IOReturn status = ask(vdma_state.first);

        if (status != kIOReturnSuccess) {
            finish(status);
        }
    }
    vdma_state.finishing = false;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static IOReturn of_status(const struct vdma_transfer *transfer)
{
    switch (transfer->status.code) {
    case VDMA_STATUS_OK:
        return kIOReturnSuccess;
    case VDMA_STATUS_DIFFERENT:
        return transfer->type == VDMA_COMPARE ? kIOReturnSuccess : kIOReturnDeviceError;
    case VDMA_STATUS_UNSUPPORTED:
        return kIOReturnUnsupported;
    case VDMA_STATUS_REFUSED:
        return kIOReturnNotAligned;
    case VDMA_STATUS_ERROR:
        return kIOReturnIOError;
    default:
        return kIOReturnDeviceError;
    }
}

void vdma_take_answer(struct vdma_transfer *transfer)
{
    IOReturn status;

    vdma_state.busy = false;
    /* Once: what is judged is what the caller sees, whatever the device does to it meanwhile. */
    transfer->status = vdma_state.shared->status;
    status = of_status(transfer);
    if (transfer->status.code == VDMA_STATUS_DIFFERENT) {
        transfer->moved = transfer->length; /* looked at as far as was needed */
    } else if (status == kIOReturnSuccess && !vdma_is_control(transfer->type) &&
               transfer->type != VDMA_NOP) {
        const uint64_t moved = transfer->status.moved;

        if (transfer->status.tag != transfer->moved) {
            status = kIOReturnDeviceError; /* the answer to another question */
        } else if (moved < transfer->part) {
            status = kIOReturnUnderrun;
        } else if (moved > transfer->part) {
            status = kIOReturnDeviceError;
        }
        transfer->moved += moved < transfer->part ? moved : transfer->part;
    }
    vdma_state.finishing = true;
    if (status != kIOReturnSuccess || vdma_is_control(transfer->type) ||
        transfer->type == VDMA_NOP || transfer->moved == transfer->length) {
        finish(status);
    }
    vdma_state.finishing = false;
    if (vdma_state.first != NULL) {
        vdma_ask_next();
    }
}
