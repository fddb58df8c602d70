/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 max ram64m ram8g
// BUILDS: default:gcc-release default:clang-debug smmu:clang-release el2v3:gcc-debug-monitored
// QEMU: -machine iommu=smmuv3 -device edu
/*
 * The edu device as an engine behind the SMMU: 28 bits of address, and all of RAM. How the machine
 * was entered or booted is nothing to a device on PCI.
 */
#include "drivers/edu/edu.h"

#include <string.h>

#include "drivers/edu/edu_private.h"
#include "drivers/smmuv3/smmuv3.h"
#include "kernel/direct_map.h"
#include "kernel/init.h"
#include "kernel/page.h"
#include "tests/lib/mapper_of.h"
#include "tests/lib/recorded.h"
#include "tests/target/dma_client.h"

static struct edu *device;

static void prepare(void)
{
    device = edu_get(0);
    if (device != NULL) {
        edu_get_service(device);
    }
}

INITIALISER(INIT_CLASS, prepare);

/* What the device was told. */
static struct edu_piece told[EDU_PIECES_MAX];
static unsigned told_count;

static void watch(void *context, const struct edu_transfer *transfer, const struct edu_piece *piece)
{
    (void)context, (void)transfer;
    if (told_count < EDU_PIECES_MAX) {
        told[told_count++] = *piece;
    }
}

/* Two pieces of memory, as far apart as the machine's RAM goes, with other bytes around them. */
struct scattered {
    paddr_t pages[2];
    IOMemoryDescriptor *memory;
    uint64_t length;
};

static struct scattered scattered_new(uint64_t length, IODirection direction)
{
    const struct page_request low = {
        .count = 2, .owner = PAGE_OWNER_IMAGE, .highest = 0x40000000 + (64 << 20) - 1};
    struct scattered to = {.length = length};
    IOAddressRange ranges[2];

    ASSERT_EQ(page_alloc_run(&low, &to.pages[0]), KERN_SUCCESS);
    ASSERT_EQ(page_alloc(1, PAGE_OWNER_IMAGE, &to.pages[1]), KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        memset(phys_to_virt(to.pages[i]), 0xee, 2 * PAGE_SIZE);
        ranges[i] = (IOAddressRange){to.pages[i].value + 0x123 + i, length / 2};
    }
    ranges[1].length = length - ranges[0].length;
    to.memory = IOMemoryDescriptor_withAddressRanges(ranges, 2, direction, TASK_NULL);
    ASSERT_TRUE(to.memory != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(to.memory, kIODirectionNone), kIOReturnSuccess);
    return to;
}

static uint8_t *byte_of(const struct scattered *of, uint64_t offset)
{
    const uint64_t half = of->length / 2;

    return offset < half ? (uint8_t *)phys_to_virt(of->pages[0]) + 0x123 + offset
                         : (uint8_t *)phys_to_virt(of->pages[1]) + 0x124 + offset - half;
}

