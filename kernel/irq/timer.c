/* SPDX-License-Identifier: BSD-2-Clause */
/* The EL1 virtual timer (Arm ARM D11): a free-running counter and one compare value. */
#include "kernel/timer.h"

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devicetree.h"
#include "kernel/irq.h"
#include "kernel/lock.h"
#include "kernel/startup.h"

#define NANOSECONDS 1000000000UL /* a second */

#define FRACTION_BITS 60 /* as many as leave room for 15 GHz */

#define CNTV_CTL_ENABLE  1
#define CNTV_CTL_DISABLE 0

/* Index of the virtual timer in the interrupts of an arm,armv8-timer node. */
/*
 * Of secure, physical, virtual and hypervisor's, in this order (binding arm,armv8-timer). The
 * virtual one, since that is what a hypervisor gives to a guest: access to the physical one it may
 * keep (Arm ARM, CNTHCTL_EL2).
 */
#define TIMER_NODE_VIRTUAL 2

static struct lock timer_lock = LOCK_INITIAL("timers", LOCK_RANK_TIMER);

/* One structure, so that who starts a timer forms one address. */
static struct {
    struct timer *first;           /* sorted by deadline; equal deadlines in order of their start */
    uint64_t frequency;            /* Hz */
    uint64_t ticks_per_nanosecond; /* with FRACTION_BITS binary places, rounded up */
} timers;

static uint64_t ticks_now(void)
{
    cpu_isb(); /* the counter may be read ahead of program order */
    return cpu_read_sysreg(cntvct_el0);
}

/* Seconds and the rest apart, so that no product passes 64 bits at any frequency up to 1 GHz. */
static uint64_t ticks_to_nanoseconds(uint64_t ticks)
{
    return ticks / timers.frequency * NANOSECONDS +
           ticks % timers.frequency * NANOSECONDS / timers.frequency;
}

/* Rounded down. A multiplication, because every timed sleep pays for it and a division is dear. */
static uint64_t nanoseconds_to_ticks(uint64_t nanoseconds)
{
    return (uint64_t)((unsigned __int128)nanoseconds * timers.ticks_per_nanosecond >>
                      FRACTION_BITS);
}

/*
 * The tick at which this much time has passed from now: never early, at most
 * two ticks late; the last tick there is if that is later.
 */
static uint64_t deadline_after(uint64_t nanoseconds)
{
    uint64_t deadline;

    /*
     * One more, since the present tick has begun already: without it the time could be short by a
     * part of one.
     */
    if (__builtin_add_overflow(ticks_now() + 1, nanoseconds_to_ticks(nanoseconds), &deadline)) {
        return UINT64_MAX;
    }
    return deadline;
}

static inline void await(const struct timer *timer)
{
    /*
     * Compare value before enable: enabled with the old one, a deadline that is long past would
     * raise the line at once.
     */
    cpu_write_sysreg(cntv_cval_el0, timer->deadline);
    cpu_write_sysreg(cntv_ctl_el0, CNTV_CTL_ENABLE);
}

/* Set the compare value for the first deadline, or let the line go when there is none. */
static void program(void)
{
    if (timers.first != NULL) {
        await(timers.first);
    } else {
        cpu_write_sysreg(cntv_ctl_el0, CNTV_CTL_DISABLE);
        cpu_isb(); /* the line has fallen before the interrupt is ended, or it would come again */
    }
}

/* One reading of the clock a call: a callback that starts its timer again cannot keep us here. */
static enum irq_result timer_interrupt(void *context)
{
    const uint64_t now = ticks_now();

    (void)context;
    lock_take_masked(&timer_lock);
    /* From the head each time, as the list may be another after a callback. */
    while (timers.first != NULL && timers.first->deadline <= now) {
        struct timer *const timer = timers.first;

        /*
         * Off the list before its callback, which may start it again or end the life of what it is
         * in.
         */
        timers.first = timer->next;
        lock_release_masked(&timer_lock); /* the callback may start and cancel timers */
        timer->callback(timer->context);
        lock_take_masked(&timer_lock);
    }
    program();
    lock_release_masked(&timer_lock);
    return IRQ_SERVED; /* the next deadline has let the line fall, so this cannot go on for ever */
}

/* Take it out of the list; false if it is not in there. Its own fields are not trusted for that. */
static bool unlink_timer(struct timer *timer)
{
    for (struct timer **link = &timers.first; *link != NULL; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            return true;
        }
    }
    return false;
}

void timer_start(struct timer *timer, uint64_t nanoseconds)
{
    struct timer **link = &timers.first;
    const lock_state_t state = lock_take(&timer_lock);
    /* Of a timer that runs the old one still counts, in the list that it is in. */
    const uint64_t deadline = deadline_after(nanoseconds);

    /* Starting a timer that runs means starting it anew; linked twice, the list would be a ring. */
    unlink_timer(timer);
    timer->deadline = deadline;
    while (*link != NULL && (*link)->deadline <= deadline) {
        link = &(*link)->next;
    }
    timer->next = *link;
    *link = timer;
    await(timers.first);
    lock_release(&timer_lock, state);
}

bool timer_cancel(struct timer *timer)
{
    const lock_state_t state = lock_take(&timer_lock);
    const bool pending = unlink_timer(timer);

    /* Only then can it have been the one that the compare value is set for. */
    if (pending) {
        program();
    }
    lock_release(&timer_lock, state);
    return pending;
}

uint64_t timer_now(void)
{
    return ticks_to_nanoseconds(ticks_now());
}

uint64_t timer_frequency(void)
{
    return timers.frequency;
}

void timer_delay(uint64_t nanoseconds)
{
    const uint64_t deadline = deadline_after(nanoseconds);

    /* Awake, and in any context: a handler may not sleep. */
    while (ticks_now() < deadline) {
        ;
    }
}

/* frequency / NANOSECONDS in two steps of long division, half of the binary places each. */
static uint64_t frequency_fraction(void)
{
    const unsigned half = FRACTION_BITS / 2;
    const uint64_t high = (timers.frequency << half) / NANOSECONDS;
    const uint64_t rest = (timers.frequency << half) % NANOSECONDS;

    /* Rounded up, so that a multiple of a whole tick does not come out one short. */
    return (high << half) + ((rest << half) + NANOSECONDS - 1) / NANOSECONDS;
}

void timer_init(void)
{
    const int node = devicetree_next_compatible(-1, "arm,armv8-timer");
    unsigned intid;

    /* Firmware's word (Arm ARM, CNTFRQ_EL0): the register has no effect on the counter's rate. */
    timers.frequency = cpu_read_sysreg(cntfrq_el0);
    timers.ticks_per_nanosecond = frequency_fraction();
    /* Firmware may have left it on: its line would be up as soon as it is enabled. */
    cpu_write_sysreg(cntv_ctl_el0, CNTV_CTL_DISABLE);
    if (node < 0 || devicetree_interrupt(node, TIMER_NODE_VIRTUAL, &intid) != KERN_SUCCESS ||
        irq_register(intid, timer_interrupt, NULL) != KERN_SUCCESS) {
        kprintf("timer: no usable timer interrupt in the device tree; no deadlines\n");
    }
}
