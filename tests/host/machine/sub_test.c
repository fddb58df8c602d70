/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows alone: their prepares, their aim, their depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/host/machine/kernel_pages.h"

static void sub_counts_its_prepares(void **state)
{
    IOMemoryDescriptor *parent = describe_pages(0, ptoa(3), kIODirectionOutIn);
    IOSubMemoryDescriptor *sub =
        IOSubMemoryDescriptor_withSubRange(parent, 10, 10, kIODirectionOut);
    IOSubMemoryDescriptor *plain = IOSubMemoryDescriptor_withSubRange(parent, 10, 10, 0);

    (void)state;
    assert_int_equal(IOSubMemoryDescriptor_complete(sub, 0), kIOReturnNotReady);
    assert_int_equal(IOSubMemoryDescriptor_prepare(sub, 0),
                     kIOReturnSuccess); /* its own direction */
    assert_int_equal(pins(), 3);        /* the whole parent */
    assert_true(IOMemoryDescriptor_getFlags(parent) & kIOMemoryPreparedReadOnly);
    assert_int_equal(IOMemoryDescriptor_writeBytes(sub, 0, "x", 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
    assert_int_equal(IOSubMemoryDescriptor_prepare(plain, 0), kIOReturnNotWritable);
    assert_int_equal(IOSubMemoryDescriptor_prepare(sub, 0), kIOReturnSuccess);
    OSObject_release(sub); /* nobody completed */
    assert_int_equal(pins(), 0);
    assert_int_equal(IOMemoryDescriptor_prepare(plain, 0), kIOReturnSuccess);
    assert_false(IOMemoryDescriptor_getFlags(parent) & kIOMemoryPreparedReadOnly);
    OSObject_release(plain);
    assert_int_equal(pins(), 0);
    OSObject_release(parent);
}

static void sub_is_aimed_elsewhere(void **state)
{
    IOMemoryDescriptor *first = describe_pages(0, 100, kIODirectionIn);
    IOMemoryDescriptor *second = describe_pages(200, 50, kIODirectionIn);
    IOSubMemoryDescriptor *sub = IOSubMemoryDescriptor_withSubRange(first, 0, 100, kIODirectionIn);
    IOSubMemoryDescriptor *outer = IOSubMemoryDescriptor_withSubRange(sub, 0, 10, 0);

    (void)state;
    OSObject_release(first); /* only the window holds it */
    assert_true(IOSubMemoryDescriptor_initSubRange(sub, first, 50, 50,
                                                   kIODirectionIn)); /* the same parent */
    assert_int_equal(IOMemoryDescriptor_getLength(sub), 50);
    IOSubMemoryDescriptor_prepare(sub, 0);
    assert_false(IOSubMemoryDescriptor_initSubRange(sub, second, 0, 1, kIODirectionIn));
    assert_int_equal(IOMemoryLastError(), kIOReturnBusy);
    IOSubMemoryDescriptor_complete(sub, 0);
    assert_false(IOSubMemoryDescriptor_initSubRange(sub, outer, 0, 1, 0)); /* a window of itself */
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_true(IOSubMemoryDescriptor_initSubRange(sub, second, 10, 40, kIODirectionIn));
    assert_int_equal(IOMemoryDescriptor_getLength(sub), 40);
    OSObject_release(outer);
    OSObject_release(sub);
    OSObject_release(second);
}

static void nesting_ends_at_sixteen(void **state)
{
    IOMemoryDescriptor *memory = describe_pages(0, 100, kIODirectionIn);
    IOSubMemoryDescriptor *sub;

    (void)state;
    for (unsigned depth = 1; depth <= 16; depth++) {
        sub = IOSubMemoryDescriptor_withSubRange(memory, 1, 100 - depth, kIODirectionIn);
        assert_non_null(sub);
        OSObject_release(memory);
        memory = IOMemoryDescriptor_upcast(sub);
    }
    assert_null(IOSubMemoryDescriptor_withSubRange(memory, 0, 1, kIODirectionIn));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_getPhysicalAddress(memory), physical_of(pages + 16));
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGES(sub_counts_its_prepares),
        WITH_PAGES(sub_is_aimed_elsewhere),
        WITH_PAGES(nesting_ends_at_sixteen),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
