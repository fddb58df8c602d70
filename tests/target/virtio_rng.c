/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -device virtio-rng-device
/* The entropy device. */
#include <string.h>

#include "drivers/virtio/rng.h"
#include "tests/target/disk.h"

/* Is every piece filled to its ends, and nothing beside it? */
TEST(random_bytes_scatter)
{
    struct scatter scatter = disk_memory(40, 100000, kIODirectionIn);
    unsigned seen[256] = {0}, values = 0;

    ASSERT_TRUE(virtio_rng_present());
    EXPECT_EQ(virtio_rng_read(scatter.memory, 0, scatter.length), kIOReturnSuccess);
    for (uint64_t i = 0; i < scatter.length; i += 7) {
        values += seen[*scatter_at(&scatter, i)]++ == 0;
    }
    EXPECT_EQ(values, 256);
    for (unsigned i = 0; i < scatter.pieces; i++) {
        const uint8_t *end = (uint8_t *)scatter.ranges[i].address + scatter.ranges[i].length;
        uint64_t last;

        memcpy(&last, end - 8, 8);
        EXPECT_NE(last, 0);
    }
    disk_memory_drop(&scatter);
}

TEST(only_the_range_asked_for)
{
    struct scatter scatter = disk_memory(3, 96, kIODirectionIn);

    EXPECT_EQ(virtio_rng_read(scatter.memory, 17, 40), kIOReturnSuccess);
    for (unsigned i = 0; i < 96; i++) {
        if (i < 17 || i >= 57) {
            EXPECT_EQ(*scatter_at(&scatter, i), 0);
        }
    }
    disk_memory_drop(&scatter);
}

TEST(two_reads_differ)
{
    struct scatter scatter = disk_memory(1, 64, kIODirectionIn);

    EXPECT_EQ(virtio_rng_read(scatter.memory, 0, 32), kIOReturnSuccess);
    EXPECT_EQ(virtio_rng_read(scatter.memory, 32, 32), kIOReturnSuccess);
    EXPECT_NE(memcmp(scatter_at(&scatter, 0), scatter_at(&scatter, 32), 32), 0);
    disk_memory_drop(&scatter);
}

TEST(bad_arguments)
{
    struct scatter in = disk_memory(2, 64, kIODirectionIn);
    struct scatter out = disk_memory(2, 64, kIODirectionOut);
    IOMemoryDescriptor *none = NULL;

    EXPECT_EQ(virtio_rng_read(none, 0, 1), kIOReturnBadArgument);
    EXPECT_EQ(virtio_rng_read(in.memory, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(virtio_rng_read(in.memory, 0, 65), kIOReturnOverrun);
    EXPECT_EQ(virtio_rng_read(in.memory, 64, 1), kIOReturnOverrun);
    EXPECT_EQ(virtio_rng_read(in.memory, ~0ull, 2), kIOReturnOverrun);
    EXPECT_EQ(virtio_rng_read(out.memory, 0, 1), kIOReturnNotPermitted);
    EXPECT_EQ(IOMemoryDescriptor_complete(in.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(virtio_rng_read(in.memory, 0, 1), kIOReturnNotReady);
    EXPECT_EQ(IOMemoryDescriptor_prepare(in.memory, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(virtio_rng_read(in.memory, 0, 1), kIOReturnSuccess);
    disk_memory_drop(&in);
    disk_memory_drop(&out);
}
