/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: the way of a request into the ring, of which most go by one segment that the memory
 * itself knows. Inline, so that whoever submits pays for no calls; the disk's lock is held.
 */
#ifndef DRIVERS_VIRTIO_BLK_SUBMIT_PRIVATE_H
#define DRIVERS_VIRTIO_BLK_SUBMIT_PRIVATE_H

#include "drivers/virtio/blk_check_private.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/trace.h"

/* blk_request.c */
/* One chain, of not too many bytes, is all of it. False: something is left, maybe everything. */
bool blk_issue_whole(struct virtio_blk *disk, struct virtio_blk_request *request);
/* What is left of it, in parts, as the limits and the room in the ring demand. */
IOReturn blk_submit_parts(struct virtio_blk *disk, struct virtio_blk_request *request);
/* Header and status of the chains of a slot, which have so many entries before the status. */
void blk_write_frame(struct virtio_blk *disk, unsigned slot, unsigned count);
/* The chain is read back for it: one that nobody looks at needs no address and lives in registers.
 */
void blk_show_watcher(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                      unsigned slot);

/* Start a chain with its header for the part of the request that comes next. */
static inline __attribute__((always_inline)) IOReturn blk_begin_part(
    struct virtio_blk *disk, const struct virtio_blk_request *request, uint64_t issued,
    struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin_framed(disk->queue, chain);

    if (status != kIOReturnSuccess) {
        return status;
    }

    struct blk_frame *frame = &disk->frames[chain->slot];

    /* The header's reserved word has been 0 since the page was zeroed, and nobody writes it. */
    frame->header.type = request->operation;
    frame->header.sector = request->sector + issued / VIRTIO_BLK_SECTOR;
    /*
     * Or the answer to the chain that had this slot before would pass for the answer to this one,
     * if the device returns it without a status.
     */
    frame->status.value = BLK_STATUS_UNWRITTEN;
    return kIOReturnSuccess;
}

static inline __attribute__((always_inline)) void blk_submit_part(
    struct virtio_blk *disk, struct virtio_blk_request *request, struct virtq_chain *chain)
{
    if (!virtq_is_framed(disk->queue, chain)) {
        blk_write_frame(disk, chain->slot, chain->count);
    }
    virtq_submit_framed(disk->queue, chain, request, sizeof(disk->frames->status));
    /*
     * After it stands in the ring and before virtq_publish: as the device will read it, and not yet
     * read by it.
     */
    if (disk->watch != NULL || trace_is_on()) {
        blk_show_watcher(disk, request, chain->slot);
    }
}

/*
 * One segment is all of it, as the memory itself says: so that the walk would find nothing else,
 * and the chain, of which nobody needs the address, lives in registers. False: it is not so, or
 * there is no room.
 */
static inline __attribute__((always_inline)) bool blk_issue_run(struct virtio_blk *disk,
                                                                struct virtio_blk_request *request)
{
    const uint64_t length = request->length;
    IOPhysicalAddress address;
    struct virtq_chain chain;

    if (length > disk->run_bytes_max || request->fill != NULL ||
        !IOMemoryDescriptor_isOneRun(request->memory, request->offset, length, &address) ||
        (disk->device->mapper != NULL && (address = blk_map_run(disk, request, address)) == 0) ||
        blk_begin_part(disk, request, 0, &chain) != kIOReturnSuccess) {
        return false;
    }
    virtq_chain_segment(&chain, paddr(address), (uint32_t)length, blk_data_flags(request));
    blk_submit_part(disk, request, &chain);
    request->issued = length;
    request->parts = 1;
    return true;
}

/* Locked before the check: an interrupt can change what the request is checked against. */
static inline __attribute__((always_inline)) IOReturn blk_submit_locked(
    struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const bool moves_data = blk_moves_data(request);
    const IOReturn status =
        moves_data ? blk_check_data(disk, request) : blk_check_control(disk, request);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* A request may be used again as it is: everything that is counted in it starts from here. */
    request->done = false;
    request->status = kIOReturnSuccess;
    request->parts = 0;
    request->issued = 0;
    request->moved = 0;
    /* The queue of a lost disk has no slots. */
    if (moves_data && disk->waiting == NULL &&
        (blk_issue_run(disk, request) ||
         (request->length <= disk->whole_bytes_max && blk_issue_whole(disk, request)))) {
        return kIOReturnSuccess;
    }
    return blk_submit_parts(disk, request);
}

#endif
