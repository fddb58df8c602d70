/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the bytes of a general descriptor are. */
#include "descriptors/IOGeneralMemoryDescriptor_private.h"

addr64_t general_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                      IOByteCount *length, IOOptionBits options)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);
    const struct IOMemoryRuns *runs =
        (options & _kIOMemorySourceSegment) != 0 ? &self->source : self->resident;
    const struct IOMemoryRun *run;
    uint64_t end;

    if (runs == NULL) {
        *length = 0;
        IOMemory_fail(kIOReturnNotReady);
        return 0;
    }
    run = IOMemoryRuns_find(runs, offset);
    end = run->end < base->length ? run->end : base->length;
    *length = end - offset;
    return run->address + (offset - IOMemoryRuns_start(runs, run));
}

/*
 * Whole runs, when none of them can be too long or misaligned for the sink. Runs
 * do not continue each other, so each begins a new segment and the one before it
 * is final: no joining, no cutting, one store of the state at the end.
 * *offset is where `run` begins; what is collected in the sink comes before it.
 */
static const struct IOMemoryRun *walk_whole_runs(struct IOSegmentSink *sink,
                                                 const struct IOMemoryRun *run,
                                                 const struct IOMemoryRun *stop, uint64_t *offset)
{
    IOSegmentOutput *const output = sink->output;
    void *const segments = sink->segments;
    const uint64_t first = *offset - sink->length;
    uint64_t address = sink->address, length = sink->length, at = *offset;
    UInt32 index = sink->index;

    while (run != stop) {
        output((IOPhysicalSegment){address, length}, segments, index++);
        address = run->address;
        length = run->end - at;
        at = run->end;
        run++;
    }
    sink->produced += at - length - first;
    sink->index = index;
    sink->address = address;
    sink->length = length;
    *offset = at;
    return run;
}

static void walk_runs(const struct IOMemoryRuns *runs, struct IOSegmentSink *sink, uint64_t offset,
                      uint64_t end)
{
    const struct IOMemoryRun *run = IOMemoryRuns_find(runs, offset);
    const uint64_t begin = offset - IOMemoryRuns_start(runs, run);
    const struct IOMemoryRun *last;

    /* The first piece may continue what another descriptor delivered. */
    if (end <= run->end) {
        IOSegmentSink_put(sink, run->address + begin, end - offset);
        return;
    }
    if (!IOSegmentSink_put(sink, run->address + begin, run->end - offset)) {
        return;
    }
    offset = run->end;
    run++;
    last = end == runs->length ? &runs->list[runs->count - 1] : IOMemoryRuns_find(runs, end - 1);
    if (runs->longest <= sink->maxSegment && sink->alignmentMask == 0) {
        const UInt32 room = sink->maxSegments - sink->index; /* at least 1; one is collected */

        run = walk_whole_runs(sink, run, (size_t)(last - run) < room ? last : run + room, &offset);
        if (sink->index == sink->maxSegments) {
            return;
        }
    }
    for (; run != last; run++) {
        if (!IOSegmentSink_put(sink, run->address, run->end - offset)) {
            return;
        }
        offset = run->end;
    }
    IOSegmentSink_put(sink, run->address, end - offset);
}

IOReturn general_walk(IOMemoryDescriptor *base, struct IOSegmentSink *sink, IOByteCount offset,
                      IOByteCount end)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);

    if ((sink->view & IOSEGMENT_CPU) != 0) {
        if ((base->flags & kIOMemoryRemote) != 0) {
            return kIOReturnNotAttached;
        }
        if ((sink->view & IOSEGMENT_STORE) != 0 && (base->flags & kIOMemoryPreparedReadOnly) != 0) {
            return kIOReturnNotWritable;
        }
    }
    if (self->resident == NULL) {
        return kIOReturnNotReady;
    }
    walk_runs(self->resident, sink, offset, end);
    return kIOReturnSuccess;
}

void general_add_dma_map_size(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                              struct IODMAMapSize *size)
{
    const struct IOMemoryRuns *runs = &general_of(base)->source;
    const struct IOMemoryRun *run;

    if (offset >= end) {
        return;
    }
    for (run = IOMemoryRuns_find(runs, offset); offset < end; run++) {
        const uint64_t stop = run->end < end ? run->end : end;

        IODMAMapSize_add(size, run->address + (offset - IOMemoryRuns_start(runs, run)),
                         stop - offset);
        offset = stop;
    }
}

void general_get_characteristics(IOMemoryDescriptor *base, IOMDDMACharacteristics *out)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);

    descriptor_get_characteristics(base, out);
    out->fSGCount = self->rangeCount;
    out->fPages = (UInt32)self->rangePages;
    out->fIsPrepared = self->resident != NULL;
    if (self->resident == NULL || self->resident->count == 0) {
        return;
    }
    out->fHighestPage = (ppnum_t)self->highestPage;
    if (self->resident->count == 1) {
        out->fPageAlign = (UInt32)((self->resident->list[0].address & PAGE_MASK) | ~PAGE_MASK);
    }
}
