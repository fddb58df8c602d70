/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory objects and address spaces refuse, to the last page; and the direct map as memory. */
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/platform_vm.h"
#include "kernel/direct_map.h"
#include "kernel/exception.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/startup.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"
#include "kernel/vm_physical.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/host/sim/sim_console.h"

#define MIB2      LEVEL_SPAN(2)
#define REGISTERS 0x1000000000ull
#define SHOWN     (REGISTERS + 64 * PAGE_SIZE) /* one page of the direct map */

static const struct vm_range nothing = {.object = NULL};

static void objects_have_a_size(void **state)
{
    struct vm_object *object;

    (void)state;
    assert_int_equal(vm_object_create(0, &object), KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create((UINT64_MAX >> PAGE_SHIFT) + 1, &object),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create(UINT64_MAX >> PAGE_SHIFT, &object), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(vm_object_create_physical(paddr(REGISTERS), 0, &object),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create_physical(paddr(REGISTERS + 8), 1, &object),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create_physical(paddr(-PAGE_SIZE), 1, &object),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create_physical(paddr(-3 * PAGE_SIZE), 3, &object),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_create_physical(paddr(-3 * PAGE_SIZE), 2, &object), KERN_SUCCESS);
    assert_int_equal(vm_object_pages(object), 2);
    vm_object_release(object);
}

static void pages_lie_in_their_object(void **state)
{
    struct vm_object *object = object_of(4);
    struct vm_object *window, *copy;
    paddr_t pages[4];

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(REGISTERS), 4, &window), KERN_SUCCESS);
    assert_int_equal(vm_object_supply(object, 4, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_object_supply(window, 4, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_object_supply(window, 3, VM_SUPPLY_WRITE, pages), KERN_SUCCESS);
    assert_int_equal(pages[0].value, REGISTERS + 3 * PAGE_SIZE);
    assert_false(vm_object_resident(object, 3, pages)); /* not yet */
    assert_int_equal(vm_object_supply(object, 3, 0, pages), KERN_SUCCESS);
    assert_true(vm_object_resident(object, 3, pages));
    assert_false(vm_object_resident(object, 4, pages));
    assert_false(vm_object_resident(window, 4, pages));
    assert_true(vm_object_resident(window, 2, pages));
    assert_int_equal(pages[0].value, REGISTERS + 2 * PAGE_SIZE);
    assert_true(vm_object_writable_in_place(window, 0));
    assert_false(vm_object_writable_in_place(object, 0));
    assert_true(vm_object_writable_in_place(object, 3));

    assert_int_equal(vm_object_copy(object, 5, 0, &copy), KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_copy(object, 2, 3, &copy), KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_object_copy(object, 0, 0, &copy), KERN_INVALID_ARGUMENT); /* of nothing */
    assert_int_equal(vm_object_copy(window, 0, 1, &copy), KERN_NOT_SUPPORTED);
    assert_int_equal(vm_object_wire(object, 5, 0, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_object_wire(object, 2, 3, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_object_wire(window, 3, 2, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(resident(object), 1);
    assert_int_equal(vm_object_copy(object, 2, 2, &copy), KERN_SUCCESS);
    assert_int_equal(vm_object_pages(copy), 2);
    assert_int_equal(resident(copy), 1);
    assert_int_equal(vm_object_wire(object, 3, 1, 0, pages), KERN_SUCCESS);
    vm_unwire(pages, 1);
    vm_object_release(copy);
    vm_object_release(window);
    vm_object_release(object);
}

static kern_return_t enter_range(struct vm_range range, uint64_t size, uint64_t alignment)
{
    vaddr_t at = 0;

    return vm_map_enter(map, &at, size, alignment, &range, VM_ENTER_ANYWHERE);
}

static void ranges_make_sense(void **state)
{
    struct vm_object *object = object_of(4);
    const struct vm_range good = {.object = object, .access = MMU_READ, .max_access = RW};
    struct vm_range range = good;
    vaddr_t at = 0x20000000;

    (void)state;
    assert_int_equal(enter_range(good, 0, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(enter_range(good, PAGE_SIZE + 1, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(enter_range(good, PAGE_SIZE, 3 * PAGE_SIZE), KERN_INVALID_ARGUMENT);
    assert_int_equal(enter_range(good, 5 * PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    range.access = MMU_READ | MMU_EXECUTE; /* more than may ever be given */
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    range = good;
    range.max_access |= MMU_USER;
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    range = good;
    range.offset = 8;
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    range.offset = 5 * PAGE_SIZE;
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    range.offset = 3 * PAGE_SIZE;
    assert_int_equal(enter_range(range, 2 * PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_SUCCESS);
    range = nothing;
    range.access = range.max_access = MMU_READ; /* of nothing */
    assert_int_equal(enter_range(range, PAGE_SIZE, 0), KERN_INVALID_ARGUMENT);
    /* Outside: the lowest page, and beyond the end. */
    at = 0;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &nothing, VM_ENTER_OVERWRITE),
                     KERN_INVALID_ADDRESS);
    at = MMU_USER_VA_END;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &nothing, 0), KERN_INVALID_ADDRESS);
    at = -PAGE_SIZE;
    assert_int_equal(vm_map_enter(map, &at, 2 * PAGE_SIZE, 0, &nothing, 0), KERN_INVALID_ADDRESS);
    vm_object_release(object);
}

/* A reservation shows nothing to have rights to, whatever it was entered with; a child has it too.
 */
static void reservations_get_no_rights(void **state)
{
    const struct vm_range reserved = {.max_access = RW};
    struct task *child;
    vaddr_t at = 0x40000;

    (void)state;
    assert_int_equal(vm_map_enter(map, &at, PAGE_SIZE, 0, &reserved, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_protect(map, at, PAGE_SIZE, MMU_READ), KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_protect(map, at, PAGE_SIZE, 0), KERN_SUCCESS);
    assert_int_equal(task_create_child(task, &child), KERN_SUCCESS);
    assert_int_equal(vm_fault(task_map(child), at, MMU_READ), KERN_PROTECTION_FAILURE);
    task_release(child);
}

/* The calls on an interval that is there, with what they refuse of its ends. */
static kern_return_t remove_it(vaddr_t start, uint64_t size)
{
    return vm_map_remove(map, start, size);
}

static kern_return_t protect_it(vaddr_t start, uint64_t size)
{
    return vm_map_protect(map, start, size, MMU_READ);
}

static kern_return_t block_it(vaddr_t start, uint64_t size)
{
    return vm_map_block(map, start, size, false);
}

static kern_return_t retype_it(vaddr_t start, uint64_t size)
{
    return vm_map_set_memory(map, start, size, MMU_NORMAL);
}

static kern_return_t exchange_one(vaddr_t start, uint64_t size)
{
    return vm_map_exchange(map, start, start + 0x10000000, size);
}

static kern_return_t exchange_other(vaddr_t start, uint64_t size)
{
    return vm_map_exchange(map, start - 0x10000000, start, size);
}

static void intervals_make_sense(void **state)
{
    static kern_return_t (*const calls[])(vaddr_t, uint64_t) = {
        remove_it, protect_it, block_it, retype_it, exchange_one, exchange_other};
    struct vm_object *object = object_of(4);
    const vaddr_t at = enter(object, 4, RW);

    (void)state;
    store(at, 7);
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        assert_int_equal(calls[i](at, 0), KERN_INVALID_ARGUMENT);
        assert_int_equal(calls[i](at + 1, PAGE_SIZE), KERN_INVALID_ARGUMENT);
        assert_int_equal(calls[i](at, PAGE_SIZE + 1), KERN_INVALID_ARGUMENT);
        assert_int_equal(calls[i](-PAGE_SIZE, 2 * PAGE_SIZE), KERN_INVALID_ARGUMENT);
    }
    assert_int_equal(load(at), 7);
    assert_int_equal(vm_map_exchange(map, at, at + PAGE_SIZE, 2 * PAGE_SIZE),
                     KERN_INVALID_ARGUMENT); /* they overlap */
    assert_int_equal(vm_map_exchange(map, at + PAGE_SIZE, at, 2 * PAGE_SIZE),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(vm_map_exchange(map, at, 0, PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_exchange(map, 0, at, PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_exchange(map, at, MMU_USER_VA_END, PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_exchange(map, at, at + 2 * PAGE_SIZE, 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(load(at + 2 * PAGE_SIZE), 7);
    assert_int_equal(vm_map_protect(map, at, 5 * PAGE_SIZE, MMU_READ), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_block(map, at + 4 * PAGE_SIZE, PAGE_SIZE, true), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_set_memory(map, at + 4 * PAGE_SIZE, PAGE_SIZE, MMU_NONCACHED),
                     KERN_INVALID_ADDRESS);
    store(at + PAGE_SIZE, 1); /* no right is gone */
    vm_object_release(object);
}

/* Counts of who uses it that cannot be right end the kernel before somebody's memory goes. */
static void wrong_counts_end_the_kernel(void **state)
{
    struct vm_object *object = object_of(1);
    const uint32_t kernels = kernel_map->references;

    (void)state;
    enter(object, 1, RW);
    object->references = UINT32_MAX;
    assert_true(SIM_PANICS(vm_object_retain(object)));
    object->references = 1; /* that of the range */
    assert_true(SIM_PANICS(vm_object_release(object)));
    object->references = 2;
    map->references = UINT32_MAX;
    assert_true(SIM_PANICS(vm_map_retain(map)));
    map->references = 1;
    kernel_map->references = 1;
    assert_true(SIM_PANICS(vm_map_release(kernel_map)));
    kernel_map->references = kernels;
    vm_object_release(object);
}

/* Ends are legal where nothing is asked for, and the kernel may speak of the direct map. */
static void places_are_legal_or_not(void **state)
{
    const struct {
        struct vm_map *map;
        vaddr_t start;
        uint64_t size;
        bool legal;
    } rows[] = {
        {map, MMU_USER_VA_BASE, 1, true},
        {map, MMU_USER_VA_BASE - 1, 1, false},
        {map, MMU_USER_VA_BASE, MMU_USER_VA_END - MMU_USER_VA_BASE, true},
        {map, MMU_USER_VA_BASE, MMU_USER_VA_END - MMU_USER_VA_BASE + 1, false},
        {map, MMU_USER_VA_BASE, UINT64_MAX, false},
        {map, MMU_USER_VA_END, 0, true},
        {map, MMU_USER_VA_END, 1, false},
        {map, MMU_USER_VA_END + 1, 0, false},
        {map, MMU_KERNEL_VA_BASE, 1, false},
        {kernel_map, MMU_KERNEL_VA_BASE, 1, true},
        {kernel_map, MMU_KERNEL_MAP_END, 0, true},
        {kernel_map, MMU_KERNEL_MAP_END, 1, false},
        {kernel_map, MMU_KERNEL_VA_BASE - 1, 1, true},
        {kernel_map, MMU_KERNEL_VA_BASE - 1, 2, false},
        {kernel_map, DIRECT_MAP_BASE, MMU_KERNEL_VA_BASE - DIRECT_MAP_BASE, true},
        {kernel_map, DIRECT_MAP_BASE, MMU_KERNEL_VA_BASE - DIRECT_MAP_BASE + 1, false},
        {kernel_map, DIRECT_MAP_BASE - 1, 1, false},
        {kernel_map, MMU_USER_VA_BASE, 1, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(vm_map_is_legal(rows[i].map, rows[i].start, rows[i].size), rows[i].legal);
    }
}

/* --- The direct map --------------------------------------------------------------------------- */

/* Eight blocks of it that are somebody's, and what the test makes of them. */
#define BLOCK_PAGES (MIB2 / PAGE_SIZE)

static paddr_t run;
static uint64_t blocks; /* the first address that is a block's, in the run */
static pte_t *entries[8], kept[8];
static struct page records[8 * BLOCK_PAGES]; /* of their pages, as they were */

static struct page *block_records(void)
{
    return page_record(blocks >> PAGE_SHIFT);
}

static pte_t *block_entry(unsigned block)
{
    struct mmu_path path;

    mmu_walk(mmu_kernel, (vaddr_t)phys_to_virt(paddr(blocks + block * MIB2)), LEAF_LEVEL, &path);
    assert_int_equal(path.level, 2);
    return path.entry[2];
}

static void restore_blocks(void)
{
    if (blocks == 0) {
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        *entries[i] = kept[i];
    }
    memcpy(block_records(), records, sizeof(records));
    page_free_run(run, 9 * BLOCK_PAGES);
    blocks = 0;
}

/* Also after a test that has failed. */
static int stop_all(void **state)
{
    restore_blocks();
    return stop(state);
}

static paddr_t block(unsigned number)
{
    return paddr(blocks + number * MIB2);
}

/* w w r w - - r w: writable, for reading, and not shown at all. */
static void change_blocks(void)
{
    const struct page_request request = {.count = 9 * BLOCK_PAGES, .owner = PAGE_OWNER_IMAGE};

    assert_int_equal(page_alloc_run(&request, &run), KERN_SUCCESS);
    blocks = (run.value + MIB2 - 1) & ~(MIB2 - 1);
    for (unsigned i = 0; i < 8; i++) {
        entries[i] = block_entry(i);
        kept[i] = *entries[i];
    }
    *block_entry(2) |= DESCRIPTOR_READ_ONLY;
    *block_entry(6) |= DESCRIPTOR_READ_ONLY;
    *block_entry(4) = *block_entry(5) = 0;
    /* What the direct map does not show, to be written, is nobody's to be handed out. */
    memcpy(records, block_records(), sizeof(records));
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned page = 0; page < BLOCK_PAGES && (i == 2 || (i >= 4 && i < 7)); page++) {
            block_records()[i * BLOCK_PAGES + page].state = RECORD_RESERVED;
        }
    }
}

static void expect_run(paddr_t page, uint64_t asked, uint64_t pages, bool writable, bool reachable)
{
    struct vm_physical_run run;

    vm_physical_extent(page, asked, &run);
    assert_true(run.ram);
    assert_int_equal(run.pages, pages);
    assert_int_equal(run.writable, writable);
    assert_int_equal(run.reachable, reachable);
}

static void physical_pages_are_judged(void **state)
{
    const uint64_t all = 8 * BLOCK_PAGES, end = SIM_RAM_BASE + 64 * SIM_MIB;
    struct vm_physical_run run;

    (void)state;
    change_blocks();
    expect_run(block(0), all, 2 * BLOCK_PAGES, true, true);
    expect_run(block(0), BLOCK_PAGES + 1, BLOCK_PAGES + 1, true, true);
    expect_run(block(0), 2, 2, true, true);
    expect_run(paddr_add(block(1), MIB2 - PAGE_SIZE), 5, 1, true, true);
    expect_run(block(2), 6 * BLOCK_PAGES, BLOCK_PAGES, false, true);
    expect_run(block(3), 5 * BLOCK_PAGES, BLOCK_PAGES, true, true);
    expect_run(block(4), 4 * BLOCK_PAGES, 2 * BLOCK_PAGES, true, false);
    expect_run(block(4), 3, 3, true, false);
    expect_run(block(6), 2 * BLOCK_PAGES, BLOCK_PAGES, false, true);
    expect_run(block(7), 2, 2, true, true);
    vm_physical_extent(paddr(end - PAGE_SIZE), 2, &run); /* up to where RAM ends */
    assert_int_equal(run.pages, 1);
    vm_physical_extent(paddr(end), 3, &run);
    assert_false(run.ram);
    assert_true(run.writable);
    assert_int_equal(run.pages, 3);
    /* Registers are registers, shown by the direct map or not. */
    vm_physical_extent(paddr(SHOWN - PAGE_SIZE), 4, &run);
    assert_false(run.ram || run.reachable);
    assert_true(run.writable);
    assert_int_equal(run.pages, 4);
    vm_physical_extent(paddr(SHOWN), 3, &run);
    assert_false(run.ram || run.reachable);
    assert_int_equal(run.pages, 3);
    restore_blocks();
}

static struct vm_object *window_of(unsigned first, unsigned count)
{
    struct vm_object *window;

    assert_int_equal(vm_object_create_physical(block(first), count * BLOCK_PAGES, &window),
                     KERN_SUCCESS);
    return window;
}

static kern_return_t enter_window(struct vm_object *window, uint64_t offset, uint64_t size,
                                  unsigned access)
{
    const struct vm_range range = {
        .object = window, .offset = offset, .access = access, .max_access = RW};

    return enter_range(range, size, 0);
}

/* No window gives rights over memory that the kernel itself may not write. */
static void windows_obey_the_direct_map(void **state)
{
    struct vm_object *window, *copy;
    vaddr_t at = 0;
    struct vm_range range = {.access = MMU_READ, .max_access = RW};

    (void)state;
    change_blocks();
    window = window_of(0, 8);
    assert_int_equal(enter_window(window, 0, 2 * MIB2, RW), KERN_SUCCESS);
    assert_int_equal(enter_window(window, 0, 2 * MIB2 + PAGE_SIZE, RW), KERN_PROTECTION_FAILURE);
    assert_int_equal(enter_window(window, 0, 8 * MIB2, MMU_READ), KERN_SUCCESS);
    assert_int_equal(enter_window(window, 3 * MIB2, 3 * MIB2, RW), KERN_SUCCESS);
    assert_int_equal(enter_window(window, 3 * MIB2, 4 * MIB2, RW), KERN_PROTECTION_FAILURE);
    range.object = window;
    assert_int_equal(vm_map_enter(map, &at, 3 * MIB2, 0, &range, VM_ENTER_ANYWHERE), KERN_SUCCESS);
    assert_int_equal(vm_map_protect(map, at, 3 * MIB2, RW), KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_protect(map, at + MIB2, 2 * MIB2, RW), KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_protect(map, at, 2 * MIB2, RW), KERN_SUCCESS);
    /* A copy reads through the direct map. */
    assert_int_equal(vm_object_copy(window, 4 * BLOCK_PAGES - 1, 2, &copy), KERN_NOT_SUPPORTED);
    assert_int_equal(vm_object_copy(window, 5 * BLOCK_PAGES, 1, &copy), KERN_NOT_SUPPORTED);
    *(uint8_t *)phys_to_virt(block(6)) = 42;
    assert_int_equal(vm_object_copy(window, 6 * BLOCK_PAGES, 2, &copy), KERN_SUCCESS);
    at = enter(copy, 2, MMU_READ);
    assert_int_equal(load(at), 42);
    vm_object_release(copy);
    /* What the direct map does not show has no lines that would have to be written back. */
    sim_cache.flushed = 0;
    vm_window_set_memory(window, 3 * BLOCK_PAGES, 2 * BLOCK_PAGES, MMU_NONCACHED);
    assert_int_equal(sim_cache.flushed, MIB2 / SIM_CACHE_LINE);
    vm_object_release(window);
    assert_int_equal(sim_cache.flushed, MIB2 / SIM_CACHE_LINE); /* its entries keep it */
    restore_blocks();
}

static vaddr_t direct(unsigned number)
{
    return (vaddr_t)phys_to_virt(block(number));
}

static void the_direct_map_is_wired(void **state)
{
    static paddr_t pages[3 * BLOCK_PAGES];
    struct page_stats stats;

    (void)state;
    change_blocks();
    assert_int_equal(vm_map_wire(kernel_map, direct(1) - PAGE_SIZE, 3, VM_WIRE_WRITE, pages),
                     KERN_SUCCESS);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pages[i].value, block(1).value - PAGE_SIZE + i * PAGE_SIZE);
        assert_int_equal(page_pin_count(pages[i]), 1);
    }
    vm_unwire(pages, 3);
    page_get_stats(&stats);
    assert_int_equal(stats.pins, before.pins);
    assert_int_equal(vm_map_wire(kernel_map, direct(2) - PAGE_SIZE, 2, VM_WIRE_WRITE, pages),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_wire(kernel_map, direct(4) - PAGE_SIZE, 2, 0, pages),
                     KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_wire(kernel_map, direct(2) + PAGE_SIZE, 1, VM_WIRE_WRITE, pages),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_wire(kernel_map, direct(4), 1, 0, pages), KERN_INVALID_ADDRESS);
    assert_int_equal(vm_map_wire(kernel_map, direct(3) - PAGE_SIZE, 2, VM_WIRE_WRITE, pages),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(vm_map_wire(kernel_map, MMU_KERNEL_VA_BASE - PAGE_SIZE, 1, 0, pages),
                     KERN_INVALID_ADDRESS);
    page_get_stats(&stats);
    assert_int_equal(stats.pins, before.pins);
    assert_int_equal(vm_map_wire(kernel_map, direct(2) - PAGE_SIZE, 2, 0, pages), KERN_SUCCESS);
    vm_unwire(pages, 2);
    /* A task has no direct map. */
    assert_int_equal(vm_map_wire(map, direct(1), 1, 0, pages), KERN_INVALID_ADDRESS);
    restore_blocks();
}

static void the_direct_map_is_read_and_written(void **state)
{
    const uint8_t bytes[5] = {1, 2, 3, 4, 5};
    uint8_t seen[5] = {0};
    uint64_t done;

    (void)state;
    change_blocks();
    assert_int_equal(vm_map_write(kernel_map, direct(1) - 2, bytes, 5, &done), KERN_SUCCESS);
    assert_int_equal(done, 5);
    assert_memory_equal(phys_to_virt(paddr(block(1).value - 2)), bytes, 5);
    assert_int_equal(vm_map_read(kernel_map, direct(1) - 2, seen, 5, &done), KERN_SUCCESS);
    assert_memory_equal(seen, bytes, 5);
    assert_int_equal(vm_map_write(kernel_map, direct(2) - 2, bytes, 5, &done),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(done, 2);
    assert_int_equal(vm_map_read(kernel_map, direct(2) - 2, seen, 5, &done), KERN_SUCCESS);
    assert_int_equal(vm_map_read(kernel_map, direct(4) - 3, seen, 5, &done), KERN_INVALID_ADDRESS);
    assert_int_equal(done, 3);
    assert_int_equal(vm_map_read(map, direct(1), seen, 5, &done), KERN_INVALID_ADDRESS);
    assert_int_equal(done, 0);
    restore_blocks();
}

/* For the seam, blocks with other rights are regions of their own; no more is looked at than asked.
 */
static void rights_part_the_direct_map(void **state)
{
    struct platform_region region;
    struct vm_object *window;
    vaddr_t second;

    (void)state;
    change_blocks();
    second = direct(2);
    assert_int_equal(platform_map_lookup(kernel_map, direct(0) + 5, 4 * MIB2, &region),
                     KERN_SUCCESS);
    assert_int_equal(region.size, 2 * MIB2 - 5);
    assert_true(region.writable);
    platform_object_release(region.object);
    assert_int_equal(platform_map_lookup(kernel_map, second + 5, 4 * MIB2, &region), KERN_SUCCESS);
    assert_int_equal(region.size, MIB2 - 5);
    assert_false(region.writable);
    platform_object_release(region.object);
    assert_int_equal(platform_map_check(kernel_map, second - 1, 2, true), KERN_PROTECTION_FAILURE);
    assert_int_equal(platform_map_check(kernel_map, direct(3), 2 * MIB2, false),
                     KERN_INVALID_ADDRESS);
    /* The second page there has another mode, and is not asked for. */
    assert_int_equal(vm_object_create_physical(paddr_add(block(2), PAGE_SIZE), 1, &window),
                     KERN_SUCCESS);
    vm_window_set_memory(window, 0, 1, MMU_NONCACHED);
    assert_true(
        platform_map_has_cache(kernel_map, second - PAGE_SIZE, 2 * PAGE_SIZE, kIOCopybackCache));
    assert_false(
        platform_map_has_cache(kernel_map, second - PAGE_SIZE, 3 * PAGE_SIZE, kIOCopybackCache));
    vm_object_release(window);
    /* What is shown in name only cannot be read. */
    *block_entry(2) &= ~DESCRIPTOR_VALID;
    assert_int_equal(platform_map_lookup(kernel_map, second, PAGE_SIZE, &region),
                     KERN_PROTECTION_FAILURE);
    assert_int_equal(platform_map_check(kernel_map, second - 1, 2, false), KERN_PROTECTION_FAILURE);
    restore_blocks();
}

/* --- Faults of the kernel --------------------------------------------------------------------- */

#define ABORT(class, status, write) ((uint64_t)(class) << 26 | (write) << 6 | (status))
#define LOAD                        ABORT(ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION | 3, 0)
#define STORE                       ABORT(ESR_CLASS_DATA_ABORT, ESR_ABORT_TRANSLATION | 3, 1)

static bool fault(uint64_t esr, vaddr_t address)
{
    struct exception_frame frame = {.esr = esr, .far = address};

    return sim_fault_handler(&frame);
}

static void the_kernel_faults(void **state)
{
    struct vm_object *object = object_of(3);
    const struct vm_range range = {.object = object, .access = MMU_READ, .max_access = RW};
    struct mmu_translation to;
    vaddr_t at = 0;

    (void)state;
    vm_abort_init();
    assert_non_null(sim_fault_handler);
    assert_int_equal(vm_map_enter(kernel_map, &at, 3 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_false(fault(LOAD | 1 << 10, at)); /* no address came with it */
    sim_in_handler = true;
    assert_false(fault(LOAD, at));
    sim_in_handler = false;
    assert_false(fault(LOAD, MMU_KERNEL_VA_BASE - 1));
    assert_false(fault(LOAD, MMU_KERNEL_VA_END));
    assert_false(fault(LOAD, 0x1000));
    assert_false(fault(ABORT(ESR_CLASS_DATA_ABORT, ESR_ABORT_ALIGNMENT, 0), at));
    assert_false(fault(ABORT(ESR_CLASS_DATA_ABORT, ESR_ABORT_EXTERNAL, 0), at));
    assert_false(fault(STORE, at));
    assert_false(fault(ABORT(ESR_CLASS_FETCH_ABORT, ESR_ABORT_PERMISSION | 3, 0), at));
    assert_int_equal(resident(object), 0);
    assert_true(fault(LOAD, at));
    assert_true(mmu_translate(mmu_kernel, at, &to));
    assert_true(fault(ABORT(ESR_CLASS_DATA_ABORT, ESR_ABORT_PERMISSION | 1, 0), at + PAGE_SIZE));

    /* Nobody waits for a redirection here, and the panic that follows does not know of it. */
    assert_int_equal(vm_map_block(kernel_map, at, 3 * PAGE_SIZE, true), KERN_SUCCESS);
    sim_console_forget();
    assert_false(fault(LOAD, at + 2 * PAGE_SIZE));
    assert_true(sim_console_said("which is redirected\n"));
    assert_int_equal(vm_map_remove(kernel_map, at, 3 * PAGE_SIZE), KERN_SUCCESS);
    sim_console_forget();
    assert_false(fault(LOAD, at));
    assert_false(sim_console_said("vm"));
    vm_object_release(object);
}

#define UNDONE(name) cmocka_unit_test_setup_teardown(name, start, stop_all)

static int power_on_and_show(void **state)
{
    return power_on(state) == 0 && mmu_map_device(paddr(SHOWN), PAGE_SIZE) != NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_have_a_size),         TEST(pages_lie_in_their_object),
        TEST(ranges_make_sense),           TEST(intervals_make_sense),
        TEST(wrong_counts_end_the_kernel), TEST(places_are_legal_or_not),
        UNDONE(physical_pages_are_judged), TEST(windows_obey_the_direct_map),
        UNDONE(the_direct_map_is_wired),   TEST(the_direct_map_is_read_and_written),
        UNDONE(the_direct_map_is_wired),   TEST(rights_part_the_direct_map),
        TEST(reservations_get_no_rights),  TEST(the_kernel_faults),
    };

    return cmocka_run_group_tests(tests, power_on_and_show, power_off);
}
