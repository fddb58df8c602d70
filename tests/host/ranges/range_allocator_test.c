/* SPDX-License-Identifier: BSD-2-Clause */
/* IORangeAllocator, case by case: the checks RA-2 to RA-13. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IORangeAllocator.h"
#include "kernel/allocation.h"
#include "tests/host/machine/kernel_pages.h"

#define TOP UINT64_MAX

static IORangeAllocator *over(IORangeScalar end, IORangeScalar alignment)
{
    IORangeAllocator *self = IORangeAllocator_withRange(end, alignment, 0, 0);

    assert_non_null(self);
    return self;
}

static IORangeScalar take(IORangeAllocator *self, IORangeScalar size, IORangeScalar alignment)
{
    IORangeScalar start;

    assert_true(IORangeAllocator_allocate(self, size, &start, alignment));
    return start;
}

static void give(IORangeAllocator *self, IORangeScalar start, IORangeScalar size)
{
    assert_int_equal(IORangeAllocator_deallocate(self, start, size), kIOReturnSuccess);
}

/* The free list is exactly these start, end pairs. */
static void expect(IORangeAllocator *self, UInt32 count, const IORangeScalar (*fragments)[2])
{
    IORangeScalar start, end;

    assert_int_equal(IORangeAllocator_getFragmentCount(self), count);
    for (UInt32 i = 0; i < count; i++) {
        assert_true(IORangeAllocator_getFragment(self, i, &start, &end));
        assert_int_equal(start, fragments[i][0]);
        assert_int_equal(end, fragments[i][1]);
    }
    assert_false(IORangeAllocator_getFragment(self, count, &start, &end));
}

#define EXPECT(self, ...)                                                                          \
    expect(self, sizeof((IORangeScalar[][2]){__VA_ARGS__}) / 16,                                   \
           (const IORangeScalar[][2]){__VA_ARGS__})

#define REFUSED(call, reason)                                                                      \
    do {                                                                                           \
        assert_false(call);                                                                        \
        assert_int_equal(IOMemoryLastError(), reason);                                             \
    } while (0)

static void ra_2_starts_are_aligned_and_sizes_rounded(void **state)
{
    IORangeAllocator *self = over(0xffff, 16);
    IORangeScalar start;

    (void)state;
    assert_int_equal(take(self, 1, 0), 0);
    assert_int_equal(IORangeAllocator_getFreeCount(self), 0x10000 - 16);
    assert_int_equal(take(self, 17, 0x1000), 0x1000);
    assert_int_equal(IORangeAllocator_getFreeCount(self), 0x10000 - 48);
    give(self, 0x1000, 17);
    give(self, 0, 1);
    EXPECT(self, {0, 0xffff});
    assert_true(IORangeAllocator_allocateRange(self, 3, 1)); /* starts need no alignment */
    EXPECT(self, {0, 2}, {19, 0xffff});
    assert_int_equal(take(self, 16, 1), 19); /* less than the default is obeyed as well */
    assert_int_equal(take(self, 16, 0), 48);
    give(self, 48, 16);
    give(self, 19, 16);
    give(self, 3, 16);
    EXPECT(self, {0, 0xffff});
    REFUSED(IORangeAllocator_allocate(self, 1, &start, 3), kIOReturnBadArgument);
    OSObject_release(self);
    assert_null(IORangeAllocator_withRange(99, 3, 0, 0));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

/* Free k allocations of sizes 1 to k in the order that `code` stands for. */
static void free_in_order(unsigned k, unsigned code)
{
    IORangeAllocator *self = over(99, 0);
    IORangeScalar starts[6];
    unsigned left = k;
    unsigned order[6];

    for (unsigned i = 0; i < k; i++) {
        starts[i] = take(self, i + 1, 0);
        order[i] = i;
    }
    for (; left > 0; code /= left, left--) {
        const unsigned pick = code % left;

        give(self, starts[order[pick]], order[pick] + 1);
        order[pick] = order[left - 1];
    }
    EXPECT(self, {0, 99});
    OSObject_release(self);
}

static void ra_3_every_order_of_freeing_ends_with_one_fragment(void **state)
{
    unsigned orders = 1;

    (void)state;
    for (unsigned k = 1; k <= 6; k++) {
        orders *= k;
        for (unsigned code = 0; code < orders; code++) {
            free_in_order(k, code);
        }
    }
}

static void ra_4_the_fragment_count_follows_the_neighbours(void **state)
{
    IORangeAllocator *self = over(99, 0);

    (void)state;
    assert_true(IORangeAllocator_allocateRange(self, 40, 20)); /* the middle: one more */
    EXPECT(self, {0, 39}, {60, 99});
    assert_true(IORangeAllocator_allocateRange(self, 0, 10)); /* an end: as many */
    EXPECT(self, {10, 39}, {60, 99});
    assert_true(IORangeAllocator_allocateRange(self, 90, 10));
    EXPECT(self, {10, 39}, {60, 89});
    assert_true(IORangeAllocator_allocateRange(self, 10, 30)); /* all of it: one less */
    EXPECT(self, {60, 89});
    give(self, 5, 1); /* no neighbour: one more */
    EXPECT(self, {5, 5}, {60, 89});
    give(self, 4, 1); /* one neighbour: as many */
    give(self, 6, 1);
    EXPECT(self, {4, 6}, {60, 89});
    give(self, 7, 53); /* two neighbours: one less */
    EXPECT(self, {4, 89});
    OSObject_release(self);
}

static void ra_5_an_unaligned_tail_is_never_handed_out(void **state)
{
    IORangeAllocator *self = over(99, 16);
    IORangeScalar start;

    (void)state;
    assert_int_equal(IORangeAllocator_getFreeCount(self), 96);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(take(self, 16, 0), 16 * i);
    }
    REFUSED(IORangeAllocator_allocate(self, 1, &start, 1), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocateRange(self, 96, 1), kIOReturnNoSpace);
    OSObject_release(self);
    self = over(14, 16); /* nothing but tail */
    assert_int_equal(IORangeAllocator_getFragmentCount(self), 0);
    OSObject_release(self);
    self = over(15, 16);
    EXPECT(self, {0, 15});
    OSObject_release(self);
}

