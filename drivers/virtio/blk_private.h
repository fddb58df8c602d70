/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the disk driver: blk.c (bring-up), blk_config.c, blk_request.c (there), blk_collect.c
 * (and back), blk_mapped.c, blk_sleep.c, blk_dma.c, blk_reset.c.
 */
#ifndef DRIVERS_VIRTIO_BLK_PRIVATE_H
#define DRIVERS_VIRTIO_BLK_PRIVATE_H

#include "descriptors/IODMAController.h"
#include "descriptors/IOMemoryCursor.h"
#include "drivers/shared.h"
#include "drivers/virtio/blk.h"
#include "drivers/virtio/queue.h"
#include "drivers/virtio/virtio.h"
#include "kernel/lock.h"

/* Feature bits (section 5.2.3). */
#define VIRTIO_BLK_F_SIZE_MAX     (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX      (1ull << 2)
#define VIRTIO_BLK_F_RO           (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (1ull << 6)
#define VIRTIO_BLK_F_FLUSH        (1ull << 9)
#define VIRTIO_BLK_F_DISCARD      (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

/* Status byte of a device request (section 5.2.6). */
#define VIRTIO_BLK_S_OK      0u
#define VIRTIO_BLK_S_IOERR   1u
#define VIRTIO_BLK_S_UNSUPP  2u
#define BLK_STATUS_UNWRITTEN 0xffu /* ours, before the device has answered */

#define BLK_QUEUE             0u
#define BLK_FRAME_ENTRIES     2u    /* of a chain: header and status */
#define BLK_CHAIN_LEAST       4u    /* entries: a power of two, with room for one of data */
#define BLK_TABLE_ENTRIES     256u  /* of a chain with its own table, by choice: one page */
#define BLK_TABLE_ENTRIES_MAX 1024u /* and at the most: QEMU takes no longer chain */
#define BLK_CHAINS            128u  /* at once, where each has a table */
#define BLK_QUEUE_CHAINED                                                                          \
    1024u /* entries of a ring without tables, where each segment takes one                        \
           */
#define BLK_PART_BYTES_MAX (32u << 20) /* of one device request: bounds what a host must hold */

/* Header that the device reads first (section 5.2.6). */
struct blk_header {
    uint32_t type;
    uint32_t reserved; /* 0, from the beginning */
    uint64_t sector;
};

/* Argument of discard and write-zeroes (section 5.2.6). */
struct blk_range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};

/*
 * Memory shared with the device, one for each chain, by its slot; the serial number comes into the
 * one behind the last.
 */
struct blk_frame {
    struct blk_header header; /* read by the device */
    struct blk_range range;   /* read by the device */
    struct shared8 status;    /* written by the device */
} __attribute__((aligned(64)));

struct virtio_blk {
    struct lock lock; /* over all of it; a completion that runs under it may call back */
    struct virtio_device *device;
    struct virtq *queue;
    IOMemoryCursor *cursor;
    struct blk_frame *frames;
    size_t frame_pages;
    struct virtio_mapping frames_io;
    uint32_t *part_bytes; /* of data in each chain, by its slot, for those that `fill` made */
    struct virtio_blk_request *waiting; /* in line for room in the ring, oldest first */
    struct virtio_blk_request *waiting_last;
    struct virtio_blk_request *doubted; /* back without an answer: theirs again after a reset */

    uint64_t sectors;
    uint64_t block_mask;    /* bytes of a block - 1: requests and their parts are whole blocks */
    uint32_t chain_entries; /* most entries of a chain */
    uint32_t segments_max;  /* of them for data; 0: the cursor makes longer ones than allowed */
    uint32_t segment_bytes_max; /* 0: no limit */
    uint32_t cursor_bytes_max;  /* segment_bytes_max when the cursor was made */
    uint64_t usual_bytes_max;   /* of a request that goes the shortest way; 0: none does now */
    uint64_t whole_bytes_max;   /* of a request that goes the short way; 0: none does */
    uint64_t discard_bytes_max; /* of one device request, whole blocks; 0: none */
    uint64_t write_zeroes_bytes_max;
    uint64_t discard_alignment; /* bytes: where to cut these two */
    bool read_only;
    bool polled;    /* interrupts from the device are switched off */
    bool lost;      /* could not be reset: takes nothing any more */
    bool finishing; /* completions are being called: no place to reset or to poll from */
    bool id_known;
    char id[VIRTIO_BLK_ID_LENGTH + 1]; /* the last one is a NUL of ours */

