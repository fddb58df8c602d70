/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages, the heap and the page tables. */
#include "kernel/heap.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"

#define ROUNDS 1000
#define MIB    ((uint64_t)1 << 20)

/* Calls included, as a caller pays them; four in a row, so that the loop is not the measure. */
static void bench_page(struct bench_result *result)
{
    paddr_t page;

    page_alloc(0, PAGE_OWNER_IMAGE, &page);
    page_free(page, 0);
    result->operations = ROUNDS;
    bench_start();
#pragma GCC unroll 4
    for (unsigned i = 0; i < ROUNDS; i++) {
        page_alloc(0, PAGE_OWNER_IMAGE, &page);
        page_free(page, 0);
    }
    result->measured = bench_stop();
}

/* Each of many pages held at once, so that the free lists are visited too. */
static void bench_page_batch(struct bench_result *result)
{
    static paddr_t pages[ROUNDS];

    result->operations = ROUNDS;
    bench_start();
    for (unsigned i = 0; i < ROUNDS; i++) {
        page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        page_free(pages[i], 0);
    }
    result->measured = bench_stop();
}

static void run_pair(void *context)
{
    const struct page_request *request = context;
    paddr_t first;

    page_alloc_run(request, &first);
    page_free_run(first, request->count);
}

static void bench_page_run(struct bench_result *result)
{
    struct page_request request = {.count = MIB / PAGE_SIZE, .owner = PAGE_OWNER_IMAGE};

    result->operations = ROUNDS;
    result->measured = bench_calls(run_pair, &request, ROUNDS);
}

static void heap_pair(void *context)
{
    heap_free(heap_alloc(*(size_t *)context));
}

static void bench_heap(struct bench_result *result, size_t size)
{
    result->operations = ROUNDS;
    result->measured = bench_calls(heap_pair, &size, ROUNDS);
}

static void bench_heap_64(struct bench_result *result)
{
    bench_heap(result, 64);
}

static void bench_heap_4k(struct bench_result *result)
{
    bench_heap(result, PAGE_SIZE);
}

struct mapping {
    vaddr_t va;
    paddr_t pa;
    uint64_t size;
};

static void map_pair(void *context)
{
    const struct mapping *mapping = context;
    const struct mmu_attributes attributes = {.access = MMU_READ | MMU_WRITE};

    mmu_map(mmu_kernel, mapping->va, mapping->pa, mapping->size, attributes);
    mmu_unmap(mmu_kernel, mapping->va, mapping->size);
}

/* A neighbour keeps the tables in place, as in a space that is in use. */
static void bench_map(struct bench_result *result, uint64_t size)
{
    const struct mmu_attributes attributes = {.access = MMU_READ};
    struct page_request request = {
        .count = MIB / PAGE_SIZE, .alignment = MIB, .owner = PAGE_OWNER_IMAGE};
    struct mapping mapping = {.va = MMU_KERNEL_VA_BASE, .size = size};

    if (page_alloc_run(&request, &mapping.pa) != KERN_SUCCESS ||
        mmu_map(mmu_kernel, mapping.va + MIB, mapping.pa, PAGE_SIZE, attributes) != KERN_SUCCESS) {
        result->skipped = "no memory";
        return;
    }
    result->operations = ROUNDS;
    result->measured = bench_calls(map_pair, &mapping, ROUNDS);
    result->floor = hand_mapping_floor(size >> PAGE_SHIFT, ROUNDS);
    mmu_unmap(mmu_kernel, mapping.va + MIB, PAGE_SIZE);
    page_free_run(mapping.pa, request.count);
}

static void bench_map_page(struct bench_result *result)
{
    bench_map(result, PAGE_SIZE);
}

static void bench_map_mib(struct bench_result *result)
{
    bench_map(result, MIB);
}

static const struct bench rows[] = {
    {.id = "page", .goal_row = "11", .name = "page alloc + free", .goal = 60, .run = bench_page},
    {.id = "page-batch", .name = "page alloc + free, 1000 held", .run = bench_page_batch},
    {.id = "page-run", .name = "1 MiB run alloc + free", .run = bench_page_run},
    {.id = "heap-64", .name = "heap alloc + free, 64 B", .run = bench_heap_64},
    {.id = "heap-4k", .name = "heap alloc + free, 4 KiB", .run = bench_heap_4k},
    {.id = "map-page",
     .goal_row = "M3",
     .name = "page tables alone: map + unmap, one page",
     .goal = 250,
     .run = bench_map_page},
    {.id = "map-mib",
     .goal_row = "M3",
     .name = "page tables alone: map + unmap, 1 MiB of pages",
     .goal = 5000,
     .run = bench_map_mib},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