static void ra_6_an_empty_allocator_is_filled_by_deallocate(void **state)
{
    IORangeAllocator *self = over(0, 0);
    IORangeScalar start;

    (void)state;
    assert_int_equal(IORangeAllocator_getFragmentCount(self), 0);
    assert_int_equal(IORangeAllocator_getFreeCount(self), 0);
    assert_true(IORangeAllocator_getFragmentCapacity(self) >= 1);
    REFUSED(IORangeAllocator_allocate(self, 1, &start, 0), kIOReturnNoSpace);
    give(self, 0, 1);
    EXPECT(self, {0, 0});
    assert_int_equal(take(self, 1, 0), 0);
    give(self, 0, 1);
    give(self, 100, 50);
    EXPECT(self, {0, 0}, {100, 149});
    OSObject_release(self);
}

static void ra_7_nothing_wraps_at_the_top(void **state)
{
    IORangeAllocator *self = over(0, 16);
    IORangeScalar start = 1;

    (void)state;
    give(self, TOP - 31, 32);
    EXPECT(self, {TOP - 31, TOP});
    REFUSED(IORangeAllocator_allocate(self, TOP, &start, 0), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocate(self, TOP - 14, &start, 1), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocate(self, 33, &start, 0), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocate(self, 16, &start, 1ull << 63), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocateRange(self, TOP, 1), kIOReturnNoSpace);
    REFUSED(IORangeAllocator_allocateRange(self, TOP - 14, 16), kIOReturnNoSpace);
    assert_int_equal(start, 1);
    EXPECT(self, {TOP - 31, TOP});
    assert_int_equal(take(self, 16, 32), TOP - 31);
    assert_int_equal(take(self, 16, 0), TOP - 15);
    assert_int_equal(IORangeAllocator_deallocate(self, TOP - 15, 17), kIOReturnBadArgument);
    assert_int_equal(IORangeAllocator_deallocate(self, TOP, 1), kIOReturnBadArgument);
    assert_int_equal(IORangeAllocator_deallocate(self, 0, TOP), kIOReturnBadArgument);
    assert_int_equal(IORangeAllocator_getFragmentCount(self), 0);
    give(self, TOP - 15, 16);
    give(self, TOP - 31, 16);
    EXPECT(self, {TOP - 31, TOP});
    OSObject_release(self);
}

