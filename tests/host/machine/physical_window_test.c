/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows on physical memory that are partly RAM: every page is judged for itself. */
#include "kernel/page.h"
#include "tests/host/machine/map_composite.h"

#define BEFORE (SIM_RAM_BASE - PAGE_SIZE) /* registers, and RAM behind them */

static void expect_type(task_t task, uint64_t address, enum mmu_memory memory)
{
    struct mmu_translation at;

    assert_true(translate(task, address, &at));
    assert_int_equal(at.attributes.memory, memory);
}

static void ram_behind_registers(void **state)
{
    IOMemoryDescriptor *memory = describe(BEFORE + 16, 2 * PAGE_SIZE, 3, TASK_NULL);
    static const IOOptionBits options[] = {0, kIOMapGuardedSmall, kIOMapUnique};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryMap *map = map_all(memory, other, options[i]);
        const uint64_t at = IOMemoryMap_getAddress(map);

        assert_int_equal(IOMemoryMap_getMapOptions(map) & kIOMapCacheMask, kIOMapInhibitCache);
        expect_type(other, at, MMU_DEVICE);
        expect_type(other, at + PAGE_SIZE, MMU_NORMAL);
        expect_type(other, at + 2 * PAGE_SIZE - 16, MMU_NORMAL);
        OSObject_release(map);
    }
    OSObject_release(memory);
}

/* Less than what the first byte lies behind its page's start: none of it is counted twice. */
static void a_few_bytes_behind_registers(void **state)
{
    IOMemoryDescriptor *memory = describe(BEFORE + 16, PAGE_SIZE - 8, 3, TASK_NULL);
    IOMemoryMap *map = map_all(memory, other, 0);
    const uint64_t at = IOMemoryMap_getAddress(map);

    (void)state;
    assert_int_equal(IOMemoryMap_getLength(map), PAGE_SIZE - 8);
    expect_type(other, at, MMU_DEVICE);
    expect_type(other, at + PAGE_SIZE - 9, MMU_NORMAL);
    OSObject_release(map);
    OSObject_release(memory);
}

static void the_mode_is_that_of_the_first_byte(void **state)
{
    IOMemoryDescriptor *memory = describe(BEFORE, 2 * PAGE_SIZE, 3, TASK_NULL);
    IOMemoryMap *map = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere,
                                                              PAGE_SIZE, PAGE_SIZE);

    (void)state;
    assert_non_null(map);
    assert_int_equal(IOMemoryMap_getMapOptions(map) & kIOMapCacheMask, kIOMapCopybackCache);
    expect_type(other, IOMemoryMap_getAddress(map), MMU_NORMAL);
    OSObject_release(map);
    OSObject_release(memory);
}

/* An object of the address space's own, which somebody describes by address. */
static void a_range_that_shows_both(void **state)
{
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    uint64_t at = 0;
    IOMemoryDescriptor *memory;
    IOMemoryMap *map;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(BEFORE), 2, &range.object), KERN_SUCCESS);
    assert_int_equal(
        vm_map_enter(task_map(owner), &at, ptoa(2), 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    vm_object_release(range.object);
    expect_type(owner, at, MMU_DEVICE);
    expect_type(owner, at + PAGE_SIZE, MMU_NORMAL);
    memory = describe(at, ptoa(2), 3, owner);
    map = map_all(memory, other, 0);
    assert_int_equal(try_load(other, IOMemoryMap_getAddress(map) + PAGE_SIZE), KERN_SUCCESS);
    expect_type(other, IOMemoryMap_getAddress(map) + PAGE_SIZE, MMU_NORMAL);
    OSObject_release(map);
    OSObject_release(memory);
    /* An image of registers cannot be had. */
    memory = describe(at, ptoa(2), 3 | kIOMemoryMapCopyOnWrite, owner);
    expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, kIOReturnUnsupported);
    OSObject_release(memory);
}

