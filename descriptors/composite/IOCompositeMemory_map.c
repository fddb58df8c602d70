/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping a composite. One interval is reserved, and
 * every part is mapped over its place there, by a map that its descriptor knows of and
 * the composite's map keeps.
 */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/composite/IOCompositeMemory_private.h"

/* What a part's map inherits; where it lies is settled. */
#define PART_OPTIONS (kIOMapCacheMask | kIOMapReadOnly | kIOMapPrefault)

static IOReturn add_part(IOMemoryMap *map, IOOptionBits options, IOMemoryDescriptor *memory,
                         uint64_t address, uint64_t offset, uint64_t length)
{
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
    part->nextPart = map->parts;
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
    const struct sight before = look(map->map, trunc_page(address));
    IOReturn status = add_part(map, options, memory, address, offset, length);

    if (status == kIOReturnSuccess) {
        const struct sight after = look(map->map, trunc_page(address));

        if (!is_same(&before, &after)) {
            status = kIOReturnNotAligned;
        }
        forget(&after);
    }
    forget(&before);
    return status;
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

/* The interval is there; for the map of a part, somebody else has reserved it. */
static IOReturn map_parts(struct IOCompositeMemory *self, IOMemoryMap *map, IOOptionBits options,
                          uint64_t offset, uint64_t length)
{
    const bool reserved = (options & IOMAP_PART) != 0;
    IOPhysicalSegment first;
    IOReturn status =
        IOMemoryDescriptor_segment(&self->super, offset, _kIOMemorySourceSegment, &first);
    const uint64_t skew = first.location & PAGE_MASK;

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!reserved) {
        /*
         * As one interval before the first part: no later part can find its place taken by somebody
         * else.
         */
        status = IOMemoryMap_reserve(map, options, skew, length);
    } else if ((map->address & PAGE_MASK) != skew) {
        status = kIOReturnNotAligned;
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = add_parts(self, map, options, offset, offset + length);
    if (status != kIOReturnSuccess) {
        /*
         * Parts leave the address space as it is, so dropping them removes no page: the interval is
         * taken back as a whole.
         */
        IOMemoryMap_dropParts(map);
        if (!reserved) {
            IOMemoryMap_unreserve(map, options);
        }
    }
    return status;
}

IOReturn composite_do_map(IOMemoryDescriptor *base, IOMemoryMap *map, IOOptionBits options,
                          IOByteCount sourceOffset, IOByteCount length)
{
    IOByteCount offset;
    IOReturn status = descriptor_check_map(base, map, sourceOffset, &offset, &length);

    if (status != kIOReturnSuccess) {
        return status;
    }
    IOMemory_lock();
    status = map_parts(composite_of(base), map, options, offset, length);
    if (status == kIOReturnSuccess) {
        /* What was asked for: of the default, each part has its own mode. */
        map->cache = (options & kIOMapCacheMask) >> kIOMapCacheShift;
        map->mapped = true;
        /* A map made during a redirection waits with the others. */
        if ((base->flags & kIOMemoryRedirected) != 0) {
            status = IOMemoryMap_redirectTask(map, base->redirectSafeTask, true);
        }
    }
    IOMemory_unlock();
    return status;
}
