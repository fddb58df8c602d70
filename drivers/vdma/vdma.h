/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vdma, the virtual DMA device (qemu/vdma/README.md is its data sheet): memory to memory
 * copies, fills, comparisons and sums, by the device's own accesses.
 *
 *     struct vdma_transfer transfer = {.type = VDMA_COPY, .source = from, .target = to,
 *                                      .length = bytes};
 *     status = vdma_perform(&transfer);                    sleeps until done
 *
 * or, with `completion` set, vdma_submit; transfers then wait in line. Memory must be
 * prepared for the direction in which its side is used and stay so until the end. A copy or
 * a fill of any length is one call: the driver cuts it, at equal positions of both sides,
 * where the segments of a chain end. A sum or a comparison is one request of the device.
 *
 * Errors, from submission or at the end:
 *   kIOReturnBadArgument    NULL where the type needs memory, length 0, no such type
 *   kIOReturnOverrun        beyond the end of a descriptor
 *   kIOReturnNotPermitted   a descriptor's direction does not allow it; a call that sleeps,
 *                           from an interrupt handler
 *   kIOReturnNotReady       memory is not prepared
 *   kIOReturnUnsupported    the device has no such request; a sum or comparison of memory in
 *                           more pieces than a chain has room for
 *   kIOReturnNotAligned     the device refused the request; `status` says by which rule
 *   kIOReturnIOError        the device reports an error
 *   kIOReturnUnderrun       the device reports success, but moved less
 *   kIOReturnDeviceError    the device broke the protocol or gave up; it has been reset
 *   kIOReturnAborted        vdma_reset took the transfer back
 *   kIOReturnNoDevice       there is none
 *   kIOReturnNotResponding  it is lost: it could not be reset
 * A comparison that finds a difference is a success; status.code is VDMA_STATUS_DIFFERENT.
 *
 * No time limits; who wants one calls vdma_reset, from a timer for instance.
 */
#ifndef DRIVERS_VDMA_VDMA_H
#define DRIVERS_VDMA_VDMA_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/chain.h"
#include "kernel/types.h"
#include "qemu/vdma/wire.h"

#define VDMA_WORDS_MAX 1024u /* bytes of a control request's data */

struct vdma_transfer {
    uint32_t type;              /* VDMA_NOP, _COPY, _FILL, _COMPARE, _CHECKSUM */
    IOMemoryDescriptor *source; /* of copy, compare (both halves) and checksum */
    IOMemoryDescriptor *target; /* of copy and fill */
    uint64_t source_offset;     /* bytes */
    uint64_t target_offset;
    uint64_t length; /* bytes to be moved; of compare: of both halves together */
    uint64_t arguments[2];
    /* Interrupts masked, in a handler as a rule; it may submit again. vdma_perform sets both. */
    void (*completion)(struct vdma_transfer *transfer);
    void *context;

    /* At the end: */
    IOReturn result;
    uint64_t moved;            /* bytes of which the device has said that they are */
    struct vdma_status status; /* of the last request it took */

    /* Private. */
    struct vdma_transfer *next;
    uint32_t part; /* bytes that the device has been given */
};

bool vdma_present(void);

/* In line until its completion, which it must not move before. An error: nothing is called. */
IOReturn vdma_submit(struct vdma_transfer *transfer);
/* Thread context: sleeps. */
IOReturn vdma_perform(struct vdma_transfer *transfer);

/*
 * A request about the device itself: capabilities, limits, table, faults, log. `in` and
 * `out` are plain bytes, at most VDMA_WORDS_MAX each. Thread context: sleeps.
 */
IOReturn vdma_control(uint32_t type, const uint64_t arguments[2], const void *in, uint32_t in_bytes,
                      void *out, uint32_t out_bytes, struct vdma_status *status);

/* End everything in line with kIOReturnAborted; not from a completion (kIOReturnNotPermitted). */
IOReturn vdma_reset(void);

void vdma_get_counters(struct virtq_counters *counters);

#endif
