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
/* A pattern's bytes in an order that makes it go on where the last part ended. */
uint64_t vdma_turned(uint64_t pattern, uint64_t bytes, uint64_t moved);
/* Header and status of the chains of a slot, which have so many entries before the status. */
void vdma_write_frame(unsigned slot, unsigned count);
/* To who watches, and to the recorder: the chain of a slot, as it stands in the ring. */
void vdma_show_watcher(const struct vdma_transfer *transfer, unsigned slot);

static inline __attribute__((always_inline)) void vdma_write_header(struct vdma_transfer *transfer,
                                                                    struct vdma_frame *frame)
{
    transfer->tag = ++vdma_state.tag;
    frame->request.type = transfer->type;
    frame->request.tag = transfer->tag;
    frame->request.arguments[0] = transfer->arguments[0];
    frame->request.arguments[1] = transfer->arguments[1];
    if (transfer->type == VDMA_FILL && transfer->moved != 0) {
        frame->request.arguments[0] =
            vdma_turned(transfer->arguments[0], transfer->arguments[1], transfer->moved);
    }
    frame->status.tag = 0;
    frame->status.code = VDMA_STATUS_UNWRITTEN;
}

/* Its data stands in the chain: around that what all have, and into the ring. */
static inline __attribute__((always_inline)) void vdma_finish_chain(struct vdma_transfer *transfer,
                                                                    const struct virtq_chain *chain)
{
    vdma_write_header(transfer, virtq_frame_of(chain));
    if (!virtq_is_framed(chain)) {
        vdma_write_frame(virtq_slot_of(chain), chain->count);
    }
    virtq_submit_framed(vdma_state.queue, chain, transfer, sizeof(struct vdma_status));
    if (vdma_state.watch != NULL || trace_is_on()) {
        vdma_show_watcher(transfer, virtq_slot_of(chain));
    }
}

static inline bool vdma_is_one_entry(const struct vdma_place *place, uint64_t length,
                                     uint64_t *address)
{
    return place->command == NULL ||
           IODMAController_isOneEntry(place->command, place->position, length, address);
}

static inline void vdma_add_entry(struct virtq_chain *chain, struct vdma_place *place,
                                  uint64_t address, uint32_t length, unsigned flags)
{
    if (place->command != NULL) {
        virtq_chain_segment(chain, paddr(address), length, flags);
        place->position += length;
    }
}

/*
 * One part is all of it, and one entry each side, as the commands themselves say: so that a walk
 * would find nothing else, and the chain, of which nobody needs the address, lives in registers.
 */
static inline __attribute__((always_inline)) IOReturn vdma_ask_whole(struct vdma_transfer *transfer,
                                                                     uint64_t source,
                                                                     uint64_t target)
{
    const uint32_t length = (uint32_t)transfer->length;
    struct virtq_chain chain;
    const IOReturn status = virtq_begin_framed(vdma_state.queue, &chain);

    if (status != kIOReturnSuccess) {
        return status;
    }
    vdma_add_entry(&chain, &transfer->source, source, length, VIRTQ_NEXT);
    vdma_add_entry(&chain, &transfer->target, target, length, VIRTQ_NEXT | VIRTQ_WRITE);
    transfer->part = length;
    vdma_finish_chain(transfer, &chain);
    return kIOReturnSuccess;
}

/* The next part of a transfer, whatever it is; as vdma_ask_part. */
static inline __attribute__((always_inline)) IOReturn vdma_ask(struct vdma_transfer *transfer)
{
    uint64_t source = 0, target = 0;

    /* None of it is moved yet, or its places were no beginnings. */
    if (transfer->length - 1 < vdma_state.part_max &&
        vdma_is_one_entry(&transfer->source, transfer->length, &source) &&
        vdma_is_one_entry(&transfer->target, transfer->length, &target)) {
        return vdma_ask_whole(transfer, source, target);
    }
    return vdma_ask_part(transfer);
}

#endif
