/* SPDX-License-Identifier: BSD-2-Clause */
/* What is mapped, entry by entry, and as one who only knows pages would have it. */
#include "tests/host/kernel/mmu_fixture.h"

static void test_one_page(void **state)
{
    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, rw), KERN_SUCCESS);
    assert_maps(VA + 0x123, PA + 0x123, rw.access);
    assert_unmapped(VA + PAGE_SIZE);
    assert_int_equal(stats().mapped_pages, 1);
    assert_int_equal(stats().tables, tables_at_start + 3);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    assert_unmapped(VA);
}

static void test_blocks_where_they_fit(void **state)
{
    struct mmu_translation at;
    const uint64_t size = PAGE_SIZE + MIB2 + GIB + MIB2 + 2 * PAGE_SIZE;
    const vaddr_t va = VA + GIB - MIB2 - PAGE_SIZE;
    const paddr_t pa = paddr(PA + GIB - MIB2 - PAGE_SIZE);

    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, va, pa, size, rw), KERN_SUCCESS);
    assert_true(mmu_translate(mmu_kernel, VA + GIB, &at));
    assert_int_equal(at.contiguous, GIB);
    assert_true(mmu_translate(mmu_kernel, VA + GIB - MIB2 + 1, &at));
    assert_int_equal(at.contiguous, MIB2 - 1);
    assert_true(mmu_translate(mmu_kernel, VA + 2 * GIB, &at));
    assert_int_equal(at.contiguous, MIB2);
    assert_true(mmu_translate(mmu_kernel, va, &at));
    assert_int_equal(at.contiguous, PAGE_SIZE);
    assert_unmapped(va - 1);
    assert_unmapped(va + size);
    assert_int_equal(mmu_unmap(mmu_kernel, va, size), KERN_SUCCESS);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA + PAGE_SIZE), GIB, rw), KERN_SUCCESS);
    assert_true(mmu_translate(mmu_kernel, VA, &at)); /* addresses out of step: pages */
    assert_int_equal(at.contiguous, PAGE_SIZE);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, GIB), KERN_SUCCESS);
}

static void test_splits_on_demand(void **state)
{
    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), GIB, rw), KERN_SUCCESS);
    assert_int_equal(stats().tables, tables_at_start + 1);
    assert_int_equal(mmu_protect(mmu_kernel, VA + 5 * MIB2 + PAGE_SIZE, PAGE_SIZE, ro),
                     KERN_SUCCESS);
    assert_maps(VA + 5 * MIB2, PA + 5 * MIB2, rw.access);
    assert_maps(VA + 5 * MIB2 + PAGE_SIZE, PA + 5 * MIB2 + PAGE_SIZE, ro.access);
    assert_maps(VA + 5 * MIB2 + 2 * PAGE_SIZE, PA + 5 * MIB2 + 2 * PAGE_SIZE, rw.access);
    assert_int_equal(stats().tables, tables_at_start + 3);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + 7 * MIB2, PAGE_SIZE), KERN_SUCCESS);
    assert_unmapped(VA + 7 * MIB2);
    assert_maps(VA + 7 * MIB2 + PAGE_SIZE, PA + 7 * MIB2 + PAGE_SIZE, rw.access);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, GIB), KERN_INVALID_ADDRESS); /* has a hole now */
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 7 * MIB2), KERN_SUCCESS);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + 7 * MIB2 + PAGE_SIZE, GIB - 7 * MIB2 - PAGE_SIZE),
                     KERN_SUCCESS);
}

/* One end alone needs smaller blocks, of two sizes: what is beside it stays. */
static void test_splits_at_one_end(void **state)
{
    const uint64_t at = 5 * MIB2 + PAGE_SIZE;

    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), GIB, rw), KERN_SUCCESS);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + at, GIB - at), KERN_SUCCESS);
    assert_maps(VA + at - PAGE_SIZE, PA + at - PAGE_SIZE, rw.access);
    assert_maps(VA + 4 * MIB2, PA + 4 * MIB2, rw.access);
    assert_unmapped(VA + at);
    assert_unmapped(VA + GIB - PAGE_SIZE);
    assert_int_equal(stats().mapped_pages, at / PAGE_SIZE);
    sim_tlb_check_all(mmu_kernel);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, at), KERN_SUCCESS);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), GIB, rw), KERN_SUCCESS);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, at), KERN_SUCCESS);
    assert_unmapped(VA + at - PAGE_SIZE);
    assert_maps(VA + at, PA + at, rw.access);
    assert_maps(VA + 6 * MIB2, PA + 6 * MIB2, rw.access);
    assert_int_equal(stats().mapped_pages, (GIB - at) / PAGE_SIZE);
    sim_tlb_check_all(mmu_kernel);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + at, GIB - at), KERN_SUCCESS);
}

