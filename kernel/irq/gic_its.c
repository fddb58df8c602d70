/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Interrupt Translation Service of a GICv3 (Arm IHI 0069, section 5.2): a store of an
 * event's number to its page becomes the LPI that the sender's table has for the event. Who has
 * which event and which LPI; the unit itself is gic_its_unit.c.
 */
#include "kernel/cache.h"
#include "kernel/heap.h"
#include "kernel/irq/its_private.h"

#define ITT_ALIGN      256u
#define EVENT_BITS_MIN 5u /* room for functions that share a sender's number */

struct its_device {
    struct its_device *next;
    uint32_t requester;
    unsigned bits; /* of an event's number: the table has 2^bits */
    unsigned blocks;
    void *table;
    bool taken[]; /* events */
};

/* Who has each LPI: for a change of its configuration. */
static struct owner {
    struct its *its; /* NULL: nobody */
    uint32_t requester;
    uint32_t event;
} owners[LPI_COUNT];

void its_reload(unsigned intid)
{
    const struct owner *owner = &owners[intid - LPI_FIRST];

    if (owner->its != NULL) {
        its_reload_event(owner->its, owner->requester, owner->event);
    }
}

/* --- Senders ---------------------------------------------------------------------------------- */

static unsigned bits_for(const struct its *its, unsigned events)
{
    unsigned bits = EVENT_BITS_MIN;

    /* A table has a power of two of them: of a size in between the last ones would be lost. */
    while (1u << bits < events) {
        bits++;
    }
    return bits < its->event_bits ? bits : its->event_bits;
}

static void free_device(struct its_device *device)
{
    heap_free(device->table);
    heap_free(device);
}

static kern_return_t add_device(struct its *its, uint32_t requester, unsigned events,
                                struct its_device **found)
{
    const unsigned bits = bits_for(its, events);
    const size_t table_bytes = (size_t)its->entry << bits;
    struct its_device *device;

    if (!its_has_room(its, requester)) {
        return KERN_RESOURCE_SHORTAGE;
    }
    device = heap_alloc_zero(sizeof(*device) + (1u << bits) * sizeof(device->taken[0]));
    if (device == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    device->requester = requester;
    device->bits = bits;
    device->table = heap_alloc_aligned(table_bytes, ITT_ALIGN);
    if (device->table == NULL) {
        free_device(device);
        return KERN_RESOURCE_SHORTAGE;
    }
    __builtin_memset(device->table, 0, table_bytes);
    cache_clean(device->table, table_bytes);
    if (!its_map_sender(its, requester, bits, device->table)) {
        return KERN_FAILURE; /* it may have the table by now: that stays where it is */
    }
    device->next = its->devices;
    its->devices = device;
    *found = device;
    return KERN_SUCCESS;
}

static kern_return_t find_device(struct its *its, uint32_t requester, unsigned events,
                                 struct its_device **found)
{
    if (requester >= its->senders) {
        return KERN_NO_SPACE;
    }
    for (struct its_device *device = its->devices; device != NULL; device = device->next) {
        if (device->requester == requester) {
            *found = device;
            return KERN_SUCCESS;
        }
    }
    return add_device(its, requester, events, found);
}

/* One without blocks. The ITS forgets its table before that goes. */
static void drop_device(struct its *its, struct its_device *device)
{
    struct its_device **link = &its->devices;

    if (device->blocks != 0) {
        return;
    }
    while (*link != device) {
        link = &(*link)->next;
    }
    *link = device->next;
    /* Not confirmed: it may still read the table, whose memory must not become another's. */
    if (its_map_sender(its, device->requester, device->bits, NULL)) {
        free_device(device);
    }
}

/* --- Events ----------------------------------------------------------------------------------- */

/* `count` free events behind each other, from a multiple of `align`; 2^bits: there are none. */
static unsigned find_events(const struct its_device *device, unsigned count, unsigned align)
{
    const unsigned end = 1u << device->bits;

    for (unsigned at = 0; at + count <= end; at += align) {
        unsigned free = 0;

        while (free < count && !device->taken[at + free]) {
            free++;
        }
        if (free == count) {
            return at;
        }
    }
    return end;
}

static unsigned free_lpis(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < LPI_COUNT; i++) {
        count += owners[i].its == NULL;
    }
    return count;
}

static bool map_event(struct its *its, struct its_device *device, unsigned event, unsigned *intid)
{
    unsigned lpi = 0;

    while (owners[lpi].its != NULL) {
        lpi++;
    }
    *intid = LPI_FIRST + lpi;
    owners[lpi] = (struct owner){its, device->requester, event};
    device->taken[event] = true;
    return its_map_event(its, device->requester, event, *intid);
}

static void unmap_events(struct its *its, struct its_device *device, struct msi_block *block)
{
    for (unsigned i = 0; i < block->count; i++) {
        const unsigned event = block->first_event + i;

        /* With what is pending of it: its number may be another's soon. */
        its_discard_event(its, device->requester, event);
        owners[block->intids[i] - LPI_FIRST].its = NULL;
        device->taken[event] = false;
    }
    its_synchronise(its);
}

/* How many of the events asked for can be had, and where. */
static unsigned choose_events(const struct its_device *device, const struct msi_request *request,
                              unsigned *first)
{
    const unsigned end = 1u << device->bits, lpis = free_lpis();
    unsigned count = request->most;

    if (count > end) {
        count = end;
    }
    if (count > lpis) {
        count = lpis;
    }
    while (request->consecutive && !is_power_of_two(count) && count != 0) {
        count &= count - 1;
    }
    while (count >= request->least && count != 0) {
        *first = find_events(device, count, request->consecutive ? count : 1);
        if (*first != end) {
            return count;
        }
        count = request->consecutive ? count / 2 : count - 1;
    }
    return 0;
}

static kern_return_t allocate_events(struct its *its, const struct msi_request *request,
                                     struct its_device *device, struct msi_block *block)
{
    const unsigned count = choose_events(device, request, &block->first_event);
    bool mapped = true;

    for (unsigned i = 0; mapped && i < count; i++) {
        mapped = map_event(its, device, block->first_event + i, &block->intids[i]);
        block->count++;
    }
    if (count != 0 && mapped && its_synchronise(its)) {
        device->blocks++;
        block->device = device;
        return KERN_SUCCESS;
    }
    unmap_events(its, device, block);
    block->count = 0;
    drop_device(its, device);
    return count == 0 ? KERN_NO_SPACE : KERN_FAILURE;
}

static kern_return_t allocate(struct msi_controller *controller, const struct msi_request *request,
                              struct msi_block *block)
{
    struct its *its = controller->state;
    struct its_device *device;
    kern_return_t result = find_device(its, request->requester, request->most, &device);

    if (result == KERN_SUCCESS) {
        result = allocate_events(its, request, device, block);
    }
    return result;
}

static void release(struct msi_controller *controller, struct msi_block *block)
{
    struct its *its = controller->state;
    struct its_device *device = block->device;

    unmap_events(its, device, block);
    device->blocks--;
    drop_device(its, device);
}

static void message(const struct msi_controller *controller, const struct msi_block *block,
                    unsigned index, struct msi_message *to)
{
    *to = (struct msi_message){controller->doorbell, block->first_event + index};
}

const struct msi_ops gic_its = {
    .compatible = "arm,gic-v3-its",
    .start = its_start,
    .allocate = allocate,
    .free = release,
    .message = message,
};
