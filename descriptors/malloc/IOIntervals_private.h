/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ascending sets of disjoint closed intervals, the free ones and the live ones, each
 * a tree, and one supply of nodes for both.
 *
 * So the room that an interval needs is the same in either set. One that moves from the
 * live set to the free one never needs memory, which is what lets IORangeAllocator take
 * back every allocation. The supply grows by blocks and nodes stay where they are: growing
 * costs the same however many there are.
 */
#ifndef DESCRIPTORS_IOINTERVALS_PRIVATE_H
#define DESCRIPTORS_IOINTERVALS_PRIVATE_H

#include "descriptors/IOTypes.h"
#include "kernel/tree.h"

struct IOInterval {
    struct tree_node node; /* first: a node is its interval */
    uint64_t start;
    uint64_t end;     /* last number, inclusive: 2^64 - 1 can be one */
    uint64_t longest; /* end - start of the longest interval below, itself included */
    UInt32 below;     /* intervals there, itself included */
};

enum {
    IOIntervals_kFree,
    IOIntervals_kLive
};

struct IOIntervals {
    struct IOIntervalBlock *blocks; /* all nodes there are */
    struct IOInterval *spare;       /* those in neither set, by node.right */
    UInt32 capacity;                /* nodes */
    UInt32 count[2];
    uint64_t total[2]; /* numbers in each set, modulo 2^64 */
    struct tree set[2];
};

/* So many nodes more. False without memory. */
bool IOIntervals_grow(struct IOIntervals *self, UInt32 nodes);
void IOIntervals_free(struct IOIntervals *self);

/* The first interval of a set that ends at or above a number; NULL if none does. */
struct IOInterval *IOIntervals_find(const struct IOIntervals *self, int set, uint64_t number);

/* The last of a set; NULL: it is empty. */
static inline struct IOInterval *IOIntervals_last(const struct IOIntervals *self, int set)
{
    struct tree_node *node = self->set[set].root;

    while (node != NULL && node->right != NULL) {
        node = node->right;
    }
    return (struct IOInterval *)(void *)node;
}

static inline struct IOInterval *IOIntervals_next(const struct IOInterval *interval)
{
    return (struct IOInterval *)(void *)tree_next(&interval->node);
}

static inline struct IOInterval *IOIntervals_previous(const struct IOInterval *interval)
{
    return (struct IOInterval *)(void *)tree_previous(&interval->node);
}

/* The interval at a place in ascending order; NULL behind the last. */
struct IOInterval *IOIntervals_at(const struct IOIntervals *self, int set, UInt32 index);

/*
 * The lowest interval in which offset + 1 numbers fit from a multiple of mask + 1 on, and
 * that multiple; NULL: none.
 */
struct IOInterval *IOIntervals_fit(const struct IOIntervals *self, int set, uint64_t offset,
                                   uint64_t mask, uint64_t *start);

/* Add an interval that overlaps none of the set. There must be a spare node. */
void IOIntervals_insert(struct IOIntervals *self, int set, uint64_t start, uint64_t end);
void IOIntervals_remove(struct IOIntervals *self, int set, struct IOInterval *interval);

/* Move the ends of an interval; its place in the order must stay. */
void IOIntervals_set(struct IOIntervals *self, int set, struct IOInterval *interval, uint64_t start,
                     uint64_t end);

/*
 * Take the numbers of a range away from a set, wherever it overlaps intervals; one that the
 * range lies inside of becomes two, for which there must be a spare node.
 */
void IOIntervals_subtract(struct IOIntervals *self, int set, uint64_t start, uint64_t end);

/* How many intervals the set would have after that. */
uint64_t IOIntervals_countWithout(const struct IOIntervals *self, int set, uint64_t start,
                                  uint64_t end);

#endif
