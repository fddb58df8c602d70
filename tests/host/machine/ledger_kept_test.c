/* SPDX-License-Identifier: BSD-2-Clause */
/* What the ledger keeps: is all found among thousands, and given back; and what it prints. */
#include <stdio.h>

#include "tests/host/machine/ledger_fixture.h"

/* --- What is kept ----------------------------------------------------------------------------- */

#define MANY 3000u

static void *owner_of(unsigned i)
{
    return (void *)(0x100000000ull + 16ull * ((i * 2654435761u) % 65536));
}

/* A sequence of its own in each run of the test, and the same in all of them. */
static uint64_t seed;

static uint64_t random_below(uint64_t limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % limit;
}

/* Which of the runs that are left share bytes with these, each once and in the order of starts. */
static void expect_overlaps(const uint64_t *starts, const uint64_t *ends, const bool *gone)
{
    const uint64_t start = random_below(1 << 20), end = start + 1 + random_below(1 << 12);
    const struct IOLedgerRun *run = NULL;
    unsigned expected = 0, found = 0;
    uint64_t last = 0;

    for (unsigned i = 0; i < MANY; i++) {
        expected += !gone[i] && starts[i] < end && ends[i] > start;
    }
    while ((run = IOLedger_overlap(run, start, end)) != NULL) {
        assert_true(run->start >= last && run->start < end && run->end > start);
        last = run->start;
        assert_true(++found <= expected);
    }
    assert_int_equal(found, expected);
}

static void find_all_among_many(bool handler)
{
    static uint64_t starts[MANY], ends[MANY];
    static bool gone[MANY];
    const struct holdings before = holdings_now();
    uint64_t most;

    seed = 1;
    for (unsigned i = 0; i < MANY; i++) {
        starts[i] = random_below(1 << 20);
        ends[i] = starts[i] + 1 + random_below(i % 16 == 0 ? 1 << 16 : 1 << 8);
        gone[i] = false;
        prepare(owner_of(i), M, starts[i], ends[i] - starts[i], 0);
    }
    most = holdings_now().pages;
    assert_true(most > before.pages);
    IOLedger_tidy(); /* all of it is in use */
    assert_int_equal(holdings_now().pages, most);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 200; i++) {
            expect_overlaps(starts, ends, gone);
        }
        for (unsigned i = 0; i < MANY; i++) {
            assert_true((IOLedger_find(kIOLedgerClaimed, owner_of(i), 0) != NULL) == !gone[i]);
            assert_null(IOLedger_find(kIOLedgerClaimed, owner_of(i), 1));
            assert_null(IOLedger_find(kIOLedgerWired, owner_of(i), 0));
            if (round == 0 && i % 3 != 0) {
                IOLedger_completed(owner_of(i), true, true);
                gone[i] = true;
            }
        }
    }
    /* As many again take no more room than before: that of those that went. */
    for (unsigned i = 0; i < MANY; i++) {
        if (gone[i]) {
            prepare(owner_of(i), M, starts[i], ends[i] - starts[i], 0);
            assert_true(holdings_now().pages <= most);
            gone[i] = false;
        }
    }
    for (unsigned i = 0; i < 200; i++) {
        expect_overlaps(starts, ends, gone);
    }
    /* In a handler no page goes back, and afterwards all of them do. */
    sim_in_handler = true;
    for (unsigned i = 0; i < MANY; i += 2) {
        IOLedger_completed(owner_of(i), true, true);
    }
    assert_int_equal(holdings_now().pages, most);
    sim_in_handler = handler;
    for (unsigned i = 1; i < MANY; i += 2) {
        IOLedger_completed(owner_of(i), true, true);
    }
    assert_null(IOLedger_first());
    if (handler) {
        assert_int_equal(holdings_now().pages, most);
        sim_in_handler = false;
    }
    IOLedger_tidy();
    assert_true(sim_holds(&before));
    IOLedger_tidy();
    assert_true(sim_holds(&before));
}

/* Again: what comes back from the allocator is as it was left. */
static void all_is_found_among_many(void **state)
{
    (void)state;
    find_all_among_many(false);
    find_all_among_many(true);
}

/* There may be so many pages at a time, and not in all. */
static void pages_that_went_are_not_counted(void **state)
{
    const struct holdings before = holdings_now();
    unsigned filled = 0;

    (void)state;
    for (; filled < 256; filled++) { /* what is there from the start */
        IOLedger_wired(owner_of(filled), 1);
    }
    for (unsigned i = 0; i < 9000; i++) {
        IOLedger_wired(A, 1);
        sim_in_handler = i % 2 != 0;
        assert_non_null(IOLedger_find(kIOLedgerWired, A, 0));
        IOLedger_unwired(A);
        sim_in_handler = false;
        IOLedger_tidy();
    }
    while (filled-- > 0) {
        IOLedger_unwired(owner_of(filled));
    }
    IOLedger_forget(A);
    assert_true(sim_holds(&before));
}

/* More than there are cells, from a handler: nothing is allocated there, and track is lost. */
static void handlers_make_no_room(void **state)
{
    const struct holdings before = holdings_now();
    unsigned kept = 0;

    (void)state;
    sim_console_set_quiet(true);
    sim_console_forget();
    sim_in_handler = true;
    for (unsigned i = 0; i < 1000; i++) {
        IOLedger_wired(owner_of(i), i);
    }
    sim_in_handler = false;
    sim_console_set_quiet(false);
    for (unsigned n = 1; n <= 5; n++) {
        char line[64];

        snprintf(line, sizeof(line), "it has lost track of %u things", n);
        assert_int_equal(sim_console_said(line), (n & (n - 1)) == 0);
    }
    assert_true(sim_holds(&before));
    for (unsigned i = 0; i < 1000; i++) {
        kept += IOLedger_find(kIOLedgerWired, owner_of(i), 0) != NULL;
        IOLedger_unwired(owner_of(i));
    }
    assert_in_range(kept, 100, 999);
    assert_null(IOLedger_first());
}

