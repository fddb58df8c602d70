/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m ram8g
// FILE: words 1M words
// QEMU: -fw_cfg name=opt/words,file=$FILES/words
// QEMU: -fw_cfg name=opt/text,string=sixteen-letters!
// QEMU: -device vmcoreinfo
/* The firmware configuration device: what is in its items, and moving it by its DMA engine. */
#include "drivers/fw_cfg/fw_cfg.h"

#include <string.h>

#include "descriptors/IOMultiMemoryDescriptor.h"
#include "tests/lib/recorded.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define WORDS_BYTES (1u << 20)

/* A prepared command over this memory, for this file. */
static IODMACommand *command_over(struct fw_cfg_transfer *transfer, const char *name,
                                  IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IODMACommand *command = fw_cfg_create_command(NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(fw_cfg_find(name, &transfer->item), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, offset, length, true, true), kIOReturnSuccess);
    return command;
}

TEST(directory_lists_what_is_there)
{
    struct fw_cfg_item item, again;
    unsigned found = 0;

    ASSERT_TRUE(fw_cfg_present());
    TEST_KEEPS("the page that the device reads is taken once");
    EXPECT_EQ(fw_cfg_find("opt/words", &item), kIOReturnSuccess);
    EXPECT_EQ(item.size, WORDS_BYTES);
    EXPECT_FALSE(item.writable);
    EXPECT_STR_EQ(item.name, "opt/words");
    EXPECT_EQ(fw_cfg_find("etc/vmcoreinfo", &item), kIOReturnSuccess);
    EXPECT_EQ(item.size, 16);
    EXPECT_TRUE(item.writable);
    EXPECT_EQ(fw_cfg_find("opt/word", &item), kIOReturnNotFound);
    EXPECT_EQ(item.size, 0);
    EXPECT_GE(fw_cfg_count(), 3);
    for (unsigned i = 0; i < fw_cfg_count(); i++) {
        ASSERT_EQ(fw_cfg_get_file(i, &item), kIOReturnSuccess);
        ASSERT_EQ(fw_cfg_find(item.name, &again), kIOReturnSuccess);
        EXPECT_EQ(again.key, item.key);
        found += strcmp(item.name, "opt/text") == 0;
    }
    EXPECT_EQ(found, 1);
    EXPECT_EQ(fw_cfg_get_file(fw_cfg_count(), &item), kIOReturnNotFound);
    EXPECT_EQ(fw_cfg_find(NULL, &item), kIOReturnBadArgument);
    EXPECT_EQ(fw_cfg_find("opt/text", NULL), kIOReturnBadArgument);
}

TEST(the_device_is_its_own_engine)
{
    IODMACommand_SegmentOptions options;
    IOService *service = fw_cfg_get_service();

    ASSERT_TRUE(service != NULL);
    EXPECT_TRUE(fw_cfg_get_service() == service);
    TEST_KEEPS("the engine is made once");
    fw_cfg_get_segment_options(&options);
    EXPECT_EQ(options.fNumAddressBits, 64);
    EXPECT_EQ(options.fMaxSegmentSize, UINT32_MAX);
    EXPECT_EQ(options.fMaxTransferSize, 0);
}

/* In one piece and in hundreds, more than the list holds, from the middle to the middle. */
TEST(items_are_read_into_scattered_memory)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
        uint32_t position;
    } cases[] = {{1, 1, 0},      {1, 3000, 12345},  {3, 4096, 1},           {127, 100000, 7},
                 {128, 4000, 0}, {600, 262144, 99}, {300, 1 << 19, 1 << 19}};
    struct client client = client_of_service(fw_cfg_get_service());

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scatter scatter = disk_memory(cases[i].pieces, cases[i].length, kIODirectionIn);
        struct fw_cfg_transfer transfer;
        IODMACommand *command = command_over(&transfer, "opt/words", scatter.memory, 0, 0);
        struct recorded recorded;

        TEST_NOTE("%u pieces", cases[i].pieces);
        end_count = notes = 0;
        transfer.position = cases[i].position;
        recorded_start();
        EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
        recorded_end(&recorded);
        EXPECT_EQ(notes, 1); /* it does not wait for anything */
        if (DMAKIT_TRACE && cases[i].pieces < 64) {
            EXPECT_EQ(recorded.lost, 0);
            EXPECT_EQ(recorded.starts, 1);
            EXPECT_EQ(recorded.notifies, 1);
            EXPECT_EQ(recorded.bytes, cases[i].length);
            EXPECT_GE(recorded.doorbells, 1);
            EXPECT_GE(recorded.lists, 1);
            EXPECT_EQ(recorded.in[TRACE_LIST_block], recorded.entries);
        }
        wait_for_ends(&client, 1);
        EXPECT_EQ(ends[0].status, kIOReturnSuccess);
        EXPECT_EQ(ends[0].bytes, cases[i].length);
        EXPECT_EQ(IODMACommand_getBounceLength(command), 0);
        command_drop(command);
        EXPECT_EQ(disk_differences(&scatter, 0, cases[i].length, cases[i].position), 0);
        disk_memory_drop(&scatter);
    }
    client_drop(&client);
}

