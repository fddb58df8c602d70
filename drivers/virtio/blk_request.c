/* SPDX-License-Identifier: BSD-2-Clause */
/* Disk requests on their way to the device: cut into chains, in the ring or in line. */
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/recording.h"
#include "drivers/virtio/blk_dma.h"
#include "drivers/virtio/blk_submit_private.h"
#include "kernel/direct_map.h"

/* --- Issuing ---------------------------------------------------------------------------------- */

/*
 * A request that is no command's has its own name, and nobody else who says that it begins. One
 * that moves no data has nothing to show.
 */
static void record(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                   uint64_t issued, const struct virtq_chain *chain)
{
    const IODMACommand *command = virtio_blk_command_of(request);
    const void *name = command != NULL ? (const void *)command : request;

    if (!blk_moves_data(request)) {
        return;
    }
    if (command == NULL && issued == 0) {
        trace_dma_start((vaddr_t)request, request->length,
                        request->operation == VIRTIO_BLK_READ ? kIODirectionIn : kIODirectionOut);
        IODMARecording_memory(request, request->memory, request->offset, request->length);
    }
    trace_dma_issue((vaddr_t)name, request->offset + issued, (vaddr_t)disk->queue);
    virtq_record(name, chain, 1, virtq_chain_entries(chain) - 2);
}

void blk_show_watcher(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                      uint64_t issued, unsigned slot)
{
    struct virtq_chain chain;

    virtq_get_chain(disk->queue, slot, &chain);
    if (trace_is_on()) {
        record(disk, request, issued, &chain);
    }
    if (disk->watch != NULL) {
        disk->watch(disk->watch_context, request, &chain);
    }
}

void blk_write_frame(struct virtio_blk *disk, unsigned slot, unsigned count)
{
    struct blk_frame *frame = &disk->frames[slot];

    virtq_write_frame(disk->queue, slot, count, virt_to_phys(&frame->header), sizeof(frame->header),
                      virt_to_phys(&frame->status), sizeof(frame->status));
}

/*
 * After it stands in the ring and before virtq_publish: as the device will read it, and not yet
 * read by it.
 */
static void submit_part(struct virtio_blk *disk, struct virtio_blk_request *request,
                        struct virtq_chain *chain)
{
    blk_submit_part(disk, request, chain);
    if (disk->watch != NULL || trace_is_on()) {
        blk_show_watcher(disk, request, request->issued, virtq_slot_of(chain));
    }
}

/*
 * The way of a byte, steps 3 and 4: the cursor walks the memory and fills the
 * ring's slots, or who has a way of its own. Returns the bytes it found, at most `limit`.
 */
static uint64_t fill_data(struct virtio_blk *disk, struct virtio_blk_request *request,
                          uint64_t issued, uint32_t limit, struct virtq_chain *chain)
{
    struct virtq_segments segments;
    IOByteCount bytes;
    unsigned count;

    if (request->fill != NULL) {
        return request->fill(disk, request, issued, limit, chain);
    }
    virtq_chain_segments(chain, &segments, blk_data_flags(request->operation));
    count =
        IOMemoryCursor_genPhysicalSegments(disk->cursor, request->memory, request->offset + issued,
                                           &segments, disk->segments_max, limit, &bytes);
    virtq_chain_filled(chain, count, (uint32_t)bytes);
    return bytes;
}

static void record_usual(struct virtio_blk *disk, struct virtio_blk_request *request, unsigned slot)
{
    request->usual = 0; /* its end is recorded, too */
    blk_show_watcher(disk, request, 0, slot);
}

void blk_write_and_record(struct virtio_blk *disk, struct virtio_blk_request *request,
                          unsigned slot, unsigned count)
{
    blk_write_frame(disk, slot, count);
    if (trace_is_on()) {
        record_usual(disk, request, slot);
    }
}

/* The way of a byte, steps 3 and 4, where the memory knows its runs: they go into the ring's slots.
 */
bool blk_submit_row(struct virtio_blk *disk, struct virtio_blk_request *request,
                    const struct memory_run *run, IOPhysicalAddress address)
{
    struct IOMemoryRow row = {run, address, request->offset, request->offset + request->length};
    struct virtq_chain chain;

    /* Behind an IOMMU they get other addresses. None is longer than a usual request may be. */
    if (disk->device->mapper != NULL ||
        !IOMemoryRuns_isWithin(request->memory->runs, run, row.end, disk->segments_max)) {
        return false;
    }
    blk_begin_usual(request);
    if (blk_begin_part(disk, request->operation, request->sector, &chain) != kIOReturnSuccess) {
        return false;
    }
    virtq_chain_row(&chain, &row, (uint32_t)request->length, blk_data_flags(request->operation));
    blk_submit_part(disk, request, &chain);
    if (trace_is_on()) {
        record_usual(disk, request, virtq_slot_of(&chain));
    }
    return true;
}