/* The same of bytes and of I/O addresses; what is known is judged, and what is not is let be. */
static void lost_bytes_and_mappings_end_quietly(void **state)
{
    const struct holdings before = holdings_now();

    (void)state;
    sim_console_set_quiet(true);
    prepare(A, M, 0x5000, 0x100, 0x11);
    sim_in_handler = true;
    for (unsigned i = 0; i < 2000; i++) {
        IOLedger_covers(A, 0x100000 + 0x20 * i, 0x10);
    }
    for (unsigned i = 0; i < 1000; i++) {
        IOLedger_mapped(P, 0x1000 * (i + 1), 0x1000, NULL);
    }
    sim_in_handler = false;
    assert_non_null(IOLedger_overlap(NULL, 0x100000, 0x100001));
    assert_null(IOLedger_overlap(NULL, 0x100000 + 0x20 * 1999, 0x100000 + 0x20 * 2000));
    assert_non_null(IOLedger_find(kIOLedgerMapped, P, 0x1000));
    assert_null(IOLedger_find(kIOLedgerMapped, P, 0x1000 * 1000));
    IOLedger_unmapping(P, 0x1000 * 1000, 0x1000);
    IOLedger_unmapped(P, 0x1000 * 1000);
    IOLedger_mapperEnds(P);
    sim_caller = 0;
    IOLedger_completed(A, true, true);
    IOLedger_unbalanced(M, true); /* counted, and nobody has it */
    sim_console_set_quiet(false);
    expect_nothing();
    assert_null(IOLedger_first());
    assert_true(sim_holds(&before));
}

/* --- What is printed -------------------------------------------------------------------------- */

static void reports_are_a_page_of_text(void **state)
{
    char line[200];

    (void)state;
    prepare(A, M, 0x5000, 0x100, 0x11);
    start(A, true, 0, 0, 0x21);
    IOLedger_listen(IOLedger_print);
    sim_console_set_quiet(true);
    sim_console_forget();
    sim_caller = 0x31;
    IOLedger_completedEarly(A);
    assert_true(sim_console_said("ledger: L10: completed before the device was done\n"));
    snprintf(line, sizeof(line), "  IODMACommand %p: 256 bytes from 0x5000 on" WRITES "\n", A);
    assert_true(sim_console_said(line));
    assert_true(sim_console_said("  it was given to the device here:\n    [<0000000000000021>]\n"
                                 "  it is completed here:\n    [<0000000000000031>]\n  do: wait"));
    snprintf(line, sizeof(line),
             "record: watch=ledger rule=L10 kind=IODMACommand object=%p address=0x5000 "
             "bytes=0x100 began=0x21 then=0x31\n",
             A);
    assert_true(sim_console_said(line));
    IOLedger_ended(A);
    sim_caller = 0;
    IOLedger_completed(A, true, true);
    sim_console_forget();
    IOLedger_used(A, ", by f");
    snprintf(line, sizeof(line), "  IODMACommand %p, by f\n", A);
    assert_true(sim_console_said(line));
    assert_true(sim_console_said("  it was completed here: (unknown)\n  it is used here: (unk"));
    sim_console_forget();
    IOLedger_readOnly(M, 0);
    assert_true(sim_console_said(", which the device shall write\n  it is prepared here:"));
    sim_console_set_quiet(false);
    IOLedger_released(A, false);
}

/* Each of the calls that led to a place is shown, and none of another place. */
static void places_are_printed_whole(void **state)
{
    static const struct IOLedgerReport report = {.title = "t",
                                                 .subject = {.kind = "k", .more = ""},
                                                 .began = "then",
                                                 .then = "now",
                                                 .began_at = {{1, 2, 3}},
                                                 .then_at = {{4, 5, 6}},
                                                 .advice = "a"};

    (void)state;
    sim_console_set_quiet(true);
    sim_console_forget();
    IOLedger_print(&report);
    sim_console_set_quiet(false);
    assert_true(sim_console_said("  then:\n    [<0000000000000001>]\n    [<0000000000000002>]\n"
                                 "    [<0000000000000003>]\n  now:\n    [<0000000000000004>]\n"
                                 "    [<0000000000000005>]\n    [<0000000000000006>]\n  do: a\n"));
}

/* Where nobody listens the log has the first ones in full, and then at the doublings a line. */
static void a_loop_does_not_bury_the_log(void **state)
{
    (void)state;
    IOLedger_listen(NULL);
    IOLedger_remember(M);
    sim_console_set_quiet(true);
    for (unsigned i = 1; i <= 65; i++) {
        char line[64];

        snprintf(line, sizeof(line), "ledger: L11: %u times by now\n", i);
        sim_console_forget();
        IOLedger_unbalanced(M, false);
        assert_int_equal(sim_console_said("  do: one complete for each prepare"), i <= 8);
        assert_int_equal(sim_console_said(line), i > 8 && (i & (i - 1)) == 0);
        assert_int_equal(sim_console_said("ledger"), i <= 8 || (i & (i - 1)) == 0);
    }
    sim_console_set_quiet(false);
    IOLedger_forget(M);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(all_is_found_among_many),      LEDGER_TEST(pages_that_went_are_not_counted),
        LEDGER_TEST(handlers_make_no_room),        LEDGER_TEST(lost_bytes_and_mappings_end_quietly),
        LEDGER_TEST(reports_are_a_page_of_text),   LEDGER_TEST(places_are_printed_whole),
        LEDGER_TEST(a_loop_does_not_bury_the_log),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
