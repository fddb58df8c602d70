/* SPDX-License-Identifier: BSD-2-Clause */
/* Disk requests: cutting them into chains, and finishing them. */
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_private.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/panic.h"

#define SECTOR_MASK ((uint64_t)VIRTIO_BLK_SECTOR - 1)

/* --- Checks ----------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) IOReturn check_memory(
    const struct virtio_blk_request *request)
{
    if (request->memory == NULL)
        return kIOReturnBadArgument;

    const uint64_t flags = IOMemoryDescriptor_getFlags(request->memory);
    const IOByteCount size = IOMemoryDescriptor_getLength(request->memory);
    const bool reads = request->operation == VIRTIO_BLK_READ;

    if ((flags & (reads ? kIODirectionIn : kIODirectionOut)) == 0 ||
        (reads && (flags & kIOMemoryPreparedReadOnly) != 0))
        return kIOReturnNotPermitted;
    if (request->length > size || request->offset > size - request->length)
        return kIOReturnOverrun;
    return kIOReturnSuccess;
}

static inline IOReturn check_sectors(const struct virtio_blk *disk,
                                     const struct virtio_blk_request *request)
{
    const uint64_t count = request->length / VIRTIO_BLK_SECTOR;

    if (request->length == 0 || (request->length & SECTOR_MASK) != 0)
        return kIOReturnBadArgument;
    if (count > disk->sectors || request->sector > disk->sectors - count)
        return kIOReturnOverrun;
    return kIOReturnSuccess;
}

/* Of an operation that changes the disk. */
static IOReturn check_range(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                            bool supported)
{
    const IOReturn status = check_sectors(disk, request);

    if (!supported)
        return kIOReturnUnsupported;
    return status == kIOReturnSuccess && disk->read_only ? kIOReturnNotWritable : status;
}

static __attribute__((noinline)) IOReturn check_others(const struct virtio_blk *disk,
                                                       const struct virtio_blk_request *request)
{
    IOReturn status;

    switch (request->operation) {
    case VIRTIO_BLK_WRITE:
        status = check_range(disk, request, true);
        return status == kIOReturnSuccess ? check_memory(request) : status;
    case VIRTIO_BLK_DISCARD:
        return check_range(disk, request, disk->discard_bytes_max != 0);
    case VIRTIO_BLK_WRITE_ZEROES:
        return check_range(disk, request, disk->write_zeroes_bytes_max != 0);
    case VIRTIO_BLK_FLUSH:
    case VIRTIO_BLK_GET_ID:
        return request->length == 0 ? kIOReturnSuccess : kIOReturnBadArgument;
    default:
        return kIOReturnUnsupported;
    }
}

static inline IOReturn check(const struct virtio_blk *disk,
                             const struct virtio_blk_request *request)
{
    if (request->operation != VIRTIO_BLK_READ)
        return check_others(disk, request);

    const IOReturn status = check_sectors(disk, request);

    return status == kIOReturnSuccess ? check_memory(request) : status;
}

/* --- Issuing ---------------------------------------------------------------------------------- */

/* Start a chain with its header for the part of the request that comes next. */
static inline __attribute__((always_inline)) IOReturn begin_part(
    struct virtio_blk *disk, const struct virtio_blk_request *request, struct virtq_chain *chain)
{
    const IOReturn status = virtq_begin(disk->queue, chain);

    if (status != kIOReturnSuccess)
        return status;

    struct blk_frame *frame = &disk->frames[chain->slot];

    frame->header = (struct blk_header){
        .type = request->operation,
        .sector = request->sector + request->issued / VIRTIO_BLK_SECTOR,
    };
    frame->status = BLK_STATUS_UNWRITTEN;
    virtq_chain_add(chain, virt_to_phys(&frame->header), sizeof(frame->header), VIRTQ_NEXT);
    return kIOReturnSuccess;
}

/* On a copy, so that the chain itself needs no address and can live in registers. */
static __attribute__((noinline)) void show_watcher(const struct virtio_blk *disk,
                                                   const struct virtio_blk_request *request,
                                                   struct virtq_chain chain)
{
    disk->watch(disk->watch_context, request, &chain);
}

