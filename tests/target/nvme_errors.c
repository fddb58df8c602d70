/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m smmu
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// FILE: main 4M words
// FILE: locked 1M words
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0
// QEMU: -blockdev driver=blkdebug,image=file0,node-name=faulty,inject-error.0.event=none,
// QEMU: inject-error.0.iotype=read,inject-error.0.sector=100,inject-error.0.errno=5,
// QEMU: inject-error.1.event=none,inject-error.1.iotype=write,inject-error.1.sector=200,
// QEMU: inject-error.1.errno=5
// QEMU: -blockdev driver=raw,file=faulty,node-name=disk0
// QEMU: -device nvme,serial=faulty,drive=disk0
// QEMU: -blockdev driver=file,filename=$FILES/locked,node-name=file1,read-only=on
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1,read-only=on
// QEMU: -device nvme,serial=locked,drive=disk1
// QEMU: -blockdev driver=null-co,node-name=disk2,size=1073741824,read-zeroes=on,
// QEMU: latency-ns=300000000
// QEMU: -device nvme,serial=slow,drive=disk2
// QEMU: -blockdev driver=null-co,node-name=disk3,size=1048576,read-zeroes=on
// QEMU: -device nvme,serial=metadata,id=meta -device nvme-ns,bus=meta,drive=disk3,ms=8
/*
 * NVMe disks that fail, are read-only, or answer late: the documented code, nothing left behind,
 * and the next command works. How the machine was entered or booted is nothing to a device on PCI.
 */
#include "drivers/nvme/nvme_private.h"
#include "kernel/init.h"
#include "kernel/timer.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define PATIENCE  20000000 /* nanoseconds, less than the slow disk takes */
#define FETCHING  20000000
#define UNTOUCHED 0xa5

static struct nvme_namespace *faulty, *locked, *slow;

static void find_all(void)
{
    faulty = nvme_find("faulty");
    locked = nvme_find("locked");
    slow = nvme_find("slow");
    nvme_get_service(faulty);
    nvme_get_service(locked);
    nvme_get_service(slow);
}

INITIALISER(INIT_CLASS, find_all);

