/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a walk over a descriptor delivers its pieces, in order. The sink joins
 * pieces that continue each other, cuts what is longer than an entry may be, and
 * calls the output function once an entry, with final values.
 *
 * It is inline on purpose: a descriptor walks all of its runs in one virtual
 * call, and between a run and the output function there is no further call.
 */
#ifndef DESCRIPTORS_IOSEGMENTSINK_H
#define DESCRIPTORS_IOSEGMENTSINK_H

#include "descriptors/IOReturn.h"

typedef void IOSegmentOutput(IOPhysicalSegment segment, void *segments, UInt32 segmentIndex);

struct memory_runs;
struct IOSegmentSink;

/*
 * Take bytes [offset, end) of these runs, which is all that the walk will deliver. False: put them
 * in one after the other, as any others.
 */
typedef bool IOSegmentTakeRuns(struct IOSegmentSink *sink, const struct memory_runs *runs,
                               uint64_t offset, uint64_t end);

struct IOSegmentSink {
    /* Set by whoever wants the segments; constant during a walk. */
    IOSegmentOutput *output;
    IOSegmentTakeRuns *takeRuns; /* for who can do with whole runs better than by output; or NULL */
    void *segments;              /* for output */
    IOOptionBits view;           /* IOSEGMENT_... */
    UInt32 maxSegments;          /* entries, not zero */
    uint64_t maxSegment;         /* bytes of an entry, not zero; UINT64_MAX: no limit */
    uint64_t cut;                /* maxSegment rounded down to the alignment */
    uint64_t alignmentMask;      /* alignment of an entry's address, less one */

    /* The walk's. */
    UInt32 index;      /* entries put out */
    uint64_t produced; /* bytes in them */
    uint64_t address;  /* the run that is being collected, as far as it is not put out */
    uint64_t length;   /* its bytes; 0: there is none */
    IOReturn status;   /* kIOReturnNotAligned: a run starts at a misaligned address */
};

/* Whose addresses, and what for: 0 is for a device behind the system mapper. */
#define IOSEGMENT_HOST  0x1u /* host physical addresses */
#define IOSEGMENT_CPU   0x2u /* the CPU will use them: not remote memory */
#define IOSEGMENT_STORE 0x4u /* the CPU will write: the preparation must allow it */
#define IOSEGMENT_READ  (IOSEGMENT_HOST | IOSEGMENT_CPU)
#define IOSEGMENT_WRITE (IOSEGMENT_READ | IOSEGMENT_STORE)

/* Before the first piece: nothing is put out, nothing is collected. */
static inline void IOSegmentSink_begin(struct IOSegmentSink *sink)
{
    sink->index = 0;
    sink->produced = 0;
    sink->length = 0;
    sink->status = kIOReturnSuccess;
}

/* Nothing more is wanted. */
static inline bool IOSegmentSink_isFull(const struct IOSegmentSink *sink)
{
    return sink->index == sink->maxSegments || sink->status != kIOReturnSuccess;
}

/* Put out the first `length` bytes of the collected run. False when the sink is full. */
static inline __attribute__((always_inline)) bool IOSegmentSink_emit(struct IOSegmentSink *sink,
                                                                     uint64_t length)
{
    const IOPhysicalSegment segment = {sink->address, length};

    sink->output(segment, sink->segments, sink->index);
    sink->address += length;
    sink->length -= length;
    sink->produced += length;
    return ++sink->index < sink->maxSegments;
}

/*
 * Put out what of a run cannot be part of its last entry, while there is room: the
 * run, as `address` and `length`, becomes what is left of it. Returns the new index.
 */
static inline __attribute__((always_inline)) UInt32 IOSegmentSink_cut(
    const struct IOSegmentSink *sink, uint64_t *address, uint64_t *length, UInt32 index)
{
    IOSegmentOutput *const output = sink->output;
    void *const segments = sink->segments;
    const uint64_t cut = sink->cut;
    const uint64_t cuts = (*length - sink->maxSegment - 1) / cut + 1;
    const UInt32 room = sink->maxSegments - index;
    const UInt32 stop = cuts < room ? index + (UInt32)cuts : sink->maxSegments;
    uint64_t at = *address;

    for (; index != stop; index++) {
        const IOPhysicalSegment segment = {at, cut};

        output(segment, segments, index);
        at += cut;
    }
    *length -= at - *address;
    *address = at;
    return index;
}

/* The same for the collected run. False when that fills the sink. */
static inline bool IOSegmentSink_trim(struct IOSegmentSink *sink)
{
    const uint64_t before = sink->length;

    if (before <= sink->maxSegment) {
        return true;
    }
    sink->index = IOSegmentSink_cut(sink, &sink->address, &sink->length, sink->index);
    sink->produced += before - sink->length;
    return sink->index < sink->maxSegments;
}

/*
 * The next piece, not empty. False when no more is wanted: the sink is full, or
 * status says what is wrong.
 */
static inline __attribute__((always_inline)) bool IOSegmentSink_put(struct IOSegmentSink *sink,
                                                                    uint64_t address,
                                                                    uint64_t length)
{
    if (sink->length != 0) {
        /* At address 0 nothing is continued: the top of memory is not before it. */
        if (sink->address + sink->length == address && address != 0) {
            sink->length += length;
            return IOSegmentSink_trim(sink);
        }
        if (!IOSegmentSink_emit(sink, sink->length)) {
            return false;
        }
    }
    if ((address & sink->alignmentMask) != 0) {
        sink->status = kIOReturnNotAligned;
        return false;
    }
    sink->address = address;
    sink->length = length;
    return IOSegmentSink_trim(sink);
}

/* The walk is over: what was collected is an entry, if there is room for it. */
static inline void IOSegmentSink_finish(struct IOSegmentSink *sink)
{
    if (sink->length != 0 && sink->index < sink->maxSegments) {
        IOSegmentSink_emit(sink, sink->length);
    }
}

#endif
