/* SPDX-License-Identifier: BSD-2-Clause */
/* The range tree against a bitmap: same answers after every step of a random history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "kernel/range_tree.h"

#define UNITS 512u /* size of the model's space */
#define LOW   0x1000u

struct model {
    struct range_tree tree;
    struct range_node nodes[UNITS];
    bool used[UNITS];   /* by node index = start unit */
    uint8_t map[UNITS]; /* 1 = covered */
    uint32_t random;
};

static uint32_t next_random(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    m->random ^= m->random << 5;
    return m->random;
}

static vaddr_t address(unsigned unit)
{
    return LOW + unit;
}

static bool model_is_free(const struct model *m, unsigned start, unsigned size)
{
    if (size == 0 || start + size > UNITS) {
        return false;
    }
    for (unsigned i = start; i < start + size; i++) {
        if (m->map[i]) {
            return false;
        }
    }
    return true;
}

static bool model_gap(const struct model *m, unsigned size, unsigned alignment, unsigned *start)
{
    for (unsigned i = 0; i < UNITS; i++) {
        if (address(i) % alignment == 0 && model_is_free(m, i, size)) {
            *start = i;
            return true;
        }
    }
    return false;
}

static unsigned owner_of(const struct model *m, unsigned unit)
{
    while (!m->used[unit]) {
        unit--;
    }
    return unit;
}

static void check_links(const struct model *m)
{
    const struct range_node *previous = NULL;
    struct range_node *node = range_tree_at_or_above(&m->tree, 0);
    uint64_t count = 0;

    range_tree_check(&m->tree);
    for (; node != NULL; node = range_tree_next(&m->tree, node), count++) {
        assert_ptr_equal(range_tree_previous(node), previous);
        assert_true(node->start < node->end);
        if (previous != NULL) {
            assert_true(previous->end <= node->start);
        }
        previous = node;
    }
    assert_int_equal(count, m->tree.count);
}

static int check_shape(const struct tree_node *node)
{
    int left, right;

    if (node == NULL) {
        return 0;
    }
    left = check_shape(node->left);
    right = check_shape(node->right);
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(node->height, (left > right ? left : right) + 1);
    return node->height;
}

/* At a place that has been found, or one that is to be looked for. */
static void add(struct model *m, unsigned unit, unsigned size, struct range_node *place)
{
    m->nodes[unit].start = address(unit);
    m->nodes[unit].end = address(unit) + size;
    if (next_random(m) % 2 == 0) {
        range_tree_insert_at(&m->tree, &m->nodes[unit], place);
    } else {
        range_tree_insert(&m->tree, &m->nodes[unit]);
    }
    memset(&m->map[unit], 1, size);
    m->used[unit] = true;
}

static void step(struct model *m)
{
    unsigned unit = next_random(m) % UNITS;
    unsigned size = next_random(m) % 24;
    unsigned alignment = 1u << next_random(m) % 5;
    struct range_node *const place =
        range_tree_is_free(&m->tree, address(unit), address(unit) + size);
    struct range_node *gap;
    unsigned expected;
    vaddr_t found;

    assert_int_equal(place != NULL, model_is_free(m, unit, size));
    gap = range_tree_find_gap(&m->tree, size, alignment, &found);
    assert_int_equal(gap != NULL, model_gap(m, size, alignment, &expected));
    if (gap != NULL) {
        assert_int_equal(found, address(expected));
    }
    if (m->map[unit]) {
        unsigned first = owner_of(m, unit);
        struct range_node *node = &m->nodes[first];

        assert_ptr_equal(range_tree_find(&m->tree, address(unit)), node);
        if (next_random(m) % 3 == 0 && node->end - node->start > 1) {
            m->map[node->end - 1 - LOW] = 0;
            range_tree_resize(&m->tree, node, node->start, node->end - 1);
        } else {
            memset(&m->map[first], 0, node->end - node->start);
            m->used[first] = false;
            range_tree_remove(&m->tree, node);
        }
    } else {
        assert_null(range_tree_find(&m->tree, address(unit)));
        if (place != NULL) {
            add(m, unit, size, place);
        } else if (gap != NULL) {
            add(m, expected, size, gap);
        }
    }
}

