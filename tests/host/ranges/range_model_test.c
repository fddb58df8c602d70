/* SPDX-License-Identifier: BSD-2-Clause */
/* IORangeAllocator against a map of single numbers: the checks RA-1, RA-9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "descriptors/IORangeAllocator.h"
#include "tests/host/machine/kernel_pages.h"

#define NUMBERS 200
#define ROUNDS  60
#define STEPS   4000

enum number {
    NEVER_GIVEN,
    FREE,
    LIVE
};

struct allocation {
    uint64_t start, size; /* rounded */
};

static struct {
    enum number numbers[NUMBERS];
    struct allocation live[NUMBERS]; /* those of which nothing has come back */
    unsigned live_count;
    uint64_t unit; /* default alignment */
    IORangeAllocator *allocator;
    uint64_t random;
    bool failing; /* every second call finds no memory */
    bool fails_now;
    unsigned refused; /* calls that did */
} model;

static uint64_t below(uint64_t limit)
{
    return sim_random(&model.random) % limit;
}

static uint64_t rounded(uint64_t size)
{
    return (size + model.unit - 1) & ~(model.unit - 1);
}

static bool all_are(enum number what, uint64_t start, uint64_t size)
{
    for (uint64_t i = start; i < start + size; i++) {
        if (i >= NUMBERS || model.numbers[i] != what) {
            return false;
        }
    }
    return true;
}

static void set_all(enum number what, uint64_t start, uint64_t size)
{
    for (uint64_t i = start; i < start + size; i++) {
        model.numbers[i] = what;
    }
}

/* The allocator's fragments are the model's runs of free numbers, in order: I1, I2, I4 as well. */
static void compare(void)
{
    uint64_t total = 0;
    UInt32 index = 0;
    IORangeScalar start, end;

    for (uint64_t i = 0; i < NUMBERS; i++) {
        const uint64_t first = i;

        if (model.numbers[i] != FREE) {
            continue;
        }
        while (i + 1 < NUMBERS && model.numbers[i + 1] == FREE) {
            i++;
        }
        assert_true(IORangeAllocator_getFragment(model.allocator, index++, &start, &end));
        assert_int_equal(start, first);
        assert_int_equal(end, i);
        total += end - start + 1;
    }
    assert_false(IORangeAllocator_getFragment(model.allocator, index, &start, &end));
    assert_int_equal(IORangeAllocator_getFragmentCount(model.allocator), index);
    assert_int_equal(IORangeAllocator_getFreeCount(model.allocator), total); /* I3 */
    assert_true(IORangeAllocator_getFragmentCapacity(model.allocator) >= index + model.live_count);
}

static void arm(void)
{
    model.fails_now = model.failing && below(2) == 0;
    fail_request(model.fails_now ? 1 : 0);
}

/* Whether a call that should have succeeded was refused for want of memory, as it may be now. */
static bool was_refused(IOReturn status)
{
    if (status != kIOReturnNoMemory) {
        return false;
    }
    assert_true(model.fails_now);
    model.refused++;
    return true;
}

static void remember(uint64_t start, uint64_t size)
{
    set_all(LIVE, start, size);
    model.live[model.live_count++] = (struct allocation){start, size};
}

static void step_allocate(void)
{
    const uint64_t size = 1 + below(below(8) == 0 ? NUMBERS : 24);
    const uint64_t alignment = below(2) == 0 ? 0 : 1ull << below(7);
    const uint64_t step = alignment != 0 ? alignment : model.unit;
    uint64_t expected = 0;
    IORangeScalar result = UINT64_MAX;
    bool done;

    while (expected < NUMBERS && !all_are(FREE, expected, rounded(size))) {
        expected += step;
    }
    arm();
    done = IORangeAllocator_allocate(model.allocator, size, &result, alignment);
    if (done) {
        assert_int_equal(result, expected);
        remember(result, rounded(size));
    } else if (expected < NUMBERS) {
        assert_true(was_refused(IOMemoryLastError()));
        assert_int_equal(result, UINT64_MAX);
    } else {
        assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
    }
}

