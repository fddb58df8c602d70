/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 el3 max ram64m pci packed
// FILE: disk 1M words
// QEMU: -blockdev driver=file,filename=$FILES/disk,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=first
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1073741824,read-zeroes=on
// QEMU: -device virtio-blk-device,drive=disk1,serial=platform,iommu_platform=on
/* The transport and the queue with a real device: every size, with and without each feature. */
#include "drivers/virtio/blk_private.h"
#include "tests/target/disk.h"

static const struct virtio_blk_options as_before;

static void expect_reads(struct virtio_blk *disk, unsigned rounds)
{
    struct scatter scatter = disk_memory(11, 8192, kIODirectionIn);

    for (unsigned i = 0; i < rounds; i++) {
        scatter_fill(&scatter, 0);
        ASSERT_EQ(virtio_blk_read(disk, scatter.memory, 0, i % 1000, 8192), kIOReturnSuccess);
        ASSERT_EQ(disk_differences(&scatter, 0, 8192, i % 1000 * 512), 0);
    }
    disk_memory_drop(&scatter);
}

TEST(every_queue_size_with_and_without_each_feature)
{
    static const unsigned sizes[] = {1, 2, 3, 4, 7, 8, 100, 512, 1000, 1024, 5000};
    struct virtio_blk *disk = virtio_blk_get(0);
    const struct virtio_blk_options more = {.queue_size = 5000};
    struct virtio_blk_info info;
    unsigned largest;

    /* 1024 on virtio-mmio, and on PCI what QEMU was told. */
    EXPECT_EQ(virtio_blk_configure(disk, &more), kIOReturnSuccess);
    virtio_blk_get_info(disk, &info);
    largest = info.queue_size;
    EXPECT_GE(largest, 256);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * 4; i++) {
        const struct virtio_blk_options options = {
            .queue_size = sizes[i / 4],
            .without_indirect = (i & 1) != 0,
            .without_event_index = (i & 2) != 0,
        };
        const bool enough = options.queue_size >= 4; /* a chain of four, in a table or not */
        const unsigned most = options.queue_size < largest ? options.queue_size : largest;

        TEST_NOTE("queue size %u, indirect %d, event index %d", options.queue_size,
                  !options.without_indirect, !options.without_event_index);
        EXPECT_EQ(virtio_blk_configure(disk, &options),
                  enough ? kIOReturnSuccess : kIOReturnUnsupported);
        virtio_blk_get_info(disk, &info);
        if (enough) {
            EXPECT_LE(info.queue_size, most);
            EXPECT_GT(info.queue_size * 2, most);
            EXPECT_EQ(info.has_indirect, !options.without_indirect);
            EXPECT_EQ(info.has_event_index, !options.without_event_index);
        }
        expect_reads(disk, 10);
    }
    EXPECT_EQ(virtio_blk_configure(disk, &as_before), kIOReturnSuccess);
    expect_reads(disk, 10);
}

TEST(not_while_requests_are_in_flight)
{
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(2, 512, kIODirectionIn);
    struct virtio_blk_request request;

    virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 0, 0, 512);
    EXPECT_EQ(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_configure(disk, &as_before), kIOReturnBusy);
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    EXPECT_EQ(request.status, kIOReturnAborted);
    EXPECT_EQ(virtio_blk_configure(disk, &as_before), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

/* Only what was asked for is acknowledged, whatever the device offers. */
TEST(features)
{
    const uint64_t first = virtio_blk_get(0)->device->features;

    EXPECT_EQ(first & VIRTIO_F_VERSION_1, VIRTIO_F_VERSION_1);
    EXPECT_EQ(first & VIRTIO_F_RING_RESET, 0);
    /* Where the machine has all its disks behind an IOMMU, this one says so, too. */
    EXPECT_EQ((first & VIRTIO_F_ACCESS_PLATFORM) != 0, virtio_blk_get(0)->device->mapper != NULL);
    EXPECT_EQ(virtio_blk_get(1)->device->features & VIRTIO_F_ACCESS_PLATFORM,
              VIRTIO_F_ACCESS_PLATFORM);
}

/* A feature that is required and not there: said, and the device is left able to start again. */
TEST(missing_feature)
{
    struct virtio_blk *disk = virtio_blk_get(0);
    const uint64_t features = disk->device->features;
    const uint64_t absent = 1ull << 50;

    EXPECT_EQ(virtio_negotiate(disk->device, VIRTIO_F_VERSION_1 | absent, absent),
              kIOReturnUnsupported);
    EXPECT_EQ(virtio_negotiate(disk->device, 0, VIRTIO_F_VERSION_1), kIOReturnUnsupported);
    disk->device->features = features;
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    expect_reads(disk, 10);
}

TEST(devices_are_claimed_once)
{
    EXPECT_TRUE(virtio_claim(VIRTIO_ID_BLOCK) == NULL);
    EXPECT_TRUE(virtio_claim(12345) == NULL);
}
