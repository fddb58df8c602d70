/* SPDX-License-Identifier: BSD-2-Clause */
/* Address spaces and their bounds, flushes, how all of it is shown, and views of devices. */
#include "tests/host/kernel/mmu_fixture.h"
#include "tests/host/sim/sim_cache.h"

/* More spaces than ASIDs: none ever sees another's page through the TLB. */
static void test_asids_are_safe(void **state)
{
    enum {
        SPACES = 3 * SIM_ASIDS
    };
    const struct mmu_attributes user = {.access = MMU_READ | MMU_USER};
    struct mmu_space *spaces[SPACES];
    struct mmu_translation at;
    uint64_t random = 9;

    (void)state;
    for (unsigned i = 0; i < SPACES; i++) {
        assert_int_equal(mmu_space_create(&spaces[i]), KERN_SUCCESS);
        assert_int_equal(
            mmu_map(spaces[i], MMU_USER_VA_BASE, paddr(PA + i * PAGE_SIZE), PAGE_SIZE, user),
            KERN_SUCCESS);
    }
    for (unsigned step = 0; step < 5000; step++) {
        unsigned i = (unsigned)(sim_random(&random) % SPACES);

        mmu_space_activate(spaces[i]);
        assert_true(sim_tlb_access(MMU_USER_VA_BASE, &at));
        assert_int_equal(at.pa.value, PA + i * PAGE_SIZE);
        if (step % 10 == 0) { /* a new one at the same place, perhaps of the same ASID */
            mmu_space_destroy(spaces[i]);
            assert_false(sim_tlb_access(MMU_USER_VA_BASE, &at));
            assert_int_equal(mmu_space_create(&spaces[i]), KERN_SUCCESS);
            assert_int_equal(
                mmu_map(spaces[i], MMU_USER_VA_BASE, paddr(PA + i * PAGE_SIZE), PAGE_SIZE, user),
                KERN_SUCCESS);
        }
        if (step % 7 == 0) { /* changes to a space that is not active must be seen later */
            unsigned other = (unsigned)(sim_random(&random) % SPACES);

            assert_int_equal(mmu_unmap(spaces[other], MMU_USER_VA_BASE, PAGE_SIZE), KERN_SUCCESS);
            mmu_space_activate(spaces[other]);
            assert_false(sim_tlb_access(MMU_USER_VA_BASE, &at));
            assert_int_equal(mmu_map(spaces[other], MMU_USER_VA_BASE, paddr(PA + other * PAGE_SIZE),
                                     PAGE_SIZE, user),
                             KERN_SUCCESS);
        }
    }
    for (unsigned i = 0; i < SPACES; i++) {
        mmu_space_destroy(spaces[i]);
    }
    assert_false(sim_tlb_access(MMU_USER_VA_BASE, &at));
}

static void test_user_space_bounds(void **state)
{
    const struct mmu_attributes user = {.access = MMU_READ | MMU_EXECUTE | MMU_USER};
    struct mmu_space *space;
    struct mmu_translation at;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, 0, paddr(PA), PAGE_SIZE, user), KERN_INVALID_ARGUMENT);
    assert_int_equal(mmu_map(space, MMU_USER_VA_END - PAGE_SIZE, paddr(PA), PAGE_SIZE, user),
                     KERN_SUCCESS);
    assert_int_equal(mmu_map(space, MMU_USER_VA_END, paddr(PA), PAGE_SIZE, user),
                     KERN_INVALID_ARGUMENT);
    assert_true(mmu_translate(space, MMU_USER_VA_END - 1, &at));
    assert_int_equal(at.attributes.access, user.access);
    assert_false(mmu_translate(space, MMU_USER_VA_END, &at));
    assert_int_equal(stats().spaces, 1);
    mmu_space_destroy(space); /* with a page still mapped */
}

