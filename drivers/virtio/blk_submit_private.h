/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: the way of a request into the ring, of which most go by runs that the memory itself
 * knows, and most of these by one. Inline, so that whoever submits pays for no calls; the disk's
 * lock is held.
 */
#ifndef DRIVERS_VIRTIO_BLK_SUBMIT_PRIVATE_H
#define DRIVERS_VIRTIO_BLK_SUBMIT_PRIVATE_H

#include "drivers/virtio/blk_check_private.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/trace.h"

/* blk_request.c */
/* Any that is not of the usual kind: checked, and in parts as the limits and the ring demand. */
__attribute__((noinline)) IOReturn blk_submit_unusual(struct virtio_blk *disk,
                                                      struct virtio_blk_request *request);
/* The same of one that has been found right, but for the range of its memory. */
__attribute__((noinline)) IOReturn blk_submit_pieces(struct virtio_blk *disk,
                                                     struct virtio_blk_request *request);
/*
 * The usual one, but of several runs, from `run` on. False: there is no room for them, or another
 * way is needed.
 */
__attribute__((noinline)) bool blk_submit_row(struct virtio_blk *disk,
                                              struct virtio_blk_request *request,
                                              const struct memory_run *run,
                                              IOPhysicalAddress address);
/* Header and status of the chains of a slot, which have so many entries before the status. */
void blk_write_frame(struct virtio_blk *disk, unsigned slot, unsigned count);
/*
 * To who watches, and to the recorder. The chain is read back for it: one that nobody looks at
 * needs no address and lives in registers.
 */
void blk_show_watcher(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                      uint64_t issued, unsigned slot);

/* Start a chain with its header for the part of the request that comes next. */
static inline __attribute__((always_inline)) IOReturn blk_begin_part(
    struct virtio_blk *disk, enum virtio_blk_operation operation, uint64_t sector,
    struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin_framed(disk->queue, chain);

    if (status != kIOReturnSuccess) {
        return status;
    }

    struct blk_frame *frame = &disk->frames[chain->slot];

    /* The header's reserved word has been 0 since the page was zeroed, and nobody writes it. */
    frame->header.type = operation;
    frame->header.sector = sector;
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
    if (!virtq_is_framed(chain)) {
        blk_write_frame(disk, chain->slot, chain->count);
    }
    virtq_submit_framed(disk->queue, chain, request, sizeof(disk->frames->status));
}

/* A read or write of a length and at a place that the disk takes, as it is now. */
static inline __attribute__((always_inline)) bool blk_is_usual(
    const struct virtio_blk *disk, const struct virtio_blk_request *request)
{
    const uint64_t length = request->length, sector = request->sector;

    return length - 1 < disk->usual_bytes_max &&
           ((length | sector * VIRTIO_BLK_SECTOR) & disk->block_mask) == 0 &&
           sector <= disk->sectors - length / VIRTIO_BLK_SECTOR && blk_moves_data(request) &&
           blk_is_permitted(disk, request);
}

/* One chain is all of it, and at its end it is told, no more. */
static inline __attribute__((always_inline)) void blk_begin_usual(
    struct virtio_blk_request *request)
{
    request->done = false;
    request->status = kIOReturnSuccess;
    request->parts = 1;
    request->usual = 1;
    request->issued = request->length;
}

/* Its data stands in the chain. */
static inline __attribute__((always_inline)) void blk_submit_chain(
    struct virtio_blk *disk, struct virtio_blk_request *request, struct virtq_chain *chain)
{
    blk_submit_part(disk, request, chain);
    if (__builtin_expect(trace_is_on(), false)) {
        request->usual = 0; /* its end is recorded, too */
        blk_show_watcher(disk, request, 0, chain->slot);
    }
}

/*
 * The runs are all of it, as the memory itself says: so that a walk would find nothing else, and
 * the chain, of which nobody needs the address, lives in registers. False: it is not so, or there
 * is no room.
 */
static inline __attribute__((always_inline)) bool blk_submit_runs(
    struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const enum virtio_blk_operation operation = request->operation;
    const uint64_t length = request->length, sector = request->sector;
    const struct memory_run *run;
    IOPhysicalAddress address;
    struct virtq_chain chain;

    if (request->fill != NULL ||
        !IOMemoryDescriptor_findRun(request->memory, request->offset, length, &address, &run)) {
        return false;
    }
    if (run != NULL && length > run->end - request->offset) {
        return blk_submit_row(disk, request, run, address);
    }
    blk_begin_usual(request); /* blk_map_run knows better */
    if ((disk->device->mapper != NULL && (address = blk_map_run(disk, request, address)) == 0) ||
        blk_begin_part(disk, operation, sector, &chain) != kIOReturnSuccess) {
        return false;
    }
    virtq_chain_segment(&chain, paddr(address), (uint32_t)length, blk_data_flags(operation));
    blk_submit_chain(disk, request, &chain);
    return true;
}

/* Locked before the check: an interrupt can change what the request is checked against. */
static inline __attribute__((always_inline)) IOReturn blk_submit_locked(
    struct virtio_blk *disk, struct virtio_blk_request *request)
{
    if (__builtin_expect(blk_is_usual(disk, request), true)) {
        return __builtin_expect(blk_submit_runs(disk, request), true)
                   ? kIOReturnSuccess
                   : blk_submit_pieces(disk, request);
    }
    return blk_submit_unusual(disk, request);
}

#endif
