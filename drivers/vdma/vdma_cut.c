/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sides of a part: from a command's list into a chain, and where both lists may be cut.
 *
 * A part may end, and the next one begin, inside a segment of a list: what is left of a segment is
 * a legal first one if its address is. So a walk of a list goes on at the segment's beginning, and
 * leaves out what is moved already.
 */
#include "drivers/vdma/vdma_private.h"

/* --- Out of a list ---------------------------------------------------------------------------- */

struct output {
    struct virtq_segments to;
    uint64_t skip;        /* bytes of the first segment that are left out */
    uint64_t left;        /* bytes that are still wanted */
    uint64_t begin, last; /* in the preparation, of the next segment and of the last one */
};

static bool output_segment(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                           UInt32 index)
{
    struct output *out = context;
    uint64_t length = segment.fLength - out->skip;

    (void)target;
    /* Longer than a descriptor can say: options of the client's own may allow it. */
    if (out->left == 0 || segment.fLength > UINT32_MAX) {
        return false;
    }
    if (length > out->left) {
        length = out->left;
    }
    virtq_desc_store(out->to.first + index, segment.fIOVMAddr + out->skip,
                     length + out->to.rest + ((uint64_t)index << VIRTQ_REST_NEXT));
    out->last = out->begin;
    out->begin += segment.fLength;
    out->left -= length;
    out->skip = 0;
    return true;
}

/* What looks for the segment that a position lies in. */
struct search {
    uint64_t position, begin;
};

static bool look_for_segment(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                             UInt32 index)
{
    struct search *search = context;

    (void)target, (void)index;
    if (segment.fLength > search->position - search->begin) {
        return false;
    }
    search->begin += segment.fLength;
    return true;
}

/* A transfer may begin anywhere in a preparation; a walk, where its list has a segment. */
static void find_segment(struct vdma_place *place)
{
    struct search search = {place->position, 0};
    UInt64 offset = 0;
    UInt32 count = UINT32_MAX; /* more than any preparation has */

    IODMACommand_genIOVMSegmentsFunction(place->command, look_for_segment, &offset, &search,
                                         &count);
    place->segment = search.begin;
}

IOReturn vdma_add_side(struct virtq_chain *chain, const struct vdma_place *place, unsigned flags,
                       unsigned room, uint32_t *bytes, struct vdma_place *after)
{
    struct vdma_place from = *place;
    struct output out;
    UInt64 offset;
    UInt32 count;
    IOReturn status;

    for (bool again = false;; again = true) {
        out = (struct output){
            .skip = from.position - from.segment,
            .left = *bytes,
            .begin = from.segment,
        };
        offset = from.segment;
        count = room;
        virtq_chain_segments(chain, &out.to, flags);
        status = IODMACommand_genIOVMSegmentsFunction(from.command, output_segment, &offset, &out,
                                                      &count);
        if (status != kIOReturnNotAligned || again) {
            break;
        }
        find_segment(&from);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    *bytes -= (uint32_t)out.left;
    virtq_chain_filled(chain, count, *bytes);
    from.position += *bytes;
    from.segment = from.position == out.begin ? out.begin : out.last;
    *after = from;
    return kIOReturnSuccess;
}

/* --- Where to cut ----------------------------------------------------------------------------- */

static bool look_at_address(IODMACommand *target, IODMACommand_Segment64 segment, void *context,
                            UInt32 index)
{
    (void)target, (void)index;
    *(uint64_t *)context = segment.fIOVMAddr;
    return true;
}

/* By how much the byte at a place misses what a first segment must begin on. */
static uint64_t miss(const struct vdma_place *place)
{
    uint64_t address = 0;
    UInt64 offset = place->segment;
    UInt32 count = 1;

    if (IODMACommand_genIOVMSegmentsFunction(place->command, look_at_address, &offset, &address,
                                             &count) != kIOReturnSuccess) {
        return 0; /* why there is nothing is for the next part to say */
    }
    return (address + (place->position - place->segment)) & (vdma_state.can.limits.alignment - 1);
}

/* How far back the segment goes that a side would be cut in; no side: as far as one likes. */
static uint64_t behind(const struct vdma_place *place)
{
    return place->command == NULL ? UINT64_MAX : place->position - place->segment;
}

uint32_t vdma_cut(const struct vdma_place *source, const struct vdma_place *target, uint32_t bytes)
{
    const struct vdma_limits *limits = &vdma_state.can.limits;
    const uint64_t unit = limits->alignment_length > 1 ? limits->alignment_length : 1;
    uint64_t a, b, least, step;

    if (limits->alignment <= 1) {
        return bytes;
    }
    b = miss(target); /* what is cut has one */
    a = source->command != NULL ? miss(source) : b;
    if ((a | b) == 0) {
        return bytes;
    }
    least = behind(source) < behind(target) ? behind(source) : behind(target);
    if (least == 0) {
        step = unit; /* into the segment before, to see how far that goes */
    } else if (a == b && a <= least) {
        step = a;
    } else {
        step = least; /* nowhere in these two: they differ by the same everywhere */
    }
    return step < bytes ? (uint32_t)((bytes - step) & ~(unit - 1)) : 0;
}
