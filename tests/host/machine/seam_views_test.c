/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's views over our kernel: the modes and rights of parts of them, and what is beside. */
#include "descriptors/platform_vm.h"
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/machine/vm_check.h"

/* Five pages from this physical address on, somewhere in the map: where. */
static uint64_t show_window(struct vm_map *map, paddr_t first, struct platform_view *view)
{
    uint64_t at = 0;

    *view = (struct platform_view){.pages = 5, .alignment = PAGE_SIZE, .writable = true};
    assert_int_equal(platform_object_create_window(first, view->pages, &view->object),
                     KERN_SUCCESS);
    assert_int_equal(platform_map_show(map, &at, PLATFORM_ANYWHERE, view), KERN_SUCCESS);
    return at;
}

static void hide_window(struct vm_map *map, uint64_t at, const struct platform_view *view)
{
    assert_int_equal(platform_map_remove(map, at, ptoa(view->pages)), KERN_SUCCESS);
    platform_object_release(view->object);
}

/* A part of a view, in pieces of registers and of RAM, and what is beside the part. */
static void parts_of_a_view_adopt_a_mode(void **state)
{
    struct platform_view view;
    struct vm_map *const map = get_task_map(other);
    const struct page_request lowest = {
        .count = 3, .highest = SIM_RAM_BASE + 3 * PAGE_SIZE - 1, .owner = PAGE_OWNER_DRIVER};
    struct platform_region region;
    paddr_t ram;
    uint64_t at;

    (void)state;
    assert_int_equal(page_alloc_run(&lowest, &ram), KERN_SUCCESS);
    assert_int_equal(ram.value, SIM_RAM_BASE);
    /* Two pages of registers, and three of RAM. */
    at = show_window(map, paddr(SIM_RAM_BASE - 2 * PAGE_SIZE), &view);
    /* A look-up ends where the one kind does. */
    assert_int_equal(platform_map_lookup(map, at + 50, 5 * PAGE_SIZE, &region), KERN_SUCCESS);
    assert_int_equal(region.size, 2 * PAGE_SIZE - 50);
    platform_object_release(region.object);
    assert_int_equal(platform_map_lookup(map, at + 2 * PAGE_SIZE, 5 * PAGE_SIZE, &region),
                     KERN_SUCCESS);
    assert_int_equal(region.size, 3 * PAGE_SIZE);
    platform_object_release(region.object);
    platform_map_adopt_cache(map, at + PAGE_SIZE, 3 * PAGE_SIZE, kIOWriteThruCache);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOInhibitCache));
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, 3 * PAGE_SIZE, kIOWriteThruCache));
    assert_true(platform_map_has_cache(map, at + 4 * PAGE_SIZE, PAGE_SIZE, kIOCopybackCache));
    assert_int_equal(vm_page_memory(ram), MMU_WRITE_THROUGH);
    assert_true(platform_map_has_cache(kernel_map, (uint64_t)phys_to_virt(ram), 2 * PAGE_SIZE,
                                       kIOWriteThruCache));
    assert_false(platform_map_has_cache(kernel_map, (uint64_t)phys_to_virt(ram), 3 * PAGE_SIZE,
                                        kIOWriteThruCache));
    assert_false(platform_map_has_cache(kernel_map, (uint64_t)phys_to_virt(ram), PAGE_SIZE,
                                        kIOCopybackCache));
    assert_int_equal(vm_page_memory(paddr_add(ram, PAGE_SIZE)), MMU_WRITE_THROUGH);
    assert_int_equal(vm_page_memory(paddr_add(ram, 2 * PAGE_SIZE)), MMU_NORMAL);
    assert_int_equal(platform_map_set_cache(map, at + 3 * PAGE_SIZE, PAGE_SIZE, kIOInhibitCache),
                     KERN_SUCCESS);
    assert_int_equal(vm_page_memory(ram), MMU_WRITE_THROUGH);
    assert_int_equal(vm_page_memory(paddr_add(ram, PAGE_SIZE)), MMU_NONCACHED);
    assert_int_equal(vm_page_memory(paddr_add(ram, 2 * PAGE_SIZE)), MMU_NORMAL);
    assert_int_equal(platform_map_set_cache(map, at, 3 * PAGE_SIZE, kIOPostedWrite), KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, 2 * PAGE_SIZE, kIOPostedWrite));
    assert_int_equal(vm_page_memory(ram), MMU_NONCACHED);
    assert_int_equal(platform_map_replace_cache(map, at + PAGE_SIZE, 2 * PAGE_SIZE, kIOPostedWrite,
                                                kIOPostedReordered),
                     KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOPostedWrite));
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOPostedReordered));
    assert_int_equal(vm_page_memory(ram), MMU_NONCACHED); /* RAM's is not a view's to replace */
    assert_int_equal(platform_map_replace_cache(map, at, 2 * PAGE_SIZE, kIOPostedWrite,
                                                kIOPostedCombinedReordered),
                     KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOPostedCombinedReordered));
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOPostedReordered));
    assert_int_equal(platform_map_set_cache(map, at, 2 * PAGE_SIZE, kIODefaultCache), KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, 2 * PAGE_SIZE, kIOInhibitCache));
    vm_check_map(map);
    hide_window(map, at, &view);
    assert_int_equal(page_release_run(ram, 3), KERN_SUCCESS);
}

