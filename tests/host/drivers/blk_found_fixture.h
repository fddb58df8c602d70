/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of a disk that has been found: the first of those that are simulated. */
#ifndef TESTS_HOST_DRIVERS_BLK_FOUND_FIXTURE_H
#define TESTS_HOST_DRIVERS_BLK_FOUND_FIXTURE_H

#include "tests/host/drivers/blk_sim.h"

static struct virtio_blk *disk;
static IOMemoryDescriptor *memory;

/* For a group of tests, as cmocka calls it. */
static inline int start(void **state)
{
    if (blk_sim_start(state) != 0) {
        return -1;
    }
    initialiser_find_disks();
    memory = blk_sim.memory;
    disk = virtio_blk_get(0);
    return disk == NULL ? -1 : 0;
}

#endif
