/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m ram8g smmu
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// FILE: card 4M words
// QEMU: -device sdhci-pci
// QEMU: -blockdev driver=file,filename=$FILES/card,node-name=file0
// QEMU: -blockdev driver=blkdebug,image=file0,node-name=faulty,inject-error.0.event=none,
// QEMU: inject-error.0.iotype=read,inject-error.0.sector=3000,inject-error.0.errno=5
// QEMU: -blockdev driver=raw,file=faulty,node-name=disk0
// QEMU: -device sd-card,drive=disk0 -device sdhci-pci
/*
 * SD cards behind their host controller: by lists, and by one address that must not cross 512 KiB;
 * 32 bits of address, so that what lies above 4 GiB is bounced. How the machine was entered or
 * booted is nothing to a device on PCI.
 */
#include <string.h>

#include "drivers/sdhci/sdhci_private.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/lib/recorded.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

static IODMACommand *command_over(unsigned index, enum sdhci_mode mode,
                                  struct sdhci_transfer *transfer, IOMemoryDescriptor *memory,
                                  uint64_t length)
{
    IODMACommand *command = sdhci_create_command(sdhci_get(index), mode, NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, length, true, true), kIOReturnSuccess);
    return command;
}

/* One transfer, and what it ended with. */
static IOReturn move(unsigned index, enum sdhci_mode mode, IOMemoryDescriptor *memory,
                     uint64_t length, uint64_t block, IODirection direction)
{
    struct client client = client_of_service(sdhci_get_service(sdhci_get(index)));
    struct sdhci_transfer transfer;
    IODMACommand *command = command_over(index, mode, &transfer, memory, length);
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

/* A controller without a card is left out, with a line. */
TEST(one_card)
{
    struct sdhci_info info;

    ASSERT_EQ(sdhci_count(), 1);
    TEST_KEEPS("a card's engine and list are made once");
    EXPECT_TRUE(sdhci_get(1) == NULL);
    sdhci_get_info(sdhci_get(0), &info);
    EXPECT_EQ(info.blocks, 8192);
    EXPECT_FALSE(info.read_only);
    EXPECT_TRUE(info.has_adma2);
    EXPECT_TRUE(info.has_sdma);
}

TEST(both_ways_read_what_is_on_the_card)
{
    static const struct {
        unsigned pieces;
        uint64_t length;
    } cases[] = {{1, 512}, {3, 8192}, {64, 65536}, {600, 1 << 20}};

    for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        const enum sdhci_mode mode = i % 2 != 0 ? SDHCI_SDMA : SDHCI_ADMA2;
        const uint64_t length = cases[i / 2].length;
        struct scatter scatter = disk_memory(cases[i / 2].pieces, length, kIODirectionIn);
        struct recorded recorded;

        TEST_NOTE("%s: %u pieces", mode == SDHCI_SDMA ? "SDMA" : "ADMA2", cases[i / 2].pieces);
        recorded_start();
        EXPECT_EQ(move(0, mode, scatter.memory, length, 5, kIODirectionIn), kIOReturnSuccess);
        recorded_end(&recorded);
        if (DMAKIT_TRACE && cases[i / 2].pieces < 64) {
            EXPECT_EQ(recorded.lost, 0);
            EXPECT_EQ(recorded.starts, 1);
            EXPECT_EQ(recorded.notifies, 1);
            EXPECT_EQ(recorded.bytes, length);
            EXPECT_GE(recorded.doorbells, 1);
            EXPECT_GE(recorded.lists, 1);
            EXPECT_EQ(recorded.in[mode == SDHCI_SDMA ? TRACE_LIST_SDMA : TRACE_LIST_ADMA2],
                      recorded.entries);
        }
        ASSERT_EQ(disk_differences(&scatter, 0, length, 5 * 512), 0);
        disk_memory_drop(&scatter);
    }
}

TEST(what_is_written_is_there)
{
    struct scatter scatter = disk_memory(90, 200 * 512, kIODirectionOutIn);

    for (enum sdhci_mode mode = SDHCI_ADMA2; mode <= SDHCI_SDMA; mode++) {
        for (uint64_t i = 0; i < 200 * 512; i++) {
            *scatter_at(&scatter, i) = (uint8_t)(i * 5 + (i >> 8) + mode);
        }
        EXPECT_EQ(move(0, mode, scatter.memory, 200 * 512, 7000, kIODirectionOut),
                  kIOReturnSuccess);
        scatter_fill(&scatter, 0);
        EXPECT_EQ(move(0, SDHCI_SDMA - mode, scatter.memory, 200 * 512, 7000, kIODirectionIn),
                  kIOReturnSuccess);
        for (uint64_t i = 0; i < 200 * 512; i++) {
            ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 5 + (i >> 8) + mode));
        }
    }
    disk_memory_drop(&scatter);
}

