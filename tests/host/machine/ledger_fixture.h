/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the ledger by its own calls: owners, claims of theirs, and what is reported. */
#ifndef TESTS_HOST_MACHINE_LEDGER_FIXTURE_H
#define TESTS_HOST_MACHINE_LEDGER_FIXTURE_H

#include "descriptors/ledger/IOLedger_private.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, listen, judge)

/* Owners, which the ledger compares and never looks into. */
#define A ((void *)0x10010)
#define B ((void *)0x20020)
#define M ((void *)0x30030)
#define N ((void *)0x40040)
#define P ((void *)0x50050)
#define Q ((void *)0x60060)

#define READS  ", which the device reads"
#define WRITES ", which the device writes"

static struct IOLedgerReport heard[16];
static unsigned count;

static inline void hear(const struct IOLedgerReport *report)
{
    assert_in_range(count, 0, 15);
    heard[count++] = *report;
}

static inline int listen(void **state)
{
    static void *const owners[] = {A, B, M, N, P, Q};

    (void)state;
    for (unsigned i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        IOLedger_forget(owners[i]);
    }
    count = 0;
    sim_caller = 0;
    sim_stack_start = sim_stack_end = 0;
    IOLedger_listen(hear);
    return 0;
}

static inline int judge(void **state)
{
    (void)state;
    sim_caller = 0;
    sim_stack_start = sim_stack_end = 0;
    IOLedger_listen(NULL);
    return IOLedger_first() == NULL ? 0 : -1;
}

/* The n-th report. A place of 0: there is none of that kind. */
static inline void expect_nth(unsigned n, unsigned rule, const char *kind, const void *object,
                              uint64_t address, uint64_t length, const char *more, uint64_t began,
                              uint64_t then)
{
    const struct IOLedgerReport *const report = &heard[n];

    assert_true(n < count);
    assert_int_equal(report->rule, rule);
    assert_string_equal(report->subject.kind, kind);
    assert_ptr_equal(report->subject.object, object);
    assert_int_equal(report->subject.address, address);
    assert_int_equal(report->subject.length, length);
    assert_string_equal(report->subject.more, more);
    assert_true((report->began != NULL) == (began != 0));
    assert_true((report->then != NULL) == (then != 0));
    assert_int_equal(report->began_at.callers[0], began);
    assert_int_equal(report->then_at.callers[0], then);
    for (unsigned i = 1; i < IOLEDGER_CALLERS; i++) {
        assert_int_equal(report->began_at.callers[i], 0);
        assert_int_equal(report->then_at.callers[i], 0);
    }
}

static inline void expect_command(unsigned rule, const void *object, uint64_t address,
                                  uint64_t length, const char *more, uint64_t began, uint64_t then)
{
    assert_int_equal(count, 1);
    expect_nth(0, rule, "IODMACommand", object, address, length, more, began, then);
    count = 0;
}

static inline void expect_nothing(void)
{
    assert_int_equal(count, 0);
}

/* A claim of these bytes; its place is `caller`. */
static inline void prepare(const void *owner, const void *memory, uint64_t address, uint64_t length,
                           uint64_t caller)
{
    const struct IOLedgerClaim claim = {.owner = owner, .memory = memory, .length = length};

    sim_caller = caller;
    assert_true(IOLedger_prepared(&claim));
    IOLedger_covers(owner, address, length);
}

/* A claim as it is described, of bytes at 0x7000. */
static inline void claim(const struct IOLedgerClaim *what)
{
    sim_caller = 0x11;
    assert_true(IOLedger_prepared(what));
    IOLedger_covers(what->owner, 0x7000, what->length);
}

static inline void start(const void *owner, bool writes, uint64_t offset, uint64_t length,
                         uint64_t caller)
{
    sim_caller = caller;
    IOLedger_starting(owner, writes, offset, length);
    IOLedger_started(owner);
}

#endif
