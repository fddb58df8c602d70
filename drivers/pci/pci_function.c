/* SPDX-License-Identifier: BSD-2-Clause */
/* What a driver asks of a function: finding it, its memory, and that it be let go to work. */
#include "drivers/pci/pci_private.h"
#include "kernel/devicetree.h"
#include "kernel/lock.h"
#include "kernel/mmu.h"

/* --- Finding ---------------------------------------------------------------------------------- */

void pci_get_info(const struct pci_function *function, struct pci_info *info)
{
    *info = function->info;
}

struct pci_function *pci_next(struct pci_function *after)
{
    pci_search();
    return after == NULL ? pci_functions : after->next;
}

struct pci_function *pci_find(uint16_t vendor, uint16_t device, struct pci_function *after)
{
    struct pci_function *function = pci_next(after);

    while (function != NULL &&
           (function->info.vendor != vendor || function->info.device != device)) {
        function = function->next;
    }
    return function;
}

struct pci_function *pci_find_class(uint32_t class_code, uint32_t mask, struct pci_function *after)
{
    struct pci_function *function = pci_next(after);

    while (function != NULL && ((function->info.class_code ^ class_code) & mask) != 0) {
        function = function->next;
    }
    return function;
}

IOReturn pci_claim(struct pci_function *function, const char *driver)
{
    if (function == NULL || driver == NULL) {
        return kIOReturnBadArgument;
    }
    if (function->info.claimed != NULL) {
        return kIOReturnExclusiveAccess;
    }
    function->info.claimed = driver;
    return kIOReturnSuccess;
}

void pci_release(struct pci_function *function)
{
    if (function == NULL || function->info.claimed == NULL) {
        return;
    }
    /* Mastering first: no message is on its way any more when its vector goes. */
    pci_disable(function, PCI_MASTER);
    pci_free_vectors(function);
    function->info.claimed = NULL;
}

/* --- Registers and memory --------------------------------------------------------------------- */

IOReturn pci_get_bar(const struct pci_function *function, unsigned index, struct pci_bar *bar)
{
    if (function == NULL || bar == NULL) {
        return kIOReturnBadArgument;
    }
    if (index >= PCI_BARS || function->bars[index].bar.size == 0) {
        return kIOReturnNotFound;
    }
    *bar = function->bars[index].bar;
    return function->bars[index].placed || bar->is_io ? kIOReturnSuccess : kIOReturnNoSpace;
}

/* A BAR that the CPU can reach, `length` bytes of which from `offset` on lie in it. */
static IOReturn memory_bar(const struct pci_function *function, unsigned index, uint64_t offset,
                           uint64_t length, struct pci_bar *bar)
{
    const IOReturn status = pci_get_bar(function, index, bar);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (bar->is_io) {
        return kIOReturnUnsupported;
    }
    /* Without the sum, which may wrap: both come from a device as a rule. */
    return offset < bar->size && length <= bar->size - offset ? kIOReturnSuccess
                                                              : kIOReturnBadArgument;
}

volatile void *pci_map_bar(struct pci_function *function, unsigned index, uint64_t offset,
                           uint64_t length)
{
    volatile void *registers;
    struct pci_bar bar;
    const IOReturn status = memory_bar(function, index, offset, length, &bar);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    registers =
        mmu_map_device(paddr_add(bar.base, offset), length != 0 ? length : bar.size - offset);
    if (registers == NULL) {
        IOMemory_fail(kIOReturnNoMemory);
    }
    return registers;
}

IODeviceMemory *pci_copy_bar_memory(struct pci_function *function, unsigned index)
{
    struct pci_bar bar;
    const IOReturn status = memory_bar(function, index, 0, 0, &bar);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    return IODeviceMemory_withRange(bar.base.value, bar.size);
}

/* --- Enabling --------------------------------------------------------------------------------- */

/* Over the command register, which handlers change too. */
static struct lock command_lock = LOCK_INITIAL("PCI commands", LOCK_RANK_VALUE);