/* The device must be told whole blocks. */
static inline bool is_blocks(const struct virtio_blk *disk, uint64_t bytes)
{
    return bytes != 0 && (bytes & disk->block_mask) == 0;
}

/* One chain, of not too many bytes, is all of it. False: something is left, maybe everything. */
static bool issue_whole(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const uint64_t length = request->length;
    struct virtq_chain chain;
    uint64_t bytes;

    if (blk_begin_part(disk, request->operation, request->sector, &chain) != kIOReturnSuccess) {
        return false;
    }
    bytes = fill_data(disk, request, 0, (uint32_t)length, &chain);
    /*
     * Less than all is no error where it is whole blocks: the rest goes in more parts. But a range
     * that leaves the descriptor is refused before any of it is moved, and here is the first sign
     * of one; the usual request pays for no check of it.
     */
    if (bytes != length &&
        (!is_blocks(disk, bytes) || blk_check_memory(request) != kIOReturnSuccess)) {
        virtq_forget_frame(&chain);
        return false;
    }
    submit_part(disk, request, &chain);
    request->issued = bytes;
    request->parts = 1;
    request->usual = bytes == length && request->fill == NULL && !trace_is_on();
    return bytes == length;
}

/*
 * The cursor gave `bytes`, which the segment limit, or memory behind that is not
 * prepared, has cut within a block. Make the blocks before that the limit.
 */
static IOReturn shorten(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                        uint64_t bytes, uint32_t *limit)
{
    if (disk->segments_max == 0) {
        return kIOReturnUnsupported;
    }
    if (bytes == 0) {
        const IOReturn error = request->fill != NULL ? request->refusal : IOMemoryLastError();

        return error != kIOReturnSuccess ? error : kIOReturnNotReady;
    }
    *limit = (uint32_t)(bytes & ~disk->block_mask);
    /* One block in more pieces than a chain may have: no way of cutting helps. */
    return *limit != 0 ? kIOReturnSuccess : kIOReturnUnsupported;
}

