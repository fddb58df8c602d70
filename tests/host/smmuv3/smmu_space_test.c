/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O addresses of one stream, and its tables, against an array that says the same. */
#include "kernel/inject.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/smmuv3/sim_smmu.h"

#define MODEL_PAGES (4 * BLOCK_PAGES + 100)
#define BITS        (ENTRY_ACCESSED | ENTRY_SHARED)

static struct smmu_space space;
static struct holdings before;

static int start(void **state)
{
    (void)state;
    before = holdings_now();
    return space_create(&space) == KERN_SUCCESS ? 0 : -1;
}

static void check_space(void);

static int stop(void **state)
{
    (void)state;
    check_space();
    space_destroy(&space);
    assert_int_equal(space.tables, 0);
    return sim_holds(&before) ? 0 : -1;
}

static uint64_t find(uint64_t pages)
{
    uint64_t first;

    assert_true(space_find(&space, pages, SPACE_PAGES, 1, 0, &first));
    return first;
}

static void place(uint64_t first, uint64_t pages, uint64_t physical)
{
    uint64_t done;

    assert_int_equal(space_place(&space, first, pages, physical, BITS, &done), KERN_SUCCESS);
    assert_int_equal(done, pages);
    space_begin(&space, first, pages);
}

/* What the nodes of a space add up to. */
struct sums {
    unsigned tables;
    uint64_t far; /* pages that are taken beside the near table */
};

/*
 * What a node counts is what stands in its table: entries that are somebody's; and of these those
 * that are open, or held, which a blocked one cannot be told from.
 */
static void check_counts(const struct space_node *node, unsigned level, struct sums *sums)
{
    unsigned taken = 0, open = 0, held = 0;

    for (unsigned i = 0; i < SPACE_ENTRIES; i++) {
        const bool is_used = level == SPACE_LEVELS - 1 ? (node->used[i / 64] >> i % 64 & 1) != 0
                                                       : node->entries[i] != 0;

        taken += is_used;
        open += (node->entries[i] & ENTRY_VALID) != 0;
        held += is_used && node->entries[i] == ENTRY_HELD;
        if (is_used && node != space.near && (level == 2 || node->below[i] == NULL)) {
            sums->far += 1ull << 9 * (2 - level);
        }
        assert_true(is_used || node->entries[i] == 0);
    }
    sums->tables++;
    if (node == space.near) {
        assert_int_equal(node->taken, 1); /* by the space itself: nobody counts in it */
        assert_int_equal(node->live, 1);
    } else {
        assert_int_equal(node->taken, taken);
        assert_in_range(node->live, open, open + held);
    }
}

/* Whatever leads to a table leads to one that is there, and in which something is open. */
static void check_node(const struct space_node *node, unsigned level, struct sums *sums)
{
    check_counts(node, level, sums);
    for (unsigned i = 0; level < SPACE_LEVELS - 1 && i < SPACE_ENTRIES; i++) {
        const struct space_node *below = node->below[i];
        const uint64_t entry = node->entries[i], table = ENTRY_VALID | ENTRY_TABLE;

        assert_int_equal((entry & table) == table, below != NULL && below->live != 0);
        if (below != NULL) {
            assert_true(below->live == 0 ||
                        (entry & ENTRY_ADDRESS) == virt_to_phys(below->entries).value);
            check_node(below, level + 1, sums);
        }
    }
}

static void check_space(void)
{
    struct sums sums = {0};

    check_node(space.root, 0, &sums);
    assert_int_equal(space.tables, sums.tables);
    assert_int_equal(space.far, sums.far);
    for (uint64_t page = 1; page < space.lowest; page++) {
        assert_int_equal(space_first_taken(&space, page, page + 1), page);
    }
}

static struct space_change take_away(uint64_t first, uint64_t pages)
{
    struct space_change change = SPACE_UNCHANGED;

