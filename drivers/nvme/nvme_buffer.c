/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that a controller has itself (NVM Express 1.4, section 4.7): the CPU reaches it through
 * a BAR, the controller by addresses that the driver gives it. These are the BAR's, so that a
 * descriptor of it says what a command must say, and belong to nothing else of this function.
 */
#include "drivers/nvme/nvme_private.h"
#include "kernel/console.h"
#include "kernel/mmio.h"

#define CMB_ENABLE_REGISTERS 0x1u
#define CMB_ENABLE_MEMORY    0x2u
#define CMB_BAR(location)    ((location)&7u)
#define CMB_OFFSET(location) ((uint64_t)((location) >> 12)) /* in units of its size */
#define CMB_UNIT(size)       (4096ull << (4 * ((size) >> 8 & 0xfu)))
#define CMB_UNITS(size)      ((uint64_t)((size) >> 12))
#define CMB_DATA             0x18u /* commands may read there, and write */

/* No address of them leads anywhere. */
static bool is_untranslated(IOMapper *mapper, uint64_t address, uint64_t bytes)
{
    uint64_t physical;

    for (uint64_t at = 0; at < bytes; at += PAGE_SIZE) {
        if (IOMapper_translate(mapper, address + at, 0, &physical, NULL) != kIOReturnNotFound) {
            return false;
        }
    }
    return true;
}

/* What the controller takes for its own memory must never be the I/O address of any other. */
static IOReturn reserve(struct nvme_controller *controller, uint64_t address, uint64_t bytes)
{
    IOMapper *mapper = controller->mapper;
    uint64_t start = address, length;
    IOReturn status;

    if (mapper == NULL) {
        return kIOReturnSuccess;
    }
    status =
        IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, bytes,
                               kIODMAMapReadAccess | kIODMAMapWriteAccess | kIODMAMapFixedAddress,
                               NULL, NULL, NULL, &start, &length);
    controller->buffer_reserved = status == kIOReturnSuccess;
    /*
     * This function has mapped nothing yet: where there is no room and no translation either, the
     * addresses are beyond what its mapper hands out, and nobody will have them.
     */
    return status == kIOReturnNoSpace && is_untranslated(mapper, address, bytes) ? kIOReturnSuccess
                                                                                 : status;
}

static IOReturn place(struct nvme_controller *controller, uint32_t location, uint32_t size)
{
    const uint64_t offset = CMB_OFFSET(location) * CMB_UNIT(size);
    const uint64_t bytes = CMB_UNITS(size) * CMB_UNIT(size);
    struct pci_bar bar;
    IOReturn status = pci_get_bar(controller->function, CMB_BAR(location), &bar);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if ((size >> 8 & 0xf) > 6 || bytes == 0 || bytes > bar.size || offset > bar.size - bytes) {
        return kIOReturnBadArgument;
    }
    if ((size & CMB_DATA) != CMB_DATA) {
        return kIOReturnUnsupported; /* a place for queues, at the most */
    }
    controller->buffer_address = bar.base.value + offset;
    status = reserve(controller, controller->buffer_address, bytes);
    if (status == kIOReturnSuccess) {
        controller->buffer_bytes = bytes;
        mmio_write64(controller->registers, NVME_CMBMSC,
                     controller->buffer_address | CMB_ENABLE_MEMORY | CMB_ENABLE_REGISTERS);
    }
    return status;
}

void nvme_open_buffer(struct nvme_controller *controller)
{
    uint32_t size;
    IOReturn status;

    if (!NVME_CAP_CMBS(controller->cap)) {
        return;
    }
    mmio_write64(controller->registers, NVME_CMBMSC, CMB_ENABLE_REGISTERS);
    size = mmio_read32(controller->registers, NVME_CMBSZ);
    if (size == 0 || size == NVME_GONE) {
        return;
    }
    status = place(controller, mmio_read32(controller->registers, NVME_CMBLOC), size);
    if (status != kIOReturnSuccess) {
        mmio_write64(controller->registers, NVME_CMBMSC, 0);
        kprintf("nvme: the controller's memory buffer is not used: %s\n", IOReturn_name(status));
    }
}

void nvme_close_buffer(struct nvme_controller *controller)
{
    if (controller->buffer_bytes == 0) {
        return;
    }
    mmio_write64(controller->registers, NVME_CMBMSC, 0);
    if (controller->buffer_reserved) {
        IOMapper_iovmUnmapMemory(controller->mapper, (IOMemoryDescriptor *)NULL, NULL,
                                 controller->buffer_address, controller->buffer_bytes);
    }
}

IODeviceMemory *nvme_copy_buffer(struct nvme_namespace *disk)
{
    const struct nvme_controller *controller = disk->controller;

    if (controller->buffer_bytes == 0) {
        IOMemory_fail(kIOReturnUnsupported);
        return NULL;
    }
    return IODeviceMemory_withRange(controller->buffer_address, controller->buffer_bytes);
}
