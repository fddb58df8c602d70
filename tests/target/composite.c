/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* Windows and concatenations over the machine's memory. */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/harness/harness.h"

static uint8_t statics[5 * 4096] __attribute__((aligned(4096)));

static IOMemoryDescriptor *part(uint64_t offset, uint64_t length)
{
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (uintptr_t)statics + offset, length, kIODirectionOutIn, kernel_task);

    ASSERT_NE(memory, NULL);
    return memory;
}

static IOMultiMemoryDescriptor *two_parts(uint64_t first, uint64_t second)
{
    IOMemoryDescriptor *parts[] = {part(0, first), part(4 * PAGE_SIZE - second, second)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 2, kIODirectionOutIn, false);

    ASSERT_NE(multi, NULL);
    OSObject_release(parts[0]);
    OSObject_release(parts[1]);
    for (unsigned i = 0; i < sizeof(statics); i++) {
        statics[i] = (uint8_t)(i * 11 + i / 4096);
    }
    return multi;
}

/* What if the boundary of two parts falls inside the range asked for? */
TEST(multi_segment_stops_at_part_boundary)
{
    IOMultiMemoryDescriptor *multi = two_parts(PAGE_SIZE, PAGE_SIZE);
    IOByteCount length;
    addr64_t at;

    ASSERT_EQ(IOMemoryDescriptor_prepare(multi, 0), kIOReturnSuccess);
    at = IOMemoryDescriptor_getPhysicalSegment(multi, PAGE_SIZE - 16, &length, 0);
    EXPECT_EQ(length, 16);
    EXPECT_EQ(at, virt_to_phys(statics).value + PAGE_SIZE - 16);
    at = IOMemoryDescriptor_getPhysicalSegment(multi, PAGE_SIZE, &length, 0);
    EXPECT_EQ(at, virt_to_phys(statics).value + 3 * PAGE_SIZE);
    EXPECT_EQ(length, PAGE_SIZE);
    OSObject_release(multi);
}

TEST(cd_1_cd_4_bytes_across_parts)
{
    IOMultiMemoryDescriptor *multi = two_parts(5000, 3000);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(multi, 4990, 20, kIODirectionOutIn);
    uint8_t bytes[20];

    ASSERT_EQ(IOMemoryDescriptor_prepare(sub, 0), kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(sub, 0, bytes, 20), 20);
    EXPECT_MEM_EQ(bytes, statics + 4990, 10);
    EXPECT_MEM_EQ(bytes + 10, statics + 4 * PAGE_SIZE - 3000, 10);
    memset(bytes, 0xdd, 20);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(sub, 0, bytes, 20), 20);
    EXPECT_MEM_EQ(statics + 4990, bytes, 10);
    EXPECT_NE(statics[5000], 0xdd);
    EXPECT_EQ(IOMemoryDescriptor_readBytes(sub, 1, bytes, 20), 0);
    OSObject_release(multi);
    OSObject_release(sub);
}

TEST(cd_7_nothing_stays_pinned_when_a_child_fails)
{
    static const char readOnly[] = "constant";
    IOMemoryDescriptor *parts[] = {part(0, 100), part(5000, 100),
                                   IOMemoryDescriptor_withAddressRange(
                                       (uintptr_t)readOnly, 4, kIODirectionOutIn, kernel_task)};
    IOMultiMemoryDescriptor *multi =
        IOMultiMemoryDescriptor_withDescriptors(parts, 3, kIODirectionOutIn, false);
    const uint32_t before = page_pin_count(virt_to_phys(statics));

    EXPECTS_REPORT(7);
    EXPECT_EQ(IOMemoryDescriptor_prepare(multi, 0), kIOReturnNotWritable);
    EXPECT_EQ(page_pin_count(virt_to_phys(statics)), before);
    EXPECT_EQ(IOMemoryDescriptor_prepare(multi, kIODirectionOut), kIOReturnSuccess);
    EXPECT_EQ(page_pin_count(virt_to_phys(statics)), before + 1);
    OSObject_release(multi);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
    EXPECT_EQ(page_pin_count(virt_to_phys(statics)), before);
}

TEST(cd_9_cd_16_identity_and_activity)
{
    IOMultiMemoryDescriptor *multi = two_parts(100, 100);
    uint64_t first;

    EXPECT_EQ(IOMemoryDescriptor_getPreparationID(multi), 0);
    IOMemoryDescriptor_prepare(multi, 0);
    first = IOMemoryDescriptor_getPreparationID(multi);
    EXPECT_GE(first, 1ull << 32);
    EXPECT_EQ(IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDSetDMAActive, NULL, 0),
              kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(multi, 0), kIOReturnBusy);
    EXPECT_EQ(IOMemoryDescriptor_dmaCommandOperation(multi, kIOMDSetDMAInactive, NULL, 0),
              kIOReturnSuccess);
    EXPECT_EQ(IOMemoryDescriptor_complete(multi, 0), kIOReturnSuccess);
    IOMemoryDescriptor_prepare(multi, 0);
    EXPECT_GT(IOMemoryDescriptor_getPreparationID(multi), first);
    OSObject_release(multi);
}

TEST(cd_8_cd_15_refusals)
{
    IOMemoryDescriptor *memory = part(0, 100);
    IOMemoryDescriptor *gap[] = {memory, NULL};

    EXPECT_EQ(IOSubMemoryDescriptor_withSubRange(memory, 1, UINT64_MAX, kIODirectionIn), NULL);
    EXPECT_EQ(IOSubMemoryDescriptor_withSubRange(memory, 101, 0, kIODirectionIn), NULL);
    EXPECT_EQ(IOMultiMemoryDescriptor_withDescriptors(gap, 2, kIODirectionIn, false), NULL);
    EXPECT_EQ(IOMultiMemoryDescriptor_withDescriptors(gap, 0, kIODirectionIn, false), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    EXPECT_EQ(OSObject_getRetainCount(memory), 1);
    OSObject_release(memory);
}

/* A deep chain of windows is walked without trouble for the stack; a deeper one is refused. */
TEST(nesting_has_an_end)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(1000, kIODirectionOutIn, false);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);
    const uint64_t start = IOMemoryDescriptor_getPhysicalAddress(buffer);

    for (unsigned depth = 1; depth <= 16; depth++) {
        IOSubMemoryDescriptor *sub =
            IOSubMemoryDescriptor_withSubRange(memory, 1, 1000 - depth, kIODirectionIn);

        ASSERT_NE(sub, NULL);
        OSObject_release(memory);
        memory = IOMemoryDescriptor_upcast(sub);
    }
    EXPECT_EQ(IOMemoryDescriptor_getPhysicalAddress(memory), start + 16);
    EXPECT_EQ(IOSubMemoryDescriptor_withSubRange(memory, 0, 1, kIODirectionIn), NULL);
    OSObject_release(memory);
}