/* --- The boundary ----------------------------------------------------------------------------- */

static struct sdhci_piece pieces[64];
static unsigned piece_count;

static void look(void *context, const struct sdhci_piece *piece)
{
    (void)context;
    ASSERT_LT(piece_count, 64);
    pieces[piece_count++] = *piece;
}

/* One run of memory that crosses 512 KiB twice: three commands of one address, one list of many. */
TEST(one_address_never_crosses_a_boundary)
{
    const struct page_request run = {.count = 384,
                                     .alignment = 1 << 20,
                                     .highest = UINT32_MAX,
                                     .owner = PAGE_OWNER_IMAGE,
                                     .zero = true};
    IOMemoryDescriptor *memory;
    IOAddressRange range;
    paddr_t first;

    ASSERT_EQ(page_alloc_run(&run, &first), KERN_SUCCESS);
    range = (IOAddressRange){(uint64_t)phys_to_virt(first) + 256 * 1024, 1 << 20};
    memory = IOMemoryDescriptor_withAddressRanges(&range, 1, kIODirectionIn, kernel_task);
    ASSERT_EQ(IOMemoryDescriptor_prepare(memory, kIODirectionNone), kIOReturnSuccess);
    sdhci_watch(sdhci_get(0), look, NULL);
    for (enum sdhci_mode mode = SDHCI_ADMA2; mode <= SDHCI_SDMA; mode++) {
        const uint64_t before = sdhci_commands(sdhci_get(0));
        const uint64_t half = SDHCI_BOUNDARY;
        uint64_t bytes = 0, expected;

        piece_count = 0;
        EXPECT_EQ(move(0, mode, memory, 1 << 20, 100, kIODirectionIn), kIOReturnSuccess);
        /* A mapper in front may have placed it anywhere. */
        expected = mode == SDHCI_ADMA2
                       ? 16
                       : (pieces[0].address + (1 << 20) - 1) / half - pieces[0].address / half + 1;
        EXPECT_EQ(piece_count, expected);
        EXPECT_EQ(sdhci_commands(sdhci_get(0)) - before, mode == SDHCI_SDMA ? expected : 1);
        for (unsigned i = 0; i < piece_count; i++) {
            EXPECT_EQ(pieces[i].address, pieces[0].address + bytes);
            if (mode == SDHCI_SDMA) {
                EXPECT_EQ(pieces[i].address / half,
                          (pieces[i].address + pieces[i].length - 1) / half);
            }
            bytes += pieces[i].length;
        }
        EXPECT_EQ(bytes, 1 << 20);
        for (uint64_t i = 0; i < 1 << 20; i++) {
            ASSERT_EQ(((uint8_t *)range.address)[i], disk_byte(100 * 512 + i));
        }
        memset((void *)range.address, 0, 1 << 20);
    }
    sdhci_watch(sdhci_get(0), NULL, NULL);
    IOMemoryDescriptor_complete(memory, kIODirectionNone);
    OSObject_release(memory);
    EXPECT_EQ(page_free_run(first, 384), KERN_SUCCESS);
}

/* On a machine with memory above 4 GiB: bounced, and only there. */
TEST(what_32_bits_do_not_reach_is_bounced)
{
    struct sdhci_transfer transfer;
    struct client client;
    struct scatter scatter;
    IODMACommand *command;

    if (page_last() < 1ull << (32 - PAGE_SHIFT)) {
        SKIP("there is no memory above 4 GiB");
    }
    ASSERT_TRUE(scatter_create_across(&scatter, 65536, 77, 1ull << 32));
    client = client_of_service(sdhci_get_service(sdhci_get(0)));
    command = command_over(0, SDHCI_ADMA2, &transfer, scatter.memory, 0);
    EXPECT_GT(IODMACommand_getBounceLength(command), 10000);
    EXPECT_LE(IODMACommand_getBounceLength(command), 65536);
    transfer.block = 33;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 1);
    EXPECT_EQ(ends[0].status, kIOReturnSuccess);
    command_drop(command);
    client_drop(&client);
    EXPECT_EQ(disk_differences(&scatter, 0, 65536, 33 * 512), 0);
    disk_memory_drop(&scatter);
}

