/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random descriptors and random limits: what a cursor produces is compared, entry
 * by entry, with the segmenter's list. The checks MC-1 to MC-7, MC-11,
 * MC-12, MC-15 and MC-17.
 */
#ifndef TESTS_LIB_CURSOR_CASES_H
#define TESTS_LIB_CURSOR_CASES_H

#include "tests/lib/portable/random_memory.h"

/*
 * Run the case of a seed; random_world is set. NULL if all is as it must be, else
 * the condition that failed (and memory that the case still holds).
 */
const char *cursor_case(uint64_t seed);

#endif
