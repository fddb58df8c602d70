/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the DMA protocol that asks a mapper. Who has pages of its own, or constraints
 * on where they are mapped, says so by methods: this file knows no subclass.
 */
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"

static uint32_t access_of(const IOMemoryDescriptor *memory)
{
    const bool readOnly = (memory->flags & kIOMemoryPreparedReadOnly) != 0;

    return readOnly ? kIODMAMapReadAccess : kIODMAMapReadAccess | kIODMAMapWriteAccess;
}

/* A class that knows of no pages lets the mapper walk. */
upl_page_info_t *descriptor_copy_page_list(IOMemoryDescriptor *self, uint64_t offset,
                                           uint64_t length, IODMAMapPageList *list)
{
    (void)self, (void)offset, (void)length, (void)list;
    return NULL;
}

static IOReturn map_with(IOMapper *mapper, IOMemoryDescriptor *memory, IODMACommand *command,
                         const IODMAMapSpecification *spec, uint64_t offset, uint64_t length,
                         uint64_t *mapAddress, uint64_t *mapLength)
{
    uint32_t options = access_of(memory);
    IODMAMapPageList list;
    upl_page_info_t *pages =
        IOMemoryDescriptor_methods(memory)->copyPageList(memory, offset, length, &list);
    IOReturn status;

    if (pages != NULL && list.pageOffset == 0 && length == ptoa(list.pageListCount)) {
        options |= kIODMAMapPageListFullyOccupied;
    }
    status = IOMapper_iovmMapMemory(mapper, memory, offset, length, options, spec, command,
                                    pages != NULL ? &list : NULL, mapAddress, mapLength);
    platform_free(pages);
    return status;
}

IOReturn IOMemoryDescriptor_dmaMap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                   IOMemoryDescriptorRef memory, IODMACommand *command,
                                   const IODMAMapSpecification *mapSpec, uint64_t offset,
                                   uint64_t length, uint64_t *mapAddress, uint64_t *mapLength)
{
    if (self.descriptor == NULL || memory.descriptor == NULL || mapAddress == NULL ||
        mapLength == NULL) {
        return kIOReturnBadArgument;
    }
    *mapAddress = 0;
    *mapLength = 0;
    if ((memory.descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (mapper == NULL || (memory.descriptor->flags & kIOMemoryHostOnly) != 0) {
        return kIOReturnSuccess;
    }
    return map_with(mapper, memory.descriptor, command, mapSpec, offset, length, mapAddress,
                    mapLength);
}

IOReturn IOMemoryDescriptor_dmaUnmap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t offset, uint64_t mapAddress,
                                     uint64_t mapLength)
{
    (void)offset;
    if (self.descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    if (mapLength == 0) {
        return kIOReturnSuccess;
    }
    return IOMapper_iovmUnmapMemory(mapper, self, command, mapAddress, mapLength);
}

void IOMemoryDescriptor_dmaMapRecord(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t mapLength)
{
    (void)mapper;
    (void)mapLength;
    if (self.descriptor != NULL && command != NULL) {
        IOMemoryDescriptor_methods(self.descriptor)->setDMAActive(self.descriptor, true);
    }
}

/* The tighter of two, 0 being no constraint. */
static void tighten(IODMAMapSpecification *kept, const IODMAMapSpecification *asked)
{
    if (asked->numAddressBits != 0 &&
        (kept->numAddressBits == 0 || asked->numAddressBits < kept->numAddressBits)) {
        kept->numAddressBits = asked->numAddressBits;
    }
    if (asked->alignment > kept->alignment) {
        kept->alignment = asked->alignment;
    }
}

IODMAMapSpecification *descriptor_map_specification(IOMemoryDescriptor *self)
{
    (void)self;
    return NULL;
}

IOReturn descriptor_add_dma_map_spec(IOMemoryDescriptor *self, const IODMAMapSpecification *asked)
{
    IODMAMapSpecification *const kept = IOMemoryDescriptor_methods(self)->mapSpecification(self);

    if (kept == NULL) {
        return kIOReturnUnsupported;
    }
    if (asked->alignment != 0 && !is_power_of_two(asked->alignment)) {
        return kIOReturnBadArgument;
    }
    tighten(kept, asked);
    return kIOReturnSuccess;
}

IOReturn descriptor_dma_map(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
{
    const IODMAMapSpecification *const kept =
        IOMemoryDescriptor_methods(self)->mapSpecification(self);
    IODMAMapSpecification spec = args->fMapSpec;
    IOReturn status;

    if (kept != NULL) {
        tighten(&spec, kept);
    }
    status =
        IOMemoryDescriptor_dmaMap(self, args->fMapper, self, args->fCommand, &spec, args->fOffset,
                                  args->fLength, &args->fAlloc, &args->fAllocLength);
    if (status == kIOReturnSuccess && args->fAllocLength != 0) {
        IOMemoryDescriptor_dmaMapRecord(self, args->fMapper, args->fCommand, args->fAllocLength);
    }
    return status;
}

IOReturn descriptor_dma_unmap(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
{
    if (args->fAllocLength == 0) {
        return kIOReturnSuccess;
    }
    if (IOMemoryDescriptor_dmaUnmap(self, args->fMapper, args->fCommand, args->fOffset,
                                    args->fAlloc, args->fAllocLength) != kIOReturnSuccess) {
        platform_log("IOMemoryDescriptor %p: the mapper does not know its mapping at %#llx",
                     (void *)self, (unsigned long long)args->fAlloc);
    }
    if (args->fCommand != NULL) {
        IOMemoryDescriptor_methods(self)->setDMAActive(self, false);
    }
    args->fAlloc = 0;
    args->fAllocLength = 0;
    return kIOReturnSuccess;
}
