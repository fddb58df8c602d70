/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a split virtqueue: for queue.c, queue_inline.h and white-box tests. */
#ifndef DRIVERS_VIRTIO_QUEUE_PRIVATE_H
#define DRIVERS_VIRTIO_QUEUE_PRIVATE_H

#include "drivers/shared.h"
#include "drivers/virtio/chain.h"

/* Written by the driver (section 2.7.6). A last uint16_t, used_event, follows the ring. */
struct virtq_avail {
    uint16_t flags;
    uint16_t index;
    __extension__ uint16_t ring[]; /* C++ has no such members without it */
};

#define VIRTQ_AVAIL_NO_INTERRUPT 1u

/* Written by the device (section 2.7.8). A last uint16_t, avail_event, follows the ring. */
struct virtq_used_element {
    struct shared32 id;
    struct shared32 length;
};

struct virtq_used_ring {
    struct shared16 flags;
    struct shared16 index;
    __extension__ struct virtq_used_element ring[];
};

#define VIRTQ_USED_NO_NOTIFY 1u

/* What we know of each chain; the device cannot reach it. */
struct virtq_slot {
    void *token;       /* of the chain in flight; NULL: none is */
    uint32_t writable; /* bytes the device may write in it */
    uint16_t next;     /* slot, in the free list */
    uint16_t framed;   /* where the last entry of its frame stands; 0: nowhere yet */
};

#define VIRTQ_NO_SLOT 0xffffu /* ends the free list */

struct virtq_desc;

struct virtq {
    struct virtq_slot *slots;
    struct virtq_desc *chains; /* entries of slot 0: the tables, or the ring */
    struct virtq_desc *desc;   /* the ring */
    struct virtq_avail *avail;
    struct virtq_used_ring *used;
    volatile uint16_t *used_event; /* ours: interrupt when the used index passes it */
    struct shared16 *avail_event;  /* the device's: doorbell when the avail index passes it */
    volatile void *doorbell;

    uint16_t free_slot;   /* VIRTQ_NO_SLOT: none is free, or the queue is broken */
    uint16_t mask;        /* size - 1 */
    uint16_t slot_mask;   /* slots - 1 */
    uint16_t avail_index; /* of the next chain to submit */
    uint16_t published;   /* avail_index that the device has been told */
    uint16_t used_index;  /* of the next chain to take */
    uint16_t index;
    uint8_t chain_shift; /* log2 of the entries of one chain */
    uint8_t id_shift;    /* a slot's number in the ring: slot << id_shift */
    uint8_t base_shift;  /* of its first entry there; 16 with tables, which leaves 0 of it */
    bool indirect;
    bool event_index;
    bool quiet;        /* no interrupt is asked for */
    bool narrow;       /* the doorbell takes 16 bits */
    uint16_t together; /* chains that may come back before an interrupt tells; at least 1 */

    const char *broken; /* why; NULL while it is not */
    struct virtq_counters counters;
    size_t ring_pages;
    size_t table_pages; /* 0: chains are in the ring */
    struct virtq *next; /* of all queues, for a panic to show */
#ifdef DEBUG
    unsigned doors; /* looks at its records so far */
#endif
};

/* Debug builds: panics, by name, if the private records do not fit each other. */
#ifdef DEBUG
void virtq_check(struct virtq *queue);
#else
static inline void virtq_check(struct virtq *queue)
{
    (void)queue;
}
#endif

#endif
