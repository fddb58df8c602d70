/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: the calls that sleep until the device has answered. */
#include <string.h>

#include "drivers/virtio/blk_submit_private.h"
#include "kernel/irq.h"

bool blk_poll_if_polled(struct virtio_blk *disk)
{
    if (!disk->polled) {
        return false;
    }
    virtio_blk_poll(disk);
    /*
     * The caller has interrupts masked, and nothing else would let timers run: among them the one
     * that may reset this very disk.
     */
    irq_serve();
    return true;
}

/* Inline, so that what is asked of a request is not asked of one that is made here. */
static inline __attribute__((always_inline)) IOReturn perform(struct virtio_blk *disk,
                                                              enum virtio_blk_operation operation,
                                                              IOMemoryDescriptorRef memory,
                                                              uint64_t offset, uint64_t sector,
                                                              uint64_t length)
{
    struct virtio_blk_request request;
    unsigned submitted;

    if (disk == NULL) {
        return kIOReturnBadArgument;
    }
    /*
     * From before the submission to after the last look interrupts are masked: an end between
     * `done` and the sleep is pending then, and ends the sleep.
     */
    const lock_state_t state = lock_take_again(&disk->lock);

    /* Nested interrupts are off: the disk's own could never come while a handler waits for it. */
    if (irq_was_in_handler(state)) {
        lock_release(&disk->lock, state);
        return kIOReturnNotPermitted;
    }
    virtio_blk_request_init(&request, operation, memory, offset, sector, length);

    const IOReturn status = blk_submit_locked(disk, &request, 1, &submitted);

    if (status == kIOReturnSuccess) {
        virtq_publish_inline(disk->queue);
        lock_release_masked(&disk->lock);
        /* The way out is a reset by whoever loses patience: a timer, or another interrupt. */
        do {
            if (!blk_poll_if_polled(disk)) {
                irq_wait();
            }
        } while (!request.done);
        irq_restore(state);
        return request.status;
    }
    lock_release(&disk->lock, state);
    return status;
}

IOReturn virtio_blk_read(struct virtio_blk *disk, IOMemoryDescriptorRef memory, uint64_t offset,
                         uint64_t sector, uint64_t length)
{
    return perform(disk, VIRTIO_BLK_READ, memory, offset, sector, length);
}

IOReturn virtio_blk_write(struct virtio_blk *disk, IOMemoryDescriptorRef memory, uint64_t offset,
                          uint64_t sector, uint64_t length)
{
    return perform(disk, VIRTIO_BLK_WRITE, memory, offset, sector, length);
}

static __attribute__((noinline)) IOReturn perform_without_memory(
    struct virtio_blk *disk, enum virtio_blk_operation operation, uint64_t sector, uint64_t length)
{
    return perform(disk, operation, (IOMemoryDescriptor *)NULL, 0, sector, length);
}

IOReturn virtio_blk_flush(struct virtio_blk *disk)
{
    /* Without the feature the device writes through: everything is stable already. */
    if (disk != NULL && (disk->device->features & VIRTIO_BLK_F_FLUSH) == 0) {
        return kIOReturnSuccess;
    }
    return perform_without_memory(disk, VIRTIO_BLK_FLUSH, 0, 0);
}

IOReturn virtio_blk_discard(struct virtio_blk *disk, uint64_t sector, uint64_t length)
{
    return perform_without_memory(disk, VIRTIO_BLK_DISCARD, sector, length);
}

IOReturn virtio_blk_write_zeroes(struct virtio_blk *disk, uint64_t sector, uint64_t length)
{
    return perform_without_memory(disk, VIRTIO_BLK_WRITE_ZEROES, sector, length);
}

IOReturn virtio_blk_get_id(struct virtio_blk *disk, char id[VIRTIO_BLK_ID_LENGTH + 1])
{
    IOReturn status = kIOReturnSuccess;

    if (disk == NULL || id == NULL) {
        return kIOReturnBadArgument;
    }
    /* Asked once: the string is the device's, which stays the same through all resets. */
    if (!disk->id_known) {
        status = perform_without_memory(disk, VIRTIO_BLK_GET_ID, 0, 0);
    }
    if (!disk->id_known && status == kIOReturnSuccess) {
        memcpy(disk->id, &disk->frames[virtq_slots(disk->queue)], VIRTIO_BLK_ID_LENGTH);
        disk->id_known = true;
    }
    /*
     * The device pads with NULs, and ends a string of all twenty characters with none (section
     * 5.2.6): the byte behind is ours, and stays 0.
     */
    memcpy(id, disk->id, VIRTIO_BLK_ID_LENGTH + 1);
    return status;
}

struct virtio_blk *virtio_blk_find(const char *serial)
{
    char id[VIRTIO_BLK_ID_LENGTH + 1];

    if (serial == NULL) {
        return NULL;
    }
    for (unsigned i = 0; i < virtio_blk_count(); i++) {
        struct virtio_blk *disk = virtio_blk_get(i);

        /* One that cannot say is passed over: a lost disk must not hide the others. */
        if (virtio_blk_get_id(disk, id) == kIOReturnSuccess && strcmp(id, serial) == 0) {
            return disk;
        }
    }
    return NULL;
}
