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
/* Of a usual one that is in the ring: the frame, if it stands elsewhere, and the recording. */
__attribute__((noinline)) void blk_write_and_record(struct virtio_blk *disk,
                                                    struct virtio_blk_request *request,
                                                    unsigned slot, unsigned count);
/*
 * To who watches, and to the recorder. The chain is read back for it: one that nobody looks at
 * needs no address and lives in registers.
 */
void blk_show_watcher(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                      uint64_t issued, unsigned slot);

/* Header and answer of a chain that has begun, for the part of the request that comes next. */
static inline __attribute__((always_inline)) void blk_write_header(
    const struct virtq_chain *chain, enum virtio_blk_operation operation, uint64_t sector)
{
    struct blk_frame *const frame = virtq_frame_of(chain);

    /* The header's reserved word has been 0 since the page was zeroed, and nobody writes it. */
    frame->header.type = operation;
    frame->header.sector = sector;
    /*
     * Or the answer to the chain that had this slot before would pass for the answer to this one,
     * if the device returns it without a status.
     */
    frame->status.value = BLK_STATUS_UNWRITTEN;
}

/* Start a chain with its header. */
static inline __attribute__((always_inline)) IOReturn blk_begin_part(
    struct virtio_blk *disk, enum virtio_blk_operation operation, uint64_t sector,
    struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin_framed(disk->queue, chain);

    if (status == kIOReturnSuccess) {
        blk_write_header(chain, operation, sector);
    }
    return status;
}

static inline __attribute__((always_inline)) void blk_submit_part(
    struct virtio_blk *disk, struct virtio_blk_request *request, struct virtq_chain *chain)
{
    if (!virtq_is_framed(chain)) {
        blk_write_frame(disk, virtq_slot_of(chain), chain->count);
    }
    virtq_submit_framed(disk->queue, chain, request, sizeof(disk->frames->status));
}

/*
 * What each of several requests is asked by and put in the ring by: read once, and kept in
 * registers until something is called that may change it.
 */
struct blk_submission {
    struct virtq *queue;
    struct virtq_head head;
    uint64_t bytes_max, block_mask, sectors;
    const IOMapper *mapper;
    bool recorded;
};

static inline struct blk_submission blk_open_submission(const struct virtio_blk *disk)
{
    return (struct blk_submission){
        disk->queue,   virtq_take_head(disk->queue), disk->usual_bytes_max, disk->block_mask,
        disk->sectors, disk->device->mapper,         trace_is_on()};
}

static inline void blk_close_submission(const struct blk_submission *now)
{
    virtq_put_head(now->queue, &now->head);
}

/* A read or write of a length and at a place that the disk takes, as it is now. */
static inline __attribute__((always_inline)) bool blk_is_usual(
    const struct virtio_blk *disk, const struct blk_submission *now,
    const struct virtio_blk_request *request)
{
    const uint64_t length = request->length, sector = request->sector;

    return length - 1 < now->bytes_max &&
           ((length | sector * VIRTIO_BLK_SECTOR) & now->block_mask) == 0 &&
           sector <= now->sectors - length / VIRTIO_BLK_SECTOR && blk_moves_data(request) &&
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

/*
 * The runs are all of it, as the memory itself says: so that a walk would find nothing else, and
 * the chain, of which nobody needs the address, lives in registers. False: it is not so, or there
 * is no room.
 */
static inline __attribute__((always_inline)) bool blk_submit_runs(
    struct virtio_blk *disk, struct blk_submission *now, struct virtio_blk_request *request)
{
    const enum virtio_blk_operation operation = request->operation;
    const uint64_t length = request->length, sector = request->sector;
    const struct memory_run *run;
    IOPhysicalAddress address;
    struct virtq_chain chain;
    bool done = true;

    if (request->fill != NULL ||
        !IOMemoryDescriptor_findRun(request->memory, request->offset, length, &address, &run)) {
        return false;
    }
    if (run != NULL && length > run->end - request->offset) {
        blk_close_submission(now);
        done = blk_submit_row(disk, request, run, address);
        *now = blk_open_submission(disk);
        return done;
    }
    blk_begin_usual(request); /* blk_map_run knows better */
    if (now->mapper != NULL) {
        blk_close_submission(now);
        address = blk_map_run(disk, request, address);
        *now = blk_open_submission(disk);
        if (address == 0) {
            return false;
        }
    }
    if (virtq_begin_framed_at(now->queue, &now->head, &chain) != kIOReturnSuccess) {
        return false;
    }
    blk_write_header(&chain, operation, sector);
    virtq_chain_segment(&chain, paddr(address), (uint32_t)length, blk_data_flags(operation));
    virtq_submit_framed_at(now->queue, &now->head, &chain, request, sizeof(disk->frames->status));
    if (!virtq_is_framed(&chain) || __builtin_expect(now->recorded, false)) {
        blk_close_submission(now);
        blk_write_and_record(disk, request, virtq_slot_of(&chain), chain.count);
        *now = blk_open_submission(disk);
    }
    return true;
}

/*
 * How many of them are in the ring, or in line, and why the next one is not. Locked before the
 * check: an interrupt can change what requests are checked against.
 */
static inline __attribute__((always_inline)) IOReturn blk_submit_locked(
    struct virtio_blk *disk, struct virtio_blk_request *requests, unsigned count,
    unsigned *submitted)
{
    struct virtio_blk_request *request = requests, *const end = requests + count;
    struct blk_submission now = blk_open_submission(disk);
    bool usual = false;
    IOReturn status;

    for (;; now = blk_open_submission(disk)) {
        for (; request != end; request++) {
            if (!__builtin_expect(blk_is_usual(disk, &now, request), true)) {
                usual = false;
                break;
            }
            if (!__builtin_expect(blk_submit_runs(disk, &now, request), true)) {
                usual = true;
                break;
            }
        }
        blk_close_submission(&now);
        *submitted = (unsigned)(request - requests);
        if (request == end) {
            return kIOReturnSuccess;
        }
        status = usual ? blk_submit_pieces(disk, request) : blk_submit_unusual(disk, request);
        if (status != kIOReturnSuccess) {
            return status;
        }
        ++*submitted;
        if (++request == end) {
            return kIOReturnSuccess;
        }
    }
}

#endif
