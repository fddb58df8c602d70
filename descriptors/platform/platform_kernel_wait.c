/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's waiting, over the kernel's interrupts and timer. */
#include "descriptors/platform_wait.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/timer.h"

platform_irq_state platform_irq_mask(void)
{
    return irq_mask();
}

void platform_irq_restore(platform_irq_state before)
{
    irq_restore(before);
}

uint64_t platform_now(void)
{
    return timer_now();
}

/* The deadline's interrupt ends the sleep; it has nothing else to do. */
static void deadline_passed(void *context)
{
    (void)context;
}

void platform_wait(uint64_t deadline)
{
    struct timer timer = {.callback = deadline_passed};
    const uint64_t now = timer_now();

    if (deadline == UINT64_MAX) {
        irq_wait();
        return;
    }
    /* Past already: the difference would wrap to a sleep of centuries. */
    if (now >= deadline) {
        return;
    }
    timer_start(&timer, deadline - now);
    irq_wait();
    /* It lies on this stack: whatever ended the sleep, it must not be in the list any more. */
    timer_cancel(&timer);
}

/* The classes' handlers are of no kernel's type; one of these stands before each. */
struct attachment {
    void (*handler)(void *context);
    void *context;
    unsigned line;
    bool shares;
    struct irq_sharer sharer;
    struct attachment *next;
};

static struct attachment *attachments; /* changed in thread context only */

/* A source counts whatever comes: a line that storms is masked by the source itself. */
static enum irq_result serve(void *context)
{
    const struct attachment *attachment = context;

    attachment->handler(attachment->context);
    return IRQ_SERVED;
}

/* A level waits for all that are on it. An edge is one device's: a second one's would be lost in
 * it. */
kern_return_t platform_interrupt_attach(unsigned line, bool level, void (*handler)(void *),
                                        void *context)
{
    struct attachment *attachment = heap_alloc_zero(sizeof(*attachment));
    kern_return_t status;

    if (attachment == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    /*
     * Filled, and in the list, before the line is registered: it may be pending, and then its
     * handler runs at once, and closes the line.
     */
    *attachment = (struct attachment){.handler = handler,
                                      .context = context,
                                      .line = line,
                                      .shares = level,
                                      .sharer = {.handler = serve, .context = attachment}};
    attachment->next = attachments;
    attachments = attachment;
    status = level ? irq_share(line, &attachment->sharer) : irq_register(line, serve, attachment);
    if (status != KERN_SUCCESS) {
        attachments = attachment->next;
        heap_free(attachment);
    }
    return status;
}

/* Where the attachment hangs; the end of the list: there is none. */
static struct attachment **find(unsigned line, const void *context)
{
    struct attachment **link = &attachments;

    while (*link != NULL && ((*link)->line != line || (*link)->context != context)) {
        link = &(*link)->next;
    }
    return link;
}

void platform_interrupt_detach(unsigned line, void *context)
{
    struct attachment **link = find(line, context), *attachment = *link;

    if (attachment == NULL) {
        return;
    }
    /* First: no handler runs from here on. */
    if (attachment->shares) {
        irq_unshare(line, &attachment->sharer);
    } else {
        irq_unregister(line);
    }
    *link = attachment->next;
    heap_free(attachment);
}

void platform_interrupt_enable(unsigned line, void *context, bool enable)
{
    struct attachment *attachment = *find(line, context);

    if (attachment == NULL) {
        return;
    }
    if (attachment->shares) {
        irq_sharer_enable(line, &attachment->sharer, enable);
    } else if (enable) {
        irq_enable(line);
    } else {
        irq_disable(line);
    }
}
