/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device as a DMA engine: it fills what IODMACommand prepares, and
 * IODMAEventSource starts. One channel, request 0; only towards memory (kIODirectionIn).
 * Transfers wait in line, and end with the errors of rng.h.
 *
 *     source = IODMAEventSource_dmaEventSource(owner, virtio_rng_get_service(), arrived, NULL, 0);
 *     command = virtio_rng_create_command(NULL, kMapped, &transfer);
 *     ... set the memory, prepare ...
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * Stopping resets the device, as virtio_rng_reset does; with flush it waits instead.
 */
#ifndef DRIVERS_VIRTIO_RNG_DMA_H
#define DRIVERS_VIRTIO_RNG_DMA_H

#include "descriptors/IODMAController.h"
#include "drivers/virtio/mapping.h"
#include "drivers/virtio/queue.h"

/* Private: bytes to be had of the device, in line for it. */
struct virtio_rng_request {
    IOMemoryDescriptor *memory;
    uint64_t offset, length; /* in it; with `fill`, in a command's preparation */
    uint64_t done;           /* bytes that have come */
    IOReturn status;
    /* Tell the device of one segment of at most `most` bytes; NULL: the cursor does. */
    IOReturn (*fill)(struct virtio_rng_request *request, uint32_t most, struct virtq_chain *chain);
    void (*completion)(struct virtio_rng_request *request);
    void *context;
    struct virtio_rng_request *next;
    struct virtio_memory mapped; /* behind an IOMMU, without a command; its mapper NULL: not now */
};

/* What goes with a command, from its creation to its end. */
struct virtio_rng_transfer {
    struct virtio_rng_request request; /* private */
    IODMACommand *command;             /* private: not retained */
    void *context;                     /* the client's */
};

/*
 * The device as its own engine. Not retained: made by the first call, and there from then on.
 * NULL: kIOReturnNoDevice, kIOReturnNoMemory. Thread context.
 */
IOService *virtio_rng_get_service(void);

/* What the device can be told of segments: the driver asks for one at a time. */
void virtio_rng_get_segment_options(IODMACommand_SegmentOptions *options);

/*
 * A command for it, +1, whose refCon is `transfer`. options NULL: the device's. NULL: as
 * IODMACommand_withSpecificationOptions. Thread context.
 */
IODMACommand *virtio_rng_create_command(const IODMACommand_SegmentOptions *options,
                                        uint32_t mappingOptions,
                                        struct virtio_rng_transfer *transfer);

#endif
