/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding AHCI controllers and the disks at their ports, and what callers ask of these. */
#include "drivers/ahci/ahci.h"

#include <string.h>

#include "drivers/ahci/ahci_private.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/console.h"
#include "kernel/mmio.h"

#define CLASS_AHCI 0x010601u /* mass storage, SATA, AHCI */
#define AHCI_BAR   5u

static struct ahci_controller controllers[AHCI_CONTROLLERS_MAX];
static struct ahci_disk disks[AHCI_DISKS_MAX];
static unsigned controller_count, disk_count;

/* --- A controller ----------------------------------------------------------------------------- */

static enum irq_result interrupt(void *context)
{
    struct ahci_controller *controller = context;
    const uint32_t ports = mmio_read32(controller->registers, AHCI_IS);
    bool any = false;

    if (ports == 0 || ports == UINT32_MAX) {
        return IRQ_NOTHING; /* the line is somebody else's as well */
    }
    for (unsigned i = 0; i < disk_count; i++) {
        if (disks[i].controller == controller && (ports >> disks[i].port & 1) != 0) {
            any |= ahci_look(&disks[i]);
        }
    }
    /* After the ports' own causes, or it would be set again by them (section 10.7.2.1). */
    mmio_write32(controller->registers, AHCI_IS, ports);
    return any ? IRQ_SERVED : IRQ_NOTHING;
}

static bool is_reset(void *context)
{
    const struct ahci_controller *controller = context;

    return (mmio_read32(controller->registers, AHCI_GHC) & AHCI_GHC_RESET) == 0;
}

static IOReturn start(struct ahci_controller *controller)
{
    unsigned granted;
    IOReturn status;

    controller->registers = pci_map_bar(controller->function, AHCI_BAR, 0, 0);
    if (controller->registers == NULL) {
        return IOMemoryLastError();
    }
    status = pci_enable(controller->function, PCI_MEMORY);
    if (status != kIOReturnSuccess) {
        return status;
    }
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE);
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_RESET);
    /* All ones, where nobody is, are no end either. */
    if (!bus_wait(is_reset, controller, AHCI_PATIENCE)) {
        return kIOReturnNotResponding;
    }
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE);
    controller->wide = (mmio_read32(controller->registers, AHCI_CAP) & AHCI_CAP_WIDE) != 0;
    controller->mapper = pci_copy_mapper(controller->function);
    status = pci_allocate_vectors(controller->function, 1, 1, PCI_ANY_INTERRUPT, &granted);
    if (status == kIOReturnSuccess) {
        status = pci_attach_vector(controller->function, 0, interrupt, controller);
    }
    return status == kIOReturnSuccess ? pci_enable(controller->function, PCI_MASTER) : status;
}

/* --- Its disks -------------------------------------------------------------------------------- */

static void add_disk(struct ahci_controller *controller, unsigned port)
{
    struct ahci_disk *disk = &disks[disk_count];
    IOReturn status;

    if (disk_count == AHCI_DISKS_MAX) {
        kprintf("ahci: port %u is left out: there are %u disks already\n", port, AHCI_DISKS_MAX);
        return;
    }
    *disk = (struct ahci_disk){
        .controller = controller,
        .registers = (volatile char *)controller->registers + AHCI_PORT(port),
        .port = port,
    };
    status = ahci_start_port(disk);
    if (status == kIOReturnSuccess) {
        status = ahci_create_engine(disk);
    }
    if (status == kIOReturnSuccess) {
        disk_count++;
        return;
    }
    if (disk->shared != NULL) {
        if (ahci_stop_port(disk)) {
            bus_memory_destroy(&disk->memory);
        } else {
            bus_memory_abandon(&disk->memory);
        }
    }
    if (status != kIOReturnNoDevice) {
        kprintf("ahci: the disk at port %u cannot be used: %s\n", port, IOReturn_name(status));
    }
}

static void add(struct pci_function *function)
{
    struct ahci_controller *controller = &controllers[controller_count];
    struct pci_info info;
    IOReturn status;
    uint32_t ports;

    pci_get_info(function, &info);
    if (controller_count == AHCI_CONTROLLERS_MAX ||
        pci_claim(function, "ahci") != kIOReturnSuccess) {
        return;
    }
    *controller = (struct ahci_controller){.function = function};
    status = start(controller);
    if (status != kIOReturnSuccess) {
        pci_disable(function, PCI_MASTER);
        pci_free_vectors(function);
        OSObject_release(controller->mapper);
        pci_release(function);
        kprintf("ahci: the controller at %02x:%02x.%x cannot be used: %s\n", info.bus, info.slot,
                info.number, IOReturn_name(status));
        return;
    }
    controller_count++;
    ports = mmio_read32(controller->registers, AHCI_PORTS);
    for (unsigned port = 0; port < 32; port++) {
        if ((ports >> port & 1) != 0) {
            add_disk(controller, port);
        }
    }
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_IE);
}

static void search(void)
{
    static bool searched;
    struct pci_function *function = NULL;

    if (searched) {
        return;
    }
    searched = true;
    while ((function = pci_find_class(CLASS_AHCI, 0xffffffu, function)) != NULL) {
        add(function);
    }
}

/* --- What callers see ------------------------------------------------------------------------- */

unsigned ahci_count(void)
{
    search();
    return disk_count;
}

struct ahci_disk *ahci_get(unsigned index)
{
    search();
    return index < disk_count ? &disks[index] : NULL;
}

struct ahci_disk *ahci_find(const char *serial)
{
    search();
    for (unsigned i = 0; serial != NULL && i < disk_count; i++) {
        if (strcmp(disks[i].serial, serial) == 0) {
            return &disks[i];
        }
    }
    return NULL;
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
