/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA protocol of IODMAProtocol.h; what needs a mapper is in IOMemoryDescriptor_dma_map.c. */
#include <string.h>

#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMemoryDescriptor_class.h"

void descriptor_get_characteristics(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                    IOMDDMACharacteristics *out)
{
    *out = (IOMDDMACharacteristics){
        .fLength = end - offset,
        .fDirection = self->flags & kIOMemoryDirectionMask,
        .fIsPrepared = self->wireCount != 0,
    };
}

IOReturn descriptor_set_dma_active(IOMemoryDescriptor *self, bool active)
{
    return IOMemoryDescriptor_countDMAActive(self, active);
}

void descriptor_add_reach(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                          struct IODMAReach *reach)
{
    (void)offset, (void)end;
    /*
     * A composite asks all its parts: one that cannot be reached spoils the transfer, and only if
     * all of them are host-only is there nothing to map.
     */
    reach->some |= self->flags & (kIOMemoryRemote | kIOMemoryHostOnly | kIOMemoryPreparedReadOnly);
    reach->every &= self->flags;
}

/* What a walk behind a mapping keeps in the caller's state: the runs before `offset`. */
struct position {
    uint64_t base; /* the mapping that it belongs to; 0: none yet */
    IOByteCount offset;
    struct IOMappedLayout layout;
};

struct walk_state {
    IOMDDMAWalkSegmentArgs args;
    struct position position;
};

_Static_assert(sizeof(struct walk_state) <= sizeof(IOMDDMAWalkSegmentState), "it has room");

/* Place the host's segment at the position, which is behind it then. */
static IOReturn place_next(IOMemoryDescriptor *self, struct position *position,
                           IOPhysicalSegment *placed)
{
    IOPhysicalSegment host;
    const IOReturn status =
        IOMemoryDescriptor_segment(self, position->offset, kIOMemoryMapperNone, &host);

    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!IOMappedLayout_place(&position->layout, host.location, host.length, &placed->location)) {
        return kIOReturnNotAligned;
    }
    placed->length = host.length;
    position->offset += host.length;
    return kIOReturnSuccess;
}

/* The I/O addresses of the bytes from `offset` on, as far as they follow each other. */
static IOReturn mapped_segment(IOMemoryDescriptor *self, IOByteCount offset,
                               struct position *position, IOPhysicalSegment *segment)
{
    IOPhysicalSegment placed;
    IOReturn status;

    do {
        status = place_next(self, position, &placed);
        if (status != kIOReturnSuccess) {
            return status;
        }
        /*
         * Places follow each other, so all pieces before `offset` must be placed to know where it
         * is. Ends: a segment is never empty, and `offset` lies inside.
         */
    } while (position->offset <= offset);
    segment->length = position->offset - offset;
    segment->location = placed.location + (placed.length - segment->length);
    while (position->offset < self->length) {
        /* Tried on a copy: a piece that does not follow must be met again by the next call. */
        struct position next = *position;

        if (place_next(self, &next, &placed) != kIOReturnSuccess ||
            placed.location != segment->location + segment->length) {
            break; /* the next call's business, a failure as well */
        }
        segment->length += placed.length;
        *position = next;
    }
    return kIOReturnSuccess;
}

/* A walk goes on where it was; anything else starts from the first byte. */
static IOReturn walk_mapping(IOMemoryDescriptor *self, struct walk_state *state, bool first,
                             IOPhysicalSegment *segment)
{
    const IOMDDMAWalkSegmentArgs *const args = &state->args;
    struct position *const position = &state->position;

    if (first || position->base != args->fMappedBase || position->offset > args->fOffset) {
        /*
         * Where a byte is in a mapping depends on all before it: without a place to go on from, it
         * is found from the first.
         */
        *position = (struct position){.base = args->fMappedBase,
                                      .layout = IOMappedLayout_begin(args->fMappedBase)};
    }
    /* After a failure the position is behind what was placed: the next call goes on there. */
    return mapped_segment(self, args->fOffset, position, segment);
}

