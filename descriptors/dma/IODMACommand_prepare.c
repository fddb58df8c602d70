/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preparing and completing. Plan (owns nothing, may refuse), then place, fill, clean and
 * map; whatever fails is undone by the same letGo that complete ends with.
 */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/platform_trace.h"

/* What every preparation asks of its memory. */
struct facts {
    uint64_t length;
    IODirection direction;
    bool isPrepared;
    uint64_t highestPage; /* page number; 0: not known */
};

static IOReturn get_facts(const IODMACommand *self, struct facts *facts)
{
    const IOGeneralMemoryDescriptor *const general = self->general;
    IOMDDMACharacteristics told;
    IOReturn status;

    if (general != NULL) {
        facts->length = general->super.length;
        facts->direction = general->super.flags & kIOMemoryDirectionMask;
        facts->isPrepared = general->resident != NULL;
        facts->highestPage = general->highestPage; /* while it is prepared, and else nobody looks */
        return kIOReturnSuccess;
    }
    status = IOMemoryDescriptor_methods(self->memory)
                 ->dmaCommandOperation(self->memory, kIOMDGetCharacteristics, &told, sizeof(told));
    if (status == kIOReturnSuccess) {
        *facts = (struct facts){told.fLength, told.fDirection, told.fIsPrepared, told.fHighestPage};
    }
    return status;
}

static inline __attribute__((always_inline)) IOReturn mark_active(const IODMACommand *self,
                                                                  bool active)
{
    IOMemoryDescriptor *const memory = self->memory;

    if (self->general != NULL) {
        return IOMemoryDescriptor_countDMAActive(memory, active);
    }
    return IOMemoryDescriptor_methods(memory)->dmaCommandOperation(
        memory, active ? kIOMDSetDMAActive : kIOMDSetDMAInactive, NULL, 0);
}

/* Flags that a byte of the range has: kIOMemoryRemote, kIOMemoryHostOnly. */
static IOOptionBits reach_of(const IODMACommand *self, uint64_t offset, uint64_t length)
{
    return self->general != NULL
               ? self->memory->flags
               : IOMemoryDescriptor_reach(self->memory, offset, offset + length).some;
}

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

/* The documented checks of a new preparation, in their order. */
static IOReturn check_range(const IODMACommand *self, const struct facts *facts, uint64_t offset,
                            uint64_t length)
{
    const IOOptionBits reach = reach_of(self, offset, length);
    const bool remote = (reach & kIOMemoryRemote) != 0;
    const bool iterateOnly = (self->spec.options & kIODMAMapOptionIterateOnly) != 0;

    /*
     * No cut could make a rest that is no multiple legal, and bouncing moves bytes without adding
     * any.
     */
    if (IOREFUSE((length & self->spec.limits.lengthMask) != 0,
                 "%llu bytes are no multiple of fAlignmentLength %llu", IOULL(length),
                 IOULL(self->spec.limits.lengthMask + 1))) {
        return kIOReturnNotAligned;
    }
    /* Another processor's memory cannot be prepared here; its addresses can be listed. */
    if (IOREFUSE(!facts->isPrepared && !(remote && iterateOnly),
                 "the memory descriptor is not prepared itself")) {
        return kIOReturnNotReady;
    }
    if (IOREFUSE((reach & kIOMemoryHostOnly) != 0 && self->spec.mapper != NULL,
                 "memory made with kIOMemoryHostOnly is mapped for no device")) {
        return kIOReturnNotPermitted;
    }
    /* More pages than a page count of this interface can say. */
    if ((offset & PAGE_MASK) + (length - 1) >= (uint64_t)UINT32_MAX << PAGE_SHIFT) {
        return kIOReturnVMError;
    }
    return remote && !iterateOnly ? kIOReturnNotAttached : kIOReturnSuccess;
}

