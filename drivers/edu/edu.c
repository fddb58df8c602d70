/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding edu devices, and the commands for them. */
#include "drivers/edu/edu.h"

#include "drivers/edu/edu_private.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"

static struct bus_devices devices;

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
    IOReturn status = pci_copy_mapper(device->function, &device->mapper);

    if (status != kIOReturnSuccess) {
        return status;
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

static struct pci_function *next(struct pci_function *after)
{
    return pci_find(EDU_VENDOR, EDU_DEVICE, after);
}

/* Without interrupts, and without the bus, before what they know of is gone. */
static void give_back(struct edu *device)
{
    pci_release(device->function);
    OSObject_release(device->engine);
    OSObject_release(device->service);
    OSObject_release(device->mapper);
    heap_free(device);
}

struct edu *edu_open(struct pci_function *function, IOReturn *status)
{
    struct edu *device;

    *status = pci_claim(function, "edu");
    if (*status != kIOReturnSuccess) {
        return NULL;
    }
    device = heap_alloc_zero(sizeof(*device));
    if (device == NULL) {
        pci_release(function);
        *status = kIOReturnNoMemory;
        return NULL;
    }
    device->function = function;
    device->address_bits = EDU_ADDRESS_BITS;
    device->lock = (struct lock)LOCK_INITIAL("an edu device", LOCK_RANK_DEVICE);
    *status = bring_up(device);
    if (*status != kIOReturnSuccess) {
        give_back(device);
        return NULL;
    }
    bus_devices_add(&devices, &device->device);
    return device;
}

bool edu_close(struct edu *device)
{
    /* It cannot be told to stop, and would go on writing. */
    if (device->transfer != NULL) {
        return false;
    }
    bus_devices_remove(&devices, &device->device);
    give_back(device);
    return true;
}

static IOReturn open_function(struct pci_function *function)
{
    IOReturn status;

    edu_open(function, &status);
    return status;
}

static struct bus_devices devices = {.driver = "edu", .next = next, .open = open_function};

struct edu *edu_get(unsigned index)
{
    return bus_devices_get(&devices, index);
}

unsigned edu_count(void)
{
    return bus_devices_count(&devices);
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
