/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is there: the functions of a bus, and of the buses behind it, which get their numbers. */
#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"

struct pci_function *pci_functions;
static struct pci_function **functions_end = &pci_functions;

/* Quiet whatever firmware has left behind, before anybody moves what it decodes. */
static void silence(struct pci_function *function)
{
    const uint16_t command = pci_config_read16(function, PCI_COMMAND);

    pci_config_write16(
        function, PCI_COMMAND,
        (uint16_t)((command | PCI_COMMAND_NO_INTX) & ~(PCI_COMMAND_IO | PCI_MEMORY | PCI_MASTER)));
}

/*
 * A bridge to a conventional bus puts its own name on what it passes upwards: a bridge of PCI
 * Express that of the first slot behind it, a conventional one its own (PCI Express to PCI
 * Bridge 1.0, section 2.3).
 */
static uint16_t requester_of(const struct pci_function *function)
{
    const struct pci_info *info = &function->info;
    uint16_t requester = (uint16_t)(info->bus << 8 | info->slot << 3 | info->number);

    for (const struct pci_bus *bus = function->bus; bus->bridge != NULL; bus = bus->bridge->bus) {
        if (!bus->bridge->info.is_express) {
            requester = bus->bridge->info.requester;
        } else if (bus->is_conventional) {
            requester = (uint16_t)(bus->number << 8);
        }
    }
    return requester;
}

static void read_identity(struct pci_function *function, unsigned slot, unsigned number)
{
    const uint32_t identity = pci_config_read32(function, PCI_ID);
    const uint32_t class_code = pci_config_read32(function, PCI_REVISION);
    const unsigned header = pci_config_read8(function, PCI_HEADER) & PCI_HEADER_TYPE;
    struct pci_info *info = &function->info;

    *info = (struct pci_info){
        .vendor = (uint16_t)identity,
        .device = (uint16_t)(identity >> 16),
        .class_code = class_code >> 8,
        .revision = (uint8_t)class_code,
        .bus = function->bus->number,
        .slot = (uint8_t)slot,
        .number = (uint8_t)number,
        .is_bridge = header == PCI_HEADER_BRIDGE,
    };
    if (header == 0) {
        const uint32_t subsystem = pci_config_read32(function, PCI_SUBSYSTEM);

        info->subsystem_vendor = (uint16_t)subsystem;
        info->subsystem = (uint16_t)(subsystem >> 16);
    }
    info->requester = requester_of(function);
    pci_check_capabilities(function);
    info->is_express = pci_find_capability(function, PCI_CAP_EXPRESS, 0) != 0;
}

/*
 * Only a function of PCI Express has the space behind 256 bytes, and only where all bridges above
 * pass the larger addresses on; elsewhere reads give all ones, or an abort.
 */
static void find_space(struct pci_function *function)
{
    if (function->info.is_express && function->bus->extended) {
        function->config_size = PCI_EXTENDED_SPACE;
        if (pci_config_read32(function, PCI_SPACE) == PCI_NOBODY) {
            function->config_size = PCI_SPACE;
        }
    }
}

/* NULL: nobody is there, or there is no memory to note who. */
static struct pci_function *add_function(struct pci_bus *bus, unsigned slot, unsigned number)
{
    volatile char *config = pci_host_config(bus->host, bus->number, slot, number);
    struct pci_function *function;

    if (config == NULL || mmio_read32(config, PCI_ID) == PCI_NOBODY) {
        return NULL;
    }
    function = heap_alloc_zero(sizeof(*function));
    if (function == NULL) {
        kprintf("pci: no memory for the function at %02x:%02x.%u\n", bus->number, slot, number);
        return NULL;
    }
    function->bus = bus;
    function->config = config;
    function->config_size = PCI_SPACE;
    silence(function);
    read_identity(function, slot, number);
    find_space(function);
    pci_measure_bars(function);
    if (bus->last == NULL) {
        bus->first = function;
    } else {
        bus->last->sibling = function;
    }
    bus->last = function;
    *functions_end = function;
    functions_end = &function->next;
    return function;
}

static void write_buses(struct pci_function *bridge, unsigned secondary, unsigned subordinate)
{
    /* The upper byte is a timer of conventional buses, which keeps its value. */
    const uint32_t timer = pci_config_read32(bridge, PCI_BUSES) & 0xff000000u;

    pci_config_write32(bridge, PCI_BUSES,
                       timer | subordinate << 16 | secondary << 8 | bridge->info.bus);
}

static void describe_link(struct pci_bus *below, const struct pci_function *bridge)
{
    const unsigned express = pci_find_capability(bridge, PCI_CAP_EXPRESS, 0);
    const unsigned port = PCI_EXPRESS_PORT(pci_config_read16(bridge, express + PCI_EXPRESS_FLAGS));

    if (express == 0) {
        return;
    }
    /* The other end of a link is one device; what answers in other slots is its echo. */
    below->one_slot = port == PCI_EXPRESS_ROOT || port == PCI_EXPRESS_DOWNSTREAM;
    below->is_conventional = port == PCI_EXPRESS_TO_PCI;
    below->extended = bridge->bus->extended && !below->is_conventional;
}

static void scan_behind(struct pci_function *bridge)
{
    struct pci_host *host = bridge->bus->host;
    const unsigned number = host->next_bus;
    struct pci_bus *below = number <= host->last_bus ? heap_alloc_zero(sizeof(*below)) : NULL;

    if (below == NULL) {
        write_buses(bridge, 0, 0);
        kprintf("pci: no bus number for what is behind the bridge at %02x:%02x.%u; it stays "
                "closed\n",
                bridge->info.bus, bridge->info.slot, bridge->info.number);
        return;
    }
    host->next_bus++;
    below->host = host;
    below->bridge = bridge;
    below->number = (uint8_t)number;
    describe_link(below, bridge);
    bridge->below = below;
    /* All that is not taken, while those behind it are numbered; then what they have taken. */
    write_buses(bridge, number, host->last_bus);
    pci_scan_bus(below);
    write_buses(bridge, number, host->next_bus - 1);
}

static void scan_slot(struct pci_bus *bus, unsigned slot)
{
    struct pci_function *first = add_function(bus, slot, 0);

    /* A device has a function 0, or it is not there: the others need not be asked. */
    if (first == NULL) {
        return;
    }
    /*
     * One with a single function need not decode the number of the function: all eight would answer
     * for it.
     */
    if ((pci_config_read8(first, PCI_HEADER) & PCI_HEADER_FUNCTIONS) != 0) {
        for (unsigned number = 1; number < PCI_FUNCTIONS; number++) {
            add_function(bus, slot, number);
        }
    }
}

void pci_scan_bus(struct pci_bus *bus)
{
    const unsigned slots = bus->one_slot ? 1 : PCI_SLOTS;

    for (unsigned slot = 0; slot < slots; slot++) {
        scan_slot(bus, slot);
    }
    /* After all of this bus: so numbers follow the order of the search. */
    for (struct pci_function *function = bus->first; function != NULL;
         function = function->sibling) {
        if (function->info.is_bridge) {
            scan_behind(function);
        }
    }
}
