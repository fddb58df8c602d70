/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: virtio-blk (virtio 1.2, section 5.2). Data moves between the disk and
 * the memory of a descriptor by the device's own DMA; the CPU never copies it.
 *
 * Link it in (by calling any of it) and every virtio-blk device of the machine
 * is brought up before main:
 *
 *     struct virtio_blk *disk = virtio_blk_get(0);
 *     status = virtio_blk_read(disk, memory, 0, sector, 4096);     sleeps until done
 *
 * Or many at once, one doorbell for all:
 *
 *     virtio_blk_request_init(&request[i], VIRTIO_BLK_READ, memory, offset, sector, bytes);
 *     request[i].completion = arrived;
 *     ...
 *     virtio_blk_submit_list(disk, request, count, NULL);
 *
 * A sector is 512 bytes, whatever the disk's block size. A transfer is whole blocks,
 * in place and length; the memory may be in any pieces. Memory must be prepared for the direction
 * of the transfer and stay so until completion. A transfer of any length is one call: the driver
 * cuts it into as many device requests as the device's limits need.
 *
 * Errors, from submission or at completion:
 *   kIOReturnBadArgument    NULL, zero, or not whole blocks
 *   kIOReturnOverrun        beyond the end of the disk or of the descriptor
 *   kIOReturnNotWritable    write, discard or write-zeroes on a read-only disk
 *   kIOReturnNotPermitted   the descriptor's direction does not allow it; a call
 *                           that sleeps, from an interrupt handler
 *   kIOReturnNotReady       the memory is not prepared
 *   kIOReturnUnsupported    the disk does not have the operation, or memory in too
 *                           many pieces for one block
 *   kIOReturnIOError        the device reports an error
 *   kIOReturnUnderrun       the device reports success, but wrote less
 *   kIOReturnDeviceError    the device broke the protocol or gave up; it has been
 *                           reset and works again
 *   kIOReturnAborted        virtio_blk_reset took the request back
 *   kIOReturnNotResponding  the device is lost: it could not be reset
 *
 * Of a disk behind an IOMMU the memory of a read or a write is mapped from its submission to its
 * end, which has errors of its own:
 *   kIOReturnNoSpace, kIOReturnNoResources, kIOReturnMessageTooLarge
 *                           no I/O addresses, no tables, or memory beyond the unit's reach
 *   kIOReturnNotPermitted, kIOReturnNotAttached
 *                           memory that no device may reach: host-only, or remote
 *   kIOReturnDMAError       the device was blocked in it
 *   kIOReturnTimeout        the unit does not forget it: its pages are out of use, for good
 *
 * There are no time limits: guest time is not the host's. Who wants one calls
 * virtio_blk_reset, from a timer for instance: every call that sleeps lets interrupt
 * handlers run, on a disk without interrupts of its own, too. A disk can shrink, or
 * lose an operation, while requests are in line for it: they end with the error that
 * they would get if they were submitted then.
 */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/chain.h"
#include "drivers/virtio/mapping.h"
#include "kernel/types.h"

#define VIRTIO_BLK_SECTOR    512u /* bytes */
#define VIRTIO_BLK_ID_LENGTH 20   /* characters of a serial number, section 5.2.6.1 */

struct virtio_blk;

/* --- Disks ------------------------------------------------------------------------------------ */

/* How many there are. Any context. */
unsigned virtio_blk_count(void);

/* By position on QEMU's command line, from 0; NULL beyond the last. */
struct virtio_blk *virtio_blk_get(unsigned index);

/* By serial number (-device virtio-blk-device,serial=...); NULL if no disk has it. Sleeps. */
struct virtio_blk *virtio_blk_find(const char *serial);

/*
 * vdma (drivers/vdma) is a disk, too, and left to its own driver unless an image asks for it
 * here before it has used that one: the last disk from now on. NULL: there is none, or it is
 * taken. Thread context.
 */
struct virtio_blk *virtio_blk_of_vdma(void);

