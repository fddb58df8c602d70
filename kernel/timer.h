/* SPDX-License-Identifier: BSD-2-Clause */
/* The generic timer: monotonic time and one-shot deadlines. Any context. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include "kernel/types.h"

uint64_t timer_now(void);       /* nanoseconds since reset */
uint64_t timer_frequency(void); /* Hz, from CNTFRQ_EL0 */

/*
 * A deadline. The structure belongs to the caller and must live until it has
 * fired or is cancelled. The callback runs in interrupt context, once.
 */
struct timer {
    struct timer *next; /* private: kept sorted by deadline */
    uint64_t deadline;  /* private: in counter ticks */
    void (*callback)(void *context);
    void *context;
};

void timer_start(struct timer *timer, uint64_t nanoseconds); /* restarts a running one */
bool timer_cancel(struct timer *timer);                      /* false: it was not pending */
void timer_delay(uint64_t nanoseconds);                      /* busy wait */

#endif