/* --- What goes wrong -------------------------------------------------------------------------- */

TEST(starts_that_are_refused)
{
    struct scatter scatter = disk_memory(3, 8192, kIODirectionIn);
    IODMACommand_SegmentOptions options;
    struct sdhci_transfer transfer;
    struct client client = client_of_service(sdhci_get_service(sdhci_get(0)));
    IODMACommand *command = command_over(0, SDHCI_ADMA2, &transfer, scatter.memory, 0);

    transfer.card = NULL; /* as another's would be */
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnBadArgument);
    transfer.card = sdhci_get(0);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 100, 0), kIOReturnBadArgument);
    transfer.block = 8192 - 15;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    command_drop(command);
    /* Options that the controller does not have: a piece at an odd address would be masked. */
    EXPECT_EQ(sdhci_get_segment_options(sdhci_get(0), SDHCI_ADMA2, &options), kIOReturnSuccess);
    options.fAlignment = options.fAlignmentLength = options.fAlignmentInternalSegments = 1;
    command = sdhci_create_command(sdhci_get(0), SDHCI_ADMA2, &options, kMapped, &transfer);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, scatter.memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 1, 4096, true, true), kIOReturnSuccess);
    if (IODMACommand_getBounceLength(command) == 0) { /* memory that it reaches */
        EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnMessageTooLarge);
    }
    command_drop(command);
    EXPECT_TRUE(sdhci_create_command(sdhci_get(0), (enum sdhci_mode)2, NULL, kMapped, &transfer) ==
                NULL);
    EXPECT_EQ(notes, 0);
    client_drop(&client);
    disk_memory_drop(&scatter);
}

TEST(blocks_that_cannot_be_read)
{
    struct scatter scatter = disk_memory(3, 4096, kIODirectionIn);

    for (enum sdhci_mode mode = SDHCI_ADMA2; mode <= SDHCI_SDMA; mode++) {
        /* QEMU's card gives what it had in its buffer for what the host cannot read, and no error.
         */
        scatter_fill(&scatter, 0x5a);
        EXPECT_EQ(move(0, mode, scatter.memory, 4096, 2999, kIODirectionIn), kIOReturnSuccess);
        EXPECT_LE(disk_differences(&scatter, 0, 4096, 2999 * 512), 512);
        EXPECT_EQ(move(0, mode, scatter.memory, 4096, 3001, kIODirectionIn), kIOReturnSuccess);
        EXPECT_EQ(disk_differences(&scatter, 0, 4096, 3001 * 512), 0);
    }
    disk_memory_drop(&scatter);
}

/* Stopped while it works, with others in line: all end, and the next one works. */
TEST(stopped_in_the_middle)
{
    struct client client = client_of_service(sdhci_get_service(sdhci_get(0)));
    struct scatter scatter = disk_memory(300, 1 << 20, kIODirectionIn);
    struct sdhci_transfer transfers[4];
    IODMACommand *commands[4];
    irq_state_t state;

    EXPECTS_REPORT(2); /* the last one's bytes are those that count */
    for (unsigned i = 0; i < 4; i++) {
        commands[i] = command_over(0, SDHCI_ADMA2, &transfers[i], scatter.memory, 0);
        transfers[i].block = i;
    }
    /* On a busy host each could have ended before the next is started, or all before the stop. */
    state = irq_mask();
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(start(&client, commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
    }
    EXPECT_EQ(IODMAEventSource_stopDMACommand(client.source, false, UINT64_MAX), kIOReturnSuccess);
    irq_restore(state);
    EXPECT_EQ(notes, 4);
    IOWorkLoop_runEventSources(client.loop);
    EXPECT_EQ(end_count, 4);
    EXPECT_EQ(ends[3].status, kIOReturnAborted);
    EXPECT_EQ(start(&client, commands[2], kIODirectionIn, 0, 0), kIOReturnSuccess);
    wait_for_ends(&client, 5);
    EXPECT_EQ(ends[4].status, kIOReturnSuccess);
    /* What was bounced comes home with each: the one that has all of it is the last. */
    for (unsigned i = 0; i < 4; i++) {
        if (i != 2) {
            command_drop(commands[i]);
        }
    }
    command_drop(commands[2]);
    EXPECT_EQ(disk_differences(&scatter, 0, 1 << 20, 2 * 512), 0);
    disk_memory_drop(&scatter);
    client_drop(&client);
}
