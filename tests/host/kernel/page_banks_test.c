/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator made of machines of many shapes: what of their banks it has, and what not. */
#include "tests/host/kernel/page_machine.h"
#include "tests/host/sim/sim_console.h"

static void test_accounts_for_all_ram(void **state)
{
    struct page_stats now;

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    now = stats();
    assert_int_equal(now.total, 64 * SIM_MIB / PAGE_SIZE);
    assert_int_equal(now.reserved, 16 * 8 + 1); /* 32 KiB of records per 4 MiB, section bytes */
    assert_int_equal(page_last(), (RAM + 64 * SIM_MIB) / PAGE_SIZE - 1);
    assert_int_equal(page_get_state(paddr(RAM)), PAGE_FREE);
    assert_int_equal(page_get_state(paddr(RAM + 64 * SIM_MIB - 1)), PAGE_RESERVED);
    assert_int_equal(page_get_state(paddr(RAM + 64 * SIM_MIB)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(RAM - 1)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(0)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(UINT64_MAX)), PAGE_FOREIGN);
}

static void test_64_gib(void **state)
{
    paddr_t giant, low;
    struct page_request below_4g = {.count = 1, .highest = 0xffffffff, .owner = PAGE_OWNER_DRIVER};
    const struct page_request more = {.count = ((size_t)1 << PAGE_ORDER_MAX) + 1,
                                      .owner = PAGE_OWNER_IMAGE};
    const struct page_request most = {.count = (size_t)1 << PAGE_ORDER_MAX,
                                      .owner = PAGE_OWNER_IMAGE};
    paddr_t more_at;

    (void)state;
    machine(RAM, 64 * SIM_GIB);
    assert_int_equal(stats().free_blocks[PAGE_ORDER_MAX], 63);
    assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_OWNER_IMAGE, &giant), KERN_SUCCESS);
    assert_true(giant.value >= 4 * SIM_GIB);
    assert_int_equal(page_alloc_run(&below_4g, &low), KERN_SUCCESS);
    assert_true(low.value < 4 * SIM_GIB);
    assert_int_equal(page_get_state(paddr(giant.value + SIM_GIB - 1)), PAGE_ALLOCATED);
    assert_int_equal(page_alloc_run(&more, &more_at), KERN_RESOURCE_SHORTAGE); /* in one piece */
    assert_int_equal(page_alloc_run(&most, &more_at), KERN_SUCCESS);
    assert_int_equal(page_free_run(more_at, most.count), KERN_SUCCESS);
    assert_int_equal(page_free(low, 0), KERN_SUCCESS);
    assert_int_equal(page_free(giant, PAGE_ORDER_MAX), KERN_SUCCESS);
    assert_int_equal(stats().free_blocks[PAGE_ORDER_MAX], 63);
}

