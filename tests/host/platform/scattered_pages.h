/* SPDX-License-Identifier: BSD-2-Clause */
/* A few scattered pages for each test of a file, and descriptors over them. */
#ifndef TESTS_HOST_SCATTERED_PAGES_H
#define TESTS_HOST_SCATTERED_PAGES_H

#include "descriptors/IOMemoryDescriptor.h"
#include "tests/host/platform/holdings.h"
#include "tests/host/platform/platform_host.h"

#define PAGES 8

static uint8_t *pages; /* PAGES scattered ones, filled with a pattern */

static inline int setup(void **state)
{
    const int result = holdings_take(state);

    pages = host_scatter(PAGES);
    for (uint64_t i = 0; i < ptoa(PAGES); i++) {
        pages[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return result;
}

static inline int teardown(void **state)
{
    if (host_held().pins == 0) { /* else the test has failed, and the check says so */
        host_unscatter(pages);
    }
    return holdings_check(state);
}

#define WITH_PAGES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static inline IOMemoryDescriptor *describe(uint64_t offset, uint64_t length, IOOptionBits options)
{
    return IOMemoryDescriptor_withAddressRange((uintptr_t)pages + offset, length, options,
                                               kernel_task);
}

static inline uint64_t pins(void)
{
    return host_held().pins;
}

#endif
