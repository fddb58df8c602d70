/* SPDX-License-Identifier: BSD-2-Clause */
/* Two threads that meet at one object, at every instruction where they can. */
#include "descriptors/OSArray.h"
#include "tests/host/machine/map_fixture.h"
#include "tests/host/sim/sim_preempt.h"

static IOMemoryDescriptor *memory;

/*
 * The second of the two in the middle of the first: at every instruction of the beginning, and
 * then in steps that are `dense` times smaller than the way so far.
 */
static void meet(bool (*scene)(void (*first)(void), void (*second)(void), uint64_t nth),
                 void (*first)(void), void (*second)(void), uint64_t dense)
{
    for (uint64_t nth = 0; scene(first, second, nth); nth += 1 + nth / dense) {
    }
}

/* Contexts ------------------------------------------------------------------ */

static OSArray *fresh;
static OSObject *copied;

static void copy(void)
{
    copied = IOMemoryDescriptor_copyContext(memory);
}

static void replace(void)
{
    IOMemoryDescriptor_setContext(memory, fresh);
}

/* Of the one that is replaced, the descriptor has the only reference. */
static bool copy_while_it_is_replaced(void (*first)(void), void (*second)(void), uint64_t nth)
{
    OSArray *const former = OSArray_withCapacity(1);
    bool met;

    fresh = OSArray_withCapacity(1);
    IOMemoryDescriptor_setContext(memory, former);
    OSObject_release(former);
    copied = NULL;
    met = sim_preempt(first, second, nth);
    if (!met) {
        second();
    }
    assert_true(copied == (OSObject *)former || copied == (OSObject *)fresh);
    /* The array itself, the descriptor's reference, and the copy's. */
    assert_int_equal(OSObject_getRetainCount(copied), copied == (OSObject *)fresh ? 3 : 1);
    OSObject_release(copied);
    assert_int_equal(OSObject_getRetainCount(fresh), 2);
    OSObject_release(fresh);
    IOMemoryDescriptor_setContext(memory, (OSObject *)NULL);
    return met;
}

static void a_context_is_copied_while_it_is_replaced(void **state)
{
    (void)state;
    memory = describe(new_pages(owner, 1, RW), PAGE_SIZE, 3, owner);
    meet(copy_while_it_is_replaced, copy, replace, 200);
    meet(copy_while_it_is_replaced, replace, copy, 4);
    OSObject_release(memory);
}

/* Maps ---------------------------------------------------------------------- */

static IOMemoryMap *map, *answer;
static uint64_t asked_at, asked_for;

static void request(void)
{
    answer = IOMemoryDescriptor_createMappingInTask(memory, other, 0, kIOMapAnywhere, asked_at,
                                                    asked_for);
}

static void release(void)
{
    OSObject_release(map);
}

/* Whoever comes first: the answer is a map, and nobody else's end takes it away. */
static bool request_while_it_is_released(void (*first)(void), void (*second)(void), uint64_t nth)
{
    bool met;

    map = map_all(memory, other, 0);
    answer = NULL;
    met = sim_preempt(first, second, nth);
    if (!met) {
        second();
    }
    assert_non_null(answer);
    assert_int_equal(OSObject_getRetainCount(answer), 1);
    assert_int_equal(load(other, IOMemoryMap_getAddress(answer)), 5 + asked_at);
    OSObject_release(answer);
    assert_null(memory->mappings);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    return met;
}

static void mm_9_a_map_is_released_while_it_is_handed_out(void **state)
{
    const uint64_t at = new_pages(owner, 2, RW);

    (void)state;
    memory = describe(at, ptoa(2), 3, owner);
    store(owner, at, 5);
    store(owner, at + 1, 6);
    asked_at = 0;
    asked_for = ptoa(2); /* the same one */
    meet(request_while_it_is_released, request, release, 3);
    meet(request_while_it_is_released, release, request, 8);
    asked_at = 1;
    asked_for = 100; /* borrows */
    meet(request_while_it_is_released, request, release, 3);
    meet(request_while_it_is_released, release, request, 8);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_context_is_copied_while_it_is_replaced),
        MAP_TEST(mm_9_a_map_is_released_while_it_is_handed_out),
    };

    return cmocka_run_group_tests(tests, map_power_on, map_power_off);
}
