/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's windows over our kernel: where bytes are found by address, and objects of such. */
#include "descriptors/platform_vm.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "tests/host/machine/map_fixture.h"

static void physical_bytes_are_found(void **state)
{
    const uint64_t last = ptoa(platform_last_page());
    struct platform_window window;

    (void)state;
    assert_int_equal(platform_window(paddr(SIM_RAM_BASE + 100), 50, true, &window), KERN_SUCCESS);
    assert_ptr_equal(window.address, phys_to_virt(paddr(SIM_RAM_BASE + 100)));
    assert_int_equal(window.length, 50);
    assert_false(window.device);
    assert_int_equal(platform_window(paddr(last + 100), 8 * PAGE_SIZE, true, &window),
                     KERN_SUCCESS);
    assert_int_equal(window.length, PAGE_SIZE - 100); /* RAM, and its mapping, ends there */
    /* Registers that nobody has mapped yet, and that somebody has. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(platform_window(paddr(DEVICE + 0x40008), 100, true, &window),
                         KERN_SUCCESS);
        assert_ptr_equal(window.address, phys_to_virt(paddr(DEVICE + 0x40008)));
        assert_int_equal(window.length, 100);
        assert_true(window.device);
    }
    assert_int_equal(platform_window(paddr(DEVICE + 0x50ff0), 100, true, &window), KERN_SUCCESS);
    assert_int_equal(window.length, 16); /* a page at a time: the next may be another's */
    assert_true(window.device);
    assert_true(platform_map_has_cache(kernel_map, (uint64_t)window.address & ~PAGE_MASK, PAGE_SIZE,
                                       kIOInhibitCache));
    assert_false(platform_map_has_cache(kernel_map, (uint64_t)window.address & ~PAGE_MASK,
                                        PAGE_SIZE, kIOCopybackCache));
    /* A handler borrows. */
    sim_in_handler = true;
    assert_int_equal(platform_window(paddr(DEVICE + 0x60010), 8, true, &window), KERN_SUCCESS);
    sim_in_handler = false;
    assert_true((uint64_t)window.address >= MMU_KERNEL_MAP_END);
    assert_int_equal((uint64_t)window.address & PAGE_MASK, 0x10);
    assert_int_equal(window.length, 8);
    assert_true(window.device);
}

