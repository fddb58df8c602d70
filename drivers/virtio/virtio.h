/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices on the virtio-mmio transport (virtio 1.2, sections 2, 3 and
 * 4.2), version 2. A driver claims its devices, negotiates, starts its queues
 * and says that it is ready:
 *
 *     device = virtio_claim(VIRTIO_ID_ENTROPY);
 *     virtio_negotiate(device, wanted, VIRTIO_F_VERSION_1);
 *     virtio_start_queue(device, queue);
 *     virtio_ready(device);
 *
 * A device that is given up, or has failed, goes through virtio_reset and the
 * same three steps again. Thread context unless it says otherwise.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include "descriptors/IOReturn.h"
#include "drivers/virtio/queue.h"
#include "kernel/mmio.h"
#include "kernel/types.h"

/* Device types (section 5). */
#define VIRTIO_ID_BLOCK   2u
#define VIRTIO_ID_ENTROPY 4u

/* Feature bits of every device (section 6), as masks. */
#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_EVENT_IDX       (1ull << 29)
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VIRTIO_F_RING_RESET      (1ull << 40) /* offered by QEMU, whose mmio cannot do it: refuse */

/* What a driver built on this core accepts on top of its device's own bits. */
#define VIRTIO_CORE_FEATURES                                                                       \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM)

/* Causes of an interrupt (section 4.2.2, InterruptStatus). */
#define VIRTIO_INTERRUPT_USED   1u /* a buffer came back */
#define VIRTIO_INTERRUPT_CONFIG 2u /* the configuration changed, or the device needs a reset */

#define VIRTIO_MMIO_INTERRUPT_STATUS 0x060
#define VIRTIO_MMIO_INTERRUPT_ACK    0x064

struct virtio_device {
    volatile void *registers;
    paddr_t address;   /* of the registers */
    unsigned intid;    /* its interrupt, level-triggered */
    uint32_t id;       /* VIRTIO_ID_... */
    uint64_t features; /* negotiated */
    bool claimed;
};

/*
 * The next device of this type that no driver has, in the order of QEMU's
 * command line; NULL: none. The machine is searched at the first call; a legacy
 * (version 1) device gets a line on the console and is left alone.
 */
struct virtio_device *virtio_claim(uint32_t id);

/*
 * Reset the device and agree on features: those of `wanted` that it offers, and
 * all of `required` (a subset of wanted). kIOReturnUnsupported: it lacks one of
 * these, or refuses the choice; kIOReturnNotResponding: it does not reset.
 */
IOReturn virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t required);

/* Most entries the device allows in its queue `index`; 0: it has no such queue, or it is in use. */
unsigned virtio_queue_size_max(struct virtio_device *device, unsigned index);

/* The register that takes the index of a queue with something new in it. */
volatile void *virtio_doorbell(struct virtio_device *device);

/* Tell the device where a new queue lies. kIOReturnUnsupported: it cannot have it. */
IOReturn virtio_start_queue(struct virtio_device *device, const struct virtq *queue);

/* Everything is set up: the device may work. kIOReturnDeviceError: it failed before it began. */
IOReturn virtio_ready(struct virtio_device *device);

/*
 * Stop the device and all its DMA. False: it did not confirm, and its memory
 * must be considered in use. Any context.
 */
bool virtio_reset(struct virtio_device *device);

/* The device has given up (DEVICE_NEEDS_RESET or FAILED). Any context. */
bool virtio_needs_reset(struct virtio_device *device);

/*
 * Read and acknowledge the causes of its interrupt. The line is level: first
 * this, then look at the ring, or a completion in between is lost. Any context.
 */
static inline uint32_t virtio_acknowledge(struct virtio_device *device)
{
    const uint32_t causes = mmio_read32(device->registers, VIRTIO_MMIO_INTERRUPT_STATUS);

    mmio_write32(device->registers, VIRTIO_MMIO_INTERRUPT_ACK, causes);
    return causes;
}

/*
 * Copy from the device's configuration, all of one generation: `words` fields of
 * 32 bits (or halves of 64) from byte `offset` on. kIOReturnNotResponding: it
 * never stops changing.
 */
IOReturn virtio_read_config(struct virtio_device *device, unsigned offset, uint32_t *to,
                            unsigned words);

#endif
