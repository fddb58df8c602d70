/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram8g
// BUILDS: default:gcc-release smmu:clang-release
// FILE: nvme 1M words
// FILE: card 1M words
// FILE: sata 1M words
// QEMU: -machine iommu=smmuv3 -device edu
// QEMU: -blockdev driver=file,filename=$FILES/nvme,node-name=file1
// QEMU: -blockdev driver=raw,file=file1,node-name=disk1
// QEMU: -device nvme,drive=disk1,serial=source,cmb_size_mb=4
// QEMU: -blockdev driver=file,filename=$FILES/card,node-name=file2
// QEMU: -blockdev driver=raw,file=file2,node-name=disk2
// QEMU: -device sdhci-pci -device sd-card,drive=disk2
// QEMU: -blockdev driver=file,filename=$FILES/sata,node-name=file3
// QEMU: -blockdev driver=raw,file=file3,node-name=disk3
// QEMU: -device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0,drive=disk3,serial=source
/*
 * Engines behind the SMMU: the same transfers with I/O addresses of its own choice, and with the
 * low ones taken and the rest in small holes: the same bytes. And what an NVMe controller is not
 * to reach it does not, whatever it says: it reports success. (Long: on few machines, and not
 * beneath what knows nothing of its devices.)
 */
#include <string.h>

#include "drivers/ahci/ahci_private.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/nvme_private.h"
#include "drivers/sdhci/sdhci_private.h"
#include "drivers/smmuv3/smmuv3.h"
#include "kernel/timer.h"
#include "tests/lib/mover.h"
#include "tests/target/disk.h"
#include "tests/target/dma_client.h"

#define ENGINES  3
#define COMMANDS 6 /* at once */
#define HOLES    24
#define HOLE     (8 * PAGE_SIZE)
#define BOTH     (kIODMAMapReadAccess | kIODMAMapWriteAccess)

static const char *const names[ENGINES] = {"nvme", "sdhci", "ahci"};
static struct mover movers[ENGINES];

static IOMapper *mapper_of(unsigned engine)
{
    return engine == 0   ? movers[0].namespace->controller->mapper
           : engine == 1 ? movers[1].card->mapper
                         : movers[2].sata->controller->mapper;
}

TEST(the_engines_are_made)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        ASSERT_TRUE(mover_open(&movers[i], mover_kind(names[i]), "source", 0));
        ASSERT_TRUE(movers[i].kind->get_service(&movers[i]) != NULL);
        ASSERT_TRUE(mapper_of(i) != NULL);
    }
    TEST_KEEPS("an engine is made once");
}

/* --- Taking addresses away -------------------------------------------------------------------- */

#define TAKEN_MAX (HOLES + 64)

static struct {
    uint64_t address, length;
} taken[TAKEN_MAX];
static unsigned taken_count;

/* I/O addresses without translations, where so many bits reach. False: there are none left. */
static bool take(IOMapper *mapper, uint64_t bytes, uint8_t bits)
{
    const IODMAMapSpecification where = {.numAddressBits = bits};
    IOReturn status;

    ASSERT_LT(taken_count, TAKEN_MAX);
    status =
        IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, bytes, BOTH, &where, NULL,
                               NULL, &taken[taken_count].address, &taken[taken_count].length);
    taken_count += status == kIOReturnSuccess;
    EXPECT_TRUE(status == kIOReturnSuccess || status == kIOReturnNoSpace);
    return status == kIOReturnSuccess;
}

static void give(IOMapper *mapper, unsigned which)
{
    EXPECT_EQ(IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL,
                                       taken[which].address, taken[which].length),
              kIOReturnSuccess);
}

/*
 * All that these bits reach; then blocks in a row above, of which every second one is given back.
 */
static void fragment(IOMapper *mapper, uint8_t bits)
{
    unsigned low;

    taken_count = 0;
    for (uint64_t bytes = 1ull << bits; bytes >= PAGE_SIZE; bytes /= 2) {
        while (take(mapper, bytes, bits)) {
            continue;
        }
    }
    low = taken_count;
    for (unsigned i = 0; i < HOLES; i++) {
        ASSERT_TRUE(take(mapper, HOLE, 0));
        EXPECT_GE(taken[low + i].address, 1ull << bits);
    }
    for (unsigned i = low; i < taken_count; i += 2) {
        give(mapper, i);
        taken[i].length = 0;
    }
}

