/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max nvme pcilow ram64m ram8g smmu
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// FILE: main 4M words
// FILE: pages 1M words
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device nvme,serial=main,drive=disk0,cmb_size_mb=4
// QEMU: -blockdev driver=file,filename=$FILES/pages,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device nvme,serial=pages,drive=disk1,logical_block_size=4096,physical_block_size=4096,
// QEMU: mdts=1,max_ioqpairs=2
// QEMU: -device nvme,serial=two,id=two
// QEMU: -blockdev driver=null-co,node-name=disk2,size=1073741824,read-zeroes=on
// QEMU: -device nvme-ns,bus=two,drive=disk2,nsid=3
// QEMU: -blockdev driver=null-co,node-name=disk3,size=1048576,read-zeroes=on
// QEMU: -device nvme-ns,bus=two,drive=disk3,nsid=5
/*
 * NVMe disks as DMA engines: both ways of telling where memory is, many at once, and stopped. How
 * the machine was entered or booted is nothing to a device on PCI.
 */
#include "descriptors/IOSubMemoryDescriptor.h"
#include "drivers/nvme/nvme_private.h"
#include "kernel/init.h"
#include "tests/lib/recorded.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define MAIN  0
#define PAGES 1

/* The controllers, their queues and engines are made once, before the first test. */
static void find_all(void)
{
    for (unsigned i = 0; i < nvme_count(); i++) {
        nvme_get_service(nvme_get(i));
    }
}

INITIALISER(INIT_CLASS, find_all);

static struct client client_of(unsigned index, unsigned channel)
{
    return client_of_channel(nvme_get_service(nvme_get(index)), channel);
}

static IODMACommand *command_over(unsigned index, enum nvme_format format,
                                  struct nvme_transfer *transfer, IOMemoryDescriptor *memory,
                                  uint64_t offset, uint64_t length)
{
    IODMACommand *command = nvme_create_command(nvme_get(index), format, NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

/* --- What there is ---------------------------------------------------------------------------- */

TEST(all_namespaces_are_found)
{
    struct nvme_info info;

    ASSERT_EQ(nvme_count(), 4);
    EXPECT_TRUE(nvme_find("main") == nvme_get(MAIN));
    EXPECT_TRUE(nvme_find("pages") == nvme_get(PAGES));
    EXPECT_TRUE(nvme_find("none") == NULL);
    EXPECT_TRUE(nvme_get(4) == NULL);
    nvme_get_info(nvme_get(MAIN), &info);
    EXPECT_EQ(info.blocks, 8192);
    EXPECT_EQ(info.block_size, 512);
    EXPECT_EQ(info.command_bytes_max, 512 << 10); /* QEMU's mdts=7 */
    EXPECT_EQ(info.queues, 4);
    EXPECT_EQ(info.queue_size, 127);
    EXPECT_TRUE(info.has_sgl);
    EXPECT_FALSE(info.read_only);
    TEST_NOTE("%u queues of %u commands, %u interrupts", info.queues, info.queue_size,
              info.interrupts);
    nvme_get_info(nvme_get(PAGES), &info);
    EXPECT_EQ(info.blocks, 256);
    EXPECT_EQ(info.block_size, 4096);
    EXPECT_EQ(info.command_bytes_max, 8192);
    EXPECT_EQ(info.queues, 2);
    nvme_get_info(nvme_get(2), &info);
    EXPECT_EQ(info.id, 3);
    EXPECT_EQ(info.blocks, 1 << 21);
    nvme_get_info(nvme_get(3), &info);
    EXPECT_EQ(info.id, 5);
}

/* --- Bytes ------------------------------------------------------------------------------------ */

/* Memory of all kinds, by both formats, over every queue: what arrives is what is on the disk. */
TEST(commands_read_what_is_on_the_disk)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{2, 4096}, {3, 8192}, {64, 65536}, {300, 1 << 20}, {600, 2 << 20}};

    for (unsigned index = MAIN; index <= PAGES; index++) {
        struct nvme_info info;

        nvme_get_info(nvme_get(index), &info);
        for (unsigned channel = 0; channel < info.queues; channel++) {
            struct client client = client_of(index, channel);

            for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
                const uint64_t length =
                    index == PAGES && cases[i / 2].length > 65536 ? 65536 : cases[i / 2].length;
                struct scatter scatter = disk_memory(cases[i / 2].pieces, length, kIODirectionIn);
                const enum nvme_format format = i % 2 != 0 ? NVME_SGL : NVME_PRP;
                struct nvme_transfer transfer;
                IODMACommand *command =
                    command_over(index, format, &transfer, scatter.memory, 0, 0);
                struct recorded recorded;

                TEST_NOTE("disk %u, queue %u, %s: %u pieces", index, channel,
                          format == NVME_PRP ? "PRP" : "SGL", cases[i / 2].pieces);
                end_count = notes = 0;
                transfer.block = 5;
                recorded_start();
                EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
                wait_for_ends(&client, 1);
                recorded_end(&recorded);
                EXPECT_EQ(ends[0].status, kIOReturnSuccess);
                EXPECT_EQ(ends[0].bytes, length);
                if (DMAKIT_TRACE && cases[i / 2].pieces < 64) {
                    EXPECT_EQ(recorded.lost, 0);
                    EXPECT_EQ(recorded.starts, 1);
                    EXPECT_EQ(recorded.bytes, length);
                    EXPECT_GE(recorded.lists, 1);
                    EXPECT_GE(recorded.doorbells, recorded.lists);
                    EXPECT_EQ(recorded.in[TRACE_LIST_list] +
                                  recorded.in[format == NVME_PRP ? TRACE_LIST_PRP : TRACE_LIST_SGL],
                              recorded.entries);
                }
                EXPECT_TRUE(format == NVME_PRP || IODMACommand_getBounceLength(command) == 0);
                command_drop(command);
                ASSERT_EQ(disk_differences(&scatter, 0, length, 5ull * info.block_size), 0);
                disk_memory_drop(&scatter);
            }
            client_drop(&client);
        }
    }
}

