/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines with handlers, and a clock that stands still while anybody works. */
#include "tests/host/sim/sim_irq.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/timer.h"

static struct {
    irq_handler_t *handler;
    void *context;
    bool enabled, pending;
    enum irq_trigger trigger;
} lines[SIM_LINES];

static struct timer *timers;

uint64_t sim_time = 1;
void (*sim_while_waiting)(void);

static enum irq_result deliver(unsigned line)
{
    const bool before = sim_in_handler;
    enum irq_result result;

    if (lines[line].handler == NULL || !lines[line].enabled || !lines[line].pending) {
        return IRQ_NOTHING;
    }
    lines[line].pending = false;
    sim_in_handler = true;
    result = lines[line].handler(lines[line].context);
    sim_in_handler = before;
    return result;
}

enum irq_result sim_interrupt(unsigned line)
{
    lines[line].pending = true;
    return deliver(line);
}

bool sim_line_is_enabled(unsigned line)
{
    return lines[line].handler != NULL && lines[line].enabled;
}

enum irq_trigger sim_line_trigger(unsigned line)
{
    return lines[line].trigger;
}

kern_return_t irq_set_trigger(unsigned intid, enum irq_trigger trigger)
{
    if (intid < 32 || intid >= SIM_LINES) {
        return KERN_INVALID_ARGUMENT;
    }
    if (lines[intid].handler != NULL) {
        return KERN_FAILURE;
    }
    lines[intid].trigger = trigger;
    lines[intid].pending &= trigger == IRQ_LEVEL; /* its device asserts it still */
    return KERN_SUCCESS;
}

kern_return_t irq_register(unsigned intid, irq_handler_t *handler, void *context)
{
    if (intid >= SIM_LINES || handler == NULL) {
        return KERN_INVALID_ARGUMENT;
    }
    if (lines[intid].handler != NULL) {
        return KERN_NO_SPACE;
    }
    lines[intid].handler = handler;
    lines[intid].context = context;
    irq_enable(intid);
    return KERN_SUCCESS;
}

kern_return_t irq_unregister(unsigned intid)
{
    if (intid >= SIM_LINES || lines[intid].handler == NULL) {
        return KERN_INVALID_ARGUMENT;
    }
    lines[intid].handler = NULL;
    lines[intid].pending = false;
    return KERN_SUCCESS;
}

kern_return_t irq_enable(unsigned intid)
{
    lines[intid].enabled = true;
    deliver(intid);
    return KERN_SUCCESS;
}

kern_return_t irq_disable(unsigned intid)
{
    lines[intid].enabled = false;
    return KERN_SUCCESS;
}

uint64_t timer_now(void)
{
    return sim_time;
}

void timer_delay(uint64_t nanoseconds)
{
    sim_time += nanoseconds;
}

void timer_start(struct timer *timer, uint64_t nanoseconds)
{
    timer->deadline = sim_time + nanoseconds;
    timer->next = timers;
    timers = timer;
}

bool timer_cancel(struct timer *timer)
{
    for (struct timer **link = &timers; *link != NULL; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            return true;
        }
    }
    return false;
}

bool sim_timer_is_running(void)
{
    return timers != NULL;
}

/* A timer lies where somebody waited, who has long returned. */
__attribute__((destructor)) static void nobody_is_waited_for(void)
{
    if (sim_timer_is_running()) {
        fprintf(stderr, "a test left a timer running\n");
        _exit(EXIT_FAILURE);
    }
}

/* The next deadline is now. */
static bool pass_time(void)
{
    struct timer *first = timers;

    for (struct timer *timer = timers; timer != NULL; timer = timer->next) {
        if (timer->deadline < first->deadline) {
            first = timer;
        }
    }
    if (first == NULL) {
        return false;
    }
    sim_time = first->deadline;
    timer_cancel(first);
    first->callback(first->context);
    return true;
}

void irq_wait(void)
{
    if (sim_while_waiting != NULL) {
        sim_while_waiting();
    } else if (!pass_time()) {
        fprintf(stderr, "a sleep that nothing will end\n");
        abort();
    }
}

/* Who polls lets time pass as well. */
void irq_serve(void)
{
    irq_wait();
}
