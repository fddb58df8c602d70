/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices of a driver: found once, then counted, numbered and named. */
#include "drivers/pci/bus_devices.h"

#include <string.h>

#include "kernel/console.h"

static void open(const struct bus_devices *devices, struct pci_function *function)
{
    const IOReturn status = devices->open(function);
    struct pci_info info;

    if (status != kIOReturnSuccess) {
        pci_get_info(function, &info);
        kprintf("%s: the device at PCI %02x:%02x.%x cannot be used: %s\n", devices->driver,
                info.bus, info.slot, info.number, IOReturn_name(status));
    }
}

static void search(struct bus_devices *devices)
{
    struct pci_function *function = NULL;
    struct pci_info info;

    if (devices->searched || irq_in_handler()) {
        return;
    }
    devices->searched = true;
    while ((function = devices->next(function)) != NULL) {
        pci_get_info(function, &info);
        if (info.claimed == NULL) { /* else a driver of the image's own has it */
            open(devices, function);
        }
    }
}

unsigned bus_devices_count(struct bus_devices *devices)
{
    unsigned count = 0;

    search(devices);
    for (const struct bus_device *device = devices->first; device != NULL; device = device->next) {
        count++;
    }
    return count;
}

void *bus_devices_get(struct bus_devices *devices, unsigned index)
{
    struct bus_device *device;

    search(devices);
    for (device = devices->first; device != NULL && index != 0; index--) {
        device = device->next;
    }
    return device;
}

void *bus_devices_find(struct bus_devices *devices, const char *serial)
{
    search(devices);
    for (struct bus_device *device = devices->first; serial != NULL && device != NULL;
         device = device->next) {
        if (device->serial != NULL && strcmp(device->serial, serial) == 0) {
            return device;
        }
    }
    return NULL;
}

static struct bus_device **link_to(struct bus_devices *devices, const struct bus_device *device)
{
    struct bus_device **link = &devices->first;

    while (*link != NULL && *link != device) {
        link = &(*link)->next;
    }
    return link;
}

void bus_devices_add(struct bus_devices *devices, struct bus_device *device)
{
    device->next = NULL;
    /* All of it before the link: a handler may look in between. */
    __atomic_store_n(link_to(devices, NULL), device, __ATOMIC_RELEASE);
}

void bus_devices_remove(struct bus_devices *devices, struct bus_device *device)
{
    struct bus_device **const link = link_to(devices, device);

    if (*link != NULL) {
        *link = device->next;
    }
}
