/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocking a map and showing other memory in its place. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"

/*
 * In place: the ranges keep their objects, so that unblocking finds the same memory. Only the page
 * tables are emptied, and faults fill them again; what was entered eagerly is there at once.
 */
static IOReturn block(const IOMemoryMap *self, bool on)
{
    const kern_return_t status =
        platform_map_block(self->map, IOMemoryMap_firstPage(self), IOMemoryMap_pageBytes(self), on);

    return IOReturn_fromKernel(status, kIOReturnDoingMake);
}

/* Is there a reason of its own to wait? */
static bool is_held(const IOMemoryMap *self)
{
    return self->blocked || self->redirections != 0;
}

/* The parts that have one stay blocked, though what they are parts of goes on. */
static void block_parts(const IOMemoryMap *self)
{
    for (const IOMemoryMap *part = self->parts; part != NULL; part = part->nextPart) {
        if (is_held(part)) {
            block(part, true); /* its borders are there: it was blocked before */
        } else {
            block_parts(part);
        }
    }
}

/* Bring the address space in line with the reasons to wait, here and above. */
static IOReturn apply(const IOMemoryMap *self)
{
    const IOMemoryMap *outermost = self;
    bool on = is_held(self);
    IOReturn status;

    /* A part waits for the reasons of all that it is part of: its pages are theirs. */
    while (outermost->whole != NULL) {
        outermost = outermost->whole;
        on |= is_held(outermost);
    }
    status = block(self, on);
    if (status == kIOReturnSuccess && !on) {
        block_parts(outermost); /* neighbours may share a page with this one */
    }
    return status;
}

/* Whose pages a redirection concerns: not what somebody else has put there. */
static bool can_be_covered(const IOMemoryMap *self)
{
    return self->mapped && self->superMap == NULL && (self->options & kIOMapStatic) == 0;
}

/* Registers: RAM that is combined goes past the cache, which is all that uncached RAM does. */
static IOReturn set_write_combining(const IOMemoryMap *self, bool on)
{
    const unsigned from = on ? kIOInhibitCache : kIOWriteCombineCache;
    const unsigned to = on ? kIOWriteCombineCache : kIOInhibitCache;

    if (self->cache != kIOWriteCombineCache) {
        return kIOReturnSuccess;
    }
    return IOReturn_fromKernel(platform_map_replace_cache(self->map, IOMemoryMap_firstPage(self),
                                                          IOMemoryMap_pageBytes(self), from, to),
                               kIOReturnDoingMake);
}

static IOReturn begin_waiting(IOMemoryMap *self)
{
    IOReturn status = kIOReturnSuccess;

    /* Counted before it is applied, which goes by the count. */
    if (self->redirections++ == 0) {
        status = apply(self);
    }
    if (status != kIOReturnSuccess) {
        self->redirections--;
    }
    return status;
}

/* An end too many ends nothing: a count below 0 would block the map for ever. */
static IOReturn end_waiting(IOMemoryMap *self)
{
    return self->redirections != 0 && --self->redirections == 0 ? apply(self) : kIOReturnSuccess;
}

static IOReturn begin_uncached(IOMemoryMap *self)
{
    const IOReturn status =
        self->uncached == 0 ? set_write_combining(self, false) : kIOReturnSuccess;

    self->uncached += status == kIOReturnSuccess;
    return status;
}

static IOReturn end_uncached(IOMemoryMap *self)
{
    return self->uncached != 0 && --self->uncached == 0 ? set_write_combining(self, true)
                                                        : kIOReturnSuccess;
}

IOReturn IOMemoryMap_cover(IOMemoryMap *self, task_t safeTask)
{
    if (!can_be_covered(self)) {
        return kIOReturnSuccess;
    }
    return self->task != safeTask ? begin_waiting(self) : begin_uncached(self);
}

/* Of a map that cannot be covered nothing was counted, and nothing ends. */
IOReturn IOMemoryMap_uncover(IOMemoryMap *self, task_t safeTask)
{
    return self->task != safeTask ? end_waiting(self) : end_uncached(self);
}

