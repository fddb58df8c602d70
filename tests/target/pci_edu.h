/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of the PCI bus: its edu devices, and whoever is in a slot. */
#ifndef TESTS_TARGET_PCI_EDU_H
#define TESTS_TARGET_PCI_EDU_H

#include "drivers/pci/pci.h"

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

#define EDU_ID      0x00
#define EDU_INVERT  0x04
#define EDU_CAUSES  0x24
#define EDU_RAISE   0x60
#define EDU_QUIET   0x64
#define EDU_ID_WORD 0x010000edu

static inline struct pci_function *edu(unsigned index)
{
    struct pci_function *function = NULL;

    for (unsigned i = 0; i <= index; i++) {
        function = pci_find(EDU_VENDOR, EDU_DEVICE, function);
    }
    return function;
}

static inline struct pci_function *at(unsigned bus, unsigned slot)
{
    struct pci_function *function = NULL;
    struct pci_info info;

    while ((function = pci_next(function)) != NULL) {
        pci_get_info(function, &info);
        if (info.bus == bus && info.slot == slot) {
            return function;
        }
    }
    return NULL;
}

#endif
