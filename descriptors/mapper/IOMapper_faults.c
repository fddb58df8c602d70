/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears that a device was blocked: the transfer whose memory it was, and the driver. */
#include "descriptors/mapper/IOMapper_private.h"

struct platform_short_lock IOMapper_usesLock = PLATFORM_SHORT_LOCK("the uses of mappers");

void IOMapper_setFaultHandler(IOMapper *self, IOMapper_FaultHandler handler, void *context)
{
    platform_short_state state;

    if (self == NULL) {
        return;
    }
    state = platform_short_lock(&IOMapper_usesLock);
    self->faultHandler = handler;
    self->faultContext = context;
    platform_short_unlock(&IOMapper_usesLock, state);
}

void IOMapper_collectFaults(IOMapper *self)
{
    if (self != NULL) {
        mapper_methods(self)->collectFaults(self);
    }
}

void IOMapper_forgetFaults(IOMapper *self)
{
    if (self != NULL) {
        mapper_methods(self)->forgetFaults(self);
    }
}

void IOMapper_addUse(IOMapper *self, struct IOMapperUse *use, uint64_t address, uint64_t length)
{
    use->address = address & ~(mapper_page_size(self) - 1);
    use->length = length;
    mapper_add_use(self, use, false);
}

void IOMapper_removeUse(struct IOMapperUse *use)
{
    if (use->link != NULL) {
        mapper_remove_use(use);
    }
}

static bool has_address(const struct IOMapperUse *use, const IOMapperFault *fault)
{
    return fault->reason != kIOReturnOverrun && fault->address - use->address < use->length;
}

void IOMapper_deliverFault(IOMapper *self, const IOMapperFault *fault)
{
    const platform_short_state state = platform_short_lock(&IOMapper_usesLock);
    const IOMapper_FaultHandler handler = self->faultHandler;
    void *const context = self->faultContext;
    bool isOwned = false;

    for (struct IOMapperUse *use = self->uses; use != NULL; use = use->next) {
        if (has_address(use, fault)) {
            use->hasFault = true;
            isOwned = true;
        }
    }
    /*
     * Beside all mappings: one of those that the device has at hand has gone astray, and none may
     * be called good that could be it.
     */
    for (struct IOMapperUse *use = self->uses; use != NULL && !isOwned; use = use->next) {
        use->hasFault = use->hasFault || use->isRunning;
    }
    platform_short_unlock(&IOMapper_usesLock, state);
    if (handler != NULL) {
        handler(context, self, fault);
    }
}
