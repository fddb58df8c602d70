/* SPDX-License-Identifier: BSD-2-Clause */
/* What memory objects and address spaces refuse, to the last page. */
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"
#include "tests/host/machine/vm_refusals_fixture.h"
#include "tests/host/sim/sim_console.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_have_a_size),         TEST(pages_lie_in_their_object),
        TEST(ranges_make_sense),           TEST(intervals_make_sense),
        TEST(wrong_counts_end_the_kernel), TEST(places_are_legal_or_not),
        TEST(reservations_get_no_rights),
    };

    return cmocka_run_group_tests(tests, power_on_and_show, power_off);
}
