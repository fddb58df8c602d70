/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that several hold: pins one by one and by rows, shares, and what is given back pinned. */
#include "kernel/page/page_unpin.h"
#include "tests/host/kernel/page_machine.h"

#define RESERVED (RAM + 8 * SIM_MIB + PAGE_SIZE) /* two pages */
#define FOREIGN  0x9000000ull
#define ROW      150                  /* pages, more than two batches */
#define HIGH     (RAM + 64 * SIM_MIB) /* a second bank, behind a hole */

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
    page_lookup(page)->pins = 0;
    assert_int_equal(page_free(page, 0), KERN_SUCCESS);
}

/* Pin `count` pages from one on, up to the first that cannot be: how many. */
static uint64_t pin_row(paddr_t first, uint64_t count, uint64_t not_if)
{
    const uint64_t begin = first.value >> PAGE_SHIFT;
    struct page_batch batch;
    uint64_t done;

    page_batch_begin(&batch);
    done = page_batch_pin(&batch, begin, begin + count, not_if) - begin;
    page_batch_end(&batch, 1);
    return done;
}

static uint8_t unpin_runs(const struct memory_run *runs, size_t count, bool registers, uint8_t in,
                          uint8_t bits)
{
    const struct memory_runs all = {.list = (struct memory_run *)runs,
                                    .count = count,
                                    .length = count != 0 ? runs[count - 1].end : 0,
                                    .registers = registers};

    struct page_unpinning walk = page_unpin_begin(&all, true, in, bits);

    page_unpin_rest(&all, &walk);
    return (uint8_t)walk.found;
}

/* The same back, all of it in one run. */
static void unpin_row(paddr_t first, uint64_t count)
{
    const struct memory_run row = {first.value, count << PAGE_SHIFT};

    assert_int_equal(unpin_runs(&row, count != 0, count == 3, 0, 0), 0);
}

static struct page *record_of(paddr_t first, uint64_t index)
{
    return page_lookup(paddr_add(first, index << PAGE_SHIFT));
}

static void test_rows(void **state)
{
    /* Over the end of a section. */
    const struct page_request request = {
        .count = ROW, .alignment = 4 * SIM_MIB, .owner = PAGE_OWNER_IMAGE};
    const struct page_stats untouched = stats();
    paddr_t area, first;

    (void)state;
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    first = paddr(area.value - 5 * PAGE_SIZE); /* is free, or the end of somebody else's */
    page_free_run(area, ROW);
    assert_int_equal(page_get_state(first), PAGE_FREE);
    assert_int_equal(pin_row(first, 3, 0), 0);
    assert_int_equal(page_batch_judge(first.value >> PAGE_SHIFT), KERN_INVALID_ADDRESS);
    assert_same_stats(untouched, stats());

    const struct page_request all = {.count = 1500, .owner = PAGE_OWNER_IMAGE};
    struct page_stats before;

    assert_int_equal(page_alloc_run(&all, &area), KERN_SUCCESS);
    first = paddr(((area.value | (4 * SIM_MIB - 1)) + 1) - 100 * PAGE_SIZE);
    before = stats();
    assert_int_equal(pin_row(first, ROW, 0), ROW);
    assert_int_equal(pin_row(first, ROW, 0), ROW);
    assert_int_equal(stats().pins, 2 * ROW);
    for (uint64_t i = 0; i < ROW; i++) {
        assert_int_equal(record_of(first, i)->pins, 2);
    }
    assert_int_equal(page_pin_count(paddr(first.value - PAGE_SIZE)), 0);
    assert_int_equal(page_pin_count(paddr_add(first, ROW * PAGE_SIZE)), 0);
    unpin_row(first, ROW);
    unpin_row(first, ROW);
    assert_same_stats(before, stats());
    /* What is not pinned is passed over, and not counted. */
    unpin_row(first, ROW);
    assert_same_stats(before, stats());
    /* It ends where a count is full, wherever that is. */
    for (uint64_t at = 0; at < ROW; at += at == 0 ? 63 : 1) {
        record_of(first, at)->pins = UINT32_MAX;
        assert_int_equal(pin_row(first, ROW, 0), at);
        assert_int_equal(stats().pins, at);
        record_of(first, at)->pins = 0;
        unpin_row(first, at);
        assert_same_stats(before, stats());
    }
    record_of(first, 0)->pins = UINT32_MAX;
    assert_int_equal(page_batch_judge(first.value >> PAGE_SHIFT), KERN_FAILURE);
    record_of(first, 0)->pins = 0;
    page_free_run(area, all.count);
}

