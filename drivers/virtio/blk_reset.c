/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: back to work after a reset, with nothing lost that the caller waits for. */
#include "drivers/virtio/blk_private.h"
#include "kernel/console.h"

/* Requests to finish once the device works again, oldest line first. */
struct request_list {
    struct virtio_blk_request *first;
    struct virtio_blk_request **end;
};

static void append(struct request_list *list, struct virtio_blk_request *request)
{
    /* Its link still says what came behind it in the line. */
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
}

/* Take everything from the queue and from the line. The device must have stopped. */
static void take_unfinished(struct virtio_blk *disk, struct request_list *list, IOReturn status)
{
    struct virtio_blk_request *waiting = disk->waiting;
    struct virtio_blk_request *request;

    while ((request = virtq_detach(disk->queue)) != NULL) {
        /*
         * What went wrong first is the reason: a part that failed before the reset is not called
         * aborted.
         */
        if (request->status == kIOReturnSuccess) {
            request->status = status;
        }
        /* One that has its place in line is taken from there. */
        if (--request->parts == 0) {
            append(list, request);
        }
    }
    while ((request = disk->doubted) != NULL) {
        disk->doubted = request->next;
        append(list, request);
    }
    disk->waiting = NULL; /* judged anew with the configuration, after the reset */
    while ((request = waiting) != NULL) {
        waiting = request->next;
        request->parts = 0; /* its place in line */
        if (request->status == kIOReturnSuccess) {
            request->status = status;
        }
        append(list, request);
    }
}

void blk_lose(struct virtio_blk *disk)
{
    /* For good: nobody knows what the device does now, and its rings may still be written. */
    disk->lost = true;
    /* So that a submission finds no slot, by the test that it makes anyway. */
    virtq_reject(disk->queue, "the device is lost");
    kprintf("virtio-blk: the disk at 0x%llx is lost: it does not come back from its reset\n",
            (unsigned long long)disk->device->address.value);
}

IOReturn blk_recover(struct virtio_blk *disk, IOReturn status)
{
    struct request_list unfinished = {.end = &unfinished.first};
    const char *reason = virtq_broken(disk->queue);

    if (status == kIOReturnDeviceError) {
        kprintf("virtio-blk: the disk at 0x%llx is reset: %s\n",
                (unsigned long long)disk->device->address.value,
                reason != NULL ? reason : "it asks for it");
    }

    /* A device that does not stop may still write; nothing can be done but to say so. */
    const bool stopped = virtio_reset(disk->device);

    /*
     * Before the queue is made anew, which forgets what was in flight. Nobody is told yet: a
     * completion may submit, and there must be something to submit to.
     */
    take_unfinished(disk, &unfinished, stopped ? status : kIOReturnNotResponding);
    if (!stopped || blk_start(disk) != kIOReturnSuccess) {
        blk_lose(disk);
    }

    /* No resets out of these: each would work on a list that this one is halfway through. */
    disk->finishing = true;
    for (struct virtio_blk_request *request = unfinished.first, *next; request != NULL;
         request = next) {
        next = request->next;
        blk_finish(request);
    }
    disk->finishing = false;
    if (!disk->polled) {
        virtq_enable_interrupt(
            disk->queue); /* one of them may have asked to be interrupted again */
    }
    /* What they have submitted: no interrupt will come that could publish it. */
    virtq_publish(disk->queue);
    return disk->lost ? kIOReturnNotResponding : kIOReturnSuccess;
}

IOReturn virtio_blk_reset(struct virtio_blk *disk)
{
    if (disk == NULL) {
        return kIOReturnBadArgument;
    }
    if (disk->finishing) {
        return kIOReturnNotPermitted;
    }

    const lock_state_t state = lock_take_again(&disk->lock);
    const IOReturn status =
        disk->lost ? kIOReturnNotResponding : blk_recover(disk, kIOReturnAborted);

    lock_release(&disk->lock, state);
    return status;
}