/* A table is written to its end, and no further. */
static void test_a_table_is_a_page(void **state)
{
    paddr_t table, behind;
    struct mmu_path path;

    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), MIB2, rw), KERN_SUCCESS);
    assert_int_equal(page_alloc(1, PAGE_OWNER_IMAGE, &table), KERN_SUCCESS);
    assert_int_equal(page_split_run(table, 2), KERN_SUCCESS);
    behind = paddr_add(table, PAGE_SIZE);
    memset(phys_to_virt(behind), 0xee, PAGE_SIZE);
    assert_int_equal(page_free(table, 0), KERN_SUCCESS); /* the next to be taken */
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    mmu_walk(mmu_kernel, VA, 2, &path);
    assert_int_equal(pte_address(*path.entry[2]).value, table.value);
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(((uint8_t *)phys_to_virt(behind))[i], 0xee);
    }
    assert_maps(VA + MIB2 - PAGE_SIZE, PA + MIB2 - PAGE_SIZE, rw.access);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + PAGE_SIZE, MIB2 - PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(page_free(behind, 0), KERN_SUCCESS);
}

static void test_guard_pages(void **state)
{
    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), MIB2, none), KERN_SUCCESS);
    assert_maps(VA + 10, PA + 10, 0);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, rw), KERN_NO_SPACE);
    assert_int_equal(mmu_protect(mmu_kernel, VA + PAGE_SIZE, PAGE_SIZE, rw), KERN_SUCCESS);
    assert_maps(VA + PAGE_SIZE, PA + PAGE_SIZE, rw.access);
    assert_maps(VA, PA, 0);
    assert_int_equal(mmu_protect(mmu_kernel, VA + PAGE_SIZE, PAGE_SIZE, none), KERN_SUCCESS);
    assert_maps(VA + PAGE_SIZE, PA + PAGE_SIZE, 0);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, MIB2), KERN_SUCCESS);
}

static void test_bad_arguments(void **state)
{
    static const struct mmu_attributes bad[] = {
        {.access = MMU_WRITE | MMU_EXECUTE},
        {.access = MMU_READ | MMU_WRITE | MMU_EXECUTE},
        {.access = MMU_READ | MMU_EXECUTE, .memory = MMU_DEVICE},
        {.access = MMU_READ | MMU_EXECUTE, .memory = MMU_NONCACHED},
        {.access = MMU_READ | MMU_USER}, /* in the kernel's half */
        {.access = 0x10},
        {.access = MMU_READ, .memory = (enum mmu_memory)7},
    };
    static const struct {
        vaddr_t va;
        uint64_t pa, size;
    } ranges[] = {
        {VA, PA, 0},
        {VA + 1, PA, PAGE_SIZE},
        {VA, PA + 8, PAGE_SIZE},
        {VA, PA, PAGE_SIZE + 1},
        {VA, PA, UINT64_MAX & ~PAGE_MASK},
        {VA - PAGE_SIZE, PA, PAGE_SIZE},
        {MMU_KERNEL_VA_END - PAGE_SIZE, PA, 2 * PAGE_SIZE},
        {MMU_KERNEL_VA_END, PA, PAGE_SIZE},
        {DIRECT_MAP_BASE, PA, PAGE_SIZE},
        {0, PA, PAGE_SIZE},
        {VA, DIRECT_MAP_SIZE, PAGE_SIZE},
        {VA, DIRECT_MAP_SIZE - PAGE_SIZE, 2 * PAGE_SIZE},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, bad[i]),
                         KERN_INVALID_ARGUMENT);
    }
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_int_equal(mmu_map(mmu_kernel, ranges[i].va, paddr(ranges[i].pa), ranges[i].size, rw),
                         KERN_INVALID_ARGUMENT);
        if (ranges[i].pa == PA) {
            assert_int_equal(mmu_unmap(mmu_kernel, ranges[i].va, ranges[i].size),
                             KERN_INVALID_ARGUMENT);
        }
    }
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), PAGE_SIZE, rw), KERN_SUCCESS);
    assert_int_equal(mmu_protect(mmu_kernel, VA, PAGE_SIZE, bad[0]), KERN_INVALID_ARGUMENT);
    assert_int_equal(mmu_map(mmu_kernel, VA - 0, paddr(PA), 4 * PAGE_SIZE, rw), KERN_NO_SPACE);
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), GIB, rw), KERN_NO_SPACE);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, 2 * PAGE_SIZE), KERN_INVALID_ADDRESS);
    assert_int_equal(mmu_protect(mmu_kernel, VA, 2 * PAGE_SIZE, ro), KERN_INVALID_ADDRESS);
    assert_maps(VA, PA, rw.access);
    assert_unmapped(VA + PAGE_SIZE);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_INVALID_ADDRESS);
}