    space_block(&space, first, pages, &change);
    for (uint64_t page = first, span; page < first + pages; page++) {
        assert_int_equal(space_look(&space, page, &span), 0);
        assert_int_equal(space_first_taken(&space, page, page + 1), page);
    }
    check_space();
    space_release(&space, first, pages);
    check_space();
    assert_int_equal(space_first_taken(&space, first, first + pages), first + pages);
    return change;
}

/* What hardware finds: by the table's words alone, from the root. */
static uint64_t walk(uint64_t page)
{
    const uint64_t *table = space.root->entries;

    for (unsigned level = 0;; level++) {
        const unsigned shift = 9 * (2 - level);
        const uint64_t entry = table[page >> shift & 511];

        if ((entry & 1) == 0) {
            return 0;
        }
        if (level == 2 || (entry & 2) == 0) {
            return (entry & ENTRY_ADDRESS) + ptoa(page & ((1ull << shift) - 1));
        }
        table = phys_to_virt(paddr(entry & ENTRY_ADDRESS));
    }
}

static void assert_run(uint64_t first, uint64_t pages, uint64_t physical)
{
    for (uint64_t i = 0; i < pages; i++) {
        assert_int_equal(walk(first + i), physical + ptoa(i));
    }
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void test_first_fit(void **state)
{
    uint64_t first;

    (void)state;
    assert_int_equal(find(1), 1); /* never page 0 */
    place(1, 3, 0x50000000);
    assert_int_equal(find(1), 4);
    place(4, 1, 0x51000000);
    place(5, 5, 0x52000000);
    assert_false(take_away(4, 1).tables);
    assert_int_equal(find(1), 4);
    assert_int_equal(find(2), 10);
    assert_true(space_find(&space, 1, SPACE_PAGES, 8, 0, &first));
    assert_int_equal(first, 16);
    assert_true(space_find(&space, 1, SPACE_PAGES, 8, 2, &first));
    assert_int_equal(first, 10);
    assert_false(space_find(&space, 7, 16, 1, 0, &first));
    assert_true(space_find(&space, 6, 16, 1, 0, &first));
    assert_int_equal(first, 10);
    assert_true(space_find(&space, SPACE_PAGES - 10, SPACE_PAGES, 1, 0, &first));
    assert_int_equal(first, 10);
    assert_false(space_find(&space, SPACE_PAGES - 9, SPACE_PAGES, 1, 0, &first));
    assert_false(space_find(&space, UINT64_MAX, SPACE_PAGES, 1, 0, &first));
    take_away(1, 3);
    take_away(5, 5);
    assert_int_equal(space.tables, 3);
    assert_int_equal(space_taken(&space), 0);
}

/* Runs across tables: those that become empty go, and say so. */
static void test_tables_come_and_go(void **state)
{
    struct space_change change;

    (void)state;
    place(BLOCK_PAGES - 1, BLOCK_PAGES + 2, 0x50000000);
    assert_int_equal(space.tables, 5);
    assert_run(BLOCK_PAGES - 1, BLOCK_PAGES + 2, 0x50000000);
    change = take_away(BLOCK_PAGES - 1, BLOCK_PAGES + 2);
    assert_true(change.tables);
    assert_false(change.mixed);
    assert_int_equal(change.level, 2);
    assert_int_equal(space.tables, 3);
    /* Alone in its GiB: two levels go at once. */
    place(3 * GIANT_PAGES + 7, 1, 0x50000000);
    assert_int_equal(space.tables, 5);
    assert_true((space.root->entries[3] & ENTRY_VALID) != 0);
    space_block(&space, 3 * GIANT_PAGES + 7, 1, &change);
    assert_int_equal(space.root->entries[3], ENTRY_HELD);
    assert_true(change.tables);
    space_release(&space, 3 * GIANT_PAGES + 7, 1);
    assert_int_equal(space.root->entries[3], 0);
    assert_int_equal(space.tables, 3);
    /* What lies at the very beginning of a table is met by who comes from where there is none. */
    for (uint64_t at = 2 * BLOCK_PAGES; at <= 4 * BLOCK_PAGES; at += BLOCK_PAGES) {
        place(at, 1, 0x50000000);
        assert_int_equal(space_first_taken(&space, at - BLOCK_PAGES / 2, at + 2), at);
        assert_int_equal(space_first_taken(&space, at - 1, at + 2), at);
        take_away(at, 1);
    }
    /* All of a GiB, by tables that become empty one by one. */
    place(GIANT_PAGES + 1, 5 * BLOCK_PAGES, 0x50000000);
    assert_true(take_away(GIANT_PAGES + 1, 5 * BLOCK_PAGES).tables);
    assert_int_equal(space.tables, 3);
}

/* Runs that lie alike on both sides take one entry for 2 MiB, or for 1 GiB. */
static void test_blocks(void **state)
{
    const uint64_t giant = GIANT_PAGES + 3 * BLOCK_PAGES + 5;
    struct space_change change;
    uint64_t span;

    (void)state;
    place(BLOCK_PAGES, 2 * BLOCK_PAGES, 0x50000000);
    assert_int_equal(space.tables, 3);
    assert_run(BLOCK_PAGES, 2 * BLOCK_PAGES, 0x50000000);
    assert_int_not_equal(space_look(&space, BLOCK_PAGES + 9, &span), 0);
    assert_int_equal(span, BLOCK_PAGES);
    assert_int_equal(space_count(&space, BLOCK_PAGES), 2 * BLOCK_PAGES);
    assert_int_equal(space_count(&space, BLOCK_PAGES + 1), 0);
    assert_int_equal(space_count(&space, 2 * BLOCK_PAGES), 0);
    change = take_away(BLOCK_PAGES, 2 * BLOCK_PAGES);
    assert_false(change.mixed);
    assert_int_equal(change.level, 1);
    assert_int_equal(space.tables, 3);
    /* Pages, blocks, a giant, blocks, pages. */
    place(2 * BLOCK_PAGES - 3, giant, 0x80000000 - ptoa(3) + ptoa(2 * BLOCK_PAGES));
    assert_run(2 * BLOCK_PAGES - 3, giant, 0x80000000 - ptoa(3) + ptoa(2 * BLOCK_PAGES));
    change = take_away(2 * BLOCK_PAGES - 3, giant);
    assert_true(change.mixed);
    assert_int_equal(space.tables, 3);
    place(4 * GIANT_PAGES, GIANT_PAGES, 0x100000000);
    assert_int_equal(space.tables, 3);
    assert_int_not_equal(space_look(&space, 4 * GIANT_PAGES + 9, &span), 0);
    assert_int_equal(span, GIANT_PAGES);
    assert_int_equal(take_away(4 * GIANT_PAGES, GIANT_PAGES).level, 0);
}

/* Scattered pages, over the end of a table, and of as many as there were tables for. */
static void test_lists(void **state)
{
    static uint32_t numbers[2 * BLOCK_PAGES];
    uint64_t done = 99;

    (void)state;
    for (unsigned i = 0; i < 2 * BLOCK_PAGES; i++) {
        numbers[i] = 0x50000 + 3 * i % 1000;
    }
    assert_int_equal(space_place_list(&space, 3 * BLOCK_PAGES - 7, 20, numbers, BITS, &done),
                     KERN_SUCCESS);
    assert_int_equal(done, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(walk(3 * BLOCK_PAGES - 7 + i), ptoa(numbers[i]));
    }
    space_begin(&space, 3 * BLOCK_PAGES - 7, 20);
    assert_true(take_away(3 * BLOCK_PAGES - 7, 20).tables);
    space.tables_max = space.tables + 1;
    assert_int_equal(
        space_place_list(&space, 3 * BLOCK_PAGES - 7, 2 * BLOCK_PAGES, numbers, BITS, &done),
        KERN_RESOURCE_SHORTAGE);
    assert_int_equal(done, 7);
    take_away(3 * BLOCK_PAGES - 7, done);
    assert_int_equal(space.tables, 3);
}

static unsigned breaks;

static void note_break(void *context, uint64_t first, uint64_t pages, unsigned level)
{
    (void)context;
    assert_int_equal(pages, level == 0 ? GIANT_PAGES : BLOCK_PAGES);
    assert_int_equal(walk(first), 0); /* nothing may translate meanwhile */
    breaks++;
}

/* A page of a giant block gets an entry of its own; all others translate as before. */
static void test_splits(void **state)
{
    const uint64_t at = GIANT_PAGES + 3 * BLOCK_PAGES + 17;
    uint64_t span;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        breaks = 0;
        place(GIANT_PAGES, GIANT_PAGES, 0x100000000);
        assert_int_equal(space_split(&space, at, round == 0 ? NULL : note_break, NULL),
                         KERN_SUCCESS);
        assert_int_equal(breaks, round == 0 ? 0 : 2);
        space_look(&space, at, &span);
        assert_int_equal(span, 1);
        assert_run(GIANT_PAGES, GIANT_PAGES, 0x100000000);
        space_set(&space, at, 1, 0x40000000, BITS);
        assert_int_equal(walk(at), 0x40000000);
        assert_run(GIANT_PAGES, at - GIANT_PAGES, 0x100000000);
        assert_int_equal(space_count(&space, GIANT_PAGES), GIANT_PAGES);
        assert_int_equal(space_first_taken(&space, at, at + 1), at);
        assert_true(take_away(GIANT_PAGES, GIANT_PAGES).mixed);
        assert_int_equal(space.tables, 3);
    }
}

