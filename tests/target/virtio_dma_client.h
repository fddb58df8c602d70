/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of disks as DMA engines: a client of one, and commands for it. */
#ifndef TESTS_TARGET_VIRTIO_DMA_CLIENT_H
#define TESTS_TARGET_VIRTIO_DMA_CLIENT_H

#include "drivers/virtio/blk_dma.h"
#include "drivers/virtio/blk_private.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

static inline struct client client_of(unsigned disk)
{
    return client_of_service(virtio_blk_get_service(virtio_blk_get(disk)));
}

/* A prepared command over this memory. */
static inline IODMACommand *command_over(unsigned disk, struct virtio_blk_transfer *transfer,
                                         IOMemoryDescriptor *memory, uint64_t offset,
                                         uint64_t length)
{
    IODMACommand *command =
        virtio_blk_create_command(virtio_blk_get(disk), NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

#endif
