/* SPDX-License-Identifier: BSD-2-Clause */
/* Purgeable objects: their queue, what is taken of whom, and who is told. */
#include "kernel/trace.h"
#include "kernel/vm/vm_map_private.h"
#include "tests/host/machine/vm_fixture.h"
#include "tests/host/sim/sim_console.h"

static const struct vm_purge_order plain = {0};

static struct vm_object *volatile_object(uint8_t mark, struct vm_purge_order order)
{
    struct vm_object *object = object_of(2);
    enum vm_purge_state former;
    uint64_t done;
    vaddr_t at = enter(object, 2, RW);

    vm_object_allow_purge(object);
    assert_int_equal(vm_map_write(map, at, &mark, 1, &done), KERN_SUCCESS);
    assert_int_equal(vm_object_set_purge(object, VM_PURGE_VOLATILE, order, &former), KERN_SUCCESS);
    assert_int_equal(former, VM_PURGE_NONVOLATILE);
    return object;
}

static void volatile_memory_goes_in_order(void **state)
{
    struct vm_object *fifo1 = volatile_object(1, plain);
    struct vm_object *fifo2 = volatile_object(1, plain);
    struct vm_object *lifo = volatile_object(1, (struct vm_purge_order){.lifo = true});
    struct vm_object *late = volatile_object(1, (struct vm_purge_order){.group = 7});
    struct vm_object *soon = volatile_object(1, (struct vm_purge_order){.obsolete = true});
    struct vm_object *expected[] = {soon, lifo, fifo1, fifo2, late};

    (void)state;
    for (int i = 0; i < 5; i++) {
        sim_console_forget();
        trace_start();
        assert_int_equal(vm_purge_reclaim(1), 1);
        trace_stop();
        trace_print();
        assert_true(sim_console_said(i < 4 ? "more=0x1" : "more=0x0")); /* who looks on is told */
        for (int j = 0; j < 5; j++) {
            assert_int_equal(vm_object_get_purge(expected[j]),
                             j <= i ? VM_PURGE_EMPTY : VM_PURGE_VOLATILE);
        }
    }
    assert_int_equal(vm_purge_reclaim(1), 0);
    for (int i = 0; i < 5; i++) {
        vm_object_release(expected[i]);
    }
}

static void purging_spares_pinned_pages_and_empties_the_rest(void **state)
{
    struct vm_object *object = object_of(2);
    enum vm_purge_state former;
    vaddr_t at = enter(object, 2, RW);
    paddr_t page;

    (void)state;
    assert_int_equal(vm_object_set_purge(object, VM_PURGE_EMPTY, plain, &former),
                     KERN_INVALID_ARGUMENT);
    vm_object_allow_purge(object);
    store(at, 1);
    store(at + PAGE_SIZE, 2);
    assert_int_equal(vm_map_wire(map, at, 1, 0, &page), KERN_SUCCESS);
    vm_object_set_purge(object, VM_PURGE_VOLATILE, plain, &former);
    assert_int_equal(vm_purge_reclaim(10), 1);
    assert_int_equal(load(at), 1);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    vm_object_set_purge(object, VM_PURGE_NONVOLATILE, plain, &former);
    assert_int_equal(former, VM_PURGE_EMPTY);
    store(at + PAGE_SIZE, 3);
    vm_object_set_purge(object, VM_PURGE_VOLATILE, plain, &former);
    vm_object_set_purge(object, VM_PURGE_NONVOLATILE, plain, &former);
    assert_int_equal(former, VM_PURGE_VOLATILE);
    assert_int_equal(load(at + PAGE_SIZE), 3);
    vm_unwire(&page, 1);
    vm_object_release(object);
}

static enum vm_purge_state set_purge(struct vm_object *object, enum vm_purge_state to,
                                     struct vm_purge_order order)
{
    enum vm_purge_state former;

    assert_int_equal(vm_object_set_purge(object, to, order, &former), KERN_SUCCESS);
    return former;
}

