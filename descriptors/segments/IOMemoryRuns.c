/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the list of runs; finding in it is inline, in the header. */
#include "descriptors/segments/IOMemoryRuns.h"

#include <string.h>

#include "descriptors/platform.h"

bool IOMemoryRuns_allocate(struct memory_runs *runs)
{
    size_t bytes;

    if (__builtin_mul_overflow(runs->capacity, sizeof(*runs->list), &bytes)) {
        return false;
    }
    runs->list = platform_alloc(bytes);
    return runs->list != NULL;
}

bool IOMemoryRuns_makeRoom(struct memory_runs *runs, size_t least)
{
    /* Four times as much: filling a list copies each run once or twice, however many there are. */
    const size_t more = runs->capacity != 0 ? 4 * runs->capacity : 1;
    const size_t capacity = runs->capacity < least ? least : more;
    struct memory_run *list;
    size_t bytes;

    if (__builtin_mul_overflow(capacity, sizeof(*list), &bytes)) {
        return false;
    }
    list = platform_alloc(bytes);
    if (list == NULL) {
        return false;
    }
    memcpy(list, runs->list, runs->count * sizeof(*list));
    if (runs->list != &runs->single) {
        platform_free(runs->list);
    }
    runs->list = list;
    runs->capacity = capacity;
    return true;
}

void IOMemoryRuns_append(struct memory_runs *runs, uint64_t address, uint64_t length)
{
    struct memory_run *run;
    uint64_t start;

    if (length == 0) {
        return;
    }
    IOASSERT(length <= UINT64_MAX - runs->length);
    run = runs->count == 0 ? NULL : &runs->list[runs->count - 1];
    start = run == NULL ? 0 : IOMemoryRuns_start(runs, run);
    /* Address 0 continues nothing, although the end of the topmost run wraps to it. */
    if (run == NULL || address == 0 || run->address + (run->end - start) != address) {
        if (runs->count == runs->capacity) {
            /* A caller has miscounted: the next store would be to somebody else's memory. */
            platform_fatal("more runs than room was made for");
        }
        run = &runs->list[runs->count++];
        run->address = address;
        start = runs->length;
    }
    runs->length += length;
    run->end = runs->length;
    if (run->end - start > runs->longest) {
        runs->longest = run->end - start;
    }
    IOMemoryRuns_checkRun(runs, runs->count - 1);
}
