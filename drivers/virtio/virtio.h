/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices (virtio 1.2, sections 2 and 3), whatever bus they are on. A
 * driver claims its devices, negotiates, starts its queues and says that it is
 * ready:
 *
 *     device = virtio_claim(VIRTIO_ID_ENTROPY);
 *     virtio_negotiate(device, wanted, VIRTIO_F_VERSION_1);
 *     virtio_attach(device, used, changed, context);
 *     virtio_start_queue(device, queue);
 *     virtio_ready(device);
 *
 * A device that is given up, or has failed, goes through virtio_reset,
 * negotiation, queues and ready again; its handlers stay. Thread context unless
 * it says otherwise. Every wait in here ends after a fixed number of register reads.
 */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include "descriptors/IOMapper.h"
#include "descriptors/IOReturn.h"
#include "drivers/virtio/queue.h"
#include "kernel/irq.h"
#include "kernel/types.h"

/* Device types (section 5). */
#define VIRTIO_ID_BLOCK   2u
#define VIRTIO_ID_ENTROPY 4u

/*
 * A vendor whose devices are more than their type says, and have a driver of their own. One that
 * is a process beside QEMU has QEMU's vendor, and is known by its configuration.
 */
#define VIRTIO_VENDOR_VDMA 0x414d4456u

/* Feature bits of every device (section 6), as masks. */
#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_EVENT_IDX       (1ull << 29)
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VIRTIO_F_RING_PACKED     (1ull << 34)
#define VIRTIO_F_RING_RESET      (1ull << 40) /* offered by QEMU, whose mmio cannot do it: refuse */

/* What a driver built on this core accepts on top of its device's own bits. */
#define VIRTIO_CORE_FEATURES                                                                       \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM)

struct virtio_transport;

/*
 * A driver's two handlers. Both run in the interrupt handler, interrupts masked,
 * with the causes acknowledged already. `used`: buffers may have come back in queue
 * `vector`; where queues have no interrupts of their own it is 0, and means all of them.
 * Its answer is the interrupt's: IRQ_SERVED. `changed`: the configuration changed, or the device
 * needs a reset; `used` follows.
 */
typedef enum irq_result virtio_used_handler_t(void *context, unsigned vector);
typedef void virtio_changed_handler_t(void *context);

/* A transport embeds this in what it knows of a device. */
struct virtio_device {
    const struct virtio_transport *transport;
    virtio_used_handler_t *used; /* NULL: no handlers are attached */
    virtio_changed_handler_t *changed;
    void *context;
    uint64_t features; /* negotiated */
    IOMapper *mapper;  /* what translates its accesses since then; NULL: nothing; retained */
    paddr_t address;   /* of its registers: names it in messages */
    uint32_t id;       /* VIRTIO_ID_... */
    uint32_t vendor;   /* VIRTIO_VENDOR_VDMA, or another's; 0: not known */
    unsigned intid;    /* its first interrupt, for who wants to show it */
    bool claimed;
    bool uncached; /* it does not look into the CPU's cache (kernel/vm_device_memory.h) */
    struct virtio_device *next; /* private: in the order of virtio_claim */
};

/*
 * The next device of this type that no driver has, in the order of QEMU's
 * command line; NULL: none. The machine is searched at the first call; a device
 * that is there but cannot be driven gets a line on the console and is left alone.
 */
struct virtio_device *virtio_claim(uint32_t id);

/* The same among the devices of this vendor, which virtio_claim passes over. */
struct virtio_device *virtio_claim_of(uint32_t id, uint32_t vendor);

/*
 * Mapping options for a command of this device: kMapped, which means no more than "as the machine
 * has it", becomes kNonCoherent if the device does not look into the CPU's cache. Whoever says
 * another type sees to that alone. Any context.
 */
static inline uint32_t virtio_mapping_options(const struct virtio_device *device, uint32_t options)
{
    return device->uncached && (options & kIODMAMapOptionTypeMask) == kIODMAMapOptionMapped
               ? options | kIODMAMapOptionNonCoherent
               : options;
}

/*
 * Reset the device and agree on features: those of `wanted` that it offers, and
 * all of `required` (a subset of wanted). kIOReturnUnsupported: it lacks one of
 * these, or refuses the choice; kIOReturnNotResponding: it does not reset; or the IOMMU in
 * front of it has no mapper for it.
 */
IOReturn virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t required);

/* Let its interrupts call these. kIOReturnNoInterrupt: it cannot have its line. */
IOReturn virtio_attach(struct virtio_device *device, virtio_used_handler_t *used,
                       virtio_changed_handler_t *changed, void *context);

/* No more interrupts. Without handlers: no effect. */
void virtio_detach(struct virtio_device *device);

/* Most entries the device allows in its queue `index`; 0: it has no such queue, or it is in use. */
unsigned virtio_queue_size_max(struct virtio_device *device, unsigned index);

/*
 * The register that takes the index of this queue when something new is in it; by 16 bits
 * where it is narrow, else by 32. NULL: the device has no such register for it.
 */
volatile void *virtio_doorbell(struct virtio_device *device, unsigned index);

/* Does that register take 16 bits? */
bool virtio_doorbell_is_narrow(const struct virtio_device *device);

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

/* One field of a device's configuration. */
struct virtio_config_field {
    uint64_t feature; /* it is there only with this one negotiated; 0: always */
    uint16_t offset;  /* bytes */
    uint16_t width;   /* bytes: 1, 2, 4 or 8 */
};

/*
 * Read fields of the configuration, all of one generation, into values[0..count-1];
 * 0 for one whose feature was not negotiated, which is not touched (section 2.5.1).
 * kIOReturnNotResponding: it never stops changing. Any context.
 */
IOReturn virtio_read_config(struct virtio_device *device, const struct virtio_config_field *fields,
                            unsigned count, uint64_t *values);

#endif
