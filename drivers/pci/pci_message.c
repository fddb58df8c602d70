/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts as messages: what MSI and MSI-X tell a function (PCI Local Bus 3.0, sections
 * 6.8.1 and 6.8.2), out of what the interrupt controller has.
 */
#include "drivers/pci/pci_private.h"
#include "kernel/console.h"
#include "kernel/devicetree.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"
#include "kernel/msi.h"

#define CONTROL 0x2u /* in both capabilities */

#define MSI_ENABLE     0x1u
#define MSI_CAPABLE(x) (1u << ((x) >> 1 & 7u))
#define MSI_ENABLED    0x70u /* log2 of how many it may send */
#define MSI_WIDE       0x80u
#define MSI_MASKS      0x100u
#define MSI_ADDRESS    0x4u
#define MSI_MOST       32u

#define MSIX_ENABLE   0x8000u
#define MSIX_MASK     0x4000u /* all of them */
#define MSIX_COUNT(x) (((x)&0x7ffu) + 1)
#define MSIX_TABLE    0x4u
#define MSIX_PENDING  0x8u
#define MSIX_BAR(x)   ((x)&7u)
#define MSIX_AT(x)    ((x) & ~7u)

/* An entry of the table. */
#define ENTRY_BYTES   16u
#define ENTRY_ADDRESS 0x0u
#define ENTRY_UPPER   0x4u
#define ENTRY_DATA    0x8u
#define ENTRY_CONTROL 0xcu
#define ENTRY_MASK    0x1u

/* Which controller takes its messages, and by what name. */
static bool find_controller(const struct pci_function *function, struct msi_request *request)
{
    const int node = function->bus->host->node;
    struct devicetree_reference reference;

    /* The map of the bridge (binding pci-msi), or one controller for all. */
    if (devicetree_map_id(node, "msi-map", function->info.requester, &reference) != KERN_SUCCESS) {
        if (devicetree_reference(node, "msi-parent", "#msi-cells", 0, &reference) != KERN_SUCCESS) {
            return false;
        }
        if (reference.count == 0) {
            reference.cells[0] = function->info.requester;
        }
    }
    request->node = reference.node;
    request->requester = reference.cells[0];
    return true;
}

static IOReturn status_of(kern_return_t result)
{
    return result == KERN_SUCCESS             ? kIOReturnSuccess
           : result == KERN_RESOURCE_SHORTAGE ? kIOReturnNoMemory
                                              : kIOReturnNoInterrupt;
}

/* --- MSI-X ------------------------------------------------------------------------------------ */

/* Its table, mapped; NULL: the capability makes no sense, or its BAR has no place. */
static volatile void *map_table(struct pci_function *function, unsigned at, unsigned count)
{
    const uint32_t table = pci_config_read32(function, at + MSIX_TABLE);
    const uint32_t pending = pci_config_read32(function, at + MSIX_PENDING);
    const uint64_t bytes = (uint64_t)count * ENTRY_BYTES;
    const struct pci_info *info = &function->info;
    volatile void *registers = NULL;
    struct pci_bar bar;

    /* The bits of what is pending are not used, but lie in a BAR or nothing of it is true. */
    if (pci_get_bar(function, MSIX_BAR(pending), &bar) == kIOReturnSuccess && !bar.is_io &&
        MSIX_AT(pending) < bar.size && pci_enable(function, PCI_MEMORY) == kIOReturnSuccess) {
        registers = pci_map_bar(function, MSIX_BAR(table), MSIX_AT(table), bytes);
    }
    if (registers == NULL) {
        kprintf("pci: %02x:%02x.%u (%04x:%04x): its MSI-X table of %u entries is in no BAR; MSI-X "
                "is not used\n",
                info->bus, info->slot, info->number, info->vendor, info->device, count);
    }
    return registers;
}

static void write_entry(struct pci_function *function, unsigned index)
{
    const uint64_t at = (uint64_t)index * ENTRY_BYTES;
    struct msi_message message;

    if (index >= function->vector_count) {
        mmio_write32(function->table, at + ENTRY_CONTROL, ENTRY_MASK);
        return;
    }
    msi_message(function->messages, index, &message);
    mmio_write32(function->table, at + ENTRY_ADDRESS, (uint32_t)message.address);
    mmio_write32(function->table, at + ENTRY_UPPER, (uint32_t)(message.address >> 32));
    mmio_write32(function->table, at + ENTRY_DATA, message.data);
    mmio_write32(function->table, at + ENTRY_CONTROL, 0);
}

