/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma, the virtual DMA device (qemu/vdma/README.md is its data sheet): copies from memory to
 * memory, fills, comparisons and sums, by the device's own accesses. It is a DMA engine as
 * others are: what IODMACommand prepares, IODMAEventSource starts and a work loop delivers.
 *
 *     source = IODMAEventSource_dmaEventSource(owner, vdma_get_service(), arrived, NULL, 0);
 *     from = vdma_create_command(NULL, kMapped, &from_transfer);
 *     to = vdma_create_command(NULL, kMapped, &transfer);
 *     ... IODMACommand_setMemoryDescriptor, IODMACommand_prepare, of both ...
 *     transfer.type = VDMA_COPY;
 *     transfer.other = from;
 *     IODMAEventSource_startDMACommand(source, to, kIODirectionIn, 0, 0);
 *
 * A copy has two commands. Either is started, in its own direction: In, what is started is the
 * target, Out, it is the source; the transfer names the other one, which must be prepared and
 * stays so until the end (its complete is kIOReturnBusy), and to which its client keeps a
 * reference. Nothing is said in the other's own transfer.
 *
 * The device's limits are read from it, and are the commands' options: what those can say, the
 * command obeys (it cuts, and puts elsewhere what the device cannot use where it is). What they
 * cannot say is the driver's: of a copy or a fill in more segments than a request of the device
 * may have, it makes several, one after the other, a copy's at equal positions of both lists;
 * more transfers than the device takes at once wait in line. A sum or a comparison is one
 * request, so kIOReturnNoSpace if its segments do not fit: of each side there may be about a
 * hundred (VDMA_SEGMENTS_MIN), or fewer if the device says so.
 *
 * What the engine adds to the errors of a start: kIOReturnBadArgument (a command that
 * vdma_create_command has not made, no such type, the wrong direction for it, no other command
 * of a copy, one of a different device, a comparison of an odd number of bytes, a pattern that
 * is not of 1, 2, 4 or 8), kIOReturnNotReady (the other one is not prepared),
 * kIOReturnUnsupported (the device does not move data in this direction), kIOReturnNoSpace (see
 * above; or there is no place where both lists of a copy may be cut), kIOReturnNotResponding.
 * A transfer ends with
 *   kIOReturnSuccess        also of a comparison that finds a difference: status.code
 *   kIOReturnNotAligned     the device refused a request; `status` says by which rule
 *   kIOReturnUnsupported    the device has no such request
 *   kIOReturnIOError        the device reports an error
 *   kIOReturnUnderrun       the device reports success, but moved less
 *   kIOReturnDeviceError    the device broke the protocol, gave up, or answered something else
 *                           than was asked; it has been reset, unless the answer was merely wrong
 *   kIOReturnAborted        a stop or vdma_reset took it back
 *   kIOReturnNotResponding  the device is lost: it could not be reset
 * or with what a start says, of a part that comes later. The bytes are those from the beginning
 * of which the device has said that they are moved; of a comparison that ends well all.
 *
 * When the device is reset because of an error, what it had ends with kIOReturnDeviceError;
 * transfers in line are started then. Stopping resets it as well: there is no other way. What it
 * has finished by then ends as it would have without. With flush, stopping waits for the end of
 * everything instead. There are no time limits; a lost interrupt is made good by whatever looks
 * next: another start, a stop, a query that waits, vdma_poll, vdma_reset.
 */
#ifndef DRIVERS_VDMA_VDMA_H
#define DRIVERS_VDMA_VDMA_H

#include "descriptors/IODMAController.h"
#include "descriptors/IODriver.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/chain.h"
#include "kernel/types.h"
#include "qemu/vdma/wire.h"

#define VDMA_CONTROL_MAX  1024u /* bytes of a control request's data, each way */
#define VDMA_SEGMENTS_MIN 120u  /* that each side of a request has room for */
#define VDMA_DEPTH        64u   /* requests at the device at the most; others wait */