/* What a child gets of registers is the registers. */
static void children_share_registers(void **state)
{
    struct vm_range range = {
        .access = RW, .max_access = RW, .memory = MMU_DEVICE, .inheritance = VM_INHERIT_COPY};
    uint64_t at = 0, plain;
    struct mmu_translation seen;
    struct vm_object *copy;
    task_t child;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(BEFORE), 2, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_object_copy(range.object, 0, 1, &copy), KERN_NOT_SUPPORTED);
    assert_int_equal(vm_object_copy(range.object, 0, 2, &copy), KERN_NOT_SUPPORTED);
    assert_int_equal(vm_object_copy(range.object, 1, 1, &copy), KERN_SUCCESS);
    vm_object_release(copy);
    assert_int_equal(vm_map_enter(task_map(owner), &at, ptoa(2), 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    plain = new_pages(owner, 1, RW);
    store(owner, plain, 5);
    assert_int_equal(task_create_child(owner, &child), KERN_SUCCESS);
    assert_int_equal(vm_fault(task_map(child), at, MMU_READ), KERN_SUCCESS);
    assert_true(translate(child, at, &seen));
    assert_int_equal(seen.pa.value, BEFORE);
    assert_int_equal(seen.attributes.memory, MMU_DEVICE);
    task_release(child);
}

/* A window in blocks of 2 MiB of which a page goes: what is left stays mapped, no fault needed. */
static void the_rest_of_a_block_stays(void **state)
{
    const uint64_t block = 2u << 20;
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    struct mmu_translation seen;
    uint64_t at = 0;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(0x10000000), 2 * atop(block), &range.object),
                     KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(owner), &at, 2 * block, block, &range,
                                  VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    assert_true(translate(owner, at, &seen));
    assert_true(seen.contiguous >= block); /* or there is nothing to be seen here */
    assert_int_equal(vm_map_remove(task_map(owner), at + ptoa(5), ptoa(1)), KERN_SUCCESS);
    assert_false(translate(owner, at + ptoa(5), &seen));
    for (uint64_t page = 0; page < 2 * atop(block); page++) {
        if (page != 5) {
            assert_true(translate(owner, at + ptoa(page), &seen));
            assert_int_equal(seen.pa.value, 0x10000000 + ptoa(page));
        }
    }
    assert_int_equal(vm_map_remove(task_map(owner), at, ptoa(5)), KERN_SUCCESS);
    assert_int_equal(vm_map_remove(task_map(owner), at + ptoa(6), 2 * block - ptoa(6)),
                     KERN_SUCCESS);
}