static void ra_8_wrong_frees_are_refused_and_logged(void **state)
{
    static const IORangeScalar wrong[][2] = {{10, 10}, {5, 10},  {15, 10}, {0, 100},
                                             {25, 30}, {12, 1},  {39, 2},  {29, 2},
                                             {0, 11},  {59, 41}, {45, 16}};
    IORangeAllocator *self = over(0, 0);
    uint64_t said;

    (void)state;
    give(self, 10, 10);
    give(self, 30, 10);
    give(self, 60, 10);
    said = sim_console_lines();
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(IORangeAllocator_deallocate(self, wrong[i][0], wrong[i][1]),
                         kIOReturnBadArgument);
        EXPECT(self, {10, 19}, {30, 39}, {60, 69});
    }
    assert_int_equal(sim_console_lines(), said + sizeof(wrong) / sizeof(wrong[0]));
    assert_int_equal(IORangeAllocator_deallocate(self, 0, 0), kIOReturnBadArgument);
    EXPECT(self, {10, 19}, {30, 39}, {60, 69});
    OSObject_release(self);
}

static void bad_arguments_change_nothing(void **state)
{
    IORangeAllocator *self = over(99, 0);
    IORangeScalar start = 7, end;

    (void)state;
    REFUSED(IORangeAllocator_allocate(self, 0, &start, 0), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_allocate(self, 1, NULL, 0), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_allocate(NULL, 1, &start, 0), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_allocateRange(self, 0, 0), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_allocateRange(NULL, 0, 1), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_init(self, 9, 0, 0, 0), kIOReturnNotPermitted);
    REFUSED(IORangeAllocator_init(NULL, 9, 0, 0, 0), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_getFragment(self, 0, NULL, &end), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_getFragment(self, 0, &start, NULL), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_getFragment(NULL, 0, &start, &end), kIOReturnBadArgument);
    REFUSED(IORangeAllocator_serialize(self, NULL), kIOReturnUnsupported);
    assert_int_equal(IORangeAllocator_deallocate(NULL, 0, 1), kIOReturnBadArgument);
    assert_int_equal(IORangeAllocator_getFragmentCount(NULL), 0);
    assert_int_equal(IORangeAllocator_getFragmentCapacity(NULL), 0);
    assert_int_equal(IORangeAllocator_getFreeCount(NULL), 0);
    IORangeAllocator_setFragmentCapacityIncrement(NULL, 1);
    IORangeAllocator_free(NULL);
    assert_int_equal(start, 7);
    EXPECT(self, {0, 99});
    assert_ptr_equal(IORangeAllocator_getMetaClass(self), &IORangeAllocator_metaClass);
    assert_null(IORangeAllocator_withRange(9, 0, 0, 2));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    OSObject_release(self);
}

static void om_10_creation_fails_cleanly(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        fail_request(nth);
        assert_null(IORangeAllocator_withRange(9, 0, 0, 0));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    }
    fail_request(0);
    assert_null(IORangeAllocator_withRange(9, 0, UINT32_MAX, 0)); /* 64 GiB of list */
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
}

static void ra_9_growth_that_finds_no_memory_changes_nothing(void **state)
{
    IORangeAllocator *self = over(99, 0);
    IORangeScalar start = TOP;

    (void)state;
    fail_request(1);
    REFUSED(IORangeAllocator_allocate(self, 10, &start, 0), kIOReturnNoMemory);
    fail_request(1);
    REFUSED(IORangeAllocator_allocateRange(self, 50, 10), kIOReturnNoMemory);
    assert_int_equal(start, TOP);
    EXPECT(self, {0, 99});
    assert_int_equal(take(self, 100, 0), 0); /* all of it: needs no room */
    give(self, 20, 10);                      /* a part: does */
    fail_request(1);
    assert_int_equal(IORangeAllocator_deallocate(self, 40, 10), kIOReturnNoMemory);
    EXPECT(self, {20, 29});
    fail_request(0);
    give(self, 40, 10);
    EXPECT(self, {20, 29}, {40, 49});
    OSObject_release(self);
}

