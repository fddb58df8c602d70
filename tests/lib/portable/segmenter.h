/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list that a cursor has to produce, by the straightforward way: byte by byte,
 * with no notion of runs.
 */
#ifndef TESTS_LIB_SEGMENTER_H
#define TESTS_LIB_SEGMENTER_H

#include "tests/lib/portable/random_memory.h"

#define SEGMENTER_ENTRIES_MAX 20000

struct segmenter_limits {
    uint64_t segment, transfer; /* bytes; UINT64_MAX: none */
    uint64_t alignment;         /* 1: none */
    UInt32 entries;
};

struct segmenter_list {
    IOPhysicalSegment entry[SEGMENTER_ENTRIES_MAX];
    UInt32 count;
    uint64_t total;
};

void segmenter_run(const struct described_bytes *bytes, uint64_t from,
                   const struct segmenter_limits *limits, struct segmenter_list *out);

#endif
