/* SPDX-License-Identifier: BSD-2-Clause */
/* Disk requests on their way back: what the device has done with them, and who comes next. */
#include "drivers/virtio/blk_dma.h"
#include "drivers/virtio/blk_submit_private.h"

/* Apart, so that what is not recorded keeps nothing for it. */
static __attribute__((cold, noinline)) void record_end(const struct virtio_blk_request *request)
{
    if (blk_moves_data(request) && virtio_blk_command_of(request) == NULL) {
        trace_dma_end((vaddr_t)request, request->length, request->status);
    }
}

static inline __attribute__((always_inline)) void end(struct virtio_blk_request *request)
{
    /*
     * Before the completion, after which nothing of the request is touched: it may be freed by
     * then, or submitted again.
     */
    request->done = true;
    if (request->completion != NULL) {
        request->completion(request);
    }
}

void blk_finish(struct virtio_blk_request *request)
{
    if (request->mapped.mapper != NULL) {
        blk_unmap_request(request);
    }
    if (trace_is_on()) {
        record_end(request);
    }
    end(request);
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

/*
 * The ring says that the part is done, its status does not: the device may have it still, and its
 * memory is not the client's before the device has been reset.
 */
static __attribute__((noinline)) void doubt(struct virtio_blk *disk,
                                            struct virtio_blk_request *request)
{
    request->status = kIOReturnDeviceError;
    if (--request->parts == 0) { /* or what is left of it is found in the ring or in the line */
        request->next = disk->doubted;
        disk->doubted = request;
    }
    virtq_reject(disk->queue, "a chain comes back without its status");
}

static inline void finish_part(struct virtio_blk *disk, const struct virtq_used *used)
{
    struct virtio_blk_request *request = used->token;
    /*
     * Once, as the device could change it. The slot is free by now, but its frame is not used again
     * before this: the lock is held.
     */
    const struct blk_frame *const frame = virtq_used_frame(used);
    const uint8_t answer = shared_read8(&frame->status);

    if (used->missing != 0 || answer != VIRTIO_BLK_S_OK) {
        if (answer == BLK_STATUS_UNWRITTEN) {
            doubt(disk, request);
            return;
        }
        request->status = failure(answer);
    } else if (request->usual != 0) {
        request->parts = 0;
        end(request);
        return;
    } else if (request->fill != NULL) {
        request->moved += disk->part_bytes[virtq_used_slot(used)];
    }
    /* Parts come back in any order (section 5.2.6), so the last one is told by the count alone. */
    if (--request->parts == 0) {
        blk_finish(request);
    }
}

/*
 * The disk may have changed since a request got in line, its capacity or its
 * limits: what is left of it must still be right, or it fails.
 */
static IOReturn issue_first(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    IOReturn status = request->status;

    if (status == kIOReturnSuccess) {
        status = blk_check(disk, request);
    }
    if (status == kIOReturnSuccess) {
        status = blk_issue(disk, request);
    }
    if (status != kIOReturnSuccess && status != kIOReturnNoResources) {
        request->status = status;
    }
    return status;
}

static __attribute__((noinline)) void issue_waiting(struct virtio_blk *disk)
{
    struct virtio_blk_request *request;

    while ((request = disk->waiting) != NULL) {
        /*
         * The first keeps its place: if others went past it, a long request might never find room.
         */
        if (issue_first(disk, request) == kIOReturnNoResources) {
            return;
        }
        /* Its place in line counted as a part; what is in flight still uses its memory. */
        disk->waiting = request->next;
        blk_judge_usual(disk);
        if (--request->parts == 0) {
            blk_finish(request);
        }
    }
}

static inline __attribute__((always_inline)) unsigned collect(struct virtio_blk *disk)
{
    struct virtq *const queue = disk->queue;
    int count = (int)virtq_completed(queue);
    struct virtq_used used;
    unsigned finished = 0;

    /*
     * Completions are called from here on: what they submit gets into the ring, but is published
     * once, at the end.
     */
    disk->finishing = true;
    do {
        for (; count > 0 && virtq_take_next(queue, &used); count--) {
            finish_part(disk, &used);
            finished++;
        }
        /* Each turn takes something, and nothing new is published in here: it ends. */
    } while ((count = virtq_renew_interrupt(queue, !disk->polled)) > 0);
    if (count == VIRTQ_BROKEN) {
        /* Cleared first: the recovery sets it around its own completions. */
        disk->finishing = false;
        if (!disk->lost) {
            blk_recover(disk, kIOReturnDeviceError);
        }
        return finished;
    }
    if (disk->waiting != NULL) {
        issue_waiting(disk);
        count = 0; /* that may have filled the ring again */
    }
    disk->finishing = false;
    if (count != VIRTQ_IDLE) {
        /* One doorbell for all that completions and the line have put in the ring. */
        virtq_publish(queue);
    }
    return finished;
}

unsigned blk_collect(struct virtio_blk *disk)
{
    return collect(disk);
}

enum irq_result blk_buffers_used(void *context, unsigned vector)
{
    struct virtio_blk *disk = context;

    (void)vector; /* there is one queue */
    lock_take_masked(&disk->lock);
    virtq_count_interrupt(disk->queue);
    collect(disk);
    lock_release_masked(&disk->lock);
    return IRQ_SERVED;
}

unsigned virtio_blk_poll(struct virtio_blk *disk)
{
    const lock_state_t state = lock_take_again(&disk->lock);
    const unsigned finished = disk->finishing ? 0 : blk_collect(disk);

    lock_release(&disk->lock, state);
    return finished;
}
