/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the bytes of a composite are: in which part, and there. */
#include "descriptors/composite/IOCompositeMemory_private.h"
#include "descriptors/segments/IOSegmentSink.h"

IOReturn composite_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                        IOOptionBits options, IOPhysicalSegment *segment)
{
    const struct IOCompositeMemory *self = composite_of(base);
    const struct IOMemoryPart *part = composite_find(self, offset);
    const IOByteCount inside = part->start + (offset - composite_begin(self, part));
    IOReturn status;

    if (inside >= part->memory->length) { /* it has shrunk */
        return kIOReturnUnderrun;
    }
    status = IOMemoryDescriptor_segment(part->memory, inside, options, segment);
    /* The part's memory may go on behind the window, and that is not the composite's. */
    if (status == kIOReturnSuccess && segment->length > part->end - offset) {
        segment->length = part->end - offset;
    }
    return status;
}

/*
 * All parts put into one sink, so that runs which continue each other across parts become one
 * segment. A part that has been shortened since (a buffer's length can be) is walked as far as it
 * goes: the caller learns how much, and why no more.
 */
IOReturn composite_walk(IOMemoryDescriptor *base, struct IOSegmentSink *sink, IOByteCount offset,
                        IOByteCount end)
{
    const struct IOCompositeMemory *self = composite_of(base);
    const struct IOMemoryPart *part = composite_find(self, offset);
    IOByteCount begin = composite_begin(self, part);

    for (; offset < end; part++) {
        IOMemoryDescriptor *const memory = part->memory;
        const IOByteCount stop = part->end < end ? part->end : end;
        const IOByteCount from = part->start + (offset - begin);
        const IOByteCount to = part->start + (stop - begin);
        const IOByteCount there = to < memory->length ? to : memory->length;

        if (from < there) {
            const IOReturn status =
                IOMemoryDescriptor_methods(memory)->walk(memory, sink, from, there);

            if (status != kIOReturnSuccess || IOSegmentSink_isFull(sink)) {
                return status;
            }
        }
        if (there < to) {
            return kIOReturnUnderrun; /* it has shrunk since */
        }
        offset = stop;
        begin = stop;
    }
    return kIOReturnSuccess;
}

void composite_add_dma_map_size(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                                struct IODMAMapSize *size)
{
    const struct IOCompositeMemory *self = composite_of(base);

    if (offset >= end) {
        return;
    }
    for (const struct IOMemoryPart *part = composite_find(self, offset); offset < end; part++) {
        const IOByteCount stop = part->end < end ? part->end : end;
        const IOByteCount from = part->start + (offset - composite_begin(self, part));
        /*
         * As far as the part goes today: sizes are a plan, and the walk will say what is missing.
         */
        const IOByteCount to = from + (stop - offset);
        const IOByteCount there = to < part->memory->length ? to : part->memory->length;

        if (from < there) {
            IOMemoryDescriptor_methods(part->memory)
                ->addDMAMapSize(part->memory, from, there, size);
        }
        offset = stop;
    }
}
