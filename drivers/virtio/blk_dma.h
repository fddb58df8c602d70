/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks as DMA engines: what IODMACommand prepares, IODMAEventSource starts and a work
 * loop delivers. The same requests as in blk.h, in the same ring; only what the device is
 * told of the memory comes from the command, straight into the ring.
 *
 *     IOService *device = virtio_blk_get_service(disk);
 *     source = IODMAEventSource_dmaEventSource(owner, device, arrived, NULL, 0);
 *     command = virtio_blk_create_command(disk, NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare ...
 *     transfer.sector = 2048;
 *     IODMAEventSource_startDMACommand(source, command, kIODirectionIn, 0, 0);
 *
 * A disk has one channel, request 0. Its transfers are whole blocks; one of any length is
 * one start. They wait in line for room in the ring, so there is never too much of them.
 * What the engine adds to the errors of a start: kIOReturnBadArgument (not whole blocks, or a
 * command that virtio_blk_create_command has not made for this disk), kIOReturnNoSpace (a
 * block in more pieces than the device takes), kIOReturnMessageTooLarge (a segment that is
 * longer than the device takes now), and those of blk.h; these are what a transfer ends with.
 *
 * Stopping resets the device, as virtio_blk_reset does: there is no other way. With flush it
 * waits for the end instead. kIOReturnNotPermitted: from a notification.
 */
#ifndef DRIVERS_VIRTIO_BLK_DMA_H
#define DRIVERS_VIRTIO_BLK_DMA_H

#include "descriptors/IODMAController.h"
#include "drivers/virtio/blk.h"

/* What a disk is told beside the command. The command's own from its creation to its end. */
struct virtio_blk_transfer {
    struct virtio_blk_request request; /* private */
    IODMACommand *command;             /* private: not retained */
    struct virtio_blk *disk;           /* private */
    uint64_t prepared;                 /* private: offset of the command's first byte */
    uint64_t sector;                   /* where the bytes that a start names begin on the disk */
    void *context;                     /* the client's */
};

/*
 * The disk as a device: its own engine, for IODMAEventSource_dmaEventSource. Not retained:
 * made by the first call, and there from then on. NULL: kIOReturnNoMemory. Thread context.
 */
IOService *virtio_blk_get_service(struct virtio_blk *disk);

/* What the disk's configuration says of segments now. Most segments and queue depth, which
 * these options cannot say, are the driver's business. */
void virtio_blk_get_segment_options(struct virtio_blk *disk, IODMACommand_SegmentOptions *options);

/*
 * A command for transfers of this disk, +1, whose refCon is `transfer`. options NULL: the
 * disk's; others must not allow longer segments. NULL: as
 * IODMACommand_withSpecificationOptions. Thread context.
 */
IODMACommand *virtio_blk_create_command(struct virtio_blk *disk,
                                        const IODMACommand_SegmentOptions *options,
                                        uint32_t mappingOptions,
                                        struct virtio_blk_transfer *transfer);

/* Whose request it is, for a watcher (virtio_blk_watch); NULL: no command's. Any context. */
const IODMACommand *virtio_blk_command_of(const struct virtio_blk_request *request);

/*
 * While it is on, starts ring no doorbell: the device sees them at virtio_blk_publish, all at
 * once. Off: it sees them now. Any context.
 */
void virtio_blk_hold_doorbell(struct virtio_blk *disk, bool on);

/* Commands that the engine has now, and had at once at the most. */
struct virtio_blk_depth {
    unsigned now;
    unsigned most;
};

/* How many requests were in flight at once. Any context. */
void virtio_blk_get_depth(struct virtio_blk *disk, struct virtio_blk_depth *depth);

#endif
