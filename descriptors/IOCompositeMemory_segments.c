/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the bytes of a composite are: in which part, and there. */
#include "descriptors/IOCompositeMemory_private.h"

/* The part that holds `offset`, which is less than the length. O(log count). */
static const struct IOMemoryPart *find_part(const struct IOCompositeMemory *self,
                                            IOByteCount offset)
{
    UInt32 low = 0, high = self->count - 1;

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
static IOByteCount part_begin(const struct IOCompositeMemory *self, const struct IOMemoryPart *part)
{
    return part == self->parts ? 0 : part[-1].end;
}

addr64_t composite_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                        IOByteCount *length, IOOptionBits options)
{
    const struct IOCompositeMemory *self = composite_of(base);
    const struct IOMemoryPart *part = find_part(self, offset);
    const IOByteCount inside = part->start + (offset - part_begin(self, part));
    addr64_t address;

    if (inside >= part->memory->length) { /* it has shrunk */
        *length = 0;
        IOMemory_fail(kIOReturnUnderrun);
        return 0;
    }
    address = IOMemoryDescriptor_getPhysicalSegment(part->memory, inside, length, options);
    if (*length > part->end - offset) {
        *length = part->end - offset;
    }
    return address;
}

IOReturn composite_walk(IOMemoryDescriptor *base, struct IOSegmentSink *sink, IOByteCount offset,
                        IOByteCount end)
{
    const struct IOCompositeMemory *self = composite_of(base);
    const struct IOMemoryPart *part = find_part(self, offset);
    IOByteCount begin = part_begin(self, part);

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
    const struct IOMemoryPart *part;

    if (offset >= end) {
        return;
    }
    for (part = find_part(self, offset); offset < end; part++) {
        const IOByteCount stop = part->end < end ? part->end : end;
        const IOByteCount from = part->start + (offset - part_begin(self, part));
        const IOByteCount to = from + (stop - offset);
        const IOByteCount there = to < part->memory->length ? to : part->memory->length;

        if (from < there) {
            IOMemoryDescriptor_methods(part->memory)
                ->addDMAMapSize(part->memory, from, there, size);
        }
        offset = stop;
    }
}
