/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger by its own calls: what each report at the device and of copies says of which bytes and
 * which places, and what is none. Those of ends are in ledger_ends_test.c; what the ledger keeps,
 * and prints, is in ledger_kept_test.c.
 */
#include "tests/host/machine/ledger_fixture.h"

/* --- At the device ---------------------------------------------------------------------------- */

static void conflicts_name_the_first_byte(void **state)
{
    static const struct {
        uint64_t at, length; /* of the other one's preparation */
        uint64_t offset, bytes;
        bool writes[2];
        uint64_t conflict; /* the first byte of it; 0: there is none */
    } rows[] = {
        {0x50f0, 0x100, 0, 0, {true, false}, 0x50f0},
        {0x50f0, 0x100, 0, 0, {false, true}, 0x50f0},
        {0x50f0, 0x100, 0, 0, {true, true}, 0x50f0},
        {0x50f0, 0x100, 0, 0, {false, false}, 0}, /* both read */
        {0x5100, 0x100, 0, 0, {true, true}, 0},   /* behind it */
        {0x4f00, 0x100, 0, 0, {true, true}, 0},   /* before it */
        {0x4f00, 0x101, 0, 0, {true, true}, 0x5000},
        {0x4f00, 0x101, 0, 0x100, {true, true}, 0},
        {0x4f00, 0x200, 0x80, 0x80, {true, true}, 0},
        {0x4f00, 0x200, 0x80, 0x81, {true, true}, 0x5000},
        {0x5000, 0x100, 0xff, 1, {true, true}, 0x50ff},
        {0x4000, 0x3000, 0x1010, 0x10, {true, true}, 0x5010},
        {0x4000, 0x3000, 0x1100, 0, {true, true}, 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        prepare(A, M, 0x5000, 0x100, 0x11);
        prepare(B, N, rows[i].at, rows[i].length, 0x12);
        start(A, rows[i].writes[0], 0, 0, 0x21);
        start(B, rows[i].writes[1], rows[i].offset, rows[i].bytes, 0x22);
        if (rows[i].conflict != 0) {
            expect_command(kIOLedgerConflict, B, rows[i].conflict, rows[i].length,
                           rows[i].writes[1] ? WRITES : READS, 0x21, 0x22);
        }
        expect_nothing();
        IOLedger_ended(A);
        start(B, true, 0, 0, 0x23); /* alone */
        expect_nothing();
        IOLedger_ended(B);
        IOLedger_ended(B);
        IOLedger_ended(B); /* once too often: nothing */
        start(A, true, 0, 0, 0x24);
        expect_nothing();
        IOLedger_ended(A);
        IOLedger_completed(A, true, true);
        IOLedger_completed(B, true, true);
    }
    /* Of the other one the device has a part alone, before these bytes or behind them. */
    prepare(A, M, 0x4f00, 0x400, 0x11);
    prepare(B, N, 0x5000, 0x100, 0x12);
    start(A, true, 0x80, 0x80, 0x21);
    start(B, true, 0, 0, 0x22);
    IOLedger_ended(A);
    IOLedger_ended(B);
    start(A, true, 0x200, 0x80, 0x23);
    start(B, true, 0, 0, 0x24);
    expect_nothing();
    IOLedger_ended(A);
    IOLedger_ended(B);
    IOLedger_completed(A, true, true);
    IOLedger_completed(B, true, true);
    /* Two sides of one transfer. */
    prepare(A, M, 0x5000, 0x100, 0x11);
    prepare(B, N, 0x5000, 0x100, 0x12);
    IOLedger_starting(A, false, 0, 0);
    IOLedger_starting(B, true, 0, 0);
    IOLedger_started(B);
    expect_nothing();
    IOLedger_ended(A); /* that never began */
    IOLedger_ended(B);
    /* The other end of a list is a part of it too. */
    IOLedger_covers(A, 0x9000, 0x40);
    IOLedger_covers(B, 0x9020, 0x40);
    start(A, true, 0x100, 0x40, 0x31);
    start(B, true, 0x100, 0, 0x32);
    expect_command(kIOLedgerConflict, B, 0x9020, 0x100, WRITES, 0x31, 0x32);
    IOLedger_completed(A, true, true);
    IOLedger_completed(B, true, true);
    expect_nothing();
    /* Given to the device again, and taken back before it began, it still is there. */
    prepare(A, M, 0x5000, 0x100, 0x11);
    prepare(B, N, 0x5000, 0x100, 0x12);
    start(A, true, 0, 0, 0x21);
    IOLedger_starting(A, true, 0, 0);
    IOLedger_ended(A);
    start(B, true, 0, 0, 0x22);
    expect_command(kIOLedgerConflict, B, 0x5000, 0x100, WRITES, 0x21, 0x22);
    IOLedger_completed(A, true, true);
    IOLedger_completed(B, true, true);
}

/* Up to where a part begins, or from where it ends, the device has none of a run. */
static void parts_end_where_they_end(void **state)
{
    static const struct {
        uint64_t at; /* of the other one */
        uint64_t offset, bytes;
    } rows[] = {
        {0x50f0, 0x100, 0x100}, {0x8ff0, 0, 0x100}, {0x9100, 0, 0},
        {0x9100, 0x100, 0x100}, {0x4fe0, 0, 0},     {0x9080, 0, 0x180},
    };

    (void)state;
    for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        prepare(A, M, 0x5000, 0x100, 0x11);
        IOLedger_covers(A, 0x9000, 0x100);
        prepare(B, N, rows[i / 2].at, 0x20, 0x12);
        for (unsigned turn = 0; turn < 2; turn++) {
            if (turn != i % 2) {
                start(B, true, 0, 0, 0x21);
            } else {
                start(A, true, rows[i / 2].offset, rows[i / 2].bytes, 0x22);
            }
        }
        expect_nothing();
        IOLedger_completed(A, true, true);
        IOLedger_completed(B, true, true);
    }
}

