/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks: the checks that only some requests need; see blk_check_private.h. */
#include "drivers/virtio/blk_check_private.h"

IOReturn blk_refusal(const struct virtio_blk *disk, const struct virtio_blk_request *request)
{
    /* First: on such a disk no change of the descriptor would help. */
    if (disk->read_only && request->operation != VIRTIO_BLK_READ) {
        return kIOReturnNotWritable;
    }
    return request->memory != NULL ? kIOReturnNotPermitted : kIOReturnBadArgument;
}

IOReturn blk_check_memory(const struct virtio_blk_request *request)
{
    const IOByteCount size = IOMemoryDescriptor_getLength(request->memory);

    /* Written so that no sum can wrap. */
    if (request->length > size || request->offset > size - request->length) {
        return kIOReturnOverrun;
    }
    return kIOReturnSuccess;
}

static IOReturn check_range(const struct virtio_blk *disk, const struct virtio_blk_request *request,
                            uint64_t bytes_max)
{
    /* The feature was not negotiated, or the device has it and allows no sectors. */
    if (bytes_max == 0) {
        return kIOReturnUnsupported;
    }

    const IOReturn status = blk_check_sectors(disk, request);

    return status == kIOReturnSuccess && disk->read_only ? kIOReturnNotWritable : status;
}

IOReturn blk_check_control(const struct virtio_blk *disk, const struct virtio_blk_request *request)
{
    switch (request->operation) {
    case VIRTIO_BLK_DISCARD:
        return check_range(disk, request, disk->discard_bytes_max);
    case VIRTIO_BLK_WRITE_ZEROES:
        return check_range(disk, request, disk->write_zeroes_bytes_max);
    case VIRTIO_BLK_FLUSH:
        if (!blk_has(disk, VIRTIO_BLK_F_FLUSH)) {
            return kIOReturnUnsupported;
        }
        /*
         * It is the whole disk that is flushed: a length would be a misunderstanding (section
         * 5.2.6.1).
         */
        return request->length == 0 ? kIOReturnSuccess : kIOReturnBadArgument;
    case VIRTIO_BLK_GET_ID:
        return request->length == 0 ? kIOReturnSuccess : kIOReturnBadArgument;
    /*
     * Not left to the device: unknown numbers are other commands to some of them, with data of
     * another shape.
     */
    default:
        return kIOReturnUnsupported;
    }
}
