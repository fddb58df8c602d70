/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default gicv3 ram64m
// FILE: words 1M words
// QEMU: -machine iommu=smmuv3
// QEMU: -blockdev driver=file,filename=$FILES/words,node-name=disk0
// QEMU: -device virtio-blk-pci,drive=disk0,disable-legacy=on,iommu_platform=on
/* Page by page: what a device reaches while it is mapped, and no more when it is not. */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "tests/target/smmu_mover.h"

#define AT_ONCE 200u /* places that one request accesses */

/* --- N13: an unmapping reaches every page of the range, and none beside it ----------------------
 */

/* Of `pages`, every `step`-th, the last, and what is beside a power of two. */
static bool is_looked_at(uint64_t page, uint64_t pages, uint64_t step)
{
    return page % step == 0 || page + 1 == pages || is_power_of_two(page) ||
           is_power_of_two(page + 1);
}

static void unmap_range(uint64_t pages, bool odd)
{
    const uint64_t step = pages <= 65 ? 1 : 101;
    const uint64_t pad = map_pages(0, 1 + odd), left = map_pages(2, 1);
    const uint64_t at = map_pages(3, pages), right = map_pages(3 + pages, 1);
    unsigned looks = 0;

    TEST_NOTE("%u pages, %u", (unsigned)pages, odd);
    /* First fit: neighbours in I/O addresses, too. */
    ASSERT_EQ(at, left + PAGE_SIZE);
    ASSERT_EQ(right, at + ptoa(pages));
    memset(byte_at(0), CANARY, ptoa(pages + 4));
    listen();
    for (uint64_t first = 0; first < pages; first += AT_ONCE) {
        const uint64_t count = pages - first < AT_ONCE ? pages - first : AT_ONCE;

        access_bytes(at + ptoa(first) + first % 4096, PAGE_SIZE, (unsigned)count, 1, true);
        for (uint64_t i = 0; i < count; i++) {
            EXPECT_NE(*byte_at(ptoa(3 + first + i) + first % 4096), CANARY);
        }
    }
    touch(left);
    touch(right);
    EXPECT_EQ(heard(), 0);
    memset(byte_at(0), CANARY, ptoa(pages + 4));
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(at), ptoa(pages)), kIOReturnSuccess);
    for (uint64_t page = 0; page < pages; page++) {
        if (is_looked_at(page, pages, step)) {
            /* Only some of the unit's reports are kept apart at once. */
            IOMapper_forgetFaults(mapper());
            touch(at + ptoa(page) + page);
            EXPECT_EQ(heard(), ++looks);
            EXPECT_EQ(fault.address, at + ptoa(page) + page);
            EXPECT_EQ(fault.reason, kIOReturnNotFound);
        }
    }
    touch(left + 7);
    touch(right + 7);
    EXPECT_EQ(heard(), looks);
    EXPECT_NE(*byte_at(ptoa(2) + 7), CANARY);
    EXPECT_NE(*byte_at(ptoa(3 + pages) + 7), CANARY);
    *byte_at(ptoa(2) + 7) = *byte_at(ptoa(3 + pages) + 7) = CANARY;
    EXPECT_EQ(changed_words(ptoa(pages + 4)), 0);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(left), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(right), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(pad), ptoa(1 + odd)), kIOReturnSuccess);
}

TEST(n13_every_page_of_a_range_is_forgotten)
{
    static const uint16_t sizes[] = {1, 2, 31, 32, 33, 63, 65, 511, 512, 513, 1025};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unmap_range(sizes[i], false);
        if (sizes[i] <= 65) {
            unmap_range(sizes[i], true);
        }
    }
}

/* --- N20: the last byte counts from the first one's place in its page ----------------------------
 */

TEST(n20_every_byte_translates)
{
    static const struct {
        uint64_t offset, length;
    } cases[] = {{4080, 17}, {1, 4096},      {4095, 2},     {0xf00, 4352},
                 {0, 4096},  {0x123, 16384}, {0xfff, 65536}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* Two runs with a hole: the second half lies behind it. */
        const uint64_t half = cases[i].length / 2, there = ptoa(32) + cases[i].offset;
        IOAddressRange ranges[2] = {{memory.value + cases[i].offset, cases[i].length - half},
                                    {memory.value + there, half}};
        const unsigned count = i < 5 ? 1 : 2;
        uint64_t at, size, physical, bytes;
        IOMemoryDescriptor *described;

        TEST_NOTE("offset %u, length %u", (unsigned)cases[i].offset, (unsigned)cases[i].length);
        ranges[0].length = count == 1 ? cases[i].length : ranges[0].length;
        memset(byte_at(0), CANARY, ptoa(64));
        described =
            IOMemoryDescriptor_withAddressRanges(ranges, count, kIODirectionOutIn, TASK_NULL);
        ASSERT_TRUE(described != NULL);
        ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
        ASSERT_EQ(IOMapper_iovmMapMemory(mapper(), described, 0, cases[i].length, BOTH, NULL, NULL,
                                         NULL, &at, &size),
                  kIOReturnSuccess);
        EXPECT_GE(size, round_page(cases[i].offset + cases[i].length));
        listen();
        touch(at);
        EXPECT_NE(*byte_at(cases[i].offset), CANARY);
        if (count == 1) {
            touch(at + cases[i].length - 1);
            EXPECT_NE(*byte_at(cases[i].offset + cases[i].length - 1), CANARY);
        } else {
            /* The second run has a page of its own, at its own place in it. */
            const uint64_t second = round_page(at + ranges[0].length) + (there & PAGE_MASK);

            touch(at + ranges[0].length - 1);
            EXPECT_NE(*byte_at(cases[i].offset + ranges[0].length - 1), CANARY);
            touch(second);
            touch(second + half - 1);
            EXPECT_NE(*byte_at(there), CANARY);
            EXPECT_NE(*byte_at(there + half - 1), CANARY);
            ASSERT_EQ(IOMapper_translate(mapper(), second, BOTH, &physical, &bytes),
                      kIOReturnSuccess);
            EXPECT_EQ(physical, memory.value + there);
        }
        EXPECT_EQ(heard(), 0);
        touch(trunc_page(at) + size);
        EXPECT_EQ(heard(), 1);
        ASSERT_EQ(IOMapper_iovmUnmapMemory(mapper(), described, NULL, at, size), kIOReturnSuccess);
        EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
        OSObject_release(described);
    }
}

