/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the descriptors that are made of other descriptors share: a list of
 * parts, each a window of one descriptor. No class of its own; the structure only stands between
 * IOMemoryDescriptor and theirs.
 */
#ifndef DESCRIPTORS_IOCOMPOSITEMEMORY_PRIVATE_H
#define DESCRIPTORS_IOCOMPOSITEMEMORY_PRIVATE_H

#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/object/IOAssert.h"

struct IOMemoryPart {
    IOMemoryDescriptor *memory; /* retained */
    IOByteCount start;          /* of the window, in memory */
    IOByteCount end;            /* in the composite; it begins where the part before it ends */
    uint64_t preparationID;     /* of memory, when the composite last got a number */
    IOOptionBits purgeable;     /* its state before the last change of all parts */

    struct IOCompositeMemory *holder;              /* whose part this is */
    struct IOMemoryPart *nextHolder, **holderLink; /* on memory's list of those that show it */
};

struct IOCompositeMemory {
    IOMemoryDescriptor super;
    struct IOMemoryPart *parts; /* &single, from the heap, or NULL: there are none */
    UInt32 count;
    uint32_t visited; /* by the climb of this number, which found: */
    unsigned above;   /* the most levels above this */
    struct IOMemoryPart single;
};

static inline struct IOCompositeMemory *composite_of(IOMemoryDescriptor *self)
{
    return (struct IOCompositeMemory *)self;
}

/* The part that holds `offset`, which is less than the length. O(log count). */
static inline const struct IOMemoryPart *composite_find(const struct IOCompositeMemory *self,
                                                        IOByteCount offset)
{
    UInt32 low = 0, high = self->count - 1;

    IOASSERT(self->count != 0 && offset < self->super.length);
    if (offset < self->parts[0].end) {
        return self->parts;
    }
    while (low < high) { /* the part is in [low, high] */
        const UInt32 middle = low + (high - low) / 2;

        if (offset < self->parts[middle].end) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return &self->parts[low];
}

/* Offset in the composite of the part's first byte. */
static inline IOByteCount composite_begin(const struct IOCompositeMemory *self,
                                          const struct IOMemoryPart *part)
{
    return part == self->parts ? 0 : part[-1].end;
}

/* IOCompositeMemory_nesting.c: a part goes on the list of the descriptor that it shows, or off. */
void composite_join(struct IOMemoryPart *part, struct IOCompositeMemory *holder);
void composite_leave(struct IOMemoryPart *part);

/* Would a part that shows this descriptor keep to the limit, for all above too, and no cycle? */
bool composite_may_hold(const struct IOCompositeMemory *self, const IOMemoryDescriptor *memory);

/* The parts have changed: count the levels below anew, also for all above. */
void composite_count_depth(struct IOCompositeMemory *self);

/* The same when a part of this descriptor was added. */
void composite_raise_depth(struct IOCompositeMemory *self, const IOMemoryDescriptor *memory);

/* Without parts, with room for so many. kIOReturnNoMemory. */
IOReturn composite_make_room(struct IOCompositeMemory *self, UInt32 parts);

/*
 * Append a window, for which there is room, and raise the length. kIOReturnBadArgument:
 * NULL, outside the descriptor, wrapping, nested too deep, or part of itself.
 */
IOReturn composite_add(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                       IOByteCount start, IOByteCount length);

/*
 * The same for a part that a caller adds: kIOReturnBadArgument as well if its direction
 * lacks a bit of the composite's. The first tag that is not 0 becomes the composite's.
 */
IOReturn composite_append(struct IOCompositeMemory *self, IOMemoryDescriptor *memory,
                          IOByteCount start, IOByteCount length);

/*
 * Could all that is prepared be completed now? kIOReturnBusy: DMA is active, here or at a
 * part whose last prepare is one of these.
 */
IOReturn composite_check_empty(const struct IOCompositeMemory *self);

/* Complete what is prepared; where a device still uses a part, when that is over. */
void composite_complete_all(struct IOCompositeMemory *self);

/*
 * Complete what is prepared, let maps go on without this, release the parts; length 0.
 * A part that a device still uses is completed when that is over.
 */
void composite_empty(struct IOCompositeMemory *self);

/* The same, and the room goes too. */
void composite_drop(struct IOCompositeMemory *self);

/* The methods. */
IOReturn composite_prepare(IOMemoryDescriptor *self, IODirection forDirection);
IOReturn composite_complete(IOMemoryDescriptor *self, IODirection forDirection);
IOReturn composite_announce_complete(IOMemoryDescriptor *self, uint32_t count, bool coming);
IOReturn composite_get_physical_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                        IOOptionBits options, IOPhysicalSegment *segment);
IOReturn composite_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                        IOByteCount end);
uint64_t composite_get_preparation_id(IOMemoryDescriptor *self);
void composite_add_dma_map_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                struct IODMAMapSize *size);
void composite_get_characteristics(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                   IOMDDMACharacteristics *out);
void composite_add_reach(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                         struct IODMAReach *reach);
IOReturn composite_set_dma_active(IOMemoryDescriptor *self, bool active);
IOReturn composite_do_map(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                          IOByteCount offset, IOByteCount length);
bool composite_owns_pages(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                          task_t task);
IOReturn composite_hold_memory(IOMemoryDescriptor *self, bool on);
IOReturn composite_set_purgeable(IOMemoryDescriptor *self, IOOptionBits newState,
                                 IOOptionBits *oldState);
IOReturn composite_set_ownership(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                                 IOOptionBits newLedgerOptions);
IOReturn composite_get_page_counts(IOMemoryDescriptor *self, IOByteCount *residentPageCount,
                                   IOByteCount *dirtyPageCount);
void composite_free(OSObject *self);

/*
 * The methods that all composites have in common, for their class records; makeMapping
 * and redirect are not among them.
 */
#define COMPOSITE_METHODS                                                                          \
    .initWithOptions = descriptor_refuse_init, .prepare = composite_prepare,                       \
    .complete = composite_complete, .announceComplete = composite_announce_complete,               \
    .getPreparationID = composite_get_preparation_id,                                              \
    .getPhysicalSegment = composite_get_physical_segment, .walk = composite_walk,                  \
    DESCRIPTOR_BYTES, .addDMAMapSize = composite_add_dma_map_size,                                 \
    .dmaCommandOperation = descriptor_dma_command_operation,                                       \
    .getCharacteristics = composite_get_characteristics, .setDMAActive = composite_set_dma_active, \
    .addReach = composite_add_reach, .mapSpecification = descriptor_map_specification,             \
    .copyPageList = descriptor_copy_page_list, .doMap = composite_do_map,                          \
    .ownsPages = composite_owns_pages, .doUnmap = descriptor_do_unmap,                             \
    .copyForUnique = descriptor_copy_for_unique, .holdMemory = composite_hold_memory,              \
    .setPurgeable = composite_set_purgeable, .setOwnership = composite_set_ownership,              \
    .getPageCounts = composite_get_page_counts

#endif