static void mend(IOMapper *mapper)
{
    for (unsigned i = 0; i < taken_count; i++) {
        if (taken[i].length != 0) {
            give(mapper, i);
        }
    }
}

/* --- The same transfers ----------------------------------------------------------------------- */

static union mover_transfer transfers[COMMANDS];
static IODMACommand *commands[COMMANDS];

/* Where the first byte is for the device, and where it is. */
static void note_addresses(IODMACommand *command, const struct scatter *scatter, uint64_t offset)
{
    IODMACommand_Segment64 segment;
    UInt64 position = 0;
    UInt32 count = 1;
    IOByteCount length;
    const addr64_t physical = IOMemoryDescriptor_getPhysicalSegment(scatter->memory, offset,
                                                                    &length, kIOMemoryMapperNone);

    ASSERT_EQ(IODMACommand_genIOVMSegmentsFunction(command, kIODMACommandOutputHost64, &position,
                                                   &segment, &count),
              kIOReturnSuccess);
    EXPECT_NE(segment.fIOVMAddr, physical);
    TEST_NOTE("I/O address 0x%llx, physical 0x%llx", (unsigned long long)segment.fIOVMAddr,
              (unsigned long long)physical);
}

static void move_all(unsigned engine, struct client *client, struct scatter *scatter,
                     uint64_t bytes, uint64_t position, IODirection direction)
{
    const uint64_t part = bytes / COMMANDS;

    end_count = 0;
    for (unsigned i = 0; i < COMMANDS; i++) {
        commands[i] = movers[engine].kind->create_command(&movers[engine], &transfers[i]);
        ASSERT_TRUE(commands[i] != NULL);
        ASSERT_EQ(IODMACommand_setMemoryDescriptor(commands[i], scatter->memory, false),
                  kIOReturnSuccess);
        ASSERT_EQ(IODMACommand_prepare(commands[i], i * part, part, true, true), kIOReturnSuccess);
        movers[engine].kind->seek(&transfers[i], position + i * part);
        ASSERT_EQ(start(client, commands[i], direction, 0, 0), kIOReturnSuccess);
    }
    note_addresses(commands[0], scatter, 0);
    wait_for_ends(client, COMMANDS);
    for (unsigned i = 0; i < COMMANDS; i++) {
        EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        EXPECT_EQ(ends[i].bytes, part);
        command_drop(commands[i]);
    }
}

static void read_and_write(unsigned engine, uint8_t pattern)
{
    const uint64_t bytes = COMMANDS * 8192;
    struct client client = client_of_service(movers[engine].kind->get_service(&movers[engine]));
    struct scatter scatter = disk_memory(40, bytes, kIODirectionOutIn);
    struct smmu_counters before, after;

    smmu_get_counters(&before);
    move_all(engine, &client, &scatter, bytes, 1024, kIODirectionIn);
    EXPECT_EQ(disk_differences(&scatter, 0, bytes, 1024), 0);
    for (uint64_t i = 0; i < bytes; i++) {
        *scatter_at(&scatter, i) = (uint8_t)(i * 3 + (i >> 8) + pattern);
    }
    move_all(engine, &client, &scatter, bytes, 512 << 10, kIODirectionOut);
    scatter_fill(&scatter, 0);
    move_all(engine, &client, &scatter, bytes, 512 << 10, kIODirectionIn);
    for (uint64_t i = 0; i < bytes; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 3 + (i >> 8) + pattern));
    }
    smmu_get_counters(&after);
    EXPECT_EQ(after.events, before.events); /* nothing was blocked */
    disk_memory_drop(&scatter);
    client_drop(&client);
}

TEST(addresses_of_its_own_choice)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        TEST_NOTE("%s", names[i]);
        for (unsigned way = 0; way < 2; way++) {
            movers[i].format = way == 0 ? NVME_PRP : NVME_SGL;
            movers[i].mode = way == 0 ? SDHCI_ADMA2 : SDHCI_SDMA;
            movers[i].kind->get_limits(&movers[i], &movers[i].limits);
            read_and_write(i, (uint8_t)(10 * i + way));
        }
    }
}

TEST(high_addresses_in_small_holes)
{
    for (unsigned i = 0; i < ENGINES; i++) {
        TEST_NOTE("%s", names[i]);
        for (unsigned way = 0; way < 2; way++) {
            movers[i].format = way == 0 ? NVME_PRP : NVME_SGL;
            movers[i].mode = way == 0 ? SDHCI_ADMA2 : SDHCI_SDMA;
            movers[i].kind->get_limits(&movers[i], &movers[i].limits);
            fragment(mapper_of(i), movers[i].limits.fNumAddressBits > 32 ? 32 : 31);
            read_and_write(i, (uint8_t)(100 + 10 * i + way));
            mend(mapper_of(i));
        }
    }
}

