/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A balanced tree (AVL) whose nodes are embedded in the caller's own structures: what is
 * kept in order is found, added and removed in O(log n). The caller knows the order: it
 * descends from the root by itself, and says where a new node goes. The caller
 * serialises. Freestanding, and all in this header, so that every floor may use it.
 *
 * A node may sum up its subtree (a largest value, say): `update` recomputes that from the
 * node and its two children, and tells whether it is another than before; it is called
 * wherever a subtree has changed, upwards until nothing changes any more. NULL: there is
 * nothing to sum up.
 */
#ifndef KERNEL_TREE_H
#define KERNEL_TREE_H

#include "kernel/types.h"

/* A place in a tree, embedded in what is sorted. */
struct tree_node {
    struct tree_node *left, *right, *parent;
    int height;
};

/* A balanced tree (AVL). Who inserts has found the place. */
struct tree {
    struct tree_node *root; /* NULL: empty */
};

/* Make anew what a node keeps of its subtree; true: it has changed. */
typedef bool tree_update_t(struct tree_node *node);

/* The structure that a node is embedded in. */
#define TREE_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* The first in order; NULL: it is empty. */
static inline struct tree_node *tree_first(const struct tree *tree)
{
    struct tree_node *node = tree->root;

    while (node != NULL && node->left != NULL) {
        node = node->left;
    }
    return node;
}

/* The neighbour behind a node, NULL at the end. */
static inline struct tree_node *tree_next(const struct tree_node *node)
{
    struct tree_node *at = node->right;

    if (at != NULL) {
        while (at->left != NULL) {
            at = at->left;
        }
        return at;
    }
    for (at = node->parent; at != NULL && at->right == node; at = at->parent) {
        node = at;
    }
    return at;
}

/* The neighbour before a node; NULL at the beginning. */
static inline struct tree_node *tree_previous(const struct tree_node *node)
{
    struct tree_node *at = node->left;

    if (at != NULL) {
        while (at->right != NULL) {
            at = at->right;
        }
        return at;
    }
    for (at = node->parent; at != NULL && at->left == node; at = at->parent) {
        node = at;
    }
    return at;
}

/* Levels of a subtree; 0 of none. */
static inline int tree_height(const struct tree_node *node)
{
    return node == NULL ? 0 : node->height;
}

/* What a node with subtrees of these heights says of its own, anew; is it something else? */
static inline bool tree_say(struct tree_node *node, int left, int right, tree_update_t *update)
{
    const int height = 1 + (left > right ? left : right);
    bool changed = height != node->height;

    node->height = height;
    if (update != NULL) {
        changed |= update(node);
    }
    return changed;
}

/* The same with the heights as they are. */
static inline bool tree_refresh(struct tree_node *node, tree_update_t *update)
{
    return tree_say(node, tree_height(node->left), tree_height(node->right), update);
}

/* Put a node, or nothing, where another one hangs. */
static inline void tree_replace(struct tree *tree, const struct tree_node *old,
                                struct tree_node *with)
{
    struct tree_node *const parent = old->parent;

    if (parent == NULL) {
        tree->root = with;
    } else if (parent->left == old) {
        parent->left = with;
    } else {
        parent->right = with;
    }
    if (with != NULL) {
        with->parent = parent;
    }
}

/*
 * Let the child on one side take the node's place; the node becomes its other child. What the one
 * on top says is the caller's to make anew.
 */
static inline struct tree_node *tree_rotate(struct tree *tree, struct tree_node *node, bool left,
                                            tree_update_t *update)
{
    struct tree_node *const top = left ? node->right : node->left;
    struct tree_node *const inner = left ? top->left : top->right;

    tree_replace(tree, node, top);
    if (left) {
        node->right = inner;
        top->left = node;
    } else {
        node->left = inner;
        top->right = node;
    }
    node->parent = top;
    if (inner != NULL) {
        inner->parent = node;
    }
    tree_refresh(node, update);
    return top;
}

/* Mend the balance of a node whose subtrees are balanced; the node on top then. */
static inline struct tree_node *tree_mend(struct tree *tree, struct tree_node *node,
                                          tree_update_t *update)
{
    const bool left = tree_height(node->left) < tree_height(node->right);
    struct tree_node *const high = left ? node->right : node->left;
    struct tree_node *top;

    if (left ? tree_height(high->right) < tree_height(high->left)
             : tree_height(high->left) < tree_height(high->right)) {
        tree_rotate(tree, high, !left, update);
    }
    top = tree_rotate(tree, node, left, update);
    tree_refresh(top, update);
    return top;
}

/* Refresh from a node up, to the first whose word is what those above it know already. */
static inline void tree_climb(struct tree *tree, struct tree_node *node, bool changed,
                              tree_update_t *update)
{
    while (node != NULL) {
        /* Looked at once: this is the way of all that enters or leaves, a node a level. */
        const int left = tree_height(node->left), right = tree_height(node->right);

        changed |= tree_say(node, left, right, update);
        if ((unsigned)(left - right + 1) > 2) { /* they differ by more than one level */
            node = tree_mend(tree, node, update);
        } else if (!changed) {
            break;
        }
        changed = false;
        node = node->parent;
    }
}

/* A node has other children or other values than before: make that known to those above it. */
static inline void tree_changed(struct tree *tree, struct tree_node *node, tree_update_t *update)
{
    tree_climb(tree, node, false, update);
}

/* Add a node as a child of `parent` (NULL: the tree is empty) on a side that is free. */
static inline void tree_insert(struct tree *tree, struct tree_node *node, struct tree_node *parent,
                               bool right, tree_update_t *update)
{
    node->parent = parent;
    node->left = NULL;
    node->right = NULL;
    node->height = 1;
    if (update != NULL) {
        update(node);
    }
    if (parent == NULL) {
        tree->root = node;
        return;
    }
    if (right) {
        parent->right = node;
    } else {
        parent->left = node;
    }
    tree_changed(tree, parent, update);
}

static inline void tree_remove(struct tree *tree, struct tree_node *node, tree_update_t *update)
{
    struct tree_node *next, *changed;

    if (node->left == NULL || node->right == NULL) {
        changed = node->parent;
        tree_replace(tree, node, node->left != NULL ? node->left : node->right);
        tree_changed(tree, changed, update);
        return;
    }
    next = node->right; /* the neighbour takes its place; it has no left child */
    while (next->left != NULL) {
        next = next->left;
    }
    changed = next->parent;
    if (changed != node) {
        tree_replace(tree, next, next->right);
        next->right = node->right;
        next->right->parent = next;
    }
    next->left = node->left;
    next->left->parent = next;
    next->height = node->height; /* as far as those above know */
    tree_replace(tree, node, next);
    if (changed != node) {
        tree_changed(tree, changed, update);
    }
    /* What those above know is what the other node said in this place. */
    tree_climb(tree, next, true, update);
}

#endif
