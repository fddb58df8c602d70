/* SPDX-License-Identifier: BSD-2-Clause */
/* Mapping a general descriptor: the objects behind its ranges, shown in another place. */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/reference/IOMemoryReference.h"

static bool is_copy_on_write(const IOGeneralMemoryDescriptor *self)
{
    return (self->super.flags & kIOMemoryMapCopyOnWrite) != 0 && !general_is_physical(self);
}

/* For the CPU, which goes through no mapper: where the ranges lead now. */
static __attribute__((noinline)) IOReturn find_behind_mapper(IOGeneralMemoryDescriptor *self,
                                                             struct IOMemoryReference **reference)
{
    IOReturn status = kIOReturnSuccess;
    IOPhysicalSegment piece;
    struct memory_runs runs;

    /* A translation is good to the end of its page at least. */
    if (!IOMemoryRuns_init(&runs, self->rangePages)) {
        return kIOReturnNoMemory;
    }
    for (uint64_t offset = 0; offset < self->source.length; offset += piece.length) {
        status = general_get_physical_segment(&self->super, offset, kIOMemoryMapperNone, &piece);
        if (status == kIOReturnSuccess && (piece.length == 0 || runs.count == runs.capacity)) {
            status = kIOReturnInternalError;
        }
        if (status != kIOReturnSuccess) {
            break;
        }
        IOMemoryRuns_append(&runs, piece.location, piece.length);
    }
    if (status == kIOReturnSuccess) {
        status = IOMemoryReference_create(NULL, &runs, reference);
    }
    IOMemoryRuns_free(&runs);
    return status;
}

/* Physical ranges have no task and so no map, which is how the two are told apart there. */
static __attribute__((noinline)) IOReturn find_physical(IOGeneralMemoryDescriptor *self,
                                                        struct IOMemoryReference **reference)
{
    if (!general_is_physical(self)) {
        return kIOReturnVMError; /* the task is dead */
    }
    return general_leads_elsewhere(&self->super)
               ? find_behind_mapper(self, reference)
               : IOMemoryReference_create(NULL, &self->source, reference);
}

static IOReturn find_memory(IOGeneralMemoryDescriptor *self, struct IOMemoryReference **reference)
{
    if (self->source.count == 0) {
        return kIOReturnBadArgument;
    }
    return self->map == NULL ? find_physical(self, reference)
                             : IOMemoryReference_create(self->map, &self->source, reference);
}

/*
 * Kept from the first mapping on (a persistent descriptor: from the beginning): all maps of one
 * descriptor show the same objects, whatever the task puts at the addresses in between.
 */
IOReturn general_take_reference(IOGeneralMemoryDescriptor *self)
{
    IOASSERT(self->reference == NULL);
    return find_memory(self, &self->reference);
}

/*
 * A question (page counts, purgeable state) must not decide for later mappings which objects they
 * show: what was not there already is given back after it.
 */
IOReturn general_borrow_reference(IOGeneralMemoryDescriptor *self,
                                  struct IOMemoryReference **reference)
{
    *reference = self->reference != NULL ? self->reference : self->held;
    return *reference != NULL ? kIOReturnSuccess : find_memory(self, reference);
}

void general_return_reference(IOGeneralMemoryDescriptor *self, struct IOMemoryReference *reference)
{
    if (reference != self->reference && reference != self->held) {
        IOMemoryReference_release(reference);
    }
}

IOReturn general_compare_memory(IOGeneralMemoryDescriptor *self, bool *same)
{
    struct IOMemoryReference *now;
    IOReturn status;

    *same = true;
    if (self->source.count == 0 || general_is_physical(self) || self->source.list[0].address == 0) {
        return kIOReturnSuccess; /* no task shows it, so there is nothing to compare */
    }
    status = find_memory(self, &now);
    if (status == kIOReturnSuccess) {
        *same = IOMemoryReference_isSame(self->reference, now);
        IOMemoryReference_release(now);
    }
    return status;
}

