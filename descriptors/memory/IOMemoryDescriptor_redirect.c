/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirection of all mappings of a descriptor, and the pages of device memory. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"

/* The maps that a redirection of this covers, one after another; NULL behind the last. */
static IOMemoryMap *first_covered(const IOMemoryDescriptor *self)
{
    return self->mappings != NULL ? self->mappings : self->uniques;
}

static IOMemoryMap *next_covered(const IOMemoryDescriptor *self, const IOMemoryMap *map)
{
    if (map->memory != self || map->link == NULL) { /* one of the second list */
        return map->nextUnique;
    }
    return map->next != NULL ? map->next : self->uniques;
}

/* Its maps die with it, so that nobody is left who goes on. */
static void safe_task_died(void *context)
{
    ((struct IORedirection *)context)->safeTask = TASK_NULL;
}

static void remember(IOMemoryDescriptor *self, struct IORedirection *redirection, task_t safeTask)
{
    *redirection = (struct IORedirection){.safeTask = safeTask, .next = self->redirections};
    if (safeTask != TASK_NULL && safeTask != kernel_task) {
        redirection->watch.died = safe_task_died;
        redirection->watch.context = redirection;
        platform_task_watch(safeTask, &redirection->watch);
    }
    self->redirections = redirection;
    self->flags |= kIOMemoryRedirected;
}

static void forget(struct IORedirection *redirection)
{
    platform_task_unwatch(&redirection->watch);
    platform_free(redirection);
}

/* Cover all maps, or none. */
static IOReturn begin(IOMemoryDescriptor *self, task_t safeTask)
{
    /* The record first: a map that is covered without one would never be uncovered. */
    struct IORedirection *const redirection = platform_alloc(sizeof(*redirection));
    IOReturn status = redirection != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
    IOMemoryMap *map = NULL;

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Watched, it would never be told of: its death has been. */
    if (get_task_map(safeTask) == NULL) {
        safeTask = TASK_NULL; /* dead already */
    }
    for (map = first_covered(self); map != NULL; map = next_covered(self, map)) {
        status = IOMemoryMap_cover(map, safeTask);
        if (status != kIOReturnSuccess) {
            break;
        }
    }
    if (status != kIOReturnSuccess) {
        for (IOMemoryMap *done = first_covered(self); done != map;
             done = next_covered(self, done)) {
            IOMemoryMap_uncover(done, safeTask);
        }
        platform_free(redirection);
        return status;
    }
    remember(self, redirection, safeTask);
    return kIOReturnSuccess;
}

/* The redirection that an end ends: the one that named the same task, else the newest. */
static struct IORedirection **find_redirection(IOMemoryDescriptor *self, task_t safeTask)
{
    struct IORedirection **link = &self->redirections;

    while (*link != NULL && (*link)->safeTask != safeTask) {
        link = &(*link)->next;
    }
    return *link != NULL ? link : &self->redirections;
}

/* False: none is on. *safeTask becomes the one that the beginning named. */
static bool end(IOMemoryDescriptor *self, task_t *safeTask, IOReturn *status)
{
    struct IORedirection **const link = find_redirection(self, *safeTask);
    struct IORedirection *const redirection = *link;

    *status = kIOReturnSuccess;
    if (redirection == NULL) {
        return false;
    }
    *safeTask = redirection->safeTask;
    *link = redirection->next;
    forget(redirection);
    if (self->redirections == NULL) {
        self->flags &= ~kIOMemoryRedirected;
    }
    for (IOMemoryMap *map = first_covered(self); map != NULL; map = next_covered(self, map)) {
        /*
         * Each one, whatever another says: what is left covered would wait for an end that is
         * over.
         */
        const IOReturn one = IOMemoryMap_uncover(map, *safeTask);

        if (one != kIOReturnSuccess) {
            *status = one;
        }
    }
    return true;
}

/* Apart, so that a descriptor that has none keeps nothing for them. */
static __attribute__((noinline)) void end_redirections(IOMemoryDescriptor *self)
{
    IOMemory_lock();
    /* Before the redirections are dropped: each map is uncovered by what is still listed. */
    while (self->uniques != NULL) {
        IOMemoryMap_leaveOrigin(self->uniques);
    }
    while (self->redirections != NULL) {
        struct IORedirection *const next = self->redirections->next;

        forget(self->redirections);
        self->redirections = next;
    }
    IOMemory_unlock();
}

void IOMemoryDescriptor_endRedirections(IOMemoryDescriptor *self)
{
    /* Asked without the lock: the descriptor ends, and nobody begins one any more. */
    if (self->uniques != NULL || self->redirections != NULL) {
        end_redirections(self);
    }
}

IOReturn descriptor_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    IOReturn status;

    IOMemory_lock();
    if (doRedirect) {
        status = begin(self, safeTask);
    } else {
        end(self, &safeTask, &status);
    }
    IOMemory_unlock();
    return status;
}

/* Of a parent as well, whose own lock is not for those who hold the mapping lock. */
static IOReturn redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    return self == NULL ? kIOReturnBadArgument
                        : IOMemoryDescriptor_methods(self)->redirect(self, safeTask, doRedirect);
}