static IOReturn issue_data(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const uint64_t issued = request->issued;
    const uint64_t left = request->length - issued;
    uint32_t limit = left < BLK_PART_BYTES_MAX ? (uint32_t)left : BLK_PART_BYTES_MAX;

    /* Ends: a turn that comes back here has a lower limit than the one before. */
    for (;;) {
        struct virtq_chain chain;
        IOReturn status = blk_begin_part(disk, request->operation,
                                         request->sector + issued / VIRTIO_BLK_SECTOR, &chain);

        if (status != kIOReturnSuccess) {
            return status;
        }

        const uint64_t bytes = fill_data(disk, request, issued, limit, &chain);

        if (is_blocks(disk, bytes)) {
            submit_part(disk, request, &chain);
            request->issued = issued + bytes;
            request->parts++;
            return kIOReturnSuccess;
        }
        virtq_forget_frame(&chain);
        status = shorten(disk, request, bytes, &limit);
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
}

/*
 * Bytes of a discard or write-zeroes that go next: everything, or as much as one
 * device request may have, up to a place where the device likes it cut.
 */
static uint64_t control_bytes(const struct virtio_blk *disk,
                              const struct virtio_blk_request *request)
{
    const uint64_t most = request->operation == VIRTIO_BLK_DISCARD ? disk->discard_bytes_max
                                                                   : disk->write_zeroes_bytes_max;
    const uint64_t left = request->length - request->issued;

    if (left <= most) {
        return left;
    }

    const uint64_t from = request->sector * VIRTIO_BLK_SECTOR + request->issued;
    const uint64_t beyond = (from + most) % disk->discard_alignment;

    return beyond < most ? most - beyond : most;
}

/* As the device sees what lies in the frames. */
static paddr_t shared_address(const struct virtio_blk *disk, const void *at)
{
    return paddr_add(vm_device_memory_physical(&disk->frame_memory, at), disk->frames_io.offset);
}

/* Operations whose data is in the frame. */
static IOReturn issue_control(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    struct virtq_chain chain;
    const IOReturn status =
        blk_begin_part(disk, request->operation, 0, &chain); /* a range says where */

    if (status != kIOReturnSuccess) {
        return status;
    }

    struct blk_frame *frame = virtq_frame_of(&chain);
    uint64_t bytes = 0;

    if (request->operation == VIRTIO_BLK_GET_ID) {
        /*
         * Exactly twenty bytes (section 5.2.6.1), into memory of the driver's own: a caller's
         * buffer may not be contiguous.
         */
        virtq_chain_add(&chain, shared_address(disk, &disk->frames[virtq_slots(disk->queue)]),
                        VIRTIO_BLK_ID_LENGTH, VIRTQ_NEXT | VIRTQ_WRITE);
    } else if (request->operation != VIRTIO_BLK_FLUSH) {
        bytes = control_bytes(disk, request);
        /*
         * One range a request, which every device allows. Its flags are 0: "unmap" must be, for a
         * discard (section 5.2.6.1), and would let write-zeroes give up the blocks' place on the
         * disk.
         */
        frame->range =
            (struct blk_range){.sector = request->sector + request->issued / VIRTIO_BLK_SECTOR,
                               .sectors = (uint32_t)(bytes / VIRTIO_BLK_SECTOR)};
        virtq_chain_add(&chain, shared_address(disk, &frame->range), sizeof(frame->range),
                        VIRTQ_NEXT);
    }
    submit_part(disk, request, &chain);
    request->issued += bytes;
    request->parts++;
    return kIOReturnSuccess;
}

IOReturn blk_issue(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    IOReturn status;

    do {
        status = blk_moves_data(request) ? issue_data(disk, request) : issue_control(disk, request);
    } while (status == kIOReturnSuccess && request->issued < request->length);
    if (status == kIOReturnSuccess || status == kIOReturnNoResources || request->parts == 0) {
        return status;
    }
    /* The rest cannot go: it fails when what is in flight has come back. */
    request->status = status;
    return kIOReturnSuccess;
}

/* --- The caller's side ------------------------------------------------------------------------ */

static void wait_in_line(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    request->next = NULL;
    request->parts++;
    if (disk->waiting == NULL) {
        disk->waiting = request;
    } else {
        disk->waiting_last->next = request;
    }
    disk->waiting_last = request;
    blk_judge_usual(disk);
}

static IOReturn submit_parts(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    IOReturn status = blk_moves_data(request) ? blk_check_memory(request) : kIOReturnSuccess;

    if (disk->lost) {
        return kIOReturnNotResponding;
    }
    if (status == kIOReturnSuccess) {
        status = blk_map_request(disk, request);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* With others in line it goes behind them, even if there were room for it by now. */
    status = disk->waiting != NULL ? kIOReturnNoResources : blk_issue(disk, request);
    if (status == kIOReturnNoResources) {
        wait_in_line(disk, request);
        return kIOReturnSuccess;
    }
    if (status != kIOReturnSuccess && request->mapped.mapper != NULL) {
        blk_unmap_request(request);
    }
    return status;
}

IOReturn blk_submit_pieces(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    /* A request may be used again as it is: everything that is counted in it starts from here. */
    request->done = false;
    request->status = kIOReturnSuccess;
    request->parts = 0;
    request->usual = 0;
    request->issued = 0;
    request->moved = 0;
    /* The queue of a lost disk has no slots. */
    if (blk_moves_data(request) && disk->waiting == NULL &&
        request->length <= disk->whole_bytes_max && issue_whole(disk, request)) {
        return kIOReturnSuccess;
    }
    return submit_parts(disk, request);
}

IOReturn blk_submit_unusual(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const IOReturn status = blk_check(disk, request);

    return status == kIOReturnSuccess ? blk_submit_pieces(disk, request) : status;
}

IOReturn virtio_blk_submit(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    unsigned submitted;

    if (disk == NULL || request == NULL) {
        return kIOReturnBadArgument;
    }

    const lock_state_t state = lock_take_again(&disk->lock);
    const IOReturn status = blk_submit_locked(disk, request, 1, &submitted);

    lock_release(&disk->lock, state);
    return status;
}

IOReturn virtio_blk_submit_list(struct virtio_blk *disk, struct virtio_blk_request *requests,
                                unsigned count, unsigned *submitted)
{
    IOReturn status;
    unsigned done;

    if (submitted != NULL) {
        *submitted = 0;
    }
    if (disk == NULL || requests == NULL || count == 0) {
        return kIOReturnBadArgument;
    }

    const lock_state_t state = lock_take_again(&disk->lock);

    status = blk_submit_locked(disk, requests, count, &done);
    /* Also when one was refused: those before it are taken, and nobody else would ring for them. */
    virtq_publish(disk->queue);
    lock_release(&disk->lock, state);
    if (submitted != NULL) {
        *submitted = done;
    }
    return status;
}

void virtio_blk_publish(struct virtio_blk *disk)
{
    const lock_state_t state = lock_take_again(&disk->lock);

    virtq_publish(disk->queue);
    lock_release(&disk->lock, state);
}
