/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one device can be told about memory, as pure arithmetic: no object, no memory,
 * no state. A DMA command plans and generates with it, and a driver may ask it about a
 * list that came from elsewhere.
 *
 * Limits are kept as distances to the last byte and as masks, so that no sum can wrap:
 * a segment of length n at address a ends at a + (n - 1). "First" means the segment that
 * carries byte 0 of a transfer, wherever a walk began.
 *
 * Any context.
 */
#ifndef DESCRIPTORS_IODMALIMITS_H
#define DESCRIPTORS_IODMALIMITS_H

#include "descriptors/IOReturn.h"

/* A device's rules for a list of segments; alignments as masks. What a specification comes to. */
struct IODMALimits {
    uint64_t highest;    /* highest address of a byte */
    uint64_t longest;    /* bytes of a segment, at least 1; UINT64_MAX: no limit */
    uint64_t transfer;   /* bytes of a whole transfer; UINT64_MAX: no limit */
    uint64_t firstMask;  /* alignment of the first segment's address, less one */
    uint64_t startMask;  /* alignment of every other segment's address, less one */
    uint64_t lengthMask; /* every length is a multiple of this plus one */
    uint64_t endMask;    /* the end of every segment but the last is a multiple of this plus one */
    uint64_t boundaryMask; /* no segment crosses a multiple of this plus one; UINT64_MAX: none */
};

/* No limits at all. */
#define IODMALIMITS_NONE                                                                           \
    ((struct IODMALimits){.highest = UINT64_MAX,                                                   \
                          .longest = UINT64_MAX,                                                   \
                          .transfer = UINT64_MAX,                                                  \
                          .boundaryMask = UINT64_MAX})

/* True if a run of memory below the highest address is as good as any other: only length cuts it.
 */
static inline bool IODMALimits_isPlain(const struct IODMALimits *limits)
{
    return (limits->firstMask | limits->startMask | limits->lengthMask | limits->endMask) == 0 &&
           limits->boundaryMask == UINT64_MAX;
}

/* The largest of the alignments, in bytes: memory placed on its multiples suits every rule. */
static inline uint64_t IODMALimits_unit(const struct IODMALimits *limits)
{
    return (limits->firstMask | limits->startMask | limits->lengthMask | limits->endMask) + 1;
}

/*
 * The longest legal segment at the beginning of a run: `left` bytes (not 0) from
 * `address` on, which do not wrap; `more`: bytes at other addresses follow the run.
 * An interior cut leaves an address at which the next segment may begin.
 *
 * kIOReturnMessageTooLarge: the first byte lies above the highest address;
 * kIOReturnNotAligned: no length obeys; *length is written on success only.
 */
IOReturn IODMALimits_segment(const struct IODMALimits *limits, uint64_t address, uint64_t left,
                             bool first, bool more, uint64_t *length);

/*
 * How many bytes from the beginning of a run legal segments can cover, given that memory
 * placed to suit may follow them; 0: the first byte already offends. Equals `left` if
 * the run is legal to its end.
 */
uint64_t IODMALimits_cover(const struct IODMALimits *limits, uint64_t address, uint64_t left,
                           bool first, bool more);

/*
 * Does a list obey? It covers a transfer from byte 0 (`whole`: to its last). On a breach
 * *index (may be NULL) is the entry's: kIOReturnMessageTooLarge: an address, a length or the
 * sum is too large; kIOReturnNotAligned: an alignment, an end or the boundary;
 * kIOReturnBadArgument: an empty or wrapping entry.
 */
IOReturn IODMALimits_check(const struct IODMALimits *limits, const IOPhysicalSegment *segments,
                           UInt32 count, bool whole, UInt32 *index);

#endif
