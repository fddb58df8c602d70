/* SPDX-License-Identifier: BSD-2-Clause */
/* The class record, accessors, and the life of a map. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"

static struct platform_recursive_lock mapping_lock = PLATFORM_RECURSIVE_LOCK("mappings");

/*
 * Maps whose last release came while the lock was held, linked by `next`. What a map
 * releases (its memory, and with it perhaps a composite that is still prepared) takes
 * prepare locks, which come before the mapping lock; so it waits for its end.
 */
static IOMemoryMap *ended;

void IOMemory_lock(void)
{
    platform_recursive_lock(&mapping_lock);
}

bool IOMemory_isLocked(void)
{
    return platform_recursive_depth(&mapping_lock) != 0;
}

/* Unlock, and if it is free then, let go of what has waited for that. */
static __attribute__((noinline)) void unlock_and_release(void)
{
    /* Recursive: the outer holder still has its list in hand when an inner one unlocks. */
    const bool last = platform_recursive_depth(&mapping_lock) == 1;
    IOMemoryMap *next = NULL;

    if (last) {
        next = ended;
        ended = NULL;
    }
    platform_recursive_unlock(&mapping_lock);
    while (next != NULL) {
        IOMemoryMap *const self = next;

        next = self->next;
        OSObject_release(self->memory);
        OSObject_free(self);
    }
}

void IOMemory_unlock(void)
{
    if (ended != NULL) {
        unlock_and_release();
    } else {
        platform_recursive_unlock(&mapping_lock);
    }
}

static void task_died(void *self)
{
    IOMemoryMap_taskDied(self);
}

bool IOMemoryMap_init(IOMemoryMap *self, task_t intoTask, mach_vm_address_t toAddress,
                      IOOptionBits options, mach_vm_size_t offset, mach_vm_size_t length)
{
    const vm_map_t map = get_task_map(intoTask);

    /* A second initialisation would lose the reference to the first one's address space. */
    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(map == NULL, "there is no task, or it is dead") ||
        IOREFUSE(self->map != NULL, "it was initialised before")) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    /* The address space is what is held: it stays when its task dies. */
    platform_map_retain(map);
    self->map = map;
    self->task = intoTask;
    if (intoTask != kernel_task) {
        self->watch.died = task_died;
        self->watch.context = self;
        platform_task_watch(intoTask, &self->watch);
    }
    self->address = toAddress;
    self->options = options;
    self->offset = offset;
    self->length = length;
    return true;
}

/* With the lock held; what is to be released. */
static inline __attribute__((always_inline)) IOMemoryDescriptor *exchange_memory(
    IOMemoryMap *self, IOMemoryDescriptor *memory, uint64_t offset)
{
    IOMemoryDescriptor *former = self->memory;

    IOMemoryMap_leaveIndex(self);
    if (former != memory) {
        /* Before the former one goes: it may be what keeps the new one alive. */
        OSObject_retain(memory);
        IOMemoryMap_leaveSet(self);
        self->memory = memory;
    } else {
        former = NULL;
    }
    self->offset = offset;
    IOMemoryMap_enterIndex(self);
    return former;
}

bool IOMemoryMap_setMemory(IOMemoryMap *self, IOMemoryDescriptor *memory, uint64_t offset)
{
    if (!IOMemoryDescriptor_holds(memory, offset, self->length)) {
        return false;
    }
    OSObject_release(exchange_memory(self, memory, offset));
    return true;
}

bool IOMemoryMap_setMemoryDescriptor(IOMemoryMap *self, IOMemoryDescriptorRef memory,
                                     mach_vm_size_t offset)
{
    IOMemoryDescriptor *former;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(memory.descriptor == NULL, "memory is NULL") ||
        IOREFUSE(!IOMemoryDescriptor_holds(memory.descriptor, offset, self->length),
                 "offset %llu + the map's length %llu is beyond the memory's %llu bytes",
                 IOULL(offset), IOULL(self->length), IOULL(memory.descriptor->length))) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    IOMemory_lock();
    if (self->link != NULL && self->memory != memory.descriptor) {
        IOMemoryMap_partFromSet(self);
    }
    former = exchange_memory(self, memory.descriptor, offset);
    IOMemory_unlock();
    OSObject_release(former); /* its last release may take prepare locks */
    return true;
}

/* What is released may be the last reference to the super map: the lock holds its end back. */
static void leave_super_map(IOMemoryMap *self)
{
    if (self->superMap == NULL) {
        return;
    }
    IOASSERT(*self->borrowerLink == self);
    *self->borrowerLink = self->nextBorrower;
    if (self->nextBorrower != NULL) {
        self->nextBorrower->borrowerLink = self->borrowerLink;
    }
    OSSafeReleaseNULL(self->superMap);
}

void IOMemoryMap_leaveSet(IOMemoryMap *self)
{
    if (self->link == NULL) {
        return;
    }
    IOMemoryMap_leaveIndex(self);
    IOASSERT(*self->link == self);
    *self->link = self->next;
    if (self->next != NULL) {
        self->next->link = self->link;
    }
    self->link = NULL;
}

/* The mapping is gone, whoever took it away. */
static void forget_mapping(IOMemoryMap *self)
{
    /* First: how many pins there are follows from the address and the length. */
    if (self->pins != NULL) {
        IOMemoryMap_dropPins(self);
    }
    IOMemoryMap_leaveIndex(self); /* no request is to look at it any more */
    self->mapped = false;
    self->blocked = false;
    self->redirections = 0;
    self->uncached = 0;
    /*
     * Each borrower takes itself off the list, so this ends; they show nothing from here on,
     * and say so.
     */
    leave_super_map(self);
    while (self->borrowers != NULL) {
        forget_mapping(self->borrowers);
    }
    if (self->parts != NULL) {
        IOMemoryMap_dropParts(self);
    }
}

