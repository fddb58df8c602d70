/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device from discovery to work, over any transport; see virtio.h. */
#include "drivers/virtio/transport.h"
#include "kernel/cpu.h"

/* Device status bits (section 2.1). */
#define STATUS_ACKNOWLEDGE 0x01u
#define STATUS_DRIVER      0x02u
#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED      0x80u

#define RESET_READS 1000 /* QEMU answers the first; real hardware takes some */
/*
 * Bounded, since who asks is an interrupt handler as a rule: nothing else runs while a device
 * changes its mind.
 */
#define GENERATION_ROUNDS 100

/* --- Finding ---------------------------------------------------------------------------------- */

/*
 * In the order of virtio_add_device, which is the order of claims: disk 0 is the first one of
 * QEMU's command line only if nobody sorts in between.
 */
static struct virtio_device *devices;
static struct virtio_device **devices_end = &devices;

#define BLK_F_GEOMETRY  (1u << 4) /* section 5.2.3 */
#define CONFIG_GEOMETRY 16u       /* section 5.2.4: cylinders, heads, sectors */

/* As a process beside QEMU (qemu/vdma/README.md): a geometry that says whose it is. */
static bool is_vdma(struct virtio_device *device)
{
    const struct virtio_transport *transport = device->transport;

    return (transport->read_features(device, 0) & BLK_F_GEOMETRY) != 0 &&
           transport->read_config(device, CONFIG_GEOMETRY, 2) == (VIRTIO_VENDOR_VDMA & 0xffff) &&
           transport->read_config(device, CONFIG_GEOMETRY + 2, 1) ==
               (VIRTIO_VENDOR_VDMA >> 16 & 0xff) &&
           transport->read_config(device, CONFIG_GEOMETRY + 3, 1) == VIRTIO_VENDOR_VDMA >> 24;
}

void virtio_add_device(struct virtio_device *device)
{
    if (device->id == VIRTIO_ID_BLOCK && device->vendor != VIRTIO_VENDOR_VDMA && is_vdma(device)) {
        device->vendor = VIRTIO_VENDOR_VDMA;
    }
    *devices_end = device;
    devices_end = &device->next;
}

static void search(void)
{
    static bool searched;

    /*
     * At the first claim and not in an initialiser of its own: those of one level run in no certain
     * order, and the drivers that claim are of the level where this one would have to be.
     */
    if (searched) {
        return;
    }
    searched = true;
    for (unsigned i = 0; virtio_transports[i] != NULL; i++) {
        virtio_transports[i]->find();
    }
}

/* vendor 0: of any but the one whose devices are not what their type says. */
static struct virtio_device *claim(uint32_t id, uint32_t vendor)
{
    search();
    for (struct virtio_device *device = devices; device != NULL; device = device->next) {
        if (device->id == id && !device->claimed &&
            (vendor == 0 ? device->vendor != VIRTIO_VENDOR_VDMA : device->vendor == vendor)) {
            /*
             * For good, even if the driver finds that it cannot use it: a driver asks until there
             * is no more, and would be given the same one again.
             */
            device->claimed = true;
            return device;
        }
    }
    return NULL;
}

struct virtio_device *virtio_claim(uint32_t id)
{
    return claim(id, 0);
}

struct virtio_device *virtio_claim_of(uint32_t id, uint32_t vendor)
{
    return claim(id, vendor);
}

/* --- Status ----------------------------------------------------------------------------------- */

static uint8_t read_status(struct virtio_device *device)
{
    return device->transport->read_status(device);
}

static void add_status(struct virtio_device *device, uint8_t bits)
{
    /* Added to what is there: a driver must not clear a bit (section 2.1.1). */
    device->transport->write_status(device, read_status(device) | bits);
}

bool virtio_reset(struct virtio_device *device)
{
    device->transport->write_status(device, 0);
    /*
     * Only the 0 read back says that the device has let go of its rings (sections 2.4.1 and 2.4.2):
     * before it, memory that is given back may still be written.
     */
    for (unsigned i = 0; i < RESET_READS; i++) {
        if (read_status(device) == 0) {
            return true;
        }
    }
    return false;
}

bool virtio_needs_reset(struct virtio_device *device)
{
    /*
     * FAILED is the driver's bit, which a negotiation without success leaves behind (section
     * 3.1.1): such a device does no work either.
     */
    return (read_status(device) & (STATUS_NEEDS_RESET | STATUS_FAILED)) != 0;
}

IOReturn virtio_ready(struct virtio_device *device)
{
    /*
     * From here on the device is live, and the first time that it looks at its queues it may find
     * that it cannot work with them (section 3.1.1, step 8).
     */
    add_status(device, STATUS_DRIVER_OK);
    return virtio_needs_reset(device) ? kIOReturnDeviceError : kIOReturnSuccess;
}

/* --- Features --------------------------------------------------------------------------------- */

static uint64_t read_offered(struct virtio_device *device)
{
    const uint64_t low = device->transport->read_features(device, 0);

    return low | (uint64_t)device->transport->read_features(device, 1) << 32;
}

