/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies between the memory and a device that does not take all: copies of what it cannot
 * reach, clean caches, a mapping. Plan (owns nothing, may refuse), then place, fill, clean and
 * map; whatever fails is undone by the same letGo that ends a preparation.
 */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/object/IOAssert.h"

bool IODMACommand_bounces(const IODMACommand *self)
{
    return self->copy != NULL || self->bounce.count != 0;
}

/* Does no byte of this memory offend, by what its descriptor knows of it without a walk? */
static bool suits_as_it_is(const IODMACommand *self, uint64_t highestPage)
{
    const struct IODMALimits *limits = &self->spec.limits;

    /* Iterate-only commands list addresses and move nothing: where they are offends nobody. */
    if (!self->spec.isPlain) {
        return (self->spec.options & kIODMAMapOptionIterateOnly) != 0;
    }
    if (limits->highest == UINT64_MAX || self->spec.mapper != NULL) {
        return true;
    }
    /* Of the system mapper's addresses, which lead elsewhere in memory: as little as nothing. */
    if (IOMapper_gSystem != NULL) {
        return false;
    }
    /* 0 is "not known": then the walk finds out. */
    return highestPage != 0 &&
           highestPage <= (limits->highest >> PAGE_SHIFT); /* the limit ends a page */
}

IOReturn IODMACommand_placeWhole(IODMACommand *self)
{
    IOBufferMemoryDescriptor *copy;
    IOReturn status;

    /* Charged before it is allocated: the pool is a promise about the most that is taken. */
    status = IODMABounce_charge(&self->bounce, (self->length + PAGE_MASK) & ~PAGE_MASK, self);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Both ways for the CPU, whatever the device may do: it is filled and read back. */
    copy = IODMACommand_createCopyBuffer(self, self->direction | kIODirectionOutIn, self->length);
    if (copy == NULL || IOMemoryDescriptor_getLength(copy) < self->length) {
        OSObject_release(copy);
        return kIOReturnNoResources;
    }
    self->copy = IOMemoryDescriptor_upcast(copy);
    return self->spec.mapper != NULL ? kIOReturnSuccess
                                     : IODMACommand_viewOf(self, self->copy, 0, false, 0);
}

/*
 * Will the device be told only what it can take? Asked of a copy, which a subclass may have
 * made, and of addresses that a mapper chose.
 */
static IOReturn check_view(const IODMACommand *self)
{
    const struct IODMALimits *limits = &self->spec.limits;
    uint64_t position = 0;

    if ((self->copy == NULL && self->map.fMapper == NULL) ||
        (self->spec.options & kIODMAMapOptionIterateOnly) != 0) {
        return kIOReturnSuccess;
    }
    for (size_t i = 0; i < self->runs.count; i++) {
        const struct memory_run *run = &self->runs.list[i];
        const uint64_t length = run->end - position;

        if (IODMALimits_cover(limits, run->address, length, i == 0, i + 1 < self->runs.count) !=
            length) {
            return kIOReturnNoResources;
        }
        position = run->end;
    }
    return kIOReturnSuccess;
}

/*
 * What the mapping is to be a multiple of, so that the plan, which was made as if it began at
 * 0, holds wherever it is: every alignment, and as much of the boundary as the mapping can
 * meet. Memory that may be cut anywhere can be cut at any boundary. 0: a page will do.
 */
static IOReturn choose_alignment(const IODMACommand *self, uint64_t *alignment)
{
    const struct IODMALimits *limits = &self->spec.limits;
    uint64_t unit = IODMALimits_unit(limits), end;
    IOReturn status = kIOReturnSuccess;

    /* A copy begins on a multiple of the unit, and so does whatever a boundary cuts off. */
    if (limits->boundaryMask > PAGE_MASK && self->copy == NULL &&
        (limits->startMask | limits->lengthMask | limits->endMask) != 0) {
        status = IODMACommand_planEnd(self, &end);
        while (status == kIOReturnSuccess && unit < end && unit <= limits->boundaryMask) {
            unit <<= 1;
        }
    }
    *alignment = unit > PAGE_SIZE ? unit : 0;
    return status;
}

/* What the mapper is to let the device do: what this transfer does, and no more. */
static uint8_t access_of(const IODMACommand *self)
{
    uint8_t access = self->direction != kIODirectionIn ? kIODMAMapReadAccess : 0;

    if (self->direction != kIODirectionOut) {
        access |= kIODMAMapWriteAccess;
    }
    return access;
}