/* Private: how far one side of a transfer has come. */
struct vdma_place {
    IODMACommand *command; /* NULL: there is no such side */
    UInt64 segment;        /* in its preparation, where a segment begins: at or before ... */
    UInt64 position;       /* ... the byte that goes next */
};

/* What the device is told beside the command. The command's own from its creation to its end. */
struct vdma_transfer {
    uint32_t type;         /* VDMA_COPY and VDMA_FILL: In; _COPY, _COMPARE and _CHECKSUM: Out */
    IODMACommand *other;   /* of a copy; not retained */
    uint64_t other_offset; /* of the first byte, in the other's preparation */
    uint64_t arguments[2]; /* of a fill: the pattern, and how many bytes it has */
    void *context;         /* the client's */

    /* At the end: */
    uint64_t moved;            /* bytes; also while it goes on */
    struct vdma_status status; /* of its last request */
    uint64_t tag;              /* of that request: unlike any other's; the device's log has it */

    /* Private. */
    IODMACommand *command; /* not retained */
    struct vdma_place source, target;
    uint64_t length;
    uint32_t part; /* bytes that the device has been given */
    uint32_t odd;  /* not 0: no code of a status says that it is simply done */
    uint32_t in_bytes, out_bytes;
    IOReturn result;
    void (*ended)(struct vdma_transfer *transfer);
    void *owner;
    struct vdma_transfer *next;
};

/* --- The engine ------------------------------------------------------------------------------- */

/* Is it there, and not lost? The first call, of whichever function, brings it up. Any context;
 * in a handler there is only what has been found before. */
bool vdma_present(void);

/*
 * The device, for IODMAEventSource_dmaEventSource: it has one channel, request 0. Not retained,
 * and there from then on. NULL: kIOReturnNoDevice. As vdma_present.
 */
IOService *vdma_get_service(void);

/*
 * What the device's capabilities say of segments now. kIOReturnNoDevice; what a control request
 * ends with. Thread context.
 */
IOReturn vdma_get_segment_options(IODMACommand_SegmentOptions *options);

/*
 * A command for either side of transfers, +1, whose refCon is `transfer`; behind the device's own
 * mapper, if it has one. options NULL: the device's; others that allow more lead to refusals.
 * NULL: as IODMACommand_withSpecificationOptions, or as above. Thread context.
 */
IODMACommand *vdma_create_command(const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct vdma_transfer *transfer);

/*
 * While it is on, starts ring no doorbell; off: the device sees all of them now. So does whoever
 * waits for the channel. Any context.
 */
void vdma_hold_doorbell(bool on);

/* Look for what is finished, without an interrupt: how many requests were. Any context. */
unsigned vdma_poll(void);

/*
 * End everything with kIOReturnAborted but what is finished, transfers in line too.
 * kIOReturnNotPermitted: from a notification; kIOReturnNoDevice; kIOReturnNotResponding: it is
 * lost. Any context.
 */
IOReturn vdma_reset(void);

/* --- One transfer, simply ----------------------------------------------------------------------
 */

/* Of memory that is prepared, for the direction in which its side is used. */
struct vdma_job {
    uint32_t type;              /* VDMA_NOP, or one of a transfer's */
    IOMemoryDescriptor *source; /* of copy, comparison (both halves) and checksum */
    IOMemoryDescriptor *target; /* of copy and fill */
    uint64_t source_offset;     /* bytes */
    uint64_t target_offset;
    uint64_t length;       /* bytes to be moved; of a comparison: of both halves together */
    uint64_t arguments[2]; /* as of a transfer */
    void *context;         /* of its transfer, for a watcher */

    /* At the end: */
    uint64_t moved;
    struct vdma_status status;
};

/*
 * Make commands, prepare them, do it, complete them: the result, or why not.
 * kIOReturnBadArgument: NULL or memory where the type does not need it, length 0;
 * kIOReturnOverrun: beyond the end of a descriptor; kIOReturnNotPermitted: a descriptor's
 * direction does not allow it, from an interrupt handler, or out of a transfer's end;
 * kIOReturnNoDevice; else as IODMACommand_prepare and a start. Thread context: sleeps.
 */
IOReturn vdma_perform(struct vdma_job *job);