    virtio_blk_watch_t *watch; /* NULL: nobody does */
    void *watch_context;

    struct virtio_blk_options options;

    /* As a DMA engine; NULL until somebody asks for it. See blk_dma.c. */
    IODMAController *engine;
    IOService *service;

    struct vm_device_memory frame_memory;

    struct virtio_blk *next; /* in the order of virtio_blk_get */
};

/* The feature is in use. */
static inline bool blk_has(const struct virtio_blk *disk, uint64_t feature)
{
    return (disk->device->features & feature) != 0;
}

/* Of the entries of a request that carry its data. */
static inline unsigned blk_data_flags(enum virtio_blk_operation operation)
{
    return __builtin_expect(operation == VIRTIO_BLK_READ, true) ? VIRTQ_NEXT | VIRTQ_WRITE
                                                                : VIRTQ_NEXT;
}

/* blk.c */
/* From a claimed device to a working disk, and back; NULL: it cannot be used, and was said so. */
struct virtio_blk *blk_create(struct virtio_device *device);
void blk_destroy(struct virtio_blk *disk);
/* Reset, negotiate, make the queue known to the device, and let it work. The queue is as new. */
IOReturn blk_start(struct virtio_blk *disk);

/* blk_config.c */
/* Most data segments of a request that the device takes. */
IOReturn blk_read_segments_max(struct virtio_blk *disk, uint32_t *segments);
/* Take over what the configuration says now; an error changes nothing. Any context. */
IOReturn blk_read_configuration(struct virtio_blk *disk);
/* After a change of what decides whether requests are usual ones: the limits, line and watcher. */
void blk_judge_usual(struct virtio_blk *disk);

/* blk_mapped.c: the memory of a read or write that has no command. No effect without an IOMMU. */
IOReturn blk_map_request(struct virtio_blk *disk, struct virtio_blk_request *request);
/*
 * The same of one that is one run from `physical` on, and one chain, for which there is room: one
 * that has to wait for it is not mapped until it is known how it goes. Its I/O address; 0: all is
 * left for others.
 */
uint64_t blk_map_run(struct virtio_blk *disk, struct virtio_blk_request *request,
                     uint64_t physical);
/* It is not in flight any more, and says so if anything was wrong. Only of one that is mapped. */
void blk_unmap_request(struct virtio_blk_request *request);

/*
 * blk_request.c: give the device as much of a request as the ring takes. kIOReturnNoResources:
 * something is left, and must wait in line; another error: nothing is in flight
 * and the request has failed.
 */
IOReturn blk_issue(struct virtio_blk *disk, struct virtio_blk_request *request);

/* blk_collect.c */
/* Finish what came back, give the device what waits. Interrupts masked. Returns chains finished. */
unsigned blk_collect(struct virtio_blk *disk);
virtio_used_handler_t blk_buffers_used; /* the same, for an interrupt */
void blk_finish(struct virtio_blk_request *request);

/* Poll it if it has no interrupts: false, it has. Other interrupts are served. Masked. */
bool blk_poll_if_polled(struct virtio_blk *disk);

/* blk_reset.c */
/* It does not come back from its reset: takes nothing any more. Nothing is in flight. */
void blk_lose(struct virtio_blk *disk);
/* Reset the device and start it again; everything unfinished ends with `status`. */
IOReturn blk_recover(struct virtio_blk *disk, IOReturn status);

#endif
