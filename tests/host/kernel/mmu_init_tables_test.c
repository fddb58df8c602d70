/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where start-up puts the tables of the direct map, of memory in more pieces than the image has
 * tables for, and the pages that it leaves to the allocator.
 */
#include "kernel/page.h"
#include "tests/host/kernel/mmu_init_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_ram.h"

/* --- Many banks ------------------------------------------------------------------------------- */

/* Each needs tables of its own, more of them than the image has brought along. */
#define PIECES 14

static uint64_t piece(unsigned i)
{
    return RAM + i * 3 * GIB + PAGE_SIZE;
}

static void many_banks(uint64_t size)
{
    for (unsigned i = 0; i < PIECES; i++) {
        add_bank(piece(i), size);
    }
}

static void attach(unsigned from, uint64_t size)
{
    for (unsigned i = from; i < PIECES; i++) {
        const struct page_range bank = {piece(i), size};

        sim_ram_attach(&bank, 1);
    }
}

static void expect_pieces(uint64_t size)
{
    for (unsigned i = 0; i < PIECES; i++) {
        expect_mapped(piece(i), piece(i) + size, true);
        EXPECT(!is_mapped(piece(i) - PAGE_SIZE));
        EXPECT(!is_mapped(piece(i) + size));
    }
}

static void tables_in_ram(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(MIB2);
    attach(0, MIB2);
    memset(phys_to_virt(paddr(piece(0))), 0xff, MIB2); /* whoever had it before */
    /* The first place that nothing is in the way of, by a page. */
    reserve(piece(0), PAGE_SIZE, false);
    reserve(piece(0) + 20 * PAGE_SIZE, 8, true);
    start();
    expect_mapped(piece(0), piece(0) + 20 * PAGE_SIZE, true);
    EXPECT(!is_mapped(piece(0) + 20 * PAGE_SIZE));
    for (unsigned i = 1; i < PIECES; i++) {
        expect_mapped(piece(i), piece(i) + MIB2, true);
    }
    EXPECT(!sim_console_said("mmu"));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == piece(0) + 21 * PAGE_SIZE);
    EXPECT(withheld[0].size != 0 && withheld[0].size % PAGE_SIZE == 0);
    EXPECT(mmu_early_tables_left() != 0); /* the estimate was enough */
}

static void test_tables_in_ram(void **state)
{
    (void)state;
    in_a_process(tables_in_ram);
}

/* No bank holds as many in one piece as would be best: as many as it can. */
static void small_banks(void)
{
    const uint64_t size = 40 * PAGE_SIZE;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(size);
    attach(0, size);
    start();
    expect_pieces(size);
    EXPECT(!sim_console_said("mmu"));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == piece(0));
    EXPECT(withheld[0].size <= size);
}

static void test_small_banks(void **state)
{
    (void)state;
    in_a_process(small_banks);
}

/*
 * A gap of just as many pages as are wanted, before something reserved or the end of its bank. In
 * RAM are those that are left, and those that were used.
 */
static unsigned tables_had(uint64_t gap, uint64_t taken)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    many_banks(40 * PAGE_SIZE);
    machine.memory[1].size = (gap + taken) * PAGE_SIZE;
    if (taken != 0) {
        reserve(piece(1) + gap * PAGE_SIZE, taken * PAGE_SIZE, false);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        const struct page_range bank = {piece(i), machine.memory[i].size};

        sim_ram_attach(&bank, 1);
    }
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    return (unsigned)(withheld[0].size / PAGE_SIZE) + mmu_early_tables_left();
}

static void before_the_end(void)
{
    EXPECT(tables_had(45, 0) == 45);
}

static void before_the_reserved(void)
{
    EXPECT(tables_had(48, 8) == 48);
}

/* The image lies where the first gap would be. */
static void behind_the_image(void)
{
    const uint64_t base = virt_to_phys(home).value;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(base, HOME_SIZE);
    many_banks(40 * PAGE_SIZE);
    reserve(base, image_first() - base, false);
    attach(0, 40 * PAGE_SIZE);
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == image_end());
}

