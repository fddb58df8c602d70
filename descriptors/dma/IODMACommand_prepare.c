/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Preparing and completing: what is asked is judged, uses of one preparation are counted, and the
 * memory hears of the first and the last. What a device that does not take all needs in between is
 * made and undone in IODMACommand_adapt.c.
 */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/platform_trace.h"

/* What a preparation asks of memory that is not general. NULL: it is, and its fields say it. */
struct facts {
    uint64_t length;
    IODirection direction;
    bool isPrepared;
    uint64_t highestPage; /* page number; 0: not known */
};

static __attribute__((noinline)) IOReturn ask_facts(const IODMACommand *self, struct facts *facts)
{
    IOMDDMACharacteristics told;
    const IOReturn status =
        IOMemoryDescriptor_methods(self->memory)
            ->dmaCommandOperation(self->memory, kIOMDGetCharacteristics, &told, sizeof(told));

    if (status == kIOReturnSuccess) {
        *facts = (struct facts){told.fLength, told.fDirection, told.fIsPrepared, told.fHighestPage};
    }
    return status;
}

static bool is_prepared(const IODMACommand *self, const struct facts *facts)
{
    return facts == NULL ? self->general->resident != NULL : facts->isPrepared;
}

static uint64_t highest_page(const IODMACommand *self, const struct facts *facts)
{
    return facts == NULL ? general_highest_page(self->general) : facts->highestPage;
}

static IODirection direction_of(const IODMACommand *self, const struct facts *facts)
{
    return facts == NULL ? self->general->super.flags & kIOMemoryDirectionMask : facts->direction;
}

static inline __attribute__((always_inline)) IOReturn mark_active(const IODMACommand *self,
                                                                  bool isGeneral, bool active)
{
    IOMemoryDescriptor *const memory = self->memory;

    if (isGeneral) {
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

/* More pages than a page count of this interface can say. */
static inline bool has_too_many_pages(uint64_t offset, uint64_t length)
{
    return (offset & PAGE_MASK) + (length - 1) >= (uint64_t)UINT32_MAX << PAGE_SHIFT;
}

/* May this memory be given to this device? */
static __attribute__((noinline)) IOReturn check_memory(const IODMACommand *self, bool isPrepared,
                                                       uint64_t offset, uint64_t length)
{
    const IOOptionBits reach = reach_of(self, offset, length);
    const bool remote = (reach & kIOMemoryRemote) != 0;
    const bool iterateOnly = (self->spec.options & kIODMAMapOptionIterateOnly) != 0;

    /* Another processor's memory cannot be prepared here; its addresses can be listed. */
    if (IOREFUSE(!isPrepared && !(remote && iterateOnly),
                 "the memory descriptor is not prepared itself")) {
        return kIOReturnNotReady;
    }
    if (IOREFUSE((reach & kIOMemoryHostOnly) != 0 && self->spec.mapper != NULL,
                 "memory made with kIOMemoryHostOnly is mapped for no device")) {
        return kIOReturnNotPermitted;
    }
    if (has_too_many_pages(offset, length)) {
        return kIOReturnVMError;
    }
    return remote && !iterateOnly ? kIOReturnNotAttached : kIOReturnSuccess;
}

/* The documented checks of a new preparation, in their order. */
static IOReturn check_range(const IODMACommand *self, const struct facts *facts, uint64_t offset,
                            uint64_t length)
{
    /*
     * No cut could make a rest that is no multiple legal, and bouncing moves bytes without adding
     * any.
     */
    if (IOREFUSE((length & self->spec.limits.lengthMask) != 0,
                 "%llu bytes are no multiple of fAlignmentLength %llu", IOULL(length),
                 IOULL(self->spec.limits.lengthMask + 1))) {
        return kIOReturnNotAligned;
    }
    /* Memory that has these is prepared, and for any device. */
    if (facts == NULL && self->memory->runs != NULL && !has_too_many_pages(offset, length)) {
        return kIOReturnSuccess;
    }
    return check_memory(self, is_prepared(self, facts), offset, length);
}

static IOReturn begin(IODMACommand *self, const struct facts *facts, uint64_t offset,
                      uint64_t length, bool flushCache, bool synchronize)
{
    /*
     * Marked before the first page is looked at: from here on the descriptor refuses its last
     * complete, so that the plan and the device see the same pages.
     */
    IOReturn status = mark_active(self, facts == NULL, true);

    if (status != kIOReturnSuccess) {
        return status;
    }
    IOASSERT(!self->hasRuns && self->copy == NULL && self->map.fMapper == NULL);
    IOASSERT(self->bounce.charged == 0 && self->bounce.islands == NULL);
    self->offset = offset;
    self->length = length;
    self->direction = direction_of(self, facts);
    if (!self->spec.takesAll) {
        status = IODMACommand_adapt(self, highest_page(self, facts), flushCache, synchronize);
        if (status != kIOReturnSuccess) {
            mark_active(self, facts == NULL, false);
            return status;
        }
        IODMACommand_noteEntry(self);
    } else {
        IODMACommand_noteMemory(self, offset, length);
    }
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
    const struct facts *asked = NULL;
    struct facts facts;
    uint64_t whole;
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
    if (self->general != NULL) {
        whole = self->general->super.length;
    } else {
        status = ask_facts(self, &facts);
        if (status != kIOReturnSuccess) {
            return status;
        }
        whole = facts.length;
        asked = &facts;
    }
    if (IOREFUSE(offset >= whole, "offset %llu is behind the memory's %llu bytes", IOULL(offset),
                 IOULL(whole))) {
        return kIOReturnBadArgument;
    }
    if (length == 0) {
        length = whole - offset;
    } else if (IOREFUSE(length > whole - offset,
                        "offset %llu + length %llu is beyond the memory's %llu bytes",
                        IOULL(offset), IOULL(length), IOULL(whole))) {
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
    status = check_range(self, asked, offset, length);
    return status != kIOReturnSuccess ? status
                                      : begin(self, asked, offset, length, flushCache, synchronize);
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

static IOReturn finish(IODMACommand *self, bool invalidateCache, bool synchronize)
{
    IOReturn status = kIOReturnSuccess;

    IOASSERT(self->active == 1 && self->memory != NULL);
    platform_barrier(); /* what the device wrote, before the CPU reads it */
    /* A device that takes all may have been given a copy (kForceDoubleBuffer), which has runs. */
    if (!self->spec.takesAll || self->hasRuns) {
        status = IODMACommand_bringHome(self, invalidateCache, synchronize);
    }
    /* Whatever failed: a command that stays active could not be used, completed or freed again. */
    self->active = 0;
    IODMACommand_become(self, kIODMAOwnerIdle);
    self->preparedMemory = false;
    IOLEDGER(completed(self, synchronize, invalidateCache));
    status = IODMACommand_firstError(status, mark_active(self, self->general != NULL, false));
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