/* What a disk says of itself. */
struct virtio_blk_info {
    uint64_t sectors;    /* capacity, in sectors of 512 bytes */
    uint32_t block_size; /* bytes: a power of two, 512 if the device does not say */
    bool read_only;
    bool has_flush; /* it has a volatile cache; without, virtio_blk_flush succeeds at once */
    bool has_discard;
    bool has_write_zeroes;
    bool has_indirect; /* chains are in tables of their own */
    bool has_event_index;
    bool has_packed;       /* its ring is a packed one */
    unsigned queue_size;   /* entries */
    unsigned segments_max; /* data segments of one device request */
    unsigned intid;
};

/* What the disk says of itself, and what went through its queue so far. Any context. */
void virtio_blk_get_info(struct virtio_blk *disk, struct virtio_blk_info *info);
void virtio_blk_get_counters(struct virtio_blk *disk, struct virtq_counters *counters);

/* --- Sleeping calls --------------------------------------------------------------------------- */

/*
 * Move `length` bytes between the disk from `sector` on and the descriptor from
 * byte `offset` on, and sleep until it is done. Thread context.
 */
IOReturn virtio_blk_read(struct virtio_blk *disk, IOMemoryDescriptorRef memory, uint64_t offset,
                         uint64_t sector, uint64_t length);
IOReturn virtio_blk_write(struct virtio_blk *disk, IOMemoryDescriptorRef memory, uint64_t offset,
                          uint64_t sector, uint64_t length);

/* Everything written before it is on stable storage. */
IOReturn virtio_blk_flush(struct virtio_blk *disk);

/* The content of these bytes is no longer needed / becomes zeros, without data moving. */
IOReturn virtio_blk_discard(struct virtio_blk *disk, uint64_t sector, uint64_t length);
IOReturn virtio_blk_write_zeroes(struct virtio_blk *disk, uint64_t sector, uint64_t length);

/* The serial number, "" if the disk has none; asked of the device once. */
IOReturn virtio_blk_get_id(struct virtio_blk *disk, char id[VIRTIO_BLK_ID_LENGTH + 1]);

/* --- Many in flight --------------------------------------------------------------------------- */

/* Values are those of the device's request header (section 5.2.6). */
enum virtio_blk_operation {
    VIRTIO_BLK_READ = 0,
    VIRTIO_BLK_WRITE = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_GET_ID = 8,
    VIRTIO_BLK_DISCARD = 11,
    VIRTIO_BLK_WRITE_ZEROES = 13,
};

struct virtio_blk_request;

/*
 * An engine's own way to fill a chain: with at most `limit` bytes of the request, from byte
 * `issued` on; how many they are.
 */
typedef uint64_t virtio_blk_fill_t(struct virtio_blk *disk, struct virtio_blk_request *request,
                                   uint64_t issued, uint32_t limit, struct virtq_chain *chain);

/*
 * One transfer. It belongs to the caller and must stay where it is from a
 * successful submission to its completion; the descriptor is not retained.
 */
struct virtio_blk_request {
    enum virtio_blk_operation operation;
    IOMemoryDescriptor *memory; /* read and write only */
    uint64_t offset;            /* bytes in the descriptor */
    uint64_t sector;
    uint64_t length; /* bytes */

    /*
     * Called once, when it is done, with interrupts masked: from the interrupt
     * handler, or from virtio_blk_poll or _reset. It may submit. NULL: look at `done`.
     */
    void (*completion)(struct virtio_blk_request *request);
    void *context; /* for the caller */

    volatile bool done;
    IOReturn status; /* valid when done */

    uint32_t parts;  /* private: device requests in flight, and one if it is in line */
    uint32_t usual;  /* private: not 0: one is all of it, and at its end it is told, no more */
    uint64_t issued; /* private: bytes given to the device so far */
    uint64_t moved;  /* private: of them, those that it has moved; only counted with `fill` */
    struct virtio_blk_request *next; /* private: waits for room in the ring, or for its callback */