/* Freeze what the memory holds now. */
static IOReturn freeze(IOGeneralMemoryDescriptor *self, struct IOMemoryReference **image)
{
    struct IOMemoryReference *live;
    IOReturn status = general_borrow_reference(self, &live);

    if (status == kIOReturnSuccess) {
        status = IOMemoryReference_copy(live, image);
        general_return_reference(self, live);
    }
    return status;
}

static unsigned own_cache_mode(const IOGeneralMemoryDescriptor *self)
{
    return (self->super.flags & kIOMemoryBufferCacheMask) >> kIOMemoryBufferCacheShift;
}

/* Does the owner see all of it in this mode now? */
static bool is_seen_in(const IOGeneralMemoryDescriptor *self, const IOMemoryMap *map,
                       unsigned cache)
{
    const uint64_t address = self->ranges[0].address;

    return platform_map_has_cache(map->map, trunc_page(address),
                                  round_page((address & PAGE_MASK) + map->length), cache);
}

/*
 * What is shown to its owner must be what has been kept, wherever that is by now: so it was
 * promised of persistent memory, and so others see it. Without a reference it is what the addresses
 * show. Why that cannot be told, but not that they show nothing.
 */
static IOReturn find_home(IOGeneralMemoryDescriptor *self, bool *same)
{
    IOReturn status;

    *same = true;
    if (self->reference == NULL) {
        return kIOReturnSuccess;
    }
    status = general_compare_memory(self, same);
    if (status == kIOReturnVMError) {
        *same = false;
        return kIOReturnSuccess;
    }
    return status;
}

static bool is_still_at_home(const IOMemoryMap *map)
{
    bool same;

    return find_home(general_of(map->memory), &same) == kIOReturnSuccess && same;
}

/* Nothing need be mapped: the target task has the bytes in a row already. */
static bool is_identity(const IOGeneralMemoryDescriptor *self, const IOMemoryMap *map,
                        IOOptionBits options, uint64_t offset)
{
    /*
     * A map of its own is asked for by each of these; and one that may be taken away again
     * cannot be the owner's only view of its memory.
     */
    const IOOptionBits forbidden =
        kIOMapUnique | kIOMapGuardedMask | kIOMapReadOnly | IOMAP_FRESH | kIOMapOverwrite;
    const unsigned cache = (options & kIOMapCacheMask) >> kIOMapCacheShift;

    return map->task == self->task && (options & kIOMapAnywhere) != 0 &&
           (options & forbidden) == 0 && offset == 0 && self->rangeCount == 1 &&
           !is_copy_on_write(self) && /* nor physical: that has no task, and the map has one */
           (cache == kIODefaultCache || is_seen_in(self, map, cache));
}

static IOReturn map_identity(const IOGeneralMemoryDescriptor *self, IOMemoryMap *map, bool prefault)
{
    const uint64_t address = self->ranges[0].address;
    /*
     * Asked and not assumed: the task may have unmapped the range since the descriptor was made.
     * Nobody asked for less than reading and writing, so the owner must be able to.
     */
    kern_return_t status = platform_map_check(map->map, address, map->length, true);

    if (status == KERN_SUCCESS && prefault) {
        status = platform_map_fill(map->map, trunc_page(address),
                                   round_page((address & PAGE_MASK) + map->length));
    }
    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingMake);
    }
    map->address = address;
    /* Static: releasing the map must leave what the task had before it. */
    map->options |= kIOMapStatic;
    IOMemoryMap_isAtHome = is_still_at_home;
    /* Not by entering it: the pages are the owner's, and no redirection covers a static map. */
    map->mapped = true;
    return kIOReturnSuccess;
}

/*
 * Stores are asked for: if the owner may make them by now, a new reference knows. NULL: it
 * may not, or has other memory there by now, which is not ours.
 */
static struct IOMemoryReference *upgraded_reference(IOGeneralMemoryDescriptor *self)
{
    struct IOMemoryReference *now;

