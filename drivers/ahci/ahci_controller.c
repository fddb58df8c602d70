/* SPDX-License-Identifier: BSD-2-Clause */
/* A controller from its function to disks that work, and back (AHCI 1.3.1, section 10.1). */
#include "drivers/ahci/ahci_private.h"
#include "drivers/pci/bus_wait.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"

static enum irq_result interrupt(void *context)
{
    struct ahci_controller *controller = context;
    const uint32_t ports = mmio_read32(controller->registers, AHCI_IS);
    bool any = false;

    if (ports == 0 || ports == UINT32_MAX) {
        return IRQ_NOTHING; /* the line is somebody else's as well */
    }
    for (unsigned port = 0; port < AHCI_PORTS_MAX; port++) {
        if ((ports >> port & 1) != 0 && controller->disks[port] != NULL) {
            any |= ahci_look(controller->disks[port]);
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

/* Whatever firmware has left running has no memory of ours. All ones are no end either. */
static bool reset(struct ahci_controller *controller)
{
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE);
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_RESET);
    return bus_wait(is_reset, controller, AHCI_PATIENCE);
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
    if (!reset(controller)) {
        return kIOReturnNotResponding;
    }
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE);
    controller->wide = (mmio_read32(controller->registers, AHCI_CAP) & AHCI_CAP_WIDE) != 0;
    status = pci_copy_mapper(controller->function, &controller->mapper);
    if (status == kIOReturnSuccess) {
        status = pci_allocate_vectors(controller->function, 1, 1, PCI_ANY_INTERRUPT, &granted);
    }
    if (status == kIOReturnSuccess) {
        status = pci_attach_vector(controller->function, 0, interrupt, controller);
    }
    return status == kIOReturnSuccess ? pci_enable(controller->function, PCI_MASTER) : status;
}

/* --- Its disks -------------------------------------------------------------------------------- */

/* False: the port does not stop, and keeps its memory. */
static bool drop_disk(struct ahci_disk *disk)
{
    /* Once it has memory the port may be told of it. */
    const bool stopped = disk->shared == NULL || ahci_stop_port(disk);

    OSObject_release((IODMAController *)disk->engine);
    OSObject_release(disk->service);
    if (stopped) {
        bus_memory_destroy(&disk->memory);
        heap_free(disk);
    }
    return stopped;
}

static void add_disk(struct ahci_controller *controller, unsigned port)
{
    struct ahci_disk *disk = heap_alloc_zero(sizeof(*disk));
    IOReturn status = kIOReturnNoMemory;

    if (disk != NULL) {
        disk->controller = controller;
        disk->registers = (volatile char *)controller->registers + AHCI_PORT(port);
        disk->port = port;
        status = ahci_start_port(disk);
    }
    if (status == kIOReturnSuccess) {
        status = ahci_create_engine(disk);
    }
    if (status == kIOReturnSuccess) {
        disk->device.serial = disk->serial;
        controller->disks[port] = disk;
        ahci_add(disk);
        return;
    }
    if (disk != NULL) {
        drop_disk(disk);
    }
    if (status != kIOReturnNoDevice) {
        kprintf("ahci: the disk at port %u cannot be used: %s\n", port, IOReturn_name(status));
    }
}

/* --- Opening and closing ---------------------------------------------------------------------- */

static void give_back(struct ahci_controller *controller)
{
    pci_release(controller->function); /* without interrupts, and without the bus */
    OSObject_release(controller->mapper);
    heap_free(controller);
}

struct ahci_controller *ahci_open(struct pci_function *function, IOReturn *status)
{
    struct ahci_controller *controller;
    uint32_t ports;

    *status = pci_claim(function, "ahci");
    if (*status != kIOReturnSuccess) {
        return NULL;
    }
    controller = heap_alloc_zero(sizeof(*controller));
    if (controller == NULL) {
        pci_release(function);
        *status = kIOReturnNoMemory;
        return NULL;
    }
    controller->function = function;
    *status = start(controller);
    if (*status != kIOReturnSuccess) {
        give_back(controller);
        return NULL;
    }
    ports = mmio_read32(controller->registers, AHCI_PORTS);
    for (unsigned port = 0; port < AHCI_PORTS_MAX; port++) {
        if ((ports >> port & 1) != 0) {
            add_disk(controller, port);
        }
    }
    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE | AHCI_GHC_IE);
    return controller;
}

bool ahci_close(struct ahci_controller *controller)
{
    bool stopped = true;

    mmio_write32(controller->registers, AHCI_GHC, AHCI_GHC_AE);
    for (unsigned port = 0; port < AHCI_PORTS_MAX; port++) {
        struct ahci_disk *disk = controller->disks[port];

        if (disk != NULL) {
            ahci_remove(disk);
            controller->disks[port] = NULL;
            stopped = drop_disk(disk) && stopped;
        }
    }
    give_back(controller);
    return stopped;
}