static void kernel_bytes_are_found(void **state)
{
    struct vm_range registers = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    const struct vm_range reserved = {.access = 0};
    struct platform_window window;
    void *memory;
    uint64_t at;
    vaddr_t device = 0, nothing = 0;
    paddr_t page;

    (void)state;
    assert_int_equal(platform_pageable_alloc(2 * PAGE_SIZE, PAGE_SIZE, &memory), KERN_SUCCESS);
    at = (uint64_t)memory;
    /* Absent: as long as its page is, and nowhere. */
    assert_int_equal(platform_kernel_window(at + 100, 2 * PAGE_SIZE, &window), KERN_SUCCESS);
    assert_null(window.address);
    assert_int_equal(window.length, PAGE_SIZE - 100);
    assert_int_equal(platform_kernel_window(at + 100, 7, &window), KERN_SUCCESS);
    assert_int_equal(window.length, 7);
    /* Mapped: where it is. */
    assert_int_equal(vm_fault(kernel_map, at, MMU_WRITE), KERN_SUCCESS);
    assert_int_equal(platform_kernel_window(at + 100, 2 * PAGE_SIZE, &window), KERN_SUCCESS);
    assert_ptr_equal(window.address, (void *)(at + 100));
    assert_int_equal(window.length, PAGE_SIZE - 100);
    assert_false(window.device);
    /* By no physical address: what is behind the direct map is another's. */
    assert_int_equal(platform_window(virt_to_phys(memory), 1, false, &window),
                     KERN_INVALID_ADDRESS);
    /* Resident, and in no table: by the direct map. */
    vm_map_drop_tables(kernel_map, at, PAGE_SIZE);
    assert_int_equal(platform_wire(kernel_map, at, 1, 0, &page), KERN_SUCCESS);
    assert_int_equal(platform_kernel_window(at + 100, 50, &window), KERN_SUCCESS);
    assert_ptr_equal(window.address, (uint8_t *)phys_to_virt(page) + 100);
    assert_int_equal(window.length, 50);
    platform_unwire(&page, 1);
    sim_in_handler = true;
    assert_int_equal(platform_kernel_window(at + 100, 50, &window), KERN_INVALID_ADDRESS);
    sim_in_handler = false;
    platform_pageable_free(memory, 2 * PAGE_SIZE);
    assert_int_equal(platform_kernel_window(at, 1, &window), KERN_INVALID_ADDRESS);

    /* Registers have no lines, and reservations nothing. */
    assert_int_equal(vm_object_create_physical(paddr(DEVICE), 1, &registers.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(kernel_map, &device, PAGE_SIZE, 0, &registers, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(platform_kernel_window(device, 8, &window), KERN_SUCCESS);
    assert_null(window.address);
    assert_int_equal(vm_fault(kernel_map, device, MMU_READ), KERN_SUCCESS);
    assert_int_equal(platform_kernel_window(device, 8, &window), KERN_SUCCESS);
    assert_true(window.device);
    assert_int_equal(vm_map_enter(kernel_map, &nothing, PAGE_SIZE, 0, &reserved, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(platform_kernel_window(nothing, 8, &window), KERN_INVALID_ADDRESS);
    /* Mapped in name only. */
    assert_int_equal(platform_kernel_window(MMU_KERNEL_MAP_END, 8, &window), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_remove(kernel_map, nothing, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_remove(kernel_map, device, PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(registers.object);
}

static void windows_are_counted_and_compared(void **state)
{
    struct vm_object *window, *shifted, *anonymous, *second;
    struct platform_extent extent;
    uint64_t resident, dirty;

    (void)state;
    assert_int_equal(platform_object_create_window(paddr(SIM_RAM_BASE - PAGE_SIZE), 3, &window),
                     KERN_SUCCESS);
    assert_int_equal(platform_object_create_window(paddr(SIM_RAM_BASE), 2, &shifted), KERN_SUCCESS);
    assert_int_equal(platform_object_create(2, false, &anonymous), KERN_SUCCESS);
    assert_int_equal(platform_object_create(2, false, &second), KERN_SUCCESS);
    platform_object_count(window, 0, 3, &resident, &dirty);
    assert_int_equal(resident, 2); /* RAM of it; nobody watches stores to it */
    assert_int_equal(dirty, 2);
    platform_object_count(window, 0, 2, &resident, &dirty);
    assert_int_equal(resident, 1);
    assert_true(platform_object_is_device(window, 0));
    assert_false(platform_object_is_device(window, 1));
    assert_true(platform_object_is_same(window, 1, shifted, 0));
    assert_false(platform_object_is_same(window, 0, shifted, 0));
    assert_true(platform_object_is_same(window, 1, window, 1));
    assert_false(platform_object_is_same(window, 1, window, 2));
    assert_false(platform_object_is_same(anonymous, 0, second, 0));
    assert_true(platform_object_is_same(anonymous, 1, anonymous, 1));
    assert_false(platform_object_is_same(anonymous, 0, shifted, 0));
    assert_false(platform_object_is_same(shifted, 0, anonymous, 0));
    platform_extent(paddr(SIM_RAM_BASE - 100), 300, &extent);
    assert_int_equal(extent.length, 100);
    assert_true(extent.device);
    platform_extent(paddr(SIM_RAM_BASE + 100), 300, &extent);
    assert_int_equal(extent.length, 300);
    assert_false(extent.device);
    assert_true(extent.writable);
    platform_extent(paddr(SIM_RAM_BASE - PAGE_SIZE + 4), 4092, &extent);
    assert_int_equal(extent.length, 4092);
    platform_object_release(window);
    platform_object_release(shifted);
    platform_object_release(anonymous);
    platform_object_release(second);
}

/* What is mapped for a device stays so, and its tables with it. */
static int stop_with_registers(void **state)
{
    map_stop(state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(physical_bytes_are_found, map_start, stop_with_registers),
        MAP_TEST(kernel_bytes_are_found),
        MAP_TEST(windows_are_counted_and_compared),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