/* An end that names another task than the beginning ends that beginning nevertheless. */
static IOReturn end_any(IOMemoryMap *self, task_t safeTask)
{
    const bool waits = self->task != safeTask;

    if (waits ? self->redirections != 0 : self->uncached == 0) {
        return end_waiting(self);
    }
    return end_uncached(self);
}

IOReturn IOMemoryMap_redirectTask(IOMemoryMap *self, task_t safeTask, bool doRedirect)
{
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    status = doRedirect ? IOMemoryMap_cover(self, safeTask) : end_any(self, safeTask);
    IOMemory_unlock();
    return status;
}

/* One after another, those that are on for a descriptor. */
static IOReturn cover_by(IOMemoryMap *self, const IOMemoryDescriptor *memory)
{
    IOReturn status = kIOReturnSuccess;

    for (const struct IORedirection *on = memory->redirections;
         on != NULL && status == kIOReturnSuccess; on = on->next) {
        status = IOMemoryMap_cover(self, on->safeTask);
    }
    return status;
}

IOReturn IOMemoryMap_follow(IOMemoryMap *self)
{
    const IOReturn status = cover_by(self, self->memory);

    if (status != kIOReturnSuccess) {
        self->mapped = false;
        /* Some may have been counted before one failed; the caller takes the view away. */
        self->redirections = 0;
        self->uncached = 0;
    }
    return status;
}

IOReturn IOMemoryMap_setOrigin(IOMemoryMap *self, IOMemoryDescriptor *origin)
{
    const IOReturn status = cover_by(self, origin);

    if (status != kIOReturnSuccess) {
        return status; /* the caller lets go of the map */
    }
    self->origin = origin;
    self->nextUnique = origin->uniques;
    self->uniqueLink = &origin->uniques;
    if (self->nextUnique != NULL) {
        self->nextUnique->uniqueLink = &self->nextUnique;
    }
    origin->uniques = self;
    return kIOReturnSuccess;
}

static void unlink_origin(IOMemoryMap *self)
{
    if (self->origin == NULL) {
        return;
    }
    *self->uniqueLink = self->nextUnique;
    if (self->nextUnique != NULL) {
        self->nextUnique->uniqueLink = self->uniqueLink;
    }
    self->origin = NULL;
}

void IOMemoryMap_leaveOrigin(IOMemoryMap *self)
{
    const IOMemoryDescriptor *const origin = self->origin;

    unlink_origin(self);
    for (const struct IORedirection *on = origin->redirections; on != NULL; on = on->next) {
        IOMemoryMap_uncover(self, on->safeTask); /* its end would not reach the map any more */
    }
}

void IOMemoryMap_partFromSet(IOMemoryMap *self)
{
    IOMemoryMap_leaveSet(self);
    for (const struct IORedirection *on = self->memory->redirections; on != NULL; on = on->next) {
        IOMemoryMap_uncover(self, on->safeTask); /* its end would not reach the map any more */
    }
}

/* A map of the new memory somewhere else in the same address space. */
static IOMemoryMap *map_elsewhere(const IOMemoryMap *self, IOMemoryDescriptor *memory,
                                  IOOptionBits options, uint64_t offset)
{
    options = (options & (kIOMapCacheMask | kIOMapReadOnly)) | kIOMapAnywhere | IOMAP_FRESH;
    return IOMemoryDescriptor_requestMap(memory, self->task, 0, options, offset, self->length);
}

void IOMemoryMap_moveParts(IOMemoryMap *self, uint64_t by)
{
    for (IOMemoryMap *part = self->parts; part != NULL; part = part->nextPart) {
        part->address += by;
        IOMemoryMap_moveParts(part, by);
    }
}

/*
 * A composite's parts follow the view that they are seen in, or a later redirection of a child
 * would block pages of the wrong interval. Those of the other map are about to end with it.
 */
