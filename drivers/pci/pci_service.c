/* SPDX-License-Identifier: BSD-2-Clause */
/* A function as a device of the classes: its properties, by the IEEE 1275 binding. */
#include <string.h>

#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/heap.h"

#define INTERRUPT_BYTES 12u /* type, number, flags: as a GIC's specifier in a device tree */
#define TYPE_SHARED     0u
#define FIRST_SHARED    32u
#define FLAG_EDGE       1u
#define FLAG_LEVEL      4u

static const char *const names[] = {
    "vendor-id",   "device-id", "subsystem-vendor-id", "subsystem-id", "class-code",
    "revision-id", "reg",
};

static void put_cell(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static void write_properties(struct pci_function *function)
{
    const struct pci_info *info = &function->info;
    /* The first cell of reg is the requester as the binding writes it: bus, slot, function. */
    const uint32_t values[] = {
        info->vendor,     info->device,   info->subsystem_vendor,         info->subsystem,
        info->class_code, info->revision, (uint32_t)info->requester << 8,
    };

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        put_cell(function->cells[i], values[i]);
    }
}

static const void *read_property(const void *context, const char *key, UInt32 *length)
{
    const struct pci_function *function = context;

    if (strcmp(key, "interrupts") == 0) {
        *length = function->interrupt_count * INTERRUPT_BYTES;
        return function->interrupts;
    }
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) == 0) {
            *length = strcmp(key, "reg") == 0 ? PCI_CELLS * 4 : 4;
            return function->cells[i];
        }
    }
    return NULL;
}

static void put_interrupt(uint8_t *at, unsigned intid, uint32_t flags)
{
    put_cell(at, TYPE_SHARED);
    put_cell(at + 4, intid - FIRST_SHARED);
    put_cell(at + 8, flags);
}

IOReturn pci_update_interrupts(struct pci_function *function)
{
    const bool messages = (function->kind & (PCI_MSI | PCI_MSIX)) != 0;
    const unsigned count = 1 + (messages ? function->vector_count : 0);
    const unsigned line = pci_line_of(function);
    uint8_t *bytes = heap_alloc((size_t)count * INTERRUPT_BYTES);

    if (bytes == NULL) {
        return kIOReturnNoMemory;
    }
    /* Without a line the first one names no interrupt of any controller (number 0xffffffe0). */
    put_interrupt(bytes, line, FLAG_LEVEL);
    for (unsigned i = 1; i < count; i++) {
        put_interrupt(bytes + (size_t)i * INTERRUPT_BYTES, function->vectors[i - 1].intid,
                      FLAG_EDGE);
    }
    heap_free(function->interrupts);
    function->interrupts = bytes;
    function->interrupt_count = count;
    return kIOReturnSuccess;
}

IOService *pci_get_service(struct pci_function *function)
{
    char name[16];

    if (function == NULL) {
        return NULL;
    }
    if (function->service == NULL) {
        ksnprintf(name, sizeof(name), "pci@%02x:%02x.%u", function->info.bus, function->info.slot,
                  function->info.number);
        write_properties(function);
        if (pci_update_interrupts(function) == kIOReturnSuccess) {
            function->service = IOService_withReader(name, read_property, function);
        }
    }
    return function->service;
}

struct pci_function *pci_from_service(const IOService *service)
{
    struct pci_function *function = pci_functions;

    while (function != NULL && (service == NULL || function->service != service)) {
        function = function->next;
    }
    return function;
}
