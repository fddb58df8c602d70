/* SPDX-License-Identifier: BSD-2-Clause */
/* What the unit of an ITS (gic_its_unit.c) does for those who give out its events (gic_its.c). */
#ifndef KERNEL_ITS_PRIVATE_H
#define KERNEL_ITS_PRIVATE_H

#include "kernel/irq/gic_private.h"
#include "kernel/irq/msi_private.h"

struct its_device;

struct its {
    volatile void *registers;
    char *queue;
    uint64_t write; /* offset of the next command */
    uint64_t target;
    unsigned entry;
    unsigned event_bits;
    uint64_t senders; /* numbers from 0 that the table of devices has room for */
    uint64_t *level1; /* of a table in two levels; NULL: it is flat */
    uint64_t level2_senders;
    uint64_t level2_bytes;
    struct its_device *devices;
    bool broken; /* it does not answer: nothing more is asked of it */
};

/*
 * Its queue, tables and collection. What has been given to an ITS that fails half-way stays with
 * it: it may know the address.
 */
bool its_start(struct msi_controller *controller);

/* The second level for a sender; it stays, for its neighbours have it too. */
bool its_has_room(struct its *its, uint32_t requester);

/*
 * Commands. False, then and from then on: the ITS does not carry them out, which is printed once.
 * A sender's table of 2^bits events; NULL: it has none any more.
 */
bool its_map_sender(struct its *its, uint32_t requester, unsigned bits, const void *table);
bool its_map_event(struct its *its, uint32_t requester, unsigned event, unsigned intid);
void its_discard_event(struct its *its, uint32_t requester, unsigned event);
void its_reload_event(struct its *its, uint32_t requester, unsigned event);

/* What went before has reached the redistributor when it returns. */
bool its_synchronise(struct its *its);

#endif