static IODMACommand *command_over(struct nvme_namespace *disk, struct nvme_transfer *transfer,
                                  IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IODMACommand *command = nvme_create_command(disk, NVME_SGL, NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

/* One transfer, and what it ended with. */
static IOReturn move(struct nvme_namespace *disk, struct scatter *scatter, uint64_t block,
                     IODirection direction)
{
    struct client client = client_of_service(nvme_get_service(disk));
    struct nvme_transfer transfer;
    IODMACommand *command = command_over(disk, &transfer, scatter->memory, 0, 0);
    IOReturn status;

    transfer.block = block;
    status = start(&client, command, direction, 0, 0);
    if (status == kIOReturnSuccess) {
        wait_for_ends(&client, 1);
        status = ends[0].status;
        EXPECT_EQ(ends[0].bytes, status == kIOReturnSuccess ? scatter->length : 0);
    }
    command_drop(command);
    client_drop(&client);
    return status;
}

/* --- The medium ------------------------------------------------------------------------------- */

TEST(blocks_that_cannot_be_read)
{
    struct scatter scatter = disk_memory(3, 4096, kIODirectionOutIn);

    EXPECT_EQ(move(faulty, &scatter, 90, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 90 * 512), 0);
    EXPECT_EQ(move(faulty, &scatter, 96, kIODirectionIn), kIOReturnIOError);
    EXPECT_EQ(move(faulty, &scatter, 101, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 101 * 512), 0);
    EXPECT_EQ(move(faulty, &scatter, 198, kIODirectionOut), kIOReturnIOError);
    EXPECT_EQ(move(faulty, &scatter, 101, kIODirectionOut), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

TEST(a_disk_that_is_read_only)
{
    struct scatter scatter = disk_memory(3, 4096, kIODirectionOutIn);

    /* QEMU 7.2 does not say that it is: the host's refusal is an error of the medium. */
    EXPECT_EQ(move(locked, &scatter, 0, kIODirectionOut), kIOReturnIOError);
    locked->read_only = true;
    EXPECT_EQ(move(locked, &scatter, 0, kIODirectionOut), kIOReturnNotWritable);
    locked->read_only = false;
    EXPECT_EQ(move(locked, &scatter, 10, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 10 * 512), 0);
    disk_memory_drop(&scatter);
}

/* What the driver would not ask: the controller's own answers, and that it goes on. */
TEST(commands_that_make_no_sense)
{
    struct scatter scatter = disk_memory(3, 4096, kIODirectionOutIn);
    struct nvme_controller *controller = faulty->controller;
    const uint64_t blocks = faulty->blocks, most = controller->command_bytes_max;
    struct nvme_command command = {.opcode = 0x7f, .nsid = 1};
    struct scatter large = disk_memory(250, 600 << 10, kIODirectionIn);

    faulty->blocks = UINT64_MAX;
    EXPECT_EQ(move(faulty, &scatter, blocks - 1, kIODirectionIn), kIOReturnOverrun);
    faulty->blocks = blocks;
    controller->command_bytes_max = 1 << 20;
    EXPECT_EQ(move(faulty, &large, 300, kIODirectionIn), kIOReturnBadArgument); /* beyond MDTS */
    controller->command_bytes_max = most;
    EXPECT_EQ(move(faulty, &large, 300, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&large, 0, 600 << 10, 300 * 512), 0);
    EXPECT_EQ(nvme_execute(&controller->queues[0], &command, NVME_PATIENCE, NULL),
              kIOReturnUnsupported);
    EXPECT_EQ(nvme_execute(&controller->admin, &command, NVME_PATIENCE, NULL),
              kIOReturnUnsupported);
    command = (struct nvme_command){.opcode = NVME_IO_READ, .nsid = 77};
    EXPECT_EQ(nvme_execute(&controller->queues[0], &command, NVME_PATIENCE, NULL),
              kIOReturnBadArgument);
    EXPECT_EQ(move(faulty, &scatter, 0, kIODirectionIn), kIOReturnSuccess);
    disk_memory_drop(&large);
    disk_memory_drop(&scatter);
}

TEST(a_namespace_with_metadata_is_left_out)
{
    EXPECT_TRUE(nvme_find("metadata") == NULL);
    EXPECT_EQ(nvme_count(), 3);
}

/* --- Late answers ----------------------------------------------------------------------------- */

static struct nvme_transfer transfers[8];
static IODMACommand *commands[8];

static void start_some(struct client *client, struct scatter *scatter, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        commands[i] = command_over(slow, &transfers[i], scatter->memory, i * 512, 512);
        transfers[i].block = i;
        EXPECT_EQ(start(client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
}

static bool holds_only(const struct scatter *scatter, uint64_t first, uint64_t length, uint8_t byte)
{
    uint64_t i = first;

    while (i < first + length && *scatter_at(scatter, i) == byte) {
        i++;
    }
    return i == first + length;
}

/*
 * What has become of four commands that were to be aborted, and of four that were started behind
 * them. What the controller gives back does not go on; of what it does not it may still say
 * later that it was aborted (QEMU 10 does, 7.2 carries out all), but of nothing else. The disk has
 * only zeros.
 */
static void check_ends(const struct scatter *scatter, const struct nvme_counters *counters)
{
    uint64_t aborted = 0;

    for (unsigned i = 0; i < 8; i++) {
        unsigned at = 0;

        while (at < 8 && ends[at].command != commands[i]) {
            at++;
        }
        ASSERT_LT(at, 8); /* each of them has ended */
        if (i < 4 && ends[at].status == kIOReturnAborted) {
            EXPECT_EQ(ends[at].bytes, 0);
            aborted++;
        } else {
            EXPECT_EQ(ends[at].status, kIOReturnSuccess);
            EXPECT_EQ(ends[at].bytes, 512);
            EXPECT_TRUE(holds_only(scatter, i * 512, 512, 0));
        }
    }
    EXPECT_GE(aborted, counters->aborts - counters->aborts_refused);
    EXPECT_LE(aborted, counters->aborts);
    TEST_NOTE("%u aborts, %u of them refused, %u aborted", (unsigned)counters->aborts,
              (unsigned)counters->aborts_refused, (unsigned)aborted);
}

/*
 * Stopped with the time up: they go on, with their identifiers, while others are started under
 * other ones; then all come to their end, behind which the memory is the client's.
 */
TEST(answers_that_are_late)
{
    struct client client = client_of_service(nvme_get_service(slow));
    struct scatter scatter = disk_memory(8, 8 * 512, kIODirectionIn);
    struct nvme_counters counters;

    scatter_fill(&scatter, UNTOUCHED);
    start_some(&client, &scatter, 0, 4);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, PATIENCE), kIOReturnTimeout);
    EXPECT_EQ(notes, 0);
    EXPECTS_REPORT(10);
    EXPECT_EQ(IODMACommand_complete(commands[0], true, true), kIOReturnBusy);
    nvme_get_counters(slow, 0, &counters);
    EXPECT_GE(counters.aborts, 1);
    EXPECT_LE(counters.aborts, 4);
    EXPECT_LE(counters.aborts_refused, counters.aborts);
    EXPECT_EQ(counters.in_flight, 4);
    start_some(&client, &scatter, 4, 8);
    wait_for_ends(&client, 8);
    EXPECT_EQ(end_count, 8);
    check_ends(&scatter, &counters);
    /* As long again, with nothing under way: none of them is carried out behind its end. */
    scatter_fill(&scatter, UNTOUCHED);
    EXPECT_EQ(nvme_flush(slow), kIOReturnSuccess);
    EXPECT_TRUE(holds_only(&scatter, 0, 8 * 512, UNTOUCHED));
    EXPECT_EQ(end_count, 8);
    for (unsigned i = 0; i < 8; i++) {
        command_drop(commands[i]);
    }
    nvme_get_counters(slow, 0, &counters);
    EXPECT_EQ(counters.in_flight, 0);
    EXPECT_EQ(counters.strange, 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* For good, with commands on the way: the queue pair goes, and is there again. */
TEST(stopped_for_good)
{
    struct client client = client_of_service(nvme_get_service(slow));
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);

    start_some(&client, &scatter, 0, 4);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(notes, 4);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnAborted);
    }
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

/* A client that goes away with commands on the way: nothing of it is left with the controller. */
TEST(a_client_that_goes_away)
{
    struct client client = client_of_service(nvme_get_service(slow));
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);

    start_some(&client, &scatter, 0, 4);
    client_drop(&client);
    EXPECT_EQ(notes, 4);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client = client_of_service(nvme_get_service(slow));
    client_drop(&client);
}

/* Reset with commands on the way, and shut down with some: all end once, and it comes up again. */
TEST(reset_and_shutdown_with_commands_on_the_way)
{
    struct client client = client_of_service(nvme_get_service(slow));
    struct scatter scatter = disk_memory(4, 4 * 512, kIODirectionIn);
    struct nvme_controller *controller = slow->controller;
    struct pci_function *function = controller->function;
    IOReturn status;

    /* One that it has fetched, and one whose doorbell it has just heard. */
    start_some(&client, &scatter, 0, 1);
    timer_delay(FETCHING);
    start_some(&client, &scatter, 1, 2);
    EXPECT_EQ(nvme_reset(slow), kIOReturnSuccess);
    EXPECT_EQ(notes, 2);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(ends[0].status, kIOReturnAborted);
    EXPECT_EQ(ends[1].status, kIOReturnAborted);
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnSuccess);
    start_some(&client, &scatter, 2, 4);
    EXPECT_EQ(nvme_shut_down(slow), kIOReturnSuccess);
    EXPECT_EQ(notes, 5);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 5);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
    EXPECT_TRUE(nvme_close(controller));
    controller = nvme_open(function, &status);
    ASSERT_TRUE(controller != NULL);
    nvme_add_namespaces(controller);
    slow = nvme_find("slow");
    ASSERT_TRUE(slow != NULL);
    EXPECT_EQ(nvme_flush(slow), kIOReturnSuccess);
    nvme_get_service(slow);
    TEST_KEEPS("the controller's engine is another one");
}