IOReturn IODMACommand_placeWhole(IODMACommand *self)
{
    const IODirection direction =
        self->direction == kIODirectionNone ? kIODirectionOutIn : self->direction;
    IOBufferMemoryDescriptor *copy;
    IOReturn status;

    /* Charged before it is allocated: the pool is a promise about the most that is taken. */
    status = IODMABounce_charge(&self->bounce, (self->length + PAGE_MASK) & ~PAGE_MASK, self);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Both ways for the CPU, whatever the device may do: it is filled and read back. */
    copy = IODMACommand_createCopyBuffer(self, direction | kIODirectionOutIn, self->length);
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

    if (!self->hasRuns || (self->copy == NULL && self->map.fMapper == NULL) ||
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
    uint8_t access = 0;

    if (self->direction != kIODirectionIn) {
        access |= kIODMAMapReadAccess;
    }
    if (self->direction != kIODirectionOut) {
        access |= kIODMAMapWriteAccess;
    }
    return access;
}

IOReturn IODMACommand_mapView(IODMACommand *self)
{
    IOMemoryDescriptor *memory = self->copy != NULL ? self->copy : self->memory;
    const uint64_t offset = self->copy != NULL ? 0 : self->offset;
    uint64_t alignment;
    IOReturn status;

    if (self->spec.mapper == NULL) {
        return kIOReturnSuccess;
    }
    status = choose_alignment(self, &alignment);
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
        self->mapped = NULL;
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
    if (status == kIOReturnSuccess) {
        status = IODMACommand_mapView(self);
    }
    if (status == kIOReturnSuccess) {
        status = check_view(self);
    }
    return status;
}

/* What lies between the memory and a device that does not take all. */
static __attribute__((noinline)) IOReturn adapt(IODMACommand *self, uint64_t highestPage,
                                                bool flushCache, bool synchronize)
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

static IOReturn begin(IODMACommand *self, const struct facts *facts, uint64_t offset,
                      uint64_t length, bool flushCache, bool synchronize)
{
    /*
     * Marked before the first page is looked at: from here on the descriptor refuses its last
     * complete, so that the plan and the device see the same pages.
     */
    IOReturn status = mark_active(self, true);

    if (status != kIOReturnSuccess) {
        return status;
    }
    IOASSERT(!self->hasRuns && self->copy == NULL && self->map.fMapper == NULL);
    IOASSERT(self->bounce.charged == 0 && self->bounce.islands == NULL);
    self->offset = offset;
    self->length = length;
    self->direction = facts->direction;
    if (!self->spec.takesAll) {
        status = adapt(self, facts->highestPage, flushCache, synchronize);
        if (status != kIOReturnSuccess) {
            mark_active(self, false);
            return status;
        }
    }
    IODMACommand_noteEntry(self);
    self->active = 1;
    IODMACommand_become(self, kIODMAOwnerPrepared);
    IODMACommand_tellPrepared(self, synchronize);
    PLATFORM_TRACE(dma_prepare, self, offset, length);
    platform_barrier(); /* all stores so far, before whatever tells the device */
    return kIOReturnSuccess;
}

IOReturn IODMACommand_prepare(IODMACommand *self, UInt64 offset, UInt64 length, bool flushCache,
                              bool synchronize)
{
    struct facts facts;
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    if (self->spec.output == NULL || self->memory == NULL) {
        return kIOReturnNotReady;
    }
    status = get_facts(self, &facts);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (IOREFUSE(offset >= facts.length, "offset %llu is behind the memory's %llu bytes",
                 IOULL(offset), IOULL(facts.length))) {
        return kIOReturnBadArgument;
    }
    if (length == 0) {
        length = facts.length - offset;
    } else if (IOREFUSE(length > facts.length - offset,
                        "offset %llu + length %llu is beyond the memory's %llu bytes",
                        IOULL(offset), IOULL(length), IOULL(facts.length))) {
        return kIOReturnBadArgument;
    }
    if (IOREFUSE(length > self->spec.limits.transfer,
                 "%llu bytes are more than maxTransferSize %llu", IOULL(length),
                 IOULL(self->spec.limits.transfer))) {
        return kIOReturnNoSpace;
    }
    if (self->active != 0) {
        /* Nested prepares share one view: another range would need another. */
        if (IOREFUSE(offset != self->offset || length != self->length,
                     "bytes [%llu, +%llu) are prepared; again only the same, not [%llu, +%llu)",
                     IOULL(self->offset), IOULL(self->length), IOULL(offset), IOULL(length)) ||
            self->active == UINT32_MAX) {
            return kIOReturnNotReady;
        }
        self->active++;
        return kIOReturnSuccess;
    }
    status = check_range(self, &facts, offset, length);
    return status != kIOReturnSuccess
               ? status
               : begin(self, &facts, offset, length, flushCache, synchronize);
}

IOReturn IODMACommand_prepareWithSpecificationOptions(
    IODMACommand *self, IODMACommand_SegmentFunction outSegFunc,
    const IODMACommand_SegmentOptions *segmentOptions, uint32_t mappingOptions, IOMapper *mapper,
    UInt64 offset, UInt64 length, bool flushCache, bool synchronize)
{
    struct IODMASpecification before, spec;
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    if (self->active != 0) {
        return kIOReturnNotPermitted;
    }
    status = IODMASpecification_make(&spec, outSegFunc, segmentOptions, mappingOptions, mapper);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Kept with its mapper until the preparation has succeeded: a failed call changes nothing. */
    before = self->spec;
    self->spec = spec;
    status = IODMACommand_prepare(self, offset, length, flushCache, synchronize);
    if (status != kIOReturnSuccess) {
        self->spec = before;
        before = spec;
    }
    OSObject_release(before.mapper);
    return status;
}

IOReturn IODMACommand_prepareWithSpecification(IODMACommand *self,
                                               IODMACommand_SegmentFunction outSegFunc,
                                               UInt8 numAddressBits, UInt64 maxSegmentSize,
                                               IODMACommand_MappingOptions mappingOptions,
                                               UInt64 maxTransferSize, UInt32 alignment,
                                               IOMapper *mapper, UInt64 offset, UInt64 length,
                                               bool flushCache, bool synchronize)
{
    const IODMACommand_SegmentOptions options =
        IODMASpecification_options(numAddressBits, maxSegmentSize, maxTransferSize, alignment);

    return IODMACommand_prepareWithSpecificationOptions(self, outSegFunc, &options, mappingOptions,
                                                        mapper, offset, length, flushCache,
                                                        synchronize);
}

static IOReturn first_error(IOReturn before, IOReturn status)
{
    return before != kIOReturnSuccess ? before : status;
}

/* Bytes that were elsewhere come home, and what was between memory and device goes. */
static __attribute__((noinline)) IOReturn bring_home(IODMACommand *self, bool invalidateCache,
                                                     bool synchronize)
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
        status = first_error(status, IODMACommand_copyBounced(self, false));
    }
    /* A list of runs, or a copy, there is only with one of these. */
    if (self->map.fMapper != NULL || self->bounce.charged != 0) {
        status = first_error(status, IODMACommand_letGo(self));
    }
    return status;
}

