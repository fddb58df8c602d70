/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of drivers and devices: where it is seen, in which mode, and that all of it goes again. */
#include "kernel/direct_map.h"
#include "kernel/inject.h"
#include "kernel/vm_device_memory.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"

#define PAGES 3

/* RAM that somebody has used. */
static void spoil(void)
{
    const struct page_request request = {.count = PAGES, .owner = PAGE_OWNER_DRIVER};
    paddr_t first;

    assert_int_equal(page_alloc_run(&request, &first), KERN_SUCCESS);
    memset(phys_to_virt(first), 0xee, PAGES * PAGE_SIZE);
    assert_int_equal(page_free_run(first, PAGES), KERN_SUCCESS);
}

static bool is_none(const struct vm_device_memory *memory)
{
    return memory->address == NULL && memory->physical.value == 0 && memory->pages == 0 &&
           !memory->uncached;
}

static void cached_memory_is_the_direct_map(void **state)
{
    struct vm_device_memory memory;

    (void)state;
    spoil();
    sim_cache.flushed = 0;
    assert_int_equal(vm_device_memory_alloc(PAGES, VM_DEVICE_MEMORY_ZERO, &memory), KERN_SUCCESS);
    assert_ptr_equal(memory.address, phys_to_virt(memory.physical));
    assert_int_equal(memory.pages, PAGES);
    assert_false(memory.uncached);
    assert_int_equal(page_get_owner(memory.physical), PAGE_OWNER_DRIVER);
    for (uint64_t i = 0; i < PAGES * PAGE_SIZE; i++) {
        assert_int_equal(((uint8_t *)memory.address)[i], 0);
    }
    assert_int_equal(vm_device_memory_physical(&memory, (uint8_t *)memory.address + 5000).value,
                     memory.physical.value + 5000);
    vm_device_memory_free(&memory);
    assert_true(is_none(&memory));
    vm_device_memory_free(&memory); /* of none */
    assert_int_equal(sim_cache.flushed, 0);
}

static void uncached_memory_is_seen_past_the_cache(void **state)
{
    const uint64_t lines = PAGES * PAGE_SIZE / SIM_CACHE_LINE;
    struct vm_device_memory memory;
    struct mmu_translation at;
    vaddr_t first;

    (void)state;
    spoil();
    sim_cache.flushed = 0;
    assert_int_equal(
        vm_device_memory_alloc(PAGES, VM_DEVICE_MEMORY_UNCACHED | VM_DEVICE_MEMORY_ZERO, &memory),
        KERN_SUCCESS);
    assert_int_equal(sim_cache.flushed, lines); /* the zeros, and what was there */
    assert_true(memory.uncached);
    first = (vaddr_t)memory.address;
    assert_true(first >= MMU_KERNEL_VA_BASE && first < MMU_KERNEL_MAP_END);
    for (uint64_t i = 0; i < PAGES; i++) { /* without a fault, in either direction */
        assert_true(mmu_translate(mmu_kernel, first + i * PAGE_SIZE, &at));
        assert_int_equal(at.pa.value, memory.physical.value + i * PAGE_SIZE);
        assert_int_equal(at.attributes.memory, MMU_NONCACHED);
        assert_int_equal(at.attributes.access, RW);
        assert_int_equal(*(uint8_t *)phys_to_virt(at.pa), 0);
    }
    vm_check_map(kernel_map);
    assert_int_equal(vm_device_memory_physical(&memory, (uint8_t *)memory.address + 5000).value,
                     memory.physical.value + 5000);
    vm_device_memory_free(&memory);
    assert_int_equal(sim_cache.flushed, 2 * lines);
    assert_true(is_none(&memory));
    assert_false(mmu_translate(mmu_kernel, first, &at));
    vm_device_memory_free(&memory);
    assert_int_equal(sim_cache.flushed, 2 * lines);
}

static void what_cannot_be_had_is_none(void **state)
{
    const unsigned flags[] = {0, VM_DEVICE_MEMORY_UNCACHED};
    struct vm_device_memory memory;
    struct inject_report report;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        memset(&memory, 0xff, sizeof(memory));
        assert_int_equal(vm_device_memory_alloc(0, flags[i], &memory), KERN_INVALID_ARGUMENT);
        assert_true(is_none(&memory));
        memset(&memory, 0xff, sizeof(memory));
        assert_int_equal(vm_device_memory_alloc(64 * SIM_MIB / PAGE_SIZE, flags[i], &memory),
                         KERN_RESOURCE_SHORTAGE);
        assert_true(is_none(&memory));
        for (uint64_t nth = 1;; nth++) { /* wherever it fails, nothing is left of it */
            kern_return_t status;

            inject_begin(nth);
            status = vm_device_memory_alloc(PAGES, flags[i], &memory);
            inject_end(&report);
            if (!report.failed) {
                assert_int_equal(status, KERN_SUCCESS);
                assert_true(nth > (i == 0 ? 1 : 3));
                break;
            }
            assert_int_not_equal(status, KERN_SUCCESS);
            assert_true(is_none(&memory));
            assert_true(sim_holds(&before));
        }
        vm_device_memory_free(&memory);
        assert_true(sim_holds(&before));
    }
}

static int begin(void **state)
{
    const int status = start(state);

    before = holdings_now(); /* with the task */
    return status;
}

static int end(void **state)
{
    const bool same = sim_holds(&before);

    (void)state;
    task_release(task);
    task = NULL;
    return same ? 0 : -1;
}

#define BALANCED(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(cached_memory_is_the_direct_map),
        BALANCED(uncached_memory_is_seen_past_the_cache),
        BALANCED(what_cannot_be_had_is_none),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
