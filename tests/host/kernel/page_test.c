/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator against machines of many shapes. */
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

static void test_refuses_bad_requests(void **state)
{
    struct page_request request = {.count = 1, .owner = PAGE_OWNER_IMAGE};
    struct page_stats before;
    paddr_t block = paddr(7);

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    before = stats();
    assert_int_equal(page_alloc(PAGE_ORDER_MAX + 1, PAGE_OWNER_IMAGE, &block),
                     KERN_INVALID_ARGUMENT);
    assert_int_equal(page_alloc(0, PAGE_OWNER_NONE, &block), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_alloc(0, PAGE_OWNER_COUNT, &block), KERN_INVALID_ARGUMENT);
    request.count = 0;
    assert_int_equal(page_alloc_run(&request, &block), KERN_INVALID_ARGUMENT);
    request.count = 1;
    request.alignment = 3 * PAGE_SIZE;
    assert_int_equal(page_alloc_run(&request, &block), KERN_INVALID_ARGUMENT);
    request.alignment = 0;
    request.owner = PAGE_OWNER_NONE;
    assert_int_equal(page_alloc_run(&request, &block), KERN_INVALID_ARGUMENT);
    assert_int_equal(stats().failures, before.failures);
    request.owner = PAGE_OWNER_IMAGE;
    request.count = SIZE_MAX;
    assert_int_equal(page_alloc_run(&request, &block), KERN_RESOURCE_SHORTAGE);
    request.count = 1;
    request.highest = RAM + PAGE_SIZE - 2; /* would end one byte too high */
    assert_int_equal(page_alloc_run(&request, &block), KERN_RESOURCE_SHORTAGE);
    request.highest = 1;
    assert_int_equal(page_alloc_run(&request, &block), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(block.value, 7);
    assert_int_equal(stats().failures, before.failures + 4);
    assert_same_stats(before, stats());
}

static void test_refuses_bad_frees(void **state)
{
    struct page_stats before, held;
    paddr_t block, run;
    struct page_request three = {.count = 3, .owner = PAGE_OWNER_IMAGE};

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    before = stats();
    assert_int_equal(page_alloc(3, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    assert_int_equal(page_alloc_run(&three, &run), KERN_SUCCESS);
    held = stats();
    assert_int_equal(page_free(block, 2), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(block, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(block, 4), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(block, PAGE_ORDER_MAX + 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(paddr(block.value + PAGE_SIZE), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(block.value + 8), 3), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(block.value + 8), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(RAM + 64 * SIM_MIB - PAGE_SIZE), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(0x09000000), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(RAM + 64 * SIM_GIB), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(paddr(RAM + 32 * SIM_MIB), 0), KERN_FAILURE); /* never allocated */
    assert_int_equal(page_free_run(run, 4), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free_run(run, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free_run(run, 2), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_pin(paddr(block.value + 5 * PAGE_SIZE)), KERN_SUCCESS);
    assert_int_equal(page_free(block, 3), KERN_FAILURE);
    assert_int_equal(page_unpin(paddr(block.value + 5 * PAGE_SIZE)), KERN_SUCCESS);
    assert_same_stats(held, stats());
    assert_int_equal(page_free(block, 3), KERN_SUCCESS);
    assert_int_equal(page_free(block, 3), KERN_FAILURE);
    assert_int_equal(page_free_run(run, 3), KERN_SUCCESS);
    assert_int_equal(page_free_run(run, 3), KERN_FAILURE);

    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    /* Another one comes and goes, so that the next free takes the short way. */
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &run), KERN_SUCCESS);
    assert_int_equal(page_free(run, 0), KERN_SUCCESS);
    assert_int_equal(page_free(block, 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(block, 3), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_free(paddr(block.value + 8), 0), KERN_INVALID_ADDRESS);
    assert_int_equal(page_free(block, 0), KERN_SUCCESS);
    assert_int_equal(page_free(block, 0), KERN_FAILURE); /* while in the cache */
    assert_same_stats(before, stats());
    assert_int_equal(page_free(block, 0), KERN_FAILURE); /* and merged */
}

static void test_pins(void **state)
{
    paddr_t page, reserved = paddr(RAM + 64 * SIM_MIB - PAGE_SIZE);

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    assert_int_equal(page_pin(paddr(RAM)), KERN_INVALID_ADDRESS); /* free */
    assert_int_equal(page_pin(paddr(0)), KERN_INVALID_ADDRESS);
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &page), KERN_SUCCESS);
    assert_int_equal(page_unpin(page), KERN_FAILURE);
    assert_int_equal(page_pin(page), KERN_SUCCESS);
    assert_int_equal(page_pin(paddr(page.value + 100)), KERN_SUCCESS);
    assert_int_equal(page_pin_count(page), 2);
    assert_int_equal(stats().pins, 2);
    assert_int_equal(page_free(page, 0), KERN_FAILURE);
    page_unpin(page);
    page_unpin(page);
    page_lookup(page)->pins = UINT32_MAX;
    assert_int_equal(page_pin(page), KERN_FAILURE);
    page_lookup(page)->pins = 0;
    assert_int_equal(page_free(page, 0), KERN_SUCCESS);
    assert_int_equal(page_pin(reserved), KERN_SUCCESS);
    assert_int_equal(page_pin_count(reserved), 1);
    assert_int_equal(page_unpin(reserved), KERN_SUCCESS);
    assert_int_equal(page_pin_count(paddr(0)), 0);
    assert_int_equal(stats().pins, 0);
}

static void test_alignment_above_size(void **state)
{
    struct page_stats before;
    struct page_request request = {.count = 3, .owner = PAGE_OWNER_BUFFER, .zero = true};
    paddr_t first;

    (void)state;
    machine(RAM, 256 * SIM_MIB);
    before = stats();
    for (uint64_t alignment = 1; alignment <= 128 * SIM_MIB; alignment <<= 1) {
        request.alignment = alignment;
        memset(phys_to_virt(paddr(RAM)), 0x55, 3 * PAGE_SIZE);
        assert_int_equal(page_alloc_run(&request, &first), KERN_SUCCESS);
        assert_int_equal(first.value % alignment, 0);
        for (unsigned i = 0; i < 3 * PAGE_SIZE; i++) {
            assert_int_equal(((uint8_t *)phys_to_virt(first))[i], 0);
        }
        assert_int_equal(stats().owned[PAGE_OWNER_BUFFER], 3);
        assert_int_equal(page_free_run(first, 3), KERN_SUCCESS);
    }
    request.alignment = 2 * SIM_GIB;
    assert_int_equal(page_alloc_run(&request, &first), KERN_RESOURCE_SHORTAGE);
    assert_same_stats(before, stats());
}

/* Zeros where they are asked for, also of a page that comes from the cache; else what was there. */
static void test_zeros_are_asked_for(void **state)
{
    paddr_t block;

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    for (size_t count = 1; count <= 2; count++) {
        struct page_request request = {.count = count, .owner = PAGE_OWNER_IMAGE};
        uint8_t *bytes;
        paddr_t again;

        assert_int_equal(page_alloc_run(&request, &block), KERN_SUCCESS);
        bytes = phys_to_virt(block);
        memset(bytes, 0x55, count * PAGE_SIZE);
        assert_int_equal(page_free_run(block, count), KERN_SUCCESS);
        assert_int_equal(page_alloc_run(&request, &again), KERN_SUCCESS);
        assert_int_equal(again.value, block.value);
        assert_int_equal(bytes[0], 0x55);
        assert_int_equal(page_free_run(block, count), KERN_SUCCESS);
        request.zero = true;
        assert_int_equal(page_alloc_run(&request, &again), KERN_SUCCESS);
        assert_int_equal(again.value, block.value);
        for (size_t i = 0; i < count * PAGE_SIZE; i++) {
            assert_int_equal(bytes[i], 0);
        }
    }
    while (page_alloc(0, PAGE_OWNER_IMAGE, &block) == KERN_SUCCESS) {
    }
    /* What there is none of is not cleared. */
    memset(phys_to_virt(block), 0x55, PAGE_SIZE);
    assert_int_equal(
        page_alloc_run(&(struct page_request){.count = 1, .owner = PAGE_OWNER_IMAGE, .zero = true},
                       &block),
        KERN_RESOURCE_SHORTAGE);
    assert_int_equal(*(uint8_t *)phys_to_virt(block), 0x55);
}

static unsigned cached(void)
{
    return (unsigned)(page_pool.top - page_pool.cache);
}

/* Single pages come by sixteens into the cache, and half of them go where there are too many. */
static void test_the_cache(void **state)
{
    paddr_t pages[96];

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    for (unsigned i = 0; i < 96; i++) {
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
        assert_int_equal(cached(), 15 - i % 16);
        assert_true(i % 16 == 0 || pages[i].value == pages[i - 1].value + PAGE_SIZE);
    }
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
        assert_int_equal(cached(), i + 1);
    }
    /* Back and forth at one height. */
    for (unsigned i = 0; i < 3; i++) {
        /* With a visit to the free lists, behind which a page goes the slow way. */
        assert_int_equal(page_alloc(1, PAGE_OWNER_IMAGE, &pages[0]), KERN_SUCCESS);
        assert_int_equal(page_free(pages[0], 1), KERN_SUCCESS);
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &pages[0]), KERN_SUCCESS);
        assert_int_equal(page_free(pages[0], 0), KERN_SUCCESS);
        assert_int_equal(cached(), 50);
    }
    for (unsigned i = 50; i < 63; i++) {
        assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
        assert_int_equal(cached(), i + 1);
    }
    assert_int_equal(page_free(pages[63], 0), KERN_SUCCESS);
    assert_int_equal(cached(), 33);
    for (unsigned i = 64; i < 96; i++) {
        assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
    }
    assert_int_equal(stats().allocated, 0);
}

