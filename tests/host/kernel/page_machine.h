/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the page allocator: a machine of one bank, and what it counts. */
#ifndef TESTS_HOST_PAGE_MACHINE_H
#define TESTS_HOST_PAGE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "tests/host/sim/sim_ram.h"

#define RAM 0x40000000ull

static struct page_range one_bank;

static inline void machine(uint64_t base, uint64_t size)
{
    one_bank = (struct page_range){base, size};
    sim_ram_attach(&one_bank, 1);
    assert_true(page_setup(&one_bank, 1, NULL, 0));
}

static inline int detach(void **state)
{
    (void)state;
    assert_int_equal(sim_irq_masked, 0);
    sim_ram_detach();
    return 0;
}

static inline struct page_stats stats(void)
{
    struct page_stats now;
    uint64_t total = 0;
    const uint64_t free = page_count_free(&total);

    page_get_stats(&now);
    page_check();
    assert_int_equal(total, now.total);
    assert_int_equal(free, now.free);
    assert_int_equal(now.total, now.reserved + now.free + now.allocated);
    return now;
}

static inline void assert_same_stats(struct page_stats before, struct page_stats after)
{
    before.high_water = after.high_water;
    before.failures = after.failures;
    assert_memory_equal(&before, &after, sizeof(before));
}

#endif