static IOReturn find_mapper(struct virtio_device *device)
{
    return device->transport->find_mapper != NULL ? device->transport->find_mapper(device)
                                                  : kIOReturnSuccess;
}

/* The order of section 3.1.1. A device that takes back FEATURES_OK refuses the choice. */
IOReturn virtio_negotiate(struct virtio_device *device, uint64_t wanted, uint64_t required)
{
    IOReturn status = kIOReturnUnsupported;

    if (!virtio_reset(device)) {
        return kIOReturnNotResponding;
    }
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    /* Never a bit that is not offered (section 2.2.1). */
    device->features = read_offered(device) & wanted;
    if ((device->features & required) == required) {
        device->transport->write_features(device, 0, (uint32_t)device->features);
        device->transport->write_features(device, 1, (uint32_t)(device->features >> 32));
        add_status(device, STATUS_FEATURES_OK);
        if ((read_status(device) & STATUS_FEATURES_OK) != 0) {
            status = find_mapper(device);
        }
    }
    if (status != kIOReturnSuccess) {
        /* Given up, and said so: without it the device would wait for the rest of the steps. */
        add_status(device, STATUS_FAILED);
    }
    return status;
}

/* --- Interrupts ------------------------------------------------------------------------------- */

IOReturn virtio_attach(struct virtio_device *device, virtio_used_handler_t *used,
                       virtio_changed_handler_t *changed, void *context)
{
    /*
     * Before the transport attaches: its line may be pending, and then the handler runs before
     * attach returns.
     */
    device->used = used;
    device->changed = changed;
    device->context = context;
    if (device->transport->attach(device)) {
        return kIOReturnSuccess;
    }
    device->used = NULL;
    return kIOReturnNoInterrupt;
}

void virtio_detach(struct virtio_device *device)
{
    if (device->used != NULL) {
        device->transport->detach(device);
        /* Only now: while the line is attached, an interrupt calls it. */
        device->used = NULL;
    }
}

/* --- Queues ----------------------------------------------------------------------------------- */

unsigned virtio_queue_size_max(struct virtio_device *device, unsigned index)
{
    const uint32_t most = device->transport->queue_size_max(device, index);

    /*
     * The register has 32 bits and the device's word for it, the indices of a ring have 16 (section
     * 2.7).
     */
    return most < VIRTQ_SIZE_MAX ? most : VIRTQ_SIZE_MAX;
}

bool virtio_doorbell_is_narrow(const struct virtio_device *device)
{
    return device->transport->narrow_doorbell;
}

volatile void *virtio_doorbell(struct virtio_device *device, unsigned index)
{
    return device->transport->doorbell(device, index);
}

IOReturn virtio_start_queue(struct virtio_device *device, const struct virtq *queue)
{
    const struct virtio_queue_place place = {
        .index = virtq_index(queue),
        .size = virtq_size(queue),
        .desc = virtq_io_address(queue, virtq_desc_address(queue)),
        .driver = virtq_io_address(queue, virtq_avail_address(queue)),
        .device = virtq_io_address(queue, virtq_used_address(queue)),
    };

    /* A larger size than the device allows shows no error in any register. */
    if (virtio_queue_size_max(device, place.index) < place.size) {
        return kIOReturnUnsupported;
    }
    cpu_dmb_sy(); /* the empty rings are in memory before the device may read them */
    return device->transport->start_queue(device, &place) ? kIOReturnSuccess : kIOReturnUnsupported;
}

/* --- Configuration ---------------------------------------------------------------------------- */

/* 64-bit fields are read as two halves: no bus promises more (sections 4.1.3.1 and 4.2.2.2). */
static uint64_t read_field(struct virtio_device *device, const struct virtio_config_field *field)
{
    const struct virtio_transport *transport = device->transport;

    /*
     * Without its feature the field does not exist, and what is read there belongs to nobody
     * (section 2.5.1).
     */
    if ((device->features & field->feature) != field->feature) {
        return 0;
    }
    if (field->width < 8) {
        return transport->read_config(device, field->offset, field->width);
    }

    const uint64_t low = transport->read_config(device, field->offset, 4);

    return low | (uint64_t)transport->read_config(device, field->offset + 4u, 4) << 32;
}

IOReturn virtio_read_config(struct virtio_device *device, const struct virtio_config_field *fields,
                            unsigned count, uint64_t *values)
{
    for (unsigned round = 0; round < GENERATION_ROUNDS; round++) {
        /*
         * One bracket around all of them, as section 2.5.1 shows: each field read alone would be
         * right, and a capacity could still come with the block size of another disk.
         */
        const uint32_t before = device->transport->config_generation(device);

        for (unsigned i = 0; i < count; i++) {
            values[i] = read_field(device, &fields[i]);
        }
        if (device->transport->config_generation(device) == before) {
            return kIOReturnSuccess;
        }
    }
    return kIOReturnNotResponding;
}
