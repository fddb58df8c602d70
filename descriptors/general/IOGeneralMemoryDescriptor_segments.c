/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the bytes of a general descriptor are. */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMapper.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/segments/IOSegmentSink.h"

bool general_is_led_by_mapper(const IOMemoryDescriptor *base)
{
    return IOMemoryDescriptor_isForDevice(base) && IOMapper_systemMapper() != NULL;
}

/* From an I/O address to a host address, as far as that goes on there. */
static IOReturn translate_back(IOPhysicalSegment *segment)
{
    uint64_t there, length;
    const IOReturn status =
        IOMapper_translate(IOMapper_systemMapper(), segment->location, 0, &there, &length);

    if (status == kIOReturnSuccess) {
        segment->location = there;
        segment->length = length < segment->length ? length : segment->length;
    }
    return status;
}

IOReturn general_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                      IOOptionBits options, IOPhysicalSegment *segment)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);
    /*
     * Who reckons with page offsets and lengths asks for the source, which is there before a
     * prepare.
     */
    const struct memory_runs *runs =
        (options & _kIOMemorySourceSegment) != 0 ? &self->source : self->resident;
    const struct memory_run *run;
    uint64_t end;

    if (runs == NULL) {
        return kIOReturnNotReady;
    }
    run = IOMemoryRuns_find(runs, offset);
    /* A buffer's length can be set below its capacity: the run is longer than what is described. */
    end = run->end < base->length ? run->end : base->length;
    segment->location = run->address + (offset - IOMemoryRuns_start(runs, run));
    segment->length = end - offset;
    return (options & kIOMemoryMapperNone) != 0 && general_leads_elsewhere(base)
               ? translate_back(segment)
               : kIOReturnSuccess;
}

/*
 * Put out all but the last run of bytes [offset, end), whole, while there is room,
 * and collect the next. For a sink that has no reason to cut or to refuse one; runs
 * do not continue each other, so each is final when the next begins. `run` is the
 * one that begins at `offset`; what is collected comes before it.
 */
static __attribute__((noinline)) void walk_whole_runs(struct IOSegmentSink *sink,
                                                      const struct memory_run *run, uint64_t offset,
                                                      uint64_t end)
{
    IOSegmentOutput *const output = sink->output;
    void *const segments = sink->segments;
    const uint64_t first = offset - sink->length;
    const UInt32 stop = sink->maxSegments;
    uint64_t address = sink->address, length = sink->length;
    UInt32 index = sink->index;

    do {
        output((IOPhysicalSegment){address, length}, segments, index++);
        address = run->address;
        length = run->end - offset;
        offset = run->end;
        run++;
    } while (offset < end && index != stop);
    /*
     * The last run may go on behind what is asked for. Cut once, after the loop: inside, each run
     * would pay for the question.
     */
    if (offset > end) {
        length -= offset - end;
        offset = end;
    }
    sink->produced += offset - length - first;
    sink->index = index;
    sink->address = address;
    sink->length = length;
}

/*
 * The same where runs may have to be cut, at any byte: all but what may be part of
 * the last entry is put out. The collected run is not longer than an entry.
 */
static __attribute__((noinline)) void walk_cut_runs(struct IOSegmentSink *sink,
                                                    const struct memory_run *run, uint64_t offset,
                                                    uint64_t end)
{
    IOSegmentOutput *const output = sink->output;
    void *const segments = sink->segments;
    const uint64_t first = offset - sink->length, most = sink->maxSegment;
    const UInt32 stop = sink->maxSegments;
    uint64_t address = sink->address, length = sink->length;
    UInt32 index = sink->index;

    do {
        output((IOPhysicalSegment){address, length}, segments, index++);
        address = run->address;
        length = (run->end < end ? run->end : end) - offset;
        offset += length;
        run++;
        while (length > most && index != stop) {
            output((IOPhysicalSegment){address, most}, segments, index++);
            address += most;
            length -= most;
        }
    } while (offset < end && index != stop);
    sink->produced += offset - length - first;
    sink->index = index;
    sink->address = address;
    sink->length = length;
}

/* The same where a run may be misaligned. */
static void walk_aligned_runs(struct IOSegmentSink *sink, const struct memory_run *run,
                              uint64_t offset, uint64_t end)
{
    for (; offset < end; run++) {
        const uint64_t stop = run->end < end ? run->end : end;

        if (!IOSegmentSink_put(sink, run->address, stop - offset)) {
            return;
        }
        offset = stop;
    }
}

static void walk_runs(const struct memory_runs *runs, struct IOSegmentSink *sink, uint64_t offset,
                      uint64_t end)
{
    const struct memory_run *run = IOMemoryRuns_find(runs, offset);
    const uint64_t begin = offset - IOMemoryRuns_start(runs, run);
    const uint64_t stop = run->end < end ? run->end : end;

    IOASSERT(offset < end && end <= runs->length);
    /* The first piece may continue what another descriptor delivered. */
    if (!IOSegmentSink_put(sink, run->address + begin, stop - offset) || stop == end) {
        return;
    }
    run++;
    /*
     * Chosen once a walk, so that the loops over runs hold no question whose answer is the same
     * for all of them.
     */
    if (sink->alignmentMask != 0) {
        walk_aligned_runs(sink, run, stop, end);
    } else if (runs->longest > sink->maxSegment) {
        walk_cut_runs(sink, run, stop, end);
    } else {
        walk_whole_runs(sink, run, stop, end);
    }
}

