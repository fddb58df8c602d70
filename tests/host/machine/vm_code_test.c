/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that is executed: made fit for it, and again when it has been written. */
#include "kernel/exception.h"
#include "kernel/vm_abort.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"

/* A page can be executed only after both caches have been told, however it comes to that. */
static void what_becomes_executable_is_made_fit_for_it(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const uint64_t page = PAGE_SIZE / SIM_CACHE_LINE;
    struct vm_object *object = object_of(4);
    const struct vm_range range = {.object = object, .access = RW, .max_access = RW | code};
    struct mmu_space *space = vm_map_space(map);
    vaddr_t at;

    (void)state;
    at = 0x10000;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &range, 0), KERN_SUCCESS);
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    sim_cache.executable = 0;
    assert_int_equal(load(at), 1);
    assert_int_equal(sim_cache.executable,
                     0); /* data is none of the instruction cache's business */

    assert_int_equal(vm_map_protect(map, at, 4 * PAGE_SIZE, code), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at, MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, page);
    assert_int_equal(vm_map_fill_tables(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, page + 4 * page);

    /* By the page tables alone: mapped, and protected. */
    sim_cache.executable = 0;
    mmu_clear(space, at, 4 * PAGE_SIZE);
    assert_int_equal(mmu_map(space, at, paddr(0x40000000), 2 * PAGE_SIZE,
                             (struct mmu_attributes){.access = RW | MMU_USER}),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0);
    assert_int_equal(
        mmu_protect(space, at, 2 * PAGE_SIZE, (struct mmu_attributes){.access = code | MMU_USER}),
        KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 2 * page);
    mmu_clear(space, at, 2 * PAGE_SIZE);
    vm_object_release(object);
}

/* The syndrome of DC CVAU and its like says "write", but they ask for no more than a load. */
static void cache_maintenance_is_no_store(void **state)
{
    const uint64_t load_abort = (uint64_t)ESR_CLASS_DATA_ABORT_EL0 << 26 | 1u << 25 | 0x07;
    const uint64_t store_abort = load_abort | 1u << 6, maintenance = store_abort | 1u << 8;
    struct vm_object *object = object_of(3);
    const vaddr_t at = enter(object, 3, MMU_READ | MMU_EXECUTE);
    const vaddr_t data = enter(object, 3, RW);

    (void)state;
    assert_int_equal(vm_abort_resolve(map, maintenance, at), KERN_SUCCESS);
    assert_int_equal(vm_abort_resolve(map, load_abort, at + PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_abort_resolve(map, store_abort, at), KERN_PROTECTION_FAILURE);
    /* Nor does it make a page dirty. */
    assert_int_equal(vm_abort_resolve(map, maintenance, data + 2 * PAGE_SIZE), KERN_SUCCESS);
    assert_false(mmu_page_is_dirty(vm_map_space(map), data + 2 * PAGE_SIZE));
    vm_object_release(object);
}

/* Code that changes under who executes it: by the kernel's hand, or by a device's. */
static void what_is_executed_and_written_is_made_fit_again(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const uint64_t page = PAGE_SIZE / SIM_CACHE_LINE;
    struct vm_object *object = object_of(4);
    const struct vm_range data = {.object = object, .access = RW, .max_access = RW};
    const struct vm_range text = {.object = object, .access = code, .max_access = code};
    vaddr_t at = 0x10000, shown = 0x40000;
    const uint8_t bytes[100] = {1, 2, 3};
    paddr_t pages[4];
    uint64_t done;

    (void)state;
    assert_int_equal(vm_map_enter(map, &at, 4 * PAGE_SIZE, 0, &data, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &shown, 4 * PAGE_SIZE, 0, &text, 0), KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_map_write(map, at, bytes, sizeof(bytes), &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0); /* nobody executes it yet */
    assert_int_equal(vm_fault(map, shown, MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, shown + PAGE_SIZE, MMU_EXECUTE), KERN_SUCCESS);

    /* By the kernel: the lines that it has written, over the border into a page that is data. */
    sim_cache.executable = 0;
    assert_int_equal(vm_map_write(map, at + 64, bytes, 100, &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 2);
    assert_int_equal(vm_map_write(map, at + 2 * PAGE_SIZE - 50, bytes, 100, &done), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 3);

    /* By a device: the pages that are executed, of all that it has written. */
    sim_cache.executable = 0;
    assert_int_equal(vm_map_wire(map, at, 4, VM_WIRE_WRITE | VM_WIRE_UNMARKED, pages),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 0);
    for (unsigned i = 0; i < 4; i++) {
        vm_mark_written(pages[i], 1);
    }
    assert_int_equal(sim_cache.executable, 2 * page);
    vm_unwire(pages, 4);

    /* A page that comes back as somebody's data is no more code. */
    const paddr_t was = pages[0];

    assert_int_equal(vm_map_remove(map, at, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(vm_map_remove(map, shown, 4 * PAGE_SIZE), KERN_SUCCESS);
    vm_object_release(object);
    sim_cache.executable = 0;
    vm_mark_written(was, 1);
    assert_int_equal(sim_cache.executable, 0);
}

/* Of pages in a row, those that are executed; and RAM of which nothing is noted yet. */
static void only_what_is_executed_is_made_fit(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    const struct vm_object_layout row = {.contiguous = true};
    struct vm_object *object = object_of(3), *window;
    const vaddr_t at = enter(object, 3, code);
    const paddr_t unused = paddr(SIM_RAM_BASE + 32 * SIM_MIB);
    paddr_t first;

    (void)state;
    assert_int_equal(vm_object_populate(object, &row), KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at + PAGE_SIZE, MMU_EXECUTE), KERN_SUCCESS);
    assert_true(vm_object_resident(object, 0, &first));
    sim_cache.executable = 0;
    vm_mark_written(first, 3);
    assert_int_equal(sim_cache.executable, PAGE_SIZE / SIM_CACHE_LINE);
    assert_int_equal(dirty(object), 3);
    assert_int_equal(page_get_state(unused), PAGE_FREE);
    assert_int_equal(vm_object_create_physical(unused, 1, &window), KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_fault(map, enter(window, 1, code), MMU_EXECUTE), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, PAGE_SIZE / SIM_CACHE_LINE);
    vm_object_release(window);
    /* What is read and written there, and no more, is no code. */
    assert_int_equal(vm_object_create_physical(paddr_add(unused, PAGE_SIZE), 1, &window),
                     KERN_SUCCESS);
    sim_cache.executable = 0;
    assert_int_equal(vm_fault(map, enter(window, 1, RW), MMU_WRITE), KERN_SUCCESS);
    vm_mark_written(paddr_add(unused, PAGE_SIZE), 1);
    assert_int_equal(sim_cache.executable, 0);
    vm_object_release(window);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_becomes_executable_is_made_fit_for_it),
        TEST(what_is_executed_and_written_is_made_fit_again),
        TEST(only_what_is_executed_is_made_fit),
        TEST(cache_maintenance_is_no_store),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
