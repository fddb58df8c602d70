/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of vdma's driver. There is one device, so there is one state. */
#ifndef DRIVERS_VDMA_VDMA_PRIVATE_H
#define DRIVERS_VDMA_VDMA_PRIVATE_H

#include "descriptors/IOMemoryCursor.h"
#include "drivers/vdma/vdma.h"
#include "drivers/virtio/virtio.h"

#define VDMA_FIXED 2u /* entries of every chain: header and status */

/* What the device reads and writes beside data, in a page of the driver's own. */
struct vdma_shared {
    struct vdma_request request;
    struct vdma_status status;
    uint8_t in[VDMA_WORDS_MAX];
    uint8_t out[VDMA_WORDS_MAX];
};

struct vdma_state {
    struct virtio_device *device;
    struct virtq *queue;
    IOMemoryCursor *cursor;
    struct vdma_shared *shared;
    struct vdma_transfer *first, *last; /* in line; the device has the first */
    uint32_t in_bytes, out_bytes;
    bool busy;      /* the device has a request */
    bool finishing; /* completions are called: they only get in line */
    bool lost;
};

extern struct vdma_state vdma_state;

static inline bool vdma_is_control(uint32_t type)
{
    return type >= VDMA_CAPABILITIES && type <= VDMA_READ_LOG;
}

/* vdma_request.c: interrupts masked. Give the device what is next, if it has nothing. */
void vdma_ask_next(void);
/* The device has given this one back. */
void vdma_take_answer(struct vdma_transfer *transfer);

#endif