IOReturn descriptor_redirect_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent,
                                    task_t safeTask, bool doRedirect)
{
    IOReturn status, parents = kIOReturnSuccess;

    IOMemory_lock();
    if (doRedirect) {
        status = begin(self, safeTask);
        parents = status == kIOReturnSuccess ? redirect(parent, safeTask, true) : kIOReturnSuccess;
        if (parents != kIOReturnSuccess) {
            end(self, &safeTask, &status);
        }
    } else if (end(self, &safeTask, &status)) {
        parents = redirect(parent, safeTask, false);
    }
    IOMemory_unlock();
    return status != kIOReturnSuccess ? status : parents;
}

void descriptor_end_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent)
{
    IOMemory_lock();
    while (self->redirections != NULL) {
        descriptor_redirect_window(self, parent, self->redirections->safeTask, false);
    }
    IOMemory_unlock();
}

IOReturn descriptor_move_redirections(IOMemoryDescriptor *self, IOMemoryDescriptor *from,
                                      IOMemoryDescriptor *to)
{
    struct IORedirection *redirection;
    IOReturn status = kIOReturnSuccess;

    IOMemory_lock();
    /*
     * All begin there before one ends here: what waits is blocked throughout, and a refusal
     * leaves the former state.
     */
    for (redirection = self->redirections; redirection != NULL; redirection = redirection->next) {
        status = redirect(to, redirection->safeTask, true);
        if (status != kIOReturnSuccess) {
            break;
        }
    }
    for (struct IORedirection *done = self->redirections; done != redirection; done = done->next) {
        redirect(status == kIOReturnSuccess ? from : to, done->safeTask, false);
    }
    IOMemory_unlock();
    return status;
}

IOReturn IOMemoryDescriptor_redirect(IOMemoryDescriptorRef self, task_t safeTask, bool doRedirect)
{
    IOReturn status;
    bool locked;

    if (self.descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    status = redirect(self.descriptor, safeTask, doRedirect);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    return status;
}

IOReturn IOMemoryDescriptor_handleFault(IOMemoryDescriptorRef self, void *pager,
                                        mach_vm_size_t sourceOffset, mach_vm_size_t length)
{
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(pager != NULL, "pager is not NULL: there are none") ||
        IOREFUSE(!IOMemoryDescriptor_holds(self.descriptor, sourceOffset, length),
                 "sourceOffset %llu + length %llu is beyond the descriptor's %llu bytes",
                 IOULL(sourceOffset), IOULL(length), IOULL(self.descriptor->length))) {
        return kIOReturnBadArgument;
    }
    /* Nobody else can make the access go on: who faults is to wait, and not to be given a page. */
    return (self.descriptor->flags & kIOMemoryRedirected) != 0 ? kIOReturnAborted
                                                               : kIOReturnSuccess;
}

/* Can [sourceOffset, sourceOffset + length) be seen at `address` page by page? */
static IOReturn check_segments(IOMemoryDescriptor *self, uint64_t address, uint64_t sourceOffset,
                               uint64_t length)
{
    uint64_t done = 0;

    while (done < length) {
        IOPhysicalSegment piece;
        const IOReturn status =
            IOMemoryDescriptor_segment(self, sourceOffset + done, kIOMemoryMapperNone, &piece);

        if (status != kIOReturnSuccess) {
            return status;
        }
        /*
         * Pages are mapped whole: a piece that begins or ends inside one would show a neighbour.
         * One that follows begins a page, since the one before it has ended one.
         */
        if (IOREFUSE(((piece.location ^ (address + done)) & PAGE_MASK) != 0,
                     "byte %llu lies at %#llx, elsewhere in its page than in that at %#llx",
                     IOULL(sourceOffset + done), IOULL(piece.location), IOULL(address + done))) {
            return kIOReturnBadArgument;
        }
        if (piece.length < length - done && ((piece.location + piece.length) & PAGE_MASK) != 0) {
            return kIOReturnVMError;
        }
        done += piece.length;
    }
    return kIOReturnSuccess;
}

#define MAPPING_OPTIONS                                                                            \
    (kIOMapUserOptionsMask | kIOMapReadOnly | kIOMapUnique | kIOMap64Bit | kIOMapPrefault |        \
     kIOMapOverwrite | kIOMapGuardedMask)

IOReturn IOMemoryDescriptor_populateDevicePager(IOMemoryDescriptorRef self, void *pager,
                                                vm_map_t addressMap, mach_vm_address_t address,
                                                mach_vm_size_t sourceOffset, mach_vm_size_t length,
                                                IOOptionBits options)
{
    uint64_t size;
    IOReturn status;

    /* The mapping says whether stores are allowed; no other option means anything here. */
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE((options & ~MAPPING_OPTIONS) != 0, "options %#llx are undefined",
                 IOULL(options & ~MAPPING_OPTIONS)) ||
        IOREFUSE(pager != NULL, "pager is not NULL: there are none") ||
        IOREFUSE(addressMap == NULL, "addressMap is NULL") ||
        IOREFUSE(length == 0, "length is 0") ||
        IOREFUSE(!IOMemoryDescriptor_holds(self.descriptor, sourceOffset, length),
                 "sourceOffset %llu + length %llu is beyond the descriptor's %llu bytes",
                 IOULL(sourceOffset), IOULL(length), IOULL(self.descriptor->length)) ||
        round_page_overflow((address & PAGE_MASK) + length, &size)) {
        return kIOReturnBadArgument;
    }
    status = check_segments(self.descriptor, address, sourceOffset, length);
    if (status != kIOReturnSuccess) {
        return status;
    }
    return IOReturn_fromKernel(platform_map_fill(addressMap, trunc_page(address), size),
                               kIOReturnDoingOther);
}
