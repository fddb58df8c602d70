/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/*
 * The system mapper on the machine itself, which has none: one without hardware is published,
 * and the calls that go through it meet real memory, real registers and real faults.
 */
#include <string.h>

#include "descriptors/IODMACommand.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/harness/harness.h"
#include "tests/lib/portable/test_mapper.h"
#include "tests/lib/scatter.h"

#define BASE_PAGE 0x1000
#define SLOTS     0x0a000000ul /* virtio-mmio: 32 transports, 512 bytes each */
#define MAGIC     0x74726976   /* "virt", in the first register of each */
#define NOTHING   0x0b800000ul /* neither RAM nor a device */
#define BOTH      (kIODMAMapReadAccess | kIODMAMapWriteAccess)

static struct test_mapper *publish(void)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    if (mapper != NULL) {
        mapper->super.fIsSystem = true;
        EXPECT_TRUE(IOMapper_start(&mapper->super, unit));
    }
    OSObject_release(unit);
    return mapper;
}

/* Pages that lie apart, with one between them. */
static bool take_pages(paddr_t *run)
{
    const struct page_request request = {.count = 3, .owner = PAGE_OWNER_IMAGE};

    return page_alloc_run(&request, run) == KERN_SUCCESS;
}

static ppnum_t page_of(uint64_t physical)
{
    return (ppnum_t)(physical >> PAGE_SHIFT);
}

TEST(mp_9_the_machine_has_none_until_one_is_published)
{
    struct test_mapper *mapper = test_mapper_new(BASE_PAGE);
    IOService *unit = IOService_withReader("unit", NULL, NULL);

    EXPECT_TRUE(IOMapper_gSystem == NULL); /* decided at start-up */
    EXPECT_EQ(IOMapper_waitForSystemMapper(), kIOReturnSuccess);
    EXPECT_EQ(IOMapperIOVMAlloc(1), 0);
    EXPECT_EQ(IOMapperInsertPage(9, 1, 0x77), 0x77);
    IOMapper_setMapperRequired(true);
    EXPECT_EQ(IOMapper_waitForSystemMapper(), kIOReturnTimeout); /* nobody could decide */
    EXPECT_TRUE(IOMapper_systemMapper() == NULL);
    ASSERT_TRUE(mapper != NULL);
    mapper->super.fIsSystem = true;
    mapper->refuses = true;
    EXPECT_FALSE(IOMapper_start(&mapper->super, unit));
    EXPECT_TRUE(IOMapper_systemMapper() == NULL);
    mapper->refuses = false;
    EXPECT_TRUE(IOMapper_start(&mapper->super, unit));
    EXPECT_EQ(IOMapper_waitForSystemMapper(), kIOReturnSuccess);
    EXPECT_TRUE(IOMapper_systemMapper() == &mapper->super);
    OSObject_release(&mapper->super);
    EXPECT_TRUE(IOMapper_gSystem == NULL);
    OSObject_release(unit);
}

TEST(mp_10_pages_of_io_space)
{
    struct test_mapper *mapper = publish();
    ppnum_t first;
    paddr_t run;

    ASSERT_TRUE(mapper != NULL);
    ASSERT_TRUE(take_pages(&run));
    EXPECT_EQ(IOMapperIOVMAlloc(0), 0);
    first = IOMapperIOVMAlloc(3);
    EXPECT_EQ(first, BASE_PAGE);
    EXPECT_EQ(IOMapperInsertPage(first, 2, page_of(run.value)), first + 2);
    EXPECT_EQ(IOMapper_mapToPhysicalAddress(&mapper->super, ((uint64_t)first + 2) * PAGE_SIZE + 9),
              run.value + 9);
    EXPECT_EQ(IOMapperInsertPage(first, 3, page_of(run.value)), 0);
    EXPECT_EQ(IOMapperInsertPage(0, 0, page_of(run.value)), 0);
    EXPECTS_REPORT(5);
    IOMapperIOVMFree(first, 2);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotFound);
    EXPECT_EQ(mapper->entries, 1);
    IOMapperIOVMFree(first, 3);
    EXPECT_EQ(mapper->entries, 0);
    page_free_run(run, 3);
    OSObject_release(&mapper->super);
}

/* One access of this width: what is written is what is there, and what is there is read. */
static void access_at(uint64_t io, unsigned size, uint8_t *first, uint8_t *second, uint64_t room)
{
    const uint64_t value = 0x8877665544332211 + io;
    uint64_t seen;

    switch (size) {
    case 1:
        IOMappedWrite8(io, (UInt8)value);
        seen = IOMappedRead8(io);
        break;
    case 2:
        IOMappedWrite16(io, (UInt16)value);
        seen = IOMappedRead16(io);
        break;
    case 4:
        IOMappedWrite32(io, (UInt32)value);
        seen = IOMappedRead32(io);
        break;
    default:
        IOMappedWrite64(io, value);
        seen = IOMappedRead64(io);
        break;
    }
    for (unsigned i = 0; i < size; i++) {
        EXPECT_EQ((seen >> 8 * i) & 0xff, (value >> 8 * i) & 0xff);
        EXPECT_EQ(i < room ? first[i] : second[i - room], (value >> 8 * i) & 0xff);
    }
}

