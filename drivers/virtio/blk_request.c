/* SPDX-License-Identifier: BSD-2-Clause */
/* Disk requests: cutting them into chains, and finishing them. */
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/direct_map.h"
#include "kernel/panic.h"

#define SECTOR_MASK ((uint64_t)VIRTIO_BLK_SECTOR - 1)

/* --- Checks ----------------------------------------------------------------------------------- */

static inline bool moves_data(const struct virtio_blk_request *request)
{
    return request->operation == VIRTIO_BLK_READ || request->operation == VIRTIO_BLK_WRITE;
}

/* The descriptor's direction, and how it is prepared. NULL has no direction. */
static inline bool memory_permits(const struct virtio_blk_request *request)
{
    const uint64_t flags = IOMemoryDescriptor_getFlags(request->memory);

    if (request->operation == VIRTIO_BLK_READ) {
        return (flags & (kIODirectionIn | kIOMemoryPreparedReadOnly)) == kIODirectionIn;
    }
    return (flags & kIODirectionOut) != 0;
}

static IOReturn check_memory_range(const struct virtio_blk_request *request)
{
    const IOByteCount size = IOMemoryDescriptor_getLength(request->memory);

    if (request->length > size || request->offset > size - request->length) {
        return kIOReturnOverrun;
    }
    return kIOReturnSuccess;
}

static inline IOReturn check_sectors(const struct virtio_blk *disk,
                                     const struct virtio_blk_request *request)
{
    const uint64_t count = request->length / VIRTIO_BLK_SECTOR;

    if (request->length == 0 || (request->length & SECTOR_MASK) != 0) {
        return kIOReturnBadArgument;
    }
    if (count > disk->sectors || request->sector > disk->sectors - count) {
        return kIOReturnOverrun;
    }
    if (disk->read_only && request->operation != VIRTIO_BLK_READ) {
        return kIOReturnNotWritable;
    }
    return kIOReturnSuccess;
}

static __attribute__((noinline)) IOReturn check_control(const struct virtio_blk *disk,
                                                        const struct virtio_blk_request *request)
{
    switch (request->operation) {
    case VIRTIO_BLK_DISCARD:
        return disk->discard_bytes_max != 0 ? check_sectors(disk, request) : kIOReturnUnsupported;
    case VIRTIO_BLK_WRITE_ZEROES:
        return disk->write_zeroes_bytes_max != 0 ? check_sectors(disk, request)
                                                 : kIOReturnUnsupported;
    case VIRTIO_BLK_FLUSH:
    case VIRTIO_BLK_GET_ID:
        return request->length == 0 ? kIOReturnSuccess : kIOReturnBadArgument;
    default:
        return kIOReturnUnsupported;
    }
}

/* All but the range of the memory, of which the cursor usually finds that it is right. */
static inline IOReturn check(const struct virtio_blk *disk,
                             const struct virtio_blk_request *request)
{
    if (!moves_data(request)) {
        return check_control(disk, request);
    }

    const IOReturn status = check_sectors(disk, request);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!memory_permits(request)) {
        return request->memory != NULL ? kIOReturnNotPermitted : kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}

/* --- Issuing ---------------------------------------------------------------------------------- */

/* Start a chain with its header for the part of the request that comes next. */
static inline __attribute__((always_inline)) IOReturn begin_part(
    struct virtio_blk *disk, const struct virtio_blk_request *request, uint64_t issued,
    struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin(disk->queue, chain);

    if (status != kIOReturnSuccess) {
        return status;
    }

    struct blk_frame *frame = &disk->frames[chain->slot];

    frame->header.type = request->operation;
    frame->header.sector = request->sector + issued / VIRTIO_BLK_SECTOR;
    frame->status.value = BLK_STATUS_UNWRITTEN;
    virtq_chain_add(chain, virt_to_phys(&frame->header), sizeof(frame->header), VIRTQ_NEXT);
    return kIOReturnSuccess;
}

/* The chain is read back for it: one that nobody looks at needs no address and lives in registers.
 */
static __attribute__((noinline)) void show_watcher(const struct virtio_blk *disk,
                                                   const struct virtio_blk_request *request,
                                                   unsigned slot)
{
    struct virtq_chain chain;

    virtq_get_chain(disk->queue, slot, &chain);
    disk->watch(disk->watch_context, request, &chain);
}

static inline __attribute__((always_inline)) void submit_part(struct virtio_blk *disk,
                                                              struct virtio_blk_request *request,
                                                              struct virtq_chain *chain)
{
    struct blk_frame *frame = &disk->frames[chain->slot];

    virtq_chain_add(chain, virt_to_phys(&frame->status), 1, VIRTQ_WRITE);
    virtq_submit(disk->queue, chain, request);
    if (disk->watch != NULL) {
        show_watcher(disk, request, chain->slot);
    }
}

