/* SPDX-License-Identifier: BSD-2-Clause */
#include "descriptors/IOMultiMemoryDescriptor.h"

#include "descriptors/IOCompositeMemory_private.h"

/* A composite of whole descriptors. */
struct IOMultiMemoryDescriptor {
    struct IOCompositeMemory super;
};

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOMultiMemoryDescriptor);
const IOMemoryDescriptorClass IOMultiMemoryDescriptor_class = {
    .meta = {"IOMultiMemoryDescriptor", &IOMemoryDescriptor_metaClass,
             sizeof(IOMultiMemoryDescriptor), &instances, composite_free},
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

static IOReturn add_children(struct IOCompositeMemory *self, IOMemoryDescriptor **descriptors,
                             UInt32 count)
{
    IOReturn status = kIOReturnSuccess;
    UInt32 i;

    for (i = 0; i < count && status == kIOReturnSuccess; i++) {
        status =
            composite_append(self, descriptors[i], 0, IOMemoryDescriptor_getLength(descriptors[i]));
    }
    return status;
}

/* The new children may be kept alive only by the former ones: they go last. */
static IOReturn replace_children(IOMultiMemoryDescriptor *self, IOMemoryDescriptor **descriptors,
                                 UInt32 count, IODirection direction)
{
    struct IOCompositeMemory *composite = &self->super;
    struct IOCompositeMemory former;
    IOReturn status;

    while (composite->super.wireCount != 0) {
        composite_complete(&composite->super, kIODirectionNone);
    }
    former = *composite;
    if (composite->parts == &composite->single) {
        former.parts = &former.single;
    }
    composite->super.flags = direction;
    composite->super.tag = 0;
    composite->super.preparationID = kIOPreparationIDUnprepared;
    status = composite_make_room(composite, count);
    if (status == kIOReturnSuccess) {
        status = add_children(composite, descriptors, count);
    }
    composite_drop(&former);
    if (status != kIOReturnSuccess) {
        composite_drop(composite);
    }
    return status;
}

static IOReturn initialise(IOMultiMemoryDescriptor *self, IOMemoryDescriptor **descriptors,
                           UInt32 count, IODirection direction)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (self->super.super.dmaActive != 0) {
        return kIOReturnBusy;
    }
    if (descriptors == NULL || count == 0 || (direction & ~kIOMemoryDirectionMask) != 0) {
        composite_drop(&self->super);
        return kIOReturnBadArgument;
    }
    return replace_children(self, descriptors, count, direction);
}

bool IOMultiMemoryDescriptor_initWithDescriptors(IOMultiMemoryDescriptor *self,
                                                 IOMemoryDescriptor **descriptors, UInt32 withCount,
                                                 IODirection withDirection, bool asReference)
{
    const IOReturn status = initialise(self, descriptors, withCount, withDirection);

    (void)asReference; /* the array has said all it can: a part needs more than a pointer */
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

IOMultiMemoryDescriptor *IOMultiMemoryDescriptor_withDescriptors(IOMemoryDescriptor **descriptors,
                                                                 UInt32 withCount,
                                                                 IODirection withDirection,
                                                                 bool asReference)
{
    OSObject *object = OSMetaClass_allocate(&IOMultiMemoryDescriptor_metaClass);
    IOMultiMemoryDescriptor *self = (IOMultiMemoryDescriptor *)object;

    if (self != NULL && !IOMultiMemoryDescriptor_initWithDescriptors(self, descriptors, withCount,
                                                                     withDirection, asReference)) {
        OSObject_release(object);
        return NULL;
    }
    return self;
}

addr64_t IOMultiMemoryDescriptor_getPhysicalSegment(IOMultiMemoryDescriptor *self,
                                                    IOByteCount offset, IOByteCount *length,
                                                    IOOptionBits options)
{
    return IOMemoryDescriptor_getPhysicalSegment(self, offset, length, options);
}

IOReturn IOMultiMemoryDescriptor_prepare(IOMultiMemoryDescriptor *self, IODirection forDirection)
{
    return IOMemoryDescriptor_prepare(self, forDirection);
}

IOReturn IOMultiMemoryDescriptor_complete(IOMultiMemoryDescriptor *self, IODirection forDirection)
{
    return IOMemoryDescriptor_complete(self, forDirection);
}

uint64_t IOMultiMemoryDescriptor_getPreparationID(IOMultiMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getPreparationID(self);
}

const OSMetaClass *IOMultiMemoryDescriptor_getMetaClass(IOMultiMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getMetaClass(self);
}

void IOMultiMemoryDescriptor_free(IOMultiMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
