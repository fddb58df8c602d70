/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding, fitting, joining and cutting intervals in two trees over one supply of nodes. */
#include "descriptors/malloc/IOIntervals_private.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/platform.h"

struct IOIntervalBlock {
    struct IOIntervalBlock *next;
    struct IOInterval nodes[];
};

static struct IOInterval *interval_of(struct tree_node *node)
{
    return (struct IOInterval *)(void *)node;
}

/* `below` is counted where intervals come and go; only a rotation has to count anew. */
static bool sum_up(struct tree_node *node)
{
    struct IOInterval *self = interval_of(node);
    const struct IOInterval *left = interval_of(node->left), *right = interval_of(node->right);
    const uint64_t before = self->longest;

    self->longest = self->end - self->start;
    self->below = 1;
    if (left != NULL) {
        self->below += left->below;
        self->longest = left->longest > self->longest ? left->longest : self->longest;
    }
    if (right != NULL) {
        self->below += right->below;
        self->longest = right->longest > self->longest ? right->longest : self->longest;
    }
    return self->longest != before;
}

static void give_back(struct IOIntervals *self, struct IOInterval *interval)
{
    /* A spare node is in no tree, so its link is free to chain it. */
    interval->node.right = self->spare == NULL ? NULL : &self->spare->node;
    self->spare = interval;
}

bool IOIntervals_grow(struct IOIntervals *self, UInt32 nodes)
{
    /* Many nodes at once, and never given back one by one: what was reserved stays reserved. */
    struct IOIntervalBlock *block =
        platform_alloc(sizeof(*block) + (size_t)nodes * sizeof(*block->nodes));

    if (block == NULL) {
        return false;
    }
    block->next = self->blocks;
    self->blocks = block;
    self->capacity += nodes;
    for (UInt32 i = 0; i < nodes; i++) {
        give_back(self, &block->nodes[i]);
    }
    return true;
}

void IOIntervals_free(struct IOIntervals *self)
{
    while (self->blocks != NULL) {
        struct IOIntervalBlock *const block = self->blocks;

        self->blocks = block->next;
        platform_free(block);
    }
}

struct IOInterval *IOIntervals_find(const struct IOIntervals *self, int set, uint64_t number)
{
    struct tree_node *node = self->set[set].root;
    struct IOInterval *found = NULL;

    while (node != NULL) {
        /*
         * By the ends: what holds the number, and else what comes behind it, is the answer either
         * way.
         */
        if (interval_of(node)->end < number) {
            node = node->right;
        } else {
            found = interval_of(node);
            node = node->left;
        }
    }
    return found;
}

struct IOInterval *IOIntervals_at(const struct IOIntervals *self, int set, UInt32 index)
{
    struct tree_node *node = self->set[set].root;

    while (node != NULL) {
        /* Each node counts its subtree, so that the n-th is found without walking past n - 1. */
        const UInt32 before = node->left != NULL ? interval_of(node->left)->below : 0;

        if (index == before) {
            return interval_of(node);
        }
        if (index < before) {
            node = node->left;
        } else {
            index -= before + 1;
            node = node->right;
        }
    }
    return NULL;
}

static bool fits(const struct IOInterval *interval, uint64_t offset, uint64_t mask, uint64_t *start)
{
    *start = (interval->start + mask) & ~mask; /* may wrap, or go past the interval */
    return *start >= interval->start && *start <= interval->end && interval->end - *start >= offset;
}

/* The first node of a subtree whose intervals can be long enough, alignment aside. */
static struct tree_node *first_long(struct tree_node *node, uint64_t offset)
{
    while (node->left != NULL && interval_of(node->left)->longest >= offset) {
        node = node->left;
    }
    return node;
}

/* The next one behind a node, leaving out subtrees that are too short as a whole. */
static struct tree_node *next_long(struct tree_node *node, uint64_t offset)
{
    if (node->right != NULL && interval_of(node->right)->longest >= offset) {
        return first_long(node->right, offset);
    }
    while (node->parent != NULL && node->parent->right == node) {
        node = node->parent;
    }
    return node->parent;
}

