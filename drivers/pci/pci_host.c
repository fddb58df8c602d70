/* SPDX-License-Identifier: BSD-2-Clause */
/* Host bridges: where configuration space and the windows are, by the device tree. */
#include <libfdt.h>

#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/init.h"
#include "kernel/mmu.h"

/* Kinds of address, in the first cell of a window (PCI bus binding, section 2.2.1.1). */
#define SPACE_KIND(x) ((x) >> 24 & 3u)
#define SPACE_LOW     2u /* memory, 32 bits */
#define SPACE_HIGH    3u /* memory, 64 bits */

static void read_windows(struct pci_host *host)
{
    struct devicetree_window found;

    for (unsigned i = 0; devicetree_window(host->node, i, &found) == KERN_SUCCESS; i++) {
        const unsigned kind = SPACE_KIND(found.space);
        struct pci_window *window = &host->windows[kind == SPACE_HIGH ? PCI_HIGH : PCI_LOW];

        /* The largest of a kind; a sum that wraps would give out what is no window. */
        if ((kind == SPACE_LOW || kind == SPACE_HIGH) && found.size > window->size &&
            found.bus + found.size > found.bus) {
            *window =
                (struct pci_window){.bus = found.bus, .cpu = found.base.value, .size = found.size};
        }
    }
    /* Address 0 is what a BAR without a place has: nobody shall be there. */
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        if (host->windows[i].size != 0 && host->windows[i].bus == 0) {
            host->windows[i].used = PCI_WINDOW_GRANULE;
        }
    }
}

/* Cell `index` of bus-range, which a tree may leave out. */
static unsigned bus_of(int node, unsigned index, unsigned absent)
{
    int length;
    const fdt32_t *cells = fdt_getprop(devicetree(), node, "bus-range", &length);

    return cells == NULL || length != 8 ? absent : fdt32_to_cpu(cells[index]);
}

/* First and last bus: bus-range, and no more than there is configuration space for. */
static void read_buses(struct pci_host *host)
{
    const uint64_t buses = host->size / PCI_BUS_SIZE;
    const unsigned first = bus_of(host->node, 0, 0), last = bus_of(host->node, 1, 255);

    host->first_bus = first <= 255 ? first : 0;
    host->last_bus = last <= 255 && last >= host->first_bus ? last : 255;
    if (host->last_bus - host->first_bus >= buses) {
        host->last_bus = host->first_bus + (unsigned)buses - 1;
    }
    host->next_bus = host->first_bus + 1;
}

void pci_add_host(int node)
{
    struct devicetree_range space;
    struct pci_host *host;
    struct pci_bus *root;

    if (devicetree_reg(node, 0, &space) != KERN_SUCCESS || space.size < PCI_BUS_SIZE) {
        kprintf("pci: a host bridge of the device tree has no configuration space of a whole bus: "
                "it is passed over\n");
        return;
    }
    host = heap_alloc_zero(sizeof(*host));
    root = heap_alloc_zero(sizeof(*root));
    if (host == NULL || root == NULL) {
        heap_free(host);
        heap_free(root);
        kprintf("pci: no memory for a host bridge\n");
        return;
    }
    host->node = node;
    host->base = space.base;
    host->size = space.size;
    host->space = phys_to_virt(space.base);
    read_buses(host);
    read_windows(host);
    root->host = host;
    root->number = (uint8_t)host->first_bus;
    root->extended = true;
    pci_scan_bus(root);
    pci_assign(host, root);
}

void pci_search(void)
{
    static bool searched;
    int node = -1;

    /* By the first who asks: initialisers of one level run in no certain order. */
    if (searched) {
        return;
    }
    searched = true;
    while ((node = devicetree_next_compatible(node, "pci-host-ecam-generic")) >= 0) {
        pci_add_host(node);
    }
}

/* Also without drivers: what firmware has left running stops, and the machine can be listed. */
INITIALISER(INIT_DRIVER, pci_search);