/* Every width at every place of the border between two pages that are not neighbours in RAM. */
TEST(mp_11_every_width_across_pages_that_lie_apart)
{
    struct test_mapper *mapper = publish();
    ppnum_t pages;
    uint8_t *ram;
    paddr_t run;

    ASSERT_TRUE(mapper != NULL);
    ASSERT_TRUE(take_pages(&run));
    ram = phys_to_virt(run);
    pages = IOMapperIOVMAlloc(3);
    IOMapperInsertPage(pages, 0, page_of(run.value) + 2);
    IOMapperInsertPage(pages, 1, page_of(run.value));
    memset(ram + PAGE_SIZE, 0xa5, PAGE_SIZE);
    for (unsigned size = 1; size <= 8; size *= 2) {
        for (uint64_t room = 1; room <= 16; room++) {
            access_at(((uint64_t)pages + 1) * PAGE_SIZE - room, size, ram + 3 * PAGE_SIZE - room,
                      ram, room);
        }
    }
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        ASSERT_EQ(ram[PAGE_SIZE + i], 0xa5); /* the page between them is nobody's here */
    }
    EXPECT_EQ(IOMappedRead64(((uint64_t)pages + 2) * PAGE_SIZE - 4), UINT64_MAX);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotFound);
    IOMapperIOVMFree(pages, 3);
    page_free_run(run, 3);
    OSObject_release(&mapper->super);
}

/* Registers are read once and whole, or not at all; where nothing answers it is no panic. */
TEST(mp_11_registers_and_nothing_at_all)
{
    struct test_mapper *mapper;
    ppnum_t pages;
    uint64_t io;

    EXPECT_EQ(IOMappedRead32(SLOTS), MAGIC); /* no mapper: a physical address */
    mapper = publish();
    ASSERT_TRUE(mapper != NULL);
    EXPECT_EQ(IOMappedRead32(SLOTS), UINT32_MAX); /* and now it is none */
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotFound);
    pages = IOMapperIOVMAlloc(2);
    io = (uint64_t)pages * PAGE_SIZE;
    IOMapperInsertPage(pages, 0, page_of(SLOTS));
    IOMapperInsertPage(pages, 1, page_of(NOTHING));
    EXPECT_EQ(IOMappedRead32(io), MAGIC);
    EXPECT_EQ(IOMappedRead32(io + 2), UINT32_MAX);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotAligned);
    IOMappedWrite32(io + 1, 0);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotAligned);
    EXPECT_EQ(IOMappedRead16(io + PAGE_SIZE - 1), UINT16_MAX);
    EXPECT_EQ(IOMappedRead32(io + PAGE_SIZE), UINT32_MAX);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNotFound);
    IOMappedWrite8(io + PAGE_SIZE, 1);
    IOMapperIOVMFree(pages, 2);
    OSObject_release(&mapper->super);
    TEST_KEEPS("the table for the registers' window in the direct map");
}

static void expect_bytes(struct test_mapper *mapper, IODMACommand *command,
                         const struct scatter *scatter, bool write)
{
    IODMACommand_Segment64 list[16];
    uint64_t offset = 0, position = 0;

    while (offset < scatter->length) {
        UInt32 count = 16;

        ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &offset, list, &count), kIOReturnSuccess);
        for (UInt32 i = 0; i < count; i++) {
            EXPECT_LE(list[i].fIOVMAddr + list[i].fLength, 1ul << 28);
            for (uint64_t k = 0; k < list[i].fLength; k++, position++) {
                uint8_t byte = (uint8_t)(position * 7);

                ASSERT_TRUE(write ? test_mapper_write(mapper, list[i].fIOVMAddr + k, byte)
                                  : test_mapper_read(mapper, list[i].fIOVMAddr + k, &byte));
                ASSERT_EQ(byte, write ? (uint8_t)(position * 7) : *scatter_at(scatter, position));
            }
        }
    }
    EXPECT_EQ(position, scatter->length);
}

/* No RAM of this machine has 28 bits: through the mapper a device of 28 bits reaches all of it. */
TEST(a_narrow_device_reaches_scattered_memory)
{
    static const IODMACommand_SegmentOptions bits28 = {.fStructSize = 40, .fNumAddressBits = 28};
    struct test_mapper *mapper;
    struct scatter scatter;
    IODMACommand *command;

    ASSERT_TRUE(scatter_create(&scatter, 30000, 7));
    command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &bits28, kMapped,
                                                    NULL, NULL);
    EXPECT_EQ(IODMACommand_setMemoryDescriptor(command, scatter.memory, true),
              kIOReturnNoResources);
    OSObject_release(command);
    mapper = publish();
    ASSERT_TRUE(mapper != NULL);
    command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &bits28, kMapped,
                                                    NULL, NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, scatter.memory, true), kIOReturnSuccess);
    EXPECT_EQ(IODMACommand_getBounceLength(command), 0);
    expect_bytes(mapper, command, &scatter, true);
    expect_bytes(mapper, command, &scatter, false);
    for (uint64_t i = 0; i < scatter.length; i++) {
        ASSERT_EQ(*scatter_at(&scatter, i), (uint8_t)(i * 7));
    }
    EXPECT_TRUE(scatter_canaries_intact(&scatter));
    EXPECT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    EXPECT_EQ(mapper->entries, 0);
    OSObject_release(command);
    OSObject_release(&mapper->super);
    scatter_destroy(&scatter);
}
