/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding edu devices, and the commands for them. */
#include "drivers/edu/edu.h"

#include "drivers/edu/edu_private.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"

static struct edu *devices;

static enum irq_result on_interrupt(void *context)
{
    struct edu *const device = context;
    const uint32_t causes = mmio_read32(device->registers, EDU_CAUSES);

    if (causes == 0) {
        return IRQ_NOTHING;
    }
    /* All of them: on a line, one that stays would interrupt for ever. */
    mmio_write32(device->registers, EDU_ACKNOWLEDGE, causes);
    if ((causes & CAUSE_ENGINE) != 0) {
        device->counters.interrupts++;
        edu_served(device);
    }
    return IRQ_SERVED;
}

/* In front of it before it may master the bus, or what it does next is nobody's to stop. */
static IOReturn bring_up(struct edu *device)
{
    unsigned granted;
    IOReturn status;

    IOMemory_fail(kIOReturnSuccess);
    device->mapper = pci_copy_mapper(device->function);
    if (device->mapper == NULL && IOMemoryLastError() != kIOReturnSuccess) {
        return IOMemoryLastError();
    }
    device->registers = pci_map_bar(device->function, 0, 0, EDU_REGISTERS);
    if (device->registers == NULL) {
        return IOMemoryLastError();
    }
    status = pci_enable(device->function, PCI_MEMORY);
    if (status == kIOReturnSuccess && !ID_IS_EDU(mmio_read32(device->registers, EDU_ID))) {
        status = kIOReturnNoDevice;
    }
    if (status == kIOReturnSuccess) {
        status = pci_allocate_vectors(device->function, 1, 1, PCI_ANY_INTERRUPT, &granted);
    }
    if (status == kIOReturnSuccess) {
        status = pci_attach_vector(device->function, 0, on_interrupt, device);
    }
    return status == kIOReturnSuccess ? pci_enable(device->function, PCI_MASTER) : status;
}

static void add(struct edu ***end, struct pci_function *function)
{
    struct pci_info info;
    struct edu *device;
    IOReturn status;

    if (pci_claim(function, "edu") != kIOReturnSuccess) {
        return; /* somebody has taken it for himself */
    }
    device = heap_alloc_zero(sizeof(*device));
    status = device == NULL ? kIOReturnNoMemory : kIOReturnSuccess;
    if (device != NULL) {
        device->function = function;
        device->address_bits = EDU_ADDRESS_BITS;
        device->lock = (struct lock)LOCK_INITIAL("an edu device", LOCK_RANK_DEVICE);
        status = bring_up(device);
    }
    if (status != kIOReturnSuccess) {
        pci_get_info(function, &info);
        kprintf("edu: the device at PCI %02x:%02x.%x cannot be used (error 0x%x)\n", info.bus,
                info.slot, info.number, (unsigned)status);
        if (device != NULL) {
            OSObject_release(device->mapper);
        }
        pci_release(function);
        heap_free(device);
        return;
    }
    **end = device;
    *end = &device->next;
}

static void find(void)
{
    static bool searched;
    struct pci_function *function = NULL;
    struct edu **end = &devices;

    if (searched || irq_in_handler()) {
        return;
    }
    searched = true;
    while ((function = pci_find(EDU_VENDOR, EDU_DEVICE, function)) != NULL) {
        add(&end, function);
    }
}

struct edu *edu_get(unsigned index)
{
    struct edu *device;

    find();
    for (device = devices; device != NULL && index != 0; index--) {
        device = device->next;
    }
    return device;
}

unsigned edu_count(void)
{
    unsigned count = 0;

    find();
    for (const struct edu *device = devices; device != NULL; device = device->next) {
        count++;
    }
    return count;
}

struct pci_function *edu_get_function(const struct edu *device)
{
    return device->function;
}

IOService *edu_get_service(struct edu *device)
{
    if (device == NULL) {
        IOMemory_fail(kIOReturnNoDevice);
        return NULL;
    }
    if (device->engine == NULL) {
        device->engine = edu_create_engine(device, &device->service);
    }
    return device->service;
}

void edu_set_address_bits(struct edu *device, unsigned bits)
{
    device->address_bits = bits < PAGE_SHIFT ? PAGE_SHIFT : bits > 64 ? 64 : bits;
}

void edu_get_segment_options(const struct edu *device, IODMACommand_SegmentOptions *options)
{
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = (uint8_t)device->address_bits,
        .fMaxSegmentSize = EDU_BYTES_MAX,
        .fMaxTransferSize = EDU_BYTES_MAX,
        .fAlignment = 1,
        .fAlignmentLength = 1,
        .fAlignmentInternalSegments = 1,
    };
}

IODMACommand *edu_create_command(struct edu *device, const IODMACommand_SegmentOptions *options,
                                 uint32_t mappingOptions, struct edu_transfer *transfer)
{
    IODMACommand_SegmentOptions own;

    if (device == NULL || transfer == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    edu_get_segment_options(device, &own);
    *transfer = (struct edu_transfer){.device = device};
    /* For a client that asks for the list itself; the engine fills one of its own. */
    transfer->command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, options != NULL ? options : &own, mappingOptions,
        (mappingOptions & kIODMAMapOptionTypeMask) == kIODMAMapOptionUnmapped ? NULL
                                                                              : device->mapper,
        transfer);
    return transfer->command;
}

void edu_watch(struct edu *device, edu_watcher_t *watcher, void *context)
{
    const lock_state_t state = lock_take(&device->lock);

    device->watcher = watcher;
    device->watch_context = context;
    lock_release(&device->lock, state);
}

void edu_get_counters(const struct edu *device, struct edu_counters *counters)
{
    *counters = device->counters;
}
