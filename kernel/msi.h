/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts that a device sends as messages: it stores a word at an address, and the
 * interrupt controller makes an edge of it. Controllers are found in the device tree: the ITS
 * of a GICv3 and the v2m frames of a GICv2. Who sends, and how it is told address and word,
 * is its bus's affair.
 *
 *     status = msi_allocate(&request, &block);
 *     msi_message(block, n, &message);            to be given to the device
 *     irq_register(msi_intid(block, n), handler, context);
 *
 * Thread context. Before msi_free the handlers are gone and the device has stopped sending: a
 * message without an owner would be another one's later.
 *
 * Arm IHI 0069 (GICv3 and its ITS), Arm Server Base System Architecture (GICv2m).
 */
#ifndef KERNEL_MSI_H
#define KERNEL_MSI_H

#include "kernel/devicetree.h"
#include "kernel/kern_return.h"
#include "kernel/types.h"

struct msi_block; /* the interrupts of one device */

struct msi_request {
    int node;           /* the controller's, in the device tree */
    uint32_t requester; /* what it calls the sender; of no account to a v2m frame */
    unsigned least;     /* as many as there are between these two */
    unsigned most;
    bool
        consecutive; /* the words follow each other, from a multiple of the count, a power of two */
};

/* What a device writes, and where to, to interrupt. */
struct msi_message {
    uint64_t address; /* physical; an IOMMU in between has to let it through (msi_doorbell) */
    uint32_t data;
};

/*
 * KERN_INVALID_ARGUMENT: not 1 <= least <= most; KERN_INVALID_ADDRESS: no controller that is known;
 * KERN_NOT_SUPPORTED: it is there, but cannot be used; KERN_NO_SPACE: not so many are left, or
 * the sender may not have so many; KERN_RESOURCE_SHORTAGE.
 */
kern_return_t msi_allocate(const struct msi_request *request, struct msi_block **block);
void msi_free(struct msi_block *block); /* NULL: no effect */

/* What a block has: how many, each one's interrupt and message. Any context. */
unsigned msi_count(const struct msi_block *block); /* granted */
unsigned msi_intid(const struct msi_block *block, unsigned index);
void msi_message(const struct msi_block *block, unsigned index, struct msi_message *message);

/* Where a controller's messages are stored: the registers' page. Errors as above. */
kern_return_t msi_doorbell(int node, struct devicetree_range *page);

/* Interrupts that are given out, of how many. */
struct msi_stats {
    unsigned in_use; /* interrupts that blocks have */
    unsigned total;  /* of all controllers that have been used so far */
};

/* Now. Any context. */
void msi_get_stats(struct msi_stats *stats);

#endif
