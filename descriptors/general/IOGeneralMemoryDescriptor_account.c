/* SPDX-License-Identifier: BSD-2-Clause */
/* Purgeable state, ownership and page counts: asked of the memory reference. */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/reference/IOMemoryReference.h"

/* The seam has its own names, so that an embedding needs none of IOKit's constants. */
static IOOptionBits state_bits(enum platform_purge_state state)
{
    switch (state) {
    case PLATFORM_PURGE_EMPTY:
        return kIOMemoryPurgeableEmpty;
    case PLATFORM_PURGE_VOLATILE:
        return kIOMemoryPurgeableVolatile;
    default:
        return kIOMemoryPurgeableNonVolatile;
    }
}

/* All bits at once, since they mean something only with the state that they come with. */
static struct platform_purge purge_of(IOOptionBits newState)
{
    const IOOptionBits state = newState & 0xFu;

    return (struct platform_purge){
        .state = state == kIOMemoryPurgeableVolatile ? PLATFORM_PURGE_VOLATILE
                 : state == kIOMemoryPurgeableEmpty  ? PLATFORM_PURGE_EMPTY
                                                     : PLATFORM_PURGE_NONVOLATILE,
        .group =
            (newState & kIOMemoryPurgeableVolatileGroup7) >> kIOMemoryPurgeableVolatileGroupShift,
        .obsolete = (newState & kIOMemoryPurgeableVolatileOrderingObsolete) != 0,
        .lifo = (newState & kIOMemoryPurgeableVolatileBehaviorLifo) != 0,
        .fault = (newState & kIOMemoryPurgeableFaultOnAccess) != 0,
    };
}

IOReturn general_hold_memory(IOMemoryDescriptor *base, bool on)
{
    IOGeneralMemoryDescriptor *const self = general_of(base);
    IOReturn status = kIOReturnSuccess;

    if (!on) {
        if (--self->holds == 0) {
            IOMemoryReference_release(self->held);
            self->held = NULL;
        }
        return kIOReturnSuccess;
    }
    if (self->holds == 0 && self->reference == NULL) {
        status = general_borrow_reference(self, &self->held);
    }
    self->holds += status == kIOReturnSuccess;
    return status;
}

IOReturn general_set_purgeable(IOMemoryDescriptor *base, IOOptionBits newState,
                               IOOptionBits *oldState)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    const bool keep = (newState & 0xFu) == kIOMemoryPurgeableKeepCurrent;
    const struct platform_purge purge = purge_of(newState);
    struct IOMemoryReference *reference;
    enum platform_purge_state former;
    IOReturn status;

    if (general_is_physical(self)) {
        return kIOReturnUnsupported;
    }
    status = general_borrow_reference(self, &reference);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* NULL and not the present state: setting what was read would overwrite a change in between. */
    status = IOMemoryReference_setPurge(reference, keep ? NULL : &purge, &former);
    general_return_reference(self, reference);
    if (status == kIOReturnSuccess) {
        *oldState = state_bits(former);
    }
    return status;
}

IOReturn general_set_ownership(IOMemoryDescriptor *base, task_t newOwner, int newLedgerTag,
                               IOOptionBits newLedgerOptions)
{
    const struct IOMemoryReference *reference = general_of(base)->reference;

    /*
     * Objects are charged, and only a reference says for good which one is meant: what the
     * addresses show may be another by the time of the next question.
     */
    if (reference == NULL) {
        return kIOReturnUnsupported;
    }
    return IOMemoryReference_setOwner(reference, newOwner, newLedgerTag,
                                      (newLedgerOptions & kIOMemoryLedgerFlagNoFootprint) == 0);
}

IOReturn general_get_page_counts(IOMemoryDescriptor *base, IOByteCount *residentPageCount,
                                 IOByteCount *dirtyPageCount)
{
    IOGeneralMemoryDescriptor *self = general_of(base);
    struct IOMemoryReference *reference;
    IOReturn status;

    if (general_is_physical(self)) {
        return kIOReturnNotReady;
    }
    /* No reference can be made of no bytes; the answer is known without one. */
    if (self->source.count == 0) {
        *residentPageCount = *dirtyPageCount = 0;
        return kIOReturnSuccess;
    }
    status = general_borrow_reference(self, &reference);
    if (status == kIOReturnSuccess) {
        IOMemoryReference_count(reference, residentPageCount, dirtyPageCount);
        general_return_reference(self, reference);
    }
    return status;
}
