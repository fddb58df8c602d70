/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam over our kernel, called as no class calls it: each answers what its header says. */
#include "descriptors/platform_process.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/machine/dma_fixture.h"

static void small_blocks_lie_where_they_lie(void **state)
{
    const struct platform_memory_request refused[] = {
        {.size = 100, .alignment = PAGE_SIZE},
        {.size = 100, .highest = UINT32_MAX},
    };
    void *memory = NULL;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(platform_memory_alloc(&refused[i], &memory), KERN_INVALID_ARGUMENT);
        assert_null(memory);
    }
}

static void windows_end_where_the_direct_map_does(void **state)
{
    struct platform_window window;

    (void)state;
    assert_int_equal(platform_window(paddr(DIRECT_MAP_SIZE), 1, false, &window),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(platform_window(paddr(UINT64_MAX), 1, true, &window), KERN_INVALID_ADDRESS);
}

/* Holes have no mode, reservations none that could change, and what the kernel always sees keeps
 * its own. */
static void modes_are_those_of_pages(void **state)
{
    struct vm_map *const map = task_map(owner);
    const struct platform_view nothing = {.pages = 1};
    const uint64_t at = new_pages(owner, 2, RW);
    uint64_t reserved = 0;

    (void)state;
    store(owner, at, 1);
    assert_int_equal(platform_map_set_cache(map, at, PAGE_SIZE, kIOWriteThruCache), KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOWriteThruCache));
    assert_int_equal(platform_map_set_cache(map, at, PAGE_SIZE, kIODefaultCache), KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOCopybackCache));
    platform_map_adopt_cache(map, at, PAGE_SIZE, kIODefaultCache);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOCopybackCache));
    /* From the page into the hole behind it: nothing has changed. */
    assert_int_equal(platform_map_set_cache(map, at + PAGE_SIZE, 16 * PAGE_SIZE, kIOInhibitCache),
                     KERN_INVALID_ADDRESS);
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOCopybackCache));
    assert_false(platform_map_has_cache(map, at, 16 * PAGE_SIZE, kIOCopybackCache));
    platform_map_adopt_cache(map, at + 2 * PAGE_SIZE, PAGE_SIZE, kIOInhibitCache);
    assert_int_equal(platform_map_replace_cache(map, at + PAGE_SIZE, 16 * PAGE_SIZE,
                                                kIOInhibitCache, kIOWriteCombineCache),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(platform_map_show(map, &reserved, PLATFORM_ANYWHERE, &nothing), KERN_SUCCESS);
    assert_int_equal(platform_map_set_cache(map, reserved, PAGE_SIZE, kIOInhibitCache),
                     KERN_PROTECTION_FAILURE);
    assert_false(platform_map_has_cache(map, reserved, PAGE_SIZE, kIOInhibitCache));
    assert_int_equal(platform_map_remove(map, reserved, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(platform_map_set_cache(kernel_map, (uint64_t)phys_to_virt(paddr(DMA_LOW)),
                                            PAGE_SIZE, kIOInhibitCache),
                     KERN_PROTECTION_FAILURE);
}

/* Registers have modes page by page: borders are made for a part, all of them or none. */
static void a_part_of_a_view_of_registers_has_its_own_mode(void **state)
{
    IOMemoryDescriptor *device = describe(DEVICE, 3 * PAGE_SIZE, kIODirectionOutIn, TASK_NULL);
    IOMemoryMap *view = map_all(device, other, kIOMapWriteCombineCache);
    const uint64_t at = IOMemoryMap_getAddress(view), middle = at + PAGE_SIZE;
    struct vm_map *const map = task_map(other);
    struct inject_report report;

    (void)state;
    inject_begin(1);
    assert_int_equal(
        platform_map_replace_cache(map, middle, PAGE_SIZE, kIOWriteCombineCache, kIOInhibitCache),
        KERN_RESOURCE_SHORTAGE);
    inject_end(&report);
    assert_true(platform_map_has_cache(map, at, 3 * PAGE_SIZE, kIOWriteCombineCache));
    assert_int_equal(
        platform_map_replace_cache(map, middle, PAGE_SIZE, kIOWriteCombineCache, kIOInhibitCache),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOWriteCombineCache));
    assert_true(platform_map_has_cache(map, middle, PAGE_SIZE, kIOInhibitCache));
    assert_true(platform_map_has_cache(map, middle + PAGE_SIZE, PAGE_SIZE, kIOWriteCombineCache));
    /* Of the whole, what has the one mode gets the other. */
    assert_int_equal(
        platform_map_replace_cache(map, at, 3 * PAGE_SIZE, kIOInhibitCache, kIOPostedWrite),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOWriteCombineCache));
    assert_true(platform_map_has_cache(map, middle, PAGE_SIZE, kIOPostedWrite));
    assert_int_equal(
        platform_map_replace_cache(map, at, 3 * PAGE_SIZE, kIOPostedWrite, kIOWriteCombineCache),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, 3 * PAGE_SIZE, kIOWriteCombineCache));
    OSObject_release(view);
    OSObject_release(device);
}

