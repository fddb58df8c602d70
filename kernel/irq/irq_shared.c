/* SPDX-License-Identifier: BSD-2-Clause */
/* One level-triggered line with several devices on it: each handler is asked in turn. */
#include "kernel/lock.h"

static struct irq_sharer *lines; /* the first sharer of each line */

/* Over the lists; a dispatch walks one with interrupts masked, as whoever changes it has them. */
static struct lock shared_lock = LOCK_INITIAL("shared interrupts", LOCK_RANK_LINE);

static struct irq_sharer **find_line(unsigned intid)
{
    struct irq_sharer **link = &lines;

    while (*link != NULL && (*link)->intid != intid) {
        link = &(*link)->next_line;
    }
    return link;
}

/* Level: until every device that asks has been quieted, the line comes again by itself. */
static enum irq_result serve_sharers(void *context)
{
    struct irq_sharer *sharer = context;
    enum irq_result result = IRQ_NOTHING;

    while (sharer != NULL) {
        /* Before the call: a handler may take itself off the line. */
        struct irq_sharer *next = sharer->next;

        if (sharer->handler(sharer->context) == IRQ_SERVED) {
            result = IRQ_SERVED;
        }
        sharer = next;
    }
    return result;
}

/* Open while nobody on it wants it closed: a device that is not quieted would storm. */
static void open_or_close(const struct irq_sharer *first)
{
    for (const struct irq_sharer *sharer = first; sharer != NULL; sharer = sharer->next) {
        if (sharer->disabled) {
            irq_disable(first->intid);
            return;
        }
    }
    irq_enable(first->intid);
}

/* Linked twice, a list would be a ring, and whoever is behind it out of it. */
static bool is_on_a_line(const struct irq_sharer *sharer)
{
    for (const struct irq_sharer *first = lines; first != NULL; first = first->next_line) {
        for (const struct irq_sharer *at = first; at != NULL; at = at->next) {
            if (at == sharer) {
                return true;
            }
        }
    }
    return false;
}

kern_return_t irq_share(unsigned intid, struct irq_sharer *sharer)
{
    kern_return_t result = KERN_SUCCESS;

    if (sharer == NULL || sharer->handler == NULL) {
        return KERN_INVALID_ARGUMENT;
    }

    const lock_state_t state = lock_take_again(&shared_lock);
    struct irq_sharer **link = find_line(intid);

    if (is_on_a_line(sharer)) {
        lock_release(&shared_lock, state);
        return KERN_FAILURE;
    }
    sharer->intid = intid;
    sharer->next = NULL;
    sharer->next_line = NULL;
    sharer->disabled = false;
    if (*link == NULL) {
        result = irq_register(intid, serve_sharers, sharer);
        if (result == KERN_SUCCESS) {
            *link = sharer;
        }
    } else {
        struct irq_sharer *last = *link;

        while (last->next != NULL) {
            last = last->next;
        }
        last->next = sharer;
        /* It may be masked for having found nothing: the one that asks is here now. */
        open_or_close(*link);
    }
    lock_release(&shared_lock, state);
    return result;
}

kern_return_t irq_unshare(unsigned intid, struct irq_sharer *sharer)
{
    kern_return_t result = KERN_INVALID_ARGUMENT;
    const lock_state_t state = lock_take_again(&shared_lock);
    struct irq_sharer **line = find_line(intid);
    struct irq_sharer *first = *line;
    struct irq_sharer **link = line;

    /* The first is found at the list of lines, the others at its own. */
    for (struct irq_sharer *at = first; at != NULL && at != sharer; at = at->next) {
        link = &at->next;
    }
    if (first != NULL && sharer != NULL && (sharer == first || *link == sharer)) {
        result = KERN_SUCCESS;
        if (sharer != first) {
            *link = sharer->next;
        } else {
            irq_unregister(intid);
            *line = sharer->next != NULL ? sharer->next : sharer->next_line;
            if (sharer->next != NULL) {
                first = sharer->next;
                first->next_line = sharer->next_line;
                irq_register(intid, serve_sharers, first);
            } else {
                first = NULL;
            }
        }
        if (first != NULL) {
            open_or_close(first);
        }
    }
    lock_release(&shared_lock, state);
    return result;
}

kern_return_t irq_sharer_enable(unsigned intid, struct irq_sharer *sharer, bool enable)
{
    kern_return_t result = KERN_INVALID_ARGUMENT;
    const lock_state_t state = lock_take_again(&shared_lock);
    struct irq_sharer *first = *find_line(intid);

    for (struct irq_sharer *at = first; at != NULL; at = at->next) {
        if (at == sharer) {
            sharer->disabled = !enable;
            open_or_close(first);
            result = KERN_SUCCESS;
        }
    }
    lock_release(&shared_lock, state);
    return result;
}
