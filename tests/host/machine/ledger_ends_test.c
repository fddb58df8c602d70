/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger by its own calls: what it reports when a command, memory or a mapping ends, or does
 * not, and what it finds and remembers for that.
 */
#include "descriptors/IOMalloc.h"
#include "tests/host/machine/ledger_fixture.h"

static void commands_end_in_their_order(void **state)
{
    (void)state;
    prepare(A, M, 0x5000, 0x100, 0x11);
    sim_caller = 0x31;
    IOLedger_used(A, "too early to be late");
    expect_nothing();
    start(A, false, 0, 0, 0x21);
    sim_caller = 0x32;
    IOLedger_completedEarly(A);
    expect_command(kIOLedgerEarlyComplete, A, 0x5000, 0x100, READS, 0x21, 0x32);
    IOLedger_released(A, true);
    expect_command(kIOLedgerFreed, A, 0x5000, 0x100, READS, 0x21, 0x32);
    IOLedger_ended(A);
    sim_caller = 0x33;
    IOLedger_released(A, true);
    expect_command(kIOLedgerFreed, A, 0x5000, 0x100, READS, 0x11, 0x33);
    IOLedger_released(A, false);
    IOLedger_released(B, true);
    IOLedger_completedEarly(B);
    expect_nothing();
    sim_caller = 0x34;
    IOLedger_completed(A, true, true);
    sim_caller = 0x35;
    IOLedger_used(A, "f");
    IOLedger_used(A, "f");
    assert_int_equal(count, 2);
    count = 1;
    expect_command(kIOLedgerUseAfter, A, 0, 0, "f", 0x34, 0x35);
    prepare(A, M, 0x5000, 0x100, 0x11); /* another time */
    IOLedger_used(A, "f");
    expect_nothing();
    IOLedger_completed(A, true, true);
    IOLedger_released(A, false); /* another object from now on */
    IOLedger_used(A, "f");
    expect_nothing();
    /* What is not known is nobody's mistake. */
    IOLedger_starting(B, true, 0, 0);
    IOLedger_started(B);
    IOLedger_ended(B);
    IOLedger_synchronized(B, true);
    IOLedger_doubled(B);
    IOLedger_kept(B);
    IOLedger_covers(B, 0x5000, 1);
    IOLedger_completed(B, false, false);
    expect_nothing();
}

/* Of claims side by side, the one that has a byte, wherever in the tree it stands. */
static void bytes_are_found_beside_each_other(void **state)
{
    static void *const owners[] = {A, B, M, N, P, Q};

    (void)state;
    for (unsigned turn = 0; turn < 6; turn++) {
        for (unsigned i = 0; i < 6; i++) {
            const unsigned which = (i * 5 + turn) % 6;

            claim(&(struct IOLedgerClaim){.owner = owners[which], .length = 100});
            IOLedger_covers(owners[which], DMA_LOW + which * 100, 100);
        }
        for (unsigned i = 0; i < 6; i++) {
            const uint64_t at = DMA_LOW + i * 100;
            struct IOLedgerRun *run = IOLedger_overlap(NULL, at, at + 1);

            assert_non_null(run);
            assert_ptr_equal(run->entry->owner, owners[i]);
            assert_null(IOLedger_overlap(run, at, at + 1));
            run = IOLedger_overlap(NULL, at + 99, at + 100);
            assert_non_null(run);
            assert_ptr_equal(run->entry->owner, owners[i]);
            /* From each before it on, and of those that end there none. */
            for (unsigned k = 0; k < i; k++) {
                const uint64_t before = DMA_LOW + k * 100;

                run = IOLedger_overlap(IOLedger_overlap(NULL, before, before + 1), at, at + 1);
                assert_non_null(run);
                assert_ptr_equal(run->entry->owner, owners[i]);
            }
            run = IOLedger_overlap(NULL, at + 99, at + 101); /* and the next */
            run = IOLedger_overlap(run, at + 99, at + 101);
            assert_ptr_equal(run != NULL ? run->entry->owner : NULL, i < 5 ? owners[i + 1] : NULL);
        }
        assert_null(IOLedger_overlap(NULL, DMA_LOW - 100, DMA_LOW));
        assert_null(IOLedger_overlap(NULL, DMA_LOW + 600, DMA_LOW + 700));
        for (unsigned i = 0; i < 6; i++) {
            IOLedger_completed(owners[i], true, true);
        }
    }
}

/* Of two that share a place in the memory of what has ended, the later one is remembered. */
static void the_past_has_an_end(void **state)
{
    void *const other = (void *)((uintptr_t)A ^ 0x1000000); /* the same place */

    (void)state;
    prepare(A, M, 0x5000, 16, 0x11);
    prepare(other, M, 0x5000, 16, 0x12);
    sim_caller = 0x13;
    IOLedger_completed(A, true, true);
    IOLedger_used(other, "f");
    expect_nothing();
    sim_caller = 0x14;
    IOLedger_completed(other, true, true);
    IOLedger_released(A, false); /* forgets itself, and nobody else */
    IOLedger_used(A, "f");
    expect_nothing();
    sim_caller = 0x15;
    IOLedger_used(other, "g");
    expect_command(kIOLedgerUseAfter, other, 0, 0, "g", 0x14, 0x15);
    IOLedger_released(other, false);
}

