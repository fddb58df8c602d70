/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wiring. The first prepare pins the pages and decides at once which physical
 * runs the described bytes form; the last complete undoes both.
 */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/reference/IOMemoryReference.h"

#define FOUR_GIB (1ull << 32)

static inline void abandon(IOGeneralMemoryDescriptor *self)
{
    general_set_resident(self, NULL);
    IOMemoryRuns_free(&self->wired);
}

void general_abandon(IOGeneralMemoryDescriptor *self)
{
    abandon(self);
}

static inline void unwire(IOGeneralMemoryDescriptor *self, bool written)
{
    platform_unwire_runs(&self->wired, written);
    abandon(self);
}

/* What a direction asks of the pages. */
static inline unsigned wire_flags(IODirection direction)
{
    const unsigned resident =
        (direction & kIODirectionPrepareNoFault) != 0 ? PLATFORM_WIRE_NO_FAULT : 0;

    /*
     * Out alone is the one transfer in which the device only reads. Everything else may store,
     * so the pages must be writable, and private, before they are pinned.
     */
    return (direction & kIODirectionOutIn) == kIODirectionOut
               ? resident
               : resident | PLATFORM_WIRE_WRITE | PLATFORM_WIRE_UNMARKED;
}

/*
 * A persistent descriptor means the memory that was there when it was made, wherever the task
 * has moved it; any other one means what the addresses show today.
 */
static inline bool means_reference(const IOGeneralMemoryDescriptor *self)
{
    return (self->super.flags & kIOMemoryPersistent) != 0 && self->reference != NULL;
}

/* Pin what the bytes are now; KERN_NO_SPACE: with more room it goes on. */
static inline kern_return_t wire_more(IOGeneralMemoryDescriptor *self, IODirection direction)
{
    const unsigned flags = wire_flags(direction);

    if (means_reference(self)) {
        return IOMemoryReference_wire(self->reference, flags, &self->wired);
    }

    /* A task that has died since has no map; what it had is gone, and not an empty range. */
    return self->map != NULL ? platform_wire_runs(self->map, &self->source, flags, &self->wired)
                             : KERN_INVALID_ADDRESS;
}

/* Not all are pinned: make room and go on, or give back those that are. */
static __attribute__((noinline)) IOReturn wire_rest(IOGeneralMemoryDescriptor *self,
                                                    IODirection direction, kern_return_t status)
{
    while (status == KERN_NO_SPACE && IOMemoryRuns_makeRoom(&self->wired, self->source.count)) {
        status = wire_more(self, direction);
    }
    if (status == KERN_NO_SPACE) {
        unwire(self, false);
        return kIOReturnNoMemory;
    }
    if (status != KERN_SUCCESS) {
        unwire(self, false);
        return IOReturn_fromKernel(status, kIOReturnDoingPrepare);
    }
    return kIOReturnSuccess;
}

/* Pin the pages, and decide which runs the bytes form. On failure nothing is pinned. */
static inline IOReturn wire_runs(IOGeneralMemoryDescriptor *self, IODirection direction)
{
    const size_t ranges = self->source.count;
    kern_return_t status;

    IOMemoryRuns_begin(&self->wired);
    /* A run for each range, as it is where memory has been cut up already; more if need be. */
    status = ranges == 1 ? wire_more(self, direction) : ranges == 0 ? KERN_SUCCESS : KERN_NO_SPACE;
    return status == KERN_SUCCESS ? kIOReturnSuccess : wire_rest(self, direction, status);
}

/*
 * Will 32 address bits do? By where the pages are, or by what the system mapper has devices see in
 * their place.
 */
static __attribute__((noinline)) bool is_within_32_bits(IOGeneralMemoryDescriptor *self)
{
    const IODMAMapSpecification narrow = {.numAddressBits = 32};

    if (IOMapper_systemMapper() == NULL || (self->super.flags & kIOMemoryMapperNone) != 0) {
        return self->wired.highest <= FOUR_GIB;
    }
    descriptor_add_dma_map_spec(&self->super, &narrow);
    return true;
}

/*
 * Prepared for writing, the pages are dirty when the transfer has succeeded, and not before:
 * a device that failed has written nothing that would have to be kept.
 */
static inline void end_preparation(IOGeneralMemoryDescriptor *self, bool failed)
{
    bool written = !failed;

    if ((self->super.flags & kIOMemoryPreparedReadOnly) != 0) {
        self->super.flags &= ~kIOMemoryPreparedReadOnly;
        written = false;
    }
    self->failed = false; /* that was of this preparation, and is of no later one */
    unwire(self, written);
}

void general_end_preparation(IOGeneralMemoryDescriptor *self)
{
    end_preparation(self, self->failed);
}

/* The pages are pinned: do they do, and what becomes of them for this direction? */
static inline __attribute__((always_inline)) IOReturn settle(IOGeneralMemoryDescriptor *self,
                                                             IODirection direction)
{
    if (((direction | self->super.flags) & kIODirectionPrepareToPhys32) != 0 &&
        !is_within_32_bits(self)) {
        unwire(self, false);
        return kIOReturnCannotWire;
    }
    general_set_resident(self, &self->wired);
    if ((direction & kIODirectionOutIn) == kIODirectionOut) {
        self->super.flags |= kIOMemoryPreparedReadOnly;
    }
    /*
     * A device that does not snoop reads memory and not the cache, so what the CPU has stored
     * must have got there before it starts.
     */
    if ((direction & kIODirectionPrepareNonCoherent) != 0) {
        descriptor_perform_operation(&self->super, kIOMemoryIncoherentIOFlush, 0,
                                     self->super.length);
    }
    return kIOReturnSuccess;
}

