/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of stores to page tables, barriers and flushes: what one CPU alone never notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_info.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_tlb.h"

#define MIB2 LEVEL_SPAN(2)
#define VA   MMU_KERNEL_VA_BASE
#define PA   0x100000000ull /* need not be RAM */

static const struct page_range ram = {0x40000000, 64 * SIM_MIB};
static const struct mmu_attributes rw = {.access = MMU_READ | MMU_WRITE};
static const struct mmu_attributes ro = {.access = MMU_READ};

/* What a step finds in the tables, for the range that a test is about. */
static struct {
    vaddr_t va;
    uint64_t pages;
    unsigned count[SIM_STEPS];
    uint64_t valid[SIM_STEPS];       /* entries of the range at the last such step */
    uint64_t tables[SIM_STEPS];      /* pages that are tables, at the last such step */
    unsigned levels[LEAF_LEVEL + 1]; /* of SIM_FLUSH_BEGIN: found as deep as that */
    bool flushed_valid;              /* a page was flushed that still is valid */
    enum sim_step order[16];
    uint64_t detail[16];
    unsigned steps;
} seen;

static uint64_t table_pages(void)
{
    struct page_stats now;

    page_get_stats(&now);
    return now.owned[PAGE_OWNER_TABLE];
}

static bool is_valid(vaddr_t va)
{
    struct mmu_path path;

    mmu_walk(mmu_kernel, va, LEAF_LEVEL, &path);
    return !pte_is_table(*path.entry[path.level], path.level) &&
           (*path.entry[path.level] & DESCRIPTOR_VALID) != 0;
}

static uint64_t valid_entries(void)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < seen.pages; i++) {
        count += is_valid(seen.va + i * PAGE_SIZE);
    }
    return count;
}

static void look(enum sim_step step, uint64_t detail)
{
    struct mmu_path path;

    seen.count[step]++;
    seen.valid[step] = valid_entries();
    seen.tables[step] = table_pages();
    if (step == SIM_FLUSH_PAGE && detail >= MMU_KERNEL_VA_BASE) {
        seen.flushed_valid |= is_valid(detail);
    }
    if (step == SIM_FLUSH_BEGIN) {
        mmu_walk(mmu_kernel, seen.va, LEAF_LEVEL, &path);
        seen.levels[path.level]++;
    }
    if (seen.steps < 16) {
        seen.order[seen.steps] = step;
        seen.detail[seen.steps] = detail;
    }
    seen.steps++;
}

static void look_at(vaddr_t va, uint64_t pages)
{
    memset(&seen, 0, sizeof(seen));
    seen.va = va;
    seen.pages = pages;
    sim_witness = look;
}

static int setup(void **state)
{
    (void)state;
    sim_ram_attach(&ram, 1);
    assert_true(page_setup(&ram, 1, NULL, 0));
    sim_tlb_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_witness = NULL;
    mmu_space_activate(NULL);
    heap_trim();
    sim_ram_detach();
    return 0;
}

static void map(vaddr_t va, uint64_t size)
{
    assert_int_equal(mmu_map(mmu_kernel, va, paddr(PA), size, rw), KERN_SUCCESS);
}

/* A walk must never meet a table before its zeros, nor the caller an entry before a walk does. */
static void test_map(void **state)
{
    (void)state;
    look_at(VA, 4);
    map(VA, 4 * PAGE_SIZE);
    for (unsigned level = 0; level < LEAF_LEVEL; level++) {
        assert_int_equal(seen.levels[level], 1); /* the next table is not linked yet */
    }
    assert_int_equal(seen.count[SIM_PUBLISH], 1);
    assert_int_equal(seen.valid[SIM_PUBLISH], 4);
    assert_int_equal(seen.order[seen.steps - 1], SIM_PUBLISH);
    look_at(VA + 4 * PAGE_SIZE, 2); /* in a table that is there */
    map(VA + 4 * PAGE_SIZE, 2 * PAGE_SIZE);
    assert_int_equal(seen.steps, 1);
    assert_int_equal(seen.order[0], SIM_PUBLISH);
    assert_int_equal(seen.valid[SIM_PUBLISH], 2);
}

static void test_unmap(void **state)
{
    (void)state;
    map(VA, 4 * PAGE_SIZE);

    const uint64_t tables = table_pages();

    look_at(VA, 4);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 4 * PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(seen.valid[SIM_FLUSH_BEGIN], 0);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 4);
    assert_false(seen.flushed_valid);
    assert_int_equal(seen.count[SIM_FLUSH_END], 1);
    /* No table has another owner before the flush is over. */
    assert_int_equal(seen.tables[SIM_FLUSH_END], tables);
    assert_int_equal(table_pages(), tables - 3);
}

