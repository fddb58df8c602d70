/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache modes of pages: of objects, of RAM that windows show, and of single pages. */
#include "kernel/direct_map.h"
#include "tests/host/machine/vm_check.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_cache.h"

#define LINES (PAGE_SIZE / SIM_CACHE_LINE) /* of a page */

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

static enum mmu_memory seen_at(vaddr_t va)
{
    struct mmu_translation at;

    assert_true(mmu_translate(vm_map_space(map), va, &at));
    return at.attributes.memory;
}

static uint64_t flushed(void)
{
    const uint64_t lines = sim_cache.flushed;

    sim_cache.flushed = 0;
    return lines;
}

/* What the kernel has stored through the cache is in memory before a page is seen past it. */
static void fill_and_copy(enum mmu_memory mode, uint64_t lines)
{
    const struct vm_object_layout anyhow = {.alignment = PAGE_SIZE};
    const struct vm_purge_order order = {0};
    struct vm_object *object = object_of(3), *permanent = object_of(2), *copy, *second;
    struct vm_range range = {.object = object, .access = RW, .max_access = RW, .memory = mode};
    enum vm_purge_state former;
    vaddr_t at = 0;
    paddr_t page;

    vm_object_set_memory(object, mode);
    vm_object_set_memory(permanent, mode);
    assert_int_equal(vm_map_enter(map, &at, 3 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    flushed();
    store(at, 1);
    assert_int_equal(flushed(), lines);
    assert_int_equal(vm_object_copy(object, 0, 3, &copy), KERN_SUCCESS);
    assert_int_equal(vm_object_get_memory(copy), mode);
    assert_int_equal(flushed(), 0);
    store(at, 2); /* a page of its own */
    assert_int_equal(flushed(), lines);
    assert_int_equal(vm_map_wire(map, at, 1, 0, &page), KERN_SUCCESS);
    assert_int_equal(vm_object_copy(object, 0, 1, &second), KERN_SUCCESS); /* at once */
    assert_int_equal(flushed(), 2 * lines);                                /* zeros, and the copy */
    vm_unwire(&page, 1);
    assert_int_equal(vm_object_populate(permanent, &anyhow), KERN_SUCCESS);
    assert_int_equal(flushed(), 2 * lines);
    vm_object_allow_purge(permanent);
    assert_int_equal(vm_object_set_purge(permanent, VM_PURGE_EMPTY, order, &former), KERN_SUCCESS);
    assert_int_equal(flushed(), 2 * lines);
    vm_object_release(object);
    vm_object_release(permanent);
    vm_object_release(copy);
    vm_object_release(second);
}

static void what_goes_past_the_cache_is_in_memory(void **state)
{
    (void)state;
    fill_and_copy(MMU_NORMAL, 0);
    fill_and_copy(MMU_NONCACHED, LINES);
    fill_and_copy(MMU_WRITE_THROUGH, LINES);
}

/* A change of mode writes back what has changed, and nothing else. */
static void changes_write_back_what_they_change(void **state)
{
    const struct page_request run = {.count = 4, .owner = PAGE_OWNER_BUFFER};
    struct vm_object *object = object_of(3), *window;
    const vaddr_t at = enter(object, 3, RW);
    paddr_t first;

    (void)state;
    store(at, 1);
    store(at + 2 * PAGE_SIZE, 1);
    flushed();
    vm_object_set_memory(object, MMU_NONCACHED);
    assert_int_equal(flushed(), 2 * LINES);
    vm_object_set_memory(object, MMU_NONCACHED);
    assert_int_equal(flushed(), 0);
    assert_int_equal(vm_object_reserve_modes(object, 0, 3), KERN_SUCCESS);
    vm_object_set_pages_memory(object, 2, 1, MMU_NORMAL);
    assert_int_equal(flushed(), LINES);
    vm_object_set_pages_memory(object, 0, 3, MMU_NORMAL);
    assert_int_equal(flushed(), LINES);
    assert_int_equal(vm_object_get_memory(object), MMU_NONCACHED);
    vm_object_set_memory(object, MMU_NORMAL);
    assert_int_equal(flushed(), 0);
    vm_check_map(map);
    vm_object_release(object);

    assert_int_equal(page_alloc_run(&run, &first), KERN_SUCCESS);
    window = window_on(first, 4);
    vm_window_set_memory(window, 1, 2, MMU_NONCACHED);
    assert_int_equal(flushed(), 2 * LINES);
    vm_window_set_memory(window, 0, 4, MMU_NONCACHED);
    assert_int_equal(flushed(), 2 * LINES);
    vm_window_set_memory(window, 3, 1, MMU_NORMAL);
    assert_int_equal(flushed(), LINES);
    vm_object_release(window);
    assert_int_equal(flushed(), 3 * LINES);
    window = window_on(first, 4);
    vm_object_release(window);
    assert_int_equal(flushed(), 0);
    assert_int_equal(page_release_run(first, 4), KERN_SUCCESS);
}

/* Views of RAM follow its pages, those given a mode of their own do not, and registers never. */
static void views_follow_their_pages(void **state)
{
    const paddr_t last = paddr(page_last() * PAGE_SIZE);
    struct vm_object *window = window_on(last, 2); /* the second page is no RAM */
    struct vm_range range = {.object = window, .access = MMU_READ, .max_access = MMU_READ};
    struct mmu_translation to;
    vaddr_t own = 0, follows = 0;

    (void)state;
    range.memory = MMU_WRITE_THROUGH;
    assert_int_equal(
        vm_map_enter(map, &own, 2 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    range.as_pages = true;
    assert_int_equal(
        vm_map_enter(map, &follows, 2 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
        KERN_SUCCESS);
    assert_true(mmu_translate(vm_map_space(map), follows, &to));
    assert_int_equal(to.attributes.memory, MMU_NORMAL);
    vm_window_set_memory(window, 0, 2, MMU_NONCACHED);
    assert_true(mmu_translate(vm_map_space(map), follows, &to));
    assert_int_equal(to.attributes.memory, MMU_NONCACHED);
    assert_true(mmu_translate(vm_map_space(map), follows + PAGE_SIZE, &to));
    assert_int_equal(to.attributes.memory, MMU_WRITE_THROUGH);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(mmu_translate(vm_map_space(map), own + i * PAGE_SIZE, &to));
        assert_int_equal(to.attributes.memory, MMU_WRITE_THROUGH);
    }
    /* A page that is in no table stays so, and comes in its new mode. */
    vm_map_drop_tables(map, follows, PAGE_SIZE);
    vm_window_set_memory(window, 0, 1, MMU_WRITE_THROUGH);
    assert_false(mmu_translate(vm_map_space(map), follows, &to));
    assert_int_equal(vm_fault(map, follows, MMU_READ), KERN_SUCCESS);
    assert_true(mmu_translate(vm_map_space(map), follows, &to));
    assert_int_equal(to.attributes.memory, MMU_WRITE_THROUGH);
    vm_check_map(map);
    /* What is called a device's is so where it is none of RAM's, and stays filled. */
    assert_int_equal(vm_map_set_memory(map, follows, 2 * PAGE_SIZE, MMU_DEVICE), KERN_SUCCESS);
    assert_int_equal(seen_at(follows), MMU_WRITE_THROUGH);
    assert_int_equal(seen_at(follows + PAGE_SIZE), MMU_DEVICE);
    assert_int_equal(vm_map_set_memory(map, follows, 2 * PAGE_SIZE, MMU_NONCACHED), KERN_SUCCESS);
    assert_int_equal(seen_at(follows), MMU_NONCACHED); /* it has a mode of its own by now */
    vm_window_set_memory(window, 0, 1, MMU_NORMAL);
    assert_int_equal(seen_at(follows), MMU_NONCACHED);
    assert_int_equal(vm_map_protect(map, follows, 2 * PAGE_SIZE, 0), KERN_SUCCESS);
    assert_int_equal(vm_map_protect(map, follows, 2 * PAGE_SIZE, MMU_READ), KERN_SUCCESS);
    assert_int_equal(seen_at(follows), MMU_NONCACHED);
    vm_object_release(window);
}

/* Nothing past the cache is executed: it leaves the tables, and comes back with the mode. */
static void what_is_executed_is_cached(void **state)
{
    const unsigned code = MMU_READ | MMU_EXECUTE;
    struct vm_object *object = object_of(2);
    const vaddr_t at = enter(object, 2, code);
    struct mmu_translation to;
    vaddr_t reserved = 0x20000000;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vm_fault(map, at, MMU_EXECUTE), KERN_SUCCESS);
        assert_int_equal(vm_fault(map, at + PAGE_SIZE, MMU_EXECUTE), KERN_SUCCESS);
        if (i == 0) {
            assert_int_equal(vm_object_reserve_modes(object, 0, 1), KERN_SUCCESS);
            vm_object_set_pages_memory(object, 0, 1, MMU_NONCACHED);
            assert_int_equal(seen_at(at + PAGE_SIZE), MMU_NORMAL);
        } else {
            vm_object_set_memory(object, MMU_NONCACHED);
            assert_false(mmu_translate(vm_map_space(map), at + PAGE_SIZE, &to));
        }
        assert_false(mmu_translate(vm_map_space(map), at, &to));
        assert_int_equal(vm_fault(map, at, MMU_READ), KERN_INVALID_ARGUMENT);
        vm_check_map(map);
        vm_object_set_memory(object, MMU_NORMAL);
    }
    assert_int_equal(vm_fault(map, at, MMU_EXECUTE), KERN_SUCCESS);
    /* A reservation has any mode there is. */
    assert_int_equal(vm_map_enter(map, &reserved, PAGE_SIZE, 0, &(struct vm_range){0}, 0),
                     KERN_SUCCESS);
    assert_int_equal(vm_map_set_memory(map, reserved, PAGE_SIZE, MMU_NONCACHED), KERN_SUCCESS);
    vm_object_release(object);
}

/* A page that several objects have is seen in one mode, whoever of them is asked for another. */
static void owners_of_a_page_follow_each_other(void **state)
{
    struct vm_object *object = object_of(3), *copy, *window;
    const vaddr_t at = enter(object, 3, RW);
    vaddr_t copied;
    paddr_t page;

    (void)state;
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    store(at + 2 * PAGE_SIZE, 3);
    assert_int_equal(vm_object_copy(object, 0, 3, &copy), KERN_SUCCESS);
    copied = enter(copy, 3, RW);
    load(copied);
    load(copied + PAGE_SIZE);
    store(copied + 2 * PAGE_SIZE, 4); /* the last page is its own */
    vm_object_set_memory(object, MMU_NONCACHED);
    expect_object(copy, MMU_NONCACHED, MMU_NONCACHED, MMU_NORMAL);
    assert_int_equal(seen_at(copied), MMU_NONCACHED);
    assert_int_equal(seen_at(copied + PAGE_SIZE), MMU_NONCACHED);
    assert_int_equal(seen_at(copied + 2 * PAGE_SIZE), MMU_NORMAL);
    vm_check_objects();
    assert_int_equal(vm_object_reserve_modes(copy, 1, 1), KERN_SUCCESS);
    vm_object_set_pages_memory(copy, 1, 1, MMU_WRITE_THROUGH);
    expect_object(object, MMU_NONCACHED, MMU_WRITE_THROUGH, MMU_NONCACHED);
    load(at + PAGE_SIZE);
    assert_int_equal(seen_at(at + PAGE_SIZE), MMU_WRITE_THROUGH);
    vm_check_objects();

    /* By a window on it. */
    assert_true(vm_object_resident(object, 0, &page));
    window = window_on(page, 1);
    load(at);
    vm_object_set_memory(window, MMU_WRITE_THROUGH);
    expect_object(object, MMU_WRITE_THROUGH, MMU_WRITE_THROUGH, MMU_NONCACHED);
    expect_object(copy, MMU_WRITE_THROUGH, MMU_WRITE_THROUGH, MMU_NORMAL);
    assert_int_equal(seen_at(at), MMU_WRITE_THROUGH);
    assert_int_equal(seen_at(copied), MMU_WRITE_THROUGH);
    vm_object_release(window); /* its owners' mode stays */
    assert_int_equal(vm_page_memory(page), MMU_WRITE_THROUGH);
    vm_check_objects();
    vm_check_map(map);
    vm_object_release(object);
    vm_object_release(copy);
}

/* What is in the tables stays there, for who may take no fault. */
static void registers_change_where_they_are(void **state)
{
    struct vm_range range = {.access = RW, .max_access = RW, .memory = MMU_DEVICE};
    struct mmu_translation to;
    vaddr_t at = 0;

    (void)state;
    assert_int_equal(vm_object_create_physical(paddr(0x9000000), 3, &range.object), KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &at, 3 * PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE),
                     KERN_SUCCESS);
    assert_int_equal(vm_fault(map, at + PAGE_SIZE, MMU_WRITE), KERN_SUCCESS);
    assert_int_equal(vm_map_set_memory(map, at, 3 * PAGE_SIZE, MMU_DEVICE_GRE), KERN_SUCCESS);
    assert_int_equal(seen_at(at + PAGE_SIZE), MMU_DEVICE_GRE);
    assert_false(mmu_translate(vm_map_space(map), at, &to));
    assert_int_equal(vm_fault(map, at, MMU_READ), KERN_SUCCESS);
    assert_int_equal(seen_at(at), MMU_DEVICE_GRE);
    vm_check_map(map);
    vm_object_release(range.object);
    /* Filled ahead they are blocks. */
    at = 0;
    assert_int_equal(vm_object_create_physical(paddr(1ull << 36), 512, &range.object),
                     KERN_SUCCESS);
    assert_int_equal(vm_map_enter(map, &at, 512 * PAGE_SIZE, 512 * PAGE_SIZE, &range,
                                  VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
                     KERN_SUCCESS);
    assert_true(mmu_translate(vm_map_space(map), at, &to));
    assert_int_equal(to.contiguous, 512 * PAGE_SIZE);
    vm_object_release(range.object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ram_without_a_window_is_ordinary),    TEST(a_window_changes_what_is_ram_of_it),
        TEST(pages_have_the_mode_that_came_last),  TEST(what_goes_past_the_cache_is_in_memory),
        TEST(changes_write_back_what_they_change), TEST(views_follow_their_pages),
        TEST(owners_of_a_page_follow_each_other),  TEST(registers_change_where_they_are),
        TEST(what_is_executed_is_cached),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
