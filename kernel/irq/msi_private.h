/* SPDX-License-Identifier: BSD-2-Clause */
/* What msi.c asks of a controller of messages, and what the parts of the GIC share for it. */
#ifndef KERNEL_MSI_PRIVATE_H
#define KERNEL_MSI_PRIVATE_H

#include "kernel/msi.h"

struct msi_controller;

struct msi_ops {
    const char *compatible; /* device-tree compatible string */

    /* Bring up. False: it cannot be used. */
    bool (*start)(struct msi_controller *controller);
    /* Fill intids[] and count: between least and most, or an error and nothing taken. */
    kern_return_t (*allocate)(struct msi_controller *controller, const struct msi_request *request,
                              struct msi_block *block);
    void (*free)(struct msi_controller *controller, struct msi_block *block);
    void (*message)(const struct msi_controller *controller, const struct msi_block *block,
                    unsigned index, struct msi_message *message);
};

struct msi_controller {
    const struct msi_ops *ops;
    int node;
    struct devicetree_range range;
    volatile void *registers;
    bool started;
    unsigned total;  /* interrupts that it has */
    unsigned in_use; /* of them, in blocks */
    void *state;     /* the controller's own */
    uint64_t doorbell;
};

struct msi_block {
    struct msi_controller *controller;
    unsigned count;
    uint32_t requester;
    unsigned first_event; /* ITS */
    void *device;         /* ITS */
    unsigned intids[];
};

extern const struct msi_ops gic_v2m;
extern const struct msi_ops gic_its;

/*
 * Interrupts by message on a GICv3. LPIs begin at 8192; those from LPI_FIRST on are used, whose low
 * bits are free of the numbers of wired lines: so one mask makes an index of either (irq.c).
 */
#define LPI_FIRST   0x2400u
#define LPI_COUNT   1024u
#define LPI_ID_BITS 14u /* of the numbers that the tables cover */

/* gic_lpi.c: what this CPU's redistributor knows of them. */
bool lpi_start(void);
bool lpi_is_ready(void);
/* The value that an ITS takes for this redistributor. */
uint64_t lpi_target(bool by_address);
/* Let it through, or not; whoever has told its sender then makes the redistributor look again. */
void lpi_write(unsigned intid, bool enable);

/* gic_its.c: from irq.c, under its lock: the configuration of an LPI has changed. */
void its_reload(unsigned intid);

#endif