static void scattered_free(struct scattered *of)
{
    EXPECT_EQ(IOMemoryDescriptor_complete(of->memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(of->memory);
    EXPECT_EQ(page_free_run(of->pages[0], 2), KERN_SUCCESS);
    EXPECT_EQ(page_free(of->pages[1], 1), KERN_SUCCESS);
}

static IODMACommand *command_for(IOMemoryDescriptor *memory, struct edu_transfer *transfer)
{
    IODMACommand *command = edu_create_command(device, NULL, kMapped, transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

/* One whole transfer; how it ended. */
static struct end run(struct client *client, IODMACommand *command, IODirection direction)
{
    const unsigned before = end_count;

    told_count = 0;
    ASSERT_EQ(start(client, command, direction, 0, 0), kIOReturnSuccess);
    wait_for_ends(client, before + 1);
    return ends[before];
}

/* DC-30: below 2^28 whatever the memory's address, and gone when the command is complete. */
TEST(dc_29_30_low_addresses_lead_to_all_of_ram)
{
    struct client client = client_of_service(edu_get_service(device));
    struct scattered from = scattered_new(3001, kIODirectionOut);
    struct scattered to = scattered_new(3001, kIODirectionIn);
    struct edu_transfer out, in;
    IODMACommand *writes = command_for(from.memory, &out), *reads = command_for(to.memory, &in);
    IOMapper *mapper = mapper_of(edu_get_function(device));
    struct recorded recorded;
    struct end end;
    uint64_t physical, address;

    for (uint64_t i = 0; i < from.length; i++) {
        *byte_of(&from, i) = (uint8_t)(i * 7 + (i >> 8));
    }
    edu_watch(device, watch, NULL);
    recorded_start();
    end = run(&client, writes, kIODirectionOut);
    recorded_end(&recorded);
    EXPECT_EQ(end.status, kIOReturnSuccess);
    EXPECT_EQ(end.bytes, 3001);
    if (DMAKIT_TRACE) {
        EXPECT_EQ(recorded.bytes, 3001);
        EXPECT_EQ(recorded.mapped, 1);
        EXPECT_EQ(recorded.in[TRACE_LIST_registers], recorded.entries);
        EXPECT_EQ(recorded.doorbells, recorded.entries);
    }
    end = run(&client, reads, kIODirectionIn);
    edu_watch(device, NULL, NULL);
    EXPECT_EQ(end.status, kIOReturnSuccess);
    for (uint64_t i = 0; i < to.length; i++) {
        ASSERT_EQ(*byte_of(&to, i), *byte_of(&from, i));
    }
    EXPECT_EQ(*(byte_of(&to, 0) - 1), 0xee);
    EXPECT_EQ(*(byte_of(&to, 3000) + 1), 0xee);
    EXPECT_EQ(told_count, 2);
    for (unsigned i = 0; i < told_count; i++) {
        EXPECT_LE(told[i].address.value + told[i].length, 1 << 28);
        ASSERT_EQ(IOMapper_translate(mapper, told[i].address.value, kIODMAMapWriteAccess, &physical,
                                     NULL),
                  kIOReturnSuccess);
        EXPECT_EQ(physical, virt_to_phys(byte_of(&to, told[i].offset)).value);
    }
    address = told[0].address.value;
    command_drop(reads);
    EXPECT_EQ(IOMapper_translate(mapper, address, 0, &physical, NULL), kIOReturnNotFound);
    command_drop(writes);
    scattered_free(&from);
    scattered_free(&to);
    OSObject_release(mapper);
    client_drop(&client);
}

/* What the device would be ended by, or would do somewhere else, it is not told. */
TEST(the_rules_are_kept_before_the_device_sees_them)
{
    struct client client = client_of_service(edu_get_service(device));
    struct scattered memory = scattered_new(4095, kIODirectionOutIn);
    IODMACommand_SegmentOptions wide;
    struct edu_transfer transfer, other;
    IODMACommand *command = command_for(memory.memory, &transfer), *lost;
    struct edu_counters before, after;

    edu_get_counters(device, &before);
    transfer.position = 1; /* the last byte of the device's memory */
    EXPECT_EQ(start(&client, command, kIODirectionIn, 0, 0), kIOReturnOverrun);
    transfer.position = 4095;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1, 0), kIOReturnOverrun);
    transfer.position = UINT32_MAX;
    EXPECT_EQ(start(&client, command, kIODirectionIn, 2, 0), kIOReturnOverrun);
    transfer.position = 0;
    IODMACommand_setRefCon(command, NULL);
    EXPECT_EQ(start(&client, command, kIODirectionIn, 1, 0), kIOReturnBadArgument);
    IODMACommand_setRefCon(command, &transfer);
    command_drop(command);
    /* Without the mapper, and without saying how few bits there are: RAM itself. */
    edu_get_segment_options(device, &wide);
    wide.fNumAddressBits = 64;
    lost = edu_create_command(device, &wide, kUnmapped, &other);
    ASSERT_TRUE(lost != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(lost, memory.memory, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(lost, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_EQ(start(&client, lost, kIODirectionIn, 0, 0), kIOReturnMessageTooLarge);
    command_drop(lost);
    lost = edu_create_command(device, NULL, kUnmapped, &other);
    ASSERT_TRUE(lost != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(lost, memory.memory, false), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_prepare(lost, 0, 0, true, true), kIOReturnNoResources);
    EXPECT_EQ(IODMACommand_clearMemoryDescriptor(lost, false), kIOReturnSuccess);
    OSObject_release(lost);
    EXPECT_EQ(edu_create_command(device, NULL, kBypassed, &other), NULL);
    edu_get_counters(device, &after);
    EXPECT_EQ(after.pieces, before.pieces);
    scattered_free(&memory);
    client_drop(&client);
}

/* Taken away under it: the device says that it is done, and the transfer does not. */
TEST(a_blocked_transfer_is_an_error)
{
    struct client client = client_of_service(edu_get_service(device));
    struct scattered memory = scattered_new(600, kIODirectionIn);
    IOMapper *mapper = mapper_of(edu_get_function(device));
    struct edu_transfer transfer;
    IODMACommand *command = command_for(memory.memory, &transfer);
    struct smmu_counters before, after;
    IODMACommand_Segment64 list[2];
    UInt64 offset = 0;
    UInt32 count = 2;
    struct end end;

    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &offset, list, &count), kIOReturnSuccess);
    ASSERT_EQ(count, 2);
    ASSERT_EQ(
        IOMapper_iovmUnmapMemory(mapper, memory.memory, NULL, list[0].fIOVMAddr, 2 * PAGE_SIZE),
        kIOReturnSuccess);
    smmu_get_counters(&before);
    end = run(&client, command, kIODirectionIn);
    EXPECT_EQ(end.status, kIOReturnDMAError);
    smmu_get_counters(&after);
    EXPECT_EQ(after.reports - before.reports, 2); /* one for each of the two pages */
    EXPECT_EQ(after.lost, before.lost);
    for (uint64_t i = 0; i < 600; i++) {
        ASSERT_EQ(*byte_of(&memory, i), 0xee);
    }
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    /* The next command works. */
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    EXPECT_EQ(run(&client, command, kIODirectionIn).status, kIOReturnSuccess);
    command_drop(command);
    OSObject_release(mapper);
    scattered_free(&memory);
    client_drop(&client);
}

/* Addresses high in what 28 bits reach, behind holes too small for them: the same bytes. */
TEST(high_and_fragmented_addresses_serve_as_well)
{
    const uint64_t doorbell = 0x8020000, its = 0x8090000, high = 0xe000000;
    struct client client = client_of_service(edu_get_service(device));
    struct scattered memory = scattered_new(2222, kIODirectionOutIn);
    IOMapper *mapper = mapper_of(edu_get_function(device));
    /* All low ones, but for the pages of interrupts on either kind of machine; then every other. */
    struct {
        uint64_t at, size;
    } held[] = {{PAGE_SIZE, doorbell - PAGE_SIZE},
                {doorbell + PAGE_SIZE, its - doorbell - PAGE_SIZE},
                {its + PAGE_SIZE, high - its - PAGE_SIZE},
                {high + ptoa(1), PAGE_SIZE},
                {high + ptoa(3), PAGE_SIZE},
                {high + ptoa(5), PAGE_SIZE}};
    struct edu_transfer out, in;
    IODMACommand *first, *second;

    for (unsigned i = 0; i < 6; i++) {
        const uint64_t size = held[i].size;

        ASSERT_EQ(IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, size,
                                         kIODMAMapFixedAddress, NULL, NULL, NULL, &held[i].at,
                                         &held[i].size),
                  kIOReturnSuccess);
    }
    first = command_for(memory.memory, &out);
    second = command_for(memory.memory, &in);
    for (uint64_t i = 0; i < 2222; i++) {
        *byte_of(&memory, i) = (uint8_t)(i * 3);
    }
    edu_watch(device, watch, NULL);
    EXPECT_EQ(run(&client, first, kIODirectionOut).status, kIOReturnSuccess);
    for (uint64_t i = 0; i < 2222; i++) {
        *byte_of(&memory, i) = 0;
    }
    EXPECT_EQ(run(&client, second, kIODirectionIn).status, kIOReturnSuccess);
    edu_watch(device, NULL, NULL);
    EXPECT_GE(told[0].address.value, high + ptoa(6));
    for (uint64_t i = 0; i < 2222; i++) {
        ASSERT_EQ(*byte_of(&memory, i), (uint8_t)(i * 3));
    }
    command_drop(first);
    command_drop(second);
    for (unsigned i = 0; i < 6; i++) {
        EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, held[i].at,
                                           held[i].size),
                  kIOReturnSuccess);
    }
    OSObject_release(mapper);
    scattered_free(&memory);
    client_drop(&client);
}

/* Its interrupts are writes that pass the SMMU, too: none is missing, and none is blocked. */
TEST(every_end_is_an_interrupt)
{
    struct edu_counters counters;
    struct smmu_counters smmu;

    edu_get_counters(device, &counters);
    smmu_get_counters(&smmu);
    EXPECT_GT(counters.pieces, 6);
    EXPECT_EQ(counters.interrupts, counters.pieces);
    EXPECT_EQ(smmu.lost, 0);
    TEST_NOTE("%llu pieces, interrupts by %s", (unsigned long long)counters.pieces,
              pci_interrupt_kind(edu_get_function(device)) == PCI_MSI ? "message" : "line");
}