/* Hold all pages but `left`. */
static uint64_t hog(paddr_t *pages, uint64_t left)
{
    struct page_stats now;
    uint64_t count = 0;

    page_get_stats(&now);
    while (count < now.free - left) {
        if (page_alloc(0, PAGE_OWNER_IMAGE, &pages[count]) != KERN_SUCCESS) {
            break;
        }
        count++;
    }
    return count;
}

/* So many bytes from the second page on, taken out of a block of a GiB. */
static void split_without_tables(uint64_t size, paddr_t *pages)
{
    const uint64_t end = PAGE_SIZE + size;
    bool done = false;

    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), GIB, rw), KERN_SUCCESS);
    for (unsigned left = 0; !done; left++) {
        uint64_t count = hog(pages, left);
        kern_return_t status = mmu_unmap(mmu_kernel, VA + PAGE_SIZE, size);

        done = status == KERN_SUCCESS;
        if (!done) {
            assert_int_equal(status, KERN_RESOURCE_SHORTAGE);
            assert_maps(VA, PA, rw.access);
            assert_maps(VA + PAGE_SIZE, PA + PAGE_SIZE, rw.access);
            assert_maps(VA + end, PA + end, rw.access);
            assert_int_equal(stats().mapped_pages, GIB / PAGE_SIZE);
        }
        while (count > 0) {
            page_free(pages[--count], 0);
        }
    }
    assert_unmapped(VA + PAGE_SIZE);
    assert_int_equal(mmu_unmap(mmu_kernel, VA, PAGE_SIZE), KERN_SUCCESS);
    assert_int_equal(mmu_unmap(mmu_kernel, VA + end, GIB - end), KERN_SUCCESS);
}

static void test_want_of_tables_changes_nothing(void **state)
{
    paddr_t *pages = calloc(ram.size / PAGE_SIZE, sizeof(*pages));
    const vaddr_t va = VA + GIB - PAGE_SIZE;
    bool done = false;

    (void)state;
    for (unsigned left = 0; !done; left++) {
        uint64_t count = hog(pages, left);
        struct mmu_stats before = stats(), after;
        kern_return_t status = mmu_map(mmu_kernel, va, paddr(PA), 2 * PAGE_SIZE, rw);

        done = status == KERN_SUCCESS;
        if (!done) {
            assert_int_equal(status, KERN_RESOURCE_SHORTAGE);
            assert_unmapped(va);
            assert_unmapped(va + PAGE_SIZE);
            after = stats();
            assert_memory_equal(&before, &after, sizeof(before));
        } else {
            assert_int_equal(left, 5); /* one level 1, two of level 2 and 3 */
        }
        while (count > 0) {
            page_free(pages[--count], 0);
        }
    }
    assert_int_equal(mmu_unmap(mmu_kernel, va, 2 * PAGE_SIZE), KERN_SUCCESS);

    split_without_tables(MIB2, pages);
    /* Of two ends, one lies on a border of a smaller block, and needs no table. */
    split_without_tables(MIB2 - PAGE_SIZE, pages);
    free(pages);
}

/* Either end may be the one that needs a table. */
static void test_want_of_tables_keeps_modes(void **state)
{
    paddr_t *pages = calloc(ram.size / PAGE_SIZE, sizeof(*pages));
    const vaddr_t starts[] = {VA + PAGE_SIZE, VA}, ends[] = {VA + MIB2, VA + PAGE_SIZE};
    struct mmu_translation at;

    (void)state;
    assert_int_equal(mmu_map(mmu_kernel, VA, paddr(PA), MIB2, rw), KERN_SUCCESS);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t count = hog(pages, 0);

        assert_int_equal(mmu_set_memory(mmu_kernel, starts[i], ends[i] - starts[i], MMU_NONCACHED),
                         KERN_RESOURCE_SHORTAGE);
        while (count > 0) {
            page_free(pages[--count], 0);
        }
        assert_true(mmu_translate(mmu_kernel, VA, &at));
        assert_int_equal(at.contiguous, MIB2);
        assert_int_equal(at.attributes.memory, MMU_NORMAL);
        assert_int_equal(at.attributes.access, rw.access);
    }
    assert_int_equal(mmu_unmap(mmu_kernel, VA, MIB2), KERN_SUCCESS);
    free(pages);
}

