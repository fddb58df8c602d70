/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding controllers and their namespaces, and what callers ask of these. */
#include "drivers/nvme/nvme.h"

#include <string.h>

#include "drivers/nvme/nvme_private.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/mmio.h"

#define CLASS_NVME 0x010802u /* mass storage, non-volatile memory, NVM Express */

static struct pci_function *next(struct pci_function *after)
{
    return pci_find_class(CLASS_NVME, 0xffffffu, after);
}

static IOReturn open_function(struct pci_function *function)
{
    IOReturn status;
    struct nvme_controller *controller = nvme_open(function, &status);

    if (controller != NULL) {
        nvme_add_namespaces(controller);
    }
    return status;
}

static struct bus_devices disks = {.driver = "nvme", .next = next, .open = open_function};

/* --- Finding them ----------------------------------------------------------------------------- */

static IOReturn read_namespace(struct nvme_controller *controller, uint32_t id,
                               struct nvme_namespace *disk)
{
    const IOReturn status = nvme_identify(controller, NVME_IDENTIFY_NAMESPACE, id);
    const uint8_t *bytes = controller->identify.bytes;
    const uint8_t *format;

    if (status != kIOReturnSuccess) {
        return status;
    }
    disk->controller = controller;
    disk->id = id;
    memcpy(&disk->blocks, bytes + NVME_NAMESPACE_SIZE, sizeof(disk->blocks));
    if (disk->blocks == 0) {
        return kIOReturnNoDevice; /* a number that nobody has */
    }
    format = bytes + NVME_NAMESPACE_FORMATS + 4 * (bytes[NVME_NAMESPACE_FLBAS] & 0xf);
    /*
     * Metadata would want a place beside each block. A block must fit in a command, and all of them
     * be less than 2^64 bytes.
     */
    if ((format[0] | format[1]) != 0 || format[2] < 9 || format[2] > 16 ||
        1ull << format[2] > controller->command_bytes_max ||
        disk->blocks >> (63 - format[2]) != 0) {
        return kIOReturnUnsupported;
    }
    disk->block_size = 1u << format[2];
    disk->read_only = (bytes[NVME_NAMESPACE_ATTR] & 1) != 0;
    return kIOReturnSuccess;
}

static bool add_namespace(struct nvme_controller *controller, uint32_t id)
{
    struct nvme_namespace *disk = heap_alloc_zero(sizeof(*disk));
    const IOReturn status = disk == NULL ? kIOReturnNoMemory : read_namespace(controller, id, disk);

    if (status == kIOReturnSuccess) {
        disk->device.serial = controller->serial;
        disk->beside = controller->namespaces;
        controller->namespaces = disk;
        bus_devices_add(&disks, &disk->device);
        return true;
    }
    heap_free(disk);
    if (status != kIOReturnNoDevice) {
        kprintf("nvme %s: namespace %u cannot be used: %s\n", controller->serial, (unsigned)id,
                IOReturn_name(status));
    }
    return false;
}

void nvme_add_namespaces(struct nvme_controller *controller)
{
    uint32_t ids[NVME_NAMESPACES_MAX + 1];

    /* One that does not know the list is older, and numbers them from 1 on without holes. */
    if (nvme_identify(controller, NVME_IDENTIFY_LIST, 0) != kIOReturnSuccess) {
        ids[0] = 1;
        ids[1] = 0;
    } else {
        memcpy(ids, controller->identify.bytes, sizeof(ids)); /* the next question overwrites it */
    }
    for (unsigned i = 0; ids[i] != 0; i++) {
        if (i == NVME_NAMESPACES_MAX) {
            kprintf("nvme %s: namespaces from %u on are left out: there are %u before\n",
                    controller->serial, (unsigned)ids[i], i);
            break;
        }
        /* Ascending, or the list is none. */
        if (i != 0 && ids[i] <= ids[i - 1]) {
            break;
        }
        add_namespace(controller, ids[i]);
    }
}

void nvme_remove_namespaces(struct nvme_controller *controller)
{
    while (controller->namespaces != NULL) {
        struct nvme_namespace *const disk = controller->namespaces;

        controller->namespaces = disk->beside;
        bus_devices_remove(&disks, &disk->device);
        heap_free(disk);
    }
}

unsigned nvme_count(void)
{
    return bus_devices_count(&disks);
}

struct nvme_namespace *nvme_get(unsigned index)
{
    return bus_devices_get(&disks, index);
}

struct nvme_namespace *nvme_find(const char *serial)
{
    return bus_devices_find(&disks, serial);
}

/* --- What callers see ------------------------------------------------------------------------- */

