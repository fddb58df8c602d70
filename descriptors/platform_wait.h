/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform seam's waiting: what work loops and event sources ask for. See platform.h.
 * A port whose programs use no work loop need not have it.
 */
#ifndef DESCRIPTORS_PLATFORM_WAIT_H
#define DESCRIPTORS_PLATFORM_WAIT_H

#include "descriptors/platform.h"

/* Keep interrupt handlers out for a few instructions. Nests; restore in reverse order. Any context.
 */
typedef uint64_t platform_irq_state;
platform_irq_state platform_irq_mask(void);
void platform_irq_restore(platform_irq_state before);

/*
 * With interrupts masked, after the test of what is waited for: sleep until a handler has
 * run or the deadline has passed, whichever is first, and serve what came. An interrupt
 * between the test and the sleep ends the sleep at once. May return early. Deadline:
 * platform_now's, UINT64_MAX: none.
 */
void platform_wait(uint64_t deadline);

/* Absolute time, nanoseconds since start. Any context. */
uint64_t platform_now(void);

/*
 * Attach a handler to an interrupt line of the machine's controller, by its number there, and
 * let it through. handler runs in interrupt context. A level-triggered line may have several,
 * told apart by their contexts: all are called. KERN_INVALID_ARGUMENT: there is no such line;
 * KERN_NO_SPACE: it has a handler and is not shared; KERN_RESOURCE_SHORTAGE. Detaching what is not
 * attached has no effect.
 */
kern_return_t platform_interrupt_attach(unsigned line, bool level, void (*handler)(void *),
                                        void *context);
void platform_interrupt_detach(unsigned line, void *context);

/*
 * Let a line's interrupts through, or keep them pending: a shared one is closed while any of its
 * handlers wants it so. For who is not attached: no effect. Any context, a handler while it is
 * being attached too.
 */
void platform_interrupt_enable(unsigned line, void *context, bool enable);

#endif
