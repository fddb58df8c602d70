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

/* --- Engines of channels ---------------------------------------------------------------------- */

static const IODMAChannelControllerClass *methods(const IODMAController *self)
{
    return (const IODMAChannelControllerClass *)self->super.metaClass;
}

IOReturn IODMAChannelController_initDMAChannel(IODMAController *self, IOService *provider,
                                               IODMAEventSource *client, UInt32 *index,
                                               UInt32 request)
{
    IODMAChannel *channel = methods(self)->getChannel(self, request);
    platform_irq_state state;
    IOReturn status;

    (void)provider;
    if (channel == NULL) {
        return kIOReturnBadArgument;
    }
    state = platform_irq_mask();
    status = IODMAChannel_open(channel, client);
    platform_irq_restore(state);
    if (status == kIOReturnSuccess) {
        *index = request;
    }
    return status;
}

void IODMAChannelController_releaseDMAChannel(IODMAController *self, UInt32 index,
                                              IODMAEventSource *client)
{
    const platform_irq_state state = platform_irq_mask();

    (void)client;
    IODMAChannel_close(methods(self)->getChannel(self, index));
    platform_irq_restore(state);
}

/* What is held back could not end, so that it goes first. */
static bool wait_for_idle(IODMAController *self, UInt32 index, const IODMAChannel *channel,
                          uint64_t timeout)
{
    methods(self)->publish(self, index);
    return IODMAChannel_wait(channel, timeout, methods(self)->poll, self);
}

IOReturn IODMAChannelController_stopDMACommand(IODMAController *self, UInt32 index, bool flush,
                                               uint64_t timeout)
{
    const IODMAChannel *channel = methods(self)->getChannel(self, index);

    if (channel == NULL) {
        return kIOReturnBadArgument;
    }
    /* Others may have to suffer for it, by a reset for instance: not without need. */
    if (channel->count == 0) {
        return kIOReturnSuccess;
    }
    if (flush) {
        return wait_for_idle(self, index, channel, timeout) ? kIOReturnSuccess : kIOReturnTimeout;
    }
    return methods(self)->abort(self, index, timeout);
}

IOReturn IODMAChannelController_queryDMACommand(IODMAController *self, UInt32 index,
                                                IODMACommand **command, IOByteCount *moved,
                                                bool waitForIdle)
{
    const IODMAChannel *channel = methods(self)->getChannel(self, index);
    platform_irq_state state;

    if (channel == NULL) {
        return kIOReturnBadArgument;
    }
    if (waitForIdle) {
        wait_for_idle(self, index, channel, UINT64_MAX);
    }
    /* Both answers under one mask: with an end in between, the bytes would be another command's. */
    state = platform_irq_mask();
    *command = IODMAChannel_current(channel);
    *moved = *command == NULL ? 0 : methods(self)->getMoved(self, *command);
    platform_irq_restore(state);
    return kIOReturnSuccess;
}

void IODMAChannelController_publishNothing(IODMAController *self, UInt32 index)
{
    (void)self, (void)index;
}

bool IODMAChannelController_pollNothing(void *engine)
{
    (void)engine;
    return false;
}

IODMAChannel *IODMASingleController_getChannel(IODMAController *self, UInt32 index)
{
    return index == 0 ? &((IODMASingleController *)self)->channel : NULL;
}

/* --- Devices that are engines ----------------------------------------------------------------- */

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
    if (status == kIOReturnSuccess) {
        IODMAController_start(engine, device); /* both are new: it does */
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