/* What a driver would do that tells its device of physical addresses: one event, and on it goes. */
TEST(n20_physical_addresses_by_mistake)
{
    memset(byte_at(0), CANARY, PAGE_SIZE);
    listen();
    access_bytes(memory.value + 64, 0, 1, 256, true);
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(fault.address, memory.value + 64);
    EXPECT_EQ(fault.access, kIODMAMapWriteAccess);
    access_bytes(memory.value + 128, 0, 1, 256, true);
    EXPECT_EQ(heard(), 1);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        ASSERT_EQ(*byte_at(i), CANARY);
    }
    EXPECT_TRUE(IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0, kBypassed, 0, 1,
                                               mapper(), NULL) == NULL);
}

/* --- What lies beside a buffer in its page ------------------------------------------------------
 */

static IODMACommand *command_over(IOMemoryDescriptor *described, uint32_t mapping)
{
    IODMACommand *command = IODMACommand_withSpecification(kIODMACommandOutputHost64, 64, 0,
                                                           mapping, 0, 1, mapper(), NULL);

    ASSERT_TRUE(command != NULL);
    ASSERT_EQ(IODMACommand_setMemoryDescriptor(command, described, false), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    return command;
}

static uint64_t address_of(IODMACommand *command)
{
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 count = 1;

    ASSERT_EQ(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &count), kIOReturnSuccess);
    return segment.fIOVMAddr;
}

/* A device writes 64 bytes more than it was told, before and behind. */
static void stray(bool strict)
{
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value + 1000, 200, kIODirectionIn, TASK_NULL);
    IODMACommand *command;
    uint64_t at;

    ASSERT_TRUE(described != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    memset(byte_at(0), CANARY, PAGE_SIZE);
    command = command_over(described, strict ? kIODMAMapOptionStrict : kMapped);
    at = address_of(command);
    listen();
    access_bytes(at - 64, 0, 1, 200 + 128, true);
    EXPECT_EQ(heard(), 0); /* a unit knows of nothing smaller than a page */
    ASSERT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        const bool told = i >= 1000 && i < 1200, near = i >= 1000 - 64 && i < 1200 + 64;

        ASSERT_EQ(*byte_at(i) != CANARY, told || (near && !strict));
    }
    /* And after that it reaches neither. */
    memset(byte_at(0), CANARY, PAGE_SIZE);
    touch(at);
    EXPECT_EQ(heard(), 1);
    EXPECT_EQ(*byte_at(1000), CANARY);
    OSObject_release(command);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
}

TEST(bytes_beside_a_buffer_are_in_reach)
{
    stray(false);
}

TEST(strict_commands_keep_them_out_of_reach)
{
    stray(true);
}

/* Nor can it read there: of the page that it sees nothing is anybody's but the transfer's. */
TEST(strict_commands_show_nothing_else)
{
    IOMemoryDescriptor *described =
        IOMemoryDescriptor_withAddressRange(memory.value + 1000, 200, kIODirectionOut, TASK_NULL);
    IODMACommand *command;
    uint64_t at, window;

    ASSERT_TRUE(described != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(described, kIODirectionNone), kIOReturnSuccess);
    memset(byte_at(0), CANARY, PAGE_SIZE);
    memset(byte_at(1000), 0x3c, 200);
    command = command_over(described, kIODMAMapOptionStrict);
    at = address_of(command);
    listen();
    /* Out of the page, and in again to where the test can see it. */
    access_bytes(trunc_page(at), 0, 1, PAGE_SIZE, false);
    window = map_pages(40, 1);
    access_bytes(window, 0, 1, PAGE_SIZE, true);
    EXPECT_EQ(heard(), 0);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        const bool told = i >= (at & PAGE_MASK) && i < (at & PAGE_MASK) + 200;

        ASSERT_EQ(*byte_at(ptoa(40) + i), told ? 0x3c : 0);
    }
    ASSERT_EQ(smmu_unmap(mapper(), ioaddr(window), PAGE_SIZE), kIOReturnSuccess);
    ASSERT_EQ(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    EXPECT_EQ(IOMemoryDescriptor_complete(described, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(described);
}