/* What a range, a window and the direct map let a caller do, to the last byte asked for. */
static void rights_are_checked_over_borders(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    struct vm_map *const map = get_task_map(owner);
    const uint64_t direct = (uint64_t)phys_to_virt(paddr(ptoa(platform_last_page() - 1)));
    struct platform_region region;

    (void)state;
    assert_int_equal(vm_map_protect(map, at + 2 * PAGE_SIZE, PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(platform_map_check(map, at, 2 * PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(platform_map_check(map, at, 2 * PAGE_SIZE + 1, true), KERN_PROTECTION_FAILURE);
    assert_int_equal(platform_map_check(map, at, 3 * PAGE_SIZE, false), KERN_SUCCESS);
    assert_int_equal(platform_map_check(map, at + 5, 3 * PAGE_SIZE, false), KERN_INVALID_ADDRESS);
    assert_int_equal(platform_map_check(map, at + 3 * PAGE_SIZE, 0, true), KERN_SUCCESS);
    assert_int_equal(platform_map_lookup(map, at + 100, 3 * PAGE_SIZE, &region), KERN_SUCCESS);
    assert_int_equal(region.offset, 100);
    assert_int_equal(region.size, 2 * PAGE_SIZE - 100);
    assert_true(region.writable);
    platform_object_release(region.object);
    assert_int_equal(platform_map_lookup(map, at + 2 * PAGE_SIZE, 7, &region), KERN_SUCCESS);
    assert_int_equal(region.size, 7);
    assert_false(region.writable);
    platform_object_release(region.object);
    assert_int_equal(vm_map_protect(map, at + 2 * PAGE_SIZE, PAGE_SIZE, 0), KERN_SUCCESS);
    assert_int_equal(platform_map_check(map, at, 3 * PAGE_SIZE, false), KERN_PROTECTION_FAILURE);
    assert_int_equal(platform_map_lookup(map, at + 2 * PAGE_SIZE, 7, &region),
                     KERN_PROTECTION_FAILURE);

    assert_int_equal(platform_map_check(kernel_map, direct, 2 * PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(platform_map_check(kernel_map, direct, 2 * PAGE_SIZE + 1, true),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(platform_map_lookup(kernel_map, direct + 9, 8 * PAGE_SIZE, &region),
                     KERN_SUCCESS);
    assert_int_equal(region.offset, 9);
    assert_int_equal(region.size, 2 * PAGE_SIZE - 9);
    assert_true(region.writable);
    assert_int_equal(platform_object_pages(region.object), 2);
    platform_object_release(region.object);
    assert_int_equal(platform_map_lookup(kernel_map, direct + 9, PAGE_SIZE - 9, &region),
                     KERN_SUCCESS);
    assert_int_equal(platform_object_pages(region.object), 1);
    platform_object_release(region.object);
    assert_int_equal(platform_map_fill(kernel_map, direct, PAGE_SIZE), KERN_SUCCESS);
    remove_pages(owner, at, 3);
}

/* Registers of several modes: each part that has the one gets the other, and nothing else. */
static void parts_of_registers_change_alone(void **state)
{
    struct platform_view view;
    struct vm_map *const map = get_task_map(other);
    uint64_t at;

    (void)state;
    at = show_window(map, paddr(DEVICE), &view);
    assert_int_equal(platform_map_set_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOPostedWrite),
                     KERN_SUCCESS);
    assert_int_equal(
        platform_map_replace_cache(map, at, 3 * PAGE_SIZE, kIOInhibitCache, kIOWriteCombineCache),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOWriteCombineCache));
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOPostedWrite));
    assert_true(platform_map_has_cache(map, at + 2 * PAGE_SIZE, PAGE_SIZE, kIOWriteCombineCache));
    assert_true(platform_map_has_cache(map, at + 3 * PAGE_SIZE, 2 * PAGE_SIZE, kIOInhibitCache));
    assert_int_equal(platform_map_set_cache(map, at, 3 * PAGE_SIZE, kIOPostedReordered),
                     KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, 3 * PAGE_SIZE, kIOPostedReordered));
    assert_false(platform_map_has_cache(map, at, 4 * PAGE_SIZE, kIOPostedReordered));
    assert_true(platform_map_has_cache(map, at + 3 * PAGE_SIZE, 2 * PAGE_SIZE, kIOInhibitCache));
    vm_check_map(map);
    hide_window(map, at, &view);
}

/* The border behind the second piece cannot be had: the first one has not changed either. */
static void all_pieces_change_or_none(void **state)
{
    struct platform_view view;
    struct vm_map *const map = get_task_map(other);
    struct inject_report report;
    uint64_t at;

    (void)state;
    at = show_window(map, paddr(DEVICE), &view);
    /* Ranges of one, one and three pages. */
    assert_int_equal(platform_map_set_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOPostedWrite),
                     KERN_SUCCESS);
    assert_int_equal(platform_map_set_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOInhibitCache),
                     KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        inject_begin(1);
        assert_int_equal(i == 0 ? platform_map_set_cache(map, at + PAGE_SIZE, 2 * PAGE_SIZE,
                                                         kIOWriteCombineCache)
                                : platform_map_replace_cache(map, at + PAGE_SIZE, 2 * PAGE_SIZE,
                                                             kIOInhibitCache, kIOWriteCombineCache),
                         KERN_RESOURCE_SHORTAGE);
        inject_end(&report);
        assert_true(report.failed);
        assert_true(platform_map_has_cache(map, at, 5 * PAGE_SIZE, kIOInhibitCache));
        vm_check_map(map);
    }
    hide_window(map, at, &view);
}