static void ra_10_without_an_increment_the_list_does_not_grow(void **state)
{
    IORangeAllocator *self = IORangeAllocator_withRange(99, 0, 4, 0);
    IORangeScalar start;

    (void)state;
    IORangeAllocator_setFragmentCapacityIncrement(self, 0);
    for (unsigned i = 0; i < 3; i++) { /* three live, one fragment: full */
        assert_int_equal(take(self, 1, 0), i);
    }
    REFUSED(IORangeAllocator_allocate(self, 1, &start, 0), kIOReturnNoMemory);
    REFUSED(IORangeAllocator_allocateRange(self, 50, 10), kIOReturnNoMemory);
    EXPECT(self, {3, 99});
    assert_int_equal(IORangeAllocator_getFragmentCapacity(self), 4);
    assert_int_equal(IORangeAllocator_deallocate(self, 500, 1), kIOReturnNoMemory);
    give(self, 1, 1);
    assert_int_equal(IORangeAllocator_deallocate(self, 500, 1), kIOReturnNoMemory);
    IORangeAllocator_setFragmentCapacityIncrement(self, 3);
    give(self, 500, 1);
    assert_int_equal(IORangeAllocator_getFragmentCapacity(self), 7);
    EXPECT(self, {1, 1}, {3, 99}, {500, 500});
    OSObject_release(self);
    /* What ends where an allocation does leaves one behind, not two. */
    self = IORangeAllocator_withRange(99, 0, 4, 0);
    IORangeAllocator_setFragmentCapacityIncrement(self, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(take(self, 10, 0), 10 * i);
    }
    assert_int_equal(IORangeAllocator_deallocate(self, 15, 5), kIOReturnNoMemory);
    assert_int_equal(IORangeAllocator_deallocate(self, 25, 3), kIOReturnNoMemory);
    EXPECT(self, {30, 99});
    give(self, 25, 5);
    give(self, 0, 10);
    EXPECT(self, {0, 9}, {25, 99});
    OSObject_release(self);
    /* No step more than it takes. */
    self = IORangeAllocator_withRange(99, 0, 4, 0);
    IORangeAllocator_setFragmentCapacityIncrement(self, 1);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(take(self, 1, 0), i);
    }
    assert_int_equal(IORangeAllocator_getFragmentCapacity(self), 5);
    OSObject_release(self);
}

/* A handler's call never allocates memory; what needs none works there. */
static unsigned masked_when_told;

static void note_mask(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
    masked_when_told = sim_irq_masked;
}

/* How often interrupts are masked while it grows, by the heap's call in the middle of it. */
static unsigned masked_in_it(IOOptionBits options)
{
    IORangeAllocator *self = IORangeAllocator_withRange(99, 0, 1, options);

    assert_non_null(self);
    allocation_set_hook(note_mask);
    masked_when_told = 99;
    take(self, 1, 0);
    allocation_set_hook(NULL);
    assert_int_equal(sim_irq_masked, 0);
    give(self, 0, 1);
    OSObject_release(self);
    return masked_when_told;
}

static void who_asks_for_a_lock_has_one(void **state)
{
    (void)state;
    assert_int_equal(masked_in_it(IORangeAllocator_kLocking), masked_in_it(0) + 1);
}

/* The range that is given back is no allocation any more, and nobody is said to have it. */
static void nothing_is_out_at_the_end(void **state)
{
    IORangeAllocator *self = over(99, 0);
    const unsigned said = sim_console_lines();

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(IORangeAllocator_allocateRange(self, 10, 20));
        assert_true(IORangeAllocator_allocateRange(self, 30, 20));
        give(self, 10, 10);
        give(self, 20, 30);
    }
    assert_in_range(IORangeAllocator_getFragmentCapacity(self), 1, 8);
    OSObject_release(self);
    IORangeAllocator_free(NULL);
    assert_int_equal(sim_console_lines(), said);
    /* Two that touch lose what lies over their border, and then the rest. */
    self = over(99, 0);
    assert_true(IORangeAllocator_allocateRange(self, 10, 10));
    assert_true(IORangeAllocator_allocateRange(self, 20, 10));
    give(self, 15, 6);
    give(self, 10, 5);
    give(self, 21, 9);
    EXPECT(self, {0, 99});
    IORangeAllocator_free(self);
    assert_int_equal(sim_console_lines(), said);
}