/* --- And the slow one among them -------------------------------------------------------------- */

#define EDU_ROUNDS 10 /* of two transfers, 100 ms each */
#define EDU_BYTES  1000u

static struct edu_transfer edu_transfer;

static IODMACommand *edu_command(const struct scatter *scatter)
{
    IODMACommand *command = edu_create_command(edu_get(0), NULL, kMapped, &edu_transfer);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, scatter->memory, true), kIOReturnSuccess);
    return command;
}

/*
 * 28 bits reach none of the RAM: through the mapper all of it, while the others work, whose ends
 * come before its own.
 */
TEST(edu_among_them)
{
    struct client others[ENGINES], client;
    struct scatter scatter, read;
    IODMACommand *command;
    union mover_transfer transfer[ENGINES];

    ASSERT_EQ(edu_count(), 1);
    edu_get_service(edu_get(0));
    TEST_KEEPS("an engine is made once");
    client = client_of_service(edu_get_service(edu_get(0)));
    scatter = disk_memory(3, EDU_BYTES, kIODirectionOutIn);
    read = disk_memory(9, ENGINES * 4096, kIODirectionIn);
    for (unsigned i = 0; i < ENGINES; i++) {
        others[i] = client_of_service(movers[i].kind->get_service(&movers[i]));
        movers[i].format = NVME_SGL;
        movers[i].mode = SDHCI_ADMA2;
        movers[i].kind->get_limits(&movers[i], &movers[i].limits);
    }
    command = edu_command(&scatter);
    for (unsigned round = 0; round < 2 * EDU_ROUNDS; round++) {
        const bool out = round % 2 == 0;

        for (unsigned i = 0; i < EDU_BYTES; i++) {
            *scatter_at(&scatter, i) = out ? (uint8_t)(i * 3 + round) : 0;
        }
        end_count = 0;
        edu_transfer.position = 8 * round;
        edu_transfer.position -= out ? 0 : 8;
        EXPECT_EQ(start(&client, command, out ? kIODirectionOut : kIODirectionIn, 0, 0),
                  kIOReturnSuccess);
        for (unsigned i = 0; i < ENGINES; i++) {
            commands[i] = movers[i].kind->create_command(&movers[i], &transfer[i]);
            ASSERT_EQ(IODMACommand_setMemoryDescriptor(commands[i], read.memory, false),
                      kIOReturnSuccess);
            ASSERT_EQ(IODMACommand_prepare(commands[i], i * 4096, 4096, true, true),
                      kIOReturnSuccess);
            movers[i].kind->seek(&transfer[i], 4096 * round);
            EXPECT_EQ(start(&others[i], commands[i], kIODirectionIn, 0, 0), kIOReturnSuccess);
        }
        for (unsigned i = 0; i < ENGINES; i++) {
            IODMAEventSource_queryDMACommand(others[i].source, NULL, NULL, true);
            IOWorkLoop_runEventSources(others[i].loop);
            command_drop(commands[i]);
            EXPECT_EQ(disk_differences(&read, i * 4096, 4096, 4096 * round), 0);
        }
        wait_for_ends(&client, ENGINES + 1);
        for (unsigned i = 0; i < ENGINES + 1; i++) {
            EXPECT_EQ(ends[i].status, kIOReturnSuccess);
        }
        for (unsigned i = 0; i < EDU_BYTES; i++) {
            ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 3 + (round & ~1u)));
        }
    }
    command_drop(command);
    for (unsigned i = 0; i < ENGINES; i++) {
        client_drop(&others[i]);
    }
    client_drop(&client);
    disk_memory_drop(&read);
    disk_memory_drop(&scatter);
}

/* --- What it is not to reach ------------------------------------------------------------------ */

static struct smmu_counters counters_before;

static void listen(void)
{
    IOMapper_forgetFaults(mapper_of(0));
    smmu_get_counters(&counters_before);
}

/* Pages of which accesses were blocked since; the interrupt of the last is given time to come. */
static uint64_t reports(void)
{
    struct smmu_counters now;

    timer_delay(1000000);
    IOMapper_collectFaults(mapper_of(0));
    smmu_get_counters(&now);
    EXPECT_GT(now.events, counters_before.events);
    return now.reports - counters_before.reports;
}