/* Reserved pages are pinned, what is no RAM is not, and may be passed over. */
static void test_rows_of_others(void **state)
{
    const struct page_stats before = stats();
    const paddr_t last = paddr(RAM + 16 * SIM_MIB - PAGE_SIZE);

    (void)state;
    assert_int_equal(pin_row(paddr(RESERVED), 2, 0), 2);
    assert_int_equal(stats().pins, before.pins + 2);
    unpin_row(paddr(RESERVED), 2);
    assert_int_equal(pin_row(paddr(FOREIGN), 1, 0), 0);
    assert_int_equal(pin_row(paddr(RAM + 16 * SIM_MIB), 1, 0), 0);
    assert_int_equal(page_batch_judge(FOREIGN >> PAGE_SHIFT), KERN_SUCCESS);
    assert_int_equal(page_batch_judge(last.value >> PAGE_SHIFT), KERN_INVALID_ADDRESS);
    unpin_row(last, 3); /* registers behind RAM that is free: nothing of it has a pin */
    assert_same_stats(before, stats());
}

static void test_unshared(void **state)
{
    const paddr_t area = run(ROW);

    (void)state;
    assert_int_equal(page_split_run(area, ROW), KERN_SUCCESS);
    for (uint64_t at = 0; at < ROW; at++) {
        const paddr_t page = paddr_add(area, at << PAGE_SHIFT);

        assert_int_equal(page_share(page), KERN_SUCCESS);
        assert_int_equal(pin_row(area, ROW, WORD_SHARED), at);
        assert_int_equal(page_pin_count(page), 0);
        assert_int_equal(page_batch_judge(page.value >> PAGE_SHIFT), KERN_FAILURE);
        unpin_row(area, at);
        assert_int_equal(pin_row(page, 1, 0), 1);
        unpin_row(page, 1);
        assert_int_equal(page_free(page, 0), KERN_SUCCESS);
    }
    assert_int_equal(pin_row(area, ROW, WORD_SHARED), ROW);
    unpin_row(area, ROW);
    assert_int_equal(stats().pins, 0);
    for (uint64_t at = 0; at < ROW; at++) {
        assert_int_equal(page_free(paddr_add(area, at << PAGE_SHIFT), 0), KERN_SUCCESS);
    }
}

