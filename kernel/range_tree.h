/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disjoint address ranges in order, with the free gaps between them: lookup,
 * insertion, removal and lowest-fit search all cost O(log n) whatever the
 * number of ranges. A node is embedded in the caller's own structure and never
 * allocated here. The caller serialises.
 */
#ifndef KERNEL_RANGE_TREE_H
#define KERNEL_RANGE_TREE_H

#include "kernel/tree.h"

/* One range; embedded in what it is the range of. */
struct range_node {
    struct tree_node node; /* first: a range is found by it; in the order of starts */
    vaddr_t start;         /* first byte */
    vaddr_t end;           /* one past the last byte */

    /* Private to range_tree.c. */
    struct range_node *prev, *next; /* the same ranges, neighbours without a search */
    uint64_t gap;                   /* free bytes before start, but 0 before the upper limit */
    uint64_t max_gap;               /* largest gap in this subtree */
};

/* Ranges that do not touch each other's bytes. */
struct range_tree {
    vaddr_t low; /* lowest address a range may have */
    struct tree ranges;
    struct range_node last; /* empty range at the upper limit, behind all in the tree */
    uint64_t count;         /* ranges */
};

/* An empty tree for ranges inside [low, high). */
void range_tree_init(struct range_tree *tree, vaddr_t low, vaddr_t high);

/* The range that holds the address, or the first one above it; NULL if there is none. */
struct range_node *range_tree_at_or_above(const struct range_tree *tree, vaddr_t address);

/* The range that holds the address, or NULL. */
static inline struct range_node *range_tree_find(const struct range_tree *tree, vaddr_t address)
{
    struct tree_node *at = tree->ranges.root;

    while (at != NULL) {
        struct range_node *const range = (struct range_node *)at;

        if (address >= range->end) {
            at = at->right;
        } else if (address < range->start) {
            at = at->left;
        } else {
            return range;
        }
    }
    return NULL;
}

/* The neighbour behind a range in address order; NULL at the end. */
static inline struct range_node *range_tree_next(const struct range_tree *tree,
                                                 const struct range_node *node)
{
    return node->next == &tree->last ? NULL : node->next;
}

/* The neighbour before it; NULL at the beginning. */
static inline struct range_node *range_tree_previous(const struct range_node *node)
{
    return node->prev;
}

/*
 * The place of [start, end) if no range touches it and it lies inside the tree's limits: for
 * range_tree_insert_at, as long as nothing else has changed. NULL: it is not free.
 */
struct range_node *range_tree_is_free(const struct range_tree *tree, vaddr_t start, vaddr_t end);

/* node->start and node->end are set by the caller; the interval must be free and not empty. */
void range_tree_insert(struct range_tree *tree, struct range_node *node);
/* The same at a place that has been found already. */
void range_tree_insert_at(struct range_tree *tree, struct range_node *node,
                          struct range_node *place);
void range_tree_remove(struct range_tree *tree, struct range_node *node);

/*
 * Move one edge of a range that is in the tree. Its neighbours must leave the
 * room; the range must stay non-empty.
 */
void range_tree_resize(struct range_tree *tree, struct range_node *node, vaddr_t start,
                       vaddr_t end);

/*
 * Lowest free interval of `size` bytes whose start is a multiple of `alignment`
 * (a power of two); its place, as range_tree_is_free's. NULL when there is none.
 */
struct range_node *range_tree_find_gap(const struct range_tree *tree, uint64_t size,
                                       uint64_t alignment, vaddr_t *start);

/*
 * A bug's damage, ended where it is met: panics by name ("range tree: ...") if what
 * the tree says of itself does not agree. Debug builds call the first one at the end
 * of every insert, remove and resize: it looks at a node, its neighbours and the way
 * down to it, O(log n). The second one looks at every node, for tests.
 */
void range_tree_check_node(const struct range_tree *tree, const struct range_node *node);
void range_tree_check(const struct range_tree *tree);

#endif
