/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of disks: scattered memory for what is read, and what the disks hold. */
#ifndef TESTS_TARGET_DISK_H
#define TESTS_TARGET_DISK_H

#include "tests/harness/harness.h"
#include "tests/lib/scatter.h"

/* `pieces` pieces of `length` bytes in all, prepared for this direction; the test ends without. */
static inline struct scatter disk_memory(size_t pieces, size_t length, IODirection direction)
{
    struct scatter scatter;

    ASSERT_TRUE(scatter_create_pieces(&scatter, pieces, length, direction));
    return scatter;
}

/* Once prepared still, and nothing written beside the pieces. */
static inline void disk_memory_drop(struct scatter *scatter)
{
    EXPECT_TRUE(scatter_canaries_intact(scatter));
    EXPECT_EQ(IOMemoryDescriptor_complete(scatter->memory, kIODirectionNone), kIOReturnSuccess);
    scatter_destroy(scatter);
}

/* The byte at `position` of a disk made with the pattern "words": words that count themselves. */
static inline uint8_t disk_byte(uint64_t position)
{
    return (uint8_t)(position / 8 >> position % 8 * 8);
}

/* Bytes from `first` on, `length` of them, that are not the disk's from `position` on. */
static inline uint64_t disk_differences(const struct scatter *scatter, uint64_t first,
                                        uint64_t length, uint64_t position)
{
    uint64_t differences = 0, at = 0;

    for (size_t i = 0; i < scatter->pieces; i++) {
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