/* What a refused mapping had added goes in the same way. */
static void test_refused_map(void **state)
{
    (void)state;
    map(VA + MIB2, PAGE_SIZE);

    const uint64_t tables = table_pages(), mapped = mmu_kernel->mapped;

    look_at(VA, 512);
    assert_int_equal(mmu_map(mmu_kernel, VA + PAGE_SIZE, paddr(PA), MIB2, rw), KERN_NO_SPACE);
    assert_int_equal(seen.count[SIM_FLUSH_END], 1);
    assert_int_equal(seen.tables[SIM_FLUSH_END], tables + 1);
    assert_int_equal(table_pages(), tables);
    /* And the pages before the one that was in the way. */
    assert_int_equal(seen.valid[SIM_FLUSH_BEGIN], 0);
    assert_int_equal(seen.count[SIM_PUBLISH], 0);
    assert_int_equal(mmu_kernel->mapped, mapped);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + MIB2, PAGE_SIZE), KERN_SUCCESS);
}

/* What there is too little for adds tables in vain: forgotten by walks before they go. */
static void test_want_of_tables(void **state)
{
    paddr_t page, last = {0};
    uint64_t tables;

    (void)state;
    while (page_alloc(0, PAGE_OWNER_IMAGE, &page) == KERN_SUCCESS) {
        last = page;
    }
    assert_int_equal(page_free(last, 0), KERN_SUCCESS);
    tables = table_pages();
    for (unsigned way = 0; way < 2; way++) {
        look_at(VA, 1);
        assert_int_equal(way == 0 ? mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, rw)
                                  : mmu_show_page(mmu_kernel, VA, paddr(PA), rw),
                         KERN_RESOURCE_SHORTAGE);
        assert_int_equal(seen.count[SIM_FLUSH_PAGE], 1);
        assert_int_equal(seen.tables[SIM_FLUSH_END], tables + 1);
        assert_int_equal(table_pages(), tables);
    }
}

/* Break before make: an entry is invalid, and flushed, before another one is there. */
static void assert_broken_before_made(uint64_t pages)
{
    assert_int_equal(seen.valid[SIM_FLUSH_BEGIN], 0);
    assert_int_not_equal(seen.count[SIM_FLUSH_PAGE], 0);
    assert_false(seen.flushed_valid);
    assert_int_equal(seen.valid[SIM_FLUSH_END], 0);
    assert_int_equal(seen.valid[SIM_PUBLISH], pages);
    assert_int_equal(seen.order[seen.steps - 1], SIM_PUBLISH);
    assert_int_equal(seen.order[seen.steps - 2], SIM_FLUSH_END);
}

static void test_protect(void **state)
{
    (void)state;
    map(VA, 2 * PAGE_SIZE);
    look_at(VA, 2);
    assert_int_equal(mmu_protect(mmu_kernel, VA, 2 * PAGE_SIZE, ro), KERN_SUCCESS);
    assert_broken_before_made(2);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 2);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 2 * PAGE_SIZE), KERN_SUCCESS);
}

static void test_memory_type(void **state)
{
    (void)state;
    map(VA, 2 * PAGE_SIZE);
    look_at(VA, 2);
    assert_int_equal(mmu_set_memory(mmu_kernel, VA, 2 * PAGE_SIZE, MMU_NONCACHED), KERN_SUCCESS);
    assert_broken_before_made(2);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 2);
    assert_int_equal(sim_irq_masked, 0);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 2 * PAGE_SIZE), KERN_SUCCESS);
}

/* Block and table are never in TLBs together. */
static void test_split(void **state)
{
    (void)state;
    map(VA, MIB2);
    look_at(VA, 1); /* the block's own address is not part of the change */
    assert_int_equal(mmu_protect(mmu_kernel, VA + PAGE_SIZE, PAGE_SIZE, ro), KERN_SUCCESS);
    assert_int_equal(seen.order[0], SIM_FLUSH_BEGIN);
    assert_int_equal(seen.order[1], SIM_FLUSH_PAGE);
    assert_int_equal(seen.detail[1] & ~(MIB2 - 1), VA);
    assert_int_equal(seen.order[2], SIM_FLUSH_END);
    assert_false(seen.flushed_valid);
    assert_int_equal(seen.order[3], SIM_FLUSH_BEGIN); /* of the change itself */
    assert_int_equal(seen.valid[SIM_PUBLISH], 1);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, MIB2), KERN_SUCCESS);
}

static void test_cached_tables(void **state)
{
    (void)state;
    map(VA, 2 * PAGE_SIZE);

    const uint64_t tables = table_pages();

    look_at(VA, 2);
    mmu_clear(mmu_kernel, VA, PAGE_SIZE);
    assert_int_equal(seen.valid[SIM_FLUSH_BEGIN], 1);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 1);
    assert_false(seen.flushed_valid);
    mmu_clear(mmu_kernel, VA, PAGE_SIZE); /* nothing there: nothing to flush */
    assert_int_equal(seen.count[SIM_FLUSH_BEGIN], 1);
    assert_true(mmu_take_page(mmu_kernel, VA + PAGE_SIZE + 5));
    assert_int_equal(seen.valid[SIM_FLUSH_BEGIN], 0);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 2);
    assert_int_equal(seen.tables[SIM_FLUSH_END], tables);
    assert_int_equal(table_pages(), tables - 3);
    assert_false(mmu_take_page(mmu_kernel, VA + PAGE_SIZE));
    assert_int_equal(seen.count[SIM_FLUSH_BEGIN], 2);
}

