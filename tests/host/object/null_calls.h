/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what calls on nothing answer: a status, or nothing and the last error. */
#ifndef TESTS_HOST_OBJECT_NULL_CALLS_H
#define TESTS_HOST_OBJECT_NULL_CALLS_H

#include "descriptors/platform.h"

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

/* What answers with no status says it by the last error. */
#define SAYS_WHY(assertion)                                                                        \
    do {                                                                                           \
        platform_set_last_error(0);                                                                \
        assertion;                                                                                 \
        REFUSED(IOMemoryLastError());                                                              \
    } while (false)
#define NOTHING(call) SAYS_WHY(assert_null(call))
#define FAILS(call)   SAYS_WHY(assert_false(call))

#endif