/*
 * The way of a byte, steps 3 and 4: the cursor walks the memory and fills the
 * ring's slots. Returns the bytes it found, at most `limit`.
 */
static inline __attribute__((always_inline)) uint64_t fill_data(
    struct virtio_blk *disk, const struct virtio_blk_request *request, uint64_t issued,
    uint32_t limit, struct virtq_chain *chain)
{
    const unsigned flags =
        request->operation == VIRTIO_BLK_READ ? VIRTQ_NEXT | VIRTQ_WRITE : VIRTQ_NEXT;
    struct virtq_segments segments;
    IOByteCount bytes;
    unsigned count;

    virtq_chain_segments(chain, &segments, flags);
    count =
        IOMemoryCursor_genPhysicalSegments(disk->cursor, request->memory, request->offset + issued,
                                           &segments, disk->segments_max, limit, &bytes);
    virtq_chain_filled(chain, count, (uint32_t)bytes);
    return bytes;
}

/* The device must be told whole sectors. */
static bool is_sectors(uint64_t bytes)
{
    return bytes != 0 && (bytes & SECTOR_MASK) == 0;
}

/*
 * The usual request: one chain is all of it. False: something is left for `issue`,
 * maybe everything.
 */
static inline __attribute__((always_inline)) bool issue_whole(struct virtio_blk *disk,
                                                              struct virtio_blk_request *request)
{
    const uint64_t length = request->length;
    struct virtq_chain chain;
    uint64_t bytes;

    if (!moves_data(request) || length > BLK_PART_BYTES_MAX ||
        begin_part(disk, request, 0, &chain) != kIOReturnSuccess) {
        return false;
    }
    bytes = fill_data(disk, request, 0, (uint32_t)length, &chain);
    if (bytes != length &&
        (!is_sectors(bytes) || check_memory_range(request) != kIOReturnSuccess)) {
        return false;
    }
    submit_part(disk, request, &chain);
    request->issued = bytes;
    request->parts = 1;
    return bytes == length;
}

/*
 * The cursor gave `bytes`, which the segment limit, or memory behind that is not
 * prepared, has cut within a sector. Make the sectors before that the limit.
 */
static IOReturn shorten(uint64_t bytes, uint32_t *limit)
{
    if (bytes == 0) {
        const IOReturn error = IOMemoryLastError();

        return error != kIOReturnSuccess ? error : kIOReturnNotReady;
    }
    *limit = (uint32_t)(bytes & ~SECTOR_MASK);
    return *limit != 0 ? kIOReturnSuccess : kIOReturnUnsupported;
}

