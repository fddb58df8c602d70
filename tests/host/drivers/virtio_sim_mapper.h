/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IOMMU in front of the simulated device: one space of I/O addresses, all of it in one table.
 * It maps in any context and under any lock, as drivers ask of what is in front of their devices.
 */
#ifndef TESTS_HOST_DRIVERS_VIRTIO_SIM_MAPPER_H
#define TESTS_HOST_DRIVERS_VIRTIO_SIM_MAPPER_H

#include "descriptors/IOMapper_class.h"

#define VIRTIO_SIM_MAPPER_FIRST 0x100u   /* page that its addresses begin at */
#define VIRTIO_SIM_MAPPER_PAGES 0x10000u /* and where they end */

struct virtio_sim_mapper {
    IOMapper super;
    IOReturn map_answer, unmap_answer, insert_answer; /* success, or what the next calls end with */
    uint64_t next;                                    /* where the search for free pages begins */
    uint64_t taken;
    bool quick;    /* it has the quick way for a run, and takes it */
    unsigned runs; /* mapped by that */
    struct {
        uint64_t physical; /* of the page; 0: nothing is translated */
        uint32_t access;
        uint32_t count; /* pages of the allocation that begins here */
        bool taken;
    } pages[VIRTIO_SIM_MAPPER_PAGES];
};

/* A new one, +1. */
struct virtio_sim_mapper *virtio_sim_mapper_new(void);

#endif
