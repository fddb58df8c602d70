/* SPDX-License-Identifier: BSD-2-Clause */
/* OSArray: the check OM-11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors/OSArray.h"
#include "descriptors/OSObject_class.h"
#include "tests/host/machine/kernel_pages.h"

#define MEMBERS 100

/* An object that tells when it is freed. */
static unsigned freed;
static uint32_t probes;

static void probe_free(OSObject *self)
{
    freed++;
    OSObject_free(self);
}

OS_CLASS(OSMetaClass, Probe);
const OSMetaClass Probe_class = {"Probe", &OSObject_metaClass, sizeof(OSObject), &probes,
                                 probe_free};

static OSObject *probe(void)
{
    freed = 0;
    return OSMetaClass_allocate(&Probe_class);
}

static void om_11_an_array_retains_and_releases_its_members(void **state)
{
    OSArray *array = OSArray_withCapacity(2);
    OSObject *member = probe();

    (void)state;
    for (unsigned i = 0; i < MEMBERS; i++) {
        assert_true(OSArray_setObject(array, member));
        assert_int_equal(OSArray_getCount(array), i + 1);
        assert_int_equal(OSObject_getRetainCount(member), i + 2);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        assert_ptr_equal(OSArray_getObject(array, i), member);
    }
    assert_int_equal(OSObject_getRetainCount(member), MEMBERS + 1); /* get borrows */
    OSObject_release(member);
    assert_int_equal(freed, 0);
    OSObject_release(array);
    assert_int_equal(freed, 1);
}

static void om_11_members_keep_their_order(void **state)
{
    OSArray *array = OSArray_withCapacity(0);
    OSObject *members[MEMBERS];

    (void)state;
    for (unsigned i = 0; i < MEMBERS; i++) {
        members[i] = probe();
        assert_true(OSArray_setObject(array, members[i]));
        OSObject_release(members[i]);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        assert_ptr_equal(OSArray_getObject(array, i), members[i]);
    }
    OSObject_release(array);
    assert_int_equal(freed, MEMBERS);
}

static void om_11_reads_past_the_end_give_null(void **state)
{
    OSArray *array = OSArray_withCapacity(8);
    OSObject *member = probe();

    (void)state;
    assert_null(OSArray_getObject(array, 0));
    assert_true(OSArray_setObject(array, member));
    assert_ptr_equal(OSArray_getObject(array, 0), member);
    assert_null(OSArray_getObject(array, 1));
    assert_null(OSArray_getObject(array, 7));
    assert_null(OSArray_getObject(array, 8));
    assert_null(OSArray_getObject(array, UINT32_MAX));
    /* Full to its end: what lies behind is somebody else's. */
    for (unsigned i = 1; i < 8; i++) {
        assert_true(OSArray_setObject(array, member));
    }
    assert_null(OSArray_getObject(array, 8));
    OSObject_release(member);
    OSObject_release(array);
}

static void om_9_no_array_and_no_object_are_refused(void **state)
{
    OSArray *array = OSArray_withCapacity(1);

    (void)state;
    assert_false(OSArray_setObject(array, (OSObject *)NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_false(OSArray_setObject(NULL, array));
    assert_null(OSArray_getObject(NULL, 0));
    assert_int_equal(OSArray_getCount(NULL), 0);
    assert_int_equal(OSArray_getCount(array), 0);
    OSObject_release(array);
}

static void om_10_want_of_memory_changes_nothing(void **state)
{
    OSArray *array;

    (void)state;
    for (unsigned nth = 1; nth <= 2; nth++) {
        fail_request(nth);
        assert_null(OSArray_withCapacity(4));
        assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    }
    fail_request(0);
    array = OSArray_withCapacity(1);
    assert_true(OSArray_setObject(array, array));
    fail_request(1);
    assert_false(OSArray_setObject(array, array));
    assert_int_equal(IOMemoryLastError(), kIOReturnNoMemory);
    assert_int_equal(OSArray_getCount(array), 1);
    assert_int_equal(OSObject_getRetainCount(array), 2);
    OSObject_releaseWhen(array, 2); /* the array's own reference to itself goes with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(om_11_an_array_retains_and_releases_its_members),
        BALANCED(om_11_members_keep_their_order),
        BALANCED(om_11_reads_past_the_end_give_null),
        BALANCED(om_9_no_array_and_no_object_are_refused),
        BALANCED(om_10_want_of_memory_changes_nothing),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