static void test_banks_holes_and_reservations(void **state)
{
    const struct page_range banks[] = {
        {RAM + 512 * SIM_MIB, 64 * SIM_MIB},
        {RAM + 0x1234, 32 * SIM_MIB}, /* ragged: inner pages only */
        {RAM + 64 * SIM_MIB, 16 * SIM_MIB},
        {RAM + 80 * SIM_MIB, 16 * SIM_MIB}, /* adjacent to the one before */
        {RAM + 85 * SIM_MIB, 1 * SIM_MIB},  /* contained */
        {UINT64_MAX - 0xfff, 2 * SIM_MIB},  /* wraps: ignored */
        {0x0100000000000000ull, SIM_GIB},   /* above the direct map: ignored */
        {RAM, 0},
    };
    const struct page_range reserved[] = {
        {RAM + 64 * SIM_MIB + 100, 10},     /* one page */
        {RAM + 72 * SIM_MIB, 4 * SIM_MIB},  /* a whole section */
        {RAM + 94 * SIM_MIB, 64 * SIM_MIB}, /* past the end of its bank */
        {0, 4096},
        {RAM + 5 * SIM_MIB + 100, 0}, /* of no page */
        {RAM + 73 * SIM_MIB, 8192},   /* inside another one */
    };
    struct page_stats now;
    uint64_t reserved_pages = 1 + 1024 + 512;
    paddr_t block;

    (void)state;
    sim_ram_attach(banks, 4);
    assert_true(page_setup(banks, 8, reserved, 6));
    now = stats();
    assert_int_equal(now.total, (64 + 32 + 32) * SIM_MIB / PAGE_SIZE - 1);
    assert_int_equal(page_get_state(paddr(RAM + 0x1fff)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(RAM + 0x2000)), PAGE_FREE);
    assert_int_equal(page_get_state(paddr(RAM + 32 * SIM_MIB)), PAGE_FREE);
    assert_int_equal(page_get_state(paddr(RAM + 32 * SIM_MIB + 0x1000)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(RAM + 64 * SIM_MIB)), PAGE_RESERVED);
    assert_int_equal(page_get_state(paddr(RAM + 64 * SIM_MIB + 0x1000)), PAGE_FREE);
    assert_int_equal(page_get_state(paddr(RAM + 76 * SIM_MIB - 1)), PAGE_RESERVED);
    assert_int_equal(page_get_state(paddr(RAM + 96 * SIM_MIB)), PAGE_FOREIGN);
    assert_int_equal(page_get_state(paddr(RAM + 511 * SIM_MIB)), PAGE_FOREIGN);
    assert_false(page_overlaps_ram(paddr(0), RAM + 0x2000));
    assert_true(page_overlaps_ram(paddr(0), RAM + 0x2001));
    assert_false(page_overlaps_ram(paddr(RAM + 32 * SIM_MIB + 0x1000), 32 * SIM_MIB - 0x1000));
    assert_true(page_overlaps_ram(paddr(RAM + 32 * SIM_MIB + 0xfff), 1));
    assert_true(page_overlaps_ram(paddr(RAM + 64 * SIM_MIB + 5), 1)); /* reserved */
    assert_false(page_overlaps_ram(paddr(RAM + 64 * SIM_MIB), 0));
    assert_true(page_overlaps_ram(paddr(RAM + 96 * SIM_MIB), UINT64_MAX - (RAM + 96 * SIM_MIB)));
    assert_false(page_overlaps_ram(paddr(UINT64_MAX), 1));
    /* Records: sections 0-8, 16-23 and 128-143, one page of section bytes. */
    assert_int_equal(now.reserved, reserved_pages + (9 + 8 + 16) * 8 + 1);

    while (page_alloc(0, PAGE_OWNER_IMAGE, &block) == KERN_SUCCESS) {
        memset(phys_to_virt(block), 0xff, PAGE_SIZE);
    }
    assert_int_equal(stats().free, 0);
    assert_int_equal(page_get_state(paddr(RAM + 64 * SIM_MIB)), PAGE_RESERVED);
    assert_non_null(page_note(paddr(RAM + 73 * SIM_MIB)));
    /* A device's target like any RAM, although nobody has looked at its section before. */
    assert_int_equal(page_pin(paddr(RAM + 74 * SIM_MIB)), KERN_SUCCESS);
    assert_int_equal(page_pin_count(paddr(RAM + 74 * SIM_MIB)), 1);
    assert_int_equal(page_unpin(paddr(RAM + 74 * SIM_MIB)), KERN_SUCCESS);
    assert_int_equal(page_get_state(paddr(RAM + 75 * SIM_MIB)), PAGE_RESERVED);
}

/* A bank in pieces that touch and overlap, in whatever order they are told, and what is reserved.
 */
static void test_pieces_in_any_order(void **state)
{
    enum {
        PIECES = 8
    };
    const struct page_range whole = {RAM, 80 * SIM_MIB};
    struct page_stats first = {0};
    uint64_t random = 5;

    (void)state;
    for (unsigned turn = 0; turn < 60; turn++) {
        struct page_range pieces[PIECES], taken[PIECES], apart[PIECES], apart_taken[PIECES];
        const struct page_request large = {.count = 32 * SIM_MIB / PAGE_SIZE,
                                           .owner = PAGE_OWNER_IMAGE};
        paddr_t block;

        for (unsigned i = 0; i < PIECES; i++) {
            apart[i] = (struct page_range){RAM + 10 * i * SIM_MIB, 9 * SIM_MIB};
            apart_taken[i] = (struct page_range){RAM + (10 * i + 2) * SIM_MIB, SIM_MIB};
        }
        for (unsigned i = 0; i < PIECES; i++) {
            const unsigned other = (unsigned)(sim_random(&random) >> 20) % (i + 1);

            pieces[i] = pieces[other];
            taken[i] = taken[other];
            pieces[other] = (struct page_range){RAM + 10 * i * SIM_MIB, (10 + i % 3) * SIM_MIB};
            /* Every second one touches the one before; all lie in the upper half. */
            taken[other] = (struct page_range){
                RAM + 48 * SIM_MIB + (i / 2 * 5 + i % 2 * 2) * SIM_MIB, 2 * SIM_MIB};
            if (i == PIECES - 1) {
                pieces[other].size = 10 * SIM_MIB;
            }
        }
        sim_ram_attach(&whole, 1);
        /* What an earlier machine had behind the last of its spans is none of this one's. */
        assert_true(page_setup(apart, PIECES, apart_taken, PIECES));
        assert_true(page_setup(pieces, PIECES, taken, PIECES));
        assert_int_equal(stats().allocated, 0);
        first = turn == 0 ? stats() : first;
        assert_same_stats(first, stats());
        assert_int_equal(stats().total, 80 * SIM_MIB / PAGE_SIZE);
        /* Their records too: of 20 sections, and a page that says what they are. */
        assert_int_equal(stats().reserved, 16 * SIM_MIB / PAGE_SIZE + 20 * 8 + 1);
        assert_int_equal(page_alloc_run(&large, &block), KERN_SUCCESS); /* over their borders */
        sim_ram_detach();
    }
}

