/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the I/O addresses of one stream: a space for each, its tables walked and counted. */
#ifndef TESTS_HOST_SMMU_SPACE_FIXTURE_H
#define TESTS_HOST_SMMU_SPACE_FIXTURE_H

#include "kernel/page.h"
#include "tests/host/smmuv3/sim_smmu.h"

#define BITS (ENTRY_ACCESSED | ENTRY_SHARED)

static struct smmu_space space;
static struct holdings before;

static inline int start(void **state)
{
    (void)state;
    before = holdings_now();
    return space_create(&space) == KERN_SUCCESS ? 0 : -1;
}

static inline void check_space(void);

static inline int stop(void **state)
{
    (void)state;
    check_space();
    space_destroy(&space);
    assert_int_equal(space.tables, 0);
    return sim_holds(&before) ? 0 : -1;
}

static inline uint64_t find(uint64_t pages)
{
    uint64_t first;

    assert_true(space_find(&space, pages, SPACE_PAGES, 1, 0, &first));
    return first;
}

static inline void place(uint64_t first, uint64_t pages, uint64_t physical)
{
    uint64_t done;

    assert_int_equal(space_place(&space, first, pages, physical, BITS, &done), KERN_SUCCESS);
    assert_int_equal(done, pages);
    space_begin(&space, first, pages);
}

/* What the nodes of a space add up to. */
struct sums {
    unsigned tables;
    uint64_t far; /* pages that are taken beside the near table */
};

/*
 * What a node counts is what stands in its table: entries that are somebody's; and of these those
 * that are open, or held, which a blocked one cannot be told from.
 */
static inline void check_counts(const struct space_node *node, unsigned level, struct sums *sums)
{
    unsigned taken = 0, open = 0, held = 0;

    for (unsigned i = 0; i < SPACE_ENTRIES; i++) {
        const bool is_used = level == SPACE_LEVELS - 1 ? (node->used[i / 64] >> i % 64 & 1) != 0
                                                       : node->entries[i] != 0;

        taken += is_used;
        open += (node->entries[i] & ENTRY_VALID) != 0;
        held += is_used && node->entries[i] == ENTRY_HELD;
        if (is_used && node != space.near && (level == 2 || node->below[i] == NULL)) {
            sums->far += 1ull << 9 * (2 - level);
        }
        assert_true(is_used || node->entries[i] == 0);
    }
    sums->tables++;
    if (node == space.near) {
        assert_int_equal(node->taken, 1); /* by the space itself: nobody counts in it */
        assert_int_equal(node->live, 1);
    } else {
        assert_int_equal(node->taken, taken);
        assert_in_range(node->live, open, open + held);
    }
}

/* Whatever leads to a table leads to one that is there, and in which something is open. */
static inline void check_node(const struct space_node *node, unsigned level, struct sums *sums)
{
    check_counts(node, level, sums);
    for (unsigned i = 0; level < SPACE_LEVELS - 1 && i < SPACE_ENTRIES; i++) {
        const struct space_node *below = node->below[i];
        const uint64_t entry = node->entries[i], table = ENTRY_VALID | ENTRY_TABLE;

        assert_int_equal((entry & table) == table, below != NULL && below->live != 0);
        if (below != NULL) {
            assert_true(below->live == 0 ||
                        (entry & ENTRY_ADDRESS) == virt_to_phys(below->entries).value);
            check_node(below, level + 1, sums);
        }
    }
}

static inline void check_space(void)
{
    struct sums sums = {0};

    check_node(space.root, 0, &sums);
    assert_int_equal(space.tables, sums.tables);
    assert_int_equal(space.far, sums.far);
    for (uint64_t page = 1; page < space.lowest; page++) {
        assert_int_equal(space_first_taken(&space, page, page + 1), page);
    }
}

static inline struct space_change take_away(uint64_t first, uint64_t pages)
{
    struct space_change change = SPACE_UNCHANGED;

    space_block(&space, first, pages, &change);
    for (uint64_t page = first, span; page < first + pages; page++) {
        assert_int_equal(space_look(&space, page, &span), 0);
        assert_int_equal(space_first_taken(&space, page, page + 1), page);
    }
    check_space();
    space_release(&space, first, pages);
    check_space();
    assert_int_equal(space_first_taken(&space, first, first + pages), first + pages);
    return change;
}

/* What hardware finds: by the table's words alone, from the root. */
static inline uint64_t walk(uint64_t page)
{
    const uint64_t *table = space.root->entries;

    for (unsigned level = 0;; level++) {
        const unsigned shift = 9 * (2 - level);
        const uint64_t entry = table[page >> shift & 511];

        if ((entry & 1) == 0) {
            return 0;
        }
        if (level == 2 || (entry & 2) == 0) {
            return (entry & ENTRY_ADDRESS) + ptoa(page & ((1ull << shift) - 1));
        }
        table = phys_to_virt(paddr(entry & ENTRY_ADDRESS));
    }
}

static inline void assert_run(uint64_t first, uint64_t pages, uint64_t physical)
{
    for (uint64_t i = 0; i < pages; i++) {
        assert_int_equal(walk(first + i), physical + ptoa(i));
    }
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

#endif
