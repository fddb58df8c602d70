/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache modes of pages: of objects, of RAM that windows show, and of single pages. */
#include "tests/host/machine/vm_fixture.h"

static struct vm_object *window_on(paddr_t first, uint64_t pages)
{
    struct vm_object *window;

    assert_int_equal(vm_object_create_physical(first, pages, &window), KERN_SUCCESS);
    return window;
}

static void expect_modes(paddr_t first, const enum mmu_memory modes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vm_page_memory(paddr_add(first, i * PAGE_SIZE)), modes[i]);
    }
}

/* RAM that is no object's has a mode of its own while a window shows it, however it came to that.
 */
static void ram_without_a_window_is_ordinary(void **state)
{
    static const enum mmu_memory one[4] = {MMU_WRITE_THROUGH}, none[4] = {MMU_NORMAL};
    static const enum mmu_memory three[4] = {MMU_NONCACHED, MMU_NONCACHED, MMU_NONCACHED};
    const struct page_request run = {.count = 4, .owner = PAGE_OWNER_BUFFER, .zero = true};
    struct vm_object *window, *second, *object = object_of(1);
    paddr_t first;

    (void)state;
    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    window = window_on(first, 4);
    vm_window_set_memory(window, 0, 3, MMU_NONCACHED);
    expect_modes(first, three);
    vm_object_release(window);
    expect_modes(first, none);
    window = window_on(first, 4);
    vm_window_set_memory(window, 0, 2, MMU_NONCACHED);
    vm_window_set_memory(window, 0, 1, MMU_WRITE_THROUGH);
    store(enter(object, 1, RW), 1); /* a page that gets an owner, and was ordinary */
    second = window_on(first, 1);   /* ends where the next page begins */
    vm_object_release(window);
    expect_modes(first, one);
    vm_window_set_memory(second, 0, 1, MMU_NORMAL);
    vm_window_set_memory(second, 0, 1, MMU_WRITE_THROUGH);
    window = window_on(first, 4);
    vm_object_release(second);
    expect_modes(first, one);
    vm_object_release(window);
    expect_modes(first, none);
    vm_object_release(object);
    assert_int_equal(page_release_run(first, 4), KERN_SUCCESS);
}

/* Where a change begins in it, and where RAM ends in it: what is no RAM has none of these modes. */
static void a_window_changes_what_is_ram_of_it(void **state)
{
    static const enum mmu_memory none[4] = {MMU_NORMAL};
    static const enum mmu_memory third[4] = {[2] = MMU_NONCACHED};
    static const enum mmu_memory all[4] = {MMU_NONCACHED, MMU_NONCACHED, MMU_NONCACHED,
                                           MMU_NONCACHED};
    const struct page_request run = {.count = 4, .owner = PAGE_OWNER_BUFFER};
    struct vm_object *window;
    paddr_t first;

    (void)state;
    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    window = window_on(first, 4);
    vm_window_set_memory(window, 2, 1, MMU_NONCACHED);
    expect_modes(first, third);
    vm_object_set_memory(window, MMU_NONCACHED);
    expect_modes(first, all);
    vm_object_release(window);
    expect_modes(first, none);
    assert_int_equal(page_release_run(first, 4), KERN_SUCCESS);
    first = paddr(page_last() * PAGE_SIZE);
    window = window_on(first, 2);
    vm_window_set_memory(window, 0, 2, MMU_NONCACHED);
    assert_int_equal(vm_page_memory(first), MMU_NONCACHED);
    assert_int_equal(vm_page_memory(paddr_add(first, PAGE_SIZE)), MMU_NORMAL);
    vm_object_release(window);
    assert_int_equal(vm_page_memory(first), MMU_NORMAL);
}

static void expect_object(const struct vm_object *object, enum mmu_memory first,
                          enum mmu_memory second, enum mmu_memory third)
{
    assert_int_equal(vm_object_page_memory(object, 0), first);
    assert_int_equal(vm_object_page_memory(object, 1), second);
    assert_int_equal(vm_object_page_memory(object, 2), third);
}

/* The last mode counts, be it the page's or the object's; pages that are not there have one too. */
static void pages_have_the_mode_that_came_last(void **state)
{
    struct vm_object *object = object_of(3);

    (void)state;
    store(enter(object, 3, RW), 1);
    assert_int_equal(vm_object_reserve_modes(object, 0, 2), KERN_SUCCESS);
    vm_object_set_pages_memory(object, 0, 2, MMU_NONCACHED);
    expect_object(object, MMU_NONCACHED, MMU_NONCACHED, MMU_NORMAL);
    vm_object_set_pages_memory(object, 0, 1, MMU_WRITE_THROUGH);
    expect_object(object, MMU_WRITE_THROUGH, MMU_NONCACHED, MMU_NORMAL);
    vm_object_set_pages_memory(object, 0, 1, MMU_NORMAL);
    expect_object(object, MMU_NORMAL, MMU_NONCACHED, MMU_NORMAL);
    vm_object_set_memory(object, MMU_WRITE_THROUGH);
    expect_object(object, MMU_WRITE_THROUGH, MMU_WRITE_THROUGH, MMU_WRITE_THROUGH);
    vm_object_set_pages_memory(object, 0, 1, MMU_NORMAL); /* what is told of the others is gone */
    expect_object(object, MMU_NORMAL, MMU_WRITE_THROUGH, MMU_WRITE_THROUGH);
    vm_object_set_memory(object, MMU_NORMAL);
    expect_object(object, MMU_NORMAL, MMU_NORMAL, MMU_NORMAL);
    vm_object_release(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ram_without_a_window_is_ordinary),
        TEST(a_window_changes_what_is_ram_of_it),
        TEST(pages_have_the_mode_that_came_last),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
