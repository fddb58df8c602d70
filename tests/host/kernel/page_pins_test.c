/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that several hold: pins one by one and by the list, shares, and what is given back pinned.
 */
#include "kernel/page/page_private.h"
#include "tests/host/kernel/page_machine.h"

#define RESERVED (RAM + 8 * SIM_MIB + PAGE_SIZE) /* two pages */
#define FOREIGN  0x9000000ull
#define LIST     150                  /* more than two batches */
#define HIGH     (RAM + 64 * SIM_MIB) /* a second bank, behind a hole */

static paddr_t pages[LIST];

static int start(void **state)
{
    static const struct page_range banks[] = {{RAM, 16 * SIM_MIB}, {HIGH, 2 * SIM_MIB}};
    static const struct page_range reserved = {RESERVED, 2 * PAGE_SIZE};

    (void)state;
    sim_ram_attach(banks, 2);
    return page_setup(banks, 2, &reserved, 1) ? 0 : -1;
}

static paddr_t single(void)
{
    paddr_t page = {0};

    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    return page;
}

static paddr_t run(size_t count)
{
    const struct page_request request = {.count = count, .owner = PAGE_OWNER_IMAGE};
    paddr_t first = {0};

    assert_int_equal(page_alloc_run(&request, &first), KERN_SUCCESS);
    return first;
}

static void fill_list(void)
{
    for (unsigned i = 0; i < LIST; i++) {
        pages[i] = single();
    }
}

static void free_list(void)
{
    for (unsigned i = 0; i < LIST; i++) {
        page_free(pages[i], 0);
    }
}

