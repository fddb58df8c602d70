/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a virtqueue: for its sources, queue_inline.h and white-box tests. */
#ifndef DRIVERS_VIRTIO_QUEUE_PRIVATE_H
#define DRIVERS_VIRTIO_QUEUE_PRIVATE_H

#include "drivers/shared.h"
#include "drivers/virtio/chain.h"
#include "drivers/virtio/mapping.h"
#include "kernel/vm_device_memory.h"

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

struct virtq_desc;
struct IOMemoryRow;
struct virtq_command_segments;

/*
 * What we know of each chain; the device cannot reach it. All that a slot has for good is kept
 * here, and not made of its number with each chain. A power of two in size, so that a shift finds
 * it.
 */
struct virtq_slot {
    void *token;                /* of the chain in flight; NULL: none is */
    struct virtq_desc *entries; /* of its chains, for good */
    struct virtq_slot *next;    /* in the free list; NULL: the last */
    uint64_t link;              /* in the rest of the entry behind its frame's first */
    void *frame;                /* of virtq_set_frames */
    uint32_t writable;          /* bytes the device may write in it */
    uint32_t framed;            /* where the last entry of its frame stands; 0: nowhere yet */
    uint32_t number;            /* its own: which of the slots it is */
    uint32_t id;                /* the same in the ring */
    uint64_t reserved;
};

/* Where chains stand, and in which form. */
enum virtq_tables {
    VIRTQ_IN_RING = 0,   /* in fixed parts of the split ring */
    VIRTQ_TABLES,        /* in tables, to which the ring points */
    VIRTQ_PACKED_TABLES, /* the same, in the form of the packed ring */
    VIRTQ_PACKED_COPIED, /* in tables of the driver's own, from which they go into the packed ring
                          */
};

/*
 * What a packed ring has besides (queue_packed.c). The rings of struct virtq are the driver's own
 * then.
 */
struct virtq_packed {
    struct virtq_desc *ring;
    volatile uint32_t *driver_event; /* ours: when to interrupt */
    struct shared32 *device_event;   /* the device's: when to ring the doorbell */
    size_t ring_pages;
    struct vm_device_memory memory; /* of the ring */
    struct virtq_desc *first;       /* entry of a batch, which is shown last */
    uint64_t first_rest;
    uint16_t added; /* entries of a batch */
    uint16_t next;  /* entry of the ring to be filled next */
    uint16_t used;  /* entry that the device will say of that it is used */
    bool next_wrap; /* the wrap counters of both */
    bool used_wrap;
    uint16_t together;                /* as virtq's, which is 0 */
    __extension__ uint16_t entries[]; /* of the ring, by slot: what its chain takes */
};

struct virtq {
    struct virtq_slot *slots;
    const struct shared64 *answers; /* the elements of `used`: the id is the low half */
    struct virtq_used_ring *used;
    struct virtq_avail *avail;
    struct virtq_desc *chains;     /* entries of slot 0: the tables, or the ring */
    struct virtq_desc *desc;       /* the ring */
    volatile uint16_t *used_event; /* ours: interrupt when the used index passes it */
    struct shared16 *avail_event;  /* the device's: doorbell when the avail index passes it */
    volatile void *doorbell;

    struct virtq_slot *free; /* NULL: none is, or the queue is broken */
    /*
     * Chains since the last restart, of which the rings have the low 16 bits: submitted, and of
     * them those that the device has been told of.
     */
    uint64_t avail_index, published;
    uint16_t mask;       /* size - 1 */
    uint16_t slot_mask;  /* slots - 1 */
    uint16_t id_mask;    /* the same of the numbers in the ring */
    uint16_t used_index; /* of the next chain to take */
    uint16_t index;
    uint8_t chain_shift;   /* log2 of the entries of one chain */
    uint8_t id_shift;      /* a slot's number in the ring: slot << id_shift */
    uint8_t base_shift;    /* of its first entry there; 16 with tables, which leaves 0 of it */
    uint8_t tables;        /* enum virtq_tables */
    uint64_t flag_rest[4]; /* what VIRTQ_NEXT and VIRTQ_WRITE are in an entry's rest */
    uint64_t link_step;    /* from one entry's link to the next one's */
    bool event_index;
    bool asks; /* interrupts are wanted, and an index says when */
    /*
     * A split ring that works, and an index says to interrupt for each chain: what is published or
     * taken needs no question about these (virtq_judge).
     */
    bool direct;
    bool narrow;       /* the doorbell takes 16 bits */
    uint16_t together; /* chains that may come back before an interrupt; 0: packed.together */

    struct virtq_packed *packed; /* NULL: it is a split one */
    struct virtio_mapping rings; /* what the device knows of the memory, by I/O addresses */
    struct virtio_mapping tables_io;
    uint64_t frame_offset;
    const char *broken; /* why; NULL while it is not */
    /*
     * Of requests those before the last restart, as `published` counts the others; of segments,
     * with avail_index, those beyond the first of each chain.
     */
    struct virtq_counters counters;
    size_t ring_pages;
    size_t table_pages; /* 0: chains are in the ring */
    struct virtq *next; /* of all queues, for a panic to show */
    struct vm_device_memory ring_memory, table_memory;
#ifdef DEBUG
    unsigned doors; /* looks at its records so far */
#endif
};

/* queue_packed.c. Publish: does the device want its doorbell? Enable: as virtq_enable_interrupt. */
void virtq_packed_restart(struct virtq *queue);
bool virtq_packed_publish(struct virtq *queue, uint16_t before);
void virtq_packed_look(struct virtq *queue); /* enter what came back into `used` */
unsigned virtq_packed_enable(struct virtq *queue);
void virtq_packed_disable(struct virtq *queue);

/* queue.c. After a change of what `direct` says. */
void virtq_judge(struct virtq *queue);
/* Of any queue what queue_inline.h does of a direct one. */
void virtq_publish_any(struct virtq *queue);
unsigned virtq_enable_any(struct virtq *queue);
int virtq_renew_any(struct virtq *queue, bool wanted);
/* A row from an entry on; `rest` is of the first but for its length. How many it took. */
unsigned virtq_put_row(struct virtq_desc *entry, uint64_t rest, uint64_t step,
                       struct IOMemoryRow *row);
/* The same of a command, within its limits. */
UInt32 virtq_put_command_row(struct virtq_command_segments *to, uint64_t rest, uint64_t step,
                             struct IOMemoryRow *row);
bool virtq_look(struct virtq *queue); /* what came back is in `used`; false: it is broken */

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
