/* SPDX-License-Identifier: BSD-2-Clause */
/* The bits of a leaf as the architecture has them, and how they are shown to people. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "kernel/heap.h"
#include "kernel/mmu/mmu_private.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_ram.h"
#include "tests/host/sim/sim_tlb.h"

#define R MMU_READ
#define W MMU_WRITE
#define X MMU_EXECUTE
#define U MMU_USER
#define C MMU_CLEAN

static const struct page_range ram = {0x40000000, 64 * SIM_MIB};

static int setup(void **state)
{
    (void)state;
    sim_ram_attach(&ram, 1);
    if (!page_setup(&ram, 1, NULL, 0)) {
        return -1;
    }
    sim_tlb_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_tlb_notes_stores = false;
    mmu_dirty_init();
    heap_trim();
    sim_ram_detach();
    return 0;
}

static void notes_stores(bool on)
{
    sim_tlb_notes_stores = on;
    mmu_dirty_init();
}

/* Valid, AF, inner shareable; then what differs. Bit 1 is a page's. */
#define BASE  (1ull | 1ull << 10 | 3ull << 8)
#define PAGE  (1ull << 1)
#define USER  (1ull << 6)
#define RO    (1ull << 7)
#define NG    (1ull << 11)
#define DBM   (1ull << 51)
#define PXN   (1ull << 53)
#define UXN   (1ull << 54)
#define NEVER (PXN | UXN)

static const struct {
    bool user; /* whose space */
    unsigned access;
    uint64_t bits;
} leaves[] = {
    {false, 0, (BASE & ~1ull) | RO | NEVER},
    {false, R, BASE | RO | NEVER},
    {false, R | W, BASE | NEVER},
    {false, R | X, BASE | RO | UXN},
    {false, R | W | C, BASE | RO | DBM | NEVER},
    {true, 0, (BASE & ~1ull) | NG | RO | NEVER},
    {true, U, (BASE & ~1ull) | NG | USER | RO | NEVER},
    {true, R, BASE | NG | RO | NEVER},
    {true, R | U, BASE | NG | USER | RO | NEVER},
    {true, R | W | U, BASE | NG | USER | NEVER},
    {true, R | X | U, BASE | NG | USER | RO | PXN},
    {true, R | X, BASE | NG | RO | UXN},
    {true, R | W | U | C, BASE | NG | USER | RO | DBM | NEVER},
};

static void test_bits(void **state)
{
    struct mmu_space *space;

    (void)state;
    notes_stores(true);
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        const struct mmu_space *of = leaves[i].user ? space : mmu_kernel;

        for (enum mmu_memory memory = MMU_NORMAL; memory <= MMU_DEVICE_GRE; memory++) {
            const struct mmu_attributes attributes = {leaves[i].access, memory};
            struct mmu_attributes decoded;
            pte_t bits = 0;

            if ((leaves[i].access & X) != 0 && memory > MMU_WRITE_THROUGH) {
                assert_false(mmu_encode(of, attributes, 3, &bits));
                continue;
            }
            for (unsigned level = 1; level <= 3; level++) {
                assert_true(mmu_encode(of, attributes, level, &bits));
                assert_int_equal(bits,
                                 leaves[i].bits | (uint64_t)memory << 2 | (level == 3 ? PAGE : 0));
            }
            decoded = mmu_decode(bits | 0x123456789000);
            assert_int_equal(decoded.memory, memory);
            assert_int_equal(decoded.access, leaves[i].access);
        }
    }
    mmu_space_destroy(space);
}

/* What no leaf may allow. */
static void test_refused(void **state)
{
    static const struct mmu_attributes never[] = {
        {R | W | X, MMU_NORMAL}, {W | X | U, MMU_NORMAL},
        {R | X, MMU_NONCACHED},  {R | X, MMU_DEVICE},
        {0x20, MMU_NORMAL},      {R | 0x80000000, MMU_NORMAL},
        {R, (enum mmu_memory)7}, {R | C, MMU_NORMAL},
        {C, MMU_NORMAL},         {R, (enum mmu_memory)UINT32_MAX},
    };
    struct mmu_space *space;
    pte_t bits;

    (void)state;
    notes_stores(true);
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        assert_false(mmu_encode(mmu_kernel, never[i], 3, &bits));
        assert_false(mmu_encode(space, never[i], 3, &bits));
    }
    assert_false(mmu_encode(mmu_kernel, (struct mmu_attributes){R | U, MMU_NORMAL}, 3, &bits));
    assert_true(mmu_encode(space, (struct mmu_attributes){R | X, MMU_WRITE_THROUGH}, 3, &bits));
    /* Clean means something to a CPU that notes stores. */
    assert_true(mmu_notes_stores());
    notes_stores(false);
    assert_false(mmu_notes_stores());
    assert_false(mmu_encode(space, (struct mmu_attributes){R | W | C, MMU_NORMAL}, 3, &bits));
    mmu_space_destroy(space);
}

