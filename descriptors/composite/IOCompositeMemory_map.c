/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping a composite. One interval is reserved, and
 * every part is mapped over its place there, by a map that its descriptor knows of and
 * the composite's map keeps.
 */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/composite/IOCompositeMemory_private.h"

/*
 * What a part's map inherits; where it lies is settled, and a cache mode is given to all at
 * last: pages change it for everybody, which no refusal of a later part could take back.
 */
#define PART_OPTIONS (kIOMapReadOnly | kIOMapPrefault)

/* The request has failed behind its first parts: they are as if it had not been. */
static void take_back(IOMemoryMap *map)
{
    for (IOMemoryMap *part = map->parts; part != NULL; part = part->nextPart) {
        IOGeneralMemoryDescriptor *const memory =
            OSDynamicCast(IOGeneralMemoryDescriptor, part->memory);

        take_back(part);
        if (part->isFirst && memory != NULL) {
            general_forget_kept(memory);
        }
    }
    IOMemoryMap_dropParts(map);
}

static IOReturn add_part(IOMemoryMap *map, IOOptionBits options, IOMemoryDescriptor *memory,
                         uint64_t address, uint64_t offset, uint64_t length)
{
    const uint32_t before = gIOMemoryReferenceCount;
    IOMemoryMap *part;

    if (!IOMemoryDescriptor_holds(memory, offset, length)) {
        return kIOReturnUnderrun; /* it has shrunk */
    }
    part = IOMemoryDescriptor_requestMap(memory, map->task, address,
                                         (options & PART_OPTIONS) | kIOMapOverwrite | IOMAP_PART,
                                         offset, length);
    if (part == NULL) {
        return IOMemoryLastError();
    }
    /* The reference that came with the request is the list's, until the parts are dropped. */
    part->nextPart = map->parts;
    part->whole = map;
    part->isFirst = gIOMemoryReferenceCount != before; /* of one that has parts, they are */
    map->parts = part;
    return kIOReturnSuccess;
}

/* A page of an address space, with a reference to what is seen there. */
struct sight {
    kern_return_t status;
    struct platform_region region;
};

static struct sight look(vm_map_t map, uint64_t page)
{
    struct sight sight = {0};

    sight.status = platform_map_lookup(map, page, PAGE_SIZE, &sight.region);
    return sight;
}

static bool is_same(const struct sight *one, const struct sight *other)
{
    /* Nothing is shown before and after: that has stayed, too. */
    if (one->status != KERN_SUCCESS || other->status != KERN_SUCCESS) {
        return one->status == other->status;
    }
    return platform_object_is_same(one->region.object, atop(one->region.offset),
                                   other->region.object, atop(other->region.offset));
}

static void forget(const struct sight *sight)
{
    if (sight->status == KERN_SUCCESS) {
        platform_object_release(sight->region.object);
    }
}

/* The same for a part that begins in the page where the one before it ends: that must stay. */
static IOReturn add_adjoining_part(IOMemoryMap *map, IOOptionBits options,
                                   IOMemoryDescriptor *memory, uint64_t address, uint64_t offset,
                                   uint64_t length)
{
    /* With a reference: entering the part may take away the last view of that page. */
    const struct sight before = look(map->map, trunc_page(address));
    const IOReturn status = add_part(map, options, memory, address, offset, length);
    const struct sight after = look(map->map, trunc_page(address));
    const bool same = is_same(&before, &after);

    forget(&after);
    forget(&before);
    return status == kIOReturnSuccess && !same ? kIOReturnNotAligned : status;
}

/* Bytes [offset, end) from the map's address on. */
static IOReturn add_parts(const struct IOCompositeMemory *self, IOMemoryMap *map,
                          IOOptionBits options, uint64_t offset, uint64_t end)
{
    const struct IOMemoryPart *part = composite_find(self, offset);
    uint64_t begin = composite_begin(self, part), address = map->address;
    IOReturn status = kIOReturnSuccess;

    for (; offset < end && status == kIOReturnSuccess; part++) {
        const uint64_t stop = part->end < end ? part->end : end;
        const uint64_t length = stop - offset, from = part->start + (offset - begin);

        if (length == 0) {
            continue;
        }
        status = address == map->address || (address & PAGE_MASK) == 0
                     ? add_part(map, options, part->memory, address, from, length)
                     : add_adjoining_part(map, options, part->memory, address, from, length);
        address += length;
        offset = stop;
        begin = stop;
    }
    return status;
}

/*
 * Parts at an interval of their own. Over something of the caller's they are put together
 * elsewhere and take its place when nothing can fail any more: a refusal leaves it there.
 */
