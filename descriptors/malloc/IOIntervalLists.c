/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding, joining and cutting intervals in the two lists of one block of memory. */
#include <string.h>

#include "descriptors/malloc/IOIntervalLists_private.h"
#include "descriptors/platform.h"

static struct IOInterval *live_block(const struct IOIntervalLists *lists)
{
    return &lists->room[lists->capacity - lists->count[IOIntervalLists_kLive]];
}

static void copy(struct IOInterval *to, const struct IOInterval *from, UInt32 count)
{
    if (count != 0) {
        memmove(to, from, (size_t)count * sizeof(*from));
    }
}

bool IOIntervalLists_resize(struct IOIntervalLists *lists, UInt32 capacity)
{
    struct IOIntervalLists larger = *lists;

    larger.room = platform_alloc((size_t)capacity * sizeof(*larger.room));
    larger.capacity = capacity;
    if (larger.room == NULL) {
        return false;
    }
    if (lists->room != NULL) {
        copy(larger.room, lists->room, lists->count[IOIntervalLists_kFree]);
        copy(live_block(&larger), live_block(lists), lists->count[IOIntervalLists_kLive]);
    }
    platform_free(lists->room);
    *lists = larger;
    return true;
}

UInt32 IOIntervalLists_find(const struct IOIntervalLists *lists, int list, uint64_t number)
{
    UInt32 low = 0;
    UInt32 high = lists->count[list];

    while (low < high) {
        const UInt32 middle = low + (high - low) / 2;

        if (IOIntervalLists_at(lists, list, middle)->end < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void IOIntervalLists_insert(struct IOIntervalLists *lists, int list, UInt32 index,
                            struct IOInterval interval)
{
    const UInt32 behind = lists->count[list]++ - index;

    if (list == IOIntervalLists_kFree) {
        copy(&lists->room[index + 1], &lists->room[index], behind);
    } else {
        copy(live_block(lists), live_block(lists) + 1, behind);
    }
    *IOIntervalLists_at(lists, list, index) = interval;
}

void IOIntervalLists_remove(struct IOIntervalLists *lists, int list, UInt32 index, UInt32 count)
{
    const UInt32 behind = lists->count[list] - index - count;

    if (list == IOIntervalLists_kFree) {
        copy(&lists->room[index], &lists->room[index + count], behind);
    } else {
        copy(live_block(lists) + count, live_block(lists), behind);
    }
    lists->count[list] -= count;
}

/* Intervals from `index` on that lie inside the range as a whole. */
static UInt32 count_inside(const struct IOIntervalLists *lists, int list, UInt32 index,
                           struct IOInterval range)
{
    UInt32 count = 0;

    while (index + count < lists->count[list] &&
           IOIntervalLists_at(lists, list, index + count)->end <= range.end) {
        count++;
    }
    return count;
}

void IOIntervalLists_subtract(struct IOIntervalLists *lists, int list, struct IOInterval range)
{
    UInt32 index = IOIntervalLists_find(lists, list, range.start);
    struct IOInterval *interval;

    if (index == lists->count[list]) {
        return;
    }
    interval = IOIntervalLists_at(lists, list, index);
    if (interval->start < range.start) {
        const struct IOInterval above = {range.end + 1, interval->end};

        interval->end = range.start - 1;
        index++;
        if (above.end > range.end) {
            IOIntervalLists_insert(lists, list, index, above);
            return;
        }
    }
    IOIntervalLists_remove(lists, list, index, count_inside(lists, list, index, range));
    if (index < lists->count[list]) {
        interval = IOIntervalLists_at(lists, list, index);
        if (interval->start <= range.end) {
            interval->start = range.end + 1;
        }
    }
}

uint64_t IOIntervalLists_countWithout(const struct IOIntervalLists *lists, int list,
                                      struct IOInterval range)
{
    UInt32 index = IOIntervalLists_find(lists, list, range.start);
    const uint64_t count = lists->count[list];

    if (index < count) {
        const struct IOInterval *interval = IOIntervalLists_at(lists, list, index);

        if (interval->start < range.start) {
            if (interval->end > range.end) {
                return count + 1;
            }
            index++;
        }
    }
    return count - count_inside(lists, list, index, range);
}
