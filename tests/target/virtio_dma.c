/* SPDX-License-Identifier: BSD-2-Clause */
// FILE: main 4M words
// FILE: other 1M words
// FILE: few 1M words
// FILE: chained 1M words
// FILE: more 1M words
// FILE: longer 1M words
// QEMU: -blockdev driver=file,filename=$FILES/main,node-name=file0
// QEMU: -blockdev driver=raw,file=file0,node-name=disk0
// QEMU: -device virtio-blk-device,drive=disk0,serial=main
// QEMU: -blockdev driver=file,filename=$FILES/other,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device virtio-blk-device,drive=disk1,serial=plain,indirect_desc=off,event_idx=off
// QEMU: -blockdev driver=file,filename=$FILES/few,node-name=disk2
// QEMU: -device virtio-blk-device,drive=disk2,queue-size=4
// QEMU: -blockdev driver=file,filename=$FILES/chained,node-name=disk3
// QEMU: -device virtio-blk-device,drive=disk3,indirect_desc=off,queue-size=4
// QEMU: -blockdev driver=file,filename=$FILES/more,node-name=disk4
// QEMU: -device virtio-blk-device,drive=disk4,queue-size=128
// QEMU: -blockdev driver=file,filename=$FILES/longer,node-name=disk5
// QEMU: -device virtio-blk-device,drive=disk5,indirect_desc=off,queue-size=128
/*
 * Disks as DMA engines: commands through the ring, one and many at once, and what a device or a
 * ring does not take whole.
 */
#include "tests/lib/recorded.h"
#include "tests/target/virtio_dma_client.h"

#define SMALL      2 /* the first of the disks with small rings */
#define SMALL_LAST 5

/* --- One at a time ---------------------------------------------------------------------------- */

TEST(a_disk_is_its_own_engine)
{
    IOService *device = virtio_blk_get_service(virtio_blk_get(0));
    IODMACommand_SegmentOptions options;
    UInt32 phandle, parent;

    ASSERT_TRUE(device != NULL);
    EXPECT_TRUE(virtio_blk_get_service(virtio_blk_get(0)) == device);
    EXPECT_TRUE(virtio_blk_get_service(virtio_blk_get(1)) != device);
    for (unsigned disk = SMALL; disk <= SMALL_LAST; disk++) {
        EXPECT_TRUE(virtio_blk_get_service(virtio_blk_get(disk)) != NULL);
    }
    EXPECT_TRUE(virtio_blk_get_service(NULL) == NULL);
    TEST_KEEPS("a disk's engine is made once");
    EXPECT_EQ(IOService_getCell(device, "phandle", 0, &phandle), kIOReturnSuccess);
    EXPECT_EQ(IOService_getCell(device, "dma-parent", 0, &parent), kIOReturnSuccess);
    EXPECT_EQ(phandle, parent);
    EXPECT_TRUE(IODMAController_getController(device, 0) != NULL);
    virtio_blk_get_segment_options(virtio_blk_get(0), &options);
    EXPECT_EQ(options.fNumAddressBits, 64);
    EXPECT_EQ(options.fMaxSegmentSize, UINT32_MAX); /* QEMU's disks do not say */
    EXPECT_EQ(options.fMaxTransferSize, 0);         /* the driver splits */
}

/* Every kind of memory, parts of a preparation, more pieces than a request has segments. */
TEST(commands_read_what_is_on_the_disk)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{1, 512}, {3, 4096}, {64, 65536}, {254, 16384}, {600, 262144}};

    for (unsigned disk = 0; disk < 2; disk++) {
        struct client client = client_of(disk);

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct scatter scatter = disk_memory(cases[i].pieces, cases[i].length, kIODirectionIn);
            struct virtio_blk_transfer transfer;
            IODMACommand *command = command_over(disk, &transfer, scatter.memory, 0, 0);
            struct recorded recorded;

            TEST_NOTE("disk %u: %u pieces", disk, cases[i].pieces);
            end_count = notes = 0;
            transfer.sector = 5;
            recorded_start();
            EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
            wait_for_ends(&client, 1);
            recorded_end(&recorded);
            if (DMAKIT_TRACE && cases[i].pieces < 64) {
                EXPECT_EQ(recorded.lost, 0);
                EXPECT_EQ(recorded.starts, 1);
                EXPECT_EQ(recorded.notifies, 1);
                EXPECT_EQ(recorded.bytes, cases[i].length);
                EXPECT_GE(recorded.doorbells, 1);
                EXPECT_GE(recorded.lists, 1);
                EXPECT_EQ(recorded.in[TRACE_LIST_table] + recorded.in[TRACE_LIST_ring],
                          recorded.entries);
                EXPECT_EQ(recorded.ends, 1);
            }
            EXPECT_EQ(notes, 1);
            EXPECT_EQ(ends[0].status, kIOReturnSuccess);
            EXPECT_EQ(ends[0].bytes, cases[i].length);
            EXPECT_EQ(IODMACommand_getBounceLength(command), 0);
            command_drop(command);
            EXPECT_EQ(disk_differences(&scatter, 0, cases[i].length, 5 * 512), 0);
            disk_memory_drop(&scatter);
        }
        client_drop(&client);
    }
}

