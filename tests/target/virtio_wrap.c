/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default packed
// BUILDS: default:gcc-release smmu:clang-release
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1073741824,read-zeroes=on
// QEMU: -device virtio-blk-device,drive=disk0,serial=wrap
/*
 * Rings whose running indices go once round. Long, and the same on every machine: there is a ring
 * of either form, and each compiler's.
 */
#include "drivers/virtio/blk.h"
#include "tests/target/disk.h"

static const struct virtio_blk_options as_before;

/* The running indices go once round their 16 bits. */
TEST(indices_wrap)
{
    static const struct virtio_blk_options options[] = {
        {.queue_size = 8},
        {.queue_size = 8, .without_indirect = true, .without_event_index = true}};
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);

    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(virtio_blk_configure(disk, &options[i]), kIOReturnSuccess);
        for (unsigned k = 0; k < 66000; k++) {
            ASSERT_EQ(virtio_blk_read(disk, scatter.memory, 0, k, 512), kIOReturnSuccess);
        }
    }
    EXPECT_EQ(virtio_blk_configure(disk, &as_before), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}