/* A page in the place of another, or of a block, or of nothing: what was there is forgotten first.
 */
static void test_show_page(void **state)
{
    const struct mmu_attributes rw = {.access = MMU_READ | MMU_WRITE};
    const uint64_t mapped = mmu_kernel->mapped;
    struct mmu_translation at;

    (void)state;
    look_at(VA, 0);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(PA), rw), KERN_SUCCESS);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 0);
    assert_int_equal(seen.order[seen.steps - 1], SIM_PUBLISH);
    look_at(VA + PAGE_SIZE, 1); /* beside it, in a table that is there */
    assert_int_equal(mmu_show_page(mmu_kernel, VA + PAGE_SIZE, paddr(PA), rw), KERN_SUCCESS);
    assert_int_equal(seen.steps, 1);
    assert_int_equal(seen.order[0], SIM_PUBLISH);
    assert_int_equal(seen.valid[SIM_PUBLISH], 1);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    look_at(VA, 1);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(PA + PAGE_SIZE), rw), KERN_SUCCESS);
    assert_int_equal(seen.count[SIM_FLUSH_PAGE], 1);
    assert_false(seen.flushed_valid);
    assert_true(mmu_translate(mmu_kernel, VA, &at));
    assert_int_equal(at.pa.value, PA + PAGE_SIZE);
    assert_int_equal(mmu_kernel->mapped, mapped + 1);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), LEVEL_SPAN(2), rw), KERN_SUCCESS);
    assert_int_equal(mmu_show_page(mmu_kernel, VA + PAGE_SIZE, paddr(PA), rw), KERN_SUCCESS);
    assert_false(mmu_translate(mmu_kernel, VA, &at));
    assert_true(mmu_translate(mmu_kernel, VA + PAGE_SIZE, &at));
    assert_int_equal(at.pa.value, PA);
    assert_int_equal(mmu_kernel->mapped, mapped + 1);
    assert_int_equal(mmu_show_page(mmu_kernel, VA + 1, paddr(PA), rw), KERN_INVALID_ARGUMENT);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(PA + 1), rw), KERN_INVALID_ARGUMENT);
    assert_int_equal(mmu_show_page(mmu_kernel, VA, paddr(DIRECT_MAP_SIZE), rw),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + PAGE_SIZE, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(mmu_kernel->mapped, mapped);
}

/* A space is shown to walks only when its entries are, and numbers are used again after a flush. */
static void test_spaces(void **state)
{
    struct mmu_space *spaces[SIM_ASIDS];

    (void)state;
    for (unsigned i = 0; i < SIM_ASIDS; i++) {
        assert_int_equal(mmu_space_create(&spaces[i]), KERN_SUCCESS);
    }
    for (unsigned i = 0; i < SIM_ASIDS; i++) {
        bool rolled = false;

        look_at(VA, 0);
        mmu_space_activate(spaces[i]);
        assert_int_equal(seen.order[seen.steps - 1], SIM_LOWER_ROOT);
        assert_int_equal(seen.detail[seen.steps - 1], spaces[i]->root.value);
        assert_int_equal(seen.order[seen.steps - 2], SIM_PUBLISH);
        rolled = seen.steps > 2;
        if (rolled) {
            assert_int_equal(seen.steps, 6);
            assert_int_equal(seen.order[0], SIM_LOWER_ROOT);
            assert_int_equal(seen.detail[0], boot_info.empty_root_table);
            assert_int_equal(seen.order[1], SIM_FLUSH_BEGIN);
            assert_int_equal(seen.order[2], SIM_FLUSH_ALL);
            assert_int_equal(seen.order[3], SIM_FLUSH_END);
        }
    }
    for (unsigned i = 0; i < SIM_ASIDS; i++) {
        const uint64_t tables = table_pages();

        look_at(VA, 0);
        mmu_space_destroy(spaces[i]);
        assert_int_equal(seen.tables[SIM_FLUSH_END], tables);
        assert_int_equal(table_pages(), tables - 1);
        if (i == SIM_ASIDS - 1) { /* the active one: off it first */
            assert_int_equal(seen.order[0], SIM_LOWER_ROOT);
            assert_int_equal(seen.detail[0], boot_info.empty_root_table);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unmap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_want_of_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_protect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_type, setup, teardown),
        cmocka_unit_test_setup_teardown(test_split, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cached_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_show_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spaces, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
