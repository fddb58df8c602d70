/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the entropy driver: one device, which tests make and drive apart from the machine's. */
#ifndef DRIVERS_VIRTIO_RNG_PRIVATE_H
#define DRIVERS_VIRTIO_RNG_PRIVATE_H

#include "descriptors/IODMAController.h"
#include "descriptors/IOMemoryCursor.h"
#include "drivers/virtio/queue.h"
#include "drivers/virtio/rng.h"
#include "drivers/virtio/rng_dma.h"
#include "drivers/virtio/virtio.h"

#define RNG_BYTES_MAX 65536u /* of one question: a host's source may be slow */

struct virtio_rng {
    struct virtio_device *device;
    struct virtq *queue;
    IOMemoryCursor *cursor;
    struct virtio_rng_request *first, *last; /* in line; the device has the first */
    bool asked;                              /* it does */
    bool finishing;                          /* completions are called: they only get in line */
    bool lost;                               /* could not be reset: takes nothing any more */

    /* As a DMA engine; NULL until somebody asks for it. See rng_dma.c. */
    IODMAController *engine;
    IOService *service;
};

/* From a claimed device to one that works; false: it cannot be used, and was said so. */
bool rng_create(struct virtio_rng *rng, struct virtio_device *device);
void rng_destroy(struct virtio_rng *rng);

/*
 * Put it in line. memory, offset, length, fill, completion and context are set; the
 * request stays where it is until its completion, which comes with interrupts masked. An
 * error: nothing will be called. Any context.
 */
IOReturn rng_submit(struct virtio_rng *rng, struct virtio_rng_request *request);

/* What virtio_rng_read and virtio_rng_reset do. */
IOReturn rng_read(struct virtio_rng *rng, IOMemoryDescriptor *memory, uint64_t offset,
                  uint64_t length);
IOReturn rng_reset(struct virtio_rng *rng);

/* The device's service; made by the first call. */
IOService *rng_get_service(struct virtio_rng *rng);

struct virtio_device *rng_machine_device(void); /* NULL: there is none */

#endif