/* A pin for each run that touches a page; notes change before it goes. */
static void test_runs_back(void **state)
{
    const paddr_t area = run(8);
    const struct memory_run runs[] = {
        {area.value + 10, 20},                                /* page 0 */
        {area.value + 100, 30},                               /* again */
        {area.value + 2 * PAGE_SIZE + 4095, 32},              /* pages 2 and 3 */
        {FOREIGN, 40},                                        /* registers */
        {area.value + 5 * PAGE_SIZE, 40 + 2 * PAGE_SIZE + 1}, /* pages 5 to 7 */
    };
    static const uint32_t expected[8] = {2, 0, 1, 1, 0, 1, 1, 1};

    (void)state;
    for (uint64_t i = 0; i < 8; i++) {
        for (uint32_t pins = 0; pins < expected[i] + 1; pins++) {
            page_pin(paddr_add(area, i << PAGE_SHIFT));
        }
        record_of(area, i)->note = i % 2 == 0 ? 0x08 : 0x20;
    }
    assert_int_equal(unpin_runs(runs, 3, false, 0x08, 0x10), 0x38);
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(record_of(area, i)->pins, 1 + (i > 4 ? expected[i] : 0));
        assert_int_equal(record_of(area, i)->note, i % 2 != 0         ? 0x20
                                                   : i == 0 || i == 2 ? 0x18
                                                                      : 0x08);
    }
    assert_int_equal(unpin_runs(runs, 0, false, 0x08, 0x10), 0);
    /* With registers among them, which have no pins to be given back. */
    assert_int_equal(unpin_runs(runs, 5, true, 0x08, 0x10), 0x38);
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(record_of(area, i)->pins, i >= 5 || expected[i] == 0);
        assert_int_equal(record_of(area, i)->note, i % 2 != 0 ? 0x20 : i == 4 ? 0x08 : 0x18);
    }
    for (uint64_t i = 0; i < 8; i++) {
        record_of(area, i)->pins = 0;
        record_of(area, i)->note = 0;
    }
    page_pool.pins = 0;
    page_free_run(area, 8);
}

/* Nothing was written: notes stay as they are, and what they say is not asked, however long it is.
 */
static void test_runs_back_unwritten(void **state)
{
    const paddr_t area = run(ROW);
    struct memory_run runs[] = {{area.value, (ROW - 1) * PAGE_SIZE}, {area.value + 7, 0}};
    struct memory_runs all = {.list = runs, .count = 2};

    (void)state;
    all.length = runs[1].end = runs[0].end + 9;
    for (unsigned registers = 0; registers < 2; registers++) {
        struct page_unpinning walk = page_unpin_begin(&all, false, 0x08, 0x10);

        all.registers = registers != 0;
        assert_int_equal(pin_row(area, ROW - 1, 0), ROW - 1);
        assert_int_equal(page_pin(area), KERN_SUCCESS);
        for (uint64_t i = 0; i < ROW; i++) {
            record_of(area, i)->note = 0x28;
        }
        page_unpin_rest(&all, &walk);
        assert_int_equal(walk.found, 0);
        assert_int_equal(stats().pins, 0);
        for (uint64_t i = 0; i < ROW; i++) {
            assert_int_equal(record_of(area, i)->note, 0x28);
            record_of(area, i)->note = 0;
        }
    }
    page_free_run(area, ROW);
}

/* Given back while a run had it pinned, a page goes with that pin, and its note is not touched. */
static void test_runs_back_at_last(void **state)
{
    const struct page_stats before = stats();
    const paddr_t area = run(3);
    const struct memory_run row = {area.value, 3 * PAGE_SIZE};

    (void)state;
    assert_int_equal(pin_row(area, 3, 0), 3);
    assert_int_equal(page_release_run(area, 3), KERN_SUCCESS);
    assert_int_equal(stats().allocated, before.allocated + 3);
    unpin_runs(&row, 1, false, 0, 0);
    assert_int_equal(stats().allocated, before.allocated);
    assert_int_equal(stats().pins, before.pins);
}

/* The same among other runs: what is counted is what has gone. */
static void test_runs_back_among_others(void **state)
{
    const struct page_stats before = stats();

    (void)state;
    for (uint64_t orphan = 0; orphan < 5; orphan++) {
        const paddr_t area = run(8);
        const struct memory_run runs[] = {
            {area.value, PAGE_SIZE},
            {area.value + 2 * PAGE_SIZE, 4 * PAGE_SIZE},
            {area.value + 6 * PAGE_SIZE, 5 * PAGE_SIZE},
            {area.value + 7 * PAGE_SIZE, 6 * PAGE_SIZE},
        };

        assert_int_equal(page_split_run(area, 8), KERN_SUCCESS);
        assert_int_equal(pin_row(area, 8, 0), 8);
        assert_int_equal(page_release_run(paddr_add(area, orphan * PAGE_SIZE), 1), KERN_SUCCESS);
        unpin_runs(runs, 4, false, 0, 0);
        assert_int_equal(stats().pins, before.pins + (8 - 6));
        for (uint64_t i = 0; i < 8; i++) {
            const paddr_t page = paddr_add(area, i * PAGE_SIZE);

            assert_int_equal(page_pin_count(page), i == 1 || i == 5);
            if (i == 1 || i == 5) {
                page_unpin(page);
            }
            assert_int_equal(page_free(page, 0), i == orphan ? KERN_FAILURE : KERN_SUCCESS);
        }
        assert_same_stats(before, stats());
    }
}

