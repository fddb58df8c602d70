/* SPDX-License-Identifier: BSD-2-Clause */
/* What the page allocator is asked for and given back: requests, pins, its cache and counts. */
#include "tests/host/kernel/page_machine.h"

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