/* What a device has is not lost, and nobody is told so. */
static void what_is_pinned_stays_volatile(void **state)
{
    struct vm_object *object = volatile_object(1, plain);
    paddr_t page;

    (void)state;
    assert_true(vm_object_resident(object, 0, &page));
    assert_int_equal(page_pin(page), KERN_SUCCESS);
    assert_int_equal(vm_purge_reclaim(1), 0);
    assert_int_equal(vm_object_get_purge(object), VM_PURGE_VOLATILE);
    assert_int_equal(page_unpin(page), KERN_SUCCESS);
    assert_int_equal(vm_purge_reclaim(1), 1);
    assert_int_equal(vm_object_get_purge(object), VM_PURGE_EMPTY);
    vm_object_release(object);
}

static void expect_purge(struct vm_object *const objects[4], enum vm_purge_state first,
                         enum vm_purge_state second, enum vm_purge_state third,
                         enum vm_purge_state fourth)
{
    const enum vm_purge_state states[4] = {first, second, third, fourth};

    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vm_object_get_purge(objects[i]), states[i]);
    }
}

/* From the middle, the end and the start of its rank: the others keep their order. */
static void objects_leave_the_queue_from_anywhere(void **state)
{
    const enum vm_purge_state volatil = VM_PURGE_VOLATILE, kept = VM_PURGE_NONVOLATILE;
    const enum vm_purge_state empty = VM_PURGE_EMPTY;
    struct vm_object *objects[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        objects[i] = volatile_object(1, plain);
    }
    assert_int_equal(set_purge(objects[1], kept, plain), volatil);
    assert_int_equal(set_purge(objects[3], kept, plain), volatil);
    expect_purge(objects, volatil, kept, volatil, kept);
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect_purge(objects, empty, kept, volatil, kept);
    set_purge(objects[1], volatil, plain);
    set_purge(objects[3], volatil, plain);
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect_purge(objects, empty, volatil, empty, volatil);
    set_purge(objects[1], kept, plain);
    assert_int_equal(vm_purge_reclaim(5), 1);
    expect_purge(objects, empty, kept, empty, empty);
    assert_int_equal(vm_purge_reclaim(1), 0);
    /* Its owner is to learn that it has lost its contents. */
    assert_int_equal(set_purge(objects[0], volatil, plain), empty);
    assert_int_equal(vm_object_get_purge(objects[0]), empty);
    assert_int_equal(set_purge(objects[0], kept, plain), empty);
    assert_int_equal(vm_object_get_purge(objects[0]), kept);
    for (unsigned i = 0; i < 4; i++) {
        vm_object_release(objects[i]);
    }
    /* Those that were put in front stay, whichever was behind them. */
    objects[0] = volatile_object(1, plain);
    for (unsigned i = 1; i < 4; i++) {
        objects[i] = volatile_object(1, (struct vm_purge_order){.lifo = true});
    }
    assert_int_equal(set_purge(objects[2], kept, plain), volatil);
    assert_int_equal(set_purge(objects[0], kept, plain), volatil);
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect_purge(objects, kept, volatil, kept, empty);
    assert_int_equal(vm_purge_reclaim(1), 1);
    expect_purge(objects, kept, empty, kept, empty);
    assert_int_equal(vm_purge_reclaim(1), 0);
    for (unsigned i = 0; i < 4; i++) {
        vm_object_release(objects[i]);
    }
}

/* A whole object goes, and no other for what is more than was asked for. */
static void no_rank_pays_for_another(void **state)
{
    struct vm_object *soon = object_of(3), *late = volatile_object(1, plain), *later;
    const vaddr_t at = enter(soon, 3, RW);

    (void)state;
    vm_object_allow_purge(soon);
    for (unsigned i = 0; i < 3; i++) {
        store(at + i * PAGE_SIZE, 1);
    }
    set_purge(soon, VM_PURGE_VOLATILE, (struct vm_purge_order){.obsolete = true});
    assert_int_equal(vm_purge_reclaim(1), 3);
    assert_int_equal(vm_object_get_purge(late), VM_PURGE_VOLATILE);
    vm_object_release(soon);
    /* What one rank has given the next is not asked for. */
    soon = volatile_object(1, (struct vm_purge_order){.obsolete = true});
    later = volatile_object(1, plain);
    assert_int_equal(vm_purge_reclaim(2), 2);
    assert_int_equal(vm_object_get_purge(soon), VM_PURGE_EMPTY);
    assert_int_equal(vm_object_get_purge(late), VM_PURGE_EMPTY);
    assert_int_equal(vm_object_get_purge(later), VM_PURGE_VOLATILE);
    vm_object_release(soon);
    vm_object_release(late);
    vm_object_release(later);
}