static inline __attribute__((always_inline)) void submit_part(struct virtio_blk *disk,
                                                              struct virtio_blk_request *request,
                                                              struct virtq_chain *chain,
                                                              uint64_t bytes)
{
    struct blk_frame *frame = &disk->frames[chain->slot];

    virtq_chain_add(chain, virt_to_phys((void *)&frame->status), 1, VIRTQ_WRITE);
    if (disk->watch != NULL)
        show_watcher(disk, request, *chain);
    virtq_submit(disk->queue, chain, request);
    request->issued += bytes;
    request->parts++;
}

/*
 * The cursor gave `bytes` instead of `limit`: the segment limit, or memory behind
 * that is not prepared. The device must be told whole sectors, so make that the limit.
 */
static __attribute__((noinline)) IOReturn shorten(uint64_t bytes, uint32_t *limit)
{
    if (bytes == 0) {
        const IOReturn error = IOMemoryLastError();

        return error != kIOReturnSuccess ? error : kIOReturnNotReady;
    }
    *limit = (uint32_t)(bytes & ~SECTOR_MASK);
    return *limit != 0 ? kIOReturnSuccess : kIOReturnUnsupported;
}

/* The way of a byte, steps 3 and 4: the cursor walks the memory and fills the ring's slots. */
static inline __attribute__((always_inline)) IOReturn issue_data(struct virtio_blk *disk,
                                                                 struct virtio_blk_request *request)
{
    struct virtq_chain chain;
    struct virtq_segments segments;
    IOReturn status = begin_part(disk, request, &chain);

    if (status != kIOReturnSuccess)
        return status;

    const uint64_t left = request->length - request->issued;
    const unsigned flags =
        request->operation == VIRTIO_BLK_READ ? VIRTQ_NEXT | VIRTQ_WRITE : VIRTQ_NEXT;
    uint32_t limit = left < BLK_PART_BYTES_MAX ? (uint32_t)left : BLK_PART_BYTES_MAX;
    IOByteCount bytes;
    unsigned count;

    do {
        virtq_chain_segments(&chain, &segments, flags);
        count = IOMemoryCursor_genPhysicalSegments(disk->cursor, request->memory,
                                                   request->offset + request->issued, &segments,
                                                   disk->segments_max, limit, &bytes);
        if (bytes != limit)
            status = shorten(bytes, &limit);
        if (status != kIOReturnSuccess)
            return status;
    } while (bytes != limit);
    virtq_chain_filled(&chain, &segments, count, limit);
    submit_part(disk, request, &chain, limit);
    return kIOReturnSuccess;
}

/* Operations whose data is in the frame. */
static __attribute__((noinline)) IOReturn issue_control(struct virtio_blk *disk,
                                                        struct virtio_blk_request *request)
{
    struct virtq_chain chain;
    const IOReturn status = begin_part(disk, request, &chain);
    const uint64_t most = request->operation == VIRTIO_BLK_DISCARD ? disk->discard_bytes_max
                                                                   : disk->write_zeroes_bytes_max;
    const uint64_t left = request->length - request->issued;
    const uint64_t bytes = left < most ? left : most;

    if (status != kIOReturnSuccess)
        return status;

    struct blk_frame *frame = &disk->frames[chain.slot];

    if (request->operation == VIRTIO_BLK_GET_ID) {
        virtq_chain_add(&chain, virt_to_phys(frame->id), sizeof(frame->id),
                        VIRTQ_NEXT | VIRTQ_WRITE);
    } else if (request->operation != VIRTIO_BLK_FLUSH) {
        frame->header.sector = 0; /* the range says it instead */
        frame->range =
            (struct blk_range){.sector = request->sector + request->issued / VIRTIO_BLK_SECTOR,
                               .sectors = (uint32_t)(bytes / VIRTIO_BLK_SECTOR)};
        virtq_chain_add(&chain, virt_to_phys(&frame->range), sizeof(frame->range), VIRTQ_NEXT);
    }
    submit_part(disk, request, &chain, bytes);
    return kIOReturnSuccess;
}

/*
 * Give the device as much of a request as the ring takes. kIOReturnNoResources:
 * something is left, and must wait in line; another error: nothing is in flight
 * and the request has failed.
 */
static inline __attribute__((always_inline)) IOReturn issue(struct virtio_blk *disk,
                                                            struct virtio_blk_request *request)
{
    const bool data =
        request->operation == VIRTIO_BLK_READ || request->operation == VIRTIO_BLK_WRITE;
    IOReturn status;