/* What is left of one that lost its upper half is still somebody's. */
static void what_is_out_is_said(void **state)
{
    IORangeAllocator *self = over(99, 0);

    (void)state;
    assert_true(IORangeAllocator_allocateRange(self, 10, 20));
    give(self, 20, 10);
    REFUSED(IORangeAllocator_allocateRange(self, 0, 200), kIOReturnNoSpace);
    sim_console_forget();
    assert_int_equal(IORangeAllocator_deallocate(self, 15, 6), kIOReturnBadArgument);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_true(sim_console_said("of [0xf, 0x14], to be freed, some is free"));
    sim_console_forget();
    OSObject_release(self);
    assert_true(sim_console_said("freed with 1 allocations out"));
}

static void handlers_do_not_grow_the_list(void **state)
{
    IORangeAllocator *self = over(99, 0);
    IORangeScalar start;

    (void)state;
    sim_in_handler = true;
    REFUSED(IORangeAllocator_allocate(self, 1, &start, 0), kIOReturnNoMemory);
    assert_int_equal(take(self, 100, 0), 0);
    give(self, 0, 100);
    sim_in_handler = false;
    OSObject_release(self);
}

static void ra_12_returning_everything_needs_no_memory(void **state)
{
    enum {
        COUNT = 500
    };
    IORangeAllocator *self = over(0xffffff, 0);
    uint64_t random = 7;
    struct {
        IORangeScalar start, size;
    } live[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        live[i].size = 1 + i % 7;
        live[i].start = take(self, live[i].size, 1ull << i % 5);
    }
    for (unsigned left = COUNT; left > 0; left--) {
        const uint64_t pick = sim_random(&random) % left;

        fail_request(1);
        give(self, live[pick].start, live[pick].size);
        live[pick] = live[left - 1];
    }
    fail_request(0);
    EXPECT(self, {0, 0xffffff});
    OSObject_release(self);
}

static void ra_13_all_64_bits_of_numbers(void **state)
{
    IORangeAllocator *self = over(TOP, 0);
    IORangeScalar start;

    (void)state;
    EXPECT(self, {0, TOP});
    assert_int_equal(IORangeAllocator_getFreeCount(self), TOP);
    assert_int_equal(take(self, 1, 0), 0);
    assert_int_equal(IORangeAllocator_getFreeCount(self), TOP);
    assert_true(IORangeAllocator_allocateRange(self, TOP, 1));
    assert_int_equal(IORangeAllocator_getFreeCount(self), TOP - 1);
    EXPECT(self, {1, TOP - 1});
    REFUSED(IORangeAllocator_allocate(self, TOP, &start, 0), kIOReturnNoSpace);
    assert_int_equal(take(self, TOP - 1, 0), 1);
    assert_int_equal(IORangeAllocator_getFreeCount(self), 0);
    give(self, 1, TOP - 1);
    give(self, TOP, 1);
    give(self, 0, 1);
    EXPECT(self, {0, TOP});
    OSObject_release(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(ra_2_starts_are_aligned_and_sizes_rounded),
        BALANCED(ra_3_every_order_of_freeing_ends_with_one_fragment),
        BALANCED(ra_4_the_fragment_count_follows_the_neighbours),
        BALANCED(ra_5_an_unaligned_tail_is_never_handed_out),
        BALANCED(ra_6_an_empty_allocator_is_filled_by_deallocate),
        BALANCED(ra_7_nothing_wraps_at_the_top),
        BALANCED(ra_8_wrong_frees_are_refused_and_logged),
        BALANCED(bad_arguments_change_nothing),
        BALANCED(om_10_creation_fails_cleanly),
        BALANCED(ra_9_growth_that_finds_no_memory_changes_nothing),
        BALANCED(ra_10_without_an_increment_the_list_does_not_grow),
        BALANCED(who_asks_for_a_lock_has_one),
        BALANCED(nothing_is_out_at_the_end),
        BALANCED(what_is_out_is_said),
        BALANCED(handlers_do_not_grow_the_list),
        BALANCED(ra_12_returning_everything_needs_no_memory),
        BALANCED(ra_13_all_64_bits_of_numbers),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
