/* SPDX-License-Identifier: BSD-2-Clause */
/* What engines have in common: the book of a channel, and being a device of one's own. */
#include "descriptors/IODMAController_class.h"
#include "descriptors/IOService.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/platform_wait.h"

IOReturn IODMAChannel_open(IODMAChannel *self, IODMAEventSource *client)
{
    if (client == NULL) {
        return kIOReturnBadArgument;
    }
    /* One client: the end of a command names nobody, and goes to whoever has the channel. */
    if (self->client != NULL) {
        return kIOReturnNoChannels;
    }
    self->client = client;
    return kIOReturnSuccess;
}

void IODMAChannel_close(IODMAChannel *self)
{
    /* Who is freed has stopped the engine; a command left over would name a client that is gone. */
    IOASSERT(self->count == 0);
    self->client = NULL;
}

IOReturn IODMAChannel_take(IODMAChannel *self, IODMACommand *command)
{
    if (!IOCommandQueue_put(&self->started, command)) {
        return kIOReturnBusy;
    }
    self->count++;
    if (self->count > self->most) {
        self->most = self->count;
    }
    return kIOReturnSuccess;
}

void IODMAChannel_refuse(IODMAChannel *self, IODMACommand *command)
{
    if (IOCommandQueue_remove(&self->started, command)) {
        self->count--;
    }
}

void IODMAChannel_end(IODMAChannel *self, IODMAController *engine, IODMACommand *command,
                      IOReturn status, IOByteCount actualByteCount)
{
    /* Out first: its link is the event source's next, and its client may start it again at once. */
    if (!IOCommandQueue_remove(&self->started, command)) {
        return;
    }
    self->count--;
    IODMAController_notifyDMACommand(engine, self->client, command, status, actualByteCount,
                                     platform_now());
    IODMAController_completeDMACommand(engine, self->client, command);
}

IODMACommand *IODMAChannel_current(const IODMAChannel *self)
{
    return (IODMACommand *)self->started.first;
}

bool IODMAChannel_wait(const IODMAChannel *self, uint64_t timeout, bool (*poll)(void *context),
                       void *context)
{
    const uint64_t now = platform_now();
    /* A sum that wraps would be a deadline long past, and no wait at all. */
    const uint64_t deadline = timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX;
    const platform_irq_state state = platform_irq_mask();

    /* Tested and slept under one mask: an end in between ends the sleep at once. */
    while (self->count != 0 && (deadline == UINT64_MAX || platform_now() < deadline)) {
        if (poll == NULL || !poll(context)) {
            platform_wait(deadline);
        }
    }
    platform_irq_restore(state);
    return self->count == 0;
}

IOReturn IODMASingleController_initDMAChannel(IODMAController *self, IOService *provider,
                                              IODMAEventSource *client, UInt32 *index,
                                              UInt32 request)
{
    IOReturn status;

    (void)provider;
    /* The number that the device tree gives with "dmas"; the controller's caller has checked the
     * rest. */
    if (request != 0) {
        return kIOReturnBadArgument;
    }
    status = IODMAChannel_open(&((IODMASingleController *)self)->channel, client);
    if (status == kIOReturnSuccess) {
        *index = 0;
    }
    return status;
}

void IODMASingleController_releaseDMAChannel(IODMAController *self, UInt32 index,
                                             IODMAEventSource *client)
{
    (void)index, (void)client;
    IODMAChannel_close(&((IODMASingleController *)self)->channel);
}

IODMAController *IODMAController_withOwnService(const OSMetaClass *metaClass, const char *name,
                                                UInt32 identity, IOService **service)
{
    IOService *device = IOService_withReader(name, NULL, NULL);
    IODMAController *engine = (IODMAController *)OSMetaClass_allocate(metaClass);
    IOReturn status = kIOReturnNoMemory;

    *service = NULL;
    if (device != NULL && engine != NULL) {
        status = IOService_setCell(device, "phandle", identity);
    }
    if (status == kIOReturnSuccess) {
        status = IOService_setCell(device, "dma-parent", identity);
    }
    /* After its properties: registering reads the number from the provider that this gives it. */
    if (status == kIOReturnSuccess && !IODMAController_start(engine, device)) {
        status = kIOReturnInternalError;
    }
    if (status == kIOReturnSuccess) {
        status = IODMAController_registerDMAController(engine, 0);
    }
    if (status != kIOReturnSuccess) {
        OSObject_release(engine);
        OSObject_release(device);
        IOMemory_fail(status);
        return NULL;
    }
    *service = device;
    return engine;
}
