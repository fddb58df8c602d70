/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of drivers that are tests: the first that fails is printed and ends the driver. */
#ifndef TESTS_DRIVERS_CHECK_H
#define TESTS_DRIVERS_CHECK_H

#include "descriptors/driverkit/user/driver.h"

static inline void driver_check(bool holds, const char *what, int line)
{
    if (!holds) {
        kprintf("# line %d of a driver: %s\n", line, what);
        driver_exit(line);
    }
}

#define CHECK(condition) driver_check((condition), #condition, __LINE__)

/* A call whose answer must be this. */
static inline void driver_check_status(kern_return_t status, kern_return_t expected,
                                       const char *what, int line)
{
    if (status != expected) {
        kprintf("# line %d of a driver: %s gave %#x, not %#x\n", line, what, status, expected);
        driver_exit(line);
    }
}

#define GIVES(call, expected) driver_check_status((call), (expected), #call, __LINE__)
#define GOOD(call)            GIVES(call, kIOReturnSuccess)
#define BAD(call)             GIVES(call, kIOReturnBadArgument)

#endif