static void test_one_by_one(void **state)
{
    const paddr_t page = single(), freed = single();

    (void)state;
    assert_int_equal(page_free(freed, 0), KERN_SUCCESS);
    assert_int_equal(page_pin(freed), KERN_INVALID_ADDRESS);
    assert_int_equal(page_unpin(freed), KERN_INVALID_ADDRESS);
    assert_int_equal(page_pin(paddr(FOREIGN)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_pin(paddr(RAM + 16 * SIM_MIB)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_pin(paddr(HIGH + 2 * SIM_MIB)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_pin_count(paddr(FOREIGN)), 0);
    assert_int_equal(page_pin(paddr(RESERVED + PAGE_SIZE)), KERN_SUCCESS); /* a device's target */
    assert_int_equal(page_pin_count(paddr(RESERVED + PAGE_SIZE)), 1);
    assert_int_equal(page_pin(page), KERN_SUCCESS);
    assert_int_equal(page_pin(page), KERN_SUCCESS);
    assert_int_equal(page_pin_count(page), 2);
    assert_int_equal(stats().pins, 3);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);
    assert_int_equal(page_unpin(page), KERN_SUCCESS);
    assert_int_equal(page_unpin(page), KERN_SUCCESS);
    assert_int_equal(page_unpin(page), KERN_FAILURE);
    assert_int_equal(page_unpin(paddr(RESERVED + PAGE_SIZE)), KERN_SUCCESS);
    assert_int_equal(stats().pins, 0);

    page_lookup(page)->pins = UINT32_MAX; /* one more would be none */
    assert_int_equal(page_pin(page), KERN_FAILURE);
    assert_int_equal(page_pin_count(page), UINT32_MAX);
    assert_int_equal(page_pin_unshared(&page, 1), 0);
    page_lookup(page)->pins = 0;
    assert_int_equal(page_free(page, 0), KERN_SUCCESS);
}

static void test_lists(void **state)
{
    (void)state;
    fill_list();
    const struct page_stats before = stats();
    const paddr_t in_use = pages[100];

    pages[70] = paddr(FOREIGN); /* registers are passed over */
    pages[100] = paddr(RESERVED);
    assert_int_equal(page_pin_list(pages, LIST), KERN_SUCCESS);
    for (unsigned i = 0; i < LIST; i++) {
        assert_int_equal(page_pin_count(pages[i]), i != 70);
    }
    assert_int_equal(stats().pins, LIST - 1);
    page_unpin_list(pages, LIST);
    assert_same_stats(before, stats());

    /* All or nothing, wherever it fails. */
    for (unsigned at = 0; at < LIST; at += at == 0 ? 63 : 1) {
        const paddr_t good = pages[at];

        pages[at] = single();
        page_free(pages[at], 0);
        assert_int_equal(page_pin_list(pages, LIST), KERN_INVALID_ADDRESS);
        pages[at] = good;
        assert_int_equal(stats().pins, 0);
    }
    page_lookup(pages[128])->pins = UINT32_MAX;
    assert_int_equal(page_pin_list(pages, LIST), KERN_FAILURE);
    assert_int_equal(page_pin_count(pages[127]), 0);
    page_lookup(pages[128])->pins = 0;
    assert_int_equal(page_pin_list(pages, 0), KERN_SUCCESS);
    pages[100] = in_use;
    free_list();
}

static void test_unshared(void **state)
{
    (void)state;
    fill_list();
    for (unsigned at = 0; at < LIST; at++) {
        assert_int_equal(page_share(pages[at]), KERN_SUCCESS);
        assert_int_equal(page_pin_unshared(pages, LIST), at);
        assert_int_equal(stats().pins, at);
        assert_int_equal(page_pin_count(pages[at]), 0);
        page_unpin_list(pages, at);
        assert_int_equal(page_free(pages[at], 0), KERN_SUCCESS);
    }
    assert_int_equal(page_pin_unshared(pages, LIST), LIST);
    page_unpin_list(pages, LIST);
    pages[64] = paddr(FOREIGN);
    assert_int_equal(page_pin_unshared(pages, LIST), 64);
    page_unpin_list(pages, 64);
    assert_int_equal(stats().pins, 0);
}

static void test_shares(void **state)
{
    const paddr_t page = single(), pair = run(2), freed = single();

    (void)state;
    page_free(freed, 0);
    assert_int_equal(page_share(freed), KERN_INVALID_ADDRESS);
    assert_int_equal(page_share(paddr(FOREIGN)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_share(pair), KERN_INVALID_ADDRESS);
    assert_int_equal(page_share(paddr_add(pair, PAGE_SIZE)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_share_count(freed), 0);
    assert_int_equal(page_share_count(paddr(FOREIGN)), 0);
    assert_int_equal(page_share_count(pair), 1);
    assert_int_equal(page_share_count(page), 1);
    for (unsigned owners = 2; owners < 5; owners++) {
        assert_int_equal(page_share(page), KERN_SUCCESS);
        assert_int_equal(page_share_count(page), owners);
    }
    for (unsigned owners = 4; owners > 0; owners--) {
        assert_int_equal(page_share_count(page), owners);
        assert_int_equal(page_get_state(page), PAGE_ALLOCATED);
        assert_int_equal(page_free(page, 0), KERN_SUCCESS);
    }
    assert_int_equal(page_get_state(page), PAGE_FREE);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);

    const paddr_t other = single();

    assert_int_equal(page_share(other), KERN_SUCCESS);
    page_lookup(other)->count = UINT32_MAX;
    assert_int_equal(page_share(other), KERN_FAILURE);
    page_lookup(other)->count = 1;
    /* Pinned and shared, one owner goes: it is the other's. */
    assert_int_equal(page_pin(other), KERN_SUCCESS);
    assert_int_equal(page_release_run(other, 1), KERN_SUCCESS);
    assert_int_equal(page_share_count(other), 1);
    assert_int_equal(page_release_run(other, 1), KERN_SUCCESS);
    assert_int_equal(page_share(other), KERN_INVALID_ADDRESS); /* nobody's, until it is unpinned */
    assert_int_equal(page_release_run(other, 1), KERN_FAILURE);
    assert_int_equal(page_unpin(other), KERN_SUCCESS);
    assert_int_equal(page_get_state(other), PAGE_FREE);
    assert_int_equal(page_free_run(pair, 2), KERN_SUCCESS);
}

static void test_given_back_pinned(void **state)
{
    const struct page_stats before = stats();
    const paddr_t first = run(5);

    (void)state;
    page_pin(paddr_add(first, PAGE_SIZE));
    page_pin(paddr_add(first, 4 * PAGE_SIZE));
    page_pin(paddr_add(first, 4 * PAGE_SIZE));
    assert_int_equal(page_free_run(first, 5), KERN_FAILURE);
    assert_int_equal(page_split_run(first, 5), KERN_INVALID_ARGUMENT);
    assert_int_not_equal(page_release_run(first, 4), KERN_SUCCESS);
    assert_int_not_equal(page_release_run(first, 0), KERN_SUCCESS);
    assert_int_not_equal(page_release_run(paddr(FOREIGN), 1), KERN_SUCCESS);
    assert_int_equal(page_release_run(first, 5), KERN_SUCCESS);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(page_get_state(paddr_add(first, i * PAGE_SIZE)),
                         i == 1 || i == 4 ? PAGE_ALLOCATED : PAGE_FREE);
    }
    assert_int_equal(stats().allocated, before.allocated + 2);
    assert_int_not_equal(page_release_run(paddr_add(first, PAGE_SIZE), 1), KERN_SUCCESS);
    page_unpin(paddr_add(first, PAGE_SIZE));
    page_unpin(paddr_add(first, 4 * PAGE_SIZE));
    assert_int_equal(stats().allocated, before.allocated + 1);
    page_unpin(paddr_add(first, 4 * PAGE_SIZE));
    assert_int_equal(stats().allocated, before.allocated);
    assert_int_equal(stats().pins, 0);

    const paddr_t block = run(8); /* nothing is pinned: as any other */

    assert_int_equal(page_release_run(block, 8), KERN_SUCCESS);
    assert_int_equal(stats().allocated, before.allocated);
}

static void test_quarantine(void **state)
{
    const paddr_t page = single();

    (void)state;
    assert_int_equal(page_quarantine(paddr(FOREIGN)), KERN_INVALID_ADDRESS);
    assert_int_equal(stats().quarantined, 0);
    assert_int_equal(page_quarantine(page), KERN_SUCCESS);
    assert_int_equal(stats().quarantined, 1);
    assert_int_equal(stats().pins, 1);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);
}

static void expect_alike(uint64_t at, uint64_t asked, uint64_t count, bool is_ram)
{
    bool ram = !is_ram;

    assert_int_equal(page_alike(paddr(at), asked, &ram), count);
    assert_int_equal(ram, is_ram);
}

/* Section by section and page by page, up to where memory begins, ends, or is not known at all. */
static void test_what_is_ram(void **state)
{
    const uint64_t first = 16 * SIM_MIB / PAGE_SIZE, hole = 48 * SIM_MIB / PAGE_SIZE,
                   second = 2 * SIM_MIB / PAGE_SIZE;

    (void)state;
    expect_alike(RAM, 1, 1, true);
    expect_alike(RAM, first, first, true);
    expect_alike(RAM, first + 1, first, true);
    expect_alike(RAM + 3 * PAGE_SIZE, 2 * first, first - 3, true);
    expect_alike(RESERVED, 3, 3, true);
    expect_alike(RAM + 16 * SIM_MIB, hole, hole, false);
    expect_alike(RAM + 16 * SIM_MIB, hole + 1, hole, false);
    expect_alike(HIGH - PAGE_SIZE, 9, 1, false);
    expect_alike(HIGH, second + 9, second, true);
    expect_alike(HIGH + 2 * SIM_MIB - PAGE_SIZE, 9, 1, true);
    expect_alike(HIGH + 2 * SIM_MIB, 5000, 5000, false);
    expect_alike(0, RAM / PAGE_SIZE + 7, RAM / PAGE_SIZE, false);
    expect_alike(1ull << 45, 1ull << 20, 1ull << 20, false);

    assert_true(page_overlaps_ram(paddr(RAM), 1));
    assert_true(page_overlaps_ram(paddr(RAM - 1), 2));
    assert_false(page_overlaps_ram(paddr(RAM - 1), 1));
    assert_false(page_overlaps_ram(paddr(RAM), 0));
    assert_false(page_overlaps_ram(paddr(RAM + 16 * SIM_MIB), 48 * SIM_MIB));
    assert_true(page_overlaps_ram(paddr(RAM + 16 * SIM_MIB), 48 * SIM_MIB + 1));
    assert_true(page_overlaps_ram(paddr(RAM + 16 * SIM_MIB - 1), 1));
    assert_false(page_overlaps_ram(paddr(HIGH + 2 * SIM_MIB), UINT64_MAX));
    assert_true(page_overlaps_ram(paddr(0), UINT64_MAX));
    assert_true(page_overlaps_ram(paddr(HIGH + 2 * SIM_MIB - 1), UINT64_MAX));
}

static void test_notes(void **state)
{
    const paddr_t page = single();

    (void)state;
    assert_null(page_note(paddr(FOREIGN)));
    assert_null(page_note(paddr(RAM + 16 * SIM_MIB)));
    assert_non_null(page_note(paddr(RESERVED)));
    assert_non_null(page_note(page));
    *page_note(page) = 5;
    assert_int_equal(*page_note(page), 5);
    assert_int_equal(*page_note(paddr(RESERVED)), 0);
    *page_note(page) = 0;
    assert_int_equal(page_free(page, 0), KERN_SUCCESS);
}

#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, start, detach)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(test_one_by_one),        PAGE_TEST(test_lists),
        PAGE_TEST(test_unshared),          PAGE_TEST(test_shares),
        PAGE_TEST(test_given_back_pinned), PAGE_TEST(test_quarantine),
        PAGE_TEST(test_what_is_ram),       PAGE_TEST(test_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