static IOReturn map_reserved(struct IOCompositeMemory *self, IOMemoryMap *map, IOOptionBits options,
                             uint64_t offset, uint64_t length, uint64_t skew)
{
    const bool over = (options & kIOMapOverwrite) != 0;
    const IOOptionBits place = over ? (options & ~kIOMapOverwrite) | kIOMapAnywhere : options;
    const uint64_t wanted = map->address;
    IOReturn status;

    if (over && (wanted & PAGE_MASK) != skew) {
        return kIOReturnNotAligned;
    }
    status = IOMemoryMap_reserve(map, place, skew, length);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = add_parts(self, map, options, offset, offset + length);
    if (status == kIOReturnSuccess && over) {
        status = IOMemoryMap_takePlace(map, wanted, (options & kIOMapPrefault) != 0);
    }
    if (status != kIOReturnSuccess) {
        /*
         * Parts leave the address space as it is, so dropping them removes no page: the interval is
         * taken back as a whole.
         */
        take_back(map);
        IOMemoryMap_unreserve(map, place);
    }
    return status;
}

/*
 * The map of a part of a composite: somebody else has reserved its place, and whether the first
 * byte can be seen there is judged by the part that has it.
 */
static IOReturn map_inside(struct IOCompositeMemory *self, IOMemoryMap *map, IOOptionBits options,
                           uint64_t offset, uint64_t length)
{
    const IOReturn status = add_parts(self, map, options, offset, offset + length);

    if (status != kIOReturnSuccess) {
        take_back(map);
    }
    return status;
}

static IOReturn map_parts(struct IOCompositeMemory *self, IOMemoryMap *map, IOOptionBits options,
                          uint64_t offset, uint64_t length)
{
    IOPhysicalSegment first;
    IOReturn status;

    if ((options & IOMAP_PART) != 0) {
        return map_inside(self, map, options, offset, length);
    }
    status = IOMemoryDescriptor_segment(&self->super, offset, _kIOMemorySourceSegment, &first);
    return status == kIOReturnSuccess
               ? map_reserved(self, map, options, offset, length, first.location & PAGE_MASK)
               : status;
}

static void set_cache_of_parts(IOMemoryMap *map)
{
    for (IOMemoryMap *part = map->parts; part != NULL; part = part->nextPart) {
        part->cache = map->cache;
        set_cache_of_parts(part);
    }
}

IOReturn composite_do_map(IOMemoryDescriptor *base, IOMemoryMap *map, IOOptionBits options,
                          IOByteCount sourceOffset, IOByteCount length)
{
    IOByteCount offset;
    IOReturn status = descriptor_check_map(base, map, sourceOffset, &offset, &length);

    if (status != kIOReturnSuccess) {
        return status;
    }
    /* All parts, those outside the request too: a second request alike is asked the same. */
    if ((options & kIOMapPrefault) != 0 &&
        IOMemoryDescriptor_getPreparationID(base) == kIOPreparationIDUnprepared) {
        return kIOReturnNotReady;
    }
    status = map_parts(composite_of(base), map, options, offset, length);
    if (status == kIOReturnSuccess) {
        /* What was asked for: of the default, each part has its own mode. */
        map->cache = (options & kIOMapCacheMask) >> kIOMapCacheShift;
        /* A map made during a redirection waits with the others. */
        status = IOMemoryMap_enter(map);
        if (status != kIOReturnSuccess) {
            take_back(map);
            descriptor_do_unmap(base, map);
        } else if (map->cache != kIODefaultCache) {
            platform_map_adopt_cache(map->map, IOMemoryMap_firstPage(map),
                                     IOMemoryMap_pageBytes(map), map->cache);
            set_cache_of_parts(map);
        }
    }
    return status;
}

/* Each part is asked for its own: whole pages lie in one part, as mapping demands. */
bool composite_owns_pages(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                          task_t task)
{
    const struct IOCompositeMemory *const self = composite_of(base);

    if (offset >= end) {
        return true;
    }
    for (const struct IOMemoryPart *part = composite_find(self, offset); offset < end; part++) {
        const IOByteCount stop = part->end < end ? part->end : end;
        const IOByteCount from = part->start + (offset - composite_begin(self, part));
        const IOByteCount to = from + (stop - offset);
        const IOByteCount there = to < part->memory->length ? to : part->memory->length;

        /* It may have shrunk: of bytes that are gone nothing can be shown. */
        if (from < there &&
            !IOMemoryDescriptor_methods(part->memory)->ownsPages(part->memory, from, there, task)) {
            return false;
        }
        offset = stop;
    }
    return true;
}