/* Objects of one size lie beside each other, or in pages each: none takes another one's place. */
static void neighbours_are_all_remembered(void **state)
{
    static const unsigned apart[] = {16, PAGE_SIZE};
    const uintptr_t first = 0x70000000;

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < 256; i++) {
            sim_caller = 0x100 + i;
            IOLedger_remember((void *)(first + i * apart[k]));
        }
        for (unsigned i = 0; i < 256; i++) {
            const void *const owner = (void *)(first + i * apart[k]);
            const struct IOLedgerPast *const past = IOLedger_recall(owner);

            assert_non_null(past);
            assert_int_equal(past->ended.callers[0], 0x100 + i);
            IOLedger_forget(owner);
            assert_null(IOLedger_recall(owner));
        }
    }
    /* A place that is not known leaves nothing of the one before it. */
    IOLedger_remember(A);
    sim_caller = 0;
    IOLedger_remember(A);
    assert_int_equal(IOLedger_recall(A)->ended.callers[0], 0);
}

static void descriptors_are_balanced(void **state)
{
    (void)state;
    sim_caller = 0x11;
    IOLedger_wired(M, 0x3000);
    IOLedger_unbalanced(M, true); /* by nobody that is known */
    IOLedger_unbalanced(M, false);
    expect_nothing();
    prepare(A, N, 0x5000, 16, 0x12);
    prepare(B, M, 0x6000, 16, 0x13);
    sim_caller = 0x14;
    IOLedger_unbalanced(M, true);
    expect_nth(0, kIOLedgerUnbalanced, "IOMemoryDescriptor", M, 0, 0,
               ", while a command is prepared over it", 0x13, 0x14);
    count = 0;
    IOLedger_completed(B, true, true);
    IOLedger_unbalanced(M, true);
    expect_nothing();
    IOLedger_completed(A, true, true);
    IOLedger_unwired(N); /* is not */
    IOLedger_unbalanced(N, false);
    expect_nothing();
    sim_caller = 0x15;
    IOLedger_unwired(M);
    sim_caller = 0x16;
    IOLedger_unbalanced(M, false);
    assert_int_equal(count, 1);
    expect_nth(0, kIOLedgerUnbalanced, "IOMemoryDescriptor", M, 0, 0, ", which nobody has prepared",
               0x15, 0x16);
    count = 0;
    IOLedger_memoryEnds(M);
    IOLedger_unbalanced(M, false);
    expect_nothing();
    IOLedger_wired(M, 0x3000);
    IOLedger_memoryEnds(M); /* with what it had */
    IOLedger_judgeEnd();
    expect_nothing();
    sim_caller = 0x17;
    IOLedger_readOnly(M, 0x123);
    expect_nth(0, kIOLedgerReadOnly, "IOMemoryDescriptor", M, 0, 0x123,
               ", which the device shall write", 0, 0x17);
    count = 0;
}

static void memory_is_freed_when_nobody_has_it(void **state)
{
    static const struct {
        uint64_t at, size, address; /* 0: nobody has any of it */
    } rows[] = {
        {DMA_LOW, 0x1000, DMA_LOW + 0x100},    {DMA_LOW, 0x100, 0},
        {DMA_LOW, 0x101, DMA_LOW + 0x100},     {DMA_LOW + 0x140, 0x40, 0},
        {DMA_LOW + 0x13f, 1, DMA_LOW + 0x13f},
    };

    (void)state;
    IOLedger_freed(phys_to_virt(paddr(DMA_LOW)), 0x1000);
    expect_nothing();
    for (unsigned writes = 0; writes < 2; writes++) {
        prepare(A, M, DMA_LOW + 0x100, 0x40, 0x11);
        start(A, writes != 0, 0, 0, 0x12);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            sim_caller = 0x13;
            IOLedger_freed(phys_to_virt(paddr(rows[i].at)), rows[i].size);
            if (rows[i].address != 0) {
                expect_command(kIOLedgerFreed, A, rows[i].address, 0x40,
                               writes != 0 ? WRITES : READS, 0x11, 0x13);
            }
            expect_nothing();
        }
        IOLedger_completed(A, true, true);
    }
}

/* Where pageable memory lies its address does not say. */
static void pageable_memory_lies_elsewhere(void **state)
{
    void *const block = IOMallocPageable(PAGE_SIZE, 0);

    (void)state;
    assert_non_null(block);
    prepare(A, M, platform_memory_physical(block).value, PAGE_SIZE, 0x11);
    IOFreePageable(block, PAGE_SIZE);
    expect_nothing();
    IOLedger_completed(A, true, true);
}