static void test_levels(void **state)
{
    const uint64_t gib = 1ull << 30, mib2 = 2ull << 20;

    (void)state;
    assert_int_equal(mmu_leaf_level(gib, paddr(gib), gib), 1);
    assert_int_equal(mmu_leaf_level(gib, paddr(gib), gib - 1), 2);
    assert_int_equal(mmu_leaf_level(gib, paddr(mib2), 2 * gib), 2);
    assert_int_equal(mmu_leaf_level(mib2, paddr(gib), mib2), 2);
    assert_int_equal(mmu_leaf_level(mib2, paddr(gib), mib2 - 1), 3);
    assert_int_equal(mmu_leaf_level(mib2 + PAGE_SIZE, paddr(gib), gib), 3);
    assert_int_equal(mmu_leaf_level(mib2, paddr(gib + PAGE_SIZE), gib), 3);
}

/* --- While the CPU writes them ---------------------------------------------------------------- */

static pte_t *shared; /* in a page that is read-only until somebody stores to it */

/* What the CPU does at a store, in the last moment before ours: the entry becomes writable. */
static void note_store(int signal)
{
    (void)signal;
    if (mprotect(shared, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0) {
        abort();
    }
    *shared &= ~RO;
}

/* What it has noted is in what the entry was. */
static void test_no_note_is_lost(void **state)
{
    const struct sigaction noting = {.sa_handler = note_store};
    struct sigaction before[2];

    (void)state;
    notes_stores(true);
    shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    *shared = BASE | PAGE | RO | DBM | NEVER;
    assert_int_equal(sigaction(SIGSEGV, &noting, &before[0]), 0);
    assert_int_equal(sigaction(SIGBUS, &noting, &before[1]), 0);
    assert_int_equal(mprotect(shared, PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(mmu_take_entry(shared), BASE | PAGE | DBM | NEVER);
    assert_int_equal(*shared, 0);
    sigaction(SIGSEGV, &before[0], NULL);
    sigaction(SIGBUS, &before[1], NULL);
    munmap(shared, PAGE_SIZE);
}

/* --- As people see them ----------------------------------------------------------------------- */

static void map(struct mmu_space *space, vaddr_t va, uint64_t pa, uint64_t size, unsigned access,
                enum mmu_memory memory)
{
    const struct mmu_attributes attributes = {access, memory};

    assert_int_equal(mmu_map(space, va, paddr(pa), size, attributes), KERN_SUCCESS);
}

static void test_print(void **state)
{
    const uint64_t gib = 1ull << 30, page = PAGE_SIZE;
    struct mmu_space *space;

    (void)state;
    assert_int_equal(mmu_space_create(&space), KERN_SUCCESS);
    sim_console_set_quiet(true);
    sim_console_forget();
    mmu_print(space, 5);
    assert_false(sim_console_said("-")); /* nothing is there */
    map(space, 0x1000, gib, page, R | X | U, MMU_NORMAL);
    map(space, 0x2000, gib + page, page, R | U, MMU_NORMAL);        /* other rights */
    map(space, 0x3000, gib + 2 * page, page, R | U, MMU_NONCACHED); /* another type */
    map(space, 0x4000, gib + 4 * page, page, R | U, MMU_NONCACHED); /* elsewhere */
    map(space, 0x6000, gib + 5 * page, page, R | U, MMU_NONCACHED); /* behind a hole */
    map(space, 0x8000, 0, page, 0, MMU_WRITE_THROUGH);
    map(space, gib, 4 * gib, 2 * gib, R | W | U, MMU_DEVICE_GRE);
    map(space, 0xfffffffff000, 8 * gib, page, R | W, MMU_DEVICE_NGRE);
    sim_console_forget();
    mmu_print(space, 100);
    assert_true(sim_console_said(
        "0000000000001000-0000000000001fff -> 000040000000 r-xu normal, pages\n"
        "0000000000002000-0000000000002fff -> 000040001000 r--u normal, pages\n"
        "0000000000003000-0000000000003fff -> 000040002000 r--u non-cached, pages\n"
        "0000000000004000-0000000000004fff -> 000040004000 r--u non-cached, pages\n"
        "0000000000006000-0000000000006fff -> 000040005000 r--u non-cached, pages\n"
        "0000000000008000-0000000000008fff -> 000000000000 ---- write-through, pages\n"
        "0000000040000000-00000000bfffffff -> 000100000000 rw-u device-GRE, 1 GiB blocks\n"
        "0000fffffffff000-0000ffffffffffff -> 000200000000 rw-- device-nGRE, pages\n"));
    assert_false(sim_console_said("..."));
    sim_console_forget();
    mmu_print(space, 3);
    assert_true(sim_console_said("40002000 r--u non-cached, pages\n...\n"));
    assert_false(sim_console_said("40004000"));
    mmu_space_destroy(space);
    sim_console_set_quiet(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_note_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_print, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
