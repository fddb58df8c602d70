/* SPDX-License-Identifier: BSD-2-Clause */
/* One line of progress, rewritten in place. */
#include "tests/lib/progress.h"

#include "kernel/console.h"
#include "kernel/timer.h"

#define SECOND   1000000000ull
#define INTERVAL (SECOND / 10)
#define MIB      (1u << 20)

struct progress progress_begin(const char *what, uint64_t total, bool enabled)
{
    return (struct progress){
        .what = what, .total = total, .started = timer_now(), .enabled = enabled};
}

void progress_update(struct progress *progress, uint64_t done)
{
    uint64_t now = timer_now();
    uint64_t elapsed = now - progress->started;

    if (!progress->enabled || now - progress->shown < INTERVAL) {
        return;
    }
    progress->shown = now;
    kprintf("\r%s %llu of %llu MiB, %llu %%, %llu MiB/s ", progress->what,
            (unsigned long long)done / MIB, (unsigned long long)progress->total / MIB,
            (unsigned long long)(progress->total ? done * 100 / progress->total : 100),
            (unsigned long long)(elapsed ? done / MIB * SECOND / elapsed : 0));
}

void progress_end(struct progress *progress)
{
    if (progress->enabled) {
        kprintf("\r\033[K");
    }
}
