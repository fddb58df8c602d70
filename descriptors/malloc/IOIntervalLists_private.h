/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ascending lists of disjoint closed intervals that share one block of
 * memory: the free ones grow from its beginning, the live ones from its end.
 *
 * So the room that an interval needs is the same on either list. One that moves
 * from the live list to the free one never needs memory, which is what lets
 * IORangeAllocator take back every allocation.
 */
#ifndef DESCRIPTORS_IOINTERVALLISTS_PRIVATE_H
#define DESCRIPTORS_IOINTERVALLISTS_PRIVATE_H

#include "descriptors/IOTypes.h"

struct IOInterval {
    uint64_t start;
    uint64_t end; /* last number, inclusive: 2^64 - 1 can be one */
};

enum {
    IOIntervalLists_kFree,
    IOIntervalLists_kLive
};

struct IOIntervalLists {
    struct IOInterval *room; /* NULL until the first resize */
    UInt32 capacity;         /* of both lists together */
    UInt32 count[2];
};

/* Move to a block of another capacity, enough for what is listed. False without memory. */
bool IOIntervalLists_resize(struct IOIntervalLists *lists, UInt32 capacity);

/* Index of the first interval of a list that ends at or above a number; the count if none does. */
UInt32 IOIntervalLists_find(const struct IOIntervalLists *lists, int list, uint64_t number);

/* Put an interval in at an index. There must be room. */
void IOIntervalLists_insert(struct IOIntervalLists *lists, int list, UInt32 index,
                            struct IOInterval interval);

/* Take `count` intervals out from an index on. */
void IOIntervalLists_remove(struct IOIntervalLists *lists, int list, UInt32 index, UInt32 count);

/*
 * Take the numbers of a range away from a list, wherever it overlaps intervals; one
 * that the range lies inside of becomes two, for which there must be room.
 */
void IOIntervalLists_subtract(struct IOIntervalLists *lists, int list, struct IOInterval range);

/* How many intervals the list would have after that. */
uint64_t IOIntervalLists_countWithout(const struct IOIntervalLists *lists, int list,
                                      struct IOInterval range);

static inline struct IOInterval *IOIntervalLists_at(const struct IOIntervalLists *lists, int list,
                                                    UInt32 index)
{
    return &lists->room[list == IOIntervalLists_kFree ? index : lists->capacity - 1 - index];
}

#endif
