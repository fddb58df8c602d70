/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thousands of random cases for the cursor; see tests/lib/portable/cursor_cases.h.
 *
 * CASES=n runs so many, as `make soak` does; SEED=n runs the one case of that seed, which is
 * what a failure prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOMapper.h"
#include "kernel/vm_object.h"
#include "tests/host/machine/kernel_pages.h"
#include "tests/lib/portable/cursor_cases.h"

#define CASES       5000
#define ARENA_PAGES 64

static uint64_t behind[ARENA_PAGES]; /* the physical page of each page of the arena */
static uint64_t arena;

static const uint8_t *ram(uint64_t physical)
{
    return physical >= SIM_RAM_BASE && physical < SIM_RAM_BASE + 64 * SIM_MIB
               ? phys_to_virt(paddr(physical))
               : NULL;
}

static uint64_t physical(const void *address)
{
    const uint64_t offset = (uintptr_t)address - arena;

    return offset < ptoa(ARENA_PAGES) ? behind[atop(offset)] + (offset & PAGE_MASK)
                                      : virt_to_phys(address).value;
}

/*
 * Scattered pages, but about half of them followed by their physical neighbour: pages come
 * in the order in which they are touched.
 */
static void make_arena(void)
{
    const struct vm_range range = {.access = MMU_READ | MMU_WRITE,
                                   .max_access = MMU_READ | MMU_WRITE};
    struct vm_range shown = range;
    uint64_t order[ARENA_PAGES];

    assert_int_equal(vm_object_create(ARENA_PAGES, &shown.object), KERN_SUCCESS);
    assert_int_equal(
        vm_map_enter(kernel_map, &arena, ptoa(ARENA_PAGES), 0, &shown, VM_ENTER_ANYWHERE),
        KERN_SUCCESS);
    vm_object_release(shown.object);
    for (uint64_t i = 0; i < ARENA_PAGES; i++) {
        order[i] = i;
    }
    for (uint64_t i = 0; i < ARENA_PAGES; i += 1 + random_below(4)) {
        const uint64_t other = random_below(ARENA_PAGES), moved = order[i];

        order[i] = order[other];
        order[other] = moved;
    }
    for (uint64_t i = 0; i < ARENA_PAGES; i++) {
        struct mmu_translation at;

        assert_int_equal(sim_store(kernel_map, arena + ptoa(order[i]), 0), KERN_SUCCESS);
        assert_true(mmu_translate(vm_map_space(kernel_map), arena + ptoa(order[i]), &at));
        behind[order[i]] = at.pa.value;
        for (uint64_t k = 0; k < PAGE_SIZE; k++) {
            ((uint8_t *)phys_to_virt(at.pa))[k] = (uint8_t)random_below(256);
        }
    }
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void cursors_agree_with_the_reference(void **state)
{
    struct random_world world = {
        .size = ptoa(ARENA_PAGES), .ram_base = SIM_RAM_BASE, .physical = physical, .ram = ram};
    const uint64_t only = setting("SEED", 0);
    const uint64_t last = only != 0 ? only : setting("CASES", CASES);

    (void)state;
    random_seed(4711);
    make_arena();
    world.arena = (uint8_t *)arena;
    random_world = &world;
    for (uint64_t seed = only != 0 ? only : 1; seed <= last; seed++) {
        const char *failure;

        /* Half of them before it is known, and half as on a machine: nobody translates. */
        IOMapper_setMapperRequired(seed % 2 == 0);
        failure = cursor_case(seed);

        if (failure != NULL) {
            fail_msg("%s; replay with SEED=%llu", failure, (unsigned long long)seed);
        }
    }
    scattered_free(arena, ARENA_PAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(cursors_agree_with_the_reference),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
