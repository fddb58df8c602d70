/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tens of thousands of random cases for the cursor; see tests/lib/cursor_cases.h.
 *
 * CASES=n runs so many; SEED=n runs the one case of that seed, which is what a
 * failure prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/host/platform/holdings.h"
#include "tests/host/platform/platform_host.h"
#include "tests/lib/portable/cursor_cases.h"

#define CASES       20000
#define ARENA_PAGES 64

static const uint8_t *ram(uint64_t physical)
{
    return host_ram(physical);
}

/* Scattered pages, but about half of them followed by their physical neighbour. */
static uint8_t *make_arena(void)
{
    uint64_t numbers[ARENA_PAGES];
    uint64_t i = 0, k;
    uint8_t *arena;

    while (i < ARENA_PAGES) {
        uint64_t n = 1 + random_below(4);

        n = n < ARENA_PAGES - i ? n : ARENA_PAGES - i;
        host_take_pages(&numbers[i], n, true);
        i += n;
    }
    arena = host_map_pages(numbers, ARENA_PAGES);
    for (k = 0; k < ptoa(ARENA_PAGES); k++) {
        arena[k] = (uint8_t)random_below(256);
    }
    return arena;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void cursors_agree_with_the_reference(void **state)
{
    struct random_world world = {.size = ptoa(ARENA_PAGES),
                                 .ram_base = HOST_RAM_BASE,
                                 .physical = host_physical,
                                 .ram = ram};
    const uint64_t only = setting("SEED", 0);
    const uint64_t last = only != 0 ? only : setting("CASES", CASES);

    (void)state;
    random_seed(4711);
    world.arena = make_arena();
    random_world = &world;
    for (uint64_t seed = only != 0 ? only : 1; seed <= last; seed++) {
        const char *failure = cursor_case(seed);

        if (failure != NULL) {
            fail_msg("%s; replay with SEED=%llu", failure, (unsigned long long)seed);
        }
    }
    host_unscatter(world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BALANCED(cursors_agree_with_the_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