static void start_msix(struct pci_function *function, unsigned at)
{
    const uint16_t control = pci_config_read16(function, at + CONTROL);
    const unsigned count = MSIX_COUNT(control);

    /* Enabled, so that the table counts, but all masked until it is right. */
    pci_config_write16(function, at + CONTROL, control | MSIX_ENABLE | MSIX_MASK);
    for (unsigned i = 0; i < count; i++) {
        write_entry(function, i);
    }
    pci_config_write16(function, at + CONTROL, (uint16_t)((control | MSIX_ENABLE) & ~MSIX_MASK));
}

/* --- MSI -------------------------------------------------------------------------------------- */

static void start_msi(struct pci_function *function, unsigned at)
{
    uint16_t control = pci_config_read16(function, at + CONTROL) & (uint16_t)~MSI_ENABLED;
    const unsigned data = at + MSI_ADDRESS + ((control & MSI_WIDE) != 0 ? 8 : 4);
    struct msi_message message;

    /* It may send so many: 2^bits, which the words of the messages differ in. */
    for (unsigned count = function->vector_count; count > 1; count /= 2) {
        control += 0x10;
    }
    msi_message(function->messages, 0, &message);
    pci_config_write32(function, at + MSI_ADDRESS, (uint32_t)message.address);
    if ((control & MSI_WIDE) != 0) {
        pci_config_write32(function, at + MSI_ADDRESS + 4, (uint32_t)(message.address >> 32));
    }
    pci_config_write16(function, data, (uint16_t)message.data);
    if ((control & MSI_MASKS) != 0) {
        pci_config_write32(function, data + 4, 0);
    }
    pci_config_write16(function, at + CONTROL, control | MSI_ENABLE);
}

/* --- Both ------------------------------------------------------------------------------------- */

static unsigned capability_of(const struct pci_function *function, unsigned kind)
{
    return pci_find_capability(function, kind == PCI_MSIX ? PCI_CAP_MSIX : PCI_CAP_MSI, 0);
}

/* How many the function can send; 0: it cannot by this kind. */
static unsigned most_of(struct pci_function *function, unsigned kind, unsigned at)
{
    const uint16_t control = pci_config_read16(function, at + CONTROL);
    unsigned count;

    if (kind == PCI_MSIX) {
        count = MSIX_COUNT(control);
        function->table = map_table(function, at, count);
        return function->table != NULL ? count : 0;
    }
    count = MSI_CAPABLE(control);
    return count <= MSI_MOST ? count : 0;
}

static bool reaches(const struct pci_function *function, unsigned kind, unsigned at)
{
    struct msi_message message;

    msi_message(function->messages, 0, &message);
    return kind == PCI_MSIX || message.address <= UINT32_MAX ||
           (pci_config_read16(function, at + CONTROL) & MSI_WIDE) != 0;
}

IOReturn pci_allocate_messages(struct pci_function *function, unsigned kind, unsigned least,
                               unsigned most)
{
    const unsigned at = capability_of(function, kind);
    struct msi_request request = {.least = least, .consecutive = kind == PCI_MSI};
    struct pci_vector *vectors;
    unsigned there;
    IOReturn status;

    if (at == 0 || !find_controller(function, &request)) {
        return kIOReturnNoInterrupt;
    }
    there = most_of(function, kind, at);
    request.most = most < there ? most : there;
    if (request.most < least) {
        return kIOReturnNoInterrupt;
    }
    status = status_of(msi_allocate(&request, &function->messages));
    if (status != kIOReturnSuccess) {
        return status;
    }
    vectors = heap_alloc_zero(msi_count(function->messages) * sizeof(*vectors));
    if (vectors == NULL || !reaches(function, kind, at)) {
        status = vectors == NULL ? kIOReturnNoMemory : kIOReturnNoInterrupt;
        heap_free(vectors);
        msi_free(function->messages);
        return status;
    }
    function->vectors = vectors;
    function->vector_count = msi_count(function->messages);
    for (unsigned i = 0; i < function->vector_count; i++) {
        function->vectors[i].intid = msi_intid(function->messages, i);
    }
    function->kind = kind;
    if (kind == PCI_MSIX) {
        start_msix(function, at);
    } else {
        start_msi(function, at);
    }
    return kIOReturnSuccess;
}

/* Nothing is attached any more. The function first, or a late message would be another's. */
void pci_free_messages(struct pci_function *function)
{
    const unsigned at = capability_of(function, function->kind) + CONTROL;
    const uint16_t enable = function->kind == PCI_MSIX ? MSIX_ENABLE : MSI_ENABLE;

    pci_config_write16(function, at, pci_config_read16(function, at) & (uint16_t)~enable);
    pci_config_read16(function, at); /* what was on its way has arrived when this has */
    msi_free(function->messages);
}
