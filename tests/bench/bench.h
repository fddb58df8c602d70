/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmarks that count guest instructions (kernel/pmu.h). An image is a table
 * of rows and a main:
 *
 *     static void alloc_free(struct bench_result *result)
 *     {
 *         result->operations = 1000;
 *         result->measured = bench_calls(alloc_and_free, NULL, result->operations);
 *     }
 *
 *     static const struct bench rows[] = {
 *         {.id = "page", .goal_row = "11", .name = "page alloc + free", .goal = 60,
 *          .run = alloc_free},
 *     };
 *
 *     int main(void)
 *     {
 *         return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
 *     }
 *
 * `make bench` runs every image of this folder and prints one table. Bootarg
 * bench=ID runs one row alone. A figure is a property of the code and of
 * nothing else: it is the same in every run.
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include "kernel/types.h"

struct bench_result {
    uint64_t measured;   /* in the row's unit, over all operations */
    uint64_t floor;      /* the same work in the least code possible, over as many; 0: none */
    uint64_t operations; /* figures are printed per operation; 0 counts as 1 */
    const char *skipped; /* why it cannot be measured on this machine; NULL: it was */
};

struct bench {
    const char *id;       /* one word, unique in its image */
    const char *goal_row; /* its row in the table of goals; NULL: not among them */
    const char *name;     /* no tabs */
    const char *unit;     /* NULL: instructions */
    uint64_t goal;        /* at most this per operation; 0: no goal */
    void (*run)(struct bench_result *result); /* starts with a zeroed result */
};

/* Run and print the rows. Returns the exit status; a missed goal is none of its business. */
int bench_main(const struct bench *rows, size_t count);

/*
 * Instructions executed between the two, interrupts included, their own cost
 * taken off. No nesting; less than 2^32.
 */
void bench_start(void);
uint64_t bench_stop(void);

/*
 * Instructions of `rounds` calls of operation(context), with the call and the
 * return but without the loop. One call before, uncounted, warms up what an
 * operation sets up only once.
 */
uint64_t bench_calls(void (*operation)(void *context), void *context, uint64_t rounds);

/* The same, and EL2's instructions are counted as well. */
uint64_t bench_calls_with_el2(void (*operation)(void *context), void *context, uint64_t rounds);

/* Instructions from reset to bench_main. */
uint64_t bench_reset_to_main(void);

#endif
