/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/* IOMalloc's families on the real CPU: faults, interrupts, cache maintenance. */
#include <string.h>

#include "descriptors/IOMalloc.h"
#include "descriptors/IOMallocAccounting.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOProcessorCache.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "kernel/vm_object.h"
#include "tests/harness/harness.h"

static uint64_t live_blocks(void)
{
    uint64_t blocks = 0;

    for (unsigned family = 0; family < kIOMallocFamilyCount; family++) {
        IOMallocStatistics statistics;

        IOMallocGetStatistics(family, &statistics);
        blocks += statistics.blocks + statistics.waiting;
    }
    return blocks;
}

BALANCE(malloc_blocks, live_blocks)

static uint64_t resident(void)
{
    struct vm_object_stats stats;

    vm_object_get_stats(&stats);
    return stats.pages;
}

static bool is_executable(const void *address)
{
    struct mmu_translation at;

    return mmu_translate(mmu_kernel, (vaddr_t)address, &at) &&
           (at.attributes.access & MMU_EXECUTE) != 0;
}

TEST(wired_memory_is_writable_and_not_executable)
{
    IOPhysicalAddress physical;

    for (size_t size = 1; size < 300000; size += 1 + size / 2) {
        uint8_t *blocks[] = {IOMalloc(size), IOMallocZero(size), IOMallocAligned(size, 256),
                             IOMallocContiguous(size, 0, &physical), IOMallocData(size)};

        for (unsigned i = 0; i < 5; i++) {
            ASSERT_NE(blocks[i], NULL);
            EXPECT_FALSE(is_executable(blocks[i]));
            EXPECT_EQ((uintptr_t)blocks[i] % 16, 0);
        }
        for (size_t at = 0; at < size; at++) {
            ASSERT_EQ(blocks[1][at] | blocks[3][at], 0);
        }
        for (unsigned i = 0; i < 5; i++) {
            memset(blocks[i], (int)i, size);
        }
        for (unsigned i = 0; i < 5; i++) {
            EXPECT_EQ(blocks[i][size - 1] | blocks[i][0], i);
        }
        EXPECT_EQ(virt_to_phys(blocks[3]).value, physical);
        EXPECT_LT(physical + size, 1ull << 32);
        IOFree(blocks[0], size);
        IOFree(blocks[1], size);
        IOFreeAligned(blocks[2], size);
        IOFreeContiguous(blocks[3], size);
        IOFreeData(blocks[4], size);
    }
}

TEST(al_7_pageable_memory_comes_when_touched)
{
    const uint64_t pages = resident();
    volatile uint8_t *block = IOMallocPageable(8 * PAGE_SIZE, 64 * 1024);
    IOMemoryDescriptor *md;

    ASSERT_NE(block, NULL);
    EXPECT_EQ((uintptr_t)block % (64 * 1024), 0);
    EXPECT_EQ(resident(), pages);
    EXPECT_EQ(block[5 * PAGE_SIZE - 1], 0);
    block[7 * PAGE_SIZE] = 9;
    EXPECT_EQ(resident(), pages + 2);
    md = IOMemoryDescriptor_withAddressRange((uint64_t)block, 8 * PAGE_SIZE, kIODirectionOutIn,
                                             kernel_task);
    EXPECT_EQ(IOMemoryDescriptor_prepare(md, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(resident(), pages + 8);
    EXPECT_EQ(block[7 * PAGE_SIZE], 9);
    EXPECT_EQ(IOMemoryDescriptor_complete(md, kIODirectionNone), kIOReturnSuccess);
    OSObject_release(md);
    IOFreePageable((void *)block, 8 * PAGE_SIZE);
    EXPECT_EQ(resident(), pages);
}

/* What a handler does with a block, and what it was told. */
static struct {
    void *block;
    void *got;
    IOReturn error, flushed;
    uint64_t heap_blocks;
    volatile bool done;
} in_handler;

static uint64_t heap_blocks(void)
{
    struct heap_stats stats;

    heap_get_stats(&stats);
    return stats.blocks;
}

static void handler(void *context)
{
    (void)context;
    in_handler.got = IOMalloc(100);
    in_handler.error = IOMemoryLastError();
    in_handler.flushed = IOFlushProcessorCache(kernel_task, (uint64_t)in_handler.block, 100);
    IOFree(in_handler.block, 100);
    in_handler.heap_blocks = heap_blocks();
    in_handler.done = true;
}

TEST(al_13_a_handler_allocates_nothing_and_frees_later)
{
    struct timer timer = {.callback = handler};
    irq_state_t before;
    uint64_t blocks;

    in_handler.block = IOMalloc(100);
    in_handler.got = &timer;
    in_handler.done = false;
    blocks = heap_blocks();
    timer_start(&timer, 1000);
    before = irq_mask();
    while (!in_handler.done) {
        irq_wait();
    }
    irq_restore(before);
    EXPECT_EQ(in_handler.got, NULL);
    EXPECT_EQ(in_handler.error, kIOReturnCannotLock);
    EXPECT_EQ(in_handler.flushed, kIOReturnSuccess);
    EXPECT_EQ(in_handler.heap_blocks, blocks);
    IOFree(IOMalloc(1), 1);
    EXPECT_LT(heap_blocks(), blocks);
}

/* A handler frees blocks while thread context allocates and frees others. */
#define SHARED 64

static struct {
    void *blocks[SHARED]; /* from the thread to the handler; NULL: taken */
    unsigned freed;       /* by the handler, one an interrupt */
} shared;

static struct timer sweeper;

static void sweep(void *context)
{
    const unsigned target = *(const unsigned *)context;

    const unsigned i = shared.freed++ % SHARED;
    void *block = __atomic_exchange_n(&shared.blocks[i], NULL, __ATOMIC_ACQUIRE);

    IOFreeData(block, 32 + i);
    if (shared.freed < target) {
        timer_start(&sweeper, 10000);
    }
}

TEST(al_13_frees_in_a_handler_interrupt_anything)
{
    static const unsigned target = 5000;

    shared.freed = 0;
    sweeper = (struct timer){.callback = sweep, .context = (void *)&target};
    timer_start(&sweeper, 20000);
    for (unsigned i = 0; __atomic_load_n(&shared.freed, __ATOMIC_RELAXED) < target;
         i = (i + 1) % SHARED) {
        void *mine = IOMallocZero(200);

        EXPECT_NE(mine, NULL);
        if (__atomic_load_n(&shared.blocks[i], __ATOMIC_RELAXED) == NULL) {
            __atomic_store_n(&shared.blocks[i], IOMallocData(32 + i), __ATOMIC_RELEASE);
        }
        IOFree(mine, 200);
    }
    for (unsigned i = 0; i < SHARED; i++) {
        IOFreeData(__atomic_exchange_n(&shared.blocks[i], NULL, __ATOMIC_ACQUIRE), 32 + i);
    }
    IOMallocReclaim();
}

TEST(al_11_flushing_keeps_all_data)
{
    uint8_t *block = IOMallocAligned(3 * PAGE_SIZE, PAGE_SIZE);
    uint8_t *pageable = IOMallocPageable(3 * PAGE_SIZE, 0);

    ASSERT_NE(block, NULL);
    ASSERT_NE(pageable, NULL);
    for (size_t i = 0; i < 3 * PAGE_SIZE; i++) {
        block[i] = (uint8_t)(i * 7);
    }
    pageable[PAGE_SIZE] = 5;
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, (uint64_t)block + 100, 5000), kIOReturnSuccess);
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, (uint64_t)block, 0), kIOReturnSuccess);
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, (uint64_t)pageable, 3 * PAGE_SIZE),
              kIOReturnSuccess);
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, (uint64_t)pageable, 4 * PAGE_SIZE),
              kIOReturnVMError);
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, 0, 1), kIOReturnVMError);
    EXPECT_EQ(IOFlushProcessorCache(kernel_task, (uint64_t)block, -(uint64_t)block),
              kIOReturnBadArgument);
    for (size_t i = 0; i < 3 * PAGE_SIZE; i++) {
        ASSERT_EQ(block[i], (uint8_t)(i * 7));
    }
    EXPECT_EQ(pageable[PAGE_SIZE], 5);
    EXPECT_EQ(pageable[0], 0);
    IOFreeAligned(block, 3 * PAGE_SIZE);
    IOFreePageable(pageable, 3 * PAGE_SIZE);
}

