/* SPDX-License-Identifier: BSD-2-Clause */
/* Any order of changes of one stream's I/O addresses, against an array that says the same. */
#include "tests/host/smmuv3/smmu_space_fixture.h"

#define MODEL_PAGES (4 * BLOCK_PAGES + 100)

static struct {
    uint64_t physical; /* 0: free; 1: held */
    uint64_t count;
} model[MODEL_PAGES];

static void compare(uint64_t first, uint64_t pages)
{
    for (uint64_t page = first; page < first + pages && page < MODEL_PAGES; page++) {
        const uint64_t physical = model[page].physical;

        assert_int_equal(walk(page), physical == 1 ? 0 : physical);
        assert_int_equal(space_first_taken(&space, page, page + 1), page + (physical == 0));
        assert_int_equal(space_count(&space, page), model[page].count);
    }
}

static bool is_first_fit(uint64_t first, uint64_t pages)
{
    for (uint64_t at = 1, run = 0; at < MODEL_PAGES; at++) {
        run = model[at].physical == 0 ? run + 1 : 0;
        if (run == pages) {
            return first == at + 1 - pages;
        }
    }
    return false;
}

static void random_map(uint64_t *seed)
{
    const uint64_t pages = 1 + sim_random(seed) % (sim_random(seed) % 4 == 0 ? 1300 : 9);
    const uint64_t physical =
        0x80000000 + ptoa(sim_random(seed) % 3 == 0 ? 0 : sim_random(seed) % 1024);
    const bool held = sim_random(seed) % 8 == 0;
    uint64_t first, done;

    if (!space_find(&space, pages, MODEL_PAGES, 1, 0, &first)) {
        return;
    }
    assert_true(is_first_fit(first, pages));
    assert_int_equal(
        space_place(&space, first, pages, held ? 0 : physical, held ? ENTRY_HELD : BITS, &done),
        KERN_SUCCESS);
    space_begin(&space, first, pages);
    for (uint64_t i = 0; i < pages; i++) {
        model[first + i].physical = held ? 1 : physical + ptoa(i);
    }
    model[first].count = pages;
    compare(first, pages + 1);
}

static void random_unmap(uint64_t *seed)
{
    uint64_t at = sim_random(seed) % MODEL_PAGES, pages;

    while (at < MODEL_PAGES && model[at].count == 0) {
        at++;
    }
    if (at == MODEL_PAGES) {
        return;
    }
    pages = model[at].count;
    take_away(at, pages);
    memset(&model[at], 0, pages * sizeof(model[0]));
    compare(at, pages + 1);
}

static void test_random(void **state)
{
    uint64_t seed = 12;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        if (sim_random(&seed) % 2 == 0) {
            random_map(&seed);
        } else {
            random_unmap(&seed);
        }
        if (round % 500 == 0) {
            compare(0, MODEL_PAGES);
        }
    }
    for (uint64_t at = 0; at < MODEL_PAGES; at++) {
        if (model[at].count != 0) {
            take_away(at, model[at].count);
        }
    }
    assert_int_equal(space.tables, 3);
    assert_int_equal(space_taken(&space), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_random),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
