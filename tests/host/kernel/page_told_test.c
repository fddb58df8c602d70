/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the page allocator asks for pages, and whom it tells of those that it gives out. */
#include "kernel/allocation.h"
#include "tests/host/kernel/page_machine.h"

static uint64_t asked, asked_for;
static paddr_t held;

/* Gives back what it holds, once, and asks for what is not to be had, as who frees may. */
static uint64_t give(uint64_t pages)
{
    const struct page_request request = {.count = 1000000, .owner = PAGE_OWNER_IMAGE};
    paddr_t block;

    asked++;
    asked_for = pages;
    assert_int_equal(page_alloc_run(&request, &block), KERN_RESOURCE_SHORTAGE);
    if (held.value == 0) {
        return 0;
    }
    assert_int_equal(page_free(held, 10), KERN_SUCCESS);
    held = paddr(0);
    return 1024;
}

static void test_who_has_pages_is_asked_for_them(void **state)
{
    const struct page_request two_sections = {.count = 2000, .owner = PAGE_OWNER_IMAGE};
    paddr_t block, large;
    uint64_t failures;

    (void)state;
    machine(RAM, 16 * SIM_MIB);
    page_set_reclaim(give);
    assert_int_equal(page_alloc(10, PAGE_OWNER_IMAGE, &held), KERN_SUCCESS);
    while (page_alloc(0, PAGE_OWNER_IMAGE, &block) == KERN_SUCCESS && held.value != 0) {
    }
    assert_int_equal(asked, 1); /* for the first that was not there, and that got it */
    assert_int_equal(asked_for, 1);
    assert_int_equal(page_free(block, 0), KERN_SUCCESS);
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    assert_int_equal(asked, 1);
    failures = stats().failures;
    assert_int_equal(page_alloc_run(&two_sections, &large), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(asked, 2);
    assert_int_equal(asked_for, 2000);
    assert_int_equal(stats().failures, failures + 2); /* its own one too */
    while (page_alloc(0, PAGE_OWNER_IMAGE, &block) == KERN_SUCCESS) {
    }
    /* Neither for tables, nor for who has interrupted somebody. */
    asked = 0;
    assert_int_equal(page_alloc(0, PAGE_OWNER_TABLE, &block), KERN_RESOURCE_SHORTAGE);
    sim_in_handler = true;
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
    sim_in_handler = false;
    assert_int_equal(asked, 0);
    page_set_reclaim(NULL);
    assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
}

static struct {
    void *memory;
    size_t bytes;
} told;

static void tell(void *memory, size_t bytes)
{
    assert_null(told.memory); /* once for each */
    told.memory = memory;
    told.bytes = bytes;
}

static void expect_told(paddr_t block, size_t bytes)
{
    assert_ptr_equal(told.memory, bytes != 0 ? phys_to_virt(block) : NULL);
    assert_int_equal(told.bytes, bytes);
    told.memory = NULL;
    told.bytes = 0;
}

static void test_memory_with_nothing_in_it_is_told(void **state)
{
    const struct page_request requests[] = {
        {.count = 1, .owner = PAGE_OWNER_IMAGE},
        {.count = 5, .owner = PAGE_OWNER_IMAGE},
        {.count = 1, .owner = PAGE_OWNER_IMAGE, .zero = true},
        {.count = 5, .owner = PAGE_OWNER_IMAGE, .zero = true},
        {.count = 1000000, .owner = PAGE_OWNER_IMAGE},
    };
    paddr_t block = paddr(0);

    (void)state;
    machine(RAM, 16 * SIM_MIB);
    allocation_set_hook(tell);
    for (unsigned i = 0; i < 100; i++) { /* from the cache, and when it is filled again */
        assert_int_equal(page_alloc(0, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
        expect_told(block, PAGE_SIZE);
    }
    assert_int_equal(page_alloc(3, PAGE_OWNER_IMAGE, &block), KERN_SUCCESS);
    expect_told(block, 8 * PAGE_SIZE);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(page_alloc_run(&requests[i], &block), KERN_SUCCESS);
        expect_told(block, i < 2 ? requests[i].count * PAGE_SIZE : 0);
    }
    assert_int_equal(page_alloc_run(&requests[4], &block), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_OWNER_IMAGE, &block), KERN_RESOURCE_SHORTAGE);
    assert_int_equal(page_alloc(0, PAGE_OWNER_NONE, &block), KERN_INVALID_ARGUMENT);
    expect_told(block, 0);
    allocation_set_hook(NULL);
}

/* What stands where records of a section would be, before it has some, is nobody's note. */
static void test_notes_end_with_the_records(void **state)
{
    const struct page_range bank = {RAM, 32 * SIM_MIB}, taken = {RAM + 9 * SIM_MIB, PAGE_SIZE};
    unsigned borders = 0;

    (void)state;
    sim_ram_attach(&bank, 1);
    memset(phys_to_virt(paddr(RAM)), 0xff, bank.size);
    assert_true(page_setup(&bank, 1, &taken, 1));
    for (uint64_t i = RAM >> SECTION_SHIFT; i + 1 < page_pool.section_count; i++) {
        const paddr_t first = paddr((i + 1) * SECTION_PAGES * PAGE_SIZE - 2 * PAGE_SIZE);
        const struct page *const behind = page_record((i + 1) * SECTION_PAGES + 1);

        if (page_pool.sections[i] != SECTION_READY || page_pool.sections[i + 1] == SECTION_READY) {
            continue;
        }
        borders++;
        *page_note(first) = 0x08;
        *page_note(paddr_add(first, PAGE_SIZE)) = 0x20;
        assert_int_equal(page_note_set(first, 5, 0x08, 0x10), 0x28);
        assert_int_equal(*page_note(first), 0x18);
        assert_int_equal(*page_note(paddr_add(first, PAGE_SIZE)), 0x20);
        assert_int_equal(behind->note, 0xff);
    }
    assert_int_not_equal(borders, 0);
}

/* A row over a border ends where it was asked to, however long it was before that. */
static void test_notes_end_with_the_row(void **state)
{
    const struct page_request request = {.count = 3000, .owner = PAGE_OWNER_IMAGE};
    paddr_t area, first;

    (void)state;
    machine(RAM, 64 * SIM_MIB);
    assert_int_equal(page_alloc_run(&request, &area), KERN_SUCCESS);
    first = paddr(((area.value | (4 * SIM_MIB - 1)) + 1) - 500 * PAGE_SIZE);
    for (uint64_t i = 0; i < 1600; i++) {
        *page_note(paddr_add(first, i * PAGE_SIZE)) = 0x08;
    }
    assert_int_equal(page_note_set(first, 600, 0x08, 0x10), 0x08);
    for (uint64_t i = 0; i < 1600; i++) {
        assert_int_equal(*page_note(paddr_add(first, i * PAGE_SIZE)), i < 600 ? 0x18 : 0x08);
        *page_note(paddr_add(first, i * PAGE_SIZE)) = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_who_has_pages_is_asked_for_them, detach),
        cmocka_unit_test_teardown(test_memory_with_nothing_in_it_is_told, detach),
        cmocka_unit_test_teardown(test_notes_end_with_the_records, detach),
        cmocka_unit_test_teardown(test_notes_end_with_the_row, detach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
