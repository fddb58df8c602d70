/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Synchronising: copies between the descriptor and bounce memory while a preparation lasts,
 * and a copy of the whole range in place of whatever the plan had found.
 */
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IORefuse.h"

/* What a preparation holds beside the range itself, to bring back if another cannot be had. */
struct preparation {
    bool hasRuns;
    struct memory_runs runs;
    struct IODMABounce bounce;
    IOMemoryDescriptor *copy;
    IOMDDMAMapArgs map;
    IOMemoryDescriptor *mapped;
};

static void take_out(IODMACommand *self, struct preparation *kept)
{
    IOMapper_removeUse(&self->use); /* there is room for one */
    kept->hasRuns = self->hasRuns;
    kept->runs =
        self->runs; /* of one run it leads to where it will be back, and nobody asks here */
    IODMABounce_move(&kept->bounce, &self->bounce);
    kept->copy = self->copy;
    kept->map = self->map;
    kept->mapped = self->mapped;
    /* Left as nothing was: what is made next looks at these to know what is there. */
    self->hasRuns = false;
    self->map = (IOMDDMAMapArgs){0};
}

static void bring_back(IODMACommand *self, struct preparation *kept)
{
    self->hasRuns = kept->hasRuns;
    self->runs = kept->runs;
    IODMABounce_move(&self->bounce, &kept->bounce);
    self->copy = kept->copy;
    self->map = kept->map;
    self->mapped = kept->mapped;
    if (self->map.fMapper != NULL) {
        IOMapper_addUse(self->map.fMapper, &self->use, self->map.fAlloc, self->map.fAllocLength);
    }
}

/* The new preparation is made beside the old one, which stays good if that fails. */
static IOReturn double_buffer(IODMACommand *self)
{
    struct preparation old, new;
    IOReturn status = kIOReturnSuccess;

    if ((self->spec.options & kIODMAMapOptionIterateOnly) != 0) {
        return kIOReturnUnsupported;
    }
    if (self->copy != NULL) {
        return kIOReturnSuccess;
    }
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    if (IODMACommand_refuses(self, "kForceDoubleBuffer")) {
        return kIOReturnBusy;
    }
    /*
     * What the device has written to islands so far is brought home, or the whole copy would be
     * filled with the bytes from before.
     */
    if (self->direction != kIODirectionOut) {
        /* In place as well: the new copy is filled from there, by the CPU. */
        if (IODMACommand_isNonCoherent(self)) {
            status = IODMACommand_maintain(self, true);
        }
        if (status == kIOReturnSuccess) {
            status = IODMACommand_copyBounced(self, false);
        }
        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    take_out(self, &old);
    status = IODMACommand_placeWhole(self);
    if (status == kIOReturnSuccess) {
        status = IODMACommand_makeReady(self, true, true);
    }
    if (status != kIOReturnSuccess) {
        IODMACommand_letGo(self);
        bring_back(self, &old);
        return status;
    }
    /*
     * The old preparation is let go by the same function as any, which works on the command: the
     * new one steps aside for it.
     */
    take_out(self, &new);
    bring_back(self, &old);
    status = IODMACommand_letGo(self);
    bring_back(self, &new);
    IODMACommand_noteEntry(self);
    IOLEDGER(doubled(self));
    platform_barrier();
    return status;
}

IOReturn IODMACommand_synchronize(IODMACommand *self, IOOptionBits options)
{
    const IOOptionBits directions = options & kIODirectionOutIn;

    /* Both ways at once would overwrite one side with the other before it was copied. */
    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(directions == kIODirectionOutIn && (options & kForceDoubleBuffer) == 0,
                 "both directions at once, without kForceDoubleBuffer")) {
        return kIOReturnBadArgument;
    }
    if (self->active == 0) {
        IOLEDGER(used(self, ", synchronized"));
        return kIOReturnNotReady;
    }
    if (IOREFUSE((options & ~(kIODirectionOutIn | kForceDoubleBuffer)) != 0,
                 "options %#x are undefined",
                 options & ~(kIODirectionOutIn | kForceDoubleBuffer))) {
        return kIOReturnBadArgument;
    }
    if ((options & kForceDoubleBuffer) != 0) {
        return double_buffer(self);
    }
    if (directions == 0 || !IODMACommand_bounces(self)) {
        return kIOReturnSuccess;
    }
    IOLEDGER(synchronized(self, directions == kIODirectionOut));
    return IODMACommand_exchangeBounced(self, directions == kIODirectionOut);
}
