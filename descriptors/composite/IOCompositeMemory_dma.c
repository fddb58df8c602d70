/* SPDX-License-Identifier: BSD-2-Clause */
/* The DMA protocol of a composite: sums over its parts, marks on each of them. */
#include "descriptors/composite/IOCompositeMemory_private.h"

/* What a part shows in [offset, end) of the composite; false: nothing. */
static bool part_interval(const struct IOCompositeMemory *self, const struct IOMemoryPart *part,
                          IOByteCount offset, IOByteCount end, IOByteCount *from, IOByteCount *to)
{
    const IOByteCount begin = composite_begin(self, part);
    const IOByteCount low = offset > begin ? offset : begin;
    const IOByteCount high = end < part->end ? end : part->end;

    if (low >= high) {
        return false;
    }
    *from = part->start + (low - begin);
    *to = part->start + (high - begin);
    /* Asked again and not remembered: a buffer's length can be set at any time. */
    *to = *to < part->memory->length ? *to : part->memory->length; /* it may have shrunk */
    return *from < *to;
}

void composite_get_characteristics(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                                   IOMDDMACharacteristics *out)
{
    const struct IOCompositeMemory *self = composite_of(base);
    UInt32 shown = 0;

    descriptor_get_characteristics(base, offset, end, out);
    /* By the parts and not by the own count: each of them can be prepared or completed alone. */
    out->fIsPrepared = true;
    for (UInt32 i = 0; i < self->count; i++) {
        IOMemoryDescriptor *memory = self->parts[i].memory;
        IOMDDMACharacteristics part;
        IOByteCount from = 0, to = 0;
        const bool any = part_interval(self, &self->parts[i], offset, end, &from, &to);

        IOMemoryDescriptor_methods(memory)->getCharacteristics(memory, from, to, &part);
        out->fIsPrepared &= part.fIsPrepared;
        if (!any) {
            continue;
        }
        IODMA_count(&out->fSGCount, part.fSGCount);
        IODMA_count(&out->fPages, part.fPages);
        out->fPageAlign = shown++ == 0 ? part.fPageAlign : 0; /* of one run only */
        if (part.fHighestPage > out->fHighestPage) {
            out->fHighestPage = part.fHighestPage;
        }
    }
    /* The highest page of some parts would pass for that of all. */
    if (!out->fIsPrepared) {
        out->fHighestPage = 0;
        out->fPageAlign = 0;
    }
}

IOReturn composite_set_dma_active(IOMemoryDescriptor *base, bool active)
{
    struct IOCompositeMemory *self = composite_of(base);
    /* On the whole and on every part: each of them can be completed alone, and must refuse. */
    IOReturn status = descriptor_set_dma_active(base, active);
    UInt32 i;

    if (status != kIOReturnSuccess) {
        return status;
    }
    for (i = 0; i < self->count; i++) {
        IOMemoryDescriptor *memory = self->parts[i].memory;

        status = IOMemoryDescriptor_methods(memory)->setDMAActive(memory, active);
        if (status != kIOReturnSuccess) {
            break;
        }
    }
    if (status == kIOReturnSuccess) {
        if (!active && !platform_in_interrupt()) {
            IOMemoryDescriptor_settle(base); /* now that no part is active any more */
        }
        return status;
    }
    /* Those before the failing one, so that each mark has one that takes it back. */
    while (i-- > 0) {
        IOMemoryDescriptor *memory = self->parts[i].memory;

        IOMemoryDescriptor_methods(memory)->setDMAActive(memory, !active);
    }
    descriptor_set_dma_active(base, !active);
    return status;
}

void composite_add_reach(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                         struct IODMAReach *reach)
{
    const struct IOCompositeMemory *self = composite_of(base);

    if (offset >= end) {
        return;
    }
    for (const struct IOMemoryPart *part = composite_find(self, offset); offset < end; part++) {
        const IOByteCount stop = part->end < end ? part->end : end;
        const IOByteCount from = part->start + (offset - composite_begin(self, part));

        const IOByteCount to = from + (stop - offset);
        const IOByteCount there = to < part->memory->length ? to : part->memory->length;

        if (from < there) { /* it may have shrunk */
            IOMemoryDescriptor_methods(part->memory)->addReach(part->memory, from, there, reach);
        }
        offset = stop;
    }
}
