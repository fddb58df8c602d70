/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a split virtqueue: for queue.c and white-box tests. */
#ifndef DRIVERS_VIRTIO_QUEUE_PRIVATE_H
#define DRIVERS_VIRTIO_QUEUE_PRIVATE_H

#include "drivers/virtio/queue.h"

/* Written by the driver (section 2.7.6). A last uint16_t, used_event, follows the ring. */
struct virtq_avail {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[];
};

#define VIRTQ_AVAIL_NO_INTERRUPT 1u

/* Written by the device (section 2.7.8). A last uint16_t, avail_event, follows the ring. */
struct virtq_used_element {
    uint32_t id;
    uint32_t length;
};

struct virtq_used_ring {
    uint16_t flags;
    uint16_t index;
    struct virtq_used_element ring[];
};

#define VIRTQ_USED_NO_NOTIFY 1u

/* What we know of each ring entry; the device cannot reach it. */
struct virtq_slot {
    void *token;       /* of the chain in flight that starts here; NULL: none does */
    uint32_t writable; /* bytes the device may write in that chain */
    uint16_t next;     /* following entry, in the chain or in the free list */
    uint16_t last;     /* entry of that chain in the ring; with tables always this one */
    uint16_t count;    /* ring entries of that chain; with tables always 1 */
};

struct virtq {
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used_ring *used;
    volatile uint16_t *used_event;  /* ours: interrupt when the used index passes it */
    volatile uint16_t *avail_event; /* the device's: doorbell when the avail index passes it */
    struct virtq_slot *slots;
    struct virtq_desc *tables; /* size * table_entries; NULL: chains are linked in the ring */
    volatile void *doorbell;

    uint16_t free_head;  /* above mask: no entry is free */
    uint16_t free_count; /* chains linked in the ring only: with tables an entry is a chain */
    uint16_t mask;       /* size - 1 */
    uint16_t table_entries;
    uint16_t avail_index; /* of the next chain to submit */
    uint16_t published;   /* avail_index that the device has been told */
    uint16_t used_index;  /* of the next chain to take */
    uint16_t index;
    bool event_index;

    const char *broken; /* why; NULL while it is not */
    struct virtq_counters counters;
    size_t ring_pages;
    size_t table_pages;
};

#endif
