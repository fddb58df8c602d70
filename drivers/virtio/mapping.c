/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver's own memory, mapped for its device for as long as it has it; see mapping.h. */
#include "drivers/virtio/mapping.h"

#define BOTH (kIODMAMapReadAccess | kIODMAMapWriteAccess)

IOReturn virtio_map(IOMapper *mapper, paddr_t first, size_t pages, struct virtio_mapping *mapping)
{
    const uint64_t bytes = (uint64_t)pages << PAGE_SHIFT;
    uint64_t address, taken;
    IOReturn status;

    *mapping = (struct virtio_mapping){0};
    if (mapper == NULL) {
        return kIOReturnSuccess;
    }
    /* Addresses first, then what they translate to: there is no descriptor of this memory. */
    status = IOMapper_iovmMapMemory(mapper, (IOMemoryDescriptor *)NULL, 0, bytes, BOTH, NULL, NULL,
                                    NULL, &address, &taken);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IOMapper_iovmInsert(mapper, BOTH, address, 0, first.value, bytes);
    if (status != kIOReturnSuccess) {
        IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, address, taken);
        return status;
    }
    IOMapper_keepMapped(mapper, address);
    OSObject_retain(mapper);
    *mapping = (struct virtio_mapping){
        .mapper = mapper, .address = address, .bytes = taken, .offset = address - first.value};
    return kIOReturnSuccess;
}

bool virtio_unmap(struct virtio_mapping *mapping)
{
    IOMapper *mapper = mapping->mapper;
    IOReturn status;

    if (mapper == NULL) {
        return true;
    }
    status = IOMapper_iovmUnmapMemory(mapper, (IOMemoryDescriptor *)NULL, NULL, mapping->address,
                                      mapping->bytes);
    *mapping = (struct virtio_mapping){0};
    OSObject_release(mapper);
    return status == kIOReturnSuccess;
}
