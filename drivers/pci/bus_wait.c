/* SPDX-License-Identifier: BSD-2-Clause */
/* Waiting for registers to change. */
#include "drivers/pci/bus_wait.h"

#include "kernel/irq.h"
#include "kernel/timer.h"

#define REST 200000ull /* nanoseconds between two looks */

static void wake(void *context)
{
    *(volatile bool *)context = true;
}

void bus_rest(uint64_t nanoseconds)
{
    volatile bool over = false;
    struct timer timer = {.callback = wake, .context = (void *)&over};
    const irq_state_t state = irq_mask();

    timer_start(&timer, nanoseconds);
    while (!over) {
        irq_wait();
    }
    irq_restore(state);
}

bool bus_wait(bool (*ask)(void *context), void *context, uint64_t timeout)
{
    const uint64_t start = timer_now();

    for (;;) {
        /* The time before the answer: one that is late by our own sleep is in time. */
        const bool late = timer_now() - start >= timeout;

        if (ask(context)) {
            return true;
        }
        if (late) {
            return false;
        }
        bus_rest(REST);
    }
}
