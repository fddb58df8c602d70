/* SPDX-License-Identifier: BSD-2-Clause */
// MACHINES: default max ram64m
/*
 * Buffers that need an address space, by the real CPU: guards that fault, cache modes in
 * the live tables, pages that come when touched, and user tasks that share. The checks
 * BM-3, BM-9 to BM-13; all of them are in tests/host/machine/map_buffer*_test.c.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOMemoryMap.h"
#include "kernel/fault.h"
#include "kernel/mmu.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"
#include "tests/lib/user_code.h"

#define PAGEABLE (kIODirectionOutIn | kIOMemoryPageable)

static uint64_t resident_pages(IOBufferMemoryDescriptor *buffer)
{
    IOByteCount resident = 0;

    EXPECT_EQ(IOMemoryDescriptor_getPageCounts(buffer, &resident, NULL), kIOReturnSuccess);
    return resident;
}

static IOMemoryMap *map_in(IOBufferMemoryDescriptor *buffer, struct task *task)
{
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(buffer, task, 0,
                                                              kIOMapAnywhere | kIOMapUnique, 0, 0);

    ASSERT_NE(map, NULL);
    return map;
}

static void load(void *at)
{
    (void)*(volatile uint8_t *)at;
}

static void store(void *at)
{
    *(volatile uint8_t *)at = 1;
}

TEST(bm_9_both_neighbours_of_a_guarded_buffer_fault)
{
    static const uint64_t sizes[] = {1, 4096, 4097, 30000};

    for (unsigned i = 0; i < 4; i++) {
        IOBufferMemoryDescriptor *buffer =
            IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, kIODirectionOutIn, sizes[i]);
        uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
        const uint64_t size = round_page(sizes[i]);
        struct fault_record fault;
        IOMemoryMap *map;

        ASSERT_NE(buffer, NULL);
        EXPECT_EQ((uintptr_t)bytes % PAGE_SIZE, 0);
        EXPECT_EQ(IOBufferMemoryDescriptor_getCapacity(buffer), size);
        memset(bytes, 0x77, size);
        map = map_in(buffer, kernel_task);
        EXPECT_EQ(((uint8_t *)IOMemoryMap_getAddress(map))[size - 1], 0x77);
        EXPECT_TRUE(fault_expect(load, bytes - 1, &fault));
        EXPECT_EQ(fault.far, (uintptr_t)bytes - 1);
        EXPECT_TRUE(fault_expect(store, bytes + size, &fault));
        EXPECT_EQ(fault.far, (uintptr_t)bytes + size);
        EXPECT_FALSE(fault_expect(store, bytes + size - 1, &fault));
        OSObject_release(map);
        OSObject_release(buffer);
    }
}

/* Of a mapped address in the live tables. */
static enum mmu_memory memory_at(struct task *task, uint64_t address)
{
    struct mmu_translation at = {.attributes.memory = MMU_DEVICE_GRE};

    EXPECT_TRUE(mmu_translate(vm_map_space(task_map(task)), address, &at));
    return at.attributes.memory;
}

TEST(bm_10_cache_modes_are_in_the_live_tables)
{
    static const struct {
        unsigned mode;
        enum mmu_memory memory;
    } modes[] = {
        {kIOInhibitCache, MMU_NONCACHED},      {kIOWriteThruCache, MMU_WRITE_THROUGH},
        {kIOWriteCombineCache, MMU_NONCACHED}, {kIOPostedWrite, MMU_NONCACHED},
        {kIORealTimeCache, MMU_NONCACHED},
    };
    struct task *task = NULL;
    uint8_t byte;

    ASSERT_EQ(task_create(&task), KERN_SUCCESS);
    for (unsigned i = 0; i < 10; i++) {
        const IOOptionBits mode = modes[i / 2].mode << kIOMapCacheShift;
        IOBufferMemoryDescriptor *buffer = IOBufferMemoryDescriptor_withOptions(
            (i % 2 ? PAGEABLE : kIODirectionOutIn) | mode, 9000, 1);
        volatile uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
        IOMemoryMap *map;

        ASSERT_NE(buffer, NULL);
        map = map_in(buffer, task);
        /* Across a page border and unaligned: no mode makes that fault. */
        *(volatile uint64_t *)(bytes + 4093) = 0x0102030405060708;
        EXPECT_EQ(user_code_load(task, IOMemoryMap_getAddress(map) + 4096, &byte), USER_STOP_CALL);
        EXPECT_EQ(byte, 5);
        EXPECT_EQ(memory_at(kernel_task, (uintptr_t)bytes + 4096), modes[i / 2].memory);
        EXPECT_EQ(memory_at(task, IOMemoryMap_getAddress(map) + 4096), modes[i / 2].memory);
        OSObject_release(map);
        OSObject_release(buffer);
    }
    task_release(task);
}

