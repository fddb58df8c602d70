/* SPDX-License-Identifier: BSD-2-Clause */
/* Purgeable state, ownership and page counts of a composite: those of its parts together. */
#include "descriptors/composite/IOCompositeMemory_private.h"

#define PURGEABLE_STATE 0xFu

_Static_assert(kIOMemoryPurgeableNonVolatile < kIOMemoryPurgeableVolatile &&
                   kIOMemoryPurgeableVolatile < kIOMemoryPurgeableEmpty,
               "of several states, the highest is that of all together");

/* The state of all parts together, or why one has none. */
static IOReturn ask_parts(const struct IOCompositeMemory *self, IOOptionBits *together)
{
    IOReturn status = kIOReturnSuccess;

    *together = kIOMemoryPurgeableNonVolatile;
    for (UInt32 i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        IOOptionBits state = 0;

        status = IOMemoryDescriptor_setPurgeable(self->parts[i].memory,
                                                 kIOMemoryPurgeableKeepCurrent, &state);
        if (state > *together) {
            *together = state;
        }
    }
    return status;
}

static IOReturn hold_part(IOMemoryDescriptor *memory, bool on)
{
    const bool locked = IOMemoryDescriptor_lock(memory);
    const IOReturn status = IOMemoryDescriptor_methods(memory)->holdMemory(memory, on);

    IOMemoryDescriptor_unlock(memory, locked);
    return status;
}

IOReturn composite_hold_memory(IOMemoryDescriptor *base, bool on)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;
    UInt32 i;

    for (i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        status = hold_part(self->parts[i].memory, on);
    }
    for (; status != kIOReturnSuccess && i > 1; i--) { /* those before the failing one */
        hold_part(self->parts[i - 2].memory, false);
    }
    return status;
}

/* With their memory held, and each found willing: none can refuse halfway. */
static IOReturn set_parts(struct IOCompositeMemory *self, IOOptionBits newState)
{
    IOReturn status = kIOReturnSuccess;

    for (UInt32 i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        status = IOMemoryDescriptor_setPurgeable(self->parts[i].memory, newState,
                                                 &self->parts[i].purgeable);
    }
    return status;
}

/* Did a part lose its contents between the question and the change? */
static bool has_lost(const struct IOCompositeMemory *self, IOOptionBits newState)
{
    for (UInt32 i = 0; i < self->count; i++) {
        if (self->parts[i].purgeable == kIOMemoryPurgeableEmpty) {
            return (newState & PURGEABLE_STATE) != kIOMemoryPurgeableEmpty;
        }
    }
    return false;
}

/*
 * Asked first: contents that one part has lost, and its place among volatile memory, could not be
 * given back when another refuses; and a part that is there twice answers the second time what it
 * was set to.
 */
IOReturn composite_set_purgeable(IOMemoryDescriptor *base, IOOptionBits newState,
                                 IOOptionBits *oldState)
{
    struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = ask_parts(self, oldState);

    if (status != kIOReturnSuccess ||
        (newState & PURGEABLE_STATE) == kIOMemoryPurgeableKeepCurrent) {
        return status;
    }
    status = composite_hold_memory(base, true);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = set_parts(self, newState);
    if (status == kIOReturnSuccess && has_lost(self, newState)) {
        *oldState = kIOMemoryPurgeableEmpty;
    }
    composite_hold_memory(base, false);
    return status;
}

IOReturn composite_set_ownership(IOMemoryDescriptor *base, task_t newOwner, int newLedgerTag,
                                 IOOptionBits newLedgerOptions)
{
    const struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;

    for (UInt32 i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        status = IOMemoryDescriptor_setOwnership(self->parts[i].memory, newOwner, newLedgerTag,
                                                 newLedgerOptions);
    }
    return status;
}

IOReturn composite_get_page_counts(IOMemoryDescriptor *base, IOByteCount *residentPageCount,
                                   IOByteCount *dirtyPageCount)
{
    const struct IOCompositeMemory *self = composite_of(base);
    IOReturn status = kIOReturnSuccess;

    /* A page that two parts show is counted for each, as each would be charged for it. */
    *residentPageCount = *dirtyPageCount = 0;
    for (UInt32 i = 0; i < self->count && status == kIOReturnSuccess; i++) {
        IOByteCount resident = 0, dirty = 0;

        status = IOMemoryDescriptor_getPageCounts(self->parts[i].memory, &resident, &dirty);
        *residentPageCount += resident;
        *dirtyPageCount += dirty;
    }
    return status;
}