/* What the direct map does not cover is nobody's, however little of a bank it is. */
static void test_the_end_of_the_direct_map(void **state)
{
    static const uint64_t beyond[] = {
        0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, UINT64_MAX - DIRECT_MAP_SIZE};
    const struct page_range end = {DIRECT_MAP_SIZE - 64 * SIM_MIB, 64 * SIM_MIB};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        const struct page_range bank = {end.base, end.size + beyond[i]};
        const struct page_range taken = {end.base + SIM_MIB + 1, UINT64_MAX - beyond[i]};

        sim_ram_attach(&end, 1);
        assert_true(page_setup(&bank, 1, NULL, 0));
        assert_int_equal(stats().total, 64 * SIM_MIB / PAGE_SIZE);
        assert_int_equal(page_last(), DIRECT_MAP_SIZE / PAGE_SIZE - 1);
        assert_false(page_setup(&bank, 1, &taken, 1)); /* no room for the records is left */
        sim_ram_detach();
    }
}

static void test_no_usable_memory(void **state)
{
    const struct page_range tiny = {RAM, 16 * 1024};
    const struct page_range all = {RAM, 64 * SIM_MIB};
    paddr_t block;

    (void)state;
    sim_ram_attach(&all, 1);
    assert_false(page_setup(NULL, 0, NULL, 0));
    sim_console_forget();
    assert_false(page_setup(&tiny, 1, NULL, 0));
    assert_false(page_setup(&all, 1, &all, 1));
    assert_false(sim_console_said("are not used")); /* there is no rest that would go on */
    assert_false(page_setup(&all, PAGE_RANGES_MAX + 1, NULL, 0));
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(page_free(paddr(RAM), 0), KERN_INVALID_ADDRESS);
}

/* What has no whole page is no bank, and nothing is kept for what lies between it and the others.
 */
static void test_banks_of_no_page(void **state)
{
    const struct page_range banks[] = {
        {RAM, 8 * SIM_MIB}, {0x2001, PAGE_SIZE - 2}, {0x8001, 2 * PAGE_SIZE - 2}, {0x6000, 0}};

    (void)state;
    sim_ram_attach(banks, 1);
    for (unsigned i = 1; i < 4; i++) {
        const struct page_range both[] = {banks[0], banks[i]};

        assert_true(page_setup(both, 2, NULL, 0));
        assert_int_equal(stats().total, 8 * SIM_MIB / PAGE_SIZE);
    }
}

/* Its own records are as large as they are: a gap of so many pages will do, in however many banks.
 */