static IOReturn issue_data(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    const uint64_t issued = request->issued;
    const uint64_t left = request->length - issued;
    uint32_t limit = left < BLK_PART_BYTES_MAX ? (uint32_t)left : BLK_PART_BYTES_MAX;

    for (;;) {
        struct virtq_chain chain;
        IOReturn status = begin_part(disk, request, issued, &chain);

        if (status != kIOReturnSuccess) {
            return status;
        }

        const uint64_t bytes = fill_data(disk, request, issued, limit, &chain);

        if (is_sectors(bytes)) {
            submit_part(disk, request, &chain);
            request->issued = issued + bytes;
            request->parts++;
            return kIOReturnSuccess;
        }
        status = shorten(bytes, &limit);
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
}

/* Operations whose data is in the frame. */
static IOReturn issue_control(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    struct virtq_chain chain;
    const IOReturn status = begin_part(disk, request, request->issued, &chain);
    const uint64_t most = request->operation == VIRTIO_BLK_DISCARD ? disk->discard_bytes_max
                                                                   : disk->write_zeroes_bytes_max;
    const uint64_t left = request->length - request->issued;
    const uint64_t bytes = left < most ? left : most;

    if (status != kIOReturnSuccess) {
        return status;
    }

    struct blk_frame *frame = &disk->frames[chain.slot];

    if (request->operation == VIRTIO_BLK_GET_ID) {
        virtq_chain_add(&chain, virt_to_phys(disk->id), VIRTIO_BLK_ID_LENGTH,
                        VIRTQ_NEXT | VIRTQ_WRITE);
    } else if (request->operation != VIRTIO_BLK_FLUSH) {
        frame->header.sector = 0; /* the range says it instead */
        frame->range =
            (struct blk_range){.sector = request->sector + request->issued / VIRTIO_BLK_SECTOR,
                               .sectors = (uint32_t)(bytes / VIRTIO_BLK_SECTOR)};
        virtq_chain_add(&chain, virt_to_phys(&frame->range), sizeof(frame->range), VIRTQ_NEXT);
    }
    submit_part(disk, request, &chain);
    request->issued += bytes;
    request->parts++;
    return kIOReturnSuccess;
}

/*
 * Give the device as much of a request as the ring takes. kIOReturnNoResources:
 * something is left, and must wait in line; another error: nothing is in flight
 * and the request has failed.
 */
static IOReturn issue(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    IOReturn status;

    do {
        status = moves_data(request) ? issue_data(disk, request) : issue_control(disk, request);
    } while (status == kIOReturnSuccess && request->issued < request->length);
    if (status == kIOReturnSuccess || status == kIOReturnNoResources || request->parts == 0) {
        return status;
    }
    /* The rest cannot go: it fails when what is in flight has come back. */
    request->status = status;
    return kIOReturnSuccess;
}

/* --- Finishing -------------------------------------------------------------------------------- */

void blk_finish(struct virtio_blk_request *request)
{
    request->done = true;
    if (request->completion != NULL) {
        request->completion(request);
    }
}

static __attribute__((noinline)) IOReturn failure(uint8_t answer)
{
    switch (answer) {
    case VIRTIO_BLK_S_OK: /* but the device did not write everything */
        return kIOReturnUnderrun;
    case VIRTIO_BLK_S_IOERR:
        return kIOReturnIOError;
    case VIRTIO_BLK_S_UNSUPP:
        return kIOReturnUnsupported;
    }
    return kIOReturnDeviceError;
}

static inline void finish_part(struct virtio_blk *disk, const struct virtq_used *used)
{
    struct virtio_blk_request *request = used->token;
    const uint8_t answer = shared_read8(&disk->frames[used->slot].status);

    if (answer != VIRTIO_BLK_S_OK || used->missing != 0) {
        request->status = failure(answer);
    }
    if (--request->parts == 0) {
        blk_finish(request);
    }
}

static __attribute__((noinline)) void issue_waiting(struct virtio_blk *disk)
{
    struct virtio_blk_request *request;

    while ((request = disk->waiting) != NULL) {
        if (request->status == kIOReturnSuccess && issue(disk, request) == kIOReturnNoResources) {
            return;
        }
        /* Its place in line counted as a part; what is in flight still uses its memory. */
        disk->waiting = request->next;
        if (--request->parts == 0) {
            blk_finish(request);
        }
    }
}

unsigned blk_collect(struct virtio_blk *disk)
{
    struct virtq *const queue = disk->queue;
    struct virtq_used used;
    unsigned finished = 0, count;

    do {
        while ((count = virtq_completed(queue)) != 0) {
            for (; count != 0 && virtq_take_next(queue, &used); count--) {
                finish_part(disk, &used);
                finished++;
            }
        }
    } while (!disk->polled && virtq_enable_interrupt(queue));
    if (virtq_broken(queue) != NULL) {
        blk_recover(disk, kIOReturnDeviceError);
        return finished;
    }
    if (disk->waiting != NULL) {
        issue_waiting(disk);
    }
    virtq_publish(queue);
    return finished;
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
}

/* What issue_whole has left of it, in parts, as the limits and the room in the ring demand. */
static __attribute__((noinline)) IOReturn submit_parts(struct virtio_blk *disk,
                                                       struct virtio_blk_request *request)
{
    IOReturn status = moves_data(request) ? check_memory_range(request) : kIOReturnSuccess;

    if (disk->lost) {
        return kIOReturnNotResponding;
    }
    if (status == kIOReturnSuccess) {
        status = disk->waiting != NULL ? kIOReturnNoResources : issue(disk, request);
    }
    if (status != kIOReturnNoResources) {
        return status;
    }
    wait_in_line(disk, request);
    return kIOReturnSuccess;
}

IOReturn virtio_blk_submit(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    if (disk == NULL || request == NULL) {
        return kIOReturnBadArgument;
    }

    IOReturn status = check(disk, request);

    if (status != kIOReturnSuccess) {
        return status;
    }

    const lock_state_t state = lock_take_again(&disk->lock);

    request->done = false;
    request->status = kIOReturnSuccess;
    request->parts = 0;
    request->issued = 0;
    if (disk->waiting != NULL || disk->lost || !issue_whole(disk, request)) {
        status = submit_parts(disk, request);
    }
    lock_release(&disk->lock, state);
    return status;
}

void virtio_blk_publish(struct virtio_blk *disk)
{
    const lock_state_t state = lock_take_again(&disk->lock);

    virtq_publish(disk->queue);
    lock_release(&disk->lock, state);
}

unsigned virtio_blk_poll(struct virtio_blk *disk)
{
    const lock_state_t state = lock_take_again(&disk->lock);
    const unsigned finished = blk_collect(disk);

    lock_release(&disk->lock, state);
    return finished;
}