/* From the middle of a descriptor, and of that a part: neighbours stay as they are. */
TEST(a_part_of_a_preparation)
{
    struct client client = client_of(0);
    struct scatter scatter = disk_memory(9, 16384, kIODirectionIn);
    struct virtio_blk_transfer transfer;
    IODMACommand *command = command_over(0, &transfer, scatter.memory, 1000, 8000);

    scatter_fill(&scatter, 0xee);
    transfer.sector = 7;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1536, 300), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].bytes, 1536);
    command_drop(command);
    EXPECT_EQ(disk_differences(&scatter, 1300, 1536, 7 * 512), 0);
    EXPECT_EQ(*scatter_at(&scatter, 1299), 0xee);
    EXPECT_EQ(*scatter_at(&scatter, 1300 + 1536), 0xee);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

TEST(starts_that_are_refused)
{
    struct client client = client_of(0);
    struct scatter scatter = disk_memory(300, 8192, kIODirectionIn);
    struct virtio_blk_transfer transfer, foreign;
    IODMACommand *command = command_over(0, &transfer, scatter.memory, 0, 0);
    IODMACommand *other = command_over(1, &foreign, scatter.memory, 0, 0);
    IODMACommand *stranger =
        IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kMapped, 0, 1, NULL, NULL);

    EXPECT_EQ(start(&client, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, command, kIODirectionOut, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, other, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    EXPECT_EQ(start(&client, stranger, kIODirectionIn, 0, 0), kIOReturnNotReady);
    IODMACommand_setMemoryDescriptor(stranger, scatter.memory, true);
    EXPECT_EQ(start(&client, stranger, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfer.sector = 1 << 20;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    EXPECT_EQ(notes, 0);
    command_drop(stranger);
    command_drop(other);
    command_drop(command);
    disk_memory_drop(&scatter);

    /* A block in more pieces than a request has segments: no list could say that. */
    scatter = disk_memory(300, 512, kIODirectionIn);
    command = command_over(0, &transfer, scatter.memory, 0, 0);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnNoSpace);
    command_drop(command);
    disk_memory_drop(&scatter);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 0);
    client_drop(&client);
}

/* One client at a time: the next one gets the channel when the first is gone. */
TEST(a_disk_has_one_channel)
{
    struct client client = client_of(0);
    IOService *device = virtio_blk_get_service(virtio_blk_get(0));
    OSObject *owner = OSObject_upcast(client.owner);

    EXPECT_TRUE(IODMAEventSource_dmaEventSource(owner, device, arrive, NULL, 0) == NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNoChannels);
    EXPECT_TRUE(IODMAEventSource_dmaEventSource(owner, device, arrive, NULL, 1) == NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    client_drop(&client);
    client = client_of(0);
    client_drop(&client);
}

/* --- What the device cannot take ---------------------------------------------------------------
 */

/* A device that pretends to need words: odd pieces are bounced, both ways, and nothing else. */
TEST(only_what_is_misaligned_is_bounced)
{
    struct client client = client_of(0);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(40, 65536, kIODirectionOutIn);
    IODMACommand_SegmentOptions options;
    struct virtio_blk_transfer transfer;
    IODMACommand *command;

    virtio_blk_get_segment_options(disk, &options);
    options.fAlignment = options.fAlignmentLength = options.fAlignmentInternalSegments = 4;
    command = virtio_blk_create_command(disk, &options, kMapped, &transfer);
    IODMACommand_setMemoryDescriptor(command, scatter.memory, false);
    for (uint64_t i = 0; i < 65536; i++) {
        *scatter_at(&scatter, i) = (uint8_t)(i * 7 + (i >> 8));
    }
    transfer.sector = 2000;
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_GT(IODMACommand_getBounceLength(command), 0);
    EXPECT_EQ(start(&client, command, kIODirectionOut, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);

    scatter_fill(&scatter, 0);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 2);
    command_drop(command);
    for (uint64_t i = 0; i < 65536; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 7 + (i >> 8)));
    }
    EXPECT_EQ(IODMACommand_getBounceInUse(), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* --- Many at once ----------------------------------------------------------------------------- */

#define MANY 100

static struct virtio_blk_transfer transfers[MANY];
static IODMACommand *commands[MANY];

/* All in the ring before the device hears of the first. */
TEST(many_commands_at_once)
{
    struct client client = client_of(0);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(MANY, MANY * 1024, kIODirectionIn);
    struct virtq_counters before, after;
    struct virtio_blk_depth depth;

    for (unsigned i = 0; i < MANY; i++) {
        commands[i] = command_over(0, &transfers[i], scatter.memory, i * 1024, 1024);
        transfers[i].sector = 3 * i;
    }
    virtio_blk_get_counters(disk, &before);
    virtio_blk_hold_doorbell(disk, true);
    for (unsigned i = 0; i < MANY; i++) {
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(start(&client, commands[0], kIODirectionIn, 0, 0), kIOReturnBusy);
    EXPECT_EQ(notes, 0);
    EXPECT_GE(virtq_in_flight(disk->queue), 64); /* in the ring, not in line for it */
    virtio_blk_hold_doorbell(disk, false);
    wait_for_ends(&client, MANY);
    virtio_blk_get_counters(disk, &after);
    EXPECT_EQ(after.doorbells - before.doorbells, 1);
    virtio_blk_get_depth(disk, &depth);
    TEST_NOTE("high-water mark: %u commands at once", depth.most);
    EXPECT_GE(depth.most, MANY);
    EXPECT_EQ(depth.now, 0);
    for (unsigned i = 0; i < MANY; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        command_drop(commands[i]);
        ASSERT_EQ(disk_differences(&scatter, i * 1024, 1024, 3 * i * 512), 0);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* --- Small rings ------------------------------------------------------------------------------ */

static unsigned longest;

static void note_longest(void *context, const struct virtio_blk_request *request,
                         const struct virtq_chain *chain)
{
    struct virtq_entry entry;
    unsigned count = 0;

    (void)context, (void)request;
    while (virtq_chain_entry(chain, count, &entry)) {
        count++;
    }
    longest = count > longest ? count : longest;
}

/* One transfer of so many pieces, behind `taken` others that are in the ring or in line for it. */
static void read_pieces(unsigned disk, unsigned pieces, unsigned taken)
{
    struct client client = client_of(disk);
    struct scatter scatter = disk_memory(pieces, pieces * 2048ull, kIODirectionIn);
    struct scatter others = disk_memory(3, 3 * 512, kIODirectionIn);

    TEST_NOTE("disk %u: %u pieces, %u before them", disk, pieces, taken);
    virtio_blk_hold_doorbell(virtio_blk_get(disk), true);
    for (unsigned i = 0; i < taken; i++) {
        commands[i] = command_over(disk, &transfers[i], others.memory, i * 512, 512);
        transfers[i].sector = 40 + i;
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    commands[taken] = command_over(disk, &transfers[taken], scatter.memory, 0, 0);
    transfers[taken].sector = 9;
    EXPECT_EQ(start(&client, commands[taken], kIODirectionIn, 0, 0), kIOReturnSuccess);
    virtio_blk_hold_doorbell(virtio_blk_get(disk), false);
    wait_for_ends(&client, taken + 1);
    for (unsigned i = 0; i <= taken; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        command_drop(commands[i]);
    }
    EXPECT_EQ(disk_differences(&scatter, 0, pieces * 2048ull, 9 * 512), 0);
    EXPECT_EQ(disk_differences(&others, 0, taken * 512ull, 40 * 512), 0);
    disk_memory_drop(&others);
    disk_memory_drop(&scatter);
    client_drop(&client);
}

/* N1: the driver's own two entries have their room beside as many as the device takes of data. */
TEST(n1_transfers_around_the_most_segments)
{
    for (unsigned disk = SMALL; disk <= SMALL_LAST; disk++) {
        struct virtio_blk_info info;

        virtio_blk_get_info(virtio_blk_get(disk), &info);
        /*
         * On virtio-mmio, and in a newer QEMU, the ring may be larger than the device was asked
         * for; it takes no more all the same.
         */
        EXPECT_GE(info.queue_size, disk < SMALL + 2 ? 4 : 128);
        EXPECT_LE(info.segments_max + 2, info.queue_size);
        longest = 0;
        virtio_blk_watch(virtio_blk_get(disk), note_longest, NULL);
        for (unsigned i = 0; i < 9; i++) {
            read_pieces(disk, info.segments_max + i / 3, i % 3);
        }
        virtio_blk_watch(virtio_blk_get(disk), NULL, NULL);
        EXPECT_EQ(longest, info.segments_max + 2);
    }
}

/* Idle at the end, and asked before: one snapshot of what is the oldest. */
TEST(query_and_wait_for_idle)
{
    struct client client = client_of(0);
    struct virtio_blk *disk = virtio_blk_get(0);
    struct scatter scatter = disk_memory(8, 8 * 512, kIODirectionIn);
    IODMACommand *current = NULL;
    IOByteCount moved = 1;

    virtio_blk_hold_doorbell(disk, true);
    for (unsigned i = 0; i < 8; i++) {
        commands[i] = command_over(0, &transfers[i], scatter.memory, i * 512, 512);
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, &current, &moved, false),
              kIOReturnSuccess);
    EXPECT_TRUE(current == commands[0]);
    EXPECT_EQ(moved, 0);
    EXPECT_EQ(IODMAEventSource_queryDMACommand(client.source, &current, NULL, true),
              kIOReturnSuccess);
    EXPECT_TRUE(current == NULL);
    EXPECT_EQ(notes, 8);
    virtio_blk_hold_doorbell(disk, false);
    wait_for_ends(&client, 8);
    for (unsigned i = 0; i < 8; i++) {
        command_drop(commands[i]);
    }
    disk_memory_drop(&scatter);
    client_drop(&client);
}
