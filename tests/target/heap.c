/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* The heap on target, and malloc's family in front of it. */
#include "kernel/heap.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/page.h"
#include "tests/harness/harness.h"

#define BLOCKS 300

TEST(blocks_do_not_overlap)
{
    static uint8_t *blocks[BLOCKS];

    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = 1 + i * 37 % 9000;

        blocks[i] = heap_alloc(size);
        ASSERT_NE(blocks[i], NULL);
        EXPECT_EQ((uintptr_t)blocks[i] % 16, 0);
        EXPECT_GE(heap_size(blocks[i]), size);
        memset(blocks[i], (int)i, size);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (size_t j = 0; j < 1 + i * 37 % 9000; j++) {
            ASSERT_EQ(blocks[i][j], (uint8_t)i);
        }
        heap_free(blocks[i]);
    }
}

TEST(trim_gives_every_page_back)
{
    struct page_stats before, after;

    heap_trim();
    page_get_stats(&before);
    for (size_t size = 16; size <= 65536; size *= 2) {
        heap_free(heap_alloc(size));
    }
    heap_trim();
    page_get_stats(&after);
    EXPECT_EQ(after.owned[PAGE_OWNER_HEAP], before.owned[PAGE_OWNER_HEAP]);
}

TEST(malloc_is_this_heap)
{
    struct heap_stats before, held;
    char *block;

    heap_get_stats(&before);
    block = malloc(1000);
    heap_get_stats(&held);
    EXPECT_EQ(held.blocks, before.blocks + 1);
    EXPECT_GE(heap_size(block), 1000);
    block = realloc(block, 100000);
    ASSERT_NE(block, NULL);
    free(block);
}

TEST(want_of_memory_is_null)
{
    struct page_stats pages;

    page_get_stats(&pages);
    EXPECT_EQ(heap_alloc((pages.total + 1) * PAGE_SIZE), NULL);
    EXPECT_EQ(heap_alloc(SIZE_MAX), NULL);
    EXPECT_EQ(heap_alloc(0), NULL);
    EXPECT_EQ(heap_alloc_aligned(1, 3), NULL);
}