/* What is written is read back, by the other format and another queue, and flushed. */
TEST(what_is_written_is_there)
{
    struct client writer = client_of(MAIN, 1), reader;
    struct scatter scatter = disk_memory(150, 300000, kIODirectionOutIn);
    struct nvme_transfer transfer;
    IODMACommand *command;
    const uint64_t length = 300000 & ~511ull;

    for (enum nvme_format format = NVME_PRP; format <= NVME_SGL; format++) {
        for (uint64_t i = 0; i < length; i++) {
            *scatter_at(&scatter, i) = (uint8_t)(i * 7 + (i >> 8) + format);
        }
        command = command_over(MAIN, format, &transfer, scatter.memory, 0, length);
        transfer.block = 4000;
        end_count = 0;
        EXPECT_EQ(start(&writer, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        wait_for_ends(&writer, 1);
        EXPECT_EQ(ends[0].status, kIOReturnSuccess);
        command_drop(command);
        EXPECT_EQ(nvme_flush(nvme_get(MAIN)), kIOReturnSuccess);

        scatter_fill(&scatter, 0);
        reader = client_of(MAIN, 3);
        command =
            command_over(MAIN, NVME_PRP + NVME_SGL - format, &transfer, scatter.memory, 0, length);
        transfer.block = 4000;
        EXPECT_EQ(start(&reader, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        wait_for_ends(&reader, 1);
        EXPECT_EQ(ends[0].status, kIOReturnSuccess);
        command_drop(command);
        client_drop(&reader);
        for (uint64_t i = 0; i < length; i++) {
            ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 7 + (i >> 8) + format));
        }
    }
    disk_memory_drop(&scatter);
    client_drop(&writer);
}

/* A part of a preparation, from the middle of a page: neighbours stay as they are. */
TEST(a_part_of_a_preparation)
{
    struct client client = client_of(MAIN, 0);
    struct scatter scatter = disk_memory(9, 16384, kIODirectionIn);
    struct nvme_transfer transfer;
    IODMACommand *command = command_over(MAIN, NVME_SGL, &transfer, scatter.memory, 1000, 8000);

    scatter_fill(&scatter, 0xee);
    transfer.block = 7;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1536, 301), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].bytes, 1536);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 1301, 1536, 7 * 512), 0);
    EXPECT_EQ(*scatter_at(&scatter, 1300), 0xee);
    EXPECT_EQ(*scatter_at(&scatter, 1301 + 1536), 0xee);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

