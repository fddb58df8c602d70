/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the entropy driver: one device, which tests make and drive apart from the machine's. */
#ifndef DRIVERS_VIRTIO_RNG_PRIVATE_H
#define DRIVERS_VIRTIO_RNG_PRIVATE_H

#include "descriptors/IOMemoryCursor.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/virtio.h"

struct virtio_rng {
    struct virtio_device *device;
    struct virtq *queue;
    IOMemoryCursor *cursor;
    IOReturn ended;   /* why the read that waits must give up; success: it need not */
    bool needs_reset; /* the device asks for it */
    bool lost;        /* could not be reset: takes nothing any more */
};

/* From a claimed device to one that works; false: it cannot be used, and was said so. */
bool rng_create(struct virtio_rng *rng, struct virtio_device *device);
void rng_destroy(struct virtio_rng *rng);

/* What virtio_rng_read and virtio_rng_reset do. */
IOReturn rng_read(struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                  uint64_t length);
IOReturn rng_reset(struct virtio_rng *rng);

#endif
