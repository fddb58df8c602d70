/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests for mappings, and the set of maps of a descriptor. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"

#define MAP_OPTIONS                                                                                \
    (kIOMapAnywhere | kIOMapCacheMask | kIOMapReadOnly | kIOMapStatic | kIOMapReference |          \
     kIOMapUnique | kIOMap64Bit | kIOMapPrefault | kIOMapOverwrite | kIOMapGuardedMask)

/* With the lock held. */
static void add_mapping(IOMemoryDescriptor *self, IOMemoryMap *mapping)
{
    IOMemoryMap **const first = &self->mappings;

    /*
     * A map is in one set: the link says so, and adding it twice would close the list to a
     * ring.
     */
    if (mapping->link != NULL) {
        return;
    }
    mapping->next = *first;
    mapping->link = first;
    if (mapping->next != NULL) {
        mapping->next->link = &mapping->next;
    }
    *first = mapping;
    IOMemoryMap_enterIndex(mapping);
}

void IOMemoryDescriptor_addMapping(IOMemoryDescriptorRef self, IOMemoryMap *mapping)
{
    if (self.descriptor == NULL || mapping == NULL) {
        return;
    }
    IOMemory_lock();
    add_mapping(self.descriptor, mapping);
    IOMemory_unlock();
}

void IOMemoryDescriptor_removeMapping(IOMemoryDescriptorRef self, IOMemoryMap *mapping)
{
    /* Of another's set it is none of ours to take it out. */
    if (self.descriptor == NULL || mapping == NULL || mapping->memory != self.descriptor) {
        return;
    }
    IOMemory_lock();
    if (mapping->link != NULL) {
        IOMemoryMap_partFromSet(mapping);
    }
    IOMemory_unlock();
}

/*
 * The maps live on, for their holders still look through them; only the set ends, so that a new
 * description is not answered with a map of the former one.
 */
static __attribute__((noinline)) void empty_mappings(IOMemoryDescriptor *self)
{
    IOMemory_lock();
    for (IOMemoryMap *map = self->mappings; map != NULL; map = map->next) {
        map->outlived = true;
        IOMemoryMap_leaveIndex(map); /* no request finds it any more */
    }
    while (self->redirections == NULL && self->mappings != NULL) {
        IOMemoryMap_leaveSet(self->mappings);
    }
    while (self->redirections == NULL && self->uniques != NULL) {
        IOMemoryMap_leaveOrigin(self->uniques);
    }
    IOMemory_unlock();
}

void IOMemoryDescriptor_emptyMappings(IOMemoryDescriptor *self)
{
    /* Asked without the lock: whoever enters one now would enter it behind the end as well. */
    if (self->mappings != NULL || self->uniques != NULL) {
        empty_mappings(self);
    }
}