static void change_command(struct pci_function *function, unsigned set, unsigned clear)
{
    const lock_state_t state = lock_take_again(&command_lock);
    const unsigned command = pci_config_read16(function, PCI_COMMAND);

    pci_config_write16(function, PCI_COMMAND, (uint16_t)((command | set) & ~clear));
    lock_release(&command_lock, state);
}

static bool has_lost_bar(const struct pci_function *function)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_place *place = &function->bars[i];

        if (place->bar.size != 0 && !place->bar.is_io && !place->placed) {
            return true;
        }
    }
    return false;
}

IOReturn pci_enable(struct pci_function *function, unsigned what)
{
    if (function == NULL || (what & ~(PCI_MEMORY | PCI_MASTER)) != 0) {
        return kIOReturnBadArgument;
    }
    if ((what & PCI_MEMORY) != 0 && has_lost_bar(function)) {
        return kIOReturnNoSpace;
    }
    if ((what & PCI_MASTER) != 0) {
        const IOReturn status = pci_ask_mapper(function);

        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    change_command(function, what, 0);
    return kIOReturnSuccess;
}

void pci_disable(struct pci_function *function, unsigned what)
{
    if (function != NULL) {
        change_command(function, 0, what & (PCI_MEMORY | PCI_MASTER));
    }
}

void pci_enable_line(struct pci_function *function, bool enable)
{
    if (function != NULL) {
        change_command(function, enable ? 0 : PCI_COMMAND_NO_INTX,
                       enable ? PCI_COMMAND_NO_INTX : 0);
    }
}

bool pci_is_coherent(const struct pci_function *function)
{
    return devicetree_is_coherent(function->bus->host->node);
}

/* --- Mappers ---------------------------------------------------------------------------------- */

static pci_mapper_source_t *mapper_source;

void pci_set_mapper_source(pci_mapper_source_t *source)
{
    mapper_source = source;
}

bool pci_get_stream(const struct pci_function *function, int *node, uint32_t *stream)
{
    struct devicetree_reference reference;

    if (devicetree_map_id(function->bus->host->node, "iommu-map", function->info.requester,
                          &reference) != KERN_SUCCESS) {
        return false;
    }
    *node = reference.node;
    *stream = reference.cells[0];
    return true;
}

/* Once it has answered, the answer holds: buffers are mapped by it. An error may be asked again. */
IOReturn pci_ask_mapper(struct pci_function *function)
{
    IOMapper *mapper = NULL;
    IOService *service;
    uint32_t stream;
    IOReturn status;
    int node;

    if (function->asked_mapper || mapper_source == NULL ||
        !pci_get_stream(function, &node, &stream)) {
        return kIOReturnSuccess;
    }
    service = pci_get_service(function);
    if (service == NULL) {
        return kIOReturnNoMemory;
    }
    /* Marked before the call: the source asks this function's properties, and maybe its mapper. */
    function->asked_mapper = true;
    status = mapper_source(function, node, stream, &mapper);
    if (status == kIOReturnSuccess && mapper != NULL && !function->untranslated) {
        status = IOService_setObject(service, "iommu-parent", mapper);
    }
    if (status != kIOReturnSuccess) {
        function->asked_mapper = false;
        OSObject_release(mapper);
        return status;
    }
    function->mapper = mapper;
    return kIOReturnSuccess;
}

IOReturn pci_copy_mapper(struct pci_function *function, IOMapper **mapper)
{
    IOReturn status;

    if (function == NULL || mapper == NULL) {
        return kIOReturnBadArgument;
    }
    *mapper = NULL;
    status = pci_ask_mapper(function);
    if (status == kIOReturnSuccess && function->mapper != NULL && !function->untranslated) {
        OSObject_retain(function->mapper);
        *mapper = function->mapper;
    }
    return status;
}

void pci_set_untranslated(struct pci_function *function)
{
    function->untranslated = true;
    /* Without a service nobody has been told of one. */
    IOService_setObject(function->service, "iommu-parent", (IOMapper *)NULL);
}