TEST(starts_that_are_refused)
{
    struct client client = client_of(MAIN, 0);
    struct scatter scatter = disk_memory(4, 8192, kIODirectionIn);
    struct nvme_transfer transfer, foreign;
    IODMACommand *command = command_over(MAIN, NVME_PRP, &transfer, scatter.memory, 0, 0);
    IODMACommand *other = command_over(PAGES, NVME_PRP, &foreign, scatter.memory, 0, 0);

    EXPECT_EQ(start(&client, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, command, kIODirectionOut, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, other, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfer.block = 8192 - 15;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    EXPECT_EQ(notes, 0);
    transfer.block = 8192 - 16;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    command_drop(other);
    command_drop(command);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* --- Many at once ----------------------------------------------------------------------------- */

#define MANY 100

static struct nvme_transfer transfers[MANY];
static IODMACommand *commands[MANY];

TEST(many_commands_at_once)
{
    struct client client = client_of(MAIN, 2);
    struct scatter scatter = disk_memory(MANY, MANY * 1024, kIODirectionIn);
    struct nvme_counters before, after;

    for (unsigned i = 0; i < MANY; i++) {
        commands[i] = command_over(MAIN, i % 2 != 0 ? NVME_PRP : NVME_SGL, &transfers[i],
                                   scatter.memory, i * 1024, 1024);
        transfers[i].block = 3 * i;
    }
    nvme_get_counters(nvme_get(MAIN), 2, &before);
    nvme_hold_doorbell(nvme_get(MAIN), 2, true);
    for (unsigned i = 0; i < MANY; i++) {
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnBusy);
    nvme_get_counters(nvme_get(MAIN), 2, &after);
    EXPECT_EQ(after.in_flight, MANY);
    EXPECT_EQ(notes, 0);
    nvme_hold_doorbell(nvme_get(MAIN), 2, false);
    wait_for_ends(&client, MANY);
    nvme_get_counters(nvme_get(MAIN), 2, &after);
    TEST_NOTE("high-water marks: %u commands of the device, %u transfers at once; %u doorbells",
              after.most, after.most_starts, (unsigned)(after.doorbells - before.doorbells));
    EXPECT_EQ(after.commands - before.commands, MANY);
    EXPECT_EQ(after.doorbells - before.doorbells, 1);
    EXPECT_GE(after.most, MANY);
    EXPECT_EQ(after.in_flight, 0);
    for (unsigned i = 0; i < MANY; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        command_drop(commands[i]);
        ASSERT_EQ(disk_differences(&scatter, i * 1024, 1024, 3ull * i * 512), 0);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* Each queue answers on its own, and by its own interrupt where there are so many. */
TEST(every_queue_works_at_once)
{
    struct client clients[4];
    struct scatter scatter = disk_memory(40, 4 * 16384, kIODirectionIn);
    struct nvme_counters before[4], after;
    struct nvme_info info;

    nvme_get_info(nvme_get(MAIN), &info);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = client_of(MAIN, i);
        commands[i] = command_over(MAIN, NVME_SGL, &transfers[i], scatter.memory, i * 16384, 16384);
        transfers[i].block = 1000 * i;
        nvme_get_counters(nvme_get(MAIN), i, &before[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(start(&clients[i], commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(IODMAEventSource_queryDMACommand(clients[i].source, NULL, NULL, true),
                  kIOReturnSuccess);
        IOWorkLoop_runEventSources(clients[i].loop);
        nvme_get_counters(nvme_get(MAIN), i, &after);
        EXPECT_EQ(after.commands - before[i].commands, 1);
        EXPECT_GE(after.interrupts - before[i].interrupts, 1);
    }
    EXPECT_EQ(end_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        command_drop(commands[i]);
        EXPECT_EQ(disk_differences(&scatter, i * 16384, 16384, 1000ull * i * 512), 0);
        client_drop(&clients[i]);
    }
    disk_memory_drop(&scatter);
}

/* --- Again and again -------------------------------------------------------------------------- */

/* A queue pair made anew as often as that, with a few commands each. */
TEST(a_queue_is_made_anew)
{
    struct client client = client_of(MAIN, 0);
    struct scatter scatter = disk_memory(3, 3 * 512, kIODirectionIn);

    for (unsigned i = 0; i < 3; i++) {
        commands[i] = command_over(MAIN, NVME_SGL, &transfers[i], scatter.memory, i * 512, 512);
        transfers[i].block = i;
    }
    for (unsigned life = 0; life < 100; life++) {
        end_count = 0;
        for (unsigned i = 0; i < 3; i++) {
            ASSERT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
        }
        wait_for_ends(&client, 3);
        for (unsigned i = 0; i < 3; i++) {
            ASSERT_EQ(ends[i].status, kIOReturnSuccess);
        }
        ASSERT_EQ(nvme_renew_queue(&nvme_get(MAIN)->controller->queues[0]), kIOReturnSuccess);
    }
    for (unsigned i = 0; i < 3; i++) {
        command_drop(commands[i]);
    }
    EXPECT_EQ(disk_differences(&scatter, 0, 3 * 512, 0), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

TEST(a_reset_and_on)
{
    struct client client = client_of(MAIN, 1);
    struct scatter scatter = disk_memory(5, 8192, kIODirectionIn);
    struct nvme_transfer transfer;
    IODMACommand *command = command_over(MAIN, NVME_SGL, &transfer, scatter.memory, 0, 0);

    transfer.block = 11;
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(nvme_reset(nvme_get(MAIN)), kIOReturnSuccess);
        EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        wait_for_ends(&client, i + 1);
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
    }
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 0, 8192, 11 * 512), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* --- The controller's own memory -------------------------------------------------------------- */

/* From the disk into it, and from there to other blocks: no byte of it passes the bus. */
TEST(memory_of_the_controller)
{
    struct nvme_namespace *main = nvme_get(MAIN);
    IODeviceMemory *buffer = nvme_copy_buffer(main);
    struct client client = client_of(MAIN, 0);
    struct nvme_transfer transfer;
    IOMemoryDescriptor *part;
    IODMACommand *command;
    uint64_t word;

    ASSERT_TRUE(buffer != NULL);
    EXPECT_EQ(IOMemoryDescriptor_getLength(buffer), 4 << 20);
    for (enum nvme_format format = NVME_PRP; format <= NVME_SGL; format++) {
        const uint64_t at = 8192 + format * 65536, length = 40960;

        part = (IOMemoryDescriptor *)IOSubMemoryDescriptor_withSubRange(buffer, at, length,
                                                                        kIODirectionOutIn);
        ASSERT_TRUE(part != NULL);
        command = nvme_create_command(main, format, NULL, kIODMAMapOptionUnmapped, &transfer);
        ASSERT_TRUE(command != NULL);
        ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, part, true), kIOReturnSuccess);
        EXPECT_EQ(IODMACommand_getBounceLength(command), 0);
        end_count = 0;
        transfer.block = 16;
        EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        wait_for_ends(&client, 1);
        EXPECT_EQ(ends[0].status, kIOReturnSuccess);
        for (uint64_t i = 0; i < length; i += sizeof(word)) {
            EXPECT_EQ(IOMemoryDescriptor_readBytes(part, i, &word, sizeof(word)), sizeof(word));
            ASSERT_EQ(word, (16 * 512 + i) / 8);
        }
        word = 0x1122334455667788;
        EXPECT_EQ(IOMemoryDescriptor_writeBytes(part, 512, &word, sizeof(word)), sizeof(word));
        transfer.block = 5000;
        EXPECT_EQ(start(&client, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
        wait_for_ends(&client, 2);
        EXPECT_EQ(ends[1].status, kIOReturnSuccess);
        command_drop(command);
        OSObject_release(part);
    }
    client_drop(&client);
    OSObject_release(buffer);
    TEST_KEEPS("page tables for registers stay");
    EXPECT_TRUE(nvme_copy_buffer(nvme_get(PAGES)) == NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnUnsupported);

    /* What came out of it is on the disk. */
    struct scatter scatter = disk_memory(20, 40960, kIODirectionIn);

    client = client_of(MAIN, 0);
    command = command_over(MAIN, NVME_SGL, &transfer, scatter.memory, 0, 0);
    transfer.block = 5000;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 0, 512, 16 * 512), 0);
    EXPECT_EQ(*scatter_at(&scatter, 512), 0x88);
    EXPECT_EQ(disk_differences(&scatter, 520, 40960 - 520, 16 * 512 + 520), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}
