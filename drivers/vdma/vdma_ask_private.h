/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma: the way of a transfer into the ring, of which most go by one entry each side. Inline, so
 * that whoever submits pays for no calls; the device's lock is held.
 */
#ifndef DRIVERS_VDMA_VDMA_ASK_PRIVATE_H
#define DRIVERS_VDMA_VDMA_ASK_PRIVATE_H

#include "descriptors/IODMAController_class.h"
#include "drivers/vdma/vdma_private.h"
#include "kernel/trace.h"

/* vdma_request.c */
/* The next part of any transfer. kIOReturnNoResources: no room; another error: it cannot be. */
__attribute__((noinline)) IOReturn vdma_ask_part(struct vdma_transfer *transfer);
/* vdma_ask_sides of one. */
__attribute__((noinline)) bool vdma_ask_side(struct vdma_transfer *transfer);
/* A pattern's bytes in an order that makes it go on where the last part ended. */
uint64_t vdma_turned(uint64_t pattern, uint64_t bytes, uint64_t moved);
/*
 * Of one that is in the ring: header and status of the chains of a slot, which have so many entries
 * before the status; and the chain to who watches, and to the recorder, as it stands in the ring.
 */
__attribute__((noinline)) void vdma_write_and_show(struct vdma_transfer *transfer, unsigned slot,
                                                   unsigned count);

static inline __attribute__((always_inline)) void vdma_write_header(struct vdma_transfer *transfer,
                                                                    struct vdma_frame *frame,
                                                                    uint64_t argument)
{
    transfer->tag = ++vdma_state.tag;
    frame->request.type = transfer->type;
    frame->request.tag = transfer->tag;
    frame->request.arguments[0] = argument;
    frame->request.arguments[1] = transfer->arguments[1];
    frame->status.tag = 0;
    frame->status.code = VDMA_STATUS_UNWRITTEN;
}

/* The first bytes of a side, at least one; there is such a side. */
static inline bool vdma_is_one_entry(const struct vdma_place *place, uint32_t length,
                                     uint64_t *address)
{
    struct IODMAEntry entry;

    if (place->position != 0) {
        return false;
    }
    entry = IODMAController_oneEntry(place->command);
    *address = entry.address;
    return length <= entry.length;
}

/*
 * One part is all of it, and one entry each side, as the commands themselves say: so that a walk
 * would find nothing else, and the chain, of which nobody needs the address, lives in registers.
 * None of it is moved yet, or its places were no beginnings. Nobody watches. False: it is not so,
 * or there is no room.
 */
static inline __attribute__((always_inline)) bool vdma_ask_sides(struct vdma_transfer *transfer,
                                                                 struct virtq *queue, bool reads,
                                                                 bool writes)
{
    const uint32_t length = (uint32_t)transfer->length;
    uint64_t source = 0, target = 0;
    struct virtq_chain chain;

    if ((reads && !vdma_is_one_entry(&transfer->source, length, &source)) ||
        (writes && !vdma_is_one_entry(&transfer->target, length, &target)) ||
        virtq_begin_framed(queue, &chain) != kIOReturnSuccess) {
        return false;
    }
    if (reads) {
        virtq_chain_segment(&chain, paddr(source), length, VIRTQ_NEXT);
        transfer->source.position = length;
    }
    if (writes) {
        virtq_chain_segment(&chain, paddr(target), length, VIRTQ_NEXT | VIRTQ_WRITE);
        transfer->target.position = length;
    }
    transfer->part = length;
    /* Of what only reads the device may say that less was to be moved. */
    transfer->odd = writes ? 0 : VDMA_ODD;
    vdma_write_header(transfer, virtq_frame_of(&chain), transfer->arguments[0]);
    virtq_submit_framed(queue, &chain, transfer, sizeof(struct vdma_status));
    if (!virtq_is_framed(&chain) || __builtin_expect(trace_is_on(), false)) {
        vdma_write_and_show(transfer, virtq_slot_of(&chain), chain.count);
    }
    return true;
}

/* The same, whichever sides there are: of most both. */
static inline __attribute__((always_inline)) bool vdma_ask_whole(struct vdma_transfer *transfer,
                                                                 struct virtq *queue)
{
    if (transfer->source.command == NULL || transfer->target.command == NULL) {
        return vdma_ask_side(transfer);
    }
    return vdma_ask_sides(transfer, queue, true, true);
}

/* The next part of a transfer, whatever it is; as vdma_ask_part. */
static inline IOReturn vdma_ask(struct vdma_transfer *transfer)
{
    return transfer->length - 1 < vdma_state.part_max && vdma_state.watch == NULL &&
                   vdma_ask_whole(transfer, vdma_state.queue)
               ? kIOReturnSuccess
               : vdma_ask_part(transfer);
}

#endif
