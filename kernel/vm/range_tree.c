/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree of ranges that also knows the largest free gap below each node. */
#include "kernel/range_tree.h"

#ifdef DEBUG
#define check_in_debug_builds range_tree_check_node
#else
#define check_in_debug_builds(tree, node) ((void)0)
#endif

static struct range_node *range_of(struct tree_node *node)
{
    return (struct range_node *)(void *)node;
}

static bool sum_up(struct tree_node *node)
{
    struct range_node *range = range_of(node);
    const uint64_t before = range->max_gap;

    range->max_gap = range->gap;
    if (node->left != NULL && range_of(node->left)->max_gap > range->max_gap) {
        range->max_gap = range_of(node->left)->max_gap;
    }
    if (node->right != NULL && range_of(node->right)->max_gap > range->max_gap) {
        range->max_gap = range_of(node->right)->max_gap;
    }
    /* Unchanged, nothing above it changes either: the way up ends here. */
    return range->max_gap != before;
}

/* Where the free bytes before a range begin. */
static vaddr_t free_from(const struct range_tree *tree, const struct range_node *node)
{
    return node->prev != NULL ? node->prev->end : tree->low;
}

/*
 * A gap belongs to the range behind it, so that entering a range changes two of them and no more.
 * The tail, behind all ranges, is none of them: it is the largest, as a rule, and changes with each
 * range that comes or goes there, which would be news for all up to the root.
 */
static void set_gap(const struct range_tree *tree, struct range_node *node)
{
    if (node != &tree->last) {
        node->gap = node->start - free_from(tree, node);
    }
}

/* A range that stays in its place in the tree has a gap before it that was another. */
static void gap_changed(struct range_tree *tree, struct range_node *node, uint64_t before)
{
    /* One that was not the largest below, and is not now, is nobody's news. */
    if (node->gap != before && (node->max_gap == before || node->gap > node->max_gap)) {
        tree_changed(&tree->ranges, &node->node, sum_up);
    }
}

static void update_gap(struct range_tree *tree, struct range_node *node)
{
    const uint64_t before = node->gap;

    set_gap(tree, node);
    gap_changed(tree, node, before);
}

void range_tree_init(struct range_tree *tree, vaddr_t low, vaddr_t high)
{
    /*
     * A sentinel at the upper end: "behind all ranges" is a place like any other. In the tree it
     * would be in the way of all that come one behind the other.
     */
    *tree = (struct range_tree){.low = low, .last = {.start = high, .end = high}};
}

/* As the public function, but answers the sentinel where that answers NULL. */
static struct range_node *first_ending_after(const struct range_tree *tree, vaddr_t address)
{
    struct range_node *best = (struct range_node *)&tree->last;
    struct tree_node *node = tree->ranges.root;

