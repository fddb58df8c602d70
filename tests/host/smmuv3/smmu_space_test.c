/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O addresses of one stream, and its tables, case by case. */
#include "kernel/inject.h"
#include "tests/host/sim/sim_order.h"
#include "tests/host/smmuv3/smmu_space_fixture.h"

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
        EACH(test_want_of_first_tables),
        EACH(test_tables_are_filled_before_they_are_linked),
        EACH(test_a_block_is_replaced_by_a_whole_table),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
