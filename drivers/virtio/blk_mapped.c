/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks behind an IOMMU: the memory of requests that no command has mapped; see mapping.h. */
#include "drivers/virtio/blk_check_private.h"
#include "drivers/virtio/blk_private.h"

/* The way of a byte, steps 3 and 4, by I/O addresses: the walk fills the slots. */
static uint64_t fill(struct virtio_blk *disk, struct virtio_blk_request *request, uint64_t issued,
                     uint32_t limit, struct virtq_chain *chain)
{
    const uint32_t longest = disk->segment_bytes_max != 0 ? disk->segment_bytes_max : UINT32_MAX;
    struct virtq_command_segments to = {.left = limit, .longest = longest};
    /* Of this moment: a device can change it. */
    UInt32 count = disk->segments_max;
    uint64_t position = issued;
    uint32_t bytes;

    virtq_chain_segments(chain, &to.segments, blk_data_flags(request->operation));
    request->refusal = virtio_memory_segments(&request->mapped, request->memory,
                                              virtq_command_output(chain)->segment, &to, &position,
                                              limit, longest, &count);
    if (request->refusal != kIOReturnSuccess) {
        return 0;
    }
    bytes = limit - (uint32_t)to.left;
    virtq_chain_filled(chain, count, bytes);
    disk->part_bytes[virtq_slot_of(chain)] = bytes;
    return bytes;
}

static uint32_t access_of(const struct virtio_blk_request *request)
{
    return request->operation == VIRTIO_BLK_READ ? kIODMAMapWriteAccess : kIODMAMapReadAccess;
}

IOReturn blk_map_request(struct virtio_blk *disk, struct virtio_blk_request *request)
{
    IOMapper *const mapper = disk->device->mapper;
    IOReturn status;

    /* One with a way of its own has its memory mapped by that. */
    if (mapper == NULL || request->fill != NULL || !blk_moves_data(request)) {
        return kIOReturnSuccess;
    }
    status = virtio_map_memory(&request->mapped, mapper, request->memory, request->offset,
                               request->length, access_of(request));
    if (status == kIOReturnSuccess) {
        request->fill = fill;
    }
    return status;
}

uint64_t blk_map_run(struct virtio_blk *disk, struct virtio_blk_request *request, uint64_t physical)
{
    /* One that has to wait for room in the ring is not mapped until it is known how it goes. */
    if (!virtq_has_room(disk->queue)) {
        return 0;
    }
    request->usual = 0; /* at its end its memory is taken from the device */
    return virtio_map_run(&request->mapped, disk->device->mapper, physical, request->offset,
                          request->length, access_of(request));
}

void blk_unmap_request(struct virtio_blk_request *request)
{
    const IOReturn status = virtio_unmap_memory(&request->mapped, request->memory);

    if (request->status == kIOReturnSuccess) {
        request->status = status;
    }
    /* As its owner knows it: it may be submitted again, to a disk without an IOMMU, too. */
    request->fill = NULL;
}
