/* SPDX-License-Identifier: BSD-2-Clause */
/* IOService: properties that are set and properties that are read, and what is attached. */
#include "descriptors/IOService.h"
#include "descriptors/OSArray.h"
#include "tests/host/machine/kernel_pages.h"

static const uint8_t cells[] = {0x12, 0x34, 0x56, 0x78, 0, 0, 0, 9};

static unsigned asked;

/* A node with two properties; counts how often it is asked. */
static const void *read_node(const void *context, const char *key, UInt32 *length)
{
    asked++;
    assert_ptr_equal(context, cells);
    if (strcmp(key, "reg") == 0) {
        *length = sizeof(cells);
        return cells;
    }
    if (strcmp(key, "odd") == 0) {
        *length = 5;
        return cells;
    }
    if (strcmp(key, "gone") == 0) {
        *length = 8; /* of what is not there */
    }
    return NULL;
}

static IOService *make(void)
{
    IOService *service = IOService_withReader("node@1", read_node, cells);

    assert_non_null(service);
    asked = 0;
    return service;
}

static void names(void **state)
{
    char name[] = "device";
    IOService *service = IOService_withReader(name, NULL, NULL);

    (void)state;
    name[0] = 'x'; /* it has its own */
    assert_string_equal(IOService_getName(service), "device");
    assert_null(IOService_getProperty(service, "reg", NULL));
    OSObject_release(service);
    platform_set_last_error(0);
    assert_null(IOService_withReader(NULL, NULL, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
}

static void properties_that_are_read(void **state)
{
    IOService *service = make();
    UInt32 length = 77, value = 77;

    (void)state;
    assert_ptr_equal(IOService_getProperty(service, "reg", &length), cells);
    assert_int_equal(length, 8);
    assert_ptr_equal(IOService_getProperty(service, "reg", NULL), cells);
    length = 77;
    assert_null(IOService_getProperty(service, "none", &length));
    assert_int_equal(length, 0);
    assert_null(IOService_getProperty(service, "none", NULL));
    length = 77;
    assert_null(IOService_getProperty(service, NULL, &length));
    assert_int_equal(length, 0);
    length = 77;
    assert_null(IOService_getProperty(NULL, "reg", &length));
    assert_int_equal(length, 0);
    assert_int_equal(asked, 4);
    assert_int_equal(IOService_countCells(service, "reg"), 2);
    assert_int_equal(IOService_countCells(service, "odd"), 0);
    assert_int_equal(IOService_countCells(service, "none"), 0);
    assert_int_equal(IOService_getCell(service, "reg", 0, &value), kIOReturnSuccess);
    assert_int_equal(value, 0x12345678);
    assert_int_equal(IOService_getCell(service, "reg", 1, &value), kIOReturnSuccess);
    assert_int_equal(value, 9);
    assert_int_equal(IOService_getCell(service, "reg", 2, &value), kIOReturnOverrun);
    assert_int_equal(IOService_getCell(service, "odd", 0, &value), kIOReturnNotFound);
    assert_int_equal(IOService_getCell(service, "none", 0, &value), kIOReturnNotFound);
    assert_int_equal(IOService_getCell(service, "gone", 0, &value), kIOReturnNotFound);
    assert_int_equal(IOService_countCells(service, "gone"), 0);
    assert_int_equal(IOService_setProperty(service, "empty", "", 0), kIOReturnSuccess);
    assert_int_equal(IOService_getCell(service, "empty", 0, &value), kIOReturnNotFound);
    OSObject_release(service);
}

static void properties_that_are_set(void **state)
{
    IOService *service = make();
    uint8_t bytes[] = {1, 2, 3};
    UInt32 length, value;

    (void)state;
    assert_int_equal(IOService_setProperty(service, "reg", bytes, 3), kIOReturnSuccess);
    bytes[0] = 99; /* they are copied */
    assert_memory_equal(IOService_getProperty(service, "reg", &length), "\1\2\3", 3);
    assert_int_equal(length, 3);
    assert_int_equal(asked, 0); /* what is set hides what could be read */
    assert_int_equal(IOService_setProperty(service, "re", bytes, 1), kIOReturnSuccess);
    assert_int_equal(IOService_setProperty(service, "rege", "", 0), kIOReturnSuccess);
    assert_non_null(IOService_getProperty(service, "rege", &length)); /* there, and empty */
    assert_int_equal(length, 0);
    IOService_getProperty(service, "re", &length);
    assert_int_equal(length, 1);
    assert_int_equal(IOService_setProperty(service, "reg", bytes, 2), kIOReturnSuccess);
    IOService_getProperty(service, "reg", &length);
    assert_int_equal(length, 2);
    assert_int_equal(IOService_setCell(service, "reg", 0xfedcba98), kIOReturnSuccess);
    assert_memory_equal(IOService_getProperty(service, "reg", &length), "\xfe\xdc\xba\x98", 4);
    assert_int_equal(length, 4);
    assert_int_equal(IOService_getCell(service, "reg", 0, &value), kIOReturnSuccess);
    assert_int_equal(value, 0xfedcba98);
    assert_int_equal(IOService_setProperty(service, "reg", NULL, 0), kIOReturnSuccess);
    assert_ptr_equal(IOService_getProperty(service, "reg", NULL), cells); /* the reader's again */
    assert_int_equal(IOService_setProperty(service, "reg", NULL, 0), kIOReturnSuccess);
    assert_int_equal(IOService_setProperty(service, NULL, bytes, 1), kIOReturnBadArgument);
    assert_int_equal(IOService_setProperty(service, "reg", NULL, 1), kIOReturnBadArgument);
    IOService_getProperty(service, "re", &length);
    assert_int_equal(length, 1); /* the others stayed */
    OSObject_release(service);
}

/* A name may stand for a property and for an object at once. */
static void objects_are_retained(void **state)
{
    IOService *service = make();
    OSArray *one = OSArray_withCapacity(1), *two = OSArray_withCapacity(1);

    (void)state;
    assert_null(IOService_getObject(service, "reg"));
    assert_int_equal(IOService_setObject(service, "reg", one), kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    assert_ptr_equal(IOService_getObject(service, "reg"), one);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    assert_ptr_equal(IOService_getProperty(service, "reg", NULL), cells);
    assert_int_equal(IOService_setObject(service, "reg", one), kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(one), 2);
    assert_int_equal(IOService_setObject(service, "reg", two), kIOReturnSuccess);
    assert_int_equal(OSObject_getRetainCount(one), 1);
    assert_int_equal(OSObject_getRetainCount(two), 2);
    assert_int_equal(IOService_setObject(service, "reg", (OSObject *)NULL), kIOReturnSuccess);
    assert_null(IOService_getObject(service, "reg"));
    assert_int_equal(OSObject_getRetainCount(two), 1);
    assert_int_equal(IOService_setObject(service, "other", two), kIOReturnSuccess);
    assert_int_equal(IOService_setObject(service, NULL, two), kIOReturnBadArgument);
    assert_int_equal(IOService_setObject(NULL, "other", two), kIOReturnBadArgument);
    assert_null(IOService_getObject(service, NULL));
    assert_null(IOService_getObject(NULL, "other"));
    OSObject_release(service); /* with what is attached */
    assert_int_equal(OSObject_getRetainCount(two), 1);
    OSObject_release(one);
    OSObject_release(two);
}

static void om_10_want_of_memory(void **state)
{
    IOService *service = NULL;
    UInt32 length;

    (void)state;
    for (uint64_t nth = 1; service == NULL; nth++) {
        fail_request(nth);
        service = IOService_withReader("node", read_node, cells);
        fail_request(0);
        assert_true(service != NULL || IOMemoryLastError() == kIOReturnNoMemory);
    }
    assert_int_equal(IOService_setProperty(service, "reg", "abc", 3), kIOReturnSuccess);
    fail_request(1);
    assert_int_equal(IOService_setProperty(service, "reg", "x", 1), kIOReturnNoMemory);
    fail_request(1);
    assert_int_equal(IOService_setCell(service, "reg", 1), kIOReturnNoMemory);
    fail_request(1);
    assert_int_equal(IOService_setObject(service, "reg", service), kIOReturnNoMemory);
    fail_request(0);
    assert_memory_equal(IOService_getProperty(service, "reg", &length), "abc", 3);
    assert_int_equal(OSObject_getRetainCount(service), 1);
    OSObject_release(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(names),
        BALANCED(properties_that_are_read),
        BALANCED(properties_that_are_set),
        BALANCED(objects_are_retained),
        BALANCED(om_10_want_of_memory),
    };

    return cmocka_run_group_tests(tests, kernel_power_on, kernel_power_off);
}
