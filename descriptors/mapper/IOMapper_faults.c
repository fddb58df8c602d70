/* SPDX-License-Identifier: BSD-2-Clause */
/* Who hears that a device was blocked: the transfer whose memory it was, and the driver. */
#include "descriptors/IOMapper_class.h"
#include "descriptors/platform.h"

/* Of all lists: they are changed for a few instructions, and walked when something is wrong. */
static struct platform_short_lock uses_lock = PLATFORM_SHORT_LOCK("the uses of mappers");

static const IOMapperClass *methods(const IOMapper *self)
{
    OSObject_checkClass(&self->super, &IOMapper_metaClass);
    return (const IOMapperClass *)self->super.metaClass;
}

void IOMapper_setFaultHandler(IOMapper *self, IOMapper_FaultHandler handler, void *context)
{
    platform_short_state state;

    if (self == NULL) {
        return;
    }
    state = platform_short_lock(&uses_lock);
    self->faultHandler = handler;
    self->faultContext = context;
    platform_short_unlock(&uses_lock, state);
}

void IOMapper_collectFaults(IOMapper *self)
{
    if (self != NULL) {
        methods(self)->collectFaults(self);
    }
}

void IOMapper_forgetFaults(IOMapper *self)
{
    if (self != NULL) {
        methods(self)->forgetFaults(self);
    }
}

void IOMapper_addUse(IOMapper *self, struct IOMapperUse *use, uint64_t address, uint64_t length)
{
    const platform_short_state state = platform_short_lock(&uses_lock);
    const uint64_t mask = IOMapper_getPageSize(self) - 1;

    *use = (struct IOMapperUse){
        .next = self->uses,
        .link = &self->uses,
        .address = address & ~mask,
        .length = length,
    };
    if (use->next != NULL) {
        use->next->link = &use->next;
    }
    self->uses = use;
    platform_short_unlock(&uses_lock, state);
}

void IOMapper_removeUse(struct IOMapperUse *use)
{
    const platform_short_state state = platform_short_lock(&uses_lock);

    if (use->link != NULL) {
        *use->link = use->next;
        if (use->next != NULL) {
            use->next->link = use->link;
        }
        use->link = NULL;
    }
    platform_short_unlock(&uses_lock, state);
}

static bool has_address(const struct IOMapperUse *use, const IOMapperFault *fault)
{
    return fault->reason != kIOReturnOverrun && fault->address - use->address < use->length;
}

void IOMapper_deliverFault(IOMapper *self, const IOMapperFault *fault)
{
    const platform_short_state state = platform_short_lock(&uses_lock);
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
    platform_short_unlock(&uses_lock, state);
    if (handler != NULL) {
        handler(context, self, fault);
    }
}
