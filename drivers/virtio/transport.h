/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a bus does for a virtio device (virtio 1.2, section 4), and no more: the
 * order of start-up, the choice of features and the second look at a changing
 * configuration are the same on every bus, and in device.c.
 *
 * A queue is told to the device by its size and three addresses. What these mean is the
 * ring's affair, which interrupt tells of the queue is the bus's.
 */
#ifndef DRIVERS_VIRTIO_TRANSPORT_H
#define DRIVERS_VIRTIO_TRANSPORT_H

#include "drivers/virtio/virtio.h"

/* Where a queue lies, for the device. */
struct virtio_queue_place {
    unsigned index;
    unsigned size;   /* entries */
    ioaddr_t desc;   /* descriptors */
    ioaddr_t driver; /* written by the driver: the available ring */
    ioaddr_t device; /* written by the device: the used ring */
};

/* What a transport does for a driver. */
struct virtio_transport {
    const char *name;
    bool narrow_doorbell; /* it takes 16 bits, and not 32 */

    /* Look for devices and virtio_add_device each that speaks virtio 1. Thread context, once. */
    void (*find)(void);

    /* The device status (section 2.1). Writing 0 begins a reset, which reading 0 confirms. */
    uint8_t (*read_status)(struct virtio_device *device);
    void (*write_status)(struct virtio_device *device, uint8_t status);

    /* Feature bits 32 * half and up: those the device offers, those the driver accepts. */
    uint32_t (*read_features)(struct virtio_device *device, unsigned half);
    void (*write_features)(struct virtio_device *device, unsigned half, uint32_t bits);

    /*
     * Features are agreed on: find out what translates the device's accesses, and hold it in
     * device->mapper. NULL: nothing does, on this bus. An error: it must not start.
     */
    IOReturn (*find_mapper)(struct virtio_device *device);

    /* 0: there is no such queue, or it is in use. The device's word, of any size. */
    uint32_t (*queue_size_max)(struct virtio_device *device, unsigned index);
    /* False: the device does not take it. */
    bool (*start_queue)(struct virtio_device *device, const struct virtio_queue_place *place);
    /* NULL: the device says that it is where nothing is. */
    volatile void *(*doorbell)(struct virtio_device *device, unsigned index);

    /* Connect the device's interrupts to its `used` and `changed`; take them off again. */
    bool (*attach)(struct virtio_device *device);
    void (*detach)(struct virtio_device *device);

    /* Changes whenever the configuration has (section 2.5). */
    uint32_t (*config_generation)(struct virtio_device *device);
    /* One access of exactly `width` bytes: 1, 2 or 4. */
    uint32_t (*read_config)(struct virtio_device *device, unsigned offset, unsigned width);
};

/* Every transport of the image, ended by NULL. */
extern const struct virtio_transport *const virtio_transports[];

/* To be called by `find`. The device stays where it is, for ever. */
void virtio_add_device(struct virtio_device *device);

#endif