/* Only its owner empties what keeps its pages: they stay, and the contents go. */
static void permanent_pages_are_emptied_in_place(void **state)
{
    const struct vm_object_layout row = {.contiguous = true};
    struct vm_object *object = object_of(2);
    const vaddr_t at = enter(object, 2, RW);
    paddr_t before, after;

    (void)state;
    assert_int_equal(vm_object_populate(object, &row), KERN_SUCCESS);
    vm_object_allow_purge(object);
    store(at + PAGE_SIZE, 5);
    assert_true(vm_object_resident(object, 1, &before));
    set_purge(object, VM_PURGE_VOLATILE, plain);
    assert_int_equal(vm_purge_reclaim(5), 0);
    assert_int_equal(vm_object_get_purge(object), VM_PURGE_VOLATILE);
    assert_int_equal(load(at + PAGE_SIZE), 5);
    set_purge(object, VM_PURGE_EMPTY, plain);
    assert_true(vm_object_resident(object, 1, &after));
    assert_int_equal(after.value, before.value);
    assert_int_equal(load(at + PAGE_SIZE), 0);
    vm_object_release(object);
}

/* Whoever wants to be told of a forgotten use has no entries left; all others keep theirs. */
static void only_the_option_makes_accesses_fault(void **state)
{
    struct vm_object *object = object_of(1);
    const vaddr_t at = enter(object, 1, RW);
    struct mmu_translation view;

    (void)state;
    vm_object_allow_purge(object);
    store(at, 1);
    set_purge(object, VM_PURGE_VOLATILE, plain);
    assert_true(mmu_translate(map->space, at, &view));
    assert_false(vm_object_blocks_access(object));
    set_purge(object, VM_PURGE_VOLATILE, (struct vm_purge_order){.fault = true});
    assert_false(mmu_translate(map->space, at, &view));
    assert_true(vm_object_blocks_access(object));
    assert_int_not_equal(vm_fault(map, at, MMU_READ), KERN_SUCCESS);
    set_purge(object, VM_PURGE_NONVOLATILE, plain);
    assert_false(vm_object_blocks_access(object));
    assert_int_equal(load(at), 1);
    vm_object_release(object);
}

/* When the page allocator runs dry it takes volatile memory by itself. */
static void shortage_reclaims_volatile_memory(void **state)
{
    struct vm_object *keep = object_of(1);
    uint64_t pages = 48 * SIM_MIB / PAGE_SIZE;
    struct vm_object *give = object_of(pages);
    vaddr_t kept = enter(keep, 1, RW);
    vaddr_t given = enter(give, pages, RW);
    enum vm_purge_state former;
    struct vm_object *want;
    vaddr_t at;

    (void)state;
    vm_object_allow_purge(give);
    store(kept, 11);
    for (uint64_t i = 0; i < pages; i++) {
        store(given + i * PAGE_SIZE, 1);
    }
    vm_object_set_purge(give, VM_PURGE_VOLATILE, plain, &former);
    want = object_of(pages);
    at = enter(want, pages, RW);
    for (uint64_t i = 0; i < pages; i++) {
        store(at + i * PAGE_SIZE, 2);
    }
    assert_int_equal(vm_object_get_purge(give), VM_PURGE_EMPTY);
    assert_int_equal(load(kept), 11);
    vm_object_release(keep);
    vm_object_release(give);
    vm_object_release(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(volatile_memory_goes_in_order),
        TEST(purging_spares_pinned_pages_and_empties_the_rest),
        TEST(what_is_pinned_stays_volatile),
        TEST(objects_leave_the_queue_from_anywhere),
        TEST(no_rank_pays_for_another),
        TEST(permanent_pages_are_emptied_in_place),
        TEST(only_the_option_makes_accesses_fault),
        TEST(shortage_reclaims_volatile_memory),
    };

    return cmocka_run_group_tests(tests, power_on, power_off);
}
