/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole descriptor behind the system mapper: one mapping for all who ask for an address
 * and name no mapper of their own. Where a byte is in it follows from the runs before it.
 */
#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/segments/IOSegmentSink.h"

uint32_t IOMemoryDescriptor_systemAccess(IOMemoryDescriptor *self)
{
    const struct IODMAReach reach = IOMemoryDescriptor_reach(self, 0, self->length);
    const IODirection direction = self->flags & kIODirectionOutIn;
    uint32_t access = direction != kIODirectionIn ? kIODMAMapReadAccess : 0;

    if (direction != kIODirectionOut) {
        access |= kIODMAMapWriteAccess;
    }
    /* Pages pinned for reading may be shared with somebody: no device stores there. */
    return (reach.some & kIOMemoryPreparedReadOnly) != 0 ? kIODMAMapReadAccess : access;
}

bool IOMemoryDescriptor_isForDevice(const IOMemoryDescriptor *self)
{
    return (self->flags & kIOMemoryTypeMask) == kIOMemoryTypePhysical64 &&
           (self->flags & kIOMemoryMapperNone) == 0;
}

bool IOMemoryDescriptor_canKeepSystemMap(const IOMemoryDescriptor *self)
{
    return self->wireCount != 0 || (self->flags & kIOMemoryTypeMask) == kIOMemoryTypePhysical64;
}

static IOReturn make(IOMemoryDescriptor *self, IOMapper *mapper)
{
    struct IODMASystemMap *const map = &self->systemMap;
    const struct IODMAReach reach = IOMemoryDescriptor_reach(self, 0, self->length);
    const IODMAMapSpecification narrow = {.numAddressBits = 32};
    const IODMAMapSpecification *const own =
        IOMemoryDescriptor_methods(self)->mapSpecification(self);
    const IODMAMapSpecification *const spec = own == NULL && self->isNarrow ? &narrow : own;
    IOReturn status = kIOReturnSuccess;

    if ((reach.some & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (!IOMemoryDescriptor_canKeepSystemMap(self)) {
        return kIOReturnNotReady;
    }
    /* A whole that is host-only is mapped as nothing; a part would leave the rest unreachable. */
    if ((reach.some & kIOMemoryHostOnly) != 0 && (reach.every & kIOMemoryHostOnly) == 0) {
        return kIOReturnNotPermitted;
    }
    if ((reach.every & kIOMemoryHostOnly) == 0) {
        status = IOMapper_iovmMapMemory(mapper, self, 0, self->length,
                                        IOMemoryDescriptor_systemAccess(self), spec, NULL, NULL,
                                        &map->address, &map->length);
    }
    if (status == kIOReturnSuccess) {
        /* Until the mapping is undone, which only this mapper can do. */
        OSObject_retain(mapper);
        map->mapper = mapper;
        /* A buffer's length can be set meanwhile: the mapping is made anew then. */
        map->described = self->length;
    }
    return status;
}

void IOMemoryDescriptor_endSystemMap(IOMemoryDescriptor *self)
{
    struct IODMASystemMap *const map = &self->systemMap;

    IOMemoryDescriptor_dmaUnmap(self, map->mapper, NULL, 0, map->address, map->length);
    OSObject_release(map->mapper);
    *map = (struct IODMASystemMap){0};
}

IOReturn IOMemoryDescriptor_systemMap(IOMemoryDescriptor *self, uint64_t *base)
{
    IOMapper *const mapper = IOMapper_systemMapper();
    IOReturn status = kIOReturnSuccess;

    *base = 0;
    if (mapper == NULL || IOMemoryDescriptor_isForDevice(self)) {
        return kIOReturnSuccess;
    }
    /* Of another length than it was made for, it would show too little. */
    if (self->systemMap.mapper != mapper || self->systemMap.described != self->length) {
        /* A mapper may need memory and locks, which a handler cannot wait for. */
        if (platform_in_interrupt()) {
            return kIOReturnCannotLock;
        }
        /* A device may be at work in what there is. */
        if (self->systemMap.mapper != NULL &&
            __atomic_load_n(&self->dmaActive, __ATOMIC_RELAXED) != 0) {
            return kIOReturnBusy;
        }
        IOMemoryDescriptor_dropSystemMap(self);
        status = make(self, mapper);
    }
    *base = self->systemMap.address;
    return status;
}

/* Pieces from byte 0 on are placed; those behind `offset` are somebody's. */
typedef bool placed_t(void *context, uint64_t address, uint64_t length);

static IOReturn place_from(IOMemoryDescriptor *self, uint64_t base, IOByteCount offset,
                           placed_t *placed, void *context)
{
    struct IOMappedLayout layout = IOMappedLayout_begin(base);
    IOPhysicalSegment piece;
    uint64_t address;

    for (IOByteCount at = 0; at < self->length; at += piece.length) {
        const IOReturn status = IOMemoryDescriptor_segment(self, at, kIOMemoryMapperNone, &piece);

        if (status != kIOReturnSuccess) {
            return status;
        }
        if (!IOMappedLayout_place(&layout, piece.location, piece.length, &address)) {
            return kIOReturnNotAligned;
        }
        if (at + piece.length > offset) {
            const uint64_t skip = offset > at ? offset - at : 0;

            if (!placed(context, address + skip, piece.length - skip)) {
                break;
            }
        }
    }
    return kIOReturnSuccess;
}

/* The first piece, and what continues it. */
static bool join(void *context, uint64_t address, uint64_t length)
{
    IOPhysicalSegment *segment = context;

    if (segment->length == 0) {
        segment->location = address;
    } else if (segment->location + segment->length != address) {
        return false;
    }
    segment->length += length;
    return true;
}

IOReturn IOMemoryDescriptor_deviceSegment(IOMemoryDescriptor *self, IOByteCount offset,
                                          IOPhysicalSegment *segment)
{
    uint64_t base;
    IOReturn status;

    /* The usual machine first: nothing is translated. */
    if (IOMapper_gSystem == NULL || offset >= self->length) {
        return IOMemoryDescriptor_segment(self, offset, 0, segment);
    }
    status = IOMemoryDescriptor_systemMap(self, &base);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (base == 0) {
        return IOMemoryDescriptor_segment(self, offset, 0, segment);
    }
    return place_from(self, base, offset, join, segment);
}

struct delivery {
    struct IOSegmentSink *sink;
    uint64_t left; /* bytes that are wanted */
};

static bool deliver(void *context, uint64_t address, uint64_t length)
{
    struct delivery *delivery = context;
    const uint64_t wanted = length < delivery->left ? length : delivery->left;

    delivery->left -= wanted;
    return IOSegmentSink_put(delivery->sink, address, wanted) && delivery->left != 0;
}

/* Apart, so that the usual walk keeps nothing for it. */
static __attribute__((noinline)) IOReturn walk_mapped(IOMemoryDescriptor *self,
                                                      struct IOSegmentSink *sink,
                                                      IOByteCount offset, IOByteCount end)
{
    struct delivery delivery = {sink, end - offset};
    uint64_t base;
    const IOReturn status = IOMemoryDescriptor_systemMap(self, &base);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (base == 0) {
        return IOMemoryDescriptor_methods(self)->walk(self, sink, offset, end);
    }
    return place_from(self, base, offset, deliver, &delivery);
}

IOReturn IOMemoryDescriptor_deviceWalk(IOMemoryDescriptor *self, struct IOSegmentSink *sink,
                                       IOByteCount offset, IOByteCount end)
{
    return IOMapper_gSystem != NULL
               ? walk_mapped(self, sink, offset, end)
               : IOMemoryDescriptor_methods(self)->walk(self, sink, offset, end);
}
