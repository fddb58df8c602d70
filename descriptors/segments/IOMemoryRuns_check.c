/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold of a list of runs; debug builds only. */
#include "descriptors/segments/IOMemoryRuns.h"

#ifdef DEBUG

static _Noreturn void damaged(const char *what, size_t index)
{
    platform_fatal("IOMemoryRuns: %s at run %zu", what, index);
}

void IOMemoryRuns_checkRun(const struct memory_runs *runs, size_t index)
{
    const struct memory_run *const run = &runs->list[index];
    uint64_t start;

    if (index >= runs->count || runs->count > runs->capacity) {
        damaged("more runs than there is room", index);
    }
    start = IOMemoryRuns_start(runs, run);
    /* Look-ups halve the list by these ends: out of order, one would answer with a wrong run. */
    if (run->end <= start) {
        damaged("ends that do not ascend", index);
    }
    if (run->end - start > runs->longest) {
        damaged("a run longer than the longest", index);
    }
    /* Offsets are judged by the length alone: what it allows must lie in some run. */
    if (index + 1 == runs->count ? run->end != runs->length : run->end >= runs->length) {
        damaged("an end that does not fit the length", index);
    }
    /* One run is one segment: a walk does not look whether the next one goes on. */
    if (index != 0) {
        const uint64_t before = start - IOMemoryRuns_start(runs, run - 1);

        if (run->address != 0 && run[-1].address + before == run->address) {
            damaged("neighbours that are one run", index);
        }
    }
}

void IOMemoryRuns_check(const struct memory_runs *runs)
{
    if (runs->count == 0 && runs->length != 0) {
        damaged("a length of no runs", 0);
    }
    for (size_t i = 0; i < runs->count; i++) {
        IOMemoryRuns_checkRun(runs, i);
    }
}

#endif
