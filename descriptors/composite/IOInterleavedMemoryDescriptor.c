/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of windows that is filled, prepared, completed and emptied step by step. */
#include "descriptors/IOInterleavedMemoryDescriptor.h"

#include "descriptors/composite/IOCompositeMemory_private.h"
#include "descriptors/object/IORefuse.h"

struct IOInterleavedMemoryDescriptor {
    struct IOCompositeMemory super;
    UInt32 capacity; /* parts that there is room for */
};

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOInterleavedMemoryDescriptor);
const IOMemoryDescriptorClass IOInterleavedMemoryDescriptor_class = {
    .meta = {"IOInterleavedMemoryDescriptor", &IOMemoryDescriptor_metaClass,
             sizeof(IOInterleavedMemoryDescriptor), &instances, composite_free},
    COMPOSITE_METHODS,
    .makeMapping = descriptor_make_mapping,
    .redirect = descriptor_redirect,
};

static bool is_dma_active(const IOInterleavedMemoryDescriptor *self)
{
    return __atomic_load_n(&self->super.super.dmaActive, __ATOMIC_RELAXED) != 0;
}

static IOReturn initialise(IOInterleavedMemoryDescriptor *self, IOByteCount capacity,
                           IODirection direction)
{
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    status = composite_check_empty(&self->super);
    if (status != kIOReturnSuccess) {
        return status;
    }
    composite_drop(&self->super);
    /* Until there is a new list: a part must not be put where the former one was. */
    self->capacity = 0;
    /* The former parts are gone also where this fails: half of two lists would be no list. */
    if (IOREFUSE(capacity == 0, "capacity is 0") ||
        IOREFUSE((direction & ~kIOMemoryDirectionMask) != 0, "direction %#x is none", direction)) {
        return kIOReturnBadArgument;
    }
    /* More parts than a count can say; no machine has the memory for their list either. */
    if (capacity > UINT32_MAX) {
        return kIOReturnNoMemory;
    }
    status = composite_make_room(&self->super, (UInt32)capacity);
    if (status == kIOReturnSuccess) {
        self->capacity = (UInt32)capacity;
        /* A redirection outlives the parts: its end is still to come, and looks for the mark. */
        self->super.super.flags = direction | (self->super.super.flags & kIOMemoryRedirected);
        self->super.super.tag = 0;
    }
    return status;
}

bool IOInterleavedMemoryDescriptor_initWithCapacity(IOInterleavedMemoryDescriptor *self,
                                                    IOByteCount capacity, IODirection direction)
{
    const IOReturn status = initialise(self, capacity, direction);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

IOInterleavedMemoryDescriptor *IOInterleavedMemoryDescriptor_withCapacity(IOByteCount capacity,
                                                                          IODirection direction)
{
    OSObject *object = OSMetaClass_allocate(&IOInterleavedMemoryDescriptor_metaClass);
    IOInterleavedMemoryDescriptor *self = (IOInterleavedMemoryDescriptor *)object;

    if (self != NULL &&
        !IOInterleavedMemoryDescriptor_initWithCapacity(self, capacity, direction)) {
        OSObject_release(object);
        return NULL;
    }
    return self;
}

static IOReturn append(IOInterleavedMemoryDescriptor *self, IOMemoryDescriptor *memory,
                       IOByteCount offset, IOByteCount length)
{
    /*
     * A part that comes in now would be completed with the others, without ever having been
     * prepared.
     */
    if (self->super.super.wireCount != 0 || is_dma_active(self)) {
        return kIOReturnBusy;
    }
    /* A fixed capacity: adding a part never allocates, and cannot fail for want of memory. */
    if (self->super.count == self->capacity) {
        return kIOReturnNoSpace;
    }
    return composite_append(&self->super, memory, offset, length);
}

bool IOInterleavedMemoryDescriptor_setMemoryDescriptor(IOInterleavedMemoryDescriptor *self,
                                                       IOMemoryDescriptorRef descriptor,
                                                       IOByteCount offset, IOByteCount length)
{
    const IOReturn status =
        self == NULL ? kIOReturnBadArgument : append(self, descriptor.descriptor, offset, length);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

void IOInterleavedMemoryDescriptor_clearMemoryDescriptors(IOInterleavedMemoryDescriptor *self,
                                                          IODirection direction)
{
    IOMemoryDescriptor *base;
    IOReturn status;

    if (self == NULL || (direction & ~kIOMemoryDirectionMask) != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return;
    }
    status = composite_check_empty(&self->super);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return;
    }
    base = &self->super.super;
    composite_empty(&self->super);
    base->tag = 0;
    /* None means "as it was", which saves a caller who fills it again from repeating it. */
    if (direction != kIODirectionNone) {
        base->flags = (base->flags & ~kIOMemoryDirectionMask) | direction;
    }
}

addr64_t IOInterleavedMemoryDescriptor_getPhysicalSegment(IOInterleavedMemoryDescriptor *self,
                                                          IOByteCount offset, IOByteCount *length,
                                                          IOOptionBits options)
{
    return IOMemoryDescriptor_getPhysicalSegment(self, offset, length, options);
}

IOReturn IOInterleavedMemoryDescriptor_prepare(IOInterleavedMemoryDescriptor *self,
                                               IODirection forDirection)
{
    return IOMemoryDescriptor_prepare(self, forDirection);
}

IOReturn IOInterleavedMemoryDescriptor_complete(IOInterleavedMemoryDescriptor *self,
                                                IODirection forDirection)
{
    return IOMemoryDescriptor_complete(self, forDirection);
}

void IOInterleavedMemoryDescriptor_free(IOInterleavedMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
