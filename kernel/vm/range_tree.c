/* SPDX-License-Identifier: BSD-2-Clause */
/* An AVL tree of ranges that also knows the largest free gap below each node. */
#include "kernel/range_tree.h"

#ifdef DEBUG
#define check_in_debug_builds range_tree_check_node
#else
#define check_in_debug_builds(tree, node) ((void)0)
#endif

static int height(const struct range_node *node)
{
    return node != NULL ? node->height : 0;
}

static uint64_t max_gap(const struct range_node *node)
{
    return node != NULL ? node->max_gap : 0;
}

/* Recompute what a node derives from its children and its own gap. */
static void refresh(struct range_node *node)
{
    int left = height(node->left);
    int right = height(node->right);

    node->height = (left > right ? left : right) + 1;
    node->max_gap = node->gap;
    if (max_gap(node->left) > node->max_gap) {
        node->max_gap = max_gap(node->left);
    }
    if (max_gap(node->right) > node->max_gap) {
        node->max_gap = max_gap(node->right);
    }
}

static struct range_node *rotate_left(struct range_node *node)
{
    struct range_node *up = node->right;

    node->right = up->left;
    up->left = node;
    refresh(node);
    refresh(up);
    return up;
}

static struct range_node *rotate_right(struct range_node *node)
{
    struct range_node *up = node->left;

    node->left = up->right;
    up->right = node;
    refresh(node);
    refresh(up);
    return up;
}

/* Returns the root of the balanced subtree. */
static struct range_node *balance(struct range_node *node)
{
    /*
     * Off by two after one insertion or removal below. The inner grandchild being the higher one
     * needs the double rotation: a single one would only move the imbalance to the other side.
     */
    int lean = height(node->left) - height(node->right);

    if (lean > 1) {
        if (height(node->left->left) < height(node->left->right)) {
            node->left = rotate_left(node->left);
        }
        return rotate_right(node);
    }
    if (lean < -1) {
        if (height(node->right->right) < height(node->right->left)) {
            node->right = rotate_right(node->right);
        }
        return rotate_left(node);
    }
    refresh(node);
    return node;
}

static struct range_node *insert_below(struct range_node *root, struct range_node *node)
{
    if (root == NULL) {
        node->left = node->right = NULL;
        refresh(node);
        return node;
    }
    if (node->start < root->start) {
        root->left = insert_below(root->left, node);
    } else {
        root->right = insert_below(root->right, node);
    }
    return balance(root);
}

/* Takes the leftmost node out of a subtree. */
static struct range_node *detach_first(struct range_node *root, struct range_node **first)
{
    if (root->left == NULL) {
        *first = root;
        return root->right;
    }
    root->left = detach_first(root->left, first);
    return balance(root);
}

static struct range_node *remove_below(struct range_node *root, struct range_node *node)
{
    struct range_node *heir;

    if (node->start < root->start) {
        root->left = remove_below(root->left, node);
        return balance(root);
    }
    if (node != root) {
        root->right = remove_below(root->right, node);
        return balance(root);
    }
    if (node->right == NULL) {
        return node->left;
    }
    node->right = detach_first(node->right, &heir);
    /* The next range in order takes the place, so that the links between neighbours hold. */
    heir->left = node->left;
    heir->right = node->right;
    return balance(heir);
}

/* A gap changed: bring every subtree that contains the node up to date. */
static void refresh_path(struct range_node *root, const struct range_node *node)
{
    if (node->start < root->start) {
        refresh_path(root->left, node);
    } else if (node != root) {
        refresh_path(root->right, node);
    }
    refresh(root);
}

static void update_gap(struct range_tree *tree, struct range_node *node)
{
    node->gap = node->start - (node->prev != NULL ? node->prev->end : tree->low);
    refresh_path(tree->root, node);
}

void range_tree_init(struct range_tree *tree, vaddr_t low, vaddr_t high)
{
    *tree = (struct range_tree){.low = low};
    tree->last = (struct range_node){.start = high, .end = high, .gap = high - low};
    refresh(&tree->last);
    tree->root = &tree->last;
}

/* As the public function, but answers the sentinel where that answers NULL. */
static struct range_node *first_ending_after(const struct range_tree *tree, vaddr_t address)
{
    struct range_node *best = (struct range_node *)&tree->last;
    struct range_node *node = tree->root;

    while (node != NULL) {
        if (node->end > address) {
            best = node;
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

struct range_node *range_tree_find(const struct range_tree *tree, vaddr_t address)
{
    struct range_node *node = range_tree_at_or_above(tree, address);

    return node != NULL && node->start <= address ? node : NULL;
}

struct range_node *range_tree_next(const struct range_tree *tree, const struct range_node *node)
{
    return node->next == &tree->last ? NULL : node->next;
}

struct range_node *range_tree_previous(const struct range_node *node)
{
    return node->prev;
}

bool range_tree_is_free(const struct range_tree *tree, vaddr_t start, vaddr_t end)
{
    return start >= tree->low && start < end && end <= tree->last.start &&
           first_ending_after(tree, start)->start >= end;
}

void range_tree_insert(struct range_tree *tree, struct range_node *node)
{
    struct range_node *next = first_ending_after(tree, node->start);

    node->prev = next->prev;
    node->next = next;
    if (node->prev != NULL) {
        node->prev->next = node;
    }
    next->prev = node;
    node->gap = node->start - (node->prev != NULL ? node->prev->end : tree->low);
    tree->root = insert_below(tree->root, node);
    update_gap(tree, next);
    tree->count++;
    check_in_debug_builds(tree, node);
}

void range_tree_remove(struct range_tree *tree, struct range_node *node)
{
    tree->root = remove_below(tree->root, node);
    if (node->prev != NULL) {
        node->prev->next = node->next;
    }
    node->next->prev = node->prev;
    update_gap(tree, node->next);
    tree->count--;
    check_in_debug_builds(tree, node->next);
}

void range_tree_resize(struct range_tree *tree, struct range_node *node, vaddr_t start, vaddr_t end)
{
    node->start = start;
    node->end = end;
    update_gap(tree, node);
    update_gap(tree, node->next);
    check_in_debug_builds(tree, node);
}

/* Where an aligned interval would start in the gap before a node; false if it does not fit. */
static bool fits_before(const struct range_node *node, uint64_t size, uint64_t alignment,
                        vaddr_t *start)
{
    vaddr_t first = node->start - node->gap;
    vaddr_t aligned = (first + alignment - 1) & ~(alignment - 1);

    if (aligned < first || aligned > node->start || node->start - aligned < size) {
        return false;
    }
    *start = aligned;
    return true;
}

static bool find_gap_below(const struct range_node *root, uint64_t size, uint64_t alignment,
                           vaddr_t *start)
{
    /*
     * The largest gap below, alignment aside: a subtree that cannot hold it is skipped whole. One
     * that could but for its alignment is looked through, which costs at most its size.
     */
    if (root == NULL || root->max_gap < size) {
        return false;
    }
    return find_gap_below(root->left, size, alignment, start) ||
           fits_before(root, size, alignment, start) ||
           find_gap_below(root->right, size, alignment, start);
}

bool range_tree_find_gap(const struct range_tree *tree, uint64_t size, uint64_t alignment,
                         vaddr_t *start)
{
    return size != 0 && find_gap_below(tree->root, size, alignment, start);
}