static uint64_t show_window(task_t task, paddr_t base, uint64_t count, enum mmu_memory memory)
{
    struct vm_range range = {.access = RW, .max_access = RW, .memory = memory};
    uint64_t at = 0;

    assert_int_equal(vm_object_create_physical(base, count, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(task_map(task), &at, ptoa(count), 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    vm_object_release(range.object);
    return at;
}

/* A window that is not shown as its pages are has the mode of its range. */
static void a_window_has_a_mode_of_its_own(void **state)
{
    const uint64_t ram = show_window(owner, paddr(SIM_RAM_BASE), 1, MMU_NONCACHED);
    const uint64_t registers = show_window(owner, paddr(DEVICE), 1, MMU_DEVICE);
    const vm_map_t map = task_map(owner);

    (void)state;
    assert_true(platform_map_has_cache(map, ram, PAGE_SIZE, kIOInhibitCache));
    assert_false(platform_map_has_cache(map, ram, PAGE_SIZE, kIOCopybackCache));
    /* Of the default: as the object is, which is its pages' own. */
    assert_false(platform_map_has_cache(map, ram, PAGE_SIZE, kIODefaultCache));
    assert_true(platform_map_has_cache(map, registers, PAGE_SIZE, kIOInhibitCache));
    /* Replaced is what has the former mode, and nothing else. */
    assert_int_equal(
        platform_map_replace_cache(map, registers, PAGE_SIZE, kIOPostedWrite, kIOPostedReordered),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, registers, PAGE_SIZE, kIOInhibitCache));
    assert_int_equal(
        platform_map_replace_cache(map, registers, PAGE_SIZE, kIOInhibitCache, kIOPostedWrite),
        KERN_SUCCESS);
    assert_true(platform_map_has_cache(map, registers, PAGE_SIZE, kIOPostedWrite));
}

/* RAM ends in the linear view, too: what reaches beyond it is not there. */
static void the_linear_view_ends_with_ram(void **state)
{
    struct page_stats stats;
    uint64_t last;

    (void)state;
    page_get_stats(&stats);
    last = (uint64_t)phys_to_virt(paddr(SIM_RAM_BASE)) + ptoa(stats.total - 1);
    assert_int_equal(platform_map_check(kernel_map, last, PAGE_SIZE, true), KERN_SUCCESS);
    assert_int_equal(platform_map_check(kernel_map, last, PAGE_SIZE + 1, true),
                     KERN_INVALID_ADDRESS);
}

/* Two windows of one page are the same memory, where one goes on in the middle of it. */
static void two_windows_may_show_one_page(void **state)
{
    const uint64_t one = show_window(owner, paddr(DEVICE), 2, MMU_DEVICE);
    const uint64_t two = show_window(owner, paddr(DEVICE + PAGE_SIZE), 1, MMU_DEVICE);
    const uint64_t three = show_window(owner, paddr(DEVICE), 1, MMU_DEVICE);
    const uint64_t pages = new_pages(owner, 1, RW);
    const struct {
        uint64_t there;
        IOReturn status;
    } rows[] = {
        {two, kIOReturnSuccess}, {three, kIOReturnNotAligned}, {pages, kIOReturnNotAligned}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOAddressRange ranges[] = {{one, PAGE_SIZE + 0x100}, {rows[i].there + 0x100, 0x100}};
        IOMemoryDescriptor *memory =
            IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOutIn, owner);

        assert_non_null(memory);
        if (rows[i].status == kIOReturnSuccess) {
            IOMemoryMap *map = map_all(memory, other, 0);
            struct mmu_translation at;

            assert_int_equal(
                vm_fault(task_map(other), IOMemoryMap_getAddress(map) + PAGE_SIZE, MMU_READ),
                KERN_SUCCESS);
            assert_true(translate(other, IOMemoryMap_getAddress(map) + PAGE_SIZE + 0x180, &at));
            assert_int_equal(at.pa.value, DEVICE + PAGE_SIZE + 0x180);
            OSObject_release(map);
        } else {
            expect_no_map(memory, other, 0, kIOMapAnywhere, 0, 0, rows[i].status);
        }
        OSObject_release(memory);
    }
}

/* Registers take no memory that could be charged to anybody. */
static void registers_have_no_owner(void **state)
{
    const uint64_t at = show_window(owner, paddr(DEVICE), 1, MMU_DEVICE);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE, 3 | kIOMemoryPersistent, owner);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_setOwnership(memory, other, kIOMemoryLedgerTagDefault, 0),
                     kIOReturnError);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(the_rest_of_a_block_stays),
        MAP_TEST(ram_behind_registers),
        MAP_TEST(the_mode_is_that_of_the_first_byte),
        MAP_TEST(a_range_that_shows_both),
        MAP_TEST(ram_behind_registers),
        MAP_TEST(a_few_bytes_behind_registers),
        MAP_TEST(the_mode_is_that_of_the_first_byte),
        MAP_TEST(a_range_that_shows_both),
        MAP_TEST(children_share_registers),
        MAP_TEST(a_window_has_a_mode_of_its_own),
        MAP_TEST(the_linear_view_ends_with_ram),
        MAP_TEST(two_windows_may_show_one_page),
        MAP_TEST(registers_have_no_owner),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