static void exchange_parts(IOMemoryMap *one, IOMemoryMap *other)
{
    IOMemoryMap *const former = one->parts;

    one->parts = other->parts;
    for (IOMemoryMap *part = one->parts; part != NULL; part = part->nextPart) {
        part->whole = one;
    }
    IOMemoryMap_moveParts(one, one->address - other->address);
    other->parts = former;
}

/*
 * Two maps exchange their memory, the views are exchanged already: what waits because of
 * its memory, or rests uncached, has gone with the view. The other one is about to end.
 */
static void exchange_memory(IOMemoryMap *one, IOMemoryMap *other)
{
    IOMemoryDescriptor *const memory = one->memory;

    /* Out of the sets before the memories change: leaving asks which memory the map is of. */
    IOMemoryMap_leaveSet(one);
    IOMemoryMap_leaveSet(other);
    one->memory = other->memory;
    one->offset = other->offset;
    one->cache = other->cache;
    one->redirections = other->redirections;
    one->uncached = other->uncached;
    one->outlived = other->outlived;
    other->memory = memory;
    exchange_parts(one, other);
    IOMemoryDescriptor_addMapping(one->memory, one);
}

static IOReturn replace(IOMemoryMap *self, IOMemoryDescriptor *memory, IOOptionBits options,
                        uint64_t offset)
{
    const IOOptionBits view = kIOMapCacheMask | kIOMapReadOnly;
    IOPhysicalSegment first;
    IOMemoryMap *other;
    kern_return_t status;

    if (IOREFUSE(!IOMemoryDescriptor_holds(memory, offset, self->length),
                 "offset %llu + the map's length %llu is beyond the new memory's %llu bytes",
                 IOULL(offset), IOULL(self->length), IOULL(memory->length))) {
        return kIOReturnBadArgument;
    }
    /* Judged before anything is mapped: that may freeze an image or change a cache mode. */
    if (IOMemoryDescriptor_segment(memory, offset, _kIOMemorySourceSegment, &first) ==
            kIOReturnSuccess &&
        ((self->address ^ first.location) & PAGE_MASK) != 0) {
        return kIOReturnNotAligned;
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
        unlink_origin(self);
        exchange_memory(self, other);
        self->options = (self->options & ~view) | (other->options & view);
        self->blocked = false;
    }
    OSObject_release(other); /* and with it whichever view is at its place now */
    return IOReturn_fromKernel(status, kIOReturnDoingMake);
}

static IOReturn set_blocked(IOMemoryMap *self, bool blocked)
{
    const bool before = self->blocked;
    IOReturn status;

    self->blocked = blocked;
    status = apply(self);
    if (status != kIOReturnSuccess) {
        self->blocked = before;
    }
    return status;
}

IOReturn IOMemoryMap_redirect(IOMemoryMap *self, IOMemoryDescriptorRef newBackingMemory,
                              IOOptionBits options, mach_vm_size_t offset)
{
    IOMemoryDescriptor *const memory = newBackingMemory.descriptor;
    IOReturn status;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE((options & ~(kIOMapCacheMask | kIOMapReadOnly)) != 0,
                 "options %#x are more than a cache mode and kIOMapReadOnly", options) ||
        IOREFUSE((options & kIOMapCacheMask) > kIOMapPostedCombinedReordered, "%u is no cache mode",
                 (options & kIOMapCacheMask) >> kIOMapCacheShift)) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    /*
     * Any other map may be shared with callers who know nothing of the redirection and would find
     * foreign memory behind their pointer.
     */
    if ((self->options & kIOMapUnique) == 0 || (self->options & kIOMapStatic) != 0) {
        status = kIOReturnUnsupported; /* others see it too, or its pages are the caller's */
    } else if (!self->mapped) {
        status = kIOReturnNotReady;
    } else if (memory != NULL && (memory != self->memory || self->outlived)) {
        status = replace(self, memory, options, offset);
    } else {
        status = set_blocked(self, memory == NULL);
    }
    IOMemory_unlock();
    return status;
}
