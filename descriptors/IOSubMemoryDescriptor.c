/* SPDX-License-Identifier: BSD-2-Clause */
#include "descriptors/IOSubMemoryDescriptor.h"

#include "descriptors/IOCompositeMemory_private.h"

/* A composite of one part. */
struct IOSubMemoryDescriptor {
    struct IOCompositeMemory super;
};

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOSubMemoryDescriptor);
const IOMemoryDescriptorClass IOSubMemoryDescriptor_class = {
    .meta = {"IOSubMemoryDescriptor", &IOMemoryDescriptor_metaClass, sizeof(IOSubMemoryDescriptor),
             &instances, composite_free},
    .initWithOptions = descriptor_init_with_options,
    .prepare = composite_prepare,
    .complete = composite_complete,
    .getPhysicalSegment = composite_get_physical_segment,
    .walk = composite_walk,
    .getPreparationID = composite_get_preparation_id,
    .readBytes = descriptor_read_bytes,
    .writeBytes = descriptor_write_bytes,
    .performOperation = descriptor_perform_operation,
    .addDMAMapSize = composite_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = composite_get_characteristics,
    .setDMAActive = composite_set_dma_active,
    .makeMapping = descriptor_make_mapping,
    .doMap = descriptor_do_map,
    .doUnmap = descriptor_do_unmap,
    .redirect = descriptor_redirect,
    .setPurgeable = descriptor_set_purgeable,
    .setOwnership = descriptor_set_ownership,
    .getPageCounts = descriptor_get_page_counts,
};

static IOReturn initialise(IOSubMemoryDescriptor *self, IOMemoryDescriptor *parent,
                           IOByteCount offset, IOByteCount length, IODirection direction)
{
    struct IOCompositeMemory *composite = &self->super;
    IOMemoryDescriptor *base = &composite->super;
    IOReturn status;

    if (parent == NULL || (direction & ~kIOMemoryDirectionMask) != 0) {
        return kIOReturnBadArgument;
    }
    if (base->wireCount != 0 || base->dmaActive != 0) {
        return kIOReturnBusy;
    }
    OSObject_retain(parent); /* it may be the one that is dropped */
    composite_drop(composite);
    status = composite_make_room(composite, 1);
    if (status == kIOReturnSuccess) {
        status = composite_add(composite, parent, offset, length);
    }
    if (status == kIOReturnSuccess) {
        base->flags = direction | kIOMemoryThreadSafe;
        base->tag = parent->tag;
    }
    OSObject_release(parent);
    return status;
}

bool IOSubMemoryDescriptor_initSubRange(IOSubMemoryDescriptor *self, IOMemoryDescriptorRef parent,
                                        IOByteCount offset, IOByteCount length,
                                        IODirection withDirection)
{
    const IOReturn status =
        self == NULL ? kIOReturnBadArgument
                     : initialise(self, parent.descriptor, offset, length, withDirection);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

IOSubMemoryDescriptor *IOSubMemoryDescriptor_withSubRange(IOMemoryDescriptorRef of,
                                                          IOByteCount offset, IOByteCount length,
                                                          IOOptionBits options)
{
    OSObject *object = OSMetaClass_allocate(&IOSubMemoryDescriptor_metaClass);
    IOSubMemoryDescriptor *self = (IOSubMemoryDescriptor *)object;

    if (self != NULL && !IOSubMemoryDescriptor_initSubRange(self, of, offset, length,
                                                            options & ~kIOMemoryThreadSafe)) {
        OSObject_release(object);
        return NULL;
    }
    return self;
}

addr64_t IOSubMemoryDescriptor_getPhysicalSegment(IOSubMemoryDescriptor *self, IOByteCount offset,
                                                  IOByteCount *length, IOOptionBits options)
{
    return IOMemoryDescriptor_getPhysicalSegment(self, offset, length, options);
}

IOReturn IOSubMemoryDescriptor_prepare(IOSubMemoryDescriptor *self, IODirection forDirection)
{
    return IOMemoryDescriptor_prepare(self, forDirection);
}

IOReturn IOSubMemoryDescriptor_complete(IOSubMemoryDescriptor *self, IODirection forDirection)
{
    return IOMemoryDescriptor_complete(self, forDirection);
}

uint64_t IOSubMemoryDescriptor_getPreparationID(IOSubMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getPreparationID(self);
}

void IOSubMemoryDescriptor_free(IOSubMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
