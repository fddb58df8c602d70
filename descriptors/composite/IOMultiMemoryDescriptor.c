/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole descriptors one after another. */
#include "descriptors/IOMultiMemoryDescriptor.h"

#include "descriptors/composite/IOCompositeMemory_private.h"
#include "descriptors/object/IORefuse.h"

/* A composite of whole descriptors. */
struct IOMultiMemoryDescriptor {
    struct IOCompositeMemory super;
};

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOMultiMemoryDescriptor);
const IOMemoryDescriptorClass IOMultiMemoryDescriptor_class = {
    .meta = {"IOMultiMemoryDescriptor", &IOMemoryDescriptor_metaClass,
             sizeof(IOMultiMemoryDescriptor), &instances, composite_free},
    COMPOSITE_METHODS,
    .makeMapping = descriptor_make_mapping,
    .redirect = descriptor_redirect,
};

/* Pageable buffers are joined with their kind only. */
static IOReturn add_children(struct IOCompositeMemory *self, IOMemoryDescriptor **descriptors,
                             UInt32 count)
{
    const IOOptionBits pageable =
        IOMemoryDescriptor_getFlags(descriptors[0]) & kIOMemoryBufferPageable;
    IOReturn status = kIOReturnSuccess;

    for (UInt32 i = 0; i < count && status == kIOReturnSuccess; i++) {
        IOMemoryDescriptor *const child = descriptors[i];

        if (IOREFUSE((IOMemoryDescriptor_getFlags(child) & kIOMemoryBufferPageable) != pageable,
                     "descriptor %u is pageable and the first is not, or the other way round", i)) {
            return kIOReturnBadArgument;
        }
        status = composite_append(self, child, 0, IOMemoryDescriptor_getLength(child));
    }
    /* The whole says what its parts are: who prepares it must know whether pages can be absent. */
    self->super.flags |= pageable;
    return status;
}

/*
 * The new children may be kept alive only by the former ones: those go last. They leave
 * their lists before they are moved, which link the places where parts lie.
 */
static void take_children(struct IOCompositeMemory *composite, struct IOCompositeMemory *former)
{
    for (UInt32 i = 0; i < composite->count; i++) {
        composite_leave(&composite->parts[i]);
    }
    *former = *composite;
    if (composite->parts == &composite->single) {
        former->parts = &former->single;
    }
}

/* The copy is a list of parts and no object: only what the list holds is given back. */
static void drop_children(struct IOCompositeMemory *former)
{
    for (UInt32 i = 0; i < former->count; i++) {
        OSObject_release(former->parts[i].memory);
    }
    if (former->parts != &former->single) {
        platform_free(former->parts);
    }
}

static IOReturn replace_children(IOMultiMemoryDescriptor *self, IOMemoryDescriptor **descriptors,
                                 UInt32 count, IODirection direction)
{
    struct IOCompositeMemory *composite = &self->super;
    struct IOCompositeMemory former;
    IOReturn status;

    /*
     * What a caller has prepared is given back first: new children have never been prepared, and
     * would be completed in the others' place.
     */
    composite_complete_all(composite);
    IOMemoryDescriptor_emptyMappings(&composite->super);
    take_children(composite, &former);
    /* Before the children come, each of which is judged by the whole's direction. */
    composite->super.flags = direction | (composite->super.flags & kIOMemoryRedirected);
    composite->super.tag = 0;
    status = composite_make_room(composite, count);
    if (status == kIOReturnSuccess) {
        status = add_children(composite, descriptors, count);
    }
    drop_children(&former);
    if (status != kIOReturnSuccess) {
        composite_drop(composite);
    }
    return status;
}

static IOReturn initialise(IOMultiMemoryDescriptor *self, IOMemoryDescriptor **descriptors,
                           UInt32 count, IODirection direction)
{
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    /* The parts' addresses are in a device's hands, and would be let go of. */
    status = composite_check_empty(&self->super);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (IOREFUSE(descriptors == NULL, "descriptors is NULL") ||
        IOREFUSE(count == 0, "count is 0") ||
        IOREFUSE((direction & ~kIOMemoryDirectionMask) != 0, "direction %#x is none", direction)) {
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

IOReturn IOMultiMemoryDescriptor_setPurgeable(IOMultiMemoryDescriptor *self, IOOptionBits newState,
                                              IOOptionBits *oldState)
{
    return IOMemoryDescriptor_setPurgeable(self, newState, oldState);
}

IOReturn IOMultiMemoryDescriptor_setOwnership(IOMultiMemoryDescriptor *self, task_t newOwner,
                                              int newLedgerTag, IOOptionBits newLedgerOptions)
{
    return IOMemoryDescriptor_setOwnership(self, newOwner, newLedgerTag, newLedgerOptions);
}

IOReturn IOMultiMemoryDescriptor_getPageCounts(IOMultiMemoryDescriptor *self,
                                               IOByteCount *residentPageCount,
                                               IOByteCount *dirtyPageCount)
{
    return IOMemoryDescriptor_getPageCounts(self, residentPageCount, dirtyPageCount);
}

IOReturn IOMultiMemoryDescriptor_doMap(IOMultiMemoryDescriptor *self, vm_map_t addressMap,
                                       IOVirtualAddress *atAddress, IOOptionBits options,
                                       IOByteCount sourceOffset, IOByteCount length)
{
    return IOMemoryDescriptor_doMap(self, addressMap, atAddress, options, sourceOffset, length);
}

const OSMetaClass *IOMultiMemoryDescriptor_getMetaClass(IOMultiMemoryDescriptor *self)
{
    return IOMemoryDescriptor_getMetaClass(self);
}

void IOMultiMemoryDescriptor_free(IOMultiMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
