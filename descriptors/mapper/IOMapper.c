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

#define MAP_OPTIONS                                                                                \
    (kIODMAMapReadAccess | kIODMAMapWriteAccess | kIODMAMapPhysicallyContiguous |                  \
     kIODMAMapDeviceMemory | kIODMAMapPagingPath | kIODMAMapIdentityMap |                          \
     kIODMAMapPageListFullyOccupied | kIODMAMapFixedAddress)

static IOReturn judge_memory(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IOMDDMACharacteristics about;
    struct IODMAReach reach;

    if (!IOMemoryDescriptor_holds(memory, offset, length)) {
        return kIOReturnBadArgument;
    }
    reach = IOMemoryDescriptor_reach(memory, offset, offset + length);
    if ((reach.some & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if ((reach.some & kIOMemoryHostOnly) != 0) {
        return kIOReturnNotPermitted;
    }
    IOMemoryDescriptor_methods(memory)->getCharacteristics(memory, &about);
    return about.fIsPrepared ? kIOReturnSuccess : kIOReturnNotReady;
}

static IOReturn judge_request(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                              uint32_t options, const IODMAMapSpecification *spec)
{
    if (length == 0 || (options & ~MAP_OPTIONS) != 0 ||
        (options & (kIODMAMapReadAccess | kIODMAMapWriteAccess)) == 0 ||
        (spec->alignment != 0 && !is_power_of_two(spec->alignment))) {
        return kIOReturnBadArgument;
    }
    return judge_memory(memory, offset, length);
}

IOReturn IOMapper_iovmMapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                uint64_t descriptorOffset, uint64_t length, uint32_t mapOptions,
                                const IODMAMapSpecification *mapSpecification,
                                IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                                uint64_t *mapAddress, uint64_t *mapLength)
{
    static const IODMAMapSpecification unconstrained;
    const IODMAMapSpecification *const spec =
        mapSpecification != NULL ? mapSpecification : &unconstrained;
    IOReturn status = kIOReturnBadArgument;

    if (self != NULL && memory.descriptor != NULL && mapAddress != NULL && mapLength != NULL) {
        status = judge_request(memory.descriptor, descriptorOffset, length, mapOptions, spec);
    }
    if (status == kIOReturnSuccess) {
        status = methods(self)->iovmMapMemory(self, memory.descriptor, descriptorOffset, length,
                                              mapOptions, spec, dmaCommand, pageList, mapAddress,
                                              mapLength);
    }
    if (status != kIOReturnSuccess && mapAddress != NULL) {
        *mapAddress = 0;
    }
    if (status != kIOReturnSuccess && mapLength != NULL) {
        *mapLength = 0;
    }
    return status;
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
