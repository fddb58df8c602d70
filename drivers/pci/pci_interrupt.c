/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of a function: which kind it gets, and who is called. */
#include "drivers/pci/pci_private.h"
#include "kernel/devicetree.h"
#include "kernel/heap.h"

#define PINS 4u

/*
 * A bridge passes the pins of its slots on turned by the number of the slot (PCI-to-PCI Bridge,
 * section 9.1); the host bridge's map says which line the last one is.
 */
unsigned pci_line_of(const struct pci_function *function)
{
    unsigned pin = pci_config_read8(function, PCI_PIN);
    struct devicetree_reference reference;
    unsigned intid;

    if (pin == 0 || pin > PINS) {
        return 0;
    }
    for (; function->bus->bridge != NULL; function = function->bus->bridge) {
        pin = (pin - 1 + function->info.slot) % PINS + 1;
    }

    const uint32_t unit[DEVICETREE_CELLS_MAX] = {(uint32_t)function->info.requester << 8};
    const uint32_t specifier[DEVICETREE_CELLS_MAX] = {pin};

    if (devicetree_map_interrupt(function->bus->host->node, unit, specifier, &reference) !=
            KERN_SUCCESS ||
        devicetree_intid(&reference, &intid) != KERN_SUCCESS) {
        return 0;
    }
    return intid;
}

static IOReturn allocate_line(struct pci_function *function)
{
    const unsigned intid = pci_line_of(function);

    if (intid == 0) {
        return kIOReturnNoInterrupt;
    }
    function->vectors = heap_alloc_zero(sizeof(*function->vectors));
    if (function->vectors == NULL) {
        return kIOReturnNoMemory;
    }
    function->vectors[0].intid = intid;
    function->vector_count = 1;
    function->kind = PCI_INTX;
    return kIOReturnSuccess;
}

/* The first kind that gives enough; want of memory ends the search, for it says nothing of them. */
static IOReturn allocate(struct pci_function *function, unsigned least, unsigned most,
                         unsigned kinds)
{
    static const unsigned order[] = {PCI_MSIX, PCI_MSI};
    IOReturn status = kIOReturnNoInterrupt;

    for (unsigned i = 0; i < 2 && status == kIOReturnNoInterrupt; i++) {
        if ((kinds & order[i]) != 0) {
            status = pci_allocate_messages(function, order[i], least, most);
        }
    }
    if (status == kIOReturnNoInterrupt && (kinds & PCI_INTX) != 0 && least == 1) {
        status = allocate_line(function);
    }
    return status;
}

IOReturn pci_allocate_vectors(struct pci_function *function, unsigned least, unsigned most,
                              unsigned kinds, unsigned *granted)
{
    IOReturn status;

    if (function == NULL || granted == NULL || least == 0 || most < least || kinds == 0 ||
        (kinds & ~PCI_ANY_INTERRUPT) != 0) {
        return kIOReturnBadArgument;
    }
    if (function->kind != 0) {
        return kIOReturnBusy;
    }
    status = allocate(function, least, most, kinds);
    if (status == kIOReturnSuccess && function->service != NULL) {
        status = pci_update_interrupts(function);
        if (status != kIOReturnSuccess) {
            pci_free_vectors(function);
        }
    }
    if (status == kIOReturnSuccess) {
        *granted = function->vector_count;
    }
    return status;
}

void pci_free_vectors(struct pci_function *function)
{
    if (function == NULL || function->kind == 0) {
        return;
    }
    /* Handlers before the vectors that call them. */
    for (unsigned i = 0; i < function->vector_count; i++) {
        pci_detach_vector(function, i);
    }
    if (function->kind != PCI_INTX) {
        pci_free_messages(function);
    }
    function->kind = 0;
    function->vector_count = 0;
    heap_free(function->vectors);
    /* The property must not name what is gone: without memory for a shorter one it is cut. */
    if (function->interrupt_count > 1 && pci_update_interrupts(function) != kIOReturnSuccess) {
        function->interrupt_count = 1;
    }
}

unsigned pci_interrupt_kind(const struct pci_function *function)
{
    return function->kind;
}

unsigned pci_vector_intid(const struct pci_function *function, unsigned vector)
{
    return vector < function->vector_count ? function->vectors[vector].intid : 0;
}

IOReturn pci_attach_vector(struct pci_function *function, unsigned vector, irq_handler_t *handler,
                           void *context)
{
    if (function == NULL || handler == NULL || vector >= function->vector_count) {
        return kIOReturnBadArgument;
    }

    struct pci_vector *to = &function->vectors[vector];

    if (to->handler != NULL) {
        return kIOReturnExclusiveAccess;
    }
    if (function->kind != PCI_INTX) {
        if (irq_register(to->intid, handler, context) != KERN_SUCCESS) {
            return kIOReturnNoInterrupt;
        }
        to->handler = handler;
        return kIOReturnSuccess;
    }
    function->line = (struct irq_sharer){.handler = handler, .context = context};
    if (irq_share(to->intid, &function->line) != KERN_SUCCESS) {
        return kIOReturnNoInterrupt;
    }
    to->handler = handler;
    pci_enable_line(function, true);
    return kIOReturnSuccess;
}

void pci_detach_vector(struct pci_function *function, unsigned vector)
{
    if (function == NULL || vector >= function->vector_count ||
        function->vectors[vector].handler == NULL) {
        return;
    }
    if (function->kind == PCI_INTX) {
        /* The function first: asserted without a handler it would keep the others from theirs. */
        pci_enable_line(function, false);
        irq_unshare(function->vectors[vector].intid, &function->line);
    } else {
        irq_unregister(function->vectors[vector].intid);
    }
    function->vectors[vector].handler = NULL;
}

void pci_enable_vector(struct pci_function *function, unsigned vector, bool enable)
{
    if (function == NULL || vector >= function->vector_count ||
        function->vectors[vector].handler == NULL) {
        return;
    }

    const unsigned intid = function->vectors[vector].intid;

    if (function->kind == PCI_INTX) {
        irq_sharer_enable(intid, &function->line, enable);
    } else if (enable) {
        irq_enable(intid);
    } else {
        irq_disable(intid);
    }
}