struct IOInterval *IOIntervals_fit(const struct IOIntervals *self, int set, uint64_t offset,
                                   uint64_t mask, uint64_t *start)
{
    struct tree_node *node = self->set[set].root;

    if (node == NULL || interval_of(node)->longest < offset) {
        return NULL;
    }
    /*
     * From the lowest on, which is what "first fit" means to its callers: holes gather at the top.
     */
    for (node = first_long(node, offset); node != NULL; node = next_long(node, offset)) {
        if (fits(interval_of(node), offset, mask, start)) {
            return interval_of(node);
        }
    }
    return NULL;
}

void IOIntervals_insert(struct IOIntervals *self, int set, uint64_t start, uint64_t end)
{
    struct IOInterval *const interval = self->spare;
    struct tree_node *parent = NULL, *node = self->set[set].root;
    bool right = false;

    IOASSERT(interval != NULL && start <= end);
    self->spare = interval_of(interval->node.right);
    interval->start = start;
    interval->end = end;
    while (node != NULL) {
        parent = node;
        interval_of(node)->below++;
        right = interval_of(node)->start < start;
        node = right ? node->right : node->left;
    }
    tree_insert(&self->set[set], &interval->node, parent, right, sum_up);
    self->count[set]++;
    /*
     * Modulo 2^64: all numbers together come out as 0, which the count of intervals tells from
     * none.
     */
    self->total[set] += end - start + 1;
}

/* Those above an interval that goes: above the neighbour too, if that one takes its place. */
static void count_down(struct IOInterval *interval)
{
    struct tree_node *node = &interval->node;

    if (node->left != NULL && node->right != NULL) {
        for (node = tree_next(node)->parent; node != &interval->node; node = node->parent) {
            interval_of(node)->below--;
        }
    }
    for (node = node->parent; node != NULL; node = node->parent) {
        interval_of(node)->below--;
    }
}

void IOIntervals_remove(struct IOIntervals *self, int set, struct IOInterval *interval)
{
    count_down(interval);
    tree_remove(&self->set[set], &interval->node, sum_up);
    self->count[set]--;
    self->total[set] -= interval->end - interval->start + 1;
    give_back(self, interval);
}

void IOIntervals_set(struct IOIntervals *self, int set, struct IOInterval *interval, uint64_t start,
                     uint64_t end)
{
    /* The order of the tree stays: an interval changes only as far as its neighbours leave room. */
    self->total[set] += (end - start) - (interval->end - interval->start);
    interval->start = start;
    interval->end = end;
    tree_changed(&self->set[set], &interval->node, sum_up);
}

void IOIntervals_subtract(struct IOIntervals *self, int set, uint64_t start, uint64_t end)
{
    struct IOInterval *interval = IOIntervals_find(self, set, start);

    /*
     * The first that reaches the range may begin before it: what is below stays, and what is above
     * too, which then needs a node.
     */
    if (interval != NULL && interval->start < start) {
        struct IOInterval *const next = IOIntervals_next(interval);
        const uint64_t above = interval->end;

        IOIntervals_set(self, set, interval, interval->start, start - 1);
        if (above > end) {
            IOIntervals_insert(self, set, end + 1, above);
            return;
        }
        interval = next;
    }
    while (interval != NULL && interval->end <= end) {
        struct IOInterval *const next = IOIntervals_next(interval);

        IOIntervals_remove(self, set, interval);
        interval = next;
    }
    if (interval != NULL && interval->start <= end) {
        IOIntervals_set(self, set, interval, end + 1, interval->end);
    }
}

uint64_t IOIntervals_countWithout(const struct IOIntervals *self, int set, uint64_t start,
                                  uint64_t end)
{
    const struct IOInterval *interval = IOIntervals_find(self, set, start);
    uint64_t count = self->count[set];

    if (interval != NULL && interval->start < start) {
        if (interval->end > end) {
            return count + 1;
        }
        interval = IOIntervals_next(interval);
    }
    for (; interval != NULL && interval->end <= end; interval = IOIntervals_next(interval)) {
        count--;
    }
    return count;
}