/* A part of a preparation, of part of the memory: its neighbours stay as they are. */
TEST(only_the_range_asked_for)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter scatter = disk_memory(9, 9000, kIODirectionIn);
    struct fw_cfg_transfer transfer;
    IODMACommand *command = command_over(&transfer, "opt/words", scatter.memory, 1000, 6000);

    scatter_fill(&scatter, 0xee);
    transfer.position = 4321;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 3001, 500), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].bytes, 3001);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 1500, 3001, 4321), 0);
    EXPECT_EQ(*scatter_at(&scatter, 1499), 0xee);
    EXPECT_EQ(*scatter_at(&scatter, 1500 + 3001), 0xee);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* The one item of this machine that may be written: in pieces, in part, and read back. */
TEST(a_writable_item_keeps_what_is_written)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter out = disk_memory(3, 16, kIODirectionOut);
    struct scatter in = disk_memory(5, 16, kIODirectionIn);
    struct fw_cfg_transfer writing, reading;
    IODMACommand *write = command_over(&writing, "etc/vmcoreinfo", out.memory, 0, 0);
    IODMACommand *read = command_over(&reading, "etc/vmcoreinfo", in.memory, 0, 0);

    for (unsigned i = 0; i < 16; i++) {
        *scatter_at(&out, i) = (uint8_t)(0x30 + i);
    }
    EXPECT_EQ(start(&client, write, kIODirectionOut, 0, 0), kIOReturnSuccess);
    EXPECT_EQ(start(&client, read, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 2);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    EXPECT_EQ(ends[0].bytes, 16);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(*scatter_at(&in, i), 0x30 + i);
    }
    /* Four bytes of it, elsewhere. */
    writing.position = 8;
    EXPECT_EQ(start(&client, write, kIODirectionOut, 4, 2), kIOReturnSuccess);
    EXPECT_EQ(start(&client, read, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 4);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(*scatter_at(&in, i), i >= 8 && i < 12 ? 0x32 + i - 8 : 0x30 + i);
    }
    command_drop(write);
    command_drop(read);
    disk_memory_drop(&out);
    disk_memory_drop(&in);
    client_drop(&client);
}

TEST(starts_that_are_refused)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter both = disk_memory(3, 64, kIODirectionOutIn);
    struct fw_cfg_transfer transfer;
    IODMACommand *command = command_over(&transfer, "opt/text", both.memory, 0, 0);
    const uint64_t before = fw_cfg_operations();

    EXPECT_EQ(transfer.item.size, 16);
    EXPECT_EQ(start(&client, command, kIODirectionOut, 16, 0), kIOReturnNotWritable);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 17, 0), kIOReturnOverrun);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfer.position = 1;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 16, 0), kIOReturnOverrun);
    transfer.position = UINT32_MAX;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1, 0), kIOReturnOverrun);
    EXPECT_EQ(fw_cfg_operations(), before);
    transfer.position = 15;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1, 63), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(*scatter_at(&both, 63), '!');
    EXPECT_NE(fw_cfg_operations(), before);
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, 0), kIOReturnSuccess);
    command_drop(command);
    disk_memory_drop(&both);
    client_drop(&client);
}

