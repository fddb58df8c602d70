/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second thread, where there is none: its code runs between two instructions of the
 * first one's. So each place where they can meet is tried, one after another, and always
 * in the same order.
 */
#ifndef TESTS_HOST_SIM_PREEMPT_H
#define TESTS_HOST_SIM_PREEMPT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Run `first`, and `second` once before the nth instruction (from 0 on) of it at which no lock
 * is held, and which is not the heap's: there nobody would have to wait. False: `first` has no so
 * many, or the host cannot step over single instructions; `second` has not run then. It must not
 * leave with a failure.
 */
bool sim_preempt(void (*first)(void), void (*second)(void), uint64_t nth);

#endif
