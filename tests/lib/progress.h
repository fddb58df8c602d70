/* SPDX-License-Identifier: BSD-2-Clause */
/* A progress line for long work: bytes, percent and rate, rewritten in place. */
#ifndef TESTS_LIB_PROGRESS_H
#define TESTS_LIB_PROGRESS_H

#include "kernel/types.h"

struct progress {
    const char *what;
    uint64_t total;   /* bytes */
    uint64_t started; /* nanoseconds */
    uint64_t shown;   /* nanoseconds; when the line was last written */
    bool enabled;     /* the output is a terminal */
};

struct progress progress_begin(const char *what, uint64_t total, bool enabled);
void progress_update(struct progress *progress, uint64_t done); /* at most ten lines a second */
void progress_end(struct progress *progress);                   /* leaves an empty line */

#endif
