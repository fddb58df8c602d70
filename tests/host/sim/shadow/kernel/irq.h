/* SPDX-License-Identifier: BSD-2-Clause */
/* Host replacement of kernel/irq.h: no interrupts, but masking must be balanced. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

typedef uint64_t irq_state_t;

extern unsigned sim_irq_masked; /* nesting; sim_ram.c */
extern bool sim_in_handler;     /* set by a test that plays an interrupt handler */

static inline bool irq_in_handler(void)
{
    return sim_in_handler;
}

static inline irq_state_t irq_mask(void)
{
    return sim_irq_masked++;
}

static inline void irq_restore(irq_state_t before)
{
    sim_irq_masked = (unsigned)before;
}

#endif
