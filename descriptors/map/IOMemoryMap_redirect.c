/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocking a map and showing other memory in its place. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOReturn_kernel.h"

/* Kernel code may reach its devices where a fault cannot be served. */
static void refill(const IOMemoryMap *self)
{

    for (const IOMemoryMap *part = self->parts; part != NULL; part = part->nextPart) {
        refill(part);
    }
    if (self->task == kernel_task && (self->memory->flags & kIOMemoryTypePhysical) != 0) {
        IOMemoryDescriptor_populateDevicePager(self->memory, NULL, self->map, self->address,
                                               self->offset, self->length, self->options);
    }
}

/*
 * In place: the ranges keep their objects, so that unblocking finds the same memory. Only the page
 * tables are emptied, and faults fill them again.
 */
static IOReturn block(const IOMemoryMap *self, bool on)
{
    const kern_return_t status =
        platform_map_block(self->map, IOMemoryMap_firstPage(self), IOMemoryMap_pageBytes(self), on);

    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingMake);
    }
    if (!on) {
        refill(self);
    }
    return kIOReturnSuccess;
}

/*
 * Two may block a map: its memory's redirection, and its own to nothing. Either alone keeps it
 * blocked.
 */
static bool blocked_by_memory(const IOMemoryMap *self)
{
    return (self->memory->flags & kIOMemoryRedirected) != 0 &&
           self->memory->redirectSafeTask != self->task;
}

IOReturn IOMemoryMap_redirectTask(IOMemoryMap *self, task_t safeTask, bool doRedirect)
{
    IOReturn status = kIOReturnSuccess;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    /*
     * A borrower's view is blocked with its super map's; what a caller mapped itself is not ours.
     */
    if (!self->mapped || self->superMap != NULL || (self->options & kIOMapStatic) != 0) {
        status = kIOReturnSuccess;
    } else if (self->task != safeTask) {
        status = self->blocked ? kIOReturnSuccess : block(self, doRedirect);
    } else if (self->cache == kIOWriteCombineCache) {
        /* The safe task keeps its view, but its stores arrive one by one while others wait. */
        status = IOReturn_fromKernel(
            platform_map_set_cache(self->map, IOMemoryMap_firstPage(self),
                                   IOMemoryMap_pageBytes(self),
                                   doRedirect ? kIOInhibitCache : kIOWriteCombineCache),
            kIOReturnDoingMake);
    }
    IOMemory_unlock();
    return status;
}

/* A map of the new memory somewhere else in the same address space. */
static IOMemoryMap *map_elsewhere(const IOMemoryMap *self, IOMemoryDescriptor *memory,
                                  IOOptionBits options, uint64_t offset)
{
    options = (options & (kIOMapCacheMask | kIOMapReadOnly)) | kIOMapAnywhere | IOMAP_FRESH;
    return IOMemoryDescriptor_requestMap(memory, self->task, 0, options, offset, self->length);
}

/* The address space shows the parts somewhere else by now. */
static void move_parts(IOMemoryMap *self, uint64_t by)
{

    for (IOMemoryMap *part = self->parts; part != NULL; part = part->nextPart) {
        part->address += by;
        part->start += by;
        move_parts(part, by);
    }
}

/*
 * A composite's parts follow the view that they are seen in, or a later redirection of a child
 * would block pages of the wrong interval.
 */
static void exchange_parts(IOMemoryMap *one, IOMemoryMap *other)
{
    IOMemoryMap *const parts = one->parts;

    one->parts = other->parts;
    other->parts = parts;
    move_parts(one, one->address - other->address);
    move_parts(other, other->address - one->address);
}

/* Two maps exchange their memory, the views are exchanged already. */
static void exchange_memory(IOMemoryMap *one, IOMemoryMap *other)
{
    IOMemoryDescriptor *const memory = one->memory;
    const uint64_t offset = one->offset;
    const unsigned cache = one->cache;

    /* Out of the sets before the memories change: leaving asks which memory the map is of. */
    IOMemoryDescriptor_removeMapping(one->memory, one);
    IOMemoryDescriptor_removeMapping(other->memory, other);
    one->memory = other->memory;
    one->offset = other->offset;
    one->cache = other->cache;
    other->memory = memory;
    other->offset = offset;
    other->cache = cache;
    exchange_parts(one, other);
    IOMemoryDescriptor_addMapping(one->memory, one);
    IOMemoryDescriptor_addMapping(other->memory, other);
}

static IOReturn replace(IOMemoryMap *self, IOMemoryDescriptor *memory, IOOptionBits options,
                        uint64_t offset)
{
    const IOOptionBits view = kIOMapCacheMask | kIOMapReadOnly;
    IOMemoryMap *other;
    kern_return_t status;

    if (!IOMemoryDescriptor_holds(memory, offset, self->length)) {
        return kIOReturnBadArgument;
    }
    /* Pins were taken of the pages shown now: exchanged, they would be given back for others. */
    if (IOMemoryMap_hasPins(self)) {
        return kIOReturnBusy;
    }
    other = map_elsewhere(self, memory, options, offset);
    if (other == NULL) {
        return IOMemoryLastError();
    }
    /* The address that the caller knows stays; bytes can be exchanged by whole pages only. */
    if (((self->address ^ other->address) & PAGE_MASK) != 0) {
        OSObject_release(other);
        return kIOReturnNotAligned;
    }
    status = platform_map_exchange(self->map, IOMemoryMap_firstPage(self),
                                   IOMemoryMap_firstPage(other), IOMemoryMap_pageBytes(self));
    if (status == KERN_SUCCESS) {
        exchange_memory(self, other);
        self->options = (self->options & ~view) | (other->options & view);
        self->blocked = false;
        if (!blocked_by_memory(self)) {
            refill(self);
        }
    }
    OSObject_release(other); /* and with it whichever view is at its place now */
    return IOReturn_fromKernel(status, kIOReturnDoingMake);
}

IOReturn IOMemoryMap_redirect(IOMemoryMap *self, IOMemoryDescriptorRef newBackingMemory,
                              IOOptionBits options, mach_vm_size_t offset)
{
    IOMemoryDescriptor *const memory = newBackingMemory.descriptor;
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    /*
     * Any other map may be shared with callers who know nothing of the redirection and would find
     * foreign memory behind their pointer.
     */
    if ((self->options & kIOMapUnique) == 0) {
        status = kIOReturnUnsupported;
    } else if (!self->mapped) {
        status = kIOReturnNotReady;
    } else if (memory == NULL) {
        status = block(self, true);
        self->blocked |= status == kIOReturnSuccess;
    } else if (memory == self->memory) {
        status = blocked_by_memory(self) ? kIOReturnSuccess : block(self, false);
        self->blocked &= status != kIOReturnSuccess;
    } else {
        status = replace(self, memory, options, offset);
    }
    IOMemory_unlock();
    return status;
}
