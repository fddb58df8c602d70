/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m ram8g smmu
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// FILE: main 4M words
// FILE: other 1M words
// QEMU: -device ich9-ahci,id=ahci
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device ide-hd,bus=ahci.0,drive=disk0,serial=main
// QEMU: -blockdev driver=file,filename=$FILES/other,node-name=file1
// QEMU: -blockdev driver=blkdebug,image=file1,node-name=debug1,inject-error.0.event=none,
// QEMU: inject-error.0.iotype=read,inject-error.0.sector=100,inject-error.0.errno=5,
// QEMU: inject-error.1.event=none,inject-error.1.iotype=write,inject-error.1.sector=200,
// QEMU: inject-error.1.errno=5
// QEMU: -blockdev driver=raw,file=debug1,node-name=disk1
// QEMU: -device ide-hd,bus=ahci.3,drive=disk1,serial=faulty,rerror=report,werror=report
// QEMU: -blockdev driver=null-co,node-name=disk2,size=1073741824,read-zeroes=on,
// QEMU: latency-ns=300000000
// QEMU: -device ide-hd,bus=ahci.4,drive=disk2,serial=slow -device ide-cd,bus=ahci.5
/*
 * SATA disks: lists of even pieces, one command at a time, errors of the medium, and stops in the
 * middle of a command. How the machine was entered or booted is nothing to a device on PCI.
 */
#include "drivers/ahci/ahci_private.h"
#include "tests/lib/recorded.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define MAIN   0
#define FAULTY 1
#define SLOW   2

static IODMACommand *command_over(unsigned index, struct ahci_transfer *transfer,
                                  IOMemoryDescriptor *memory, uint64_t length)
{
    IODMACommand *command = ahci_create_command(ahci_get(index), NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, length, true, true), kIOReturnSuccess);
    return command;
}

/* One transfer, and what it ended with. */
static IOReturn move(unsigned index, IOMemoryDescriptor *memory, uint64_t length, uint64_t block,
                     IODirection direction)
{
    struct client client = client_of_service(ahci_get_service(ahci_get(index)));
    struct ahci_transfer transfer;
    IODMACommand *command = command_over(index, &transfer, memory, length);
    IOReturn status;

    transfer.block = block;
    status = start(&client, command, direction, 0, 0);
    if (status == kIOReturnSuccess) {
        wait_for_ends(&client, 1);
        status = ends[0].status;
        EXPECT_EQ(ends[0].bytes, status == kIOReturnSuccess ? length : 0);
    }
    command_drop(command);
    client_drop(&client);
    return status;
}

/* Ports without a disk, and with a drive of CDs, are left out. */
TEST(three_disks)
{
    IODMACommand_SegmentOptions options;
    struct ahci_info info;

    ASSERT_EQ(ahci_count(), 3);
    TEST_KEEPS("a disk's engine and lists are made once");
    ahci_get_info(ahci_get(MAIN), &info);
    EXPECT_EQ(info.blocks, 8192);
    EXPECT_EQ(info.port, 0);
    EXPECT_STR_EQ(info.serial, "main");
    ahci_get_info(ahci_get(FAULTY), &info);
    EXPECT_EQ(info.port, 3);
    EXPECT_TRUE(ahci_find("slow") == ahci_get(SLOW));
    EXPECT_TRUE(ahci_find("none") == NULL);
    ahci_get_segment_options(ahci_get(MAIN), &options);
    EXPECT_EQ(options.fAlignmentLength, 2);
    EXPECT_EQ(options.fMaxSegmentSize, 4 << 20);
}

TEST(lists_of_every_length)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{1, 512}, {3, 8192}, {64, 65536}, {504, 1 << 20}, {700, 1 << 20}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint64_t length = cases[i].length;
        struct scatter scatter = disk_memory(cases[i].pieces, length, kIODirectionIn);
        struct recorded recorded;

        TEST_NOTE("%u pieces", cases[i].pieces);
        recorded_start();
        EXPECT_EQ(move(MAIN, scatter.memory, length, 5, kIODirectionIn), kIOReturnSuccess);
        recorded_end(&recorded);
        if (DMAKIT_TRACE && cases[i].pieces < 64) {
            EXPECT_EQ(recorded.lost, 0);
            EXPECT_EQ(recorded.starts, 1);
            EXPECT_EQ(recorded.notifies, 1);
            EXPECT_EQ(recorded.bytes, length);
            EXPECT_GE(recorded.doorbells, 1);
            EXPECT_GE(recorded.lists, 1);
            EXPECT_EQ(recorded.in[TRACE_LIST_PRDT], recorded.entries);
        }
        ASSERT_EQ(disk_differences(&scatter, 0, length, 5 * 512), 0);
        disk_memory_drop(&scatter);
    }
}

