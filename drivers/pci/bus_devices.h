/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices that a driver of PCI functions has found, in the order of the bus. The machine is
 * searched when somebody first asks.
 */
#ifndef DRIVERS_PCI_BUS_DEVICES_H
#define DRIVERS_PCI_BUS_DEVICES_H

#include "drivers/pci/pci.h"

/* The first member of what a driver keeps of a device. */
struct bus_device {
    struct bus_device *next;
    const char *serial; /* by which it can be asked for; NULL: by none */
};

/* A driver's, one for each kind. */
struct bus_devices {
    const char *driver; /* "nvme": begins the line that says what could not be used */
    /* The next function of the kind behind this one, as pci_find. */
    struct pci_function *(*next)(struct pci_function *after);
    /* Claim it, make it work, and add what is there. An error: everything is as before. */
    IOReturn (*open)(struct pci_function *function);

    /* Private. */
    struct bus_device *first;
    bool searched;
};

/* Thread context, the first time; later, and in handlers, what is known. */
unsigned bus_devices_count(struct bus_devices *devices);

/* NULL beyond the last. */
void *bus_devices_get(struct bus_devices *devices, unsigned index);

/* The first with this serial number; NULL: there is none. */
void *bus_devices_find(struct bus_devices *devices, const char *serial);

/* Behind the others. Thread context; handlers that look meanwhile see it, or do not yet. */
void bus_devices_add(struct bus_devices *devices, struct bus_device *device);

/* Nobody asks meanwhile. One that is not there: no effect. */
void bus_devices_remove(struct bus_devices *devices, struct bus_device *device);

#endif