/* A long range costs one flush, not one a page. */
static void test_flushes_are_batched(void **state)
{
    uint64_t before;

    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA + PAGE_SIZE), MIB2, rw), KERN_SUCCESS);
    before = sim_tlb_flushes();
    assert_int_equal(mmu_protect(mmu_kernel, VA, MIB2, ro), KERN_SUCCESS);
    assert_int_equal(sim_tlb_flushes(), before + 1);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, MIB2), KERN_SUCCESS);
    assert_int_equal(sim_tlb_flushes(), before + 2);
    /* Of up to 32 pages each by itself, so that everybody else's are still known. */
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), 65 * PAGE_SIZE, rw), KERN_SUCCESS);
    before = sim_tlb_flushes();
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 32 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(sim_tlb_flushes(), before + 32);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + 32 * PAGE_SIZE, 33 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(sim_tlb_flushes(), before + 33);
}

/* What of a space is forgotten is that space's, and of one that never ran there is nothing. */
static void test_flushes_are_a_spaces_own(void **state)
{
    const struct mmu_attributes user = {.access = MMU_READ | MMU_USER};
    struct mmu_space *runs, *waits;
    struct mmu_translation at;
    uint64_t before;

    (void)state;
    assert_int_equal(mmu_space_create(&runs), KERN_SUCCESS);
    assert_int_equal(mmu_space_create(&waits), KERN_SUCCESS);
    assert_int_equal(mmu_map(runs, MIB2, paddr(PA), 40 * PAGE_SIZE, user), KERN_SUCCESS);
    assert_int_equal(mmu_map(waits, MIB2, paddr(PA), PAGE_SIZE, user), KERN_SUCCESS);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, rw), KERN_SUCCESS);
    mmu_space_activate(runs);
    assert_true(sim_tlb_access(MIB2, &at));
    assert_true(sim_tlb_access(VA, &at));
    before = sim_tlb_flushes();
    assert_int_equal(mmu_unmap(waits, MIB2, PAGE_SIZE), KERN_SUCCESS);
    mmu_space_destroy(waits);
    assert_int_equal(sim_tlb_flushes(), before);
    assert_true(sim_tlb_access(MIB2 + PAGE_SIZE, &at)); /* it still is the one that runs */
    assert_int_equal(mmu_unmap(runs, MIB2, 40 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(sim_tlb_flushes(), before + 1);
    assert_false(sim_tlb_access(MIB2, &at));
    assert_true(sim_tlb_knows(VA));
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    assert_false(sim_tlb_knows(VA));
    mmu_space_destroy(runs);
}

/* An address is of one half, whatever of it an index takes. */
static void test_halves_are_apart(void **state)
{
    const struct mmu_attributes user = {.access = MMU_READ | MMU_USER};
    struct mmu_translation at;
    struct mmu_space *space;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, MIB2, paddr(PA), PAGE_SIZE, user), KERN_SUCCESS);
    assert_true(mmu_translate(space, MIB2, &at));
    assert_false(mmu_translate(space, MMU_USER_VA_END + MIB2, &at));
    assert_false(mmu_translate(space, MIB2 | ~(MMU_USER_VA_END - 1), &at));
    mmu_space_destroy(space);
}

/* What may be executed is made fit for it once, as many bytes as that is; and nothing else is. */
static void test_code_is_made_fit(void **state)
{
    const struct mmu_attributes code = {.access = MMU_READ | MMU_EXECUTE};
    const uint64_t block = 7 * GIB, lines = PAGE_SIZE / SIM_CACHE_LINE;

    (void)state;
    /* A page and a block of the direct map, and a page of which it has nothing. */
    assert_non_null(mmu_map_device(paddr(block - PAGE_SIZE), PAGE_SIZE));
    assert_non_null(mmu_map_device(paddr(block), MIB2));
    sim_cache.executable = 0;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(block - 2 * PAGE_SIZE), 4 * PAGE_SIZE, code),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 3 * lines);
    assert_int_equal(mmu_protect(mmu_kernel, VA, 4 * PAGE_SIZE, ro), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 3 * lines);
    assert_int_equal(mmu_protect(mmu_kernel, VA, 3 * PAGE_SIZE, code), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 5 * lines);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(block), ro), KERN_SUCCESS);
    assert_int_equal(mmu_map(mmu_kernel, VA + 4 * PAGE_SIZE, paddr(block), PAGE_SIZE, ro),
                     KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 5 * lines);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(block), code), KERN_SUCCESS);
    assert_int_equal(sim_cache.executable, 6 * lines);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 5 * PAGE_SIZE), KERN_SUCCESS);
}

