/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max
// QEMU: -global virtio-mmio.force-legacy=true
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1073741824
// QEMU: -device virtio-blk-device,drive=disk0
// QEMU: -device virtio-rng-device
/* Devices that speak the legacy interface are named on the console and left alone. */
#include "drivers/virtio/blk.h"
#include "drivers/virtio/rng.h"
#include "tests/harness/harness.h"

TEST(legacy_devices_are_left_alone)
{
    struct virtq_counters counters;

    EXPECT_EQ(virtio_blk_count(), 0);
    EXPECT_TRUE(virtio_blk_get(0) == NULL);
    EXPECT_TRUE(virtio_blk_find("") == NULL);
    EXPECT_FALSE(virtio_rng_present());
    virtio_rng_get_counters(&counters);
    EXPECT_EQ(counters.requests, 0);
}
