/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of disks: memory in pieces that touch nowhere, each in a page of its
 * own between canary bytes, and the content of the disks they are read from.
 */
#ifndef TESTS_TARGET_SCATTER_H
#define TESTS_TARGET_SCATTER_H

#include <string.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/harness/harness.h"

#define SCATTER_CANARY 0xc5

struct scatter {
    unsigned count; /* pieces */
    uint64_t length;
    IOAddressRange *ranges;
    IOMemoryDescriptor *memory;
};

/* Piece i lies behind the first byte of its page and ends before the last. */
static inline uint64_t scatter_offset(unsigned i)
{
    return 1 + i * 97 % 500;
}

static inline uint64_t scatter_fill(struct scatter *scatter, uint8_t byte)
{
    for (unsigned i = 0; i < scatter->count; i++) {
        memset((void *)scatter->ranges[i].address, byte, scatter->ranges[i].length);
    }
    return scatter->length;
}

/* `count` pieces of `length` bytes in all, prepared for this direction. */
static inline struct scatter scatter_create(unsigned count, uint64_t length, IODirection direction)
{
    struct scatter scatter = {.count = count, .length = length};
    uint64_t left = length;

    scatter.ranges = heap_alloc(count * sizeof(IOAddressRange));
    ASSERT_TRUE(scatter.ranges != NULL);
    for (unsigned i = 0; i < count; i++) {
        const uint64_t rest = count - i - 1;
        uint64_t size = left / (count - i);
        paddr_t page;

        if (rest > 0 && size > 1) {
            size -= (size & 1) ^ (i & 1); /* odd lengths among them */
        }
        ASSERT_TRUE(size > 0 && size + scatter_offset(i) < PAGE_SIZE);
        ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
        memset(phys_to_virt(page), SCATTER_CANARY, PAGE_SIZE);
        scatter.ranges[i].address = (uint64_t)phys_to_virt(page) + scatter_offset(i);
        scatter.ranges[i].length = size;
        left -= size;
    }
    ASSERT_EQ(left, 0);
    scatter_fill(&scatter, 0);
    scatter.memory =
        IOMemoryDescriptor_withAddressRanges(scatter.ranges, count, direction, kernel_task);
    ASSERT_TRUE(scatter.memory != NULL);
    ASSERT_EQ(IOMemoryDescriptor_prepare(scatter.memory, kIODirectionNone), kIOReturnSuccess);
    return scatter;
}

/* Canary bytes of all pages that are no longer what they were. */
static inline unsigned scatter_damage(const struct scatter *scatter)
{
    unsigned damage = 0;

    for (unsigned i = 0; i < scatter->count; i++) {
        const uint64_t start = scatter->ranges[i].address & ~PAGE_MASK;
        const uint64_t end = scatter->ranges[i].address + scatter->ranges[i].length;

        for (uint64_t at = start; at < start + PAGE_SIZE; at++) {
            if (at < scatter->ranges[i].address || at >= end) {
                damage += *(uint8_t *)at != SCATTER_CANARY;
            }
        }
    }
    return damage;
}

static inline void scatter_destroy(struct scatter *scatter)
{
    EXPECT_EQ(scatter_damage(scatter), 0);
    EXPECT_EQ(IOMemoryDescriptor_complete(scatter->memory, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(scatter->memory);
    for (unsigned i = 0; i < scatter->count; i++) {
        const paddr_t page = virt_to_phys((void *)(scatter->ranges[i].address & ~PAGE_MASK));

        EXPECT_EQ(page_free(page, 0), KERN_SUCCESS);
    }
    heap_free(scatter->ranges);
}

/* The byte at `position` of a disk made with the pattern "words": words that count themselves. */
static inline uint8_t disk_byte(uint64_t position)
{
    return (uint8_t)(position / 8 >> position % 8 * 8);
}

/* Byte `i` of the pieces taken together. */
static inline uint8_t *scatter_at(const struct scatter *scatter, uint64_t i)
{
    const IOAddressRange *range = scatter->ranges;

    while (i >= range->length) {
        i -= range++->length;
    }
    return (uint8_t *)range->address + i;
}

/* Bytes from `first` on, `length` of them, that are not the disk's from `position` on. */
static inline uint64_t scatter_differences(const struct scatter *scatter, uint64_t first,
                                           uint64_t length, uint64_t position)
{
    uint64_t differences = 0, at = 0;

    for (unsigned i = 0; i < scatter->count; i++) {
        const uint8_t *bytes = (const uint8_t *)scatter->ranges[i].address;

        for (uint64_t k = 0; k < scatter->ranges[i].length; k++, at++) {
            if (at >= first && at < first + length) {
                differences += bytes[k] != disk_byte(position + at - first);
            }
        }
    }
    return differences;
}

#endif
