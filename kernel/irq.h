/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts: masking, handlers by interrupt number (GIC INTID), idle.
 * The controller (GICv2 or GICv3) is chosen from the device tree at start-up.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

/* What a handler found. */
enum irq_result {
    IRQ_NOTHING = 0, /* its device did not ask */
    IRQ_SERVED,
};

/*
 * Runs with interrupts masked, on the interrupted stack; must not block or use the heap.
 *
 * A line whose handler has found nothing IRQ_NOTHING_MAX times, without one IRQ_SERVED
 * between, would keep the machine from everything else: it is named on the console and
 * masked. irq_enable brings it back.
 */
typedef enum irq_result irq_handler_t(void *context);

/* See irq_handler_t. */
#define IRQ_NOTHING_MAX 1000

/*
 * What makes a line of the interrupt controller pending: that it is high, until it is low again; or
 * that it rises, once.
 */
enum irq_trigger {
    IRQ_LEVEL = 0,
    IRQ_EDGE,
};

/* What irq_mask answers and irq_restore takes. */
typedef uint64_t irq_state_t;

#define IRQ_STATE_MASKED 0x80u /* of such a state: interrupts are masked */

/* Mask interrupts on this CPU and return what was before. Nests: restore in reverse order. */
static inline irq_state_t irq_mask(void)
{
    irq_state_t before;

    __asm__ volatile("mrs %0, daif\n\tmsr daifset, #2" : "=r"(before) : : "memory");
    return before;
}

/* As it was before the irq_mask that answered this. */
static inline void irq_restore(irq_state_t before)
{
    __asm__ volatile("msr daif, %0" : : "r"(before) : "memory");
}

/*
 * Attach a handler to an interrupt and enable it (this CPU). A line is level-triggered unless
 * irq_set_trigger has said otherwise; messages (msi.h) are edges.
 * KERN_INVALID_ARGUMENT: number out of the controller's range or NULL handler;
 * KERN_NO_SPACE: it has a handler already.
 */
kern_return_t irq_register(unsigned intid, irq_handler_t *handler, void *context);
/* Disables it first. KERN_INVALID_ARGUMENT: out of range, or it has no handler. */
kern_return_t irq_unregister(unsigned intid);

/*
 * Before the handler is attached; what was pending is forgotten. A device tree's word for a
 * line is not always true: QEMU says "edge" of virtio-mmio's, which are level.
 * KERN_INVALID_ARGUMENT: it is no shared line (SPI) of the controller; KERN_FAILURE: it has a
 * handler.
 */
kern_return_t irq_set_trigger(unsigned intid, enum irq_trigger trigger);

/*
 * Let a line that was masked for want of something to do interrupt again.
 * KERN_INVALID_ARGUMENT: out of range, or it has no handler.
 */
kern_return_t irq_enable(unsigned intid);

/* Keep a line pending until irq_enable. Same errors. Its handler may do so to itself. */
kern_return_t irq_disable(unsigned intid);

/*
 * One of several handlers of a level-triggered line. It belongs to the caller, who fills in the
 * handler and its context, and stays where it is until irq_unshare.
 */
struct irq_sharer {
    irq_handler_t *handler;
    void *context;

    /* Private. */
    unsigned intid;
    bool disabled;
    struct irq_sharer *next;      /* on the same line */
    struct irq_sharer *next_line; /* of the first on a line: the first on another */
};

/*
 * The same with others on the line: all handlers are called, and IRQ_NOTHING counts when
 * all of them say so. A handler may unshare itself, and no other one. KERN_NO_SPACE: it has a
 * handler that does not share; KERN_FAILURE: the sharer is on a line already.
 */
kern_return_t irq_share(unsigned intid, struct irq_sharer *sharer);
kern_return_t irq_unshare(unsigned intid, struct irq_sharer *sharer);

/*
 * The line is closed while any of its sharers wants it so. Any context.
 * KERN_INVALID_ARGUMENT: it is not on that line.
 */
kern_return_t irq_sharer_enable(unsigned intid, struct irq_sharer *sharer, bool enable);

/*
 * Sleep until an interrupt is pending and serve it. Call with interrupts
 * masked, after testing the condition you wait for: an interrupt that comes
 * between the test and the sleep ends the sleep at once, so no wake-up is lost.
 * The handlers run by a plain call, not through an exception.
 */
void irq_wait(void);

/*
 * Serve what is pending, without sleeping: for a loop that polls with interrupts
 * masked, so that timers run meanwhile.
 */
void irq_serve(void);

/* Serve the pending interrupt: what the exception vector calls, interrupts masked. */
void irq_dispatch(void);

/* What irq_in_handler asks of where interrupts are masked. Any context. */
bool irq_is_handling(void);

/* Is a handler running? For who has masked interrupts, and knows how they were before. */
static inline bool irq_was_in_handler(irq_state_t before)
{
    /* A handler has them masked: most who ask have not, and need no call. */
    return (before & IRQ_STATE_MASKED) != 0 && irq_is_handling();
}

/* Is a handler running? Any context. */
static inline bool irq_in_handler(void)
{
    irq_state_t now;

    __asm__ volatile("mrs %0, daif" : "=r"(now));
    return irq_was_in_handler(now);
}

/* How many interrupts there were. Any context. */
uint64_t irq_count(void); /* interrupts acknowledged since start-up */

/*
 * Of these, the ones without a handler, which are disabled at once (and said
 * so on the console), and wake-ups for which nothing was pending any more.
 */
uint64_t irq_spurious(void);

const char *irq_controller_name(void); /* "GICv2", "GICv3", "none" */

#endif