/* --- The device itself -------------------------------------------------------------------------
 */

/*
 * A request about the device: capabilities, limits, table, faults, log. `in` and `out` are plain
 * bytes, at most VDMA_CONTROL_MAX each; status may be NULL. New limits and tables wait until the
 * device has nothing. kIOReturnBadArgument, kIOReturnNoDevice, kIOReturnNotPermitted (in a
 * handler, or out of a transfer's end), kIOReturnBusy (one is under way; new limits while the
 * device's table has mappings; a new table while vdma_use_table's is on); else as a transfer ends.
 * Thread context: sleeps.
 */
IOReturn vdma_control(uint32_t type, const uint64_t arguments[2], const void *in, uint32_t in_bytes,
                      void *out, uint32_t out_bytes, struct vdma_status *status);

/* Limits by the number of a profile. As vdma_control. They turn the translation table off. */
IOReturn vdma_set_profile(uint32_t profile);

/*
 * Let the device translate the addresses of data by a table of its own, as large as its limits
 * allow: an IOMapper, "iommu-parent" of the device's service, where
 * IOMapper_copyMapperForDevice finds it. Commands made from now on are behind it; those made before
 * are refused by the device (rule R49). On again: success. Off: kIOReturnBusy while anything is
 * mapped; commands made before cannot be prepared any more (kIOReturnNoDevice).
 * kIOReturnUnsupported: the device has no table with these limits; kIOReturnNoMemory; else as
 * vdma_control. The mapper does IOMapper.h's contract; kIODMAMapDeviceMemory is
 * kIOReturnUnsupported. Thread context: sleeps.
 */
IOReturn vdma_use_table(bool on);

/* --- For a driver at EL0 -----------------------------------------------------------------------
 */

/*
 * Give the device to a driver process, until that ends: IODriver_giveDevice with a service of the
 * loan's own behind a translation table of its own, with the page of the queues' registers and the
 * interrupt. The device is guarded meanwhile (qemu/vdma/README.md): it reaches for the driver what
 * the driver's commands have prepared, for data and for rings, and only a reset, which is the
 * kernel's, ends that. What is negotiated: VERSION_1, and of INDIRECT_DESC and EVENT_IDX what the
 * device offers. The limits are those set before, and are to have a table and a longest transfer,
 * since the CPU may stand still for as long as the device works; its own table is off afterwards.
 *
 * While it is lent, what would need the device ends with kIOReturnBusy. When the driver ends,
 * however it does, the device is reset before anything of the driver's memory goes, and is the
 * kernel's again.
 *
 * kIOReturnBadArgument: NULL; kIOReturnNoDevice; kIOReturnNotPermitted (in a handler);
 * kIOReturnBusy: it is lent, has requests, or mappings behind its table; or as IODriver_giveDevice;
 * kIOReturnUnsupported: limits as above, or a device that cannot be guarded, or does not look into
 * the CPU's cache; kIOReturnNoMemory;
 * else as vdma_control. The driver has nothing of it then. Thread context: sleeps.
 */
IOReturn vdma_lend(IODriver *driver);

/* --- Watching ----------------------------------------------------------------------------------
 */

/*
 * Called for each request, as it stands in the ring and before the device sees it, with the ring's
 * lock held: for a table of what the device is told. NULL: no more. Any context.
 */
typedef void vdma_watcher_t(void *context, const struct vdma_transfer *transfer,
                            const struct virtq_chain *chain);
void vdma_watch(vdma_watcher_t *watcher, void *context);

/* What of a command a request moves. */
struct vdma_view {
    IODMACommand *command; /* NULL: the request has no such side */
    UInt64 offset;         /* in its preparation */
    uint32_t bytes;
};

/* Its source, or its target. For a watcher. */
void vdma_get_view(const struct vdma_transfer *transfer, bool target, struct vdma_view *view);

/* Any context. */
void vdma_get_counters(struct virtq_counters *counters);

/* Transfers that the engine has now, and had at once at the most. */
void vdma_get_depth(unsigned *now, unsigned *most);

#endif
