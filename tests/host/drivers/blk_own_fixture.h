/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of a disk of their own, which offers what they say, and does nothing by itself. */
#ifndef TESTS_HOST_DRIVERS_BLK_OWN_FIXTURE_H
#define TESTS_HOST_DRIVERS_BLK_OWN_FIXTURE_H

#include "tests/host/drivers/blk_sim.h"

static struct virtio_sim own;

static inline struct virtio_blk *own_disk(uint64_t offered)
{
    struct virtio_blk *made;

    virtio_sim_create(&own, VIRTIO_ID_BLOCK, VIRTIO_F_VERSION_1 | offered, 64);
    own.device.address = paddr(0xa000600);
    virtio_sim_set(&own, 0, 100, 8);
    virtio_sim_set(&own, 36, 50, 4);
    virtio_sim_set(&own, 48, 50, 4);
    made = blk_create(&own.device);
    assert_non_null(made);
    return made;
}

#endif
