/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3
// QEMU: -blockdev driver=null-co,node-name=disk0,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=v3,drive=disk0,msix_qsize=3
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=v5,drive=disk1,msix_qsize=5
// QEMU: -blockdev driver=null-co,node-name=disk2,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=v17,drive=disk2,msix_qsize=17
// QEMU: -blockdev driver=null-co,node-name=disk3,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=v65,drive=disk3,msix_qsize=65
/* NVMe controllers with odd numbers of vectors, with few left and with none: each is heard. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/nvme/nvme_private.h"
#include "kernel/init.h"
#include "kernel/msi.h"
#include "tests/target/dma_client.h"

#define CONTROLLERS 4u
#define ROUNDS      100u

static int messages; /* the controller of them, a node */

static void find_all(void)
{
    const int its = devicetree_next_compatible(-1, "arm,gic-v3-its");

    messages = its >= 0 ? its : devicetree_next_compatible(-1, "arm,gic-v2m-frame");
    for (unsigned i = 0; i < nvme_count(); i++) {
        nvme_get_service(nvme_get(i));
    }
}

INITIALISER(INIT_CLASS, find_all);

/* So many commands of each queue, one after another: the end of each is told by an interrupt. */
static void expect_interrupts(struct nvme_namespace *disk, unsigned rounds)
{
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionIn, false);
    struct nvme_transfer transfer;
    struct nvme_info info;
    IODMACommand *command;

    nvme_get_info(disk, &info);
    command = nvme_create_command(disk, NVME_PRP, NULL, kMapped, &transfer);
    ASSERT_TRUE(memory != NULL && command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    transfer.block = 0;
    for (unsigned queue = 0; queue < info.queues; queue++) {
        struct client client = client_of_channel(nvme_get_service(disk), queue);
        struct nvme_counters before, after;

        nvme_get_counters(disk, queue, &before);
        for (unsigned i = 1; i <= rounds; i++) {
            end_count = 0;
            ASSERT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
            wait_for_ends(&client, 1);
            ASSERT_EQ(ends[0].status, kIOReturnSuccess);
        }
        nvme_get_counters(disk, queue, &after);
        EXPECT_EQ(after.commands - before.commands, rounds);
        EXPECT_EQ(after.interrupts - before.interrupts, rounds);
        client_drop(&client);
    }
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

/* N25: a vector for each queue as far as there are some, the last one of them too. */
TEST(n25_every_vector_is_fired)
{
    static const unsigned vectors[CONTROLLERS] = {3, 5, 5, 5}, queues[CONTROLLERS] = {2, 4, 4, 4};

    ASSERT_EQ(nvme_count(), CONTROLLERS);
    for (unsigned i = 0; i < CONTROLLERS; i++) {
        struct nvme_info info;

        nvme_get_info(nvme_get(i), &info);
        EXPECT_EQ(info.interrupts, vectors[i]);
        EXPECT_EQ(info.queues, queues[i]);
        expect_interrupts(nvme_get(i), ROUNDS);
    }
}

/* All messages but so many are somebody else's. */
static struct msi_block *leave(unsigned rest)
{
    struct msi_request request = {.node = messages};
    struct msi_block *block = NULL;
    struct msi_stats stats;

    msi_get_stats(&stats);
    request.least = request.most = stats.total - stats.in_use - rest;
    EXPECT_EQ(msi_allocate(&request, &block), KERN_SUCCESS);
    msi_get_stats(&stats);
    EXPECT_EQ(stats.total - stats.in_use, rest);
    return block;
}

/*
 * N26: a controller that is removed and set up again with fewer messages than it wants works with
 * those, with one for all, or by its line; and with all of them when they are there again.
 */
TEST(n26_with_what_is_left)
{
    static const unsigned rests[] = {64, 4, 2, 1, 0, 64};

    ASSERT_EQ(nvme_count(), CONTROLLERS);
    for (unsigned i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        struct nvme_namespace *disk = nvme_get(CONTROLLERS - 1);
        struct pci_function *function = disk->controller->function;
        struct nvme_controller *controller;
        struct msi_block *others = NULL;
        struct msi_stats before, after;
        struct nvme_info info;
        IOReturn status;

        msi_get_stats(&before);
        nvme_get_info(disk, &info);
        ASSERT_TRUE(nvme_close(disk->controller));
        ASSERT_EQ(nvme_count(), CONTROLLERS - 1);
        if (rests[i] != 64) {
            others = leave(rests[i]);
        }
        controller = nvme_open(function, &status);
        ASSERT_TRUE(controller != NULL);
        nvme_add_namespaces(controller);
        ASSERT_EQ(nvme_count(), CONTROLLERS);
        disk = nvme_get(CONTROLLERS - 1);
        ASSERT_TRUE(disk->controller == controller);
        nvme_get_info(disk, &info);
        EXPECT_EQ(info.interrupts, rests[i] == 64 ? 5 : rests[i] == 0 ? 1 : rests[i]);
        EXPECT_EQ(pci_interrupt_kind(function), rests[i] == 0 ? PCI_INTX : PCI_MSIX);
        nvme_get_service(disk);
        TEST_KEEPS("the controller is another, and there as long as the image");
        expect_interrupts(disk, 20);
        if (others != NULL) {
            msi_free(others);
        }
        msi_get_stats(&after);
        EXPECT_EQ(after.in_use, 3 + 5 + 5 + (rests[i] == 0 ? 0 : info.interrupts));
    }
}
