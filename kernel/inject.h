/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Failing on purpose: every place where the kernel asks for memory is a point, and
 * a test can make the n-th one fail, for n = 1, 2, 3 ... until none does. What is
 * then still out of balance is a leak, and what panics is a bug. A block of the heap is
 * one point, whether the heap asks for pages for it or not: were these points too, a call
 * would have more of them at one time than at another, and "until none does" would end
 * before the last. Debug builds only; in others a point is nothing. Any context.
 */
#ifndef KERNEL_INJECT_H
#define KERNEL_INJECT_H

#include "kernel/types.h"

/* What a request can be for. */
enum inject_point {
    INJECT_HEAP,  /* a heap block */
    INJECT_PAGE,  /* a page, or a run of pages */
    INJECT_TABLE, /* a page for a page table */
    INJECT_RANGE, /* a range of an address space */
    INJECT_POINTS
};

/* What happened since inject_begin. */
struct inject_report {
    uint64_t passed[INJECT_POINTS]; /* points since inject_begin, by kind */
    bool failed;                    /* the n-th was reached and failed */
    enum inject_point kind;         /* which kind it was */
};

#ifdef DEBUG

/* The n-th point from now on fails, once; 0: count only. */
void inject_begin(uint64_t nth);

/* Stop counting and failing. */
void inject_end(struct inject_report *report);

/* At a point: true if the caller must answer as if there were no memory. */
bool inject_fails(enum inject_point kind);

#else

static inline bool inject_fails(enum inject_point kind)
{
    (void)kind;
    return false;
}

#endif
#endif
