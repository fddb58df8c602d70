/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of a range tree. Read-only: it may run in a debugger, or in a panic. */
#include "kernel/panic.h"
#include "kernel/range_tree.h"

#define HEIGHT_MAX 93 /* of an AVL tree with 2^64 nodes: deeper is a loop */

static _Noreturn void damaged(const char *what, const struct range_node *node)
{
    panic("range tree: %s at %#llx-%#llx", what, (unsigned long long)node->start,
          (unsigned long long)node->end);
}

/* A tree node is first in its range. */
static const struct range_node *range_of(const struct tree_node *node)
{
    return (const struct range_node *)(const void *)node;
}

static uint64_t larger(uint64_t gap, const struct range_node *node)
{
    return node != NULL && node->max_gap > gap ? node->max_gap : gap;
}

/* What a node has of its children. */
static void check_below(const struct range_node *node)
{
    const struct range_node *below = range_of(node->node.left), *above = range_of(node->node.right);
    const int left = tree_height(node->node.left), right = tree_height(node->node.right);

    if (below != NULL && below->start >= node->start) {
        damaged("left is not below", node);
    }
    if (above != NULL && above->start <= node->start) {
        damaged("right is not above", node);
    }
    if (left - right > 1 || right - left > 1) {
        damaged("out of balance", node);
    }
    if (node->node.height != (left > right ? left : right) + 1) {
        damaged("wrong height", node);
    }
    if (node->max_gap != larger(larger(node->gap, below), above)) {
        damaged("wrong largest gap", node);
    }
}

/* A node between its neighbours. */
static void check_beside(const struct range_tree *tree, const struct range_node *node)
{
    const vaddr_t free_from = node->prev != NULL ? node->prev->end : tree->low;

    /* The sentinel alone is empty. */
    if (node != &tree->last && node->start >= node->end) {
        damaged("an empty range", node);
    }
    if (node->start < free_from) {
        damaged("overlapping ranges", node);
    }
    if (node->gap != (node != &tree->last ? node->start - free_from : 0)) {
        damaged("wrong gap", node);
    }
    if (node->prev != NULL && node->prev->next != node) {
        damaged("the one before does not lead here", node);
    }
    if (node != &tree->last && (node->next == NULL || node->next->prev != node)) {
        damaged("the one behind does not lead back", node);
    }
}

/* By the search that everybody makes: a node that it does not lead to is lost, whatever the links
 * say. */
static void check_above(const struct range_tree *tree, const struct range_node *node)
{
    const struct range_node *at = range_of(tree->ranges.root);

    for (unsigned depth = 0; at != node; depth++) {
        if (at == NULL || depth == HEIGHT_MAX) {
            damaged("no way from the root to the range", node);
        }
        check_below(at);
        at = range_of(node->start < at->start ? at->node.left : at->node.right);
    }
}

void range_tree_check_node(const struct range_tree *tree, const struct range_node *node)
{
    if (node == &tree->last) {
        check_beside(tree, node);
        return;
    }
    check_above(tree, node);
    check_below(node);
    check_beside(tree, node);
    check_beside(tree, node->next);
}

void range_tree_check(const struct range_tree *tree)
{
    const struct range_node *node = &tree->last;
    uint64_t count = 0;

    range_tree_check_node(tree, node);
    for (node = node->prev; node != NULL; node = node->prev) {
        /* Also what ends the walk, were the links a ring. */
        if (++count > tree->count) {
            damaged("more ranges than were counted", node);
        }
        range_tree_check_node(tree, node);
    }
    if (count != tree->count) {
        damaged("fewer ranges than were counted", &tree->last);
    }
}