static void test_a_run_becomes_single_pages(void **state)
{
    const struct page_request run = {.count = 5, .owner = PAGE_OWNER_IMAGE};
    struct page_stats before;
    paddr_t first, block;

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    before = stats();
    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    assert_int_equal(page_split_run(first, 4), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_split_run(paddr_add(first, PAGE_SIZE), 4), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_split_run(paddr_add(first, PAGE_SIZE), 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_split_run(paddr(0), 1), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_split_run(first, 0), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_pin(paddr_add(first, PAGE_SIZE)), KERN_SUCCESS);
    assert_int_equal(page_split_run(first, 5), KERN_INVALID_ARGUMENT);
    assert_int_equal(page_unpin(paddr_add(first, PAGE_SIZE)), KERN_SUCCESS);
    page_lookup(paddr_add(first, 5 * PAGE_SIZE))->pins = 1; /* the one behind it is none of it */
    assert_int_equal(page_split_run(first, 5), KERN_SUCCESS);
    page_lookup(paddr_add(first, 5 * PAGE_SIZE))->pins = 0;
    assert_int_equal(page_free_run(first, 5), KERN_INVALID_ARGUMENT);
    for (unsigned i = 5; i-- > 0;) {
        assert_int_equal(page_free(paddr_add(first, i * PAGE_SIZE), 0), KERN_SUCCESS);
    }
    assert_int_equal(page_alloc(3, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS); /* a power of two */
    assert_int_equal(page_split_run(block, 8), KERN_SUCCESS);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(page_free(paddr_add(block, i * PAGE_SIZE), 0), KERN_SUCCESS);
    }
    assert_same_stats(before, stats());
}

static void test_exhaustion_and_high_water(void **state)
{
    struct page_stats before;
    uint64_t count = 0;
    paddr_t *pages, block;

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    before = stats();
    pages = calloc(before.free, sizeof(*pages));
    while (page_alloc(0, PAGE_OWNER_IMAGE, &block) == KERN_SUCCESS) {
        pages[count++] = block;
    }
    assert_int_equal(count, before.free);
    assert_int_equal(stats().high_water, count);
    assert_int_equal(stats().failures, before.failures + 1);
    for (uint64_t i = 0; i < count; i += 2) {
        assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
    }
    assert_int_equal(page_alloc(1, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
    for (uint64_t i = 1; i < count; i += 2) {
        assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
    }
    assert_int_equal(page_alloc(12, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS); /* merged on demand */
    assert_int_equal(page_free(block, 12), KERN_SUCCESS);
    assert_same_stats(before, stats());
    assert_int_equal(stats().high_water, count);
    free(pages);
}

/* The peak lies between two visits to the free lists. */
static void test_high_water_is_exact(void **state)
{
    paddr_t pages[40];

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    for (unsigned peak = 1; peak <= 40; peak++) {
        for (unsigned i = 0; i < peak; i++) {
            assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &pages[i]), KERN_SUCCESS);
        }
        for (unsigned i = 0; i < peak; i++) {
            assert_int_equal(page_free(pages[i], 0), KERN_SUCCESS);
        }
        assert_int_equal(stats().high_water, peak);
    }
}

/* Whatever comes and goes, and in what order: pages, and runs past the cache. */
static void test_high_water_of_a_mixture(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct {
            paddr_t first;
            size_t count;
        } held[60];
        uint64_t now = 0, peak = 0;

        machine(RAM, 64 * SIM_MIB);
        for (unsigned n = 0, live = 0; n < 200; n++) {
            random = random * 1664525 + 1013904223;
            if (live < 60 && (live == 0 || (random & 0x10000) != 0)) {
                const size_t count = (random & 0xe0000) == 0 ? 2 + (random >> 20) % 9 : 1;

                held[live].count = count;
                assert_int_equal(page_alloc_run(&(struct page_request){.count = count,
                                                                       .owner = PAGE_OWNER_IMAGE},
                                                &held[live++].first),
                                 KERN_SUCCESS);
                now += count;
            } else {
                const unsigned which = (random >> 20) % live;

                assert_int_equal(page_free_run(held[which].first, held[which].count), KERN_SUCCESS);
                now -= held[which].count;
                held[which] = held[--live];
            }
            peak = now > peak ? now : peak;
        }
        assert_int_equal(stats().allocated, now);
        assert_int_equal(stats().high_water, peak);
        sim_ram_detach();
    }
    machine(RAM, 64 * SIM_MIB);
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
        cmocka_unit_test_teardown(test_refuses_bad_requests, detach),
        cmocka_unit_test_teardown(test_refuses_bad_frees, detach),
        cmocka_unit_test_teardown(test_pins, detach),
        cmocka_unit_test_teardown(test_alignment_above_size, detach),
        cmocka_unit_test_teardown(test_zeros_are_asked_for, detach),
        cmocka_unit_test_teardown(test_the_cache, detach),
        cmocka_unit_test_teardown(test_a_run_becomes_single_pages, detach),
        cmocka_unit_test_teardown(test_exhaustion_and_high_water, detach),
        cmocka_unit_test_teardown(test_high_water_is_exact, detach),
        cmocka_unit_test_teardown(test_high_water_of_a_mixture, detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
