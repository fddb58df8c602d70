/* SPDX-License-Identifier: BSD-2-Clause */
/* What all mappers share; a unit's driver fills in the record. */
#include "descriptors/IOMapper_class.h"

#include "descriptors/IOMemoryDescriptor_class.h"

static IOReturn map_nothing(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                            uint64_t length, uint32_t mapOptions,
                            const IODMAMapSpecification *mapSpecification, IODMACommand *dmaCommand,
                            const IODMAMapPageList *pageList, uint64_t *mapAddress,
                            uint64_t *mapLength)
{
    (void)self, (void)memory, (void)offset, (void)length, (void)mapOptions, (void)mapSpecification;
    (void)dmaCommand, (void)pageList, (void)mapAddress, (void)mapLength;
    return kIOReturnUnsupported;
}

static IOReturn unmap_nothing(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *dmaCommand,
                              uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)dmaCommand, (void)mapAddress, (void)mapLength;
    return kIOReturnNotFound;
}

static void mapper_free(OSObject *self)
{
    OSObject_free(self);
}

const IOMapperClass IOMapper_class = {
    .meta = {"IOMapper", &OSObject_metaClass, sizeof(IOMapper), NULL, mapper_free},
    .iovmMapMemory = map_nothing,
    .iovmUnmapMemory = unmap_nothing,
};

static const IOMapperClass *methods(const IOMapper *self)
{
    OSObject_checkClass(&self->super, &IOMapper_metaClass);
    return (const IOMapperClass *)self->super.metaClass;
}

IOReturn IOMapper_iovmMapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                uint64_t descriptorOffset, uint64_t length, uint32_t mapOptions,
                                const IODMAMapSpecification *mapSpecification,
                                IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                                uint64_t *mapAddress, uint64_t *mapLength)
{
    if (self == NULL || memory.descriptor == NULL || mapAddress == NULL || mapLength == NULL ||
        length == 0 || !IOMemoryDescriptor_holds(memory.descriptor, descriptorOffset, length)) {
        return kIOReturnBadArgument;
    }
    return methods(self)->iovmMapMemory(self, memory.descriptor, descriptorOffset, length,
                                        mapOptions, mapSpecification, dmaCommand, pageList,
                                        mapAddress, mapLength);
}

IOReturn IOMapper_iovmUnmapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                  IODMACommand *dmaCommand, uint64_t mapAddress, uint64_t mapLength)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (mapLength == 0) {
        return kIOReturnSuccess;
    }
    return methods(self)->iovmUnmapMemory(self, memory.descriptor, dmaCommand, mapAddress,
                                          mapLength);
}
