/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes at consecutive addresses, found by byte offset: how a descriptor keeps
 * what it decided once (where its ranges lie, where its pages are).
 *
 * Neighbours never continue each other: whoever appends a piece that begins
 * where the last run ends makes that run longer. So one run is one segment, and
 * a walk has nothing to merge.
 */
#ifndef DESCRIPTORS_IOMEMORYRUNS_H
#define DESCRIPTORS_IOMEMORYRUNS_H

#include "descriptors/IOMemoryRow.h"
#include "descriptors/object/IOAssert.h"

/* The room of runs that are not one, from the heap. */
bool IOMemoryRuns_allocate(struct memory_runs *runs);

/*
 * Empty, with room for one, which lies in the structure: that is the common case, and needs no
 * allocation, which cannot fail either. Whoever copies the structure must point the list to its
 * own.
 */
static inline void IOMemoryRuns_begin(struct memory_runs *runs)
{
    /* Field by field: a list that is empty says nothing of `single`, which need not be cleared. */
    runs->list = &runs->single;
    runs->count = 0;
    runs->capacity = 1;
    runs->length = 0;
    runs->longest = 0;
    runs->highest = 0;
    runs->registers = false;
}

/* Empty, with room for `capacity` runs, or one more than none. False without memory. */
static inline bool IOMemoryRuns_init(struct memory_runs *runs, size_t capacity)
{
    IOMemoryRuns_begin(runs);
    if (capacity <= 1) {
        return true;
    }
    runs->capacity = capacity;
    return IOMemoryRuns_allocate(runs);
}

/* Room for at least one more, and for `least` at all. False without memory: nothing is changed. */
bool IOMemoryRuns_makeRoom(struct memory_runs *runs, size_t least);

/* Add `length` bytes (0 adds nothing). The room must suffice, the sum of lengths must not wrap. */
void IOMemoryRuns_append(struct memory_runs *runs, uint64_t address, uint64_t length);

/*
 * Fatal by name ("IOMemoryRuns: ...") if the list does not agree with itself. Debug
 * builds look at the last two runs whenever one is added, at a found run whenever one
 * is looked up, and at all of them when they are given back, which costs what building
 * them has cost.
 */
#ifdef DEBUG
void IOMemoryRuns_check(const struct memory_runs *runs);
void IOMemoryRuns_checkRun(const struct memory_runs *runs, size_t index);
#else
static inline void IOMemoryRuns_check(const struct memory_runs *runs)
{
    (void)runs;
}

static inline void IOMemoryRuns_checkRun(const struct memory_runs *runs, size_t index)
{
    (void)runs, (void)index;
}
#endif

/* Give back the room; zeroed runs are fine. */
static inline void IOMemoryRuns_free(struct memory_runs *runs)
{
    IOMemoryRuns_check(runs);
    if (runs->list != &runs->single) {
        platform_free(runs->list);
    }
    runs->list = NULL;
    runs->count = 0;
    runs->capacity = 0;
    runs->length = 0;
    runs->longest = 0;
}

/*
 * The run that holds `offset`, which must be less than the length. O(log count), and at once where
 * all are of one length, as scattered pages are.
 */
static inline const struct memory_run *IOMemoryRuns_find(const struct memory_runs *runs,
                                                         uint64_t offset)
{
    size_t low = 1, high = runs->count - 1, guess;

    IOASSERT(offset < runs->length);
    if (offset < runs->list[0].end) {
        return runs->list;
    }
    /* Where it would be among runs of the average length, which is 1 byte at least. */
    guess = offset / (runs->length / runs->count);
    guess = guess < low ? low : guess > high ? high : guess;
    if (offset >= runs->list[guess].end) {
        low = guess + 1;
    } else if (offset < runs->list[guess - 1].end) {
        high = guess - 1;
    } else {
        low = high = guess;
    }
    while (low < high) { /* the run is in [low, high] */
        size_t middle = low + (high - low) / 2;

        if (offset < runs->list[middle].end) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    IOMemoryRuns_checkRun(runs, low);
    return &runs->list[low];
}

/* Offset of a run's first byte. */
static inline uint64_t IOMemoryRuns_start(const struct memory_runs *runs,
                                          const struct memory_run *run)
{
    return run == runs->list ? 0 : run[-1].end;
}

/* Do the bytes from a run on, up to `end`, lie in at most `most` runs, of which it is the first? */
static inline bool IOMemoryRuns_isWithin(const struct memory_runs *runs,
                                         const struct memory_run *run, uint64_t end, size_t most)
{
    return most >= runs->count - (size_t)(run - runs->list) || run[most - 1].end >= end;
}

/* Bytes [offset, end), of which there are some, as far as they are in at most `most` runs. */
static inline struct IOMemoryRow IOMemoryRuns_row(const struct memory_runs *runs, uint64_t offset,
                                                  uint64_t end, size_t most)
{
    const struct memory_run *const run = IOMemoryRuns_find(runs, offset);
    struct IOMemoryRow row = {run, run->address + (offset - IOMemoryRuns_start(runs, run)), offset,
                              end};

    IOASSERT(offset < end && end <= runs->length && most != 0);
    /* Settled here where the row ends, so that no run is asked for it. */
    if (!IOMemoryRuns_isWithin(runs, run, end, most)) {
        row.end = run[most - 1].end;
    }
    return row;
}

#endif
