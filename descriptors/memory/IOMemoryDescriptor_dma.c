/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA protocol of IODMAProtocol.h; what needs a mapper is in IOMemoryDescriptor_dma_map.c. */
#include <string.h>

#include "descriptors/IOMemoryDescriptor_class.h"

void descriptor_get_characteristics(IOMemoryDescriptor *self, IOMDDMACharacteristics *out)
{
    *out = (IOMDDMACharacteristics){
        .fLength = self->length,
        .fDirection = self->flags & kIOMemoryDirectionMask,
        .fIsPrepared = self->wireCount != 0,
    };
}

/* Interrupt handlers change the count too. */
IOReturn descriptor_set_dma_active(IOMemoryDescriptor *self, bool active)
{
    const uint32_t limit = active ? UINT32_MAX : 0;
    uint32_t before = __atomic_load_n(&self->dmaActive, __ATOMIC_RELAXED);

    do {
        if (before == limit) {
            return active ? kIOReturnNoResources : kIOReturnNotReady;
        }
    } while (!__atomic_compare_exchange_n(&self->dmaActive, &before,
                                          active ? before + 1 : before - 1, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return kIOReturnSuccess;
}

static IOReturn walk_segment(IOMemoryDescriptor *self, IOMDDMAWalkSegmentArgs *args)
{
    const IOOptionBits options = args->fMapped ? 0 : kIOMemoryMapperNone;
    IOPhysicalSegment segment;
    IOReturn status;

    if (args->fMapped && (self->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (args->fOffset >= self->length) {
        return args->fOffset == self->length ? kIOReturnOverrun : kIOReturnInternalError;
    }
    status = IOMemoryDescriptor_segment(self, args->fOffset, options, &segment);
    args->fIOVMAddr = status == kIOReturnSuccess ? segment.location : 0;
    args->fLength = status == kIOReturnSuccess ? segment.length : 0;
    args->fOffset += args->fLength;
    return status;
}

/* The state's bytes need not be aligned. */
static IOReturn walk_state(IOMemoryDescriptor *self, void *state)
{
    IOMDDMAWalkSegmentArgs args;
    IOReturn status;

    memcpy(&args, state, sizeof(args));
    status = walk_segment(self, &args);
    memcpy(state, &args, sizeof(args));
    return status;
}

IOReturn descriptor_dma_command_operation(IOMemoryDescriptor *self, DMACommandOps op, void *vData,
                                          UInt dataSize)
{
    switch (op) {
    case kIOMDWalkSegments:
    case kIOMDFirstSegment:
        if (dataSize < sizeof(IOMDDMAWalkSegmentState)) {
            return kIOReturnUnderrun;
        }
        return vData == NULL ? kIOReturnBadArgument : walk_state(self, vData);
    case kIOMDGetCharacteristics:
    case kIOMDGetCharacteristicsMapped:
        if (dataSize < sizeof(IOMDDMACharacteristics)) {
            return kIOReturnUnderrun;
        }
        if (vData == NULL) {
            return kIOReturnBadArgument;
        }
        IOMemoryDescriptor_methods(self)->getCharacteristics(self, vData);
        return kIOReturnSuccess;
    case kIOMDSetDMAActive:
    case kIOMDSetDMAInactive:
        return IOMemoryDescriptor_methods(self)->setDMAActive(self, op == kIOMDSetDMAActive);
    case kIOMDAddDMAMapSpec:
        if (dataSize < sizeof(IODMAMapSpecification)) {
            return kIOReturnUnderrun;
        }
        return vData == NULL ? kIOReturnBadArgument : descriptor_add_dma_map_spec(self, vData);
    case kIOMDDMAMap:
    case kIOMDDMAUnmap:
        if (dataSize < sizeof(IOMDDMAMapArgs)) {
            return kIOReturnUnderrun;
        }
        if (vData == NULL) {
            return kIOReturnBadArgument;
        }
        return op == kIOMDDMAMap ? descriptor_dma_map(self, vData)
                                 : descriptor_dma_unmap(self, vData);
    default:
        return kIOReturnBadArgument;
    }
}

IOReturn IOMemoryDescriptor_dmaCommandOperation(IOMemoryDescriptorConstRef self, DMACommandOps op,
                                                void *vData, UInt dataSize)
{
    IOMemoryDescriptor *descriptor = (IOMemoryDescriptor *)self.descriptor;

    if (descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    return IOMemoryDescriptor_methods(descriptor)
        ->dmaCommandOperation(descriptor, op, vData, dataSize);
}