TEST(bm_1_pageable_pages_come_when_the_kernel_touches_them)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(PAGEABLE, 5 * PAGE_SIZE, 1);
    volatile uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);

    ASSERT_NE(buffer, NULL);
    EXPECT_EQ(resident_pages(buffer), 0);
    EXPECT_EQ(bytes[2 * PAGE_SIZE + 5], 0);
    bytes[4 * PAGE_SIZE] = 9;
    EXPECT_EQ(resident_pages(buffer), 2);
    EXPECT_EQ(IOMemoryDescriptor_prepare(buffer, kIODirectionNone), kIOReturnSuccess);
    EXPECT_EQ(resident_pages(buffer), 5);
    EXPECT_EQ(IOMemoryDescriptor_writeBytes(buffer, 100, "abc", 3), 3);
    EXPECT_EQ(bytes[102], 'c');
    OSObject_release(buffer); /* prepared as it is */
}

/* A buffer of one task, mapped into another and into the kernel: one memory for all. */
TEST(bm_3_tasks_share_a_buffer)
{
    struct task *owner = NULL, *other = NULL;
    IOBufferMemoryDescriptor *buffer;
    IOMemoryMap *theirs, *ours;
    uint64_t at;
    uint8_t byte;

    ASSERT_EQ(task_create(&owner), KERN_SUCCESS);
    ASSERT_EQ(task_create(&other), KERN_SUCCESS);
    buffer = IOBufferMemoryDescriptor_inTaskWithOptions(owner, PAGEABLE | kIOMemoryKernelUserShared,
                                                        9000, 1);
    ASSERT_NE(buffer, NULL);
    at = (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    theirs = map_in(buffer, other);
    ours = map_in(buffer, kernel_task);
    EXPECT_EQ(user_code_store(owner, at + 8999, 42), USER_STOP_CALL);
    EXPECT_EQ(user_code_load(other, IOMemoryMap_getAddress(theirs) + 8999, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 42);
    EXPECT_EQ(user_code_store(other, IOMemoryMap_getAddress(theirs), 43), USER_STOP_CALL);
    EXPECT_EQ(*(volatile uint8_t *)IOMemoryMap_getAddress(ours), 43);
    IOBufferMemoryDescriptor_setLength(buffer, 1);
    EXPECT_TRUE(IOBufferMemoryDescriptor_appendBytes(buffer, "y", 1));
    EXPECT_EQ(user_code_load(owner, at + 1, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 'y');
    OSObject_release(ours);
    OSObject_release(buffer); /* BM-13: one mapping holds it */
    EXPECT_EQ(user_code_load(other, IOMemoryMap_getAddress(theirs) + 1, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 'y');
    OSObject_release(theirs);
    EXPECT_EQ(user_code_load(owner, at, &byte), USER_STOP_FAULT);
    task_release(owner);
    task_release(other);
}

TEST(bm_11_a_copy_and_its_source_go_apart)
{
    struct task *owner = NULL, *other = NULL;
    IOBufferMemoryDescriptor *source, *copy;
    uint64_t from, to;
    uint8_t byte;

    ASSERT_EQ(task_create(&owner), KERN_SUCCESS);
    ASSERT_EQ(task_create(&other), KERN_SUCCESS);
    source = IOBufferMemoryDescriptor_inTaskWithOptions(owner, PAGEABLE, 3 * PAGE_SIZE, 1);
    ASSERT_NE(source, NULL);
    from = (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(source);
    EXPECT_EQ(user_code_store(owner, from, 1), USER_STOP_CALL);
    EXPECT_EQ(user_code_store(owner, from + PAGE_SIZE, 2), USER_STOP_CALL);
    copy = IOBufferMemoryDescriptor_withCopy(other, PAGEABLE, task_map(owner), from, 3 * PAGE_SIZE);
    ASSERT_NE(copy, NULL);
    to = (uintptr_t)IOBufferMemoryDescriptor_getBytesNoCopy(copy);
    EXPECT_EQ(user_code_store(owner, from, 11), USER_STOP_CALL);
    EXPECT_EQ(user_code_store(other, to + PAGE_SIZE, 22), USER_STOP_CALL);
    EXPECT_EQ(user_code_load(other, to, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 1);
    EXPECT_EQ(user_code_load(owner, from + PAGE_SIZE, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 2);
    OSObject_release(source);
    EXPECT_EQ(user_code_load(other, to + PAGE_SIZE, &byte), USER_STOP_CALL);
    EXPECT_EQ(byte, 22);
    OSObject_release(copy);
    task_release(owner);
    task_release(other);
}

TEST(bm_12_volatile_contents_go_when_memory_is_wanted)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withOptions(PAGEABLE | kIOMemoryPurgeable, 4 * PAGE_SIZE, 1);
    volatile uint8_t *bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IOOptionBits former = 0;

    ASSERT_NE(buffer, NULL);
    bytes[0] = 7;
    EXPECT_EQ(IOMemoryDescriptor_setPurgeable(buffer, kIOMemoryPurgeableVolatile, &former),
              kIOReturnSuccess);
    EXPECT_EQ(former, kIOMemoryPurgeableNonVolatile);
    EXPECT_EQ(bytes[0], 7);
    vm_purge_reclaim(1);
    EXPECT_EQ(IOMemoryDescriptor_setPurgeable(buffer, kIOMemoryPurgeableNonVolatile, &former),
              kIOReturnSuccess);
    EXPECT_EQ(former, kIOMemoryPurgeableEmpty);
    EXPECT_EQ(bytes[0], 0);
    OSObject_release(buffer);
}