static void look(void *context, const struct ahci_piece *piece)
{
    (void)context;
    EXPECT_EQ(piece->address & 1, 0);
    EXPECT_EQ(piece->length & 1, 0);
}

TEST(what_is_written_is_there)
{
    struct scatter scatter = disk_memory(90, 200 * 512, kIODirectionOutIn);

    ahci_watch(ahci_get(MAIN), look, NULL);
    for (uint64_t i = 0; i < 200 * 512; i++) {
        *scatter_at(&scatter, i) = (uint8_t)(i * 5 + (i >> 8));
    }
    EXPECT_EQ(move(MAIN, scatter.memory, 200 * 512, 7000, kIODirectionOut), kIOReturnSuccess);
    scatter_fill(&scatter, 0);
    EXPECT_EQ(move(MAIN, scatter.memory, 200 * 512, 7000, kIODirectionIn), kIOReturnSuccess);
    for (uint64_t i = 0; i < 200 * 512; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 5 + (i >> 8)));
    }
    ahci_watch(ahci_get(MAIN), NULL, NULL);
    disk_memory_drop(&scatter);
}

TEST(blocks_that_cannot_be_read)
{
    struct scatter scatter = disk_memory(3, 4096, kIODirectionOutIn);

    EXPECT_EQ(move(FAULTY, scatter.memory, 4096, 90, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(move(FAULTY, scatter.memory, 4096, 96, kIODirectionIn), kIOReturnIOError);
    EXPECT_EQ(move(FAULTY, scatter.memory, 4096, 101, kIODirectionIn), kIOReturnSuccess);
    EXPECT_EQ(disk_differences(&scatter, 0, 4096, 101 * 512), 0);
    EXPECT_EQ(move(FAULTY, scatter.memory, 4096, 198, kIODirectionOut), kIOReturnIOError);
    EXPECT_EQ(move(FAULTY, scatter.memory, 4096, 101, kIODirectionOut), kIOReturnSuccess);
    disk_memory_drop(&scatter);
}

TEST(starts_that_are_refused)
{
    struct scatter scatter = disk_memory(4, 8192, kIODirectionIn);
    struct ahci_transfer transfer;
    struct client client = client_of_service(ahci_get_service(ahci_get(MAIN)));
    IODMACommand *command = command_over(FAULTY, &transfer, scatter.memory, 0);

    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnBadArgument); /* another's */
    command_drop(command);
    command = ahci_create_command(ahci_get(MAIN), NULL, kMapped, &transfer);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, scatter.memory, false), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_prepare(command, 0, 4095, true, true), kIOReturnNotAligned);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfer.block = 8192 - 15;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    EXPECT_EQ(notes, 0);
    command_drop(command);
    client_drop(&client);
    disk_memory_drop(&scatter);
}

/* Stopped with one at the disk and others in line: all end, and the next one works. */
TEST(stopped_in_the_middle)
{
    struct client client = client_of_service(ahci_get_service(ahci_get(SLOW)));
    struct scatter scatter = disk_memory(4, 4096, kIODirectionIn);
    struct ahci_transfer transfers[4];
    IODMACommand *commands[4];

    EXPECTS_REPORT(2); /* what they read is not looked at */
    for (unsigned i = 0; i < 4; i++) {
        commands[i] = command_over(SLOW, &transfers[i], scatter.memory, 0);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, true, 20000000), kIOReturnTimeout);
    EXPECT_EQ(notes, 0);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    EXPECT_EQ(notes, 4);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnAborted);
    }
    EXPECT_EQ(start(&client, commands[2], kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 5);
    EXPECT_EQ(ends[4].status, kIOReturnSuccess);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}