static void random_history_matches_a_bitmap(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct model *m = calloc(1, sizeof(*m));

        assert_non_null(m);
        m->random = seed;
        range_tree_init(&m->tree, LOW, LOW + UNITS);
        for (int i = 0; i < 3000; i++) {
            step(m);
            if (i % 16 == 0) {
                check_links(m);
                check_shape(m->tree.ranges.root);
            }
        }
        free(m);
    }
}

static void limits_are_kept(void **state)
{
    struct range_tree tree;
    vaddr_t at;

    (void)state;
    range_tree_init(&tree, 0x1000, 0x5000);
    assert_null(range_tree_is_free(&tree, 0, 0x1000));
    assert_null(range_tree_is_free(&tree, 0x4000, 0x6000));
    assert_null(range_tree_is_free(&tree, 0x2000, 0x2000));
    assert_non_null(range_tree_is_free(&tree, 0x1000, 0x5000));
    assert_null(range_tree_find_gap(&tree, 0x4001, 1, &at));
    assert_null(range_tree_find_gap(&tree, 0, 1, &at));
    assert_null(range_tree_find_gap(&tree, UINT64_MAX, 1, &at));
    assert_non_null(range_tree_find_gap(&tree, 0x4000, 1, &at));
    assert_int_equal(at, 0x1000);
    assert_null(range_tree_at_or_above(&tree, 0));
}

/* A hundred thousand ranges: the tree stays about as deep as log2 of them. */
static void many_ranges_stay_shallow(void **state)
{
    enum {
        COUNT = 100000
    };
    struct range_node *nodes = calloc(COUNT, sizeof(*nodes));
    struct range_tree tree;
    vaddr_t at;

    (void)state;
    assert_non_null(nodes);
    range_tree_init(&tree, 0, 4 * COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        nodes[i].start = 4 * (vaddr_t)i;
        nodes[i].end = nodes[i].start + 3;
        range_tree_insert(&tree, &nodes[i]);
    }
    assert_in_range(tree.ranges.root->height, 17, 25);
    assert_null(range_tree_find_gap(&tree, 2, 1, &at));
    range_tree_remove(&tree, &nodes[COUNT - 2]);
    assert_non_null(range_tree_find_gap(&tree, 2, 1, &at));
    assert_int_equal(at, nodes[COUNT - 3].end);
    free(nodes);
}

/* A range may grow and shrink at either end, and the gaps on both sides are known. */
static void test_both_ends_move(void **state)
{
    struct range_node nodes[2] = {{.start = LOW + 16, .end = LOW + 32},
                                  {.start = LOW + 64, .end = LOW + 96}};
    struct range_tree tree;
    vaddr_t at;

    (void)state;
    range_tree_init(&tree, LOW, LOW + 112);
    range_tree_insert(&tree, &nodes[0]);
    range_tree_insert(&tree, &nodes[1]);
    assert_ptr_equal(range_tree_find_gap(&tree, 32, 1, &at), &nodes[1]);
    assert_int_equal(at, LOW + 32);
    range_tree_resize(&tree, &nodes[1], LOW + 63, LOW + 97);
    assert_null(range_tree_find_gap(&tree, 32, 1, &at));
    range_tree_resize(&tree, &nodes[1], LOW + 80, LOW + 96);
    assert_ptr_equal(range_tree_find_gap(&tree, 48, 1, &at), &nodes[1]);
    assert_int_equal(at, LOW + 32);
    range_tree_check(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_move),
        cmocka_unit_test(random_history_matches_a_bitmap),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(many_ranges_stay_shallow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