/* Blocks from 16 on, read to this address: what the controller says of it. */
static IOReturn read_to(uint64_t address, unsigned blocks)
{
    struct nvme_controller *controller = movers[0].namespace->controller;
    const struct nvme_command command = {
        .opcode = NVME_IO_READ, .nsid = 1, .prp1 = address, .dword = {16, 0, blocks - 1}};

    return nvme_execute(&controller->queues[0], &command, NVME_PATIENCE, NULL);
}

TEST(a_page_that_is_not_mapped)
{
    listen();
    EXPECT_EQ(read_to(0x12345678000, 8), kIOReturnSuccess); /* so it says */
    EXPECT_EQ(reports(), 1);
    read_and_write(0, 1); /* the machine goes on */
}

/* While it is prepared the device gets there; after complete it does not, and changes nothing. */
TEST(a_page_after_complete_and_one_for_reading)
{
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withCapacity(4096, kIODirectionOutIn, true);
    IOBufferMemoryDescriptor *constant =
        IOBufferMemoryDescriptor_withCapacity(4096, kIODirectionOut, true);
    uint8_t *const bytes = IOBufferMemoryDescriptor_getBytesNoCopy(memory);
    uint8_t *const fixed = IOBufferMemoryDescriptor_getBytesNoCopy(constant);
    IODMACommand_Segment64 segment;
    struct nvme_transfer transfer;
    IODMACommand *command =
        nvme_create_command(movers[0].namespace, NVME_PRP, NULL, kMapped, &transfer);
    UInt64 position = 0;
    UInt32 count = 1;

    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &position, &segment, &count),
              kIOReturnSuccess);
    EXPECT_EQ(read_to(segment.fIOVMAddr, 8), kIOReturnSuccess);
    EXPECT_EQ(bytes[8], disk_byte(16 * 512 + 8));
    memset(bytes, 0xa5, 4096);
    command_drop(command);
    listen();
    EXPECT_EQ(read_to(segment.fIOVMAddr, 8), kIOReturnSuccess);
    EXPECT_EQ(reports(), 1);
    for (unsigned i = 0; i < 4096; i++) {
        ASSERT_EQ(bytes[i], 0xa5);
    }

    command = nvme_create_command(movers[0].namespace, NVME_PRP, NULL, kMapped, &transfer);
    memset(fixed, 0x5a, 4096);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, constant, true), kIOReturnSuccess);
    position = 0;
    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &position, &segment, &count),
              kIOReturnSuccess);
    listen();
    EXPECT_EQ(read_to(segment.fIOVMAddr, 8), kIOReturnSuccess);
    EXPECT_EQ(reports(), 1);
    for (unsigned i = 0; i < 4096; i++) {
        ASSERT_EQ(fixed[i], 0x5a);
    }
    command_drop(command);
    OSObject_release(constant);
    OSObject_release(memory);
}

/* The page behind a buffer: what is in the buffer arrives, and nothing behind it. */
TEST(the_page_after_a_buffer)
{
    struct client client = client_of_service(movers[0].kind->get_service(&movers[0]));
    IOBufferMemoryDescriptor *memory =
        IOBufferMemoryDescriptor_withCapacity(4096, kIODirectionIn, true);
    const uint8_t *const bytes = IOBufferMemoryDescriptor_getBytesNoCopy(memory);
    struct nvme_controller *controller = movers[0].namespace->controller;
    IODMACommand_Segment64 segment;
    struct nvme_transfer transfer;
    IODMACommand *command =
        nvme_create_command(movers[0].namespace, NVME_PRP, NULL, kMapped, &transfer);
    UInt64 position = 0;
    UInt32 count = 1;

    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &position, &segment, &count),
              kIOReturnSuccess);

    const struct nvme_command longer = {.opcode = NVME_IO_READ,
                                        .nsid = 1,
                                        .prp1 = segment.fIOVMAddr,
                                        .prp2 = segment.fIOVMAddr + 4096,
                                        .dword = {16, 0, 15}};

    listen();
    EXPECT_EQ(nvme_execute(&controller->queues[0], &longer, NVME_PATIENCE, NULL), kIOReturnSuccess);
    EXPECT_EQ(reports(), 1);
    for (unsigned i = 0; i < 4096; i++) {
        ASSERT_EQ(bytes[i], disk_byte(16 * 512 + i));
    }
    command_drop(command);
    OSObject_release(memory);
    client_drop(&client);
}