/* Not pinned, for this reason. Is there something that allows it by now? */
static __attribute__((noinline)) IOReturn prepare_refused(IOGeneralMemoryDescriptor *self,
                                                          IODirection direction, IOReturn status)
{
    /* The right to store was noted with the reference; the owner may have got it since. */
    if (status == kIOReturnNotWritable && means_reference(self) &&
        general_upgrade_reference(self)) {
        IOMemoryRuns_begin(&self->wired);
        status = wire_rest(self, direction, KERN_NO_SPACE);
        if (status == kIOReturnSuccess) {
            return settle(self, direction);
        }
    }
    if (status == kIOReturnNotWritable && self->task == kernel_task) {
        IOLEDGER(readOnly(self, self->super.length));
    }
    return status;
}

static inline IOReturn prepare_first(IOGeneralMemoryDescriptor *self, IODirection direction)
{
    IOReturn status;

    /* Whoever asks not to be slowed down would rather try later than reclaim now. */
    if ((direction & kIODirectionPrepareAvoidThrottling) != 0 && platform_memory_is_short()) {
        return kIOReturnNotReady;
    }
    status = wire_runs(self, direction);
    return status == kIOReturnSuccess ? settle(self, direction)
                                      : prepare_refused(self, direction, status);
}

/* Physical memory needs no wiring, another processor's virtual memory cannot be wired. */
static inline bool is_virtual(const IOGeneralMemoryDescriptor *self, IOReturn *otherwise)
{
    if ((self->super.flags & (kIOMemoryTypeMask | kIOMemoryRemote)) == kIOMemoryTypeVirtual) {
        return true;
    }
    *otherwise = general_is_physical(self) ? kIOReturnSuccess : kIOReturnNotAttached;
    return false;
}

/* Of kIOMemoryAutoPrepare, which nobody completes: it goes with the object. */
static uint32_t own_prepares(const IOMemoryDescriptor *self)
{
    return (self->flags & kIOMemoryAutoPrepare) != 0 ? 1 : 0;
}

/* One more of what is prepared. */
static __attribute__((noinline)) IOReturn prepare_again(IOMemoryDescriptor *base,
                                                        IODirection direction)
{
    /*
     * Pages pinned for reading may be shared with somebody: a device must not store to them, and
     * they cannot be exchanged under the first user.
     */
    if ((direction & kIODirectionIn) != 0 && (base->flags & kIOMemoryPreparedReadOnly) != 0) {
        return kIOReturnNotWritable;
    }
    if (base->wireCount == UINT32_MAX) {
        return kIOReturnNoResources;
    }
    base->wireCount++;
    if (base->wireCount == own_prepares(base) + 1) {
        IOLEDGER(wired(base, base->length));
    }
    return kIOReturnSuccess;
}

IOReturn general_prepare(IOMemoryDescriptor *base, IODirection direction)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    IOReturn status;

    if (!is_virtual(self, &status)) {
        return status;
    }
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= base->flags & kIODirectionOutIn;
    }
    if ((direction & kIODirectionOutIn) == 0) {
        direction |= kIODirectionOutIn; /* no direction of its own: both ways */
    }
    if (base->wireCount != 0) {
        return prepare_again(base, direction);
    }
    status = prepare_first(self, direction);
    if (status == kIOReturnSuccess) {
        base->wireCount = 1;
        if (own_prepares(base) == 0) {
            IOLEDGER(wired(base, base->length));
        }
    }
    return status;
}

/* One of several, or none. */
static __attribute__((noinline)) IOReturn complete_another(IOGeneralMemoryDescriptor *self,
                                                           IODirection direction)
{
    IOMemoryDescriptor *const base = &self->super;

    /*
     * The prepare of kIOMemoryAutoPrepare is undone by the end of the object alone: a caller
     * who completes once too often must not take it.
     */
    if (base->wireCount == own_prepares(base)) {
        IOLEDGER(unbalanced(base, false));
        return kIOReturnNotReady;
    }
    self->failed |= (direction & kIODirectionCompleteWithError) != 0;
    base->wireCount--;
    if (base->wireCount == own_prepares(base)) {
        IOLEDGER(unwired(base));
    }
    return kIOReturnSuccess;
}

IOReturn general_complete(IOMemoryDescriptor *base, IODirection direction)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    IOReturn status;

    if (!is_virtual(self, &status)) {
        return status;
    }
    if (base->wireCount != 1 || own_prepares(base) != 0) {
        return complete_another(self, direction);
    }
    /*
     * A command still gives these addresses to a device. Unpinned, they could be anybody's at its
     * next access.
     */
    if (__atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0 &&
        (direction & DESCRIPTOR_TAKE_BACK) == 0) {
        IOLEDGER(unbalanced(base, true));
        return kIOReturnBusy;
    }
    IOMemoryDescriptor_dropSystemMap(base); /* while the pages behind it are nobody else's */
    /* Taken back, nothing has been transferred by it. */
    end_preparation(self, self->failed || (direction & (kIODirectionCompleteWithError |
                                                        DESCRIPTOR_TAKE_BACK)) != 0);
    /* The next preparation may find other pages: whoever kept the number must see a new one. */
    base->reserved.preparationID = kIOPreparationIDUnprepared;
    base->wireCount = 0;
    IOLEDGER(unwired(base));
    return kIOReturnSuccess;
}

uint64_t general_get_preparation_id(IOMemoryDescriptor *base)
{
    if (general_of(base)->resident == NULL) {
        return kIOPreparationIDUnprepared;
    }
    IOMemoryDescriptor_setPreparationID(base);
    return base->reserved.preparationID;
}