static void step_allocate_range(void)
{
    const uint64_t start = below(NUMBERS);
    const uint64_t size = 1 + below(24);
    const bool fits = all_are(FREE, start, rounded(size));

    arm();
    if (IORangeAllocator_allocateRange(model.allocator, start, size)) {
        assert_true(fits);
        remember(start, rounded(size));
    } else if (fits) {
        assert_true(was_refused(IOMemoryLastError()));
    } else {
        assert_int_equal(IOMemoryLastError(), kIOReturnNoSpace);
    }
}

/* [start, start + size) is free again: an allocation that loses a part is none any more. */
static void forget(uint64_t start, uint64_t size)
{
    set_all(FREE, start, size);
    for (unsigned i = 0; i < model.live_count;) {
        const struct allocation *live = &model.live[i];

        if (live->start < start + size && start < live->start + live->size) {
            model.live[i] = model.live[--model.live_count];
        } else {
            i++;
        }
    }
}

/* `whole`: this is an allocation of model.live, so memory is not needed. */
static void give_back(uint64_t start, uint64_t size, bool whole)
{
    const bool overlaps = !all_are(LIVE, start, rounded(size));
    IOReturn status;

    arm();
    status = IORangeAllocator_deallocate(model.allocator, start, size);
    if (overlaps) {
        assert_int_equal(status, kIOReturnBadArgument);
    } else if (status == kIOReturnSuccess) {
        forget(start, rounded(size));
    } else {
        assert_true(was_refused(status));
        assert_false(whole);
    }
}

static void step_return_whole(void)
{
    if (model.live_count != 0) {
        const struct allocation live = model.live[below(model.live_count)];

        give_back(live.start, live.size, true);
    }
}

/* A part of an allocation, or a range across several, or nonsense. */
static void step_return_part(void)
{
    const uint64_t start = below(NUMBERS);
    const uint64_t size = 1 + below(below(4) == 0 ? 40 : 6);

    bool some_free = false;

    for (uint64_t i = start; i < start + rounded(size); i++) {
        some_free |= i < NUMBERS && model.numbers[i] == FREE;
    }
    if (some_free || all_are(LIVE, start, rounded(size))) {
        give_back(start, size, false);
    }
}

static void run_round(uint64_t seed)
{
    const uint64_t last = NUMBERS - 1 - below(20);

    model.random = seed;
    model.unit = 1ull << below(5);
    model.live_count = 0;
    memset(model.numbers, 0, sizeof(model.numbers));
    model.allocator =
        IORangeAllocator_withRange(last, model.unit, (UInt32)below(4), IORangeAllocator_kLocking);
    assert_non_null(model.allocator);
    set_all(FREE, 0, (last + 1) & ~(model.unit - 1));
    compare();
    sim_console_set_quiet(true); /* refused calls log */
    for (unsigned step = 0; step < STEPS; step++) {
        static void (*const steps[])(void) = {step_allocate,       step_allocate,
                                              step_allocate_range, step_return_whole,
                                              step_return_whole,   step_return_part};

        steps[below(6)]();
        compare();
    }
    fail_request(0);
    OSObject_release(model.allocator);
    sim_console_set_quiet(false);
}

static void ra_1_random_calls_agree_with_a_map_of_numbers(void **state)
{
    (void)state;
    model.failing = false;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        run_round(seed);
    }
    assert_int_equal(model.refused, 0);
}

static void ra_9_want_of_memory_at_any_moment_loses_nothing(void **state)
{
    (void)state;
    model.failing = true;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        run_round(seed);
    }
    print_message("# %u calls were refused for want of memory\n", model.refused);
    assert_true(model.refused > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(ra_1_random_calls_agree_with_a_map_of_numbers),
        BALANCED(ra_9_want_of_memory_at_any_moment_loses_nothing),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