    while (node != NULL) {
        if (range_of(node)->end > address) {
            /* It would do, but one further to the left may end behind the address as well. */
            best = range_of(node);
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

struct range_node *range_tree_at_or_above(const struct range_tree *tree, vaddr_t address)
{
    struct range_node *node = first_ending_after(tree, address);

    return node == &tree->last ? NULL : node;
}

/* A place is the range behind it. */
struct range_node *range_tree_is_free(const struct range_tree *tree, vaddr_t start, vaddr_t end)
{
    struct range_node *next;

    if (start < tree->low || start >= end || end > tree->last.start) {
        return NULL;
    }
    next = first_ending_after(tree, start);
    return next->start >= end ? next : NULL;
}

/*
 * The next range has no left child, or the previous one no right child: that is the place. The
 * next one's gap was `before`.
 */
static void insert_before(struct range_tree *tree, struct range_node *node, struct range_node *next,
                          uint64_t before)
{
    const bool left = next != &tree->last && next->node.left == NULL;
    struct range_node *const parent = left ? next : node->prev;

    /* The node comes first in a range: of none, the first of all, it is none either. */
    tree_insert(&tree->ranges, &node->node, (struct tree_node *)parent, !left, sum_up);
    /* On the way up, or that may have ended below it. */
    if (!left) {
        gap_changed(tree, next, before);
    }
}

void range_tree_insert(struct range_tree *tree, struct range_node *node)
{
    range_tree_insert_at(tree, node, first_ending_after(tree, node->start));
}

void range_tree_insert_at(struct range_tree *tree, struct range_node *node, struct range_node *next)
{
    const uint64_t before = next->gap;

    node->prev = next->prev;
    node->next = next;
    if (node->prev != NULL) {
        node->prev->next = node;
    }
    next->prev = node;
    /* Both gaps before the way up, which sums up what a subtree knows of its largest one. */
    node->gap = node->start - free_from(tree, node);
    set_gap(tree, next);
    insert_before(tree, node, next, before);
    tree->count++;
    check_in_debug_builds(tree, node);
}

void range_tree_remove(struct range_tree *tree, struct range_node *node)
{
    const uint64_t before = node->next->gap;

    if (node->prev != NULL) {
        node->prev->next = node->next;
    }
    node->next->prev = node->prev;
    /* The hole that is left is the next one's; before the tree changes, whose way up sums it. */
    set_gap(tree, node->next);
    /* On the way up from a node's parent, and from what takes the place of one with two children.
     */
    const bool on_the_way = node->node.parent == &node->next->node ||
                            (node->node.left != NULL && node->node.right != NULL);

    tree_remove(&tree->ranges, &node->node, sum_up);
    if (!on_the_way) {
        gap_changed(tree, node->next, before);
    }
    tree->count--;
    check_in_debug_builds(tree, node->next);
}

/*
 * The range stays between its neighbours, so its place in the tree is right; only the two gaps
 * beside it change.
 */
void range_tree_resize(struct range_tree *tree, struct range_node *node, vaddr_t start, vaddr_t end)
{
    node->start = start;
    node->end = end;
    update_gap(tree, node);
    update_gap(tree, node->next);
    check_in_debug_builds(tree, node);
}

/* Where an aligned interval would start in the gap before a node; false if it does not fit. */
static bool fits_before(const struct range_tree *tree, const struct range_node *node, uint64_t size,
                        uint64_t alignment, vaddr_t *start)
{
    vaddr_t first = free_from(tree, node);
    /* Rounding up can wrap at the top of the addresses. */
    vaddr_t aligned = (first + alignment - 1) & ~(alignment - 1);

    if (aligned < first || aligned > node->start || node->start - aligned < size) {
        return false;
    }
    *start = aligned;
    return true;
}

/*
 * The largest gap below, alignment aside: a subtree that cannot hold it is skipped whole. One
 * that could but for its alignment is looked through, which costs at most its size.
 */
static bool may_have(struct tree_node *root, uint64_t size)
{
    return root != NULL && range_of(root)->max_gap >= size;
}

/* The first of a subtree that may have one. */
static struct tree_node *first_wide(struct tree_node *node, uint64_t size)
{
    while (may_have(node->left, size)) {
        node = node->left;
    }
    return node;
}

static struct tree_node *next_wide(struct tree_node *node, uint64_t size)
{
    if (may_have(node->right, size)) {
        return first_wide(node->right, size);
    }
    /* Up past all whose right side has been looked through. */
    while (node->parent != NULL && node->parent->right == node) {
        node = node->parent;
    }
    return node->parent;
}

struct range_node *range_tree_find_gap(const struct range_tree *tree, uint64_t size,
                                       uint64_t alignment, vaddr_t *start)
{
    struct range_node *const last = (struct range_node *)&tree->last;
    struct tree_node *node = tree->ranges.root;

    if (size == 0) {
        return NULL;
    }
    /* The lowest address first: the same requests give the same addresses in each run. */
    for (node = may_have(node, size) ? first_wide(node, size) : NULL; node != NULL;
         node = next_wide(node, size)) {
        if (fits_before(tree, range_of(node), size, alignment, start)) {
            return range_of(node);
        }
    }
    return fits_before(tree, last, size, alignment, start) ? last : NULL;
}
