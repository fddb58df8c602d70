/* SPDX-License-Identifier: BSD-2-Clause */
/* Building the list of runs; finding in it is inline, in the header. */
#include "descriptors/segments/IOMemoryRuns.h"

#include <string.h>

#include "descriptors/platform.h"

bool IOMemoryRuns_init(struct IOMemoryRuns *runs, size_t capacity)
{
    size_t bytes;

    /* Field by field: a list that is empty says nothing of `single`, which need not be cleared. */
    runs->list = &runs->single;
    runs->count = 0;
    runs->capacity = capacity;
    runs->length = 0;
    runs->longest = 0;
    runs->highest = 0;
    /*
     * One run is the common case, and lies in the structure: no allocation, which cannot fail
     * either. Whoever copies the structure must point the list to its own.
     */
    if (capacity <= 1) {
        return true;
    }
    if (__builtin_mul_overflow(capacity, sizeof(*runs->list), &bytes)) {
        return false;
    }
    runs->list = platform_alloc(bytes);
    return runs->list != NULL;
}

/* Four times as much: filling a list copies each run once or twice, however many there will be. */
bool IOMemoryRuns_makeRoom(struct IOMemoryRuns *runs)
{
    const size_t capacity = runs->capacity != 0 ? 4 * runs->capacity : 1;
    struct memory_run *const list = platform_alloc(capacity * sizeof(*list));

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

void IOMemoryRuns_free(struct IOMemoryRuns *runs)
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

void IOMemoryRuns_append(struct IOMemoryRuns *runs, uint64_t address, uint64_t length)
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
