/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who shows an object: a tree of map entries by the first page they show, each node with
 * the farthest page of its subtree. So what is done to a page asks those that show the page
 * and no other, were there thousands.
 */
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

static struct vm_entry *entry_of(struct tree_node *node)
{
    return TREE_ENTRY(node, struct vm_entry, of_object);
}

static uint64_t first_page(const struct vm_entry *entry)
{
    return entry->range.offset >> PAGE_SHIFT;
}

static uint64_t end_page(const struct vm_entry *entry)
{
    return first_page(entry) + ((entry->node.end - entry->node.start) >> PAGE_SHIFT);
}

static inline bool sum_up(struct tree_node *node)
{
    struct vm_entry *entry = entry_of(node);
    const uint64_t before = entry->farthest;

    entry->farthest = end_page(entry);
    if (node->left != NULL && entry_of(node->left)->farthest > entry->farthest) {
        entry->farthest = entry_of(node->left)->farthest;
    }
    if (node->right != NULL && entry_of(node->right)->farthest > entry->farthest) {
        entry->farthest = entry_of(node->right)->farthest;
    }
    /* Unchanged, nothing above it changes either: the way up ends here. */
    return entry->farthest != before;
}

void vm_object_add_entry(struct vm_object *object, struct vm_entry *entry)
{
    struct tree_node *parent = NULL, *node = object->entries.root;
    bool right = false;

    while (node != NULL) {
        parent = node;
        /*
         * Equals to the right: many entries may show the same page, and the order among them does
         * not matter.
         */
        right = first_page(entry) >= first_page(entry_of(node));
        node = right ? node->right : node->left;
    }
    tree_insert(&object->entries, &entry->of_object, parent, right, sum_up);
}

void vm_object_remove_entry(struct vm_object *object, struct vm_entry *entry)
{
    tree_remove(&object->entries, &entry->of_object, sum_up);
}

struct vm_entry *vm_object_next_entry(const struct vm_object *object, struct vm_entry *entry)
{
    struct tree_node *node =
        entry == NULL ? tree_first(&object->entries) : tree_next(&entry->of_object);

    return node == NULL ? NULL : entry_of(node);
}

/* The first node of a subtree, those left out that end before the page as a whole. */
static struct tree_node *first_reaching(struct tree_node *node, uint64_t index)
{
    while (node->left != NULL && entry_of(node->left)->farthest > index) {
        node = node->left;
    }
    return node;
}

static struct tree_node *next_reaching(struct tree_node *node, uint64_t index)
{
    if (node->right != NULL && entry_of(node->right)->farthest > index) {
        return first_reaching(node->right, index);
    }
    /* Up past all whose right side has been done. */
    while (node->parent != NULL && node->parent->right == node) {
        node = node->parent;
    }
    return node->parent;
}

struct vm_entry *vm_object_next_showing(const struct vm_object *object, struct vm_entry *entry,
                                        uint64_t index)
{
    struct tree_node *node;

    if (entry != NULL) {
        node = next_reaching(&entry->of_object, index);
    } else {
        node = object->entries.root;
        node = node == NULL ? NULL : first_reaching(node, index);
    }
    for (; node != NULL && first_page(entry_of(node)) <= index; node = next_reaching(node, index)) {
        /* The subtree reaches the page; whether this very entry does is another question. */
        if (end_page(entry_of(node)) > index) {
            return entry_of(node);
        }
    }
    return NULL;
}
