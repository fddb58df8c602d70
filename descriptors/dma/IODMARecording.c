/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording has of a transfer's memory: three lists by offset, and the limits. */
#include "descriptors/IODMARecording.h"

#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/platform_trace.h"

static unsigned log2_of(uint64_t mask)
{
    return mask == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~mask);
}

/* Runs of what the descriptor says with these options: virtual or physical. */
static void record_runs(const void *transfer, IOMemoryDescriptor *memory, uint64_t offset,
                        uint64_t length, IOOptionBits options)
{
    const uint64_t end = offset + length;
    uint64_t expected = 0;

    while (offset < end) {
        IOByteCount here = 0;
        const addr64_t address =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &here, options);

        if (here == 0) {
            return; /* nothing is known from here on */
        }
        if (address != expected || expected == 0) {
            if ((options & _kIOMemorySourceSegment) != 0) {
                PLATFORM_TRACE(dma_virtual, transfer, offset, address);
            } else {
                PLATFORM_TRACE(dma_physical, transfer, offset, address);
            }
        }
        expected = address + here;
        offset += here;
    }
}

void IODMARecording_memory(const void *transfer, IOMemoryDescriptor *memory, UInt64 offset,
                           UInt64 length)
{
    if (!platform_is_tracing()) {
        return;
    }
    if (memory == NULL || platform_in_interrupt()) {
        return;
    }
    record_runs(transfer, memory, offset, length, _kIOMemorySourceSegment);
    record_runs(transfer, memory, offset, length, kIOMemoryMapperNone);
}

static void record_bounced(const IODMACommand *self)
{
    uint64_t at = 0;

    for (size_t i = 0; i < self->bounce.count; i++) {
        const struct IODMAIsland *island = &self->bounce.islands[i];

        if (i != 0 && island->start != at) {
            PLATFORM_TRACE(dma_bounce, self, self->offset + at, 0);
        }
        PLATFORM_TRACE(dma_bounce, self, self->offset + island->start, island->address);
        at = island->end;
    }
    if (self->bounce.count != 0 && at < self->length) {
        PLATFORM_TRACE(dma_bounce, self, self->offset + at, 0);
    }
}

/* All of it is a copy. */
static void record_copy(const IODMACommand *self)
{
    for (uint64_t at = 0; at < self->length;) {
        IOByteCount here = 0;
        const addr64_t address =
            IOMemoryDescriptor_getPhysicalSegment(self->copy, at, &here, kIOMemoryMapperNone);

        if (here == 0) {
            return;
        }
        PLATFORM_TRACE(dma_bounce, self, self->offset + at, address);
        at += here;
    }
}

void IODMARecording_command(const IODMACommand *self)
{
    const struct IODMALimits *limits = &self->spec.limits;

    if (!platform_is_tracing()) {
        return;
    }
    if (self->active == 0 || platform_in_interrupt()) {
        return;
    }
    PLATFORM_TRACE(dma_limits, self, limits->highest,
                   log2_of(limits->firstMask) | log2_of(limits->startMask) << 8 |
                       log2_of(limits->lengthMask) << 16 | log2_of(limits->endMask) << 24);
    PLATFORM_TRACE(dma_cuts, self, limits->longest, limits->boundaryMask);
    IODMARecording_memory(self, self->memory, self->offset, self->length);
    if (self->copy != NULL) {
        record_copy(self);
    } else {
        record_bounced(self);
    }
    if (self->map.fMapper != NULL) {
        PLATFORM_TRACE(dma_mapped, self, self->map.fAlloc, self->map.fAllocLength);
    }
}