static void stacks_end_with_their_functions(void **state)
{
    const uint64_t stack = 0x5000;

    (void)state;
    sim_stack_start = (uint64_t)phys_to_virt(paddr(stack));
    sim_stack_end = sim_stack_start + 0x1000;
    prepare(A, M, stack + 0x100, 0x40, 0x11);
    expect_command(kIOLedgerStack, A, stack + 0x100, 0x40, READS, 0x11, 0x11);
    IOLedger_covers(A, stack + 0x200, 0x40); /* said once */
    expect_nothing();
    IOLedger_completed(A, true, true);
    sim_caller = 0x12;
    IOLedger_wired(M, 0x40);
    prepare(A, M, stack, 0x1000, 0x13);
    expect_command(kIOLedgerStack, A, stack, 0x1000, READS, 0x12, 0x13);
    prepare(B, N, stack - 1, 0x10, 0x14);
    expect_nothing();
    IOLedger_completed(A, true, true);
    IOLedger_completed(B, true, true);
    IOLedger_unwired(M);
    /* What the device may do with it is known before it has it. */
    sim_caller = 0x15;
    assert_true(IOLedger_prepared(
        &(struct IOLedgerClaim){.owner = A, .memory = N, .length = 8, .writes = true}));
    IOLedger_covers(A, stack + 8, 8);
    expect_command(kIOLedgerStack, A, stack + 8, 8, WRITES, 0x15, 0x15);
    IOLedger_completed(A, true, true);
}

/* --- Copies ----------------------------------------------------------------------------------- */

