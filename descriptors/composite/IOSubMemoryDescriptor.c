/* SPDX-License-Identifier: BSD-2-Clause */
/* One window of one descriptor. */
#include "descriptors/IOSubMemoryDescriptor.h"

#include "descriptors/composite/IOCompositeMemory_private.h"
#include "descriptors/object/IORefuse.h"

/* A composite of one part. */
struct IOSubMemoryDescriptor {
    struct IOCompositeMemory super;
};

static IOMemoryDescriptor *parent_of(IOMemoryDescriptor *self)
{
    return composite_of(self)->single.memory;
}

/*
 * The parent maps its own bytes, so that its redirection, its cache mode and its other maps hold
 * for a window as well, and a request can share them.
 */
static IOMemoryMap *sub_make_mapping(IOMemoryDescriptor *self, IOMemoryMap *map,
                                     IOOptionBits options, IOByteCount offset)
{
    return descriptor_map_window(self, parent_of(self), composite_of(self)->single.start, map,
                                 options, offset);
}

/* Its own mark answers handleFault; the maps are in the parent's set, and are blocked there. */
static IOReturn sub_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    return descriptor_redirect_window(self, parent_of(self), safeTask, doRedirect);
}

static void sub_free(OSObject *object)
{
    IOMemoryDescriptor *const self = (IOMemoryDescriptor *)object;

    if (parent_of(self) != NULL) { /* else it has not become a window */
        descriptor_end_window(self, parent_of(self));
    }
    composite_free(object);
}

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOSubMemoryDescriptor);
const IOMemoryDescriptorClass IOSubMemoryDescriptor_class = {
    .meta = {"IOSubMemoryDescriptor", &IOMemoryDescriptor_metaClass, sizeof(IOSubMemoryDescriptor),
             &instances, sub_free},
    COMPOSITE_METHODS,
    .makeMapping = sub_make_mapping,
    .redirect = sub_redirect,
};

static IOReturn judge(const IOSubMemoryDescriptor *self, const IOMemoryDescriptor *parent,
                      IOByteCount offset, IOByteCount length, IODirection direction)
{
    const IOMemoryDescriptor *const base = &self->super.super;

    if (IOREFUSE(parent == NULL, "the parent is NULL") ||
        IOREFUSE((direction & ~kIOMemoryDirectionMask) != 0, "direction %#x is none", direction) ||
        IOREFUSE(!IOMemoryDescriptor_holds(parent, offset, length),
                 "offset %llu + length %llu is beyond the parent's %llu bytes", IOULL(offset),
                 IOULL(length), IOULL(parent->length)) ||
        IOREFUSE(!composite_may_hold(&self->super, parent),
                 "the parent contains the window, or is nested too deeply (at most %u levels)",
                 (unsigned)DESCRIPTOR_DEPTH_MAX)) {
        return kIOReturnBadArgument;
    }
    /* Whoever prepared the window would complete the new parent, which was never prepared. */
    return base->wireCount != 0 || base->dmaActive != 0 ? kIOReturnBusy : kIOReturnSuccess;
}

/* Everything is judged before the window lets go of what it shows. */
static IOReturn initialise(IOSubMemoryDescriptor *self, IOMemoryDescriptor *parent,
                           IOByteCount offset, IOByteCount length, IODirection direction)
{
    struct IOCompositeMemory *composite = &self->super;
    IOMemoryDescriptor *const base = &composite->super;
    IOReturn status = judge(self, parent, offset, length, direction);

    if (status == kIOReturnSuccess && parent_of(base) != NULL) {
        status = descriptor_move_redirections(base, parent_of(base), parent);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    OSObject_retain(parent); /* it may be the one that is dropped */
    composite_drop(composite);
    composite_make_room(composite, 1); /* the object's own */
    /* Cannot fail: judged above, and fewer parts than then do not make it deeper. */
    composite_add(composite, parent, offset, length);
    base->flags = direction | kIOMemoryThreadSafe | (base->flags & kIOMemoryRedirected);
    base->tag = parent->tag;
    OSObject_release(parent);
    return kIOReturnSuccess;
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

    /* A window is thread-safe anyway: asking for it is no mistake, but no direction either. */
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

IOReturn IOSubMemoryDescriptor_setPurgeable(IOSubMemoryDescriptor *self, IOOptionBits newState,
                                            IOOptionBits *oldState)
{
    return IOMemoryDescriptor_setPurgeable(self, newState, oldState);
}

IOReturn IOSubMemoryDescriptor_setOwnership(IOSubMemoryDescriptor *self, task_t newOwner,
                                            int newLedgerTag, IOOptionBits newLedgerOptions)
{
    return IOMemoryDescriptor_setOwnership(self, newOwner, newLedgerTag, newLedgerOptions);
}

IOReturn IOSubMemoryDescriptor_getPageCounts(IOSubMemoryDescriptor *self,
                                             IOByteCount *residentPageCount,
                                             IOByteCount *dirtyPageCount)
{
    return IOMemoryDescriptor_getPageCounts(self, residentPageCount, dirtyPageCount);
}

IOReturn IOSubMemoryDescriptor_redirect(IOSubMemoryDescriptor *self, task_t safeTask,
                                        bool doRedirect)
{
    return IOMemoryDescriptor_redirect(self, safeTask, doRedirect);
}

IOMemoryMap *IOSubMemoryDescriptor_makeMapping(IOSubMemoryDescriptor *self,
                                               IOMemoryDescriptorRef owner, task_t intoTask,
                                               IOVirtualAddress atAddress, IOOptionBits options,
                                               IOByteCount offset, IOByteCount length)
{
    return IOMemoryDescriptor_makeMapping(self, owner, intoTask, atAddress, options, offset,
                                          length);
}

void IOSubMemoryDescriptor_free(IOSubMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