/* What begins as registers and goes on as RAM: these have a mode of the view's, and it not. */
static void registers_and_ram_of_one_view_have_their_own_modes(void **state)
{
    struct platform_view view = {.pages = 2, .alignment = PAGE_SIZE, .writable = true};
    struct vm_map *const map = task_map(other);
    uint64_t at = 0;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(SIM_RAM_BASE - PAGE_SIZE), 2, &view.object),
                     KERN_SUCCESS);
    assert_int_equal(platform_map_show(map, &at, PLATFORM_ANYWHERE, &view), KERN_SUCCESS);
    vm_object_release(view.object);
    assert_int_equal(platform_map_set_cache(map, at, 2 * PAGE_SIZE, kIOPostedWrite), KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOPostedWrite));
    /* Nobody owns that page, so that none follows. */
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOCopybackCache));
    assert_false(platform_map_has_cache(map, at, 2 * PAGE_SIZE, kIOPostedWrite));
    assert_false(platform_map_has_cache(map, at, 2 * PAGE_SIZE, kIOCopybackCache));
    assert_int_equal(platform_map_remove(map, at, 2 * PAGE_SIZE), KERN_SUCCESS);
}

static void the_direct_map_has_holes(void **state)
{
    const uint64_t nowhere = (uint64_t)phys_to_virt(paddr(DIRECT_MAP_SIZE - PAGE_SIZE));
    const uint64_t last = (uint64_t)phys_to_virt(paddr(ptoa(platform_last_page())));
    struct platform_region region;

    (void)state;
    assert_int_equal(platform_map_lookup(kernel_map, nowhere, PAGE_SIZE, &region),
                     KERN_INVALID_ADDRESS);
    assert_false(platform_map_has_cache(kernel_map, nowhere, PAGE_SIZE, kIOCopybackCache));
    /* From the last page of RAM into what lies behind it. */
    assert_true(platform_map_has_cache(kernel_map, last, PAGE_SIZE, kIOCopybackCache));
    assert_false(platform_map_has_cache(kernel_map, last, 2 * PAGE_SIZE, kIOCopybackCache));
}

/* Where a byte lies is known of all of the direct map, at once, and of nothing beside it. */
static void the_direct_map_is_located_whole(void **state)
{
    static const uint64_t known[] = {0, 1, DMA_LOW, DIRECT_MAP_SIZE - 1};
    static const uint64_t unknown[] = {(uint64_t)-1, DIRECT_MAP_SIZE, DIRECT_MAP_SIZE + 5,
                                       MMU_KERNEL_VA_END - DIRECT_MAP_BASE};
    paddr_t physical;
    uint64_t length;

    (void)state;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        length = 16 * PAGE_SIZE;
        assert_true(platform_locate(phys_to_virt(paddr(known[i])), &physical, &length));
        assert_int_equal(physical.value, known[i]);
        assert_int_equal(length, 16 * PAGE_SIZE);
    }
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        const uint64_t left = PAGE_SIZE - (unknown[i] & PAGE_MASK);

        length = 16 * PAGE_SIZE;
        assert_false(platform_locate(phys_to_virt(paddr(unknown[i])), &physical, &length));
        assert_int_equal(length, left); /* the next page may be another's */
        length = 1;
        assert_false(platform_locate(phys_to_virt(paddr(unknown[i])), &physical, &length));
        assert_int_equal(length, 1);
    }
}

/* A dead task is nobody's memory. */
static void dead_tasks_are_not_loaded(void **state)
{
    task_t task;
    char byte = 7;

    (void)state;
    assert_int_equal(platform_task_create(&task), KERN_SUCCESS);
    platform_task_terminate(task);
    assert_int_equal(
        platform_task_load(task, 0x10000, PAGE_SIZE, &byte, 1, VM_PROT_READ | VM_PROT_WRITE),
        KERN_INVALID_ADDRESS);
    assert_int_equal(platform_user_read(NULL, 0x10000, &byte, 1), KERN_INVALID_ADDRESS);
    assert_int_equal(platform_user_write(NULL, 0x10000, &byte, 1), KERN_INVALID_ADDRESS);
    assert_int_equal(byte, 7);
    platform_task_release(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(small_blocks_lie_where_they_lie),
        MAP_TEST(windows_end_where_the_direct_map_does),
        MAP_TEST(modes_are_those_of_pages),
        MAP_TEST(the_direct_map_has_holes),
        MAP_TEST(dead_tasks_are_not_loaded),
        MAP_TEST(the_direct_map_is_located_whole),
        MAP_TEST(registers_and_ram_of_one_view_have_their_own_modes),
        MAP_TEST(a_part_of_a_view_of_registers_has_its_own_mode),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