/*
 * The CPU is judged apart from devices: it cannot reach another processor's memory, and a store of
 * its own to pages pinned for reading would show in whoever shares them.
 */
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
    if ((sink->view & IOSEGMENT_HOST) != 0 && general_leads_elsewhere(base)) {
        return descriptor_walk(base, sink, offset, end);
    }
    if (sink->takeRuns == NULL || !sink->takeRuns(sink, self->resident, offset, end)) {
        walk_runs(self->resident, sink, offset, end);
    }
    return kIOReturnSuccess;
}

void general_add_dma_map_size(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                              struct IODMAMapSize *size)
{
    /*
     * The source, since the size is asked for before the prepare; pinning changes which pages there
     * are, but neither page offsets nor how many.
     */
    const struct memory_runs *runs = &general_of(base)->source;

    if (offset >= end) {
        return;
    }
    for (const struct memory_run *run = IOMemoryRuns_find(runs, offset); offset < end; run++) {
        const uint64_t stop = run->end < end ? run->end : end;

        IODMAMapSize_add(size, run->address + (offset - IOMemoryRuns_start(runs, run)),
                         stop - offset);
        offset = stop;
    }
}

/* Ranges and their pages, each range counted alone, as far as they lie in [offset, end). */
static void count_ranges(const IOGeneralMemoryDescriptor *self, uint64_t offset, uint64_t end,
                         IOMDDMACharacteristics *out)
{
    uint64_t begin = 0;

    for (UInt32 i = 0; i < self->rangeCount && begin < end; i++) {
        const IOAddressRange *range = &self->ranges[i];
        const uint64_t stop = range->length < end - begin ? range->length : end - begin;
        const uint64_t skip = offset > begin ? offset - begin : 0;

        if (skip < stop) {
            IODMA_count(&out->fSGCount, 1);
            IODMA_count(&out->fPages,
                        atop(round_page(range->address + stop)) - atop(range->address + skip));
        }
        begin += range->length;
    }
}

/* Where the bytes are now. */
static void describe_runs(const struct memory_runs *runs, uint64_t offset, uint64_t end,
                          IOMDDMACharacteristics *out)
{
    const struct memory_run *const first = IOMemoryRuns_find(runs, offset);
    uint64_t highest = 0;

    for (const struct memory_run *run = first; offset < end; run++) {
        const uint64_t stop = run->end < end ? run->end : end;
        const uint64_t address = run->address + (offset - IOMemoryRuns_start(runs, run));
        const uint64_t last = address + (stop - offset) - 1;

        highest = last > highest ? last : highest;
        if (run == first && stop == end) {
            out->fPageAlign = (UInt32)((address & PAGE_MASK) | ~PAGE_MASK);
        }
        offset = stop;
    }
    out->fHighestPage = (ppnum_t)atop(highest);
}

void general_get_characteristics(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                                 IOMDDMACharacteristics *out)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);
    const bool whole = offset == 0 && end == base->length && self->source.length == end;

    descriptor_get_characteristics(base, offset, end, out);
    out->fIsPrepared = self->resident != NULL;
    if (whole) { /* known since the ranges were judged */
        out->fSGCount = self->rangeCount;
        IODMA_count(&out->fPages, self->rangePages);
    } else {
        count_ranges(self, offset, end, out);
    }
    if (self->resident == NULL || offset == end) {
        return;
    }
    /*
     * Said of resident memory only: a client decides by it whether it needs low copies, and an
     * unprepared descriptor may get any page.
     */
    if (!whole) {
        describe_runs(self->resident, offset, end, out);
        return;
    }
    out->fHighestPage = (ppnum_t)general_highest_page(self);
    if (self->resident->count == 1) {
        out->fPageAlign = (UInt32)((self->resident->list[0].address & PAGE_MASK) | ~PAGE_MASK);
    }
}

IODMAMapSpecification *general_map_specification(IOMemoryDescriptor *base)
{
    return &general_of(base)->mapSpec;
}

/* A mapper that is handed the pages need not ask for them one by one. */
upl_page_info_t *general_copy_page_list(IOMemoryDescriptor *base, uint64_t offset, uint64_t length,
                                        IODMAMapPageList *list)
{
    const IOGeneralMemoryDescriptor *self = general_of(base);
    const struct memory_run *run = self->wired.list;
    upl_page_info_t *pages;
    uint64_t skip, count;

    /*
     * The list has one offset for its first page only, so it can say one whole range and no
     * more.
     */
    (void)offset; /* 0, where the length is that of all */
    if (self->wired.count == 0 || self->source.count != 1 || length != base->length) {
        return NULL;
    }
    /* A buffer may have more pages pinned than its length needs. */
    skip = self->source.list[0].address & PAGE_MASK;
    count = atop(round_page(skip + length));
    /* The caller's to free. No room is no failure: the mapper asks page by page then. */
    pages = platform_alloc(count * sizeof(*pages));
    if (pages == NULL) {
        return NULL;
    }
    /* Runs of one range end where pages end. */
    for (uint64_t i = 0; i < count; run++) {
        const uint64_t stop = atop(round_page(skip + run->end));
        uint64_t page = atop(run->address);

        for (; i < stop && i < count; i++) {
            pages[i].phys_addr = (ppnum_t)page++;
        }
    }
    *list = (IODMAMapPageList){
        .pageOffset = (uint32_t)skip,
        .pageListCount = (uint32_t)count,
        .pageList = pages,
    };
    return pages;
}
