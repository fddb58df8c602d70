/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache maintenance by address, and memory below 4 GiB, in a machine with RAM on
 * both sides of that: the checks AL-6, AL-11, AL-12.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IOMalloc.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOProcessorCache.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"
#include "tests/host/machine/sim_machine.h"
#include "tests/host/sim/sim_cache.h"

#define RAM      (6 * SIM_GIB)
#define FOUR_GIB (4 * SIM_GIB)

static struct holdings before;

static int power_on(void **state)
{
    (void)state;
    sim_machine_start(RAM);
    return 0;
}

static int power_off(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

static int start(void **state)
{
    (void)state;
    before = holdings_now();
    memset(&sim_cache, 0, sizeof(sim_cache));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sim_in_handler = false;
    return sim_holds(&before) ? 0 : -1;
}

static IOReturn flush(void *address, uint64_t length)
{
    return IOFlushProcessorCache(kernel_task, (uint64_t)address, length);
}

static void al_11_arguments(void **state)
{
    uint8_t *block = IOMalloc(100);
    struct task *task;

    (void)state;
    assert_int_equal(task_create(&task), KERN_SUCCESS);
    assert_int_equal(IOFlushProcessorCache(task, (uint64_t)block, 100), kIOReturnUnsupported);
    assert_int_equal(IOFlushProcessorCache(TASK_NULL, (uint64_t)block, 100), kIOReturnUnsupported);
    task_release(task);
    assert_int_equal(flush(block, -(uint64_t)block), kIOReturnBadArgument);
    assert_int_equal(flush(block, UINT64_MAX), kIOReturnBadArgument);
    assert_int_equal(sim_cache.barriers, 0);
    assert_int_equal(flush(block, 0), kIOReturnSuccess);
    assert_int_equal(flush((void *)0x1234, 0), kIOReturnSuccess);
    assert_int_equal(sim_cache.barriers, 2);
    assert_int_equal(sim_cache.flushed, 0);
    assert_int_equal(flush((void *)0x1234, 1), kIOReturnVMError);
    IOFree(block, 100);
}

static void al_11_every_line_of_a_range_is_flushed(void **state)
{
    uint8_t *block = IOMallocAligned(3 * PAGE_SIZE, PAGE_SIZE);

    (void)state;
    assert_int_equal(flush(block, 1), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 1);
    assert_int_equal(sim_cache.barriers, 1);
    assert_int_equal(flush(block + 63, 2), kIOReturnSuccess); /* two lines, both whole */
    assert_int_equal(sim_cache.flushed, 3);
    assert_int_equal(flush(block, 3 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 3 + 3 * PAGE_SIZE / SIM_CACHE_LINE);
    IOFreeAligned(block, 3 * PAGE_SIZE);
}

static void al_11_more_than_4_gib_is_flushed_whole(void **state)
{
    (void)state;
    assert_int_equal(flush(phys_to_virt(paddr(SIM_RAM_BASE)), 5 * SIM_GIB + 1), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 5 * SIM_GIB / SIM_CACHE_LINE + 1);
}

static void al_11_what_lies_before_a_hole_is_flushed(void **state)
{
    (void)state;
    assert_int_equal(flush(phys_to_virt(paddr(SIM_RAM_BASE + RAM - 2 * PAGE_SIZE)), 4 * PAGE_SIZE),
                     kIOReturnVMError);
    assert_int_equal(sim_cache.flushed, 2 * PAGE_SIZE / SIM_CACHE_LINE);
}

static void al_11_absent_pages_are_in_no_cache(void **state)
{
    uint8_t *block = IOMallocPageable(4 * PAGE_SIZE, 0);

    (void)state;
    assert_int_equal(flush(block, 4 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 0);
    assert_int_equal(sim_store(kernel_map, (vaddr_t)block + PAGE_SIZE, 1), KERN_SUCCESS);
    assert_int_equal(flush(block + 100, 4 * PAGE_SIZE - 100), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, PAGE_SIZE / SIM_CACHE_LINE);
    /* Resident, but in no page table: it may still be in the cache by another address. */
    vm_map_drop_tables(kernel_map, (vaddr_t)block, 4 * PAGE_SIZE);
    assert_int_equal(flush(block, 4 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 2 * PAGE_SIZE / SIM_CACHE_LINE);
    sim_in_handler = true;
    assert_int_equal(flush(block, 4 * PAGE_SIZE), kIOReturnVMError);
    sim_in_handler = false;
    assert_int_equal(flush(block, 5 * PAGE_SIZE), kIOReturnVMError); /* a hole behind it */
    IOFreePageable(block, 4 * PAGE_SIZE);
}

static void al_11_device_ranges_succeed(void **state)
{
    struct vm_range range = {
        .access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE, .memory = MMU_DEVICE};
    vaddr_t at = 0;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(0x9000000), 2, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(kernel_map, &at, 2 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    assert_int_equal(flush((void *)at, 2 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(vm_map_fill_tables(kernel_map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(flush((void *)at, 2 * PAGE_SIZE), kIOReturnSuccess);
    assert_int_equal(vm_map_remove(kernel_map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
}

/* The mode in the page tables, after an access. */
static enum mmu_memory mode(uint8_t *page)
{
    struct mmu_translation to;
    uint8_t byte;

    assert_int_equal(sim_load(kernel_map, (vaddr_t)page, &byte), KERN_SUCCESS);
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)page, &to));
    return to.attributes.memory;
}

static void expect_modes(uint8_t *block, const enum mmu_memory modes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(mode(block + i * PAGE_SIZE), modes[i]);
    }
}

static IOReturn set_mode(uint8_t *address, uint64_t length, IOOptionBits to)
{
    return IOSetProcessorCacheMode(kernel_task, (uint64_t)address, length, to);
}

static void al_12_a_round_trip_keeps_the_data(void **state)
{
    static const enum mmu_memory changed[] = {MMU_NORMAL, MMU_NONCACHED, MMU_NONCACHED, MMU_NORMAL};
    static const enum mmu_memory normal[] = {MMU_NORMAL, MMU_NORMAL, MMU_NORMAL, MMU_NORMAL};
    uint8_t *block = IOMallocPageable(4 * PAGE_SIZE, 0);
    uint8_t byte;

    (void)state;
    for (unsigned i = 0; i < 4 * PAGE_SIZE; i += 64) {
        assert_int_equal(sim_store(kernel_map, (vaddr_t)block + i, (uint8_t)(i / 64)),
                         KERN_SUCCESS);
    }
    assert_int_equal(set_mode(block + PAGE_SIZE, 2 * PAGE_SIZE, kIOInhibitCache), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 2 * PAGE_SIZE / SIM_CACHE_LINE);
    expect_modes(block, changed);
    assert_int_equal(sim_store(kernel_map, (vaddr_t)block + PAGE_SIZE, 99), KERN_SUCCESS);
    assert_int_equal(set_mode(block, 4 * PAGE_SIZE, kIODefaultCache), kIOReturnSuccess);
    expect_modes(block, normal);
    for (unsigned i = 0; i < 4 * PAGE_SIZE; i += 64) {
        assert_int_equal(sim_load(kernel_map, (vaddr_t)block + i, &byte), KERN_SUCCESS);
        assert_int_equal(byte, i == PAGE_SIZE ? 99 : (uint8_t)(i / 64));
    }
    assert_int_equal(set_mode(block, PAGE_SIZE, kIOWriteThruCache), kIOReturnSuccess);
    assert_int_equal(mode(block), MMU_WRITE_THROUGH);
    IOFreePageable(block, 4 * PAGE_SIZE);
}

/* Of no bytes nothing is asked, and what may not be read has no mode to be given. */
static void al_12_what_cannot_be_seen_keeps_its_mode(void **state)
{
    struct vm_range range = {.max_access = MMU_READ | MMU_WRITE};
    vaddr_t at = 0;

    (void)state;
    assert_int_equal(set_mode(phys_to_virt(paddr(SIM_RAM_BASE)), 0, kIOInhibitCache),
                     kIOReturnSuccess);
    assert_int_equal(vm_object_create(1, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(kernel_map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_not_equal(set_mode((uint8_t *)at, PAGE_SIZE, kIOInhibitCache), kIOReturnSuccess);
    assert_int_equal(vm_object_page_memory(range.object, 0), MMU_NORMAL);
    assert_int_equal(vm_map_remove(kernel_map, at, PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(range.object);
}

static void al_12_pages_are_there_before_they_are_uncached(void **state)
{
    uint8_t *block = IOMallocPageable(2 * PAGE_SIZE, 0);

    (void)state;
    assert_int_equal(set_mode(block, 2 * PAGE_SIZE, kIOInhibitCache), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed, 2 * PAGE_SIZE / SIM_CACHE_LINE);
    IOFreePageable(block, 2 * PAGE_SIZE);
}

static void al_12_refusals_change_nothing(void **state)
{
    static const enum mmu_memory normal[] = {MMU_NORMAL, MMU_NORMAL, MMU_NORMAL, MMU_NORMAL};
    uint8_t *block = IOMallocPageable(4 * PAGE_SIZE, 0);
    uint8_t *wired = IOMallocAligned(PAGE_SIZE, PAGE_SIZE);
    const uint64_t address = (uint64_t)block;
    struct task *task;

    (void)state;
    assert_int_equal(task_create(&task), KERN_SUCCESS);
    assert_int_equal(IOSetProcessorCacheMode(task, address, PAGE_SIZE, 1), kIOReturnUnsupported);
    task_release(task);
    assert_int_equal(set_mode(block + 16, PAGE_SIZE, 1), kIOReturnUnsupported);
    assert_int_equal(set_mode(block, 100, 1), kIOReturnUnsupported);
    assert_int_equal(set_mode(block, 0, 1), kIOReturnSuccess);
    assert_int_equal(set_mode(block, PAGE_SIZE, 10), kIOReturnBadArgument);
    assert_int_equal(set_mode(block, PAGE_SIZE, 0x100), kIOReturnBadArgument);
    assert_int_equal(set_mode(block, -address, 1), kIOReturnBadArgument);
    assert_int_equal(set_mode(block, 5 * PAGE_SIZE, 1), kIOReturnVMError); /* a hole behind it */
    assert_int_equal(set_mode(NULL, PAGE_SIZE, 1), kIOReturnVMError);
    assert_int_equal(set_mode(wired, PAGE_SIZE, 1), kIOReturnNotPermitted);
    expect_modes(block, normal);
    assert_int_equal(set_mode(block, PAGE_SIZE, 9), kIOReturnSuccess); /* the last one there is */
    assert_int_equal(set_mode(block, PAGE_SIZE, kIOCopybackCache), kIOReturnSuccess);
    expect_modes(block, normal);
    IOFreeAligned(wired, PAGE_SIZE);
    IOFreePageable(block, 4 * PAGE_SIZE);
}

/* Take every page of RAM below 4 GiB. */
static unsigned take_low(paddr_t *blocks, uint8_t *orders)
{
    unsigned count = 0;

    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        const struct page_request request = {
            .count = (size_t)1 << order, .highest = FOUR_GIB - 1, .owner = PAGE_OWNER_IMAGE};

        while (page_alloc_run(&request, &blocks[count]) == KERN_SUCCESS) {
            orders[count++] = (uint8_t)order;
        }
    }
    return count;
}

static void al_6_with_its_address_asked_for_it_lies_below_4_gib(void **state)
{
    static paddr_t blocks[1 << 16];
    static uint8_t orders[1 << 16];
    const uint64_t sizes[] = {10, PAGE_SIZE, 5 * SIM_MIB};
    IOPhysicalAddress physical;
    unsigned count;
    void *block;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        block = IOMallocContiguous(sizes[i], 0, &physical);
        assert_non_null(block);
        assert_true(physical + sizes[i] <= FOUR_GIB);
        assert_ptr_equal(phys_to_virt(paddr(physical)), block);
        IOFreeContiguous(block, sizes[i]);
    }
    count = take_low(blocks, orders);
    for (unsigned i = 0; i < 3; i++) {
        physical = 1;
        assert_null(IOMallocContiguous(sizes[i], 0, &physical));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
        assert_int_equal(physical, 0);
        block = IOMallocContiguous(sizes[i], 0, NULL); /* there is room above */
        assert_non_null(block);
        if (sizes[i] >= PAGE_SIZE) {
            assert_true(virt_to_phys(block).value >= FOUR_GIB);
        }
        IOFreeContiguous(block, sizes[i]);
    }
    while (count-- > 0) {
        assert_int_equal(page_free_run(blocks[count], (size_t)1 << orders[count]), KERN_SUCCESS);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(al_11_arguments),
        TEST(al_11_every_line_of_a_range_is_flushed),
        TEST(al_11_more_than_4_gib_is_flushed_whole),
        TEST(al_11_what_lies_before_a_hole_is_flushed),
        TEST(al_11_absent_pages_are_in_no_cache),
        TEST(al_11_device_ranges_succeed),
        TEST(al_12_a_round_trip_keeps_the_data),
        TEST(al_12_what_cannot_be_seen_keeps_its_mode),
        TEST(al_12_pages_are_there_before_they_are_uncached),
        TEST(al_12_refusals_change_nothing),
        TEST(al_6_with_its_address_asked_for_it_lies_below_4_gib),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