/* With the lock held. */
static inline IOReturn unmap(IOMemoryMap *self)
{
    IOReturn status = kIOReturnSuccess;

    if (!self->mapped) {
        return kIOReturnSuccess;
    }
    IOASSERT(self->memory != NULL && self->map != NULL);
    IOMemoryMap_checkBorrowers(self->superMap != NULL ? self->superMap : self);
    /* A borrowed view is the super map's to take away, and a static one its maker's. */
    if (self->superMap == NULL && (self->options & kIOMapStatic) == 0) {
        status = IOMemoryDescriptor_methods(self->memory)->doUnmap(self->memory, self);
    }
    if (status == kIOReturnSuccess) {
        forget_mapping(self);
    }
    return status;
}

IOReturn IOMemoryMap_unmap(IOMemoryMap *self)
{
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    status = unmap(self);
    IOMemory_unlock();
    return status;
}

/* The address space without its task. */
static void leave_task(IOMemoryMap *self)
{
    platform_task_unwatch(&self->watch);
    self->task = TASK_NULL;
    if (self->map != NULL) {
        platform_map_release(self->map);
        self->map = NULL;
    }
}

void IOMemoryMap_taskDied(IOMemoryMap *self)
{
    if (!OSObject_taggedTryRetain(self, NULL)) { /* the maps that borrow may hold the last ones */
        return;
    }
    IOMemory_lock();
    if (self->unmapAtDeath) {
        unmap(self);
    }
    forget_mapping(self); /* the pages go with the address space */
    leave_task(self);
    IOMemory_unlock();
    OSObject_release(self);
}

IOReturn IOMemoryMap_userClientUnmap(IOMemoryMap *self)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    self->unmapAtDeath = true;
    return kIOReturnSuccess;
}

/*
 * What the map holds is given back in two steps: all that others can see of it under the lock, its
 * memory after the lock (see `ended`).
 */
static void map_free(OSObject *object)
{
    IOMemoryMap *self = (IOMemoryMap *)object;

    IOMemory_lock();
    /*
     * An end cannot be refused. The view stays, and with it its objects: stray accesses reach
     * memory that is still that memory, not somebody else's.
     */
    if (unmap(self) != kIOReturnSuccess) {
        platform_log("IOMemoryMap %p freed, but its mapping at %#llx stays", (void *)self,
                     (unsigned long long)self->address);
        forget_mapping(self);
    }
    if (self->origin != NULL) {
        IOMemoryMap_leaveOrigin(self);
    }
    IOMemoryMap_leaveSet(self);
    leave_task(self);
    /* The list of its set is left, so the link is free for the list of those that have ended. */
    self->next = ended;
    ended = self;
    IOMemory_unlock();
}

void IOMemoryMap_free(IOMemoryMap *self)
{
    if (self != NULL) {
        self->super.metaClass->free(&self->super);
    }
}

static uint32_t instances;

OS_CLASS(OSMetaClass, IOMemoryMap);
const OSMetaClass IOMemoryMap_class = {"IOMemoryMap", &OSObject_metaClass, sizeof(IOMemoryMap),
                                       &instances, map_free};

IOVirtualAddress IOMemoryMap_getVirtualAddress(IOMemoryMap *self)
{
    return self != NULL && self->mapped ? self->address : 0;
}

mach_vm_address_t IOMemoryMap_getAddress(IOMemoryMap *self)
{
    return IOMemoryMap_getVirtualAddress(self);
}

IOByteCount IOMemoryMap_getLength(IOMemoryMap *self)
{
    return self == NULL ? 0 : self->length;
}

mach_vm_size_t IOMemoryMap_getSize(IOMemoryMap *self)
{
    return IOMemoryMap_getLength(self);
}

task_t IOMemoryMap_getAddressTask(IOMemoryMap *self)
{
    return self == NULL ? TASK_NULL : self->task;
}

IOMemoryDescriptor *IOMemoryMap_getMemoryDescriptor(IOMemoryMap *self)
{
    return self == NULL ? NULL : self->memory;
}

IOOptionBits IOMemoryMap_getMapOptions(IOMemoryMap *self)
{
    return self == NULL ? 0 : self->options;
}

IOPhysicalAddress IOMemoryMap_getPhysicalSegment(IOMemoryMap *self, IOByteCount offset,
                                                 IOByteCount *length, IOOptionBits options)
{
    IOPhysicalAddress address;
    IOByteCount unused;

    if (length == NULL) {
        length = &unused;
    }
    *length = 0;
    if (self == NULL || self->memory == NULL || offset >= self->length || self->outlived) {
        /*
         * Outlived: the descriptor describes other memory by now, whose segments are not the
         * map's.
         */
        IOMemory_fail(self != NULL && self->outlived ? kIOReturnNotReady : kIOReturnBadArgument);
        return 0;
    }
    address =
        IOMemoryDescriptor_getPhysicalSegment(self->memory, self->offset + offset, length, options);
    /* The memory may go on behind the map; who has the map is entitled to its bytes only. */
    if (*length > self->length - offset) {
        *length = self->length - offset;
    }
    return address;
}

IOPhysicalAddress IOMemoryMap_getPhysicalAddress(IOMemoryMap *self)
{
    return IOMemoryMap_getPhysicalSegment(self, 0, NULL, 0);
}

const OSMetaClass *IOMemoryMap_getMetaClass(const IOMemoryMap *self)
{
    return OSObject_getMetaClass(self);
}
