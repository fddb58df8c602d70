/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for registers to change: with a bound, and without keeping others from the CPU. */
#ifndef DRIVERS_PCI_BUS_WAIT_H
#define DRIVERS_PCI_BUS_WAIT_H

#include "kernel/types.h"

/* Sleep so many nanoseconds; interrupts are served meanwhile. Thread context. */
void bus_rest(uint64_t nanoseconds);

/*
 * Ask, and rest between two questions, until the answer is true. False: the time, nanoseconds,
 * was up first. Asked once more after the last rest. Thread context.
 */
bool bus_wait(bool (*ask)(void *context), void *context, uint64_t timeout);

#endif
