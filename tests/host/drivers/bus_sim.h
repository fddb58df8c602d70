/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI bus of one function, for drivers that know drivers/pci/pci.h: its registers, interrupts
 * and accesses to memory. What is on it begins with this; one at a time.
 */
#ifndef TESTS_HOST_DRIVERS_BUS_SIM_H
#define TESTS_HOST_DRIVERS_BUS_SIM_H

#include "drivers/pci/pci.h"
#include "tests/host/sim/sim_mmio.h"

#define BUS_SIM_REGISTERS 0x2000u
#define BUS_SIM_VECTORS   9u
#define BUS_SIM_AT        0x10000000u /* address of the registers */
#define BUS_SIM_REQUESTER 0x11au      /* it is 01:03.2 */

/* What a driver asks of its function, and may be refused. */
enum bus_sim_call {
    BUS_SIM_GET_BAR,
    BUS_SIM_MAP_BAR,
    BUS_SIM_ENABLE_MEMORY,
    BUS_SIM_ENABLE_MASTER,
    BUS_SIM_ATTACH,
    BUS_SIM_CALLS
};

struct bus_sim {
    struct sim_registers registers; /* first: who plays them finds the rest */
    unsigned bar;                   /* that shows them */
    unsigned vectors;               /* messages; 1: a line, unless */
    bool is_message;                /* it is one message */
    IOMapper *mapper;               /* in front of it; NULL: none */
    IOReturn mapper_status;         /* of one that is there, but did not start */
    bool has_no_vectors;
    bool is_found;                   /* by a search for its class */
    IOReturn refused[BUS_SIM_CALLS]; /* with what; success: it is not */
    uint64_t size;                   /* of the BAR, by its word */
    struct pci_bar memory_bar;       /* one with memory, if it has a size */
    unsigned memory_index;

    bool memory_on, master_on, claimed;
    unsigned granted;
    irq_handler_t *handlers[BUS_SIM_VECTORS];
    void *contexts[BUS_SIM_VECTORS];
    bool pending[BUS_SIM_VECTORS];
    unsigned served; /* calls of handlers that have said that it was theirs */
    /* Whether the line is up still, which would call for ever; NULL: it is not looked at. */
    bool (*is_up)(const struct bus_sim *sim);
    unsigned barriers; /* since the device was last told of something */
};

extern struct pci_function *const bus_sim_function;

/* Registers at BAR `bar`, answered by these two. Everything else as after power-on. */
void bus_sim_create(struct bus_sim *sim, unsigned bar,
                    uint64_t (*read)(struct sim_registers *self, uint64_t offset, unsigned width),
                    void (*write)(struct sim_registers *self, uint64_t offset, uint64_t value,
                                  unsigned width));

/*
 * What the function reaches at an address, all of it in memory and, behind a mapper, open to it,
 * or the test has failed. It must master the bus.
 */
void bus_sim_read(const struct bus_sim *sim, uint64_t address, void *bytes, uint64_t length);
void bus_sim_write(const struct bus_sim *sim, uint64_t address, const void *bytes, uint64_t length);
/* The same as it is, of what does not cross a page. */
void *bus_sim_memory(const struct bus_sim *sim, uint64_t address, uint64_t length, bool writes);

/* The device has been told: what it will read was in memory before that. */
void bus_sim_expect_barrier(struct bus_sim *sim);

/* Call the handlers of what is pending. False: nothing was, or nobody listens. */
bool bus_sim_interrupt(struct bus_sim *sim);

#endif
