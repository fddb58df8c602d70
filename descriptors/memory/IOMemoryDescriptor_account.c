/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions about the memory behind a descriptor: judged here, answered by the class. */
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"

#define PURGEABLE_STATE 0xFu
#define PURGEABLE_MODIFIERS                                                                        \
    (kIOMemoryPurgeableVolatileGroup7 | kIOMemoryPurgeableVolatileBehaviorLifo |                   \
     kIOMemoryPurgeableVolatileOrderingObsolete | kIOMemoryPurgeableFaultOnAccess)

/* What is not there needs nothing. */
IOReturn descriptor_hold_memory(IOMemoryDescriptor *self, bool on)
{
    (void)self, (void)on;
    return kIOReturnSuccess;
}

IOReturn descriptor_set_purgeable(IOMemoryDescriptor *self, IOOptionBits newState,
                                  IOOptionBits *oldState)
{
    (void)self, (void)newState, (void)oldState;
    return kIOReturnNotReady;
}

IOReturn descriptor_set_ownership(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                                  IOOptionBits newLedgerOptions)
{
    (void)self, (void)newOwner, (void)newLedgerTag, (void)newLedgerOptions;
    return kIOReturnNotReady;
}

IOReturn descriptor_get_page_counts(IOMemoryDescriptor *self, IOByteCount *residentPageCount,
                                    IOByteCount *dirtyPageCount)
{
    (void)self, (void)residentPageCount, (void)dirtyPageCount;
    return kIOReturnNotReady;
}

IOReturn IOMemoryDescriptor_setPurgeable(IOMemoryDescriptorRef self, IOOptionBits newState,
                                         IOOptionBits *oldState)
{
    const IOOptionBits state = newState & PURGEABLE_STATE;
    IOOptionBits former;
    IOReturn status;
    bool locked;

    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(state < kIOMemoryPurgeableKeepCurrent || state > kIOMemoryPurgeableEmpty,
                 "%u is no purgeable state", state) ||
        IOREFUSE((newState & ~(PURGEABLE_STATE | PURGEABLE_MODIFIERS)) != 0,
                 "newState %#x has undefined bits", newState)) {
        return kIOReturnBadArgument;
    }
    /* Another processor's memory is on no account here, and cannot be taken away. */
    if ((self.descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    status = IOMemoryDescriptor_methods(self.descriptor)
                 ->setPurgeable(self.descriptor, newState, &former);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    /*
     * The caller's variable changes with a success only, and may be absent: classes need not ask.
     */
    if (status == kIOReturnSuccess && oldState != NULL) {
        *oldState = former;
    }
    return status;
}

/* A user task may move its memory on its own account, but not hide it. */
static bool needs_privilege(task_t newOwner, int newLedgerTag, IOOptionBits newLedgerOptions)
{
    return (newOwner != TASK_NULL && newOwner != current_task()) ||
           (newLedgerOptions & kIOMemoryLedgerFlagNoFootprint) != 0 ||
           newLedgerTag == kIOmemoryLedgerTagNetwork;
}

IOReturn IOMemoryDescriptor_setOwnership(IOMemoryDescriptorRef self, task_t newOwner,
                                         int newLedgerTag, IOOptionBits newLedgerOptions)
{
    IOReturn status;
    bool locked;

    /* The tag indexes a ledger: judged here, where it comes in, and nowhere below. */
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(newLedgerTag < -1 || newLedgerTag > kIOMemoryLedgerTagNeural,
                 "%d is no ledger tag", newLedgerTag) ||
        IOREFUSE((newLedgerOptions & ~kIOMemoryLedgerFlagNoFootprint) != 0,
                 "newLedgerOptions %#x are undefined",
                 newLedgerOptions & ~kIOMemoryLedgerFlagNoFootprint) ||
        IOREFUSE(newOwner != TASK_NULL && get_task_map(newOwner) == NULL,
                 "the new owner is dead")) {
        return kIOReturnBadArgument;
    }
    if ((self.descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    if (current_task() != kernel_task &&
        needs_privilege(newOwner, newLedgerTag, newLedgerOptions)) {
        return kIOReturnNotPrivileged;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    status = IOMemoryDescriptor_methods(self.descriptor)
                 ->setOwnership(self.descriptor, newOwner, newLedgerTag, newLedgerOptions);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    return status;
}

IOReturn IOMemoryDescriptor_getPageCounts(IOMemoryDescriptorRef self,
                                          IOByteCount *residentPageCount,
                                          IOByteCount *dirtyPageCount)
{
    IOByteCount resident, dirty;
    IOReturn status;
    bool locked;

    if (self.descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    if ((self.descriptor->flags & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    locked = IOMemoryDescriptor_lock(self.descriptor);
    status = IOMemoryDescriptor_methods(self.descriptor)
                 ->getPageCounts(self.descriptor, &resident, &dirty);
    IOMemoryDescriptor_unlock(self.descriptor, locked);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Classes store both: what the caller has no use for is not passed on to it. */
    if (residentPageCount != NULL) {
        *residentPageCount = resident;
    }
    if (dirtyPageCount != NULL) {
        *dirtyPageCount = dirty;
    }
    return kIOReturnSuccess;
}
