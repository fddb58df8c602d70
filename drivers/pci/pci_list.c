/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of the machine, listed. */
#include <string.h>

#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/init.h"
#include "kernel/options.h"

RUNTIME_OPTION(pci, "pci", "list", "list the functions of the PCI bus at start-up");

static void print_bars(const struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_place *place = &function->bars[i];

        if (place->bar.size == 0) {
            continue;
        }
        kprintf("  BAR %u: 0x%llx bytes ", i, (unsigned long long)place->bar.size);
        if (place->placed) {
            kprintf("at 0x%llx%s\n", (unsigned long long)place->bar.base.value,
                    place->bar.prefetchable ? ", prefetchable" : "");
        } else {
            kprintf("%s\n", place->bar.is_io ? "of ports, not used" : "without a place");
        }
    }
}

static void print_interrupts(const struct pci_function *function)
{
    const unsigned line = pci_line_of(function);

    if (line != 0) {
        kprintf(", line %u", line);
    }
    if (function->kind == PCI_INTX) {
        kprintf(" (in use)");
    } else if (function->kind != 0) {
        kprintf(", %u by %s from %u on", function->vector_count,
                function->kind == PCI_MSIX ? "MSI-X" : "MSI", function->vectors[0].intid);
    }
}

void pci_print(void)
{
    const struct pci_function *function = NULL;

    while ((function = pci_next((struct pci_function *)function)) != NULL) {
        const struct pci_info *info = &function->info;
        uint32_t stream;
        int node;

        kprintf("pci %02x:%02x.%u %04x:%04x class %06x", info->bus, info->slot, info->number,
                info->vendor, info->device, info->class_code);
        if (function->below != NULL) {
            kprintf(", bridge to bus %02x", function->below->number);
        }
        print_interrupts(function);
        if (pci_get_stream(function, &node, &stream)) {
            kprintf(", stream 0x%x%s", stream, function->untranslated ? " (messages alone)" : "");
        }
        kprintf(", %s\n", info->claimed != NULL ? info->claimed : "no driver");
        print_bars(function);
    }
}

void pci_list(const char *value)
{
    if (value == NULL) {
        return;
    }
    if (strcmp(value, "list") == 0) {
        pci_print();
    } else {
        kprintf("pci: pci=list lists the functions; pci=%s means nothing\n", value);
    }
}

static void print_if_asked(void)
{
    pci_list(option_value("pci"));
}

/* Behind the drivers, so that it says who has what. */
INITIALISER(INIT_CLASS, print_if_asked);
