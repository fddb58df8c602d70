/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU at the bytes that the device sees: bounce copies, cache maintenance, readBytes
 * and writeBytes. All of it goes by the islands, never by I/O addresses, which mean
 * nothing to the CPU.
 */
#include <string.h>

#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/platform_trace.h"

/* Bytes that were moved between the descriptor, from `offset` on, and memory. */
static uint64_t move(IOMemoryDescriptor *memory, uint64_t offset, uint8_t *bytes, uint64_t length,
                     bool read)
{
    return read ? IOMemoryDescriptor_readBytes(memory, offset, bytes, length)
                : IOMemoryDescriptor_writeBytes(memory, offset, bytes, length);
}

/* Once by the CPU where it knows the copy's bytes, else a piece at a time from one to the other. */
static IOReturn copy_whole(IODMACommand *self, bool towards)
{
    uint8_t *const bytes = IODMACommand_copyBytes(self);
    IOMemoryDescriptor *from = towards ? self->memory : self->copy;
    IOMemoryDescriptor *to = towards ? self->copy : self->memory;
    uint64_t fromOffset = towards ? self->offset : 0, toOffset = towards ? 0 : self->offset;
    uint8_t piece[256]; /* a subclass's copy may be any descriptor: by value, not by pointer */

    if (bytes != NULL) {
        return move(self->memory, self->offset, bytes, self->length, towards) == self->length
                   ? kIOReturnSuccess
                   : kIOReturnUnderrun;
    }
    for (uint64_t done = 0; done < self->length;) {
        const uint64_t left = self->length - done;
        const uint64_t length = left < sizeof(piece) ? left : sizeof(piece);

        if (move(from, fromOffset + done, piece, length, true) != length ||
            move(to, toOffset + done, piece, length, false) != length) {
            return kIOReturnUnderrun;
        }
        done += length;
    }
    return kIOReturnSuccess;
}

/*
 * Pages pinned for reading may be shared with somebody, who would see the device's bytes: those
 * of any part, at whatever depth.
 */
static bool is_for_reading(const IODMACommand *self)
{
    const struct IODMAReach reach =
        IOMemoryDescriptor_reach(self->memory, self->offset, self->offset + self->length);

    return (reach.some & kIOMemoryPreparedReadOnly) != 0;
}

IOReturn IODMACommand_copyBounced(IODMACommand *self, bool towards)
{
    IOReturn status = kIOReturnSuccess;

    if (self->copy == NULL && self->bounce.count == 0) {
        return kIOReturnSuccess;
    }
    if (!towards && is_for_reading(self)) {
        return kIOReturnNotWritable;
    }
    PLATFORM_TRACE(dma_copy, self, self->copy != NULL ? self->length : self->bounce.bytes, towards);
    if (self->copy != NULL) {
        return copy_whole(self, towards);
    }
    for (size_t i = 0; i < self->bounce.count; i++) {
        const struct IODMAIsland *island = &self->bounce.islands[i];
        const uint64_t length = island->end - island->start;

        /* Every island is tried: what can be saved of a transfer is. */
        if (move(self->memory, self->offset + island->start, island->memory, length, towards) !=
            length) {
            status = kIOReturnUnderrun;
        }
    }
    return status;
}

static IOReturn maintain_memory(IOMemoryDescriptor *memory, bool invalidate, uint64_t offset,
                                uint64_t length)
{
    if (length == 0) {
        return kIOReturnSuccess;
    }
    return IOMemoryDescriptor_performOperation(
        memory, invalidate ? kIOMemoryIncoherentIOFlush : kIOMemoryIncoherentIOStore, offset,
        length);
}

static void maintain_island(const struct IODMAIsland *island, bool invalidate)
{
    if (invalidate) {
        platform_cache_clean_invalidate(island->memory, island->end - island->start);
    } else {
        platform_cache_clean(island->memory, island->end - island->start);
    }
}

/* Bounce memory alone, which nobody else can do anything for. */
static IOReturn maintain_bounced(IODMACommand *self, bool invalidate)
{
    if (self->copy != NULL) {
        return maintain_memory(self->copy, invalidate, 0, self->length);
    }
    for (size_t i = 0; i < self->bounce.count; i++) {
        maintain_island(&self->bounce.islands[i], invalidate);
    }
    return kIOReturnSuccess;
}