/* Pages that are not there yet have a mode all the same, and come with it. */
static void absent_pages_have_modes(void **state)
{
    const uint64_t at = new_pages(owner, 3, RW);
    struct vm_map *const map = get_task_map(owner);
    struct mmu_translation to;

    (void)state;
    assert_int_equal(platform_map_set_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOWriteThruCache),
                     KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, at, PAGE_SIZE, kIOCopybackCache));
    assert_true(platform_map_has_cache(map, at + PAGE_SIZE, PAGE_SIZE, kIOWriteThruCache));
    assert_true(platform_map_has_cache(map, at + 2 * PAGE_SIZE, PAGE_SIZE, kIOCopybackCache));
    for (unsigned i = 0; i < 3; i++) {
        store(owner, at + i * PAGE_SIZE, 1);
        assert_true(translate(owner, at + i * PAGE_SIZE, &to));
        assert_int_equal(to.attributes.memory, i == 1 ? MMU_WRITE_THROUGH : MMU_NORMAL);
    }
    /* All of an object. */
    platform_map_adopt_cache(map, at, PAGE_SIZE, kIOInhibitCache);
    assert_true(platform_map_has_cache(map, at, 3 * PAGE_SIZE, kIOInhibitCache));
    vm_check_map(map);
    remove_pages(owner, at, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(parts_of_a_view_adopt_a_mode),    MAP_TEST(rights_are_checked_over_borders),
        MAP_TEST(parts_of_registers_change_alone), MAP_TEST(absent_pages_have_modes),
        MAP_TEST(all_pieces_change_or_none),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
