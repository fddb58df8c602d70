/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks of AHCI controllers, and what callers ask of them. */
#include "drivers/ahci/ahci.h"

#include <string.h>

#include "drivers/ahci/ahci_private.h"

#define CLASS_AHCI 0x010601u /* mass storage, SATA, AHCI */

static struct pci_function *next(struct pci_function *after)
{
    return pci_find_class(CLASS_AHCI, 0xffffffu, after);
}

static IOReturn open_function(struct pci_function *function)
{
    IOReturn status;

    ahci_open(function, &status);
    return status;
}

static struct bus_devices disks = {.driver = "ahci", .next = next, .open = open_function};

void ahci_add(struct ahci_disk *disk)
{
    bus_devices_add(&disks, &disk->device);
}

void ahci_remove(struct ahci_disk *disk)
{
    bus_devices_remove(&disks, &disk->device);
}

unsigned ahci_count(void)
{
    return bus_devices_count(&disks);
}

struct ahci_disk *ahci_get(unsigned index)
{
    return bus_devices_get(&disks, index);
}

struct ahci_disk *ahci_find(const char *serial)
{
    return bus_devices_find(&disks, serial);
}

void ahci_get_info(const struct ahci_disk *disk, struct ahci_info *info)
{
    *info = (struct ahci_info){.blocks = disk->blocks, .port = disk->port};
    memcpy(info->serial, disk->serial, sizeof(info->serial));
}

IOService *ahci_get_service(struct ahci_disk *disk)
{
    return disk->service;
}

uint64_t ahci_commands(const struct ahci_disk *disk)
{
    return disk->engine->commands;
}

void ahci_watch(struct ahci_disk *disk, ahci_watch_t *watch, void *context)
{
    const lock_state_t state = lock_take_again(&disk->engine->lock);

    disk->watch = watch;
    disk->watch_context = context;
    lock_release(&disk->engine->lock, state);
}