/* A window of 8 MiB across a 1 GiB border, against an array with what should be there. */
#define WINDOW_PAGES 2048

#define WINDOW (VA + GIB - WINDOW_PAGES / 2 * PAGE_SIZE)

#define MODEL_STEPS 6000

struct expected {
    uint64_t pa; /* 0: not mapped */
    unsigned access;
    enum mmu_memory memory;
};

static bool all_mapped(const struct expected *pages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (pages[i].pa == 0) {
            return false;
        }
    }
    return true;
}

static bool none_mapped(const struct expected *pages, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (pages[i].pa != 0) {
            return false;
        }
    }
    return true;
}

/* The pages of the leaf that shows one, which go together: its first, and how many. */
static unsigned leaf_of(unsigned page, unsigned *first)
{
    const vaddr_t va = WINDOW + page * PAGE_SIZE;
    struct mmu_path path;
    vaddr_t start;

    mmu_walk(mmu_kernel, va, LEAF_LEVEL, &path);
    start = va & ~(LEVEL_SPAN(path.level) - 1);
    if (*path.entry[path.level] == 0) {
        *first = page;
        return 1;
    }
    *first = (unsigned)((start - WINDOW) / PAGE_SIZE);
    return (unsigned)(LEVEL_SPAN(path.level) / PAGE_SIZE);
}

static unsigned noted[WINDOW_PAGES];

static void note(vaddr_t va, void *context)
{
    assert_ptr_equal(context, noted);
    noted[(va - WINDOW) / PAGE_SIZE]++;
}

/* What is cleared takes along the rest of its blocks, and tells of each leaf that may be written.
 */
static void model_clear(struct expected *pages, unsigned first, unsigned count)
{
    unsigned start, at = first;

    memset(noted, 0, sizeof(noted));
    while (at < first + count) {
        const unsigned size = leaf_of(at, &start);

        noted[start] -= (pages[at].access & MMU_WRITE) != 0 && pages[at].pa != 0;
        memset(&pages[start], 0, size * sizeof(*pages));
        at = start + size;
    }
    mmu_clear_noting(mmu_kernel, WINDOW + first * PAGE_SIZE, count * PAGE_SIZE, note, noted);
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        assert_int_equal(noted[i], 0);
    }
}

static void model_take(struct expected *pages, unsigned page)
{
    const bool written = pages[page].pa != 0 && (pages[page].access & MMU_WRITE) != 0;
    unsigned start;
    const unsigned size = leaf_of(page, &start);

    assert_int_equal(mmu_page_is_dirty(mmu_kernel, WINDOW + page * PAGE_SIZE), written);
    assert_int_equal(mmu_take_page(mmu_kernel, WINDOW + page * PAGE_SIZE + 8), written);
    memset(&pages[start], 0, size * sizeof(*pages));
}

static void model_show(struct expected *pages, unsigned page, struct mmu_attributes attributes)
{
    const vaddr_t va = WINDOW + page * PAGE_SIZE;
    const uint64_t pa = PA + va - WINDOW;
    unsigned start;
    const unsigned size = leaf_of(page, &start);

    assert_int_equal(mmu_show_page(mmu_kernel, va, paddr(pa), attributes), KERN_SUCCESS);
    memset(&pages[start], 0, size * sizeof(*pages));
    pages[page] = (struct expected){pa, attributes.access, attributes.memory};
}

/* Nothing that is mapped may be there in name only, or be executed past the cache. */
static void model_retype(struct expected *pages, unsigned first, unsigned count,
                         enum mmu_memory memory)
{
    kern_return_t expected = KERN_SUCCESS;

    for (unsigned i = first; i < first + count; i++) {
        if (pages[i].pa != 0 && (pages[i].access == 0 || ((pages[i].access & MMU_EXECUTE) != 0 &&
                                                          memory > MMU_WRITE_THROUGH))) {
            expected = KERN_INVALID_ARGUMENT;
        }
    }
    assert_int_equal(
        mmu_set_memory(mmu_kernel, WINDOW + first * PAGE_SIZE, count * PAGE_SIZE, memory),
        expected);
    for (unsigned i = first; i < first + count && expected == KERN_SUCCESS; i++) {
        pages[i].memory = memory;
    }
}