static void mappings_are_unmapped_as_they_are(void **state)
{
    static const struct {
        uint64_t address, length, began; /* 0: right, or of nobody */
    } rows[] = {
        {0x10000, 0x2000, 0},    {0x10000, 0x1000, 0x11}, {0x11000, 0x1000, 0x11},
        {0x11fff, 0x2000, 0x11}, {0x12000, 0x2000, 0},    {0xf000, 0x2000, 0},
        {0x20000, 0x1000, 0},    {0x20fff, 0x1000, 0x12}, {0x21000, 1, 0},
        {0x30000, 0, 0},         {0x30000, 1, 0x13},      {0x30001, 0, 0},
    };

    (void)state;
    sim_caller = 0x11;
    IOLedger_mapped(P, 0x10000, 0x2000, NULL);
    sim_caller = 0x12;
    IOLedger_mapped(P, 0x20000, 0x1000, A);
    sim_caller = 0x13;
    IOLedger_mapped(P, 0x30000, 0, A);
    IOLedger_mapped(Q, 0xf000, 0x1000, NULL);
    IOLedger_mapped(Q, 0x12000, 0x1000, NULL);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sim_caller = 0x14;
        IOLedger_unmapping(P, rows[i].address, rows[i].length);
        if (rows[i].began != 0) {
            assert_int_equal(count, 1);
            expect_nth(0, kIOLedgerWrongUnmap, "IOMapper", P, rows[i].address, rows[i].length,
                       ": not what was mapped", rows[i].began, 0x14);
            count = 0;
        }
        expect_nothing();
    }
    IOLedger_unmapped(P, 0x11000); /* nothing begins there */
    IOLedger_unmapping(P, 0x10000, 0x1000);
    assert_int_equal(count, 1);
    count = 0;
    IOLedger_unmapped(P, 0x10000);
    IOLedger_unmapping(P, 0x10000, 0x1000);
    expect_nothing();
    IOLedger_mapperEnds(P); /* and what it has; others stay */
    IOLedger_unmapping(P, 0x20000, 1);
    expect_nothing();
    IOLedger_judgeEnd();
    assert_int_equal(count, 2);
    expect_nth(0, kIOLedgerLeak, "IOMapper", Q, 0xf000, 0x1000, ", mapped", 0x13, 0);
    expect_nth(1, kIOLedgerLeak, "IOMapper", Q, 0x12000, 0x1000, ", mapped", 0x13, 0);
    count = 0;
    IOLedger_keptMapping(Q, 0x12000);
    IOLedger_keptMapping(Q, 0x13000);
    IOLedger_unmapped(Q, 0xf000);
    IOLedger_judgeEnd();
    expect_nothing();
    IOLedger_mapperEnds(Q);
}

static void what_is_left_is_said_once(void **state)
{
    (void)state;
    sim_caller = 0x11;
    IOLedger_wired(M, 0x1000);
    sim_caller = 0x12;
    IOLedger_wired(N, 0x2000);
    prepare(A, P, 0x9000, 0x100, 0x13);
    prepare(B, N, 0x5000, 0x200, 0x14); /* and the pages of N are its */
    IOLedger_covers(B, 0x4000, 0x100);
    IOLedger_covers(B, 0x4800, 0x100);
    start(A, true, 0, 0, 0x15);
    IOLedger_mapped(Q, 0x1000, 0x1000, B); /* likewise */
    IOLedger_judgeEnd();
    assert_int_equal(count, 3);
    expect_nth(0, kIOLedgerLeak, "IODMACommand", A, 0x9000, 0x100, ", which the device still has",
               0x13, 0);
    expect_nth(1, kIOLedgerLeak, "IODMACommand", B, 0x4000, 0x200, ", prepared", 0x14, 0);
    expect_nth(2, kIOLedgerLeak, "IOMemoryDescriptor", M, 0, 0x1000, ", its pages prepared", 0x11,
               0);
    count = 0;
    IOLedger_kept(A);
    IOLedger_kept(B);
    IOLedger_unwired(M);
    IOLedger_judgeEnd();
    expect_nothing();
    IOLedger_completed(A, true, true);
    IOLedger_completed(B, true, true);
    IOLedger_judgeEnd();
    assert_int_equal(count, 1);
    expect_nth(0, kIOLedgerLeak, "IOMemoryDescriptor", N, 0, 0x2000, ", its pages prepared", 0x12,
               0);
    count = 0;
    IOLedger_unwired(N);
    IOLedger_mapperEnds(Q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(commands_end_in_their_order),
        LEDGER_TEST(bytes_are_found_beside_each_other),
        LEDGER_TEST(the_past_has_an_end),
        LEDGER_TEST(neighbours_are_all_remembered),
        LEDGER_TEST(descriptors_are_balanced),
        LEDGER_TEST(memory_is_freed_when_nobody_has_it),
        LEDGER_TEST(pageable_memory_lies_elsewhere),
        LEDGER_TEST(mappings_are_unmapped_as_they_are),
        LEDGER_TEST(what_is_left_is_said_once),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