/* The segment at fOffset, which is inside: as the host, the system mapper or a mapping has it. */
static IOReturn find_segment(IOMemoryDescriptor *self, struct walk_state *state, bool first,
                             IOPhysicalSegment *segment)
{
    const IOMDDMAWalkSegmentArgs *const args = &state->args;
    struct IODMAReach reach;

    if (!args->fMapped) {
        return IOMemoryDescriptor_segment(self, args->fOffset, kIOMemoryMapperNone, segment);
    }
    reach = IOMemoryDescriptor_reach(self, args->fOffset, args->fOffset + 1);
    if ((reach.some & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (args->fMappedBase == 0) {
        return IOMemoryDescriptor_deviceSegment(self, args->fOffset, segment);
    }
    if ((reach.some & kIOMemoryHostOnly) != 0) {
        return kIOReturnNotPermitted; /* no mapping shows it */
    }
    return walk_mapping(self, state, first, segment);
}

static IOReturn walk_segment(IOMemoryDescriptor *self, struct walk_state *state, bool first)
{
    IOMDDMAWalkSegmentArgs *const args = &state->args;
    IOPhysicalSegment segment = {0};
    IOReturn status;

    /* The end is where every walk arrives; behind it is only who has lost its place. */
    if (args->fOffset >= self->length) {
        status = args->fOffset == self->length ? kIOReturnOverrun : kIOReturnInternalError;
    } else {
        status = find_segment(self, state, first, &segment);
    }
    if (status != kIOReturnSuccess) {
        segment = (IOPhysicalSegment){0};
    }
    args->fIOVMAddr = segment.location;
    args->fLength = segment.length;
    args->fOffset += segment.length;
    return status;
}

/* The state's bytes need not be aligned. */
static IOReturn walk(IOMemoryDescriptor *self, void *bytes, bool first)
{
    struct walk_state state;
    IOReturn status;

    memcpy(&state, bytes, sizeof(state));
    status = walk_segment(self, &state, first);
    memcpy(bytes, &state, sizeof(state));
    return status;
}

IOReturn descriptor_dma_command_operation(IOMemoryDescriptor *self, DMACommandOps op, void *vData,
                                          UInt dataSize)
{
    switch (op) {
    case kIOMDWalkSegments:
    case kIOMDFirstSegment:
        /*
         * Sizes first: a client built against a shorter structure must not have its stack written
         * over.
         */
        if (dataSize < sizeof(IOMDDMAWalkSegmentState)) {
            return kIOReturnUnderrun;
        }
        return vData == NULL ? kIOReturnBadArgument : walk(self, vData, op == kIOMDFirstSegment);
    case kIOMDGetCharacteristics:
    case kIOMDGetCharacteristicsMapped:
        if (dataSize < sizeof(IOMDDMACharacteristics)) {
            return kIOReturnUnderrun;
        }
        if (vData == NULL) {
            return kIOReturnBadArgument;
        }
        IOMemoryDescriptor_methods(self)->getCharacteristics(self, 0, self->length, vData);
        return kIOReturnSuccess;
    case kIOMDSetDMAActive:
    case kIOMDSetDMAInactive:
        return IOMemoryDescriptor_methods(self)->setDMAActive(self, op == kIOMDSetDMAActive);
    case kIOMDAddDMAMapSpec:
        if (dataSize < sizeof(IODMAMapSpecification)) {
            return kIOReturnUnderrun;
        }
        return vData == NULL ? kIOReturnBadArgument : descriptor_add_dma_map_spec(self, vData);
    case kIOMDDMAMap:
    case kIOMDDMAUnmap:
        if (dataSize < sizeof(IOMDDMAMapArgs)) {
            return kIOReturnUnderrun;
        }
        if (vData == NULL) {
            return kIOReturnBadArgument;
        }
        return op == kIOMDDMAMap ? descriptor_dma_map(self, vData)
                                 : descriptor_dma_unmap(self, vData);
    default:
        return kIOReturnBadArgument;
    }
}

IOReturn IOMemoryDescriptor_dmaCommandOperation(IOMemoryDescriptorConstRef self, DMACommandOps op,
                                                void *vData, UInt dataSize)
{
    IOMemoryDescriptor *descriptor = (IOMemoryDescriptor *)self.descriptor;

    if (descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    return IOMemoryDescriptor_methods(descriptor)
        ->dmaCommandOperation(descriptor, op, vData, dataSize);
}
