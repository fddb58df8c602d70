/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m ram8g
/* Buffers from the machine's memory: placement, zeroes, and all of it given back. */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/harness/harness.h"

static bool all_zero(const uint8_t *bytes, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

TEST(bm_1_sizes_and_alignments)
{
    static const uint64_t capacities[] = {1, 100, 4095, 4096, 4097, 70000};

    for (unsigned i = 0; i < 6; i++) {
        for (uint64_t alignment = 1; alignment <= 0x10000; alignment *= 4) {
            IOBufferMemoryDescriptor *buffer =
                IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn, capacities[i], alignment);
            uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);

            ASSERT_NE(buffer, NULL);
            EXPECT_EQ((uintptr_t)bytes % alignment, 0);
            EXPECT_EQ(IOMemoryDescriptor_getPhysicalAddress(buffer), virt_to_phys(bytes).value);
            EXPECT_EQ(IOMemoryDescriptor_getPhysicalAddress(buffer) % alignment, 0);
            EXPECT_TRUE(all_zero(bytes, capacities[i]));
            memset(bytes, 0xee, capacities[i]); /* for the next one to find */
            OSObject_release(buffer);
        }
    }
}

TEST(bm_2_impossible_capacities)
{
    EXPECT_EQ(IOBufferMemoryDescriptor_withCapacity(0, kIODirectionIn, false), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor_withCapacity(UINT64_MAX, kIODirectionIn, false), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnBadArgument);
    EXPECT_EQ(IOBufferMemoryDescriptor_withCapacity(1ull << 45, kIODirectionIn, false), NULL);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNoMemory);
}

TEST(bm_7_contiguous_buffers_are_one_segment)
{
    for (uint64_t size = 1; size <= 1 << 20; size = size * 8 + 1) {
        IOBufferMemoryDescriptor *buffer =
            IOBufferMemoryDescriptor_withCapacity(size, kIODirectionIn, true);
        IOByteCount length;

        ASSERT_NE(buffer, NULL);
        IOMemoryDescriptor_getPhysicalSegment(buffer, 0, &length, 0);
        EXPECT_EQ(length, size);
        OSObject_release(buffer);
    }
}

TEST(bm_8_physical_masks)
{
    static const uint64_t masks[] = {0xffffffff, 0x7fffffff, 0xffffffffffff0000, 0x7fffe000};

    for (unsigned i = 0; i < 4; i++) {
        IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
            kernel_task, kIODirectionIn, 20000, masks[i]);
        const uint64_t low = (masks[i] & -masks[i]) - 1;
        const uint64_t at = IOMemoryDescriptor_getPhysicalAddress(buffer);

        ASSERT_NE(buffer, NULL);
        EXPECT_EQ(at & low, 0);
        EXPECT_EQ(at & ~masks[i], 0);
        EXPECT_EQ((at + 19999) & ~(masks[i] | low), 0);
        OSObject_release(buffer);
    }
    EXPECT_EQ(IOBufferMemoryDescriptor_inTaskWithPhysicalMask(kernel_task, kIODirectionIn, 100,
                                                              0x3fffffff),
              NULL); /* all RAM is above */
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNoMemory);
}

TEST(bm_6_append_and_length)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withBytes("12345678", 8, kIODirectionOut, false);

    ASSERT_NE(buffer, NULL);
    IOBufferMemoryDescriptor_setLength(buffer, 2);
    EXPECT_TRUE(IOBufferMemoryDescriptor_appendBytes(buffer, "abc", 3));
    EXPECT_FALSE(IOBufferMemoryDescriptor_appendBytes(buffer, "defgh", 5));
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNoSpace);
    EXPECT_EQ(IOMemoryDescriptor_getLength(buffer), 8);
    EXPECT_MEM_EQ(IOBufferMemoryDescriptor_getBytesNoCopy(buffer), "12abcdef", 8);
    OSObject_release(buffer);
}

/* The pages are the buffer's while it lives, and pinned. */
TEST(bm_wired_from_creation_to_free)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(PAGE_SIZE, kIODirectionIn, false);
    const paddr_t page = paddr(IOMemoryDescriptor_getPhysicalAddress(buffer));

    ASSERT_NE(buffer, NULL);
    EXPECT_EQ(page_get_owner(page), PAGE_OWNER_BUFFER);
    EXPECT_EQ(page_pin_count(page), 1);
    OSObject_release(buffer);
    EXPECT_EQ(page_pin_count(page), 0);
    EXPECT_NE(page_get_owner(page), PAGE_OWNER_BUFFER);
}

/* Until there is no more: an error, and afterwards everything is there again. */
TEST(bm_exhaustion)
{
    static IOBufferMemoryDescriptor *held[64];
    struct page_stats stats;
    unsigned count = 0;

    page_get_stats(&stats);
    if (ptoa(stats.total) > 512 << 20) {
        SKIP("so much memory takes long to zero");
    }
    while (count < 64 && (held[count] = IOBufferMemoryDescriptor_withCapacity(
                              16 << 20, kIODirectionIn, false)) != NULL) {
        count++;
    }
    EXPECT_GT(count, 0);
    EXPECT_LT(count, 64);
    EXPECT_EQ(IOMemoryLastError(), kIOReturnNoMemory);
    while (count > 0) {
        OSObject_release(held[--count]);
    }
}