/* Where there is no memory the engine says so: the bytes before are told, nothing else is lost. */
TEST(the_error_bit_ends_a_transfer)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter scatter = disk_memory(1, 1000, kIODirectionIn);
    IOAddressRange hole = {0x3ff00000, 4096}; /* below RAM, beyond the last device */
    IOMemoryDescriptor *parts[2] = {scatter.memory, NULL}, *both;
    struct fw_cfg_transfer transfer;
    IODMACommand *command;

    parts[1] = IOMemoryDescriptor_withPhysicalAddress(hole.address, hole.length, kIODirectionIn);
    ASSERT_TRUE(parts[1] != NULL);
    both = IOMemoryDescriptor_upcast(
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionIn, false));
    ASSERT_TRUE(both != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(both, kIODirectionNone), kIOReturnSuccess);
    command = command_over(&transfer, "opt/words", both, 0, 0);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnIOError);
    EXPECT_EQ(ends[0].bytes, 1000);
    EXPECT_EQ(disk_differences(&scatter, 0, 1000, 0), 0);
    /* And the engine works. */
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1000, 0), kIOReturnSuccess);
    wait_for_ends(&client, 2);
    EXPECT_EQ(ends[1].status, kIOReturnSuccess);
    command_drop(command);
    EXPECT_EQ(IOMemoryDescriptor_complete(both, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(both);
    OSObject_release(parts[1]);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* Odd pieces for a device that pretends to need words: bounced, and right all the same. */
TEST(misaligned_memory_is_bounced)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter scatter = disk_memory(50, 60000, kIODirectionIn);
    IODMACommand_SegmentOptions options;
    struct fw_cfg_transfer transfer;
    IODMACommand *command;

    fw_cfg_get_segment_options(&options);
    options.fAlignment = options.fAlignmentInternalSegments = options.fAlignmentLength = 4;
    command = fw_cfg_create_command(&options, kMapped, &transfer);
    ASSERT_EQ(fw_cfg_find("opt/words", &transfer.item), kIOReturnSuccess);
    IODMACommand_setMemoryDescriptor(command, scatter.memory, false);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_GT(IODMACommand_getBounceLength(command), 0);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 0, 60000, 0), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* What a watcher is shown is what the device is told. */
static struct fw_cfg_operation seen[8];
static unsigned seen_count;

static void look(void *context, const struct fw_cfg_transfer *transfer,
                 const struct fw_cfg_operation *operation)
{
    EXPECT_TRUE(context == &seen_count);
    EXPECT_STR_EQ(transfer->item.name, "opt/words");
    if (seen_count < 8) {
        seen[seen_count++] = *operation;
    }
}

TEST(the_list_can_be_watched)
{
    struct client client = client_of_service(fw_cfg_get_service());
    struct scatter scatter = disk_memory(3, 3000, kIODirectionIn);
    struct fw_cfg_transfer transfer;
    IODMACommand *command = command_over(&transfer, "opt/words", scatter.memory, 100, 0);
    IODMACommand_Segment64 list[8];
    UInt64 offset = 0;
    UInt32 count = 8;

    seen_count = 0;
    transfer.position = 77;
    fw_cfg_watch(look, &seen_count);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    fw_cfg_watch(NULL, NULL);
    wait_for_ends(&client, 1);
    ASSERT_EQ(IODMACommand_genIOVMSegmentsFunction(command, IODMACommand_OutputHost64, &offset,
                                                   list, &count),
              kIOReturnSuccess);
    ASSERT_EQ(seen_count, count + 1);
    EXPECT_EQ(seen[0].control, (uint32_t)transfer.item.key << 16 | FW_CFG_SELECT | FW_CFG_SKIP);
    EXPECT_EQ(seen[0].length, 77);
    offset = 0;
    for (unsigned i = 1; i < seen_count; i++) {
        EXPECT_EQ(seen[i].control, FW_CFG_READ);
        EXPECT_EQ(seen[i].slot, i);
        EXPECT_EQ(seen[i].offset, offset);
        EXPECT_EQ(seen[i].address, list[i - 1].fIOVMAddr);
        EXPECT_EQ(seen[i].length, list[i - 1].fLength);
        offset += seen[i].length;
    }
    command_drop(command);
    disk_memory_drop(&scatter);
    client_drop(&client);
}