static void test_gaps_that_just_fit(void **state)
{
    const struct page_range bank = {RAM, 64 * SIM_MIB};
    struct page_range most = {RAM, 64 * SIM_MIB - (16 * 8 + 1) * PAGE_SIZE};
    struct page_range many[PAGE_RANGES_MAX + 1];
    const struct page_range touching[2][2] = {
        {{RAM, 5 * PAGE_SIZE}, {RAM + 5 * PAGE_SIZE, 4 * PAGE_SIZE}},
        {{RAM + 5 * PAGE_SIZE, 4 * PAGE_SIZE}, {RAM, 5 * PAGE_SIZE}},
    };

    (void)state;
    sim_ram_attach(&bank, 1);
    assert_true(page_setup(&bank, 1, &most, 1));
    assert_int_equal(stats().free, 0);
    most.size++;
    assert_false(page_setup(&bank, 1, &most, 1));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(page_setup(touching[i], 2, NULL, 0)); /* eight, and one */
        assert_int_equal(stats().free, 0);
        assert_int_equal(stats().total, 9);
    }
    for (unsigned i = 0; i <= PAGE_RANGES_MAX; i++) {
        many[i] = (struct page_range){RAM + i * SIM_MIB / 2, SIM_MIB / 4};
    }
    assert_true(page_setup(&bank, 1, many, PAGE_RANGES_MAX));
    assert_int_equal(stats().reserved, 64 * SIM_MIB / 4 / PAGE_SIZE + 16 * 8 + 1);
    assert_false(page_setup(&bank, 1, many, PAGE_RANGES_MAX + 1));
    many[0].size = SIM_MIB;
    assert_true(page_setup(many, PAGE_RANGES_MAX, NULL, 0));
    assert_int_equal(stats().total, (63 * SIM_MIB / 4 + SIM_MIB * 3 / 4) / PAGE_SIZE);
    assert_false(page_setup(many, PAGE_RANGES_MAX + 1, NULL, 0));
}

/* What stands where a record would be, of a block behind all memory, is none. */
static void test_nothing_joins_behind_the_end(void **state)
{
    /* The upper one has no room for the records of all that lies between the two. */
    const struct page_range banks[] = {{RAM, 64 * SIM_MIB}, {RAM + SIM_GIB, 4 * SIM_MIB}};
    struct page *behind;

    (void)state;
    sim_ram_attach(banks, 2);
    behind = phys_to_virt(paddr(RAM + 64 * SIM_MIB)); /* the records end where that bank does */
    *behind = (struct page){.state = RECORD_FREE_BLOCK, .order = SECTION_ORDER};
    assert_true(page_setup(banks, 2, NULL, 0));
    assert_ptr_equal(page_record(page_last() + 1), behind);
    assert_int_equal(page_get_state(paddr(banks[1].base)), PAGE_FREE);
    assert_int_equal(stats().free_blocks[SECTION_ORDER], 2);
}

static void test_far_bank_is_given_up(void **state)
{
    const struct page_range banks[] = {{RAM, 64 * SIM_MIB}, {1024 * SIM_GIB, 64 * SIM_MIB}};

    (void)state;
    sim_ram_attach(banks, 1);
    sim_console_forget();
    assert_true(page_setup(banks, 2, NULL, 0));
    assert_true(sim_console_said("page: 0x4000000 bytes at 0x10000000000 are not used"));
    assert_int_equal(stats().total, 64 * SIM_MIB / PAGE_SIZE);
    /* An image that begins where it ends is not in it. */
    page_home = (struct page_range){banks[1].base + banks[1].size, SIM_MIB};
    assert_true(page_setup(banks, 2, NULL, 0));
    page_home = (struct page_range){0};
    assert_int_equal(page_get_state(paddr(RAM)), PAGE_FREE);
}

/* Which bank is given up depends on where the image is, not on which comes last. */
static void test_the_images_bank_is_kept(void **state)
{
    const struct page_range banks[] = {{RAM, 64 * SIM_MIB}, {1024 * SIM_GIB, 32 * SIM_MIB}};

    (void)state;
    sim_ram_attach(&banks[1], 1);
    for (unsigned i = 0; i < 2; i++) {
        page_home = (struct page_range){banks[1].base + i * SIM_MIB, SIM_MIB};
        assert_true(page_setup(banks, 2, &page_home, 1));
        assert_int_equal(stats().total, 32 * SIM_MIB / PAGE_SIZE);
        assert_int_equal(page_get_state(paddr(RAM)), PAGE_FOREIGN);
        assert_int_equal(page_get_state(paddr(page_home.base)), PAGE_RESERVED);
        page_home = (struct page_range){0};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_accounts_for_all_ram, detach),
        cmocka_unit_test_teardown(test_64_gib, detach),
        cmocka_unit_test(test_pieces_in_any_order),
        cmocka_unit_test_teardown(test_banks_holes_and_reservations, detach),
        cmocka_unit_test_teardown(test_the_end_of_the_direct_map, detach),
        cmocka_unit_test_teardown(test_no_usable_memory, detach),
        cmocka_unit_test_teardown(test_banks_of_no_page, detach),
        cmocka_unit_test_teardown(test_gaps_that_just_fit, detach),
        cmocka_unit_test_teardown(test_nothing_joins_behind_the_end, detach),
        cmocka_unit_test_teardown(test_far_bank_is_given_up, detach),
        cmocka_unit_test_teardown(test_the_images_bank_is_kept, detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