static void copies_are_filled_before_they_are_read(void **state)
{
    static const struct IOLedgerClaim copied = {
        .owner = A, .memory = M, .length = 64, .isCopied = true};
    static const struct IOLedgerClaim filled = {
        .owner = A, .memory = M, .length = 64, .isCopied = true, .isFilled = true};
    static const struct IOLedgerClaim itself = {.owner = A, .memory = M, .length = 64};

    (void)state;
    for (unsigned way = 0; way < 6; way++) {
        claim(way == 1 ? &filled : way == 5 ? &itself : &copied);
        if (way == 1) {
            IOLedger_synchronized(A, false); /* and stays filled */
        } else if (way == 2) {
            IOLedger_synchronized(A, true);
            IOLedger_synchronized(A, false);
        } else if (way == 3) {
            IOLedger_doubled(A);
        }
        start(A, way == 4, 0, 0, 0x21);
        if (way == 0) {
            expect_command(kIOLedgerUnfilled, A, 0x7000, 64, READS, 0x11, 0x21);
        }
        expect_nothing();
        IOLedger_ended(A);
        start(A, false, 0, 0, 0x22); /* after a write the same holds; said once */
        if (way == 4) {
            expect_command(kIOLedgerUnfilled, A, 0x7000, 64, READS, 0x11, 0x22);
        }
        expect_nothing();
        IOLedger_ended(A);
        IOLedger_completed(A, true, true);
        expect_nothing();
    }
    /* What is copied since then is a copy. */
    claim(&itself);
    IOLedger_doubled(A);
    start(A, true, 0, 0, 0x21);
    IOLedger_ended(A);
    IOLedger_completed(A, false, true);
    expect_command(kIOLedgerUnfetched, A, 0x7000, 64, WRITES, 0x21, 0x11 + 0x10);
    expect_nothing();
}

static void what_was_written_is_brought_home(void **state)
{
    static const struct IOLedgerClaim copied = {
        .owner = A, .memory = M, .length = 64, .isCopied = true, .isFilled = true};
    static const struct IOLedgerClaim cached = {
        .owner = A, .memory = M, .length = 64, .isNonCoherent = true};
    static const struct {
        const struct IOLedgerClaim *claim;
        bool starts, writes, fetches, again, doubles, fetched, invalidated, said;
    } rows[] = {
        {&copied, true, true, false, false, false, false, true, true},
        {&copied, true, true, false, false, false, true, false, false},
        {&copied, true, true, true, false, false, false, false, false},
        {&copied, true, true, true, true, false, false, false, true},
        {&copied, true, true, true, false, true, false, false, true},
        {&copied, true, false, false, false, false, false, false, false},
        {&copied, false, true, false, false, false, false, false, false},
        {&cached, true, true, false, false, false, true, false, true},
        {&cached, true, true, true, false, false, false, false, true},
        {&cached, true, true, false, false, false, false, true, false},
        {&cached, true, false, false, false, false, false, false, false},
        {&cached, false, true, false, false, false, false, false, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        claim(rows[i].claim);
        if (rows[i].starts) {
            start(A, rows[i].writes, 0, 0, 0x21);
            IOLedger_ended(A);
        }
        if (rows[i].fetches) {
            IOLedger_synchronized(A, false);
            IOLedger_synchronized(A, true); /* and stays at home */
        }
        if (rows[i].doubles) {
            IOLedger_doubled(A);
        }
        if (rows[i].again) {
            start(A, rows[i].writes, 0, 0, 0x22);
            IOLedger_ended(A);
        }
        sim_caller = 0x31;
        IOLedger_completed(A, rows[i].fetched, rows[i].invalidated);
        if (rows[i].said) {
            expect_command(kIOLedgerUnfetched, A, 0x7000, 64, WRITES, rows[i].again ? 0x22 : 0x21,
                           0x31);
        }
        expect_nothing();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(conflicts_name_the_first_byte),
        LEDGER_TEST(parts_end_where_they_end),
        LEDGER_TEST(stacks_end_with_their_functions),
        LEDGER_TEST(copies_are_filled_before_they_are_read),
        LEDGER_TEST(what_was_written_is_brought_home),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