static void test_lists_back(void **state)
{
    const paddr_t area = run(3);
    const paddr_t list[] = {paddr_add(area, 2 * PAGE_SIZE), paddr(FOREIGN), area, area};

    (void)state;
    assert_int_equal(pin_row(area, 3, 0), 3);
    page_unpin_list(list, 4);
    assert_int_equal(stats().pins, 1);
    assert_int_equal(page_pin_count(paddr_add(area, PAGE_SIZE)), 1);
    unpin_row(area, 3);
    page_unpin_list(list, 0);
    assert_int_equal(stats().pins, 0);
    page_free_run(area, 3);
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
    assert_int_equal(page_release_run(other, 1), KERN_SUCCESS); /* not pinned: one owner less */
    assert_int_equal(page_share_count(other), 1);
    assert_int_equal(page_get_state(other), PAGE_ALLOCATED);
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
    assert_int_not_equal(page_release_run(paddr_add(first, 8), 5), KERN_SUCCESS);
    assert_int_not_equal(page_release_run(paddr(FOREIGN), 1), KERN_SUCCESS);
    assert_int_equal(page_release_run(first, 5), KERN_SUCCESS);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(page_get_state(paddr_add(first, i * PAGE_SIZE)),
                         i == 1 || i == 4 ? PAGE_ALLOCATED : PAGE_FREE);
    }
    assert_int_equal(stats().allocated, before.allocated + 2);
    assert_int_equal(page_release_run(paddr_add(first, PAGE_SIZE), 1), KERN_FAILURE);
    assert_int_equal(page_split_run(paddr_add(first, PAGE_SIZE), 1), KERN_INVALID_ARGUMENT);
    page_unpin(paddr_add(first, PAGE_SIZE));
    page_unpin(paddr_add(first, 4 * PAGE_SIZE));
    assert_int_equal(stats().allocated, before.allocated + 1);
    page_unpin(paddr_add(first, 4 * PAGE_SIZE));
    assert_int_equal(stats().allocated, before.allocated);
    assert_int_equal(stats().pins, 0);

    const paddr_t block = run(8); /* nothing is pinned: as any other */

    assert_int_equal(page_release_run(block, 8), KERN_SUCCESS);
    assert_int_equal(stats().allocated, before.allocated);
    for (uint64_t count = 1; count <= 8; count *= 8) { /* and once only */
        assert_int_equal(page_release_run(block, count), KERN_FAILURE);
        assert_same_stats(before, stats());
        assert_int_equal(page_get_state(block), PAGE_FREE);
    }
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
        PAGE_TEST(test_one_by_one),        PAGE_TEST(test_rows),
        PAGE_TEST(test_rows_of_others),    PAGE_TEST(test_unshared),
        PAGE_TEST(test_runs_back),         PAGE_TEST(test_runs_back_unwritten),
        PAGE_TEST(test_runs_back_at_last), PAGE_TEST(test_runs_back_among_others),
        PAGE_TEST(test_lists_back),        PAGE_TEST(test_shares),
        PAGE_TEST(test_given_back_pinned), PAGE_TEST(test_quarantine),
        PAGE_TEST(test_what_is_ram),       PAGE_TEST(test_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
