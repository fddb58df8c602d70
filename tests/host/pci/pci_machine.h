/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus that a test plays: configuration space of functions, and registers in their BARs. */
#ifndef TESTS_HOST_PCI_PCI_MACHINE_H
#define TESTS_HOST_PCI_PCI_MACHINE_H

#include "drivers/pci/pci_private.h"
#include "kernel/msi.h"
#include "tests/host/bus/machine.h"

#define BUSES 8u

struct fake_bar {
    uint64_t size; /* bytes; 0: there is none */
    uint32_t flags;
};

/* One function; its BARs and its command decode as the specification has it. */
struct fake_function {
    uint8_t bus, slot, number; /* bus: of its place in the tree, by the numbers it is to be given */
    uint8_t space[4096];
    struct fake_bar bars[6];
    bool extended; /* beyond 256 bytes all ones, without */
    bool is_bridge;
    uint8_t secondary; /* of a bridge: the number that `bus` of those behind it means */
    struct fake_function *next;
};

/* What the tree says of the host bridge. */
struct fake_windows {
    uint64_t low, low_size;
    uint64_t high, high_size;
    uint64_t shift; /* what the CPU adds to an address of the bus */
    unsigned buses; /* with configuration space */
};
extern const struct fake_windows fake_virt;

/* A new machine without functions; the earlier one stays known to the driver. */
void fake_begin(void);

struct fake_function *fake_add(uint8_t bus, uint8_t slot, uint16_t vendor, uint16_t device);
void fake_bridge(struct fake_function *function, uint8_t secondary);

/* Room in configuration space, from 0x40 on, linked to the others. Where it is. */
unsigned fake_capability(struct fake_function *function, uint8_t id, unsigned bytes);
void fake_put(struct fake_function *function, unsigned at, uint32_t value, unsigned width);
uint32_t fake_get(const struct fake_function *function, unsigned at, unsigned width);

/* Search it. The first function that it has; the others follow. */
struct pci_function *fake_search(const struct fake_windows *windows);

/* The tree names a controller of messages. */
extern bool fake_has_messages;

/* Its answers, as a test chooses them; who is given messages has interrupts 80 and on. */
extern struct fake_controller {
    kern_return_t result;
    unsigned granted;         /* always so many; too few for who needs more: there are none left */
    uint64_t address;         /* that they are written to */
    uint32_t data;            /* of the first; the others follow */
    unsigned out;             /* allocations that have not come back */
    struct msi_request asked; /* the last */
} fake_controller;

/* What else the tree says of the host bridge; set back by fake_begin. */
extern unsigned fake_message_cells; /* of the controller's name: 0 or 1 */
extern bool fake_maps_messages; /* all functions have one for it, 0x500 above their requesters */
extern bool fake_has_units;     /* all functions are behind a unit, by their requesters */
/* Pins 1 and 2 of an odd slot are lines 40 and 41, pin 1 of an even one is 42. */
extern bool fake_has_lines;
extern uint32_t fake_bus_range[2];
extern unsigned fake_bus_range_cells; /* so many of them; 0: it says nothing */

extern unsigned fake_accesses; /* to configuration space */
extern bool fake_has_written;  /* the last of them: it may be on its way still */

/* The function at a place, or NULL. */
static inline struct pci_function *function_at(struct pci_function *first, unsigned bus,
                                               unsigned slot, unsigned number)
{
    while (first != NULL &&
           (first->info.bus != bus || first->info.slot != slot || first->info.number != number)) {
        first = first->next;
    }
    return first;
}

#endif
