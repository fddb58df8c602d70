/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/host/platform/holdings.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "tests/host/platform/platform_host.h"

static struct host_holdings before;

int holdings_take(void **state)
{
    (void)state;
    host_fail_allocation(0);
    before = host_held();
    return 0;
}

static int differs(const char *what, uint64_t was, uint64_t is)
{
    if (was == is) {
        return 0;
    }
    fprintf(stderr, "# held: %llu %s before the test, %llu after it\n", (unsigned long long)was,
            what, (unsigned long long)is);
    return 1;
}

int holdings_check(void **state)
{
    const struct host_holdings now = host_held();

    (void)state;
    return -(differs("heap blocks", before.blocks, now.blocks) |
             differs("pages", before.pages, now.pages) | differs("pins", before.pins, now.pins) |
             differs("virtual regions", before.regions, now.regions) |
             differs("objects", before.objects, now.objects));
}
