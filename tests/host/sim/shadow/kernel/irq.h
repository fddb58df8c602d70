/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/irq.h: interrupts are a test's; masking must be balanced. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

typedef uint64_t irq_state_t;

extern unsigned sim_irq_masked;    /* nesting; sim_ram.c */
extern bool sim_in_handler;        /* set by a test that plays an interrupt handler */
extern void (*sim_unmasked)(void); /* called where interrupts may still come; NULL: none do */

static inline bool irq_in_handler(void)
{
    return sim_in_handler;
}

static inline bool irq_was_in_handler(irq_state_t before)
{
    (void)before;
    return sim_in_handler;
}

static inline irq_state_t irq_mask(void)
{
    if (sim_irq_masked == 0 && sim_unmasked != NULL) {
        sim_unmasked();
    }
    return sim_irq_masked++;
}

/* Ends the program: somebody between has masked and not restored, or restored what is not his. */
void sim_irq_unbalanced(irq_state_t before);

static inline void irq_restore(irq_state_t before)
{
    if (before + 1 != sim_irq_masked) {
        sim_irq_unbalanced(before);
    }
    sim_irq_masked = (unsigned)before;
}

/* As kernel/irq.h has them; sim_irq.h raises lines. */
enum irq_result {
    IRQ_NOTHING = 0,
    IRQ_SERVED,
};
typedef enum irq_result irq_handler_t(void *context);

enum irq_trigger {
    IRQ_LEVEL = 0,
    IRQ_EDGE,
};
kern_return_t irq_set_trigger(unsigned intid, enum irq_trigger trigger);

kern_return_t irq_register(unsigned intid, irq_handler_t *handler, void *context);
kern_return_t irq_unregister(unsigned intid);
kern_return_t irq_enable(unsigned intid);
kern_return_t irq_disable(unsigned intid);

struct irq_sharer {
    irq_handler_t *handler;
    void *context;
    unsigned intid;
    bool disabled;
    struct irq_sharer *next;
    struct irq_sharer *next_line;
};
kern_return_t irq_share(unsigned intid, struct irq_sharer *sharer);
kern_return_t irq_unshare(unsigned intid, struct irq_sharer *sharer);
kern_return_t irq_sharer_enable(unsigned intid, struct irq_sharer *sharer, bool enable);

void irq_wait(void);
void irq_serve(void);

#endif