/* Options that make no sense, alone or together. */
static IOReturn check_options(IOOptionBits options)
{
    const unsigned cache = (options & kIOMapCacheMask) >> kIOMapCacheShift;
    const bool anywhere = (options & kIOMapAnywhere) != 0;

    /* Numbers above that are no mode: the page tables have no attribute for them. */
    if (IOREFUSE((options & ~MAP_OPTIONS) != 0, "options %#llx are undefined",
                 IOULL(options & ~MAP_OPTIONS)) ||
        IOREFUSE(cache > kIOPostedCombinedReordered, "%u is no cache mode", cache) ||
        /*
         * Guards lie outside the asked-for place, where others may be; and "anywhere, over what is
         * there" would choose whom to take away.
         */
        IOREFUSE(!anywhere && (options & kIOMapGuardedMask) != 0,
                 "guards go with kIOMapAnywhere only") ||
        IOREFUSE(anywhere && (options & kIOMapOverwrite) != 0,
                 "kIOMapOverwrite goes with an address, not with kIOMapAnywhere")) {
        return kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}

static IOReturn check_request(const IOMemoryDescriptor *self, mach_vm_address_t atAddress,
                              IOOptionBits options, uint64_t offset, uint64_t length)
{
    /* No page table of this processor leads there. */
    if ((self->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (IOREFUSE(length == 0, "length is 0: the descriptor has no bytes behind offset %llu",
                 IOULL(offset)) ||
        IOREFUSE(!IOMemoryDescriptor_holds(self, offset, length),
                 "offset %llu + length %llu is beyond the descriptor's %llu bytes", IOULL(offset),
                 IOULL(length), IOULL(self->length))) {
        return kIOReturnBadArgument;
    }
    if (IOREFUSE((options & kIOMapStatic) != 0 &&
                     (atAddress == 0 || atAddress + length - 1 < atAddress),
                 "address %#llx with length %#llx is no place of an existing mapping",
                 IOULL(atAddress), IOULL(length))) {
        return kIOReturnBadArgument;
    }
    return check_options(options);
}

/*
 * The one reference that a new map has goes along with it: the answer may be another map, and then
 * this one ends.
 */
static inline __attribute__((always_inline)) IOMemoryMap *request_map(IOMemoryDescriptor *self,
                                                                      task_t task, uint64_t address,
                                                                      IOOptionBits options,
                                                                      uint64_t offset,
                                                                      uint64_t length)
{
    OSObject *object = OSMetaClass_allocate(&IOMemoryMap_metaClass);
    IOMemoryMap *map = (IOMemoryMap *)object;

    if (map != NULL && !IOMemoryMap_init(map, task, address, options, offset, length)) {
        OSSafeReleaseNULL(map);
    }
    if (map == NULL) {
        return NULL;
    }
    return IOMemoryDescriptor_makeMap(self, map, options, 0);
}

IOMemoryMap *IOMemoryDescriptor_requestMap(IOMemoryDescriptor *self, task_t task, uint64_t address,
                                           IOOptionBits options, uint64_t offset, uint64_t length)
{
    return request_map(self, task, address, options, offset, length);
}

IOMemoryMap *IOMemoryDescriptor_createMappingInTask(IOMemoryDescriptorRef self, task_t intoTask,
                                                    mach_vm_address_t atAddress,
                                                    IOOptionBits options, mach_vm_size_t offset,
                                                    mach_vm_size_t length)
{
    IOMemoryDescriptor *const descriptor = self.descriptor;
    IOMemoryMap *map;
    IOReturn status;
    bool locked;

    if (descriptor == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    if ((options & kIOMapStatic) != 0) {
        /* What the caller has mapped begins with the first byte. */
        offset = 0;
    }
    length = length != 0 ? length : descriptor->length;
    status = check_request(descriptor, atAddress, options, offset, length);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    locked = IOMemoryDescriptor_lock(descriptor);
    map = request_map(descriptor, intoTask, atAddress, options, offset, length);
    IOMemoryDescriptor_unlock(descriptor, locked);
    return map;
}

IOMemoryMap *IOMemoryDescriptor_map(IOMemoryDescriptorRef self, IOOptionBits options)
{
    return IOMemoryDescriptor_createMappingInTask(self, kernel_task, 0, options | kIOMapAnywhere, 0,
                                                  0);
}

IOMemoryMap *IOMemoryDescriptor_setMapping(IOMemoryDescriptorRef self, task_t task,
                                           IOVirtualAddress mapAddress, IOOptionBits options)
{
    return IOMemoryDescriptor_createMappingInTask(self, task, mapAddress, options | kIOMapStatic, 0,
                                                  0);
}

IOMemoryMap *IOMemoryDescriptor_makeMap(IOMemoryDescriptor *self, IOMemoryMap *map,
                                        IOOptionBits options, IOByteCount offset)
{
    if ((self->flags & kIOMemoryRemote) != 0) {
        OSObject_release(map);
        IOMemory_fail(kIOReturnNotAttached);
        return NULL;
    }
    return IOMemoryDescriptor_methods(self)->makeMapping(self, map, options, offset);
}

/* The documented name carries a map as an integer; only here is it one. */
IOMemoryMap *IOMemoryDescriptor_makeMapping(IOMemoryDescriptorRef self, IOMemoryDescriptorRef owner,
                                            task_t intoTask, IOVirtualAddress atAddress,
                                            IOOptionBits options, IOByteCount offset,
                                            IOByteCount length)
{
    (void)owner, (void)intoTask, (void)length;
    if (self.descriptor == NULL || atAddress == 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return IOMemoryDescriptor_makeMap(self.descriptor, (IOMemoryMap *)atAddress, options, offset);
}

/*
 * See that accesses through an existing map do not fault from now on. A composite counts as
 * prepared when all its parts are, as it did when the map was made.
 */
static IOReturn prefault_shared(IOMemoryDescriptor *self, const IOMemoryMap *map)
{
    /* Pages that are not pinned can go again, and the promise with them. */
    if (IOMemoryDescriptor_getPreparationID(self) == kIOPreparationIDUnprepared) {
        return kIOReturnNotReady;
    }
    return platform_map_fill(map->map, IOMemoryMap_firstPage(map), IOMemoryMap_pageBytes(map)) ==
                   KERN_SUCCESS
               ? kIOReturnSuccess
               : kIOReturnNoMemory;
}

/* Whose memory is nobody's in particular: there is nothing to set apart. */
IOReturn descriptor_copy_for_unique(IOMemoryDescriptor *self, IOByteCount offset,
                                    IOByteCount length, IOMemoryDescriptor **out)
{
    (void)self, (void)offset, (void)length;
    *out = NULL;
    return kIOReturnSuccess;
}

/* Enter a new map, of self or of a private descriptor, and make it a member of that one's set. */
static IOReturn enter_new(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options)
{
    IOMemoryDescriptor *alone = NULL, *memory;
    IOReturn status = kIOReturnSuccess;

    if ((options & kIOMapUnique) != 0) {
        status =
            IOMemoryDescriptor_methods(self)->copyForUnique(self, map->offset, map->length, &alone);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    memory = alone != NULL ? alone : self;
    /* The private descriptor begins with the first mapped byte. */
    if (!IOMemoryMap_setMemory(map, memory, alone != NULL ? 0 : map->offset)) {
        status = kIOReturnBadArgument;
    } else {
        status = IOMemoryDescriptor_methods(memory)->doMap(memory, map, options, 0, 0);
    }
    if (status == kIOReturnSuccess && alone != NULL) {
        status = IOMemoryMap_setOrigin(map, self);
    }
    if (status == kIOReturnSuccess) {
        add_mapping(memory, map);
    }
    OSObject_release(alone); /* the map has its own reference */
    return status;
}

/* Record what the caller vouches for. */
static IOReturn record(IOMemoryDescriptor *self, IOMemoryMap *map)
{
    const unsigned cache = (map->options & kIOMapCacheMask) >> kIOMapCacheShift;

    if (!IOMemoryMap_setMemory(map, self, map->offset)) {
        return kIOReturnBadArgument;
    }
    map->cache = cache != kIODefaultCache ? cache : kIOCopybackCache;
    map->options |= kIOMapStatic;
    map->recorded = true;
    map->mapped = true;
    add_mapping(self, map);
    return kIOReturnSuccess;
}

/* What became of *map under the lock: itself, a shared one, or why nothing. */
static IOReturn answer(IOMemoryDescriptor *self, IOMemoryMap **map, IOOptionBits options)
{
    IOMemoryMap *shared = NULL;
    IOReturn status = kIOReturnSuccess;

    if ((options & kIOMapStatic) != 0) {
        return record(self, *map);
    }
    if ((options & (kIOMapUnique | kIOMapOverwrite | IOMAP_FRESH)) == 0) {
        shared = IOMemoryMap_findCompatible(self, *map);
    }
    if (shared == NULL) {
        /* Only an existing map was asked for: who uses this option must not cause a new one. */
        return (options & kIOMapReference) != 0 ? kIOReturnNotFound
                                                : enter_new(self, *map, options);
    }
    /* The request has served: the answer comes with a reference of its own. */
    if (shared != *map) {
        OSObject_release(*map);
        *map = shared;
    } else if (IOMemoryMap_setMemory(shared, self, shared->offset)) {
        add_mapping(self, shared);
    }
    if ((options & kIOMapPrefault) != 0) {
        status = prefault_shared(self, shared);
    }
    return status;
}

IOMemoryMap *descriptor_make_mapping(IOMemoryDescriptor *self, IOMemoryMap *map,
                                     IOOptionBits options, IOByteCount offset)
{
    IOReturn status;

    IOMemory_lock();
    if (__builtin_add_overflow(map->offset, offset, &map->offset) ||
        !IOMemoryDescriptor_holds(self, map->offset, map->length)) {
        status = kIOReturnBadArgument;
    } else {
        /*
         * Under the lock from the search to the entry: two requests alike would each find nothing,
         * and each make a map.
         */
        status = answer(self, &map, options);
    }
    if (status != kIOReturnSuccess) {
        OSObject_release(map);
        map = NULL;
        IOMemory_fail(status);
    }
    IOMemory_unlock();
    return map;
}

IOMemoryMap *descriptor_map_window(IOMemoryDescriptor *self, IOMemoryDescriptor *parent,
                                   IOByteCount start, IOMemoryMap *map, IOOptionBits options,
                                   IOByteCount offset)
{
    uint64_t inside;

    if (__builtin_add_overflow(map->offset, offset, &inside) ||
        !IOMemoryDescriptor_holds(self, inside, map->length)) {
        OSObject_release(map);
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    /* The sum cannot wrap: both lie inside the parent. */
    return IOMemoryDescriptor_makeMap(parent, map, options, start + offset);
}

IOReturn descriptor_check_map(const IOMemoryDescriptor *self, const IOMemoryMap *map,
                              IOByteCount sourceOffset, IOByteCount *offset, IOByteCount *length)
{
    /*
     * A map is entered once: a second place would leave the first without anybody who removes it.
     */
    if (IOREFUSE(map->mapped, "the map is entered already") ||
        IOREFUSE(map->map == NULL, "the map has no address space") ||
        IOREFUSE(__builtin_add_overflow(map->offset, sourceOffset, offset),
                 "the map's offset %llu + %llu wraps", IOULL(map->offset), IOULL(sourceOffset))) {
        return kIOReturnBadArgument;
    }
    *length = *length != 0 ? *length : map->length;
    return *length != 0 && IOMemoryDescriptor_holds(self, *offset, *length) ? kIOReturnSuccess
                                                                            : kIOReturnBadArgument;
}

/* Of memory that nobody knows anything of, none can be vouched for. */
bool descriptor_owns_no_pages(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                              task_t task)
{
    (void)self, (void)offset, (void)end, (void)task;
    return false;
}

IOReturn descriptor_refuse_map(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                               IOByteCount offset, IOByteCount length)
{
    (void)self, (void)map, (void)options, (void)offset, (void)length;
    return kIOReturnUnsupported;
}

/* What was mapped over a reservation of the caller's stays: that place is not ours to empty. */
IOReturn descriptor_do_unmap(IOMemoryDescriptor *self, IOMemoryMap *map)
{
    kern_return_t status = KERN_SUCCESS;

    (void)self;
    if ((map->options & kIOMapOverwrite) == 0 && map->size != 0) {
        status = platform_map_remove(map->map, map->start, map->size);
    }
    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingMake);
    }
    map->size = 0;
    return kIOReturnSuccess;
}

IOReturn IOMemoryDescriptor_doMap(IOMemoryDescriptorRef self, vm_map_t addressMap,
                                  IOVirtualAddress *atAddress, IOOptionBits options,
                                  IOByteCount sourceOffset, IOByteCount length)
{
    IOReturn status;

    (void)addressMap; /* the map knows its address space */
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(atAddress == NULL || *atAddress == 0, "there is no map in *atAddress")) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    status = IOMemoryDescriptor_methods(self.descriptor)
                 ->doMap(self.descriptor, (IOMemoryMap *)*atAddress, options, sourceOffset, length);
    IOMemory_unlock();
    return status;
}

IOReturn IOMemoryDescriptor_doUnmap(IOMemoryDescriptorRef self, vm_map_t addressMap,
                                    IOVirtualAddress logical, IOByteCount length)
{
    IOReturn status;

    (void)addressMap;
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(logical == 0, "there is no map in logical") ||
        IOREFUSE(length != 0, "length is not 0: a map is taken away whole")) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    status = IOMemoryDescriptor_methods(self.descriptor)
                 ->doUnmap(self.descriptor, (IOMemoryMap *)logical);
    IOMemory_unlock();
    return status;
}
