/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 el2 el2v3 packed pci pcismmu
// FILE: main 1M words
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=main
// QEMU: -blockdev driver=null-co,node-name=disk1,size=1073741824,read-zeroes=on,
// QEMU: latency-ns=300000000
// QEMU: -device virtio-blk-device,drive=disk1,serial=slow
/* Disks as DMA engines: ends that are late, early, wrong, or do not come, and who waits for them.
 */
#include "tests/target/virtio_dma_client.h"

#define SLOW     1
#define PATIENCE 20000000 /* nanoseconds, less than the slow disk takes */
#define MANY     8

static struct virtio_blk_transfer transfers[MANY];
static IODMACommand *commands[MANY];

TEST(the_engines_are_made)
{
    for (unsigned disk = 0; disk <= SLOW; disk++) {
        EXPECT_TRUE(virtio_blk_get_service(virtio_blk_get(disk)) != NULL);
    }
    TEST_KEEPS("a disk's engine is made once");
}

/* The slow disk answers long after patience has ended: stopped with the time up, then for good. */
TEST(a_completion_that_does_not_come)
{
    struct client client = client_of(SLOW);
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);
    IODMACommand *current;

    for (unsigned i = 0; i < 4; i++) {
        commands[i] = command_over(SLOW, &transfers[i], scatter.memory, i * 512, 512);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, PATIENCE), kIOReturnTimeout);
    EXPECT_EQ(notes, 0); /* it goes on, and the memory is still the device's */
    EXPECTS_REPORT(10);
    EXPECT_EQ(IODMACommand_complete(commands[0], true, true), kIOReturnBusy);
    IODMAEventSource_queryDMACommand(client.source, &current, NULL, false);
    EXPECT_TRUE(current == commands[0]);

    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(notes, 4);
    EXPECT_EQ(end_count, 0);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnAborted);
        EXPECT_EQ(ends[i].bytes, 0);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);

    /* And the disk works, with the same command. */
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, UINT64_MAX), kIOReturnSuccess);
    wait_for_ends(&client, 5);
    EXPECT_EQ(ends[4].status, kIOReturnSuccess);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* An end that nobody owes is a line on the log, and nothing else. */
TEST(completions_that_are_not_due)
{
    struct client client = client_of(0);
    struct scatter scatter = disk_memory(2, 1024, kIODirectionIn);
    IODMAController *engine =
        IODMAController_getController(virtio_blk_get_service(virtio_blk_get(0)), 0);

    for (unsigned i = 0; i < 2; i++) {
        commands[i] = command_over(0, &transfers[i], scatter.memory, i * 512, 512);
    }
    IODMAController_completeDMACommand(engine, client.source, commands[0]); /* before its start */
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    IODMAController_completeDMACommand(engine, client.source, commands[1]); /* another's */
    IODMAController_notifyDMACommand(engine, client.source, commands[1], kIOReturnSuccess, 7, 1);
    wait_for_ends(&client, 1);
    IODMAController_completeDMACommand(engine, client.source, commands[0]); /* twice */
    IODMAController_completeDMACommand(engine, NULL, commands[0]);
    IODMAController_completeDMACommand(engine, client.source, NULL);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 1);
    EXPECT_EQ(notes, 1);
    EXPECT_EQ(ends[0].bytes, 512);
    command_drop(commands[0]);
    IODMAController_completeDMACommand(engine, client.source, commands[1]); /* late */
    command_drop(commands[1]);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* Ends wait for a loop, and are delivered on the one that the source is on by then. */
TEST(a_work_loop_removed_under_it)
{
    struct client client = client_of(0);
    struct scatter scatter = disk_memory(8, 8 * 512, kIODirectionIn);
    IOWorkLoop *other = IOWorkLoop_workLoop();

    for (unsigned i = 0; i < 8; i++) {
        commands[i] = command_over(0, &transfers[i], scatter.memory, i * 512, 512);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
        if (i == 3) {
            EXPECT_EQ(IOWorkLoop_removeEventSource(client.loop, client.source), kIOReturnSuccess);
            EXPECT_EQ(start(&client, commands[3], kIODirectionIn, 0, 0), kIOReturnNotReady);
            break;
        }
    }
    EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, NULL, NULL, true), kIOReturnSuccess);
    EXPECT_EQ(notes, 4);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 0);
    EXPECT_EQ(IOWorkLoop_addEventSource(other, client.source), kIOReturnSuccess);
    IOWorkLoop_runEventSources(other);
    EXPECT_EQ(end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        command_drop(commands[i]);
    }
    EXPECT_EQ(IOWorkLoop_removeEventSource(other, client.source), kIOReturnSuccess);
    OSObject_release(other);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* Freed with transfers on their way: they are stopped first, and delivered to nobody. */
TEST(a_client_that_goes_takes_its_transfers_along)
{
    struct client client = client_of(SLOW);
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);

    for (unsigned i = 0; i < 4; i++) {
        commands[i] = command_over(SLOW, &transfers[i], scatter.memory, i * 512, 512);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    client_drop(&client);
    EXPECT_EQ(end_count, 0);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
}

/* A reset by somebody else ends what is in the ring and in line; requests of both kinds. */
TEST(the_disk_is_reset_under_it)
{
    struct client client = client_of(SLOW);
    struct virtio_blk *disk = virtio_blk_get(SLOW);
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);
    struct virtio_blk_request request;

    commands[0] = command_over(SLOW, &transfers[0], scatter.memory, 0, 512);
    virtio_blk_request_init(&request, VIRTIO_BLK_READ, scatter.memory, 512, 1, 512);
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_submit(disk, &request), kIOReturnSuccess);
    EXPECT_EQ(virtio_blk_reset(disk), kIOReturnSuccess);
    EXPECT_TRUE(request.done);
    EXPECT_EQ(request.status, kIOReturnAborted);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnAborted);
    command_drop(commands[0]);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* Start and sleep until the end, without a completion function. */
TEST(synchronous_transfers)
{
    IOService *device = virtio_blk_get_service(virtio_blk_get(0));
    struct scatter scatter = disk_memory(5, 4096, kIODirectionIn);
    struct client client = {OSArray_withCapacity(1), IOWorkLoop_workLoop(), NULL};
    struct virtio_blk_transfer transfer;
    IODMACommand *command = command_over(0, &transfer, scatter.memory, 0, 0);

    notes = 0;
    client.source =
        IODMAEventSource_dmaEventSource(OSObject_upcast(client.owner), device, NULL, note, 0);
    ASSERT_TRUE(client.source != NULL);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnNotReady);
    EXPECT_EQ(IOWorkLoop_addEventSource(client.loop, client.source), kIOReturnSuccess);
    transfer.sector = 9;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(notes, 1);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 9 * 512), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}
