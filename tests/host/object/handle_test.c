/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles alone: numbers that stand for objects, and for no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "descriptors/IOMemoryMap.h"
#include "descriptors/OSArray.h"
#include "descriptors/driverkit/IOHandleTable.h"
#include "kernel/inject.h"
#include "tests/host/machine/sim_machine.h"

#define MANY 100000

static struct IOHandleTable table;
static OSObject *objects[MANY];
static uint64_t handles[MANY];

static int start(void **state)
{
    (void)state;
    sim_machine_start(64 * SIM_MIB);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sim_machine_stop();
    return 0;
}

static OSObject *new_object(void)
{
    OSArray *array = OSArray_withCapacity(0);

    assert_non_null(array);
    return (OSObject *)array;
}

static uint64_t add(OSObject *object)
{
    uint64_t handle;

    assert_int_equal(IOHandleTable_add(&table, object, MANY, &handle), kIOReturnSuccess);
    return handle;
}

static void expect_closed(uint64_t handle)
{
    OSObject *object = (OSObject *)1;

    assert_null(IOHandleTable_copy(&table, handle));
    assert_int_equal(IOHandleTable_retain(&table, handle), kIOReturnBadArgument);
    assert_int_equal(IOHandleTable_release(&table, handle, &object), kIOReturnBadArgument);
    assert_null(object);
}

static void close_handle(uint64_t handle, OSObject *expected)
{
    OSObject *object;

    assert_int_equal(IOHandleTable_release(&table, handle, &object), kIOReturnSuccess);
    assert_ptr_equal(object, expected);
    OSObject_release(object);
}

/* The same object again is the same handle, and is closed as often. */
static void an_object_has_one_handle(void **state)
{
    OSObject *const object = new_object();
    const uint64_t handle = add(object);
    OSObject *same;

    (void)state;
    OSObject_retain(object);
    assert_int_equal(add(object), handle);
    assert_int_equal(OSObject_getRetainCount(object), 1);
    assert_int_equal(IOHandleTable_retain(&table, handle), kIOReturnSuccess);
    same = IOHandleTable_copy(&table, handle);
    assert_ptr_equal(same, object);
    OSObject_release(same);
    close_handle(handle, NULL);
    close_handle(handle, NULL);
    close_handle(handle, object);
    expect_closed(handle);
    assert_int_equal(table.used, 0);
}

/* A slot that is used again has another number, and in the end none. */
static void closed_handles_stay_closed(void **state)
{
    uint64_t old[100], last;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        OSObject *const object = new_object();

        old[i] = add(object);
        assert_int_not_equal(old[i], 0);
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(old[i], old[k]);
            expect_closed(old[k]);
        }
        close_handle(old[i], object);
    }
    assert_int_equal(table.fresh, 1);
    table.slots[0].generation = UINT32_MAX - 1;
    for (unsigned i = 0; i < 2; i++) {
        OSObject *const object = new_object();

        last = add(object);
        assert_int_equal(table.fresh, i + 1); /* used up: the second is another slot */
        close_handle(last, object);
    }
    expect_closed((uint64_t)UINT32_MAX << 32 | 1);
    IOHandleTable_free(&table);
}

/* None of those that are out of range, or of other generations. */
static void other_numbers_are_no_handles(void **state)
{
    OSObject *const object = new_object();
    const uint64_t handle = add(object);

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        expect_closed(handle ^ 1ull << bit);
    }
    expect_closed(0);
    expect_closed(UINT64_MAX);
    close_handle(handle, object);
}

static void the_count_of_a_handle_does_not_wrap(void **state)
{
    OSObject *const object = new_object();
    const uint64_t handle = add(object);
    uint64_t again = 7;

    (void)state;
    table.slots[(uint32_t)handle - 1].count = UINT32_MAX;
    assert_int_equal(IOHandleTable_retain(&table, handle), kIOReturnNoResources);
    assert_int_equal(IOHandleTable_add(&table, object, MANY, &again), kIOReturnNoResources);
    assert_int_equal(again, 7);
    table.slots[(uint32_t)handle - 1].count = 1;
    close_handle(handle, object);
}

