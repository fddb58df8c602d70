/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random numbers from the host: virtio-rng, the entropy device (virtio 1.2,
 * section 5.4). The first one of the machine is brought up before main.
 */
#ifndef DRIVERS_VIRTIO_RNG_H
#define DRIVERS_VIRTIO_RNG_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/chain.h"

/* There is one, and it works. */
bool virtio_rng_present(void);

/*
 * Fill `length` bytes of prepared memory, from byte `offset` of the descriptor
 * on, by the device's DMA, and sleep until it is done. A device may be slow, or dry
 * for ever: the way out is virtio_rng_reset. Thread context.
 *   kIOReturnNoDevice       there is none
 *   kIOReturnBadArgument    NULL, or length 0
 *   kIOReturnOverrun        beyond the descriptor
 *   kIOReturnNotPermitted   its direction does not allow it; in an interrupt handler
 *   kIOReturnNotReady       the memory is not prepared
 *   kIOReturnUnderrun       the device returned nothing
 *   kIOReturnDeviceError    it broke the protocol; it has been reset and works again
 *   kIOReturnAborted        virtio_rng_reset took the request back
 *   kIOReturnNotResponding  it is lost: it could not be reset
 *   kIOReturnDMAError, kIOReturnTimeout and errors of mapping: behind an IOMMU, as in blk.h
 * After an error an unknown part of the memory is filled.
 */
IOReturn virtio_rng_read(IOMemoryDescriptorRef memory, uint64_t offset, uint64_t length);

/*
 * Reset the device. A read that sleeps ends with kIOReturnAborted; then the device
 * works as before. kIOReturnNoDevice, kIOReturnNotResponding. Any context, such as
 * a timer's.
 */
IOReturn virtio_rng_reset(void);

/* Zeros when there is no device. */
void virtio_rng_get_counters(struct virtq_counters *counters);

#endif