/* Map the view and make it I/O addresses. */
static IOReturn map_view(IODMACommand *self)
{
    IOMemoryDescriptor *memory = self->copy != NULL ? self->copy : self->memory;
    const uint64_t offset = self->copy != NULL ? 0 : self->offset;
    uint64_t alignment;
    IOReturn status = choose_alignment(self, &alignment);

    if (status != kIOReturnSuccess) {
        return status;
    }
    self->map = (IOMDDMAMapArgs){
        .fMapper = self->spec.mapper,
        .fCommand = self,
        .fMapSpec = {.alignment = alignment,
                     .numAddressBits = self->spec.addressBits,
                     .resvA = {access_of(self)}},
        .fOffset = offset,
        .fLength = self->length,
    };
    status =
        IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDDMAMap, &self->map, sizeof(self->map));
    if (status != kIOReturnSuccess) {
        /* It says that there is a mapping, and letGo goes by it. */
        self->map.fMapper = NULL;
        return status;
    }
    self->mapped = memory;
    IOMapper_addUse(self->map.fMapper, &self->use, self->map.fAlloc, self->map.fAllocLength);
    return IODMACommand_viewOf(self, memory, offset, true, self->map.fAlloc);
}

static void drop_view(IODMACommand *self)
{
    if (self->hasRuns) {
        IOMemoryRuns_free(&self->runs);
        self->hasRuns = false;
    }
}

/*
 * The mapping first: while the device can still translate, the pages behind it must be nobody
 * else's. The bounce memory is charged as long as anything of it may exist.
 */
IOReturn IODMACommand_letGo(IODMACommand *self)
{
    IOReturn status = kIOReturnSuccess;

    if (self->map.fMapper != NULL) {
        IOASSERT(self->mapped != NULL);
        IOMapper_removeUse(&self->use);
        status = IOMemoryDescriptor_dmaCommandOperation(self->mapped, kIOMDDMAUnmap, &self->map,
                                                        sizeof(self->map));
        self->map = (IOMDDMAMapArgs){0};
    }
    drop_view(self);
    OSSafeReleaseNULL(self->copy);
    if (self->bounce.charged != 0) {
        IODMABounce_end(&self->bounce);
    }
    return status;
}

/* Find what offends and put it elsewhere. */
static IOReturn arrange(IODMACommand *self, uint64_t highestPage, bool synchronize)
{
    struct IODMAPlan plan;
    IOReturn status;

    if (suits_as_it_is(self, highestPage)) {
        return kIOReturnSuccess;
    }
    status = IODMACommand_plan(self, &plan);
    if (status != kIOReturnSuccess || plan.islands == 0) {
        return status;
    }
    /* A driver outside the kernel gets its own pages or none: it would not see bytes in a copy. */
    if ((self->spec.options & kIODMAMapOptionDextOwner) != 0) {
        return self->spec.isPlain ? kIOReturnMessageTooLarge : kIOReturnNotAligned;
    }
    /* A mapping is of one descriptor: behind a mapper the copy is whole. */
    return self->spec.mapper != NULL ? IODMACommand_placeWhole(self)
                                     : IODMACommand_place(self, &plan, synchronize);
}

/* Fill, clean and map what arrange has placed. */
IOReturn IODMACommand_makeReady(IODMACommand *self, bool flushCache, bool synchronize)
{
    IOReturn status = kIOReturnSuccess;

    /* For In as well: a device that writes only a part must not cost the rest its bytes. */
    if (synchronize && IODMACommand_bounces(self)) {
        status = IODMACommand_copyBounced(self, true);
    }
    if (status == kIOReturnSuccess && IODMACommand_isNonCoherent(self) && flushCache) {
        status = IODMACommand_maintain(self, !IODMACommand_deviceReads(self));
    }
    if (status == kIOReturnSuccess && self->spec.mapper != NULL) {
        status = map_view(self);
    }
    if (status == kIOReturnSuccess) {
        status = check_view(self);
    }
    return status;
}

IOReturn IODMACommand_adapt(IODMACommand *self, uint64_t highestPage, bool flushCache,
                            bool synchronize)
{
    IOReturn status = arrange(self, highestPage, synchronize);

    if (status == kIOReturnSuccess && (IODMACommand_bounces(self) || self->spec.mapper != NULL ||
                                       IODMACommand_isNonCoherent(self))) {
        status = IODMACommand_makeReady(self, flushCache, synchronize);
    }
    if (status != kIOReturnSuccess) {
        IODMACommand_letGo(self);
    }
    return status;
}

IOReturn IODMACommand_bringHome(IODMACommand *self, bool invalidateCache, bool synchronize)
{
    IOReturn status = kIOReturnSuccess;

    /*
     * Before the copy back: lines that were fetched while the device wrote (speculation may at any
     * time) are stale, and the CPU would copy those.
     */
    if (IODMACommand_isNonCoherent(self) && invalidateCache) {
        status = IODMACommand_maintain(self, true);
    }
    if (synchronize && self->direction != kIODirectionOut && IODMACommand_bounces(self)) {
        status = IODMACommand_firstError(status, IODMACommand_copyBounced(self, false));
    }
    /* A list of runs, or a copy, there is only with one of these. */
    if (self->map.fMapper != NULL || self->bounce.charged != 0) {
        status = IODMACommand_firstError(status, IODMACommand_letGo(self));
    }
    return status;
}