void nvme_get_info(const struct nvme_namespace *disk, struct nvme_info *info)
{
    const struct nvme_controller *controller = disk->controller;

    *info = (struct nvme_info){
        .id = disk->id,
        .blocks = disk->blocks,
        .block_size = disk->block_size,
        .command_bytes_max = controller->command_bytes_max,
        .queues = controller->queue_count,
        .queue_size = controller->queues[0].size - 1,
        .interrupts = controller->vectors,
        .read_only = disk->read_only,
        .has_flush = controller->has_flush,
        .has_sgl = controller->has_sgl,
    };
    memcpy(info->serial, controller->serial, sizeof(info->serial));
}

IOReturn nvme_flush(struct nvme_namespace *disk)
{
    const struct nvme_command command = {.opcode = NVME_IO_FLUSH, .nsid = disk->id};

    if (disk->controller->lost) {
        return kIOReturnNotResponding;
    }
    if (!disk->controller->has_flush) {
        return kIOReturnSuccess;
    }
    return nvme_execute(&disk->controller->queues[0], &command, NVME_PATIENCE, NULL);
}

IOReturn nvme_reset(struct nvme_namespace *disk)
{
    if (disk->controller->finishing || irq_in_handler()) {
        return kIOReturnNotPermitted;
    }
    return disk->controller->lost ? kIOReturnNotResponding : nvme_reset_orderly(disk->controller);
}

IOService *nvme_get_service(struct nvme_namespace *disk)
{
    struct nvme_controller *controller = disk->controller;

    if (controller->engine == NULL) {
        controller->engine = nvme_create_engine(controller, &controller->service);
    }
    return controller->engine != NULL ? controller->service : NULL;
}

IOReturn nvme_get_segment_options(const struct nvme_namespace *disk, enum nvme_format format,
                                  IODMACommand_SegmentOptions *options)
{
    const struct nvme_controller *controller = disk->controller;
    const uint32_t page = (uint32_t)nvme_page(controller);
    const uint32_t word = format == NVME_PRP || controller->sgl_words ? 4 : 1;

    if (format == NVME_SGL && !controller->has_sgl) {
        return kIOReturnUnsupported;
    }
    *options = (IODMACommand_SegmentOptions){
        .fStructSize = sizeof(*options),
        .fNumAddressBits = 64,
        .fAlignment = word,
        .fAlignmentLength = format == NVME_PRP ? 1 : word,
        .fAlignmentInternalSegments = format == NVME_PRP ? page : word,
        .fAlignmentInternalEnd = format == NVME_PRP ? page : 1,
        /* Of a descriptor; a run of pages may be any number of entries. */
        .fMaxSegmentSize = format == NVME_PRP ? 0 : UINT32_MAX & ~(uint64_t)(word - 1),
    };
    return kIOReturnSuccess;
}

IODMACommand *nvme_create_command(struct nvme_namespace *disk, enum nvme_format format,
                                  const IODMACommand_SegmentOptions *options,
                                  uint32_t mappingOptions, struct nvme_transfer *transfer)
{
    IODMACommand_SegmentOptions own;
    IOReturn status;

    if (disk == NULL || transfer == NULL || (format != NVME_PRP && format != NVME_SGL)) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    status = nvme_get_segment_options(disk, format, &own);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    *transfer = (struct nvme_transfer){.disk = disk, .format = format};
    /* For who wants to see its list; the controller's own function needs a place for one. */
    transfer->command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, options != NULL ? options : &own, mappingOptions,
        (mappingOptions & kIODMAMapOptionTypeMask) == kIODMAMapOptionUnmapped
            ? NULL
            : disk->controller->mapper,
        transfer);
    return transfer->command;
}

void nvme_hold_doorbell(struct nvme_namespace *disk, unsigned channel, bool on)
{
    struct nvme_controller *controller = disk->controller;
    const lock_state_t state = lock_take_again(&controller->lock);

    if (channel < controller->queue_count) {
        controller->queues[channel].held = on;
        if (!on) {
            nvme_publish(&controller->queues[channel]);
        }
    }
    lock_release(&controller->lock, state);
}

void nvme_get_counters(const struct nvme_namespace *disk, unsigned channel,
                       struct nvme_counters *counters)
{
    struct nvme_controller *controller = disk->controller;
    const lock_state_t state = lock_take_again(&controller->lock);

    *counters = (struct nvme_counters){0};
    if (channel < controller->queue_count) {
        *counters = controller->queues[channel].counters;
        counters->most_starts = controller->queues[channel].channel.most;
    }
    lock_release(&controller->lock, state);
}

void nvme_watch(struct nvme_namespace *disk, nvme_watch_t *watch, void *context)
{
    const lock_state_t state = lock_take_again(&disk->controller->lock);

    disk->controller->watch = watch;
    disk->controller->watch_context = context;
    lock_release(&disk->controller->lock, state);
}