/* As many as are needed at most: of large memory there is one for each 512 GiB. */
static void for_large_memory(void)
{
    const struct page_range first = {RAM, MIB2};
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(RAM, 16384 * GIB);
    sim_ram_attach(&first, 1);
    start();
    EXPECT(is_mapped(RAM + 16384 * GIB - 1));
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == RAM);
    EXPECT(withheld[0].size / PAGE_SIZE + mmu_early_tables_left() == 6 + 6 + 32);
}

static void test_gaps_that_fit(void **state)
{
    (void)state;
    in_a_process(behind_the_image);
    in_a_process(for_large_memory);
    in_a_process(before_the_end);
    in_a_process(before_the_reserved);
}

/* Where nothing is free there are no more tables: the image's bank is mapped first of all. */
static void no_tables(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    unsigned count, mapped = 0;

    many_banks(MIB2);
    for (unsigned i = 0; i < PIECES; i++) {
        reserve(piece(i), MIB2, false);
    }
    add_bank(image_first() - MIB2, 2 * MIB2);
    reserve(image_first() - MIB2, 2 * MIB2, false);
    start();
    expect_mapped(image_first() - MIB2, image_first(), true);
    expect_mapped(image_end(), image_first() + MIB2, true);
    count = mmu_withheld(withheld);
    for (unsigned i = 0; i < PIECES; i++) {
        mapped += is_mapped(piece(i));
    }
    EXPECT(mapped != 0 && mapped < PIECES);
    EXPECT(count == PIECES - mapped);
    for (unsigned i = 0; i < count; i++) {
        EXPECT(withheld[i].base.value == piece(mapped + i));
        EXPECT(withheld[i].size == MIB2);
        EXPECT(!is_mapped(withheld[i].base.value));
    }
    EXPECT(sim_console_said("mmu: no tables for 0x200000 bytes of memory at 0x"));
    EXPECT(sim_console_said("which are not used\n"));
}

/* Which bank is the image's, to the byte. */
static void no_tables_but(uint64_t base, uint64_t size, bool holds)
{
    many_banks(MIB2);
    for (unsigned i = 0; i < PIECES; i++) {
        reserve(piece(i), MIB2, false);
    }
    add_bank(base, size);
    reserve(base, size, false);
    start();
    EXPECT(is_mapped(base + size / 2) == holds);
}

static void no_tables_from_the_image_on(void)
{
    no_tables_but(virt_to_phys(__image_start).value, 2 * MIB2, true);
}

static void no_tables_up_to_the_image(void)
{
    const uint64_t image = virt_to_phys(__image_start).value;

    no_tables_but(image - MIB2, MIB2, false);
}

/* A bank that is none: it would be the image's. */
static void no_bank_behind_the_last(void)
{
    behind = (struct devicetree_range){paddr(image_first() - MIB2), 2 * MIB2};
    add_bank(RAM, MIB2);
    start();
    EXPECT(!is_mapped(image_first() - MIB2));
}

/* The image's own bank may need more of them than there are: it is given up once, the rest of it.
 */
static void no_tables_at_home(void)
{
    const uint64_t base = image_first() - MIB2;
    struct devicetree_range withheld[MMU_WITHHELD_MAX];

    add_bank(base, 64 * GIB);
    reserve(base, 64 * GIB, false);
    for (unsigned i = 1; i < 20; i++) {
        reserve(base + i * 3 * GIB, PAGE_SIZE, true);
    }
    start();
    expect_mapped(base, image_first(), true);
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value > base + 3 * GIB);
    EXPECT(withheld[0].base.value + withheld[0].size == base + 64 * GIB);
}

static void test_no_tables(void **state)
{
    (void)state;
    in_a_process(no_tables);
    in_a_process(no_tables_at_home);
    in_a_process(no_tables_from_the_image_on);
    in_a_process(no_tables_up_to_the_image);
    in_a_process(no_bank_behind_the_last);
}

/* --- The pages that are left -------------------------------------------------------------------
 */

static void expect_state(uint64_t from, uint64_t to, enum page_state state)
{
    for (uint64_t pa = from; pa < to; pa += PAGE_SIZE) {
        EXPECT(page_get_state(paddr(pa)) == state);
    }
}

static struct page_stats pages_now(void)
{
    struct page_stats now;

    page_get_stats(&now);
    return now;
}