    /* Private: who tells the device of the memory; NULL: the cursor does. See blk_dma.h. */
    virtio_blk_fill_t *fill;
    IOReturn refusal;            /* why it could not; valid after it gave 0 bytes */
    struct virtio_memory mapped; /* behind an IOMMU, without a command; its mapper NULL: not now */
};

/* Fill in; completion and context are NULL. */
static inline void virtio_blk_request_init(struct virtio_blk_request *request,
                                           enum virtio_blk_operation operation,
                                           IOMemoryDescriptorRef memory, uint64_t offset,
                                           uint64_t sector, uint64_t length)
{
    volatile bool *done = &request->done;

    /* Or the compiler would form its address anew for each of a list. */
    __asm__("" : "+r"(done));
    *done = false;
    request->operation = operation;
    request->memory = IOMemoryDescriptor_upcast(memory);
    request->offset = offset;
    request->sector = sector;
    request->length = length;
    request->completion = NULL;
    request->context = NULL;
    request->fill = NULL;
    request->mapped.mapper = NULL;
}

/*
 * Put it in the ring, or in line for it; the device sees it after
 * virtio_blk_publish. An error means that nothing happened and nothing will be
 * called. Any context.
 */
IOReturn virtio_blk_submit(struct virtio_blk *disk, struct virtio_blk_request *request);
void virtio_blk_publish(struct virtio_blk *disk);

/*
 * Both, for an array of them, in order and with one doorbell. It ends at the first
 * that is refused and returns why; *submitted (may be NULL) is how many were taken,
 * which are published. None at all is a bad argument. Any context.
 */
IOReturn virtio_blk_submit_list(struct virtio_blk *disk, struct virtio_blk_request *requests,
                                unsigned count, unsigned *submitted);

/*
 * Finish what is complete without waiting for the interrupt; from a completion: no
 * effect. With interrupts from the device switched off this is the only way.
 * Returns the device requests finished.
 */
unsigned virtio_blk_poll(struct virtio_blk *disk);
void virtio_blk_set_interrupts(struct virtio_blk *disk, bool on);

/*
 * Let up to `requests` device requests be done before an interrupt tells of them
 * all; 1, as at first, tells at once. Never more than are in flight, so nothing
 * waits for requests that nobody makes. Without event index it has no effect; a
 * virtio_blk_configure ends it.
 */
void virtio_blk_gather_interrupts(struct virtio_blk *disk, unsigned requests);

/* --- Watching --------------------------------------------------------------------------------- */

/*
 * Called with each device request as it stands in the ring, before the device can
 * see it: the header, the segments, the status byte (virtq_chain_entry). Interrupts
 * are masked, maybe in an interrupt handler.
 */
typedef void virtio_blk_watch_t(void *context, const struct virtio_blk_request *request,
                                const struct virtq_chain *chain);

void virtio_blk_watch(struct virtio_blk *disk, virtio_blk_watch_t *watch,
                      void *context); /* NULL: no more */

/* --- Reset ------------------------------------------------------------------------------------ */

/*
 * Reset the device. Requests in flight or in line end with kIOReturnAborted;
 * then the disk works as before, and what their completions have submitted goes its
 * way. Any context but a completion (kIOReturnNotPermitted).
 */
IOReturn virtio_blk_reset(struct virtio_blk *disk);

/* How the driver uses a disk; by default everything that the device has. */
struct virtio_blk_options {
    unsigned queue_size; /* most entries; 0: the driver's choice */
    bool without_indirect;
    bool without_event_index;
    bool without_packed; /* a split ring, though the disk has packed ones */
};

/*
 * Reset the device and use it that way from now on. kIOReturnBusy: requests are
 * in flight; kIOReturnUnsupported: too few entries for a request, which takes four;
 * kIOReturnNoMemory; kIOReturnNotPermitted: in an interrupt handler or a completion.
 * After an error the disk works as before. Thread context.
 */
IOReturn virtio_blk_configure(struct virtio_blk *disk, const struct virtio_blk_options *options);

#endif