static enum mmu_memory mode(volatile uint8_t *at)
{
    struct mmu_translation to;

    (void)*at;
    ASSERT_TRUE(mmu_translate(mmu_kernel, (vaddr_t)at, &to));
    return to.attributes.memory;
}

TEST(al_12_changing_the_cache_mode_keeps_all_data)
{
    uint8_t *block = IOMallocPageable(4 * PAGE_SIZE, 0);
    const uint64_t address = (uint64_t)block;

    ASSERT_NE(block, NULL);
    for (size_t i = 0; i < 4 * PAGE_SIZE; i++) {
        block[i] = (uint8_t)(i * 5);
    }
    EXPECT_EQ(
        IOSetProcessorCacheMode(kernel_task, address + PAGE_SIZE, 2 * PAGE_SIZE, kIOInhibitCache),
        kIOReturnSuccess);
    EXPECT_EQ(mode(block), MMU_NORMAL);
    EXPECT_EQ(mode(block + PAGE_SIZE), MMU_NONCACHED);
    EXPECT_EQ(mode(block + 2 * PAGE_SIZE), MMU_NONCACHED);
    for (size_t i = 0; i < 4 * PAGE_SIZE; i++) {
        ASSERT_EQ(block[i], (uint8_t)(i * 5));
    }
    EXPECT_EQ(IOSetProcessorCacheMode(kernel_task, address, 5 * PAGE_SIZE, kIODefaultCache),
              kIOReturnVMError);
    EXPECT_EQ(mode(block + PAGE_SIZE), MMU_NONCACHED);
    block[PAGE_SIZE] = 77;
    EXPECT_EQ(IOSetProcessorCacheMode(kernel_task, address, 4 * PAGE_SIZE, kIODefaultCache),
              kIOReturnSuccess);
    EXPECT_EQ(mode(block + PAGE_SIZE), MMU_NORMAL);
    EXPECT_EQ(block[PAGE_SIZE], 77);
    for (size_t i = 0; i < 4 * PAGE_SIZE; i++) {
        if (i != PAGE_SIZE) {
            ASSERT_EQ(block[i], (uint8_t)(i * 5));
        }
    }
    IOFreePageable(block, 4 * PAGE_SIZE);
}

/* In release builds a wrong free is logged and the block stays as it is. */
TEST(al_9_wrong_frees_change_nothing)
{
#ifdef DEBUG
    SKIP("fatal in a debug build");
#else
    uint8_t *block = IOMallocZero(64);
    uint8_t *other;

    IOFree(block + 16, 48);
    IOFreeData(block, 64);
    IOFree((void *)0x123456789abcull, 64);
    block[63] = 1;
    IOFree(block, 64);
    IOFree(block, 64); /* twice */
    block = IOMalloc(64);
    other = IOMalloc(64);
    EXPECT_NE(block, other);
    IOFree(block, 64);
    IOFree(other, 64);
#endif
}