/* 100,000 of them, all found, closed in another order than they were opened. */
static void many_handles_are_found_and_closed(void **state)
{
    uint64_t handle;
    OSObject *extra;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = new_object();
        handles[i] = add(objects[i]);
    }
    extra = new_object();
    assert_int_equal(IOHandleTable_add(&table, extra, MANY, &handle), kIOReturnNoResources);
    OSObject_release(extra);
    for (unsigned i = 0; i < MANY; i++) {
        OSObject *const object = IOHandleTable_copy(&table, handles[i]);

        assert_ptr_equal(object, objects[i]);
        assert_int_equal(add(object), handles[i]); /* the reference goes with it */
    }
    for (unsigned i = 0; i < MANY; i++) {
        const unsigned k = (unsigned)((uint64_t)i * 7919 % MANY);

        close_handle(handles[k], NULL);
        close_handle(handles[k], objects[k]);
    }
    assert_int_equal(table.used, 0);
    IOHandleTable_free(&table);
}

/* Closed class by class; what is not asked for stays. */
static void takeNext_closes_what_it_answers(void **state)
{
    uint32_t from = 0;
    OSObject *object;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        handles[i] = add(new_object());
    }
    assert_null(IOHandleTable_takeNext(&table, OSTypeID(IOMemoryMap), &from));
    assert_int_equal(table.used, 3);
    from = 0;
    while ((object = IOHandleTable_takeNext(&table, OSTypeID(OSArray), &from)) != NULL) {
        OSObject_release(object);
    }
    assert_int_equal(table.used, 0);
    expect_closed(handles[1]);
    IOHandleTable_free(&table);
}

/* Nothing is found where nothing was ever put, and nothing more is put where all is used up. */
static void tables_are_empty_and_full(void **state)
{
    struct IOHandleTable full = {.capacity = IOHANDLES_MOST, .fresh = IOHANDLES_MOST};
    OSObject *const object = new_object();
    uint64_t handle = 7;

    (void)state;
    expect_closed(1);
    full.buckets = calloc(full.capacity, sizeof(*full.buckets));
    full.slots = calloc(full.capacity, sizeof(*full.slots));
    assert_true(full.buckets != NULL && full.slots != NULL);
    assert_int_equal(IOHandleTable_add(&full, object, MANY, &handle), kIOReturnNoResources);
    assert_int_equal(full.used, 0);
    assert_int_equal(full.fresh, IOHANDLES_MOST);
    assert_int_equal(handle, 7);
    assert_null(IOHandleTable_copy(&full, IOHANDLES_MOST)); /* the last one, which is free */
    assert_null(IOHandleTable_copy(&full, IOHANDLES_MOST + 1));
    free(full.buckets);
    free(full.slots);
    for (unsigned nth = 1; nth < 3; nth++) { /* of the two that a table consists of */
        struct inject_report report;

        inject_begin(nth);
        assert_int_equal(IOHandleTable_add(&table, object, MANY, &handle), kIOReturnNoMemory);
        inject_end(&report);
        assert_true(report.failed);
        assert_int_equal(table.capacity, 0);
        assert_int_equal(table.fresh, 0);
        assert_int_equal(table.used, 0);
    }
    close_handle(add(object), object);
    IOHandleTable_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_has_one_handle),
        cmocka_unit_test(closed_handles_stay_closed),
        cmocka_unit_test(other_numbers_are_no_handles),
        cmocka_unit_test(the_count_of_a_handle_does_not_wrap),
        cmocka_unit_test(many_handles_are_found_and_closed),
        cmocka_unit_test(takeNext_closes_what_it_answers),
        cmocka_unit_test(tables_are_empty_and_full),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