    do {
        status = data ? issue_data(disk, request) : issue_control(disk, request);
    } while (status == kIOReturnSuccess && request->issued < request->length);
    if (status == kIOReturnSuccess || status == kIOReturnNoResources || request->parts == 0)
        return status;
    /* The rest cannot go: it fails when what is in flight has come back. */
    request->status = status;
    request->issued = request->length;
    return kIOReturnSuccess;
}

/* --- Finishing -------------------------------------------------------------------------------- */

void blk_finish(struct virtio_blk_request *request)
{
    request->done = true;
    if (request->completion != NULL)
        request->completion(request);
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

static void keep_id(struct virtio_blk *disk, const struct blk_frame *frame)
{
    for (unsigned i = 0; i < VIRTIO_BLK_ID_LENGTH; i++)
        disk->id[i] = frame->id[i];
    disk->id_known = true;
}

static inline void finish_part(struct virtio_blk *disk, const struct virtq_used *used)
{
    struct virtio_blk_request *request = used->token;
    const struct blk_frame *frame = &disk->frames[used->slot];
    const uint8_t answer = frame->status;

    if (answer != VIRTIO_BLK_S_OK || used->missing != 0)
        request->status = failure(answer);
    else if (request->operation == VIRTIO_BLK_GET_ID)
        keep_id(disk, frame);
    if (--request->parts == 0 && request->issued == request->length)
        blk_finish(request);
}

static __attribute__((noinline)) void issue_waiting(struct virtio_blk *disk)
{
    struct virtio_blk_request *request;

    while ((request = disk->waiting) != NULL) {
        IOReturn status = request->status;

        if (status == kIOReturnSuccess)
            status = issue(disk, request);
        else if (request->parts != 0) /* failed, but the device still uses its memory */
            request->issued = request->length;
        if (status == kIOReturnNoResources)
            return;
        disk->waiting = request->next;
        if (request->parts == 0) {
            request->status = status;
            blk_finish(request);
        }
    }
}

unsigned blk_collect(struct virtio_blk *disk)
{
    struct virtq *queue = disk->queue;
    struct virtq_used used;
    unsigned finished = 0;

    do {
        while (virtq_take(queue, &used)) {
            finish_part(disk, &used);
            finished++;
        }
    } while (!disk->polled && virtq_enable_interrupt(queue));
    if (virtq_broken(queue) != NULL) {
        blk_recover(disk, kIOReturnDeviceError);
        return finished;
    }
    if (disk->waiting != NULL)
        issue_waiting(disk);
    virtq_publish(queue);
    return finished;
}

/* --- The caller's side ------------------------------------------------------------------------ */

void virtio_blk_request_init(struct virtio_blk_request *request,
                             enum virtio_blk_operation operation, IOMemoryDescriptorRef memory,
                             uint64_t offset, uint64_t sector, uint64_t length)
{
    request->operation = operation;
    request->memory = IOMemoryDescriptor_upcast(memory);
    request->offset = offset;
    request->sector = sector;
    request->length = length;
    request->completion = NULL;
    request->context = NULL;
    request->done = false;
}

static void wait_in_line(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    request->next = NULL;
    if (disk->waiting == NULL)
        disk->waiting = request;
    else
        disk->waiting_last->next = request;
    disk->waiting_last = request;
}

IOReturn virtio_blk_submit(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    if (disk == NULL || request == NULL)
        return kIOReturnBadArgument;

    IOReturn status = check(disk, request);

    if (status != kIOReturnSuccess)
        return status;
    request->done = false;
    request->status = kIOReturnSuccess;
    request->issued = 0;
    request->parts = 0;

    const irq_state_t state = irq_mask();

    if (disk->lost)
        status = kIOReturnNotResponding;
    else
        status = disk->waiting != NULL ? kIOReturnNoResources : issue(disk, request);
    if (status == kIOReturnNoResources) {
        wait_in_line(disk, request);
        status = kIOReturnSuccess;
    }
    irq_restore(state);
    return status;
}

void virtio_blk_publish(struct virtio_blk *disk)
{
    const irq_state_t state = irq_mask();

    virtq_publish(disk->queue);
    irq_restore(state);
}

unsigned virtio_blk_poll(struct virtio_blk *disk)
{
    const irq_state_t state = irq_mask();
    const unsigned finished = blk_collect(disk);

    irq_restore(state);
    return finished;
}