IOReturn IODMACommand_exchangeBounced(IODMACommand *self, bool towards)
{
    const bool maintain = IODMACommand_isNonCoherent(self);
    IOReturn status = kIOReturnSuccess;

    /* Lines that were fetched while the device wrote are stale. */
    if (maintain && !towards) {
        status = maintain_bounced(self, true);
    }
    if (status == kIOReturnSuccess) {
        status = IODMACommand_copyBounced(self, towards);
    }
    /*
     * Stored for a device that reads; one that only writes must find no line in the cache at
     * all.
     */
    if (status == kIOReturnSuccess && maintain && towards) {
        status = maintain_bounced(self, !IODMACommand_deviceReads(self));
    }
    return status;
}

/*
 * Islands where there are islands, the descriptor between them: the device sees exactly these, and
 * maintenance of bounced bytes at their home would reach nothing that it reads.
 */
IOReturn IODMACommand_maintain(IODMACommand *self, bool invalidate)
{
    IOReturn status = kIOReturnSuccess;
    uint64_t position = 0;

    if (self->copy != NULL) {
        return maintain_memory(self->copy, invalidate, 0, self->length);
    }
    for (size_t i = 0; i < self->bounce.count; i++) {
        const struct IODMAIsland *island = &self->bounce.islands[i];
        const IOReturn before = maintain_memory(self->memory, invalidate, self->offset + position,
                                                island->start - position);

        /* The first error is the answer, but the rest is done: one stale line is bad enough. */
        status = IODMACommand_firstError(status, before);
        maintain_island(island, invalidate);
        position = island->end;
    }
    const IOReturn last =
        maintain_memory(self->memory, invalidate, self->offset + position, self->length - position);

    return IODMACommand_firstError(status, last);
}

/* Bytes [position, position + length) of the device's view, which lie in the preparation. */
static uint64_t transfer(IODMACommand *self, uint64_t position, uint8_t *bytes, uint64_t length,
                         bool read)
{
    /* Found once: from there on islands and descriptor alternate in order. */
    size_t i = IODMABounce_find(&self->bounce, position);
    uint64_t done = 0;

    if (self->copy != NULL) {
        return move(self->copy, position, bytes, length, read);
    }
    while (done < length) {
        const struct IODMAIsland *island = i < self->bounce.count ? &self->bounce.islands[i] : NULL;
        const uint64_t at = position + done;
        uint64_t stop = position + length;

        if (island != NULL && island->start <= at) {
            uint8_t *there = island->memory + (at - island->start);

            stop = island->end < stop ? island->end : stop;
            /* Not memcpy: the caller's bytes may be the bounce memory itself. */
            memmove(read ? bytes + done : there, read ? there : bytes + done, stop - at);
            i++;
        } else {
            if (island != NULL && island->start < stop) {
                stop = island->start;
            }
            if (move(self->memory, self->offset + at, bytes + done, stop - at, read) != stop - at) {
                return done; /* the descriptor has said why */
            }
        }
        done += stop - at;
    }
    return done;
}

static UInt64 access_bytes(IODMACommand *self, UInt64 offset, void *bytes, UInt64 length, bool read)
{
    if (self == NULL || bytes == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return 0;
    }
    if (self->active == 0) {
        IOLEDGER(used(self, ", asked for its bytes"));
        IOMemory_fail(kIOReturnNotReady);
        return 0;
    }
    /* Told from a short transfer: at the end there is nothing, and no retry helps. */
    if (offset >= self->length) {
        IOMemory_fail(kIOReturnOverrun);
        return 0;
    }
    if (length > self->length - offset) {
        length = self->length - offset;
    }
    return transfer(self, offset, bytes, length, read);
}

UInt64 IODMACommand_readBytes(IODMACommand *self, UInt64 offset, void *bytes, UInt64 length)
{
    return access_bytes(self, offset, bytes, length, true);
}

UInt64 IODMACommand_writeBytes(IODMACommand *self, UInt64 offset, const void *bytes, UInt64 length)
{
    return access_bytes(self, offset, (void *)bytes, length, false);
}