/* Held: taken, but nobody gets through. */
static void test_held(void **state)
{
    uint64_t done, span;

    (void)state;
    assert_int_equal(space_look(&space, SPACE_PAGES, &span), 0);
    assert_int_equal(span, 1);
    assert_int_equal(space_place(&space, 100, GIANT_PAGES * 2, 0, ENTRY_HELD, &done), KERN_SUCCESS);
    space_begin(&space, 100, GIANT_PAGES * 2);
    for (uint64_t page = 100; page < GIANT_PAGES; page += 77) {
        assert_int_equal(walk(page), 0);
        assert_int_equal(space_look(&space, page, &span), 0);
    }
    assert_int_equal(find(100), 100 + GIANT_PAGES * 2);
    assert_int_equal(space_split(&space, GIANT_PAGES + 600, NULL, NULL), KERN_SUCCESS);
    space_set(&space, GIANT_PAGES + 600, 2, 0x44000000, BITS);
    assert_run(GIANT_PAGES + 600, 2, 0x44000000);
    assert_int_equal(walk(GIANT_PAGES + 599), 0);
    assert_int_equal(walk(GIANT_PAGES + 602), 0);
    take_away(100, GIANT_PAGES * 2);
    assert_int_equal(space.tables, 3);
}

/* What an invalidation was not seen to end of stays taken; others beside it live on. */
static void test_quarantine(void **state)
{
    struct space_change change = SPACE_UNCHANGED;

    (void)state;
    place(BLOCK_PAGES, 3, 0x50000000);
    space_block(&space, BLOCK_PAGES, 3, &change);
    assert_true(change.tables);
    assert_int_equal(space_count(&space, BLOCK_PAGES), 0);
    assert_int_equal(space_first_taken(&space, 1, SPACE_PAGES), BLOCK_PAGES);
    place(BLOCK_PAGES + 3, 2, 0x60000000);
    assert_run(BLOCK_PAGES + 3, 2, 0x60000000);
    assert_int_equal(walk(BLOCK_PAGES + 2), 0);
    take_away(BLOCK_PAGES + 3, 2);
    assert_int_equal(space_first_taken(&space, 1, SPACE_PAGES), BLOCK_PAGES);
    change = (struct space_change)SPACE_UNCHANGED;
    place(8 * BLOCK_PAGES, BLOCK_PAGES, 0x50000000 & ~(ptoa(BLOCK_PAGES) - 1));
    space_block(&space, 8 * BLOCK_PAGES, BLOCK_PAGES, &change);
    assert_int_equal(space_first_taken(&space, 8 * BLOCK_PAGES + 5, SPACE_PAGES),
                     8 * BLOCK_PAGES + 5);
}

