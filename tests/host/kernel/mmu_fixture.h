/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of page tables: simulated memory, and a TLB that forgets nothing by itself. */
#ifndef TESTS_HOST_KERNEL_MMU_FIXTURE_H
#define TESTS_HOST_KERNEL_MMU_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_tlb.h"

#define MIB2 LEVEL_SPAN(2)
#define GIB  LEVEL_SPAN(1)
#define VA   MMU_KERNEL_VA_BASE
#define PA   0x100000000ull /* need not be RAM */

char __image_start[1], __image_end[1]; /* mmu_init's, which is not called */

static const struct page_range ram = {0x40000000, 64 * SIM_MIB};
static const struct mmu_attributes rw = {.access = MMU_READ | MMU_WRITE};
static const struct mmu_attributes ro = {.access = MMU_READ};
static const struct mmu_attributes none = {.access = 0};

static inline struct mmu_stats stats(void)
{
    struct mmu_stats now;

    mmu_get_stats(&now);
    return now;
}

static uint64_t tables_at_start;

static inline int setup(void **state)
{
    (void)state;
    sim_ram_attach(&ram, 1);
    assert_true(page_setup(&ram, 1, NULL, 0));
    sim_tlb_reset();
    tables_at_start = stats().tables;
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    sim_tlb_check_all(mmu_kernel);
    mmu_space_activate(NULL);
    heap_trim();
    assert_int_equal(stats().tables, tables_at_start);
    assert_int_equal(stats().mapped_pages, 0);
    assert_int_equal(stats().spaces, 0);
    sim_ram_detach();
    return 0;
}

static inline void assert_maps(vaddr_t va, uint64_t pa, unsigned access)
{
    struct mmu_translation at;

    assert_true(mmu_translate(mmu_kernel, va, &at));
    assert_int_equal(at.pa.value, pa);
    assert_int_equal(at.attributes.access, access);
    if (access == 0) {
        assert_false(sim_tlb_access(va, &at));
    } else {
        assert_true(sim_tlb_access(va, &at));
        assert_int_equal(at.pa.value, pa & ~PAGE_MASK);
        assert_int_equal(at.attributes.access, access);
    }
}

static inline void assert_unmapped(vaddr_t va)
{
    struct mmu_translation at;

    assert_false(mmu_translate(mmu_kernel, va, &at));
    assert_false(sim_tlb_access(va, &at));
}

#endif