static void model_split(unsigned page)
{
    unsigned start;

    assert_int_equal(mmu_split(mmu_kernel, WINDOW + page * PAGE_SIZE), KERN_SUCCESS);
    leaf_of(page, &start);
    assert_int_equal(start, page);
}

static void model_step(struct expected *pages, uint64_t r)
{
    const unsigned access[] = {0, MMU_READ, MMU_READ | MMU_WRITE, MMU_READ | MMU_EXECUTE};
    const struct mmu_attributes attributes = {
        .access = access[r % 4], .memory = (enum mmu_memory)((r >> 40) % (r % 4 == 3 ? 2 : 4))};
    unsigned first = (unsigned)(r >> 8) % WINDOW_PAGES;
    unsigned count = 1 + (unsigned)(r >> 24) % ((r >> 60) % 4 == 0 ? 1200 : 30);
    const uint64_t skew = (r >> 56) % 2 * PAGE_SIZE; /* so that blocks fit half the time */
    kern_return_t expected;
    vaddr_t va;

    if (count > WINDOW_PAGES - first) {
        count = WINDOW_PAGES - first;
    }
    va = WINDOW + first * PAGE_SIZE;
    switch ((r >> 4) % 14) {
    case 0 ... 5: {
        uint64_t pa = PA + GIB + va - WINDOW + skew;

        expected = none_mapped(pages + first, count) ? KERN_SUCCESS : KERN_NO_SPACE;
        assert_int_equal(mmu_map(mmu_kernel, va, paddr(pa), count * PAGE_SIZE, attributes),
                         expected);
        for (unsigned i = 0; i < count && expected == KERN_SUCCESS; i++) {
            pages[first + i] =
                (struct expected){pa + i * PAGE_SIZE, attributes.access, attributes.memory};
        }
        return;
    }
    case 6:
        model_clear(pages, first, count);
        return;
    case 7:
        model_take(pages, first);
        return;
    case 8:
        model_show(pages, first, attributes);
        return;
    case 9:
        model_retype(pages, first, count, attributes.memory);
        return;
    case 10:
        model_split(first);
        return;
    default:
        break;
    }
    expected = all_mapped(pages + first, count) ? KERN_SUCCESS : KERN_INVALID_ADDRESS;
    if ((r >> 4) % 14 == 11) {
        assert_int_equal(mmu_unmap(mmu_kernel, va, count * PAGE_SIZE), expected);
        if (expected == KERN_SUCCESS) {
            memset(pages + first, 0, count * sizeof(*pages));
        }
        return;
    }
    assert_int_equal(mmu_protect(mmu_kernel, va, count * PAGE_SIZE, attributes), expected);
    for (unsigned i = 0; i < count && expected == KERN_SUCCESS; i++) {
        pages[first + i].access = attributes.access;
        pages[first + i].memory = attributes.memory;
    }
}

static void test_random_against_model(void **state)
{
    struct expected *pages = calloc(WINDOW_PAGES, sizeof(*pages));
    uint64_t random = 3;
    struct mmu_translation at;

    (void)state;
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        uint64_t mapped = 0;

        model_step(pages, sim_random(&random));
        for (unsigned i = 0; i < WINDOW_PAGES; i++) {
            mapped += pages[i].pa != 0;
            if (step % 8 != 0 && (i + step) % 61 != 0) {
                continue; /* look at a sample; it also leaves the TLB half filled */
            }
            if (pages[i].pa) {
                assert_maps(WINDOW + i * PAGE_SIZE, pages[i].pa, pages[i].access);
                assert_true(mmu_translate(mmu_kernel, WINDOW + i * PAGE_SIZE, &at));
                assert_int_equal(at.attributes.memory, pages[i].memory);
            } else {
                assert_unmapped(WINDOW + i * PAGE_SIZE);
            }
        }
        assert_int_equal(stats().mapped_pages, mapped);
        if (step % 50 == 0) {
            sim_tlb_check_all(mmu_kernel);
        }
    }
    for (unsigned i = 0; i < WINDOW_PAGES; i++) {
        if (pages[i].pa) {
            assert_int_equal(mmu_unmap(mmu_kernel, WINDOW + i * PAGE_SIZE, PAGE_SIZE),
                             KERN_SUCCESS);
        }
    }
    free(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocks_where_they_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_splits_on_demand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_splits_at_one_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_table_is_a_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guard_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_want_of_tables_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_want_of_tables_keeps_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_against_model, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
