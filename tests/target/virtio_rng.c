/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -device virtio-rng-device
/* The entropy device. */
#include <string.h>

#include "drivers/virtio/rng.h"
#include "drivers/virtio/rng_dma.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

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

/* --- As a DMA engine -------------------------------------------------------------------------- */

static IODMACommand *command_over(struct virtio_rng_transfer *transfer, IOMemoryDescriptor *memory,
                                  uint64_t offset, uint64_t length)
{
    IODMACommand *command = virtio_rng_create_command(NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

TEST(the_device_is_its_own_engine)
{
    IOService *device = virtio_rng_get_service();

    ASSERT_TRUE(device != NULL);
    EXPECT_TRUE(virtio_rng_get_service() == device);
    TEST_KEEPS("the engine is made once");
}

/* More than it answers at once, in many pieces; a part of a preparation; several in line. */
TEST(commands_fill_their_range)
{
    struct client client = client_of_service(virtio_rng_get_service());
    struct scatter scatter = disk_memory(40, 100000, kIODirectionIn);
    struct virtio_rng_transfer transfers[3];
    IODMACommand *commands[3];

    commands[0] = command_over(&transfers[0], scatter.memory, 0, 70000);
    commands[1] = command_over(&transfers[1], scatter.memory, 70000, 10000);
    commands[2] = command_over(&transfers[2], scatter.memory, 80000, 0);
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(start(&client, commands[1], kIODirectionIn, 5000, 2000), kIOReturnSuccess);
    EXPECT_EQ(start(&client, commands[2], kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(start(&client, commands[1], kIODirectionIn, 0, 0), kIOReturnBusy);
    wait_for_ends(&client, 3);
    for (unsigned i = 0; i < 3; i++) { /* one after the other, in the order they were started */
        EXPECT_TRUE(ends[i].command == commands[i]);
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        command_drop(commands[i]);
    }
    EXPECT_EQ(ends[0].bytes, 70000);
    EXPECT_EQ(ends[1].bytes, 5000);
    EXPECT_EQ(ends[2].bytes, 20000);
    for (unsigned i = 70000; i < 80000; i++) {
        if (i < 72000 || i >= 77000) {
            ASSERT_EQ(*scatter_at(&scatter, i), 0);
        }
    }
    for (unsigned i = 0; i < scatter.pieces; i++) {
        const uint8_t *end = (uint8_t *)scatter.ranges[i].address + scatter.ranges[i].length;
        const uint64_t at = 2500 * (i + 1);
        uint64_t last;

        memcpy(&last, end - 8, 8);
        EXPECT_TRUE(last != 0 || (at > 70000 && at < 72000) || (at > 77000 && at < 80016));
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}

TEST(only_towards_memory)
{
    struct client client = client_of_service(virtio_rng_get_service());
    struct scatter both = disk_memory(2, 64, kIODirectionOutIn);
    struct virtio_rng_transfer transfer;
    IODMACommand *command = command_over(&transfer, both.memory, 0, 0);

    EXPECT_EQ(start(&client, command, kIODirectionOut, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 64), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, UINT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].bytes, 64);
    command_drop(command);
    disk_memory_drop(&both);
    client_drop(&client);
}

/* Bounced where it must be: what arrives is in the memory after complete. */
TEST(misaligned_memory_is_bounced)
{
    struct client client = client_of_service(virtio_rng_get_service());
    struct scatter scatter = disk_memory(3, 96, kIODirectionIn);
    IODMACommand_SegmentOptions options;
    struct virtio_rng_transfer transfer;
    unsigned values = 0, seen[256] = {0};
    IODMACommand *command;

    virtio_rng_get_segment_options(&options);
    options.fAlignment = options.fAlignmentLength = 32;
    command = virtio_rng_create_command(&options, kMapped, &transfer);
    IODMACommand_setMemoryDescriptor(command, scatter.memory, false);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_GT(IODMACommand_getBounceLength(command), 0);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    command_drop(command);
    for (unsigned i = 0; i < 96; i++) {
        values += seen[*scatter_at(&scatter, i)]++ == 0;
    }
    EXPECT_GT(values, 40);
    disk_memory_drop(&scatter);
    client_drop(&client);
}