/* The bound of the tables: what was placed until then can be taken back. */
static void test_bounded(void **state)
{
    uint64_t done;

    (void)state;
    space.tables_max = 8;
    assert_int_equal(space_place(&space, 1, 10 * BLOCK_PAGES, 0x50000000, BITS, &done),
                     KERN_RESOURCE_SHORTAGE);
    assert_int_equal(done, 6 * BLOCK_PAGES - 1);
    take_away(1, done);
    assert_int_equal(space.tables, 3);
    assert_int_equal(space_taken(&space), 0);
}

static void test_want_of_memory(void **state)
{
    struct inject_report report;
    uint64_t nth = 0, done;

    (void)state;
    do {
        kern_return_t status;

        inject_begin(++nth);
        status = space_place(&space, 2 * GIANT_PAGES - 1, BLOCK_PAGES, 0x50000000, BITS, &done);
        inject_end(&report);
        assert_int_equal(status, report.failed ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS);
        if (done != 0) {
            take_away(2 * GIANT_PAGES - 1, done);
        }
        assert_int_equal(space.tables, 3);
    } while (report.failed);
    assert_true(nth > 4);
}

/* --- Anything, against an array ----------------------------------------------------------------
 */

static struct {
    uint64_t physical; /* 0: free; 1: held */
    uint64_t count;
} model[MODEL_PAGES];