/* One line a run of neighbours with equal attributes, and never more lines than asked for. */
static void test_prints_its_runs(void **state)
{
    const struct mmu_attributes registers = {.access = MMU_READ | MMU_WRITE, .memory = MMU_DEVICE};
    struct mmu_space *space;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, MIB2, paddr(PA), MIB2 + 2 * PAGE_SIZE, rw), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, 4 * MIB2, paddr(PA), PAGE_SIZE, registers), KERN_SUCCESS);
    sim_console_forget();
    mmu_print(space, 100);
    assert_true(sim_console_said(
        "0000000000200000-00000000003fffff -> 000100000000 rw-- normal, 2 MiB blocks\n"
        "0000000000400000-0000000000401fff -> 000100200000 rw-- normal, pages\n"
        "0000000000800000-0000000000800fff -> 000100000000 rw-- device, pages\n"));
    sim_console_forget();
    mmu_print(space, 1);
    assert_true(sim_console_said("2 MiB blocks\n...\n"));
    assert_false(sim_console_said("device"));
    mmu_space_destroy(space);
}

/* Where code at EL0 would find a byte at once: all else is somebody else's to say. */
static void test_peek(void **state)
{
    const struct mmu_attributes mine = {.access = MMU_READ | MMU_WRITE | MMU_USER};
    const struct mmu_attributes constant = {.access = MMU_READ | MMU_USER};
    const struct mmu_attributes kernels = {.access = MMU_READ | MMU_WRITE};
    const struct mmu_attributes named = {.access = MMU_USER};
    const vaddr_t last = MMU_USER_VA_END - PAGE_SIZE;
    struct mmu_space *space;
    paddr_t pa;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    assert_false(mmu_peek(space, last, false, &pa));
    assert_int_equal(mmu_map(space, last, paddr(PA), PAGE_SIZE, mine), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, GIB, paddr(PA), PAGE_SIZE, constant), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, GIB + PAGE_SIZE, paddr(PA), PAGE_SIZE, kernels), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, GIB + 2 * PAGE_SIZE, paddr(PA), PAGE_SIZE, named),
                     KERN_SUCCESS);
    assert_int_equal(mmu_map(space, 2 * GIB, paddr(PA), MIB2, mine), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, 4 * GIB, paddr(PA), GIB, mine), KERN_SUCCESS);
    for (enum mmu_memory memory = MMU_WRITE_THROUGH; memory <= MMU_DEVICE_GRE; memory++) {
        const struct mmu_attributes other = {.access = mine.access, .memory = memory};

        assert_int_equal(mmu_map(space, 3 * GIB + memory * PAGE_SIZE, paddr(PA), PAGE_SIZE, other),
                         KERN_SUCCESS);
        assert_false(mmu_peek(space, 3 * GIB + memory * PAGE_SIZE, false, &pa));
    }
    assert_true(mmu_peek(space, last + 0x123, true, &pa));
    assert_int_equal(pa.value, PA + 0x123);
    assert_false(mmu_peek(space, last + PAGE_SIZE, false, &pa));
    assert_false(mmu_peek(space, MMU_USER_VA_END + GIB, false, &pa));
    assert_false(mmu_peek(space, last | MMU_KERNEL_VA_BASE, false, &pa));
    assert_true(mmu_peek(space, GIB, false, &pa));
    assert_false(mmu_peek(space, GIB, true, &pa));
    assert_false(mmu_peek(space, GIB + PAGE_SIZE, false, &pa));
    assert_false(mmu_peek(space, GIB + 2 * PAGE_SIZE, false, &pa));
    assert_false(mmu_peek(space, GIB + 3 * PAGE_SIZE, false, &pa));
    assert_false(mmu_peek(space, 2 * GIB, false, &pa));
    assert_false(mmu_peek(space, 4 * GIB, false, &pa));
    sim_tlb_check_all(space);
    mmu_space_destroy(space);
}