/* Whatever a stack has held before: nothing of it is a range. */
static __attribute__((noinline)) void soil_stack(uint64_t with)
{
    uint64_t words[4096];

    for (unsigned i = 0; i < 4096; i++) {
        words[i] = with;
    }
    __asm__ volatile("" : : "r"(words) : "memory");
}

/* Of banks that are too far apart the image's is kept, and the image in it. */
static void pages_at_home(void)
{
    const uint64_t base = virt_to_phys(home).value;

    add_bank(RAM, 8 * MIB2);
    add_bank(base, HOME_SIZE);
    reserve(base + 16 * PAGE_SIZE, 3 * PAGE_SIZE, false);
    reserve(base + 32 * PAGE_SIZE, PAGE_SIZE, true);
    while (machine.reserved_count < DEVICETREE_RESERVED_MAX) { /* as many as there may be */
        reserve(base + 64 * PAGE_SIZE + 2 * machine.reserved_count * PAGE_SIZE, PAGE_SIZE, false);
    }
    start();
    page_init();
    EXPECT(pages_now().total == HOME_SIZE / PAGE_SIZE);
    EXPECT(pages_now().allocated == 0);
    EXPECT(mmu_borrow_device(paddr(base)) == NULL); /* no registers */
    expect_state(RAM, RAM + 8 * MIB2, PAGE_FOREIGN);
    expect_state(base, base + 16 * PAGE_SIZE, PAGE_FREE);
    expect_state(base + 16 * PAGE_SIZE, base + 19 * PAGE_SIZE, PAGE_RESERVED);
    expect_state(base + 19 * PAGE_SIZE, base + 32 * PAGE_SIZE, PAGE_FREE);
    expect_state(base + 32 * PAGE_SIZE, base + 33 * PAGE_SIZE, PAGE_RESERVED);
    expect_state(base + 33 * PAGE_SIZE, base + 68 * PAGE_SIZE, PAGE_FREE);
    for (unsigned i = 2; i < DEVICETREE_RESERVED_MAX; i++) {
        expect_state(base + (64 + 2 * i) * PAGE_SIZE, base + (65 + 2 * i) * PAGE_SIZE,
                     PAGE_RESERVED);
        expect_state(base + (65 + 2 * i) * PAGE_SIZE, base + (66 + 2 * i) * PAGE_SIZE, PAGE_FREE);
    }
    expect_state(base + 128 * PAGE_SIZE, image_first(), PAGE_FREE);
    expect_state(image_first(), image_end(), PAGE_RESERVED);
    expect_state(image_end(), image_end() + MIB2, PAGE_FREE);
}

/* What holds tables is never handed out. */
static void pages_beside_tables(void)
{
    struct devicetree_range withheld[MMU_WITHHELD_MAX];
    uint64_t total = 0, tables;

    for (unsigned i = 0; i < 8; i++) {
        const struct page_range bank = {RAM + i * GIB + PAGE_SIZE, i < 7 ? MIB2 : 64 * MIB2};

        add_bank(bank.base, bank.size);
        sim_ram_attach(&bank, 1);
        total += bank.size / PAGE_SIZE;
    }
    start();
    EXPECT(mmu_withheld(withheld) == 1);
    EXPECT(withheld[0].base.value == RAM + PAGE_SIZE);
    tables = withheld[0].size;
    soil_stack(RAM + GIB);
    page_init();
    EXPECT(pages_now().total == total);
    EXPECT(pages_now().allocated == 0);
    expect_state(RAM + PAGE_SIZE, RAM + PAGE_SIZE + tables, PAGE_RESERVED);
    expect_state(RAM + PAGE_SIZE + tables, RAM + MIB2 + PAGE_SIZE, PAGE_FREE);
    expect_state(RAM + GIB + PAGE_SIZE, RAM + GIB + MIB2 + PAGE_SIZE, PAGE_FREE);
}

static void test_pages(void **state)
{
    (void)state;
    in_a_process(pages_at_home);
    in_a_process(pages_beside_tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_in_ram), cmocka_unit_test(test_small_banks),
        cmocka_unit_test(test_gaps_that_fit), cmocka_unit_test(test_no_tables),
        cmocka_unit_test(test_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