static void compare(uint64_t first, uint64_t pages)
{
    for (uint64_t page = first; page < first + pages && page < MODEL_PAGES; page++) {
        const uint64_t physical = model[page].physical;

        assert_int_equal(walk(page), physical == 1 ? 0 : physical);
        assert_int_equal(space_first_taken(&space, page, page + 1), page + (physical == 0));
        assert_int_equal(space_count(&space, page), model[page].count);
    }
}

static bool is_first_fit(uint64_t first, uint64_t pages)
{
    for (uint64_t at = 1, run = 0; at < MODEL_PAGES; at++) {
        run = model[at].physical == 0 ? run + 1 : 0;
        if (run == pages) {
            return first == at + 1 - pages;
        }
    }
    return false;
}

static void random_map(uint64_t *seed)
{
    const uint64_t pages = 1 + sim_random(seed) % (sim_random(seed) % 4 == 0 ? 1300 : 9);
    const uint64_t physical =
        0x80000000 + ptoa(sim_random(seed) % 3 == 0 ? 0 : sim_random(seed) % 1024);
    const bool held = sim_random(seed) % 8 == 0;
    uint64_t first, done;

    if (!space_find(&space, pages, MODEL_PAGES, 1, 0, &first)) {
        return;
    }
    assert_true(is_first_fit(first, pages));
    assert_int_equal(
        space_place(&space, first, pages, held ? 0 : physical, held ? ENTRY_HELD : BITS, &done),
        KERN_SUCCESS);
    space_begin(&space, first, pages);
    for (uint64_t i = 0; i < pages; i++) {
        model[first + i].physical = held ? 1 : physical + ptoa(i);
    }
    model[first].count = pages;
    compare(first, pages + 1);
}