    if (find_memory(self, &now) != kIOReturnSuccess) {
        return NULL;
    }
    if (!IOMemoryReference_isSame(self->reference, now)) {
        IOMemoryReference_release(now);
        return NULL;
    }
    return now;
}

bool general_upgrade_reference(IOGeneralMemoryDescriptor *self)
{
    struct IOMemoryReference *const made = upgraded_reference(self);

    if (made != NULL) {
        /* Maps of the former one hold their objects themselves. */
        IOMemoryReference_release(self->reference);
        self->reference = made;
    }
    return made != NULL;
}

/*
 * Show a part of what *kept names, which is made if need be. It becomes the descriptor's
 * only when something is shown: a request that fails leaves no image frozen, and no
 * reference that was not there.
 */
static IOReturn show_kept(IOGeneralMemoryDescriptor *self, struct IOMemoryReference **kept,
                          uint64_t offset, uint64_t length, struct IOMemoryReferenceView *view)
{
    struct IOMemoryReference *made = NULL;
    IOReturn status = kIOReturnSuccess;

    if (*kept == NULL) {
        status = kept == &self->image ? freeze(self, &made) : find_memory(self, &made);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IOMemoryReference_show(made != NULL ? made : *kept, offset, length, view);
    /*
     * One made just now has asked already, and an image may be stored to whatever the owner may
     * do.
     */
    if (status == kIOReturnNotPermitted && made == NULL) {
        IOASSERT(kept == &self->reference);
        made = upgraded_reference(self);
        if (made != NULL) {
            status = IOMemoryReference_show(made, offset, length, view);
        }
    }
    if (status != kIOReturnSuccess) {
        IOMemoryReference_release(made);
    } else if (made != NULL) {
        /* Maps of the former one hold their objects themselves. */
        IOMemoryReference_release(*kept);
        *kept = made;
    }
    return status;
}

static IOReturn show(IOGeneralMemoryDescriptor *self, uint64_t offset, uint64_t length,
                     struct IOMemoryReferenceView *view)
{
    struct IOMemoryReference **const kept =
        is_copy_on_write(self) ? &self->image : &self->reference;

    return show_kept(self, kept, offset, length, view);
}

void general_forget_kept(IOGeneralMemoryDescriptor *self)
{
    struct IOMemoryReference **const kept =
        is_copy_on_write(self) ? &self->image : &self->reference;

    IOMemoryReference_release(*kept);
    *kept = NULL;
}

/* The mode that the mapping has in effect, by its first byte. */
static unsigned effective_cache(const IOGeneralMemoryDescriptor *self, unsigned cache,
                                uint64_t offset)
{
    const struct IOMemoryReferenceEntry *entry;

    if (cache != kIODefaultCache || !general_is_physical(self)) {
        return cache != kIODefaultCache ? cache : kIOCopybackCache;
    }
    entry = IOMemoryReference_find(self->reference, offset);
    offset = entry->offset + (offset - IOMemoryReference_start(self->reference, entry));
    return platform_object_is_device(entry->object, atop(offset)) ? kIOInhibitCache
                                                                  : kIOCopybackCache;
}

/* The pages are shown; if the map cannot follow a redirection that is on, they go again. */
static IOReturn enter(IOGeneralMemoryDescriptor *self, IOMemoryMap *map)
{
    const IOReturn status = IOMemoryMap_enter(map);

    if (status != kIOReturnSuccess) {
        descriptor_do_unmap(&self->super, map);
    }
    return status;
}

static IOReturn map_pages(IOGeneralMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                          uint64_t offset, uint64_t length)
{
    const bool physical = general_is_physical(self);
    const unsigned asked = (options & kIOMapCacheMask) >> kIOMapCacheShift;
    struct IOMemoryReferenceView view; /* field by field: half of it is the answer */
    IOReturn status;

    view.map = map->map;
    view.placement = (options & kIOMapAnywhere) != 0    ? PLATFORM_ANYWHERE
                     : (options & kIOMapOverwrite) != 0 ? PLATFORM_OVERWRITE
                                                        : PLATFORM_FIXED;
    view.guard = IOMemoryMap_guardSize(options);
    view.alignment = 0;
    view.cache = asked != kIODefaultCache ? asked : own_cache_mode(self);
    view.writable = (options & kIOMapReadOnly) == 0;
    /* Registers are reached by interrupt handlers, where no fault can be served. */
    view.eager = physical || (options & kIOMapPrefault) != 0;
    view.address = map->address;
    status = show(self, offset, length, &view);
    if (status != kIOReturnSuccess) {
        return status;
    }
    map->address = view.address;
    map->start = view.start;
    map->size = view.size;
    map->cache = effective_cache(self, view.cache, offset);
    /* Nobody asked for a mode, and the memory decided: getMapOptions is to say what it is. */
    if (physical && asked == kIODefaultCache) {
        map->options |= map->cache << kIOMapCacheShift;
    }
    /* A map that is made while its memory is redirected has to wait as its elders do. */
    return enter(self, map);
}

/* Physical memory has no owner to set the view apart: it must be one contiguous piece. */
IOReturn general_copy_for_unique(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount length,
                                 IOMemoryDescriptor **out)
{
    const IOOptionBits kept = kIOMemoryDirectionMask | kIOMemoryBufferCacheMask;
    IOPhysicalSegment piece = {0};

    *out = NULL;
    if (!general_is_physical(general_of(base))) {
        return kIOReturnSuccess;
    }
    IOMemoryDescriptor_segment(base, offset, kIOMemoryMapperNone, &piece);
    /*
     * The new descriptor has one range; a caller of "unique" is not given less than it asked for.
     */
    if (piece.length < length) {
        return kIOReturnUnsupported;
    }
    *out = IOMemoryDescriptor_withAddressRange(
        piece.location, length, (base->flags & kept) | kIOMemoryMapperNone, TASK_NULL);
    return *out != NULL ? kIOReturnSuccess : IOMemoryLastError();
}

/* From byte 0 on; elsewhere, as a map of its own. */
static __attribute__((noinline)) IOReturn map_at_home(IOGeneralMemoryDescriptor *self,
                                                      IOMemoryMap *map, IOOptionBits options,
                                                      IOByteCount length)
{
    bool same;
    const IOReturn status = find_home(self, &same);

    if (status != kIOReturnSuccess) {
        return status;
    }
    return same ? map_identity(self, map, (options & kIOMapPrefault) != 0)
                : general_do_map(&self->super, map, options | IOMAP_FRESH, 0, length);
}

IOReturn general_do_map(IOMemoryDescriptor *base, IOMemoryMap *map, IOOptionBits options,
                        IOByteCount sourceOffset, IOByteCount length)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    const bool prefault = (options & kIOMapPrefault) != 0;
    uint64_t offset;
    const IOReturn status = descriptor_check_map(base, map, sourceOffset, &offset, &length);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Filling ahead promises that no fault comes; pages that are not pinned can go again. */
    if (prefault && base->wireCount == 0 && !general_is_physical(self)) {
        return kIOReturnNotReady;
    }
    return is_identity(self, map, options, offset) ? map_at_home(self, map, options, length)
                                                   : map_pages(self, map, options, offset, length);
}

/* A task sees its own memory anyway; of all other memory, what is described has to fill pages. */
bool general_owns_pages(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end, task_t task)
{
    const IOGeneralMemoryDescriptor *const self = general_of(base);

    if (self->task != TASK_NULL && self->task == task) {
        return true;
    }
    while (offset < end) {
        const struct memory_run *const run = IOMemoryRuns_find(&self->source, offset);
        const uint64_t begin = IOMemoryRuns_start(&self->source, run);
        const uint64_t first = run->address, past = run->address + (run->end - begin);
        const IOByteCount stop = run->end < end ? run->end : end;
        const uint64_t from = trunc_page(first + (offset - begin));
        uint64_t to;

        if (from < first || round_page_overflow(first + (stop - begin), &to) || to > past) {
            return false;
        }
        offset = stop;
    }
    return true;
}