/* What ends where the space ends has no border there that would have to be made. */
static void test_the_end_of_a_space(void **state)
{
    const struct mmu_attributes user = {.access = MMU_READ | MMU_USER};
    struct mmu_translation at;
    struct mmu_space *space;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    assert_int_equal(mmu_map(space, MMU_USER_VA_END - GIB, paddr(PA), GIB, user), KERN_SUCCESS);
    assert_int_equal(mmu_set_memory(space, MMU_USER_VA_END - MIB2, MIB2, MMU_NONCACHED),
                     KERN_SUCCESS);
    assert_int_equal(mmu_set_memory(space, MMU_USER_VA_END - MIB2, 2 * MIB2, MMU_NORMAL),
                     KERN_INVALID_ARGUMENT);
    assert_true(mmu_translate(space, MMU_USER_VA_END - MIB2, &at));
    assert_int_equal(at.attributes.memory, MMU_NONCACHED);
    assert_true(mmu_translate(space, MMU_USER_VA_END - MIB2 - 1, &at));
    assert_int_equal(at.attributes.memory, MMU_NORMAL);
    assert_int_equal(mmu_unmap(space, MMU_USER_VA_END - PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(space->mapped, GIB / PAGE_SIZE - 1);
    sim_tlb_check_all(space);
    mmu_space_destroy(space);
}

/* Registers are shown where nobody has memory, whole pages of them. */
static void test_devices(void **state)
{
    const uint64_t end = ram.base + ram.size;
    struct mmu_translation at;

    (void)state;
    assert_non_null(mmu_map_device(paddr(end + 16 * PAGE_SIZE), 1)); /* tables beside them */
    assert_null(mmu_map_device(paddr(ram.base), 4));
    assert_null(mmu_map_device(paddr(ram.base - PAGE_SIZE), PAGE_SIZE + 1));
    assert_null(mmu_map_device(paddr(end - 1), 2));
    assert_null(mmu_map_device(paddr(end), 0));
    assert_null(mmu_map_device(paddr(DIRECT_MAP_SIZE), 1));
    assert_null(mmu_map_device(paddr(DIRECT_MAP_SIZE - PAGE_SIZE), PAGE_SIZE + 1));
    assert_null(mmu_map_device(paddr(end), UINT64_MAX));
    assert_false(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(end)), &at));
    assert_false(
        mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(ram.base - PAGE_SIZE)), &at));

    assert_ptr_equal(mmu_map_device(paddr(end + PAGE_SIZE + 8), PAGE_SIZE),
                     phys_to_virt(paddr(end + PAGE_SIZE + 8)));
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(
            mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(end + i * PAGE_SIZE)), &at),
            i == 1 || i == 2);
    }
    assert_true(mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(paddr(end + PAGE_SIZE)), &at));
    assert_int_equal(at.attributes.memory, MMU_DEVICE);
    assert_int_equal(at.attributes.access, rw.access);
    assert_non_null(mmu_map_device(paddr(DIRECT_MAP_SIZE - PAGE_SIZE), PAGE_SIZE));
    assert_non_null(mmu_map_device(paddr(ram.base - PAGE_SIZE), PAGE_SIZE));
    assert_non_null(mmu_map_device(paddr(0), PAGE_SIZE));
    assert_true(mmu_translate(mmu_kernel, DIRECT_MAP_BASE, &at));
    assert_int_equal(at.pa.value, 0);
    assert_false(mmu_translate(mmu_kernel, DIRECT_MAP_BASE - 1, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asids_are_safe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user_space_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushes_are_batched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushes_are_a_spaces_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_halves_are_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prints_its_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peek, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_a_space, setup, teardown),
        cmocka_unit_test_setup(test_devices, setup), /* they stay: the last ones */
        cmocka_unit_test_setup(test_code_is_made_fit, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