static IOReturn finish(IODMACommand *self, bool invalidateCache, bool synchronize)
{
    IOReturn status = kIOReturnSuccess;

    IOASSERT(self->active == 1 && self->memory != NULL);
    platform_barrier(); /* what the device wrote, before the CPU reads it */
    /* A device that takes all may have been given a copy (kForceDoubleBuffer), which has runs. */
    if (!self->spec.takesAll || self->hasRuns) {
        status = bring_home(self, invalidateCache, synchronize);
    }
    /* Whatever failed: a command that stays active could not be used, completed or freed again. */
    self->active = 0;
    IODMACommand_become(self, kIODMAOwnerIdle);
    self->preparedMemory = false;
    IOLEDGER(completed(self, synchronize, invalidateCache));
    status = first_error(status, mark_active(self, false));
    PLATFORM_TRACE(dma_complete, self, self->length, status);
    return status;
}

IOReturn IODMACommand_complete(IODMACommand *self, bool invalidateCache, bool synchronize)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    if (self->active == 0) {
        IOLEDGER(used(self, ", completed again"));
        return kIOReturnNotReady;
    }
    /*
     * The last complete moves the bytes: until then the device may be at work for another prepare.
     */
    if (self->active > 1) {
        self->active--;
        return kIOReturnSuccess;
    }
    if (IODMACommand_refuses(self, "complete")) {
        IOLEDGER(completedEarly(self));
        return kIOReturnBusy;
    }
    return finish(self, invalidateCache, synchronize);
}
