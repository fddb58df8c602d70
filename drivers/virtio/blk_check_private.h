/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: may a request be made? What every request of the usual kind goes through is
 * inline, so that it pays for no calls; the disk's lock is held.
 */
#ifndef DRIVERS_VIRTIO_BLK_CHECK_PRIVATE_H
#define DRIVERS_VIRTIO_BLK_CHECK_PRIVATE_H

#include "descriptors/IOMemoryDescriptor_class.h"
#include "drivers/virtio/blk_private.h"

/* The range of the memory, of which the cursor usually finds that it is right. */
__attribute__((cold)) IOReturn blk_check_memory(const struct virtio_blk_request *request);
/* A request without data, or of no known kind. */
__attribute__((cold)) IOReturn blk_check_control(const struct virtio_blk *disk,
                                                 const struct virtio_blk_request *request);
/* Why blk_is_permitted said no. */
__attribute__((cold)) IOReturn blk_refusal(const struct virtio_blk *disk,
                                           const struct virtio_blk_request *request);

static inline bool blk_moves_data(const struct virtio_blk_request *request)
{
    return request->operation == VIRTIO_BLK_READ || request->operation == VIRTIO_BLK_WRITE;
}

/* The descriptor's direction, how it is prepared, and the disk. */
static inline bool blk_is_permitted(const struct virtio_blk *disk,
                                    const struct virtio_blk_request *request)
{
    /* Read where it is: the getter would be a call. NULL has no direction. */
    IOOptionBits flags = request->memory != NULL ? request->memory->flags : 0;

    if (__builtin_expect(request->operation == VIRTIO_BLK_READ, true)) {
        if ((flags & kIODirectionIn) == 0) {
            return false;
        }
        /* Two tests of a bit, and not one with a mask that would have to be made first. */
        __asm__("" : "+r"(flags));
        return (flags & kIOMemoryPreparedReadOnly) == 0;
    }
    return (flags & kIODirectionOut) != 0 && !disk->read_only;
}

/* Devices refuse parts of a block, with the same error that a worn-out disk has. */
static inline IOReturn blk_check_sectors(const struct virtio_blk *disk,
                                         const struct virtio_blk_request *request)
{
    const uint64_t count = request->length / VIRTIO_BLK_SECTOR;
    const uint64_t ends = request->length | request->sector * VIRTIO_BLK_SECTOR;

    if (request->length == 0 || (ends & disk->block_mask) != 0) {
        return kIOReturnBadArgument;
    }
    if (count > disk->sectors || request->sector > disk->sectors - count) {
        return kIOReturnOverrun;
    }
    return kIOReturnSuccess;
}

/* Of a read or write, all but blk_check_memory. */
static inline IOReturn blk_check_data(const struct virtio_blk *disk,
                                      const struct virtio_blk_request *request)
{
    const IOReturn status = blk_check_sectors(disk, request);

    if (status != kIOReturnSuccess) {
        return status;
    }
    return blk_is_permitted(disk, request) ? kIOReturnSuccess : blk_refusal(disk, request);
}

/* Of any. */
static inline IOReturn blk_check(const struct virtio_blk *disk,
                                 const struct virtio_blk_request *request)
{
    return blk_moves_data(request) ? blk_check_data(disk, request)
                                   : blk_check_control(disk, request);
}

#endif