static void random_unmap(uint64_t *seed)
{
    uint64_t at = sim_random(seed) % MODEL_PAGES, pages;

    while (at < MODEL_PAGES && model[at].count == 0) {
        at++;
    }
    if (at == MODEL_PAGES) {
        return;
    }
    pages = model[at].count;
    take_away(at, pages);
    memset(&model[at], 0, pages * sizeof(model[0]));
    compare(at, pages + 1);
}

static void test_random(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        if (sim_random(&seed) % 2 == 0) {
            random_map(&seed);
        } else {
            random_unmap(&seed);
        }
        if (round % 500 == 0) {
            compare(0, MODEL_PAGES);
        }
    }
    for (uint64_t at = 0; at < MODEL_PAGES; at++) {
        if (model[at].count != 0) {
            take_away(at, model[at].count);
        }
    }
    assert_int_equal(space.tables, 3);
    assert_int_equal(space_taken(&space), 0);
}

/* Each page of a space's own is missing once: nothing is left. */
static void test_want_of_first_tables(void **state)
{
    struct inject_report report;
    uint64_t nth = 0;

    (void)state;
    do {
        const struct holdings held = holdings_now();
        struct smmu_space fresh;

        inject_begin(++nth);
        assert_int_equal(space_create(&fresh) != KERN_SUCCESS, nth < 9);
        inject_end(&report);
        if (report.failed) {
            assert_true(sim_holds(&held));
        } else {
            space_destroy(&fresh);
        }
    } while (report.failed);
    assert_int_equal(nth, 9);
}

static bool was_filled, was_linked; /* the far page's table, and what leads to that one */

static void look(enum sim_step step, uint64_t detail)
{
    const struct space_node *const root = space.root, *const above = root->below[1];
    const struct space_node *const table = above != NULL ? above->below[0] : NULL;

    (void)detail;
    if (step != SIM_BARRIER || table == NULL) {
        return;
    }
    was_filled |= (table->entries[0] & ENTRY_VALID) != 0 && (above->entries[0] & ENTRY_VALID) == 0;
    was_linked |= (above->entries[0] & ENTRY_VALID) != 0 && (root->entries[1] & ENTRY_VALID) == 0;
}

static bool was_whole; /* the block's new table, while the block still stood */

static void look_at_split(enum sim_step step, uint64_t detail)
{
    const struct space_node *const above = space.root->below[0], *const table = above->below[1];

    (void)detail;
    was_whole |= step == SIM_BARRIER && table != NULL &&
                 (table->entries[SPACE_ENTRIES - 1] & ENTRY_VALID) != 0 &&
                 (above->entries[1] & ENTRY_TABLE) == 0;
}

static void test_a_block_is_replaced_by_a_whole_table(void **state)
{
    (void)state;
    was_whole = false;
    place(BLOCK_PAGES, BLOCK_PAGES, 0x50000000);
    sim_witness = look_at_split;
    assert_int_equal(space_split(&space, BLOCK_PAGES + 9, NULL, NULL), KERN_SUCCESS);
    sim_witness = NULL;
    assert_true(was_whole);
    take_away(BLOCK_PAGES, BLOCK_PAGES);
}

/* A walk may come at any moment: a table says all that it is to say before anything leads to it. */
static void test_tables_are_filled_before_they_are_linked(void **state)
{
    (void)state;
    was_filled = was_linked = false;
    sim_witness = look;
    place(GIANT_PAGES, 1, 0x50000000);
    sim_witness = NULL;
    assert_true(was_filled);
    assert_true(was_linked);
    take_away(GIANT_PAGES, 1);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        EACH(test_first_fit),
        EACH(test_tables_come_and_go),
        EACH(test_blocks),
        EACH(test_lists),
        EACH(test_splits),
        EACH(test_held),
        EACH(test_quarantine),
        EACH(test_bounded),
        EACH(test_want_of_memory),
        EACH(test_random),
        EACH(test_want_of_first_tables),
        EACH(test_tables_are_filled_before_they_are_linked),
        EACH(test_a_block_is_replaced_by_a_whole_table),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
