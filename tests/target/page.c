/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator on a real machine: its RAM, and that the pages are memory. */
#include "kernel/page.h"

#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "tests/harness/harness.h"

extern char __image_start[], __image_end[];

#define HELD 2000

/* Each page its own pattern, so that two owners of one page show. */
static void fill(paddr_t page, uint64_t value)
{
    uint64_t *words = phys_to_virt(page);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        words[i] = value ^ i;
    }
}

static bool is_filled(paddr_t page, uint64_t value)
{
    const uint64_t *words = phys_to_virt(page);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*words); i++) {
        if (words[i] != (value ^ i)) {
            return false;
        }
    }
    return true;
}

TEST(all_ram_of_the_tree_is_accounted_for)
{
    const struct devicetree_machine *machine = devicetree_machine();
    const uint64_t image = (uint64_t)(__image_end - __image_start) / PAGE_SIZE;
    struct page_stats stats;
    uint64_t bytes = 0;

    for (unsigned i = 0; i < machine->memory_count; i++) {
        bytes += machine->memory[i].size;
    }
    page_get_stats(&stats);
    EXPECT_EQ(stats.total, bytes / PAGE_SIZE);
    EXPECT_EQ(stats.total, stats.reserved + stats.free + stats.allocated);
    /* The image, with the guards below its stacks, is as large as it is; beside it, little is. */
    EXPECT_GE(stats.reserved, image);
    EXPECT_LT(stats.reserved - image, stats.total / 32);
    EXPECT_EQ(page_get_state(paddr((page_last() + 1) << PAGE_SHIFT)), PAGE_FOREIGN);
}

TEST(what_is_in_use_is_reserved)
{
    const struct devicetree_machine *machine = devicetree_machine();

    for (const char *at = __image_start; at < __image_end; at += PAGE_SIZE) {
        ASSERT_EQ(page_get_state(virt_to_phys(at)), PAGE_RESERVED);
    }
    EXPECT_EQ(page_get_state(virt_to_phys(devicetree())), PAGE_RESERVED);
    for (unsigned i = 0; i < machine->reserved_count; i++) {
        EXPECT_NE(page_get_state(machine->reserved[i].base), PAGE_FREE);
    }
}

