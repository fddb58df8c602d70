/* SPDX-License-Identifier: BSD-2-Clause */
/* Which commands forget a range: all of it, nothing else, and as few as the form allows. */
#include "tests/host/smmuv3/sim_smmu.h"

#define PAGES_MAX 4200
#define ASID      0x1234

/* The fewest pieces of the form n << s, n at most 32, by trying them all. */
static uint8_t fewest[PAGES_MAX + 1];

static int find_fewest(void **state)
{
    (void)state;
    for (unsigned pages = 1; pages <= PAGES_MAX; pages++) {
        fewest[pages] = UINT8_MAX;
        for (unsigned scale = 0; 1u << scale <= pages; scale++) {
            for (unsigned number = 1; number <= 32 && number << scale <= pages; number++) {
                const uint8_t rest = fewest[pages - (number << scale)];

                if (rest + 1 < fewest[pages]) {
                    fewest[pages] = (uint8_t)(rest + 1);
                }
            }
        }
    }
    return 0;
}

/* What a command says, read back by the architecture's words alone. */
struct said {
    uint64_t first, pages;
    unsigned level;
    bool leaf, is_range;
};

static struct said read_back(const struct smmu_command *command)
{
    const unsigned granule = command->words[1] >> 10 & 3;
    struct said said = {
        .first = command->words[1] >> 12,
        .pages = ((command->words[0] >> 12 & 0x1f) + 1) << (command->words[0] >> 20 & 0x1f),
        .level = command->words[1] >> 8 & 3,
        .leaf = (command->words[1] & 1) != 0,
        .is_range = granule != 0,
    };

    assert_int_equal(command->words[0] & 0xff, 0x12);
    assert_int_equal(command->words[0] >> 48, ASID);
    assert_int_equal(command->words[0] & 0x0000fffffe0e0f00ull, 0);
    assert_int_equal(command->words[1] & 0xfe, 0);
    if (granule == 0) {
        assert_int_equal(said.pages, 1);
        assert_int_equal(said.level, 0);
    } else {
        assert_int_equal(granule, 1); /* 4 KiB */
        assert_true(said.pages > 1 || said.level != 0);
    }
    return said;
}

/* All commands for a range; how many. */
static unsigned cover(struct smmu_range range, unsigned level, bool leaf)
{
    uint64_t next = range.first;
    const uint64_t end = range.first + range.pages;
    unsigned count = 0;

    while (range.pages != 0) {
        const struct smmu_command command = smmu_next_range(&range, ASID);
        const struct said said = read_back(&command);

        assert_int_equal(said.first, next);
        assert_int_equal(said.leaf, leaf);
        assert_true(!said.is_range || said.level == (leaf ? level : 0));
        next += said.is_range ? said.pages : range.step;
        count++;
    }
    assert_int_equal(next, end);
    return count;
}

static void test_ranges_of_pages(void **state)
{
    (void)state;
    for (unsigned pages = 1; pages <= PAGES_MAX; pages++) {
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            const struct smmu_range range = {.first = 0x10001 + pages,
                                             .pages = pages,
                                             .step = 1,
                                             .level = 3,
                                             .leaf = leaf != 0,
                                             .ranges = true};

            assert_int_equal(cover(range, 3, leaf != 0), fewest[pages]);
        }
    }
}

/* Up to all of the space, in blocks and giants as well. */
static void test_large_ranges(void **state)
{
    struct smmu_range range = {
        .first = 0, .pages = SPACE_PAGES, .step = 1, .level = 0, .leaf = true, .ranges = true};

    (void)state;
    assert_int_equal(cover(range, 0, true), 1);
    range.pages = SPACE_PAGES - 1;
    assert_in_range(cover(range, 0, true), 1, 6);
    for (unsigned blocks = 1; blocks < 600; blocks++) {
        range = (struct smmu_range){.first = BLOCK_PAGES,
                                    .pages = blocks * BLOCK_PAGES,
                                    .step = BLOCK_PAGES,
                                    .level = 2,
                                    .leaf = true,
                                    .ranges = true};
        assert_int_equal(cover(range, 2, true), fewest[blocks]);
        range.step = GIANT_PAGES;
        range.first = GIANT_PAGES;
        range.pages = blocks * GIANT_PAGES;
        range.level = 1;
        assert_int_equal(cover(range, 1, true), fewest[blocks]);
    }
}

/* A unit that knows no ranges is told of each entry. */
static void test_without_ranges(void **state)
{
    struct smmu_range range = {.first = 7, .pages = 33, .step = 1, .level = 3, .leaf = true};

    (void)state;
    assert_int_equal(cover(range, 3, true), 33);
    range = (struct smmu_range){
        .first = 512, .pages = 5 * BLOCK_PAGES, .step = BLOCK_PAGES, .level = 2, .leaf = true};
    assert_int_equal(cover(range, 2, true), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_of_pages),
        cmocka_unit_test(test_large_ranges),
        cmocka_unit_test(test_without_ranges),
    };

    return cmocka_run_group_tests(tests, find_fewest, NULL);
}
