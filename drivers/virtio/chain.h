/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody outside a driver may see of a virtqueue: what a chain of buffers
 * looks like as the device reads it, and how many went through. Any context.
 */
#ifndef DRIVERS_VIRTIO_CHAIN_H
#define DRIVERS_VIRTIO_CHAIN_H

#include "kernel/types.h"

/* Descriptor flags (virtio 1.2, section 2.7.5). */
#define VIRTQ_NEXT     1u /* another entry follows */
#define VIRTQ_WRITE    2u /* the device writes it; without, the device reads it */
#define VIRTQ_INDIRECT 4u /* it is a table of entries; set by the queue itself */

struct virtq_chain;

/* One entry of a chain. */
struct virtq_entry {
    paddr_t address; /* behind an IOMMU an I/O address */
    uint32_t length; /* bytes */
    unsigned flags;  /* VIRTQ_NEXT, VIRTQ_WRITE */
    unsigned slot;   /* where it stands: in the chain's own table, or in the ring */
};

/* Read back the index-th entry of a chain before virtq_publish; false: it has no such entry. */
bool virtq_chain_entry(const struct virtq_chain *chain, unsigned index, struct virtq_entry *entry);

/* The chain stands in a table of its own and takes one entry of the ring. */
bool virtq_chain_has_table(const struct virtq_chain *chain);

/* How many entries it has. */
unsigned virtq_chain_entries(const struct virtq_chain *chain);

/*
 * Record its entries (kernel/trace.h) as those of a transfer; entries [first, first + count) are
 * data, the others the driver's own.
 */
void virtq_record(const void *transfer, const struct virtq_chain *chain, unsigned first,
                  unsigned count);

/* Names the chain until it comes back. */
unsigned virtq_chain_slot(const struct virtq_chain *chain);

/* What went through a queue. */
struct virtq_counters {
    uint64_t requests;   /* chains submitted and published */
    uint64_t segments;   /* entries the cursor filled in them */
    uint64_t doorbells;  /* notifications to the device */
    uint64_t interrupts; /* counted by the driver with virtq_count_interrupt */
};

#endif