TEST(pages_are_distinct_memory)
{
    static paddr_t pages[HELD];

    for (unsigned i = 0; i < HELD; i++) {
        ASSERT_EQ(page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
        fill(pages[i], pages[i].value);
    }
    for (unsigned i = 0; i < HELD; i++) {
        ASSERT_TRUE(is_filled(pages[i], pages[i].value));
    }
    for (unsigned i = 0; i < HELD; i++) {
        EXPECT_EQ(page_free(pages[i], 0), KERN_SUCCESS);
    }
}

/* Does the direct map reach the last byte of RAM, and the block before it? */
TEST(largest_blocks_can_be_written)
{
    paddr_t blocks[64];
    unsigned count = 0;
    unsigned order = PAGE_ORDER_MAX + 1;

    while (order-- > 10 && count < 64) {
        while (count < 64 && page_alloc(order, PAGE_OWNER_IMAGE, &blocks[count]) == KERN_SUCCESS) {
            uint64_t size = PAGE_SIZE << order;

            fill(blocks[count], 1);
            fill(paddr_add(blocks[count], size - PAGE_SIZE), 2);
            EXPECT_TRUE(is_filled(blocks[count], 1));
            EXPECT_TRUE(is_filled(paddr_add(blocks[count], size - PAGE_SIZE), 2));
            EXPECT_EQ(page_free(blocks[count], order), KERN_SUCCESS);
            if (page_alloc(order, PAGE_OWNER_IMAGE, &blocks[count]) == KERN_SUCCESS) {
                count++;
            }
        }
        while (count > 0) {
            EXPECT_EQ(page_free(blocks[--count], order), KERN_SUCCESS);
        }
    }
}

TEST(zeroed_runs_are_zero)
{
    struct page_request request = {.count = 5, .owner = PAGE_OWNER_BUFFER};
    paddr_t first, again;

    ASSERT_EQ(page_alloc_run(&request, &first), KERN_SUCCESS);
    for (unsigned i = 0; i < 5; i++) {
        fill(paddr_add(first, i * PAGE_SIZE), 7);
    }
    ASSERT_EQ(page_free_run(first, 5), KERN_SUCCESS);
    request.zero = true;
    ASSERT_EQ(page_alloc_run(&request, &again), KERN_SUCCESS);
    EXPECT_EQ(again.value, first.value); /* or the test shows nothing */
    for (unsigned i = 0; i < 5 * PAGE_SIZE; i++) {
        ASSERT_EQ(((uint8_t *)phys_to_virt(again))[i], 0);
    }
    EXPECT_EQ(page_free_run(again, 5), KERN_SUCCESS);
}

TEST(ceiling_is_kept)
{
    struct page_request request = {
        .count = 3, .alignment = 16 * PAGE_SIZE, .owner = PAGE_OWNER_DRIVER};
    paddr_t first;

    request.highest = virt_to_phys(__image_end).value + (16 << 20) - 1;
    ASSERT_EQ(page_alloc_run(&request, &first), KERN_SUCCESS);
    EXPECT_LE(first.value + 3 * PAGE_SIZE - 1, request.highest);
    EXPECT_EQ(first.value % request.alignment, 0);
    EXPECT_EQ(page_free_run(first, 3), KERN_SUCCESS);
    request.highest = virt_to_phys(__image_start).value & ~(((uint64_t)1 << 30) - 1);
    EXPECT_EQ(page_alloc_run(&request, &first), KERN_RESOURCE_SHORTAGE); /* below all RAM */
}

TEST(exhaustion_is_an_error_and_all_comes_back)
{
    struct page_stats before, after;
    paddr_t newest = paddr(0), page;
    uint64_t count = 0;

    page_get_stats(&before);
    if (before.free > 1u << 18) {
        SKIP("too much RAM to take it all page by page");
    }
    while (page_alloc(0, PAGE_OWNER_IMAGE, &page) == KERN_SUCCESS) {
        *(paddr_t *)phys_to_virt(page) = newest; /* a list through the pages themselves */
        newest = page;
        count++;
    }
    EXPECT_EQ(count, before.free);
    EXPECT_EQ(page_alloc(3, PAGE_OWNER_IMAGE, &page), KERN_RESOURCE_SHORTAGE);
    while (newest.value != 0) {
        page = newest;
        newest = *(paddr_t *)phys_to_virt(page);
        ASSERT_EQ(page_free(page, 0), KERN_SUCCESS);
    }
    page_get_stats(&after);
    EXPECT_MEM_EQ(after.free_blocks, before.free_blocks, sizeof(before.free_blocks));
    EXPECT_GE(after.high_water, count);
}

TEST(bad_frees_are_refused)
{
    paddr_t block;

    ASSERT_EQ(page_alloc(1, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    EXPECT_EQ(page_free(block, 0), KERN_INVALID_ARGUMENT);
    EXPECT_EQ(page_free(paddr_add(block, PAGE_SIZE), 0), KERN_INVALID_ADDRESS);
    EXPECT_EQ(page_free(paddr_add(block, 8), 1), KERN_INVALID_ADDRESS);
    EXPECT_EQ(page_pin(block), KERN_SUCCESS);
    EXPECT_EQ(page_free(block, 1), KERN_FAILURE);
    EXPECT_EQ(page_unpin(block), KERN_SUCCESS);
    EXPECT_EQ(page_free(block, 1), KERN_SUCCESS);
    EXPECT_EQ(page_free(block, 1), KERN_FAILURE);
    EXPECT_EQ(page_free(virt_to_phys(__image_start), 0), KERN_INVALID_ADDRESS);
    EXPECT_EQ(page_free(paddr(0x09000000), 0), KERN_INVALID_ADDRESS);
}
