/* SPDX-License-Identifier: BSD-2-Clause */
/* One client's channel: starts under the gate, ends in order on the work loop. */
#include "descriptors/IODMAEventSource.h"

#include "descriptors/IODMARecording.h"
#include "descriptors/IOEventSource_class.h"
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/platform_trace.h"
#include "descriptors/platform_wait.h"

struct IODMAEventSource {
    IOEventSource super;
    IODMAController *controller; /* retained */
    IOService *provider;         /* retained */
    IODMAEventSource_Action completion, notification;
    UInt32 channel;                    /* the engine's number */
    UInt32 started;                    /* commands that the engine has */
    struct IOCommandQueue done;        /* ends not yet delivered; handlers append */
    IODMACommand *volatile waitingFor; /* by a synchronous start */
    bool isKept; /* the last reference is gone, but not the engine's commands */
};

/* The queue is changed by handlers too. */
static IODMACommand *take_done(IODMAEventSource *self)
{
    const platform_irq_state state = platform_irq_mask();
    IOCommand *command = IOCommandQueue_take(&self->done);

    platform_irq_restore(state);
    return (IODMACommand *)command;
}

static bool dma_check(IOEventSource *base)
{
    IODMAEventSource *self = (IODMAEventSource *)base;
    IODMACommand *command;

    if (!base->enabled) {
        return false; /* what came stays in line */
    }
    command = take_done(self);
    if (command == NULL) {
        return false;
    }
    PLATFORM_TRACE(dma_end, command, command->resultBytes, command->result);
    /* One command a scan: the loop's other sources get their turn in between. */
    self->completion(base->owner, self, command, command->result, command->resultBytes,
                     command->resultTime);
    /* The reference that the start took: the client may have let go of its own since. */
    OSObject_release(command);
    return self->done.first != NULL;
}

static void dma_set_work_loop(IOEventSource *base, IOWorkLoop *workLoop)
{
    source_set_work_loop(base, workLoop);
    if (workLoop != NULL) {
        IOEventSource_enable(base); /* and look for what was completed meanwhile */
    }
}

static void dma_free(OSObject *base)
{
    IODMAEventSource_free((IODMAEventSource *)base);
}

static uint32_t instances;

OS_CLASS(IOEventSourceClass, IODMAEventSource);
const IOEventSourceClass IODMAEventSource_class = {
    .meta = {"IODMAEventSource", &IOEventSource_metaClass, sizeof(IODMAEventSource), &instances,
             dma_free},
    .isPassive = source_is_passive,
    .checkForWork = dma_check,
    .enable = source_enable,
    .disable = source_disable,
    .setWorkLoop = dma_set_work_loop,
};

static bool has_channel(const IODMAEventSource *self)
{
    return self != NULL && self->controller != NULL;
}

/* Nobody is there any more to be told of these. */
static void drop_done(IODMAEventSource *self)
{
    IODMACommand *command;

    while ((command = take_done(self)) != NULL) {
        platform_log("IODMAEventSource %p: the end of IODMACommand %p is delivered to nobody",
                     (void *)self, (void *)command);
        OSObject_release(command);
    }
}

void IODMAEventSource_free(IODMAEventSource *self)
{
    if (self == NULL) {
        return;
    }
    if (has_channel(self)) {
        /*
         * Stopped before the channel goes: the engine has commands whose memory it may still reach.
         */
        if (self->started != 0) {
            IODMAController_stopDMACommand(self->controller, self->channel, false, UINT64_MAX);
        }
        drop_done(self);
        if (self->started != 0) {
            /* Their ends come to this object whenever they come; the last of them ends it. */
            platform_log("IODMAEventSource %p: its engine does not stop; kept for %u commands",
                         (void *)self, (unsigned)self->started);
            self->isKept = true;
            return;
        }
        IODMAController_releaseDMAChannel(self->controller, self->channel, self);
    }
    IOASSERT(self->done.first == NULL && self->waitingFor == NULL);
    OSObject_release(self->controller);
    OSObject_release(self->provider);
    OSObject_free(&self->super.super);
}

static IOReturn attach(IODMAEventSource *self, IOService *provider, UInt32 request)
{
    IODMAController *controller = IODMAController_getController(provider, request);
    UInt32 channel = kIODMAControllerNoChannel;
    IOReturn status;

    if (controller == NULL) {
        return IOMemoryLastError();
    }
    status = IODMAController_initDMAChannel(controller, provider, self, &channel, request);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* It must outlive the channel; the registry holds no engine. */
    OSObject_retain(controller);
    OSObject_retain(provider);
    self->controller = controller;
    self->provider = provider;
    self->channel = channel;
    return kIOReturnSuccess;
}

bool IODMAEventSource_init(IODMAEventSource *self, OSObject *owner, IOService *provider,
                           IODMAEventSource_Action completion, IODMAEventSource_Action notification,
                           UInt32 dmaIndex)
{
    IOReturn status;

    /* Once: a second channel would leave the first with nobody to release it. */
    if (self == NULL || provider == NULL || self->controller != NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    if (!IOEventSource_init(self, owner, NULL)) {
        return false;
    }
    self->completion = completion;
    self->notification = notification;
    status = attach(self, provider, dmaIndex);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return false;
    }
    return true;
}

IODMAEventSource *IODMAEventSource_dmaEventSource(OSObject *owner, IOService *provider,
                                                  IODMAEventSource_Action completion,
                                                  IODMAEventSource_Action notification,
                                                  UInt32 dmaIndex)
{
    IODMAEventSource *self = (IODMAEventSource *)OSMetaClass_allocate(&IODMAEventSource_metaClass);

    if (self == NULL) {
        return NULL;
    }
    if (!IODMAEventSource_init(self, owner, provider, completion, notification, dmaIndex)) {
        OSObject_release(self); /* it has nothing yet whose end could fail */
        return NULL;
    }
    return self;
}

/* Give the command to the engine. It is the engine's from before the call: the end may come at
 * once. */
static IOReturn hand_over(IODMAEventSource *self, IODMACommand *command, IODirection direction,
                          IOByteCount byteCount, IOByteCount byteOffset)
{
    IOReturn status;

    if (command->active == 0) {
        IOLEDGER(used(command, ", started"));
    }
    /* Its result and its link are in use until its end has been delivered. */
    if (command->engine != NULL || IOCommand_isQueued(command)) {
        return kIOReturnBusy;
    }
    OSObject_retain(command);
    command->engine = self;
    command->result = kIOReturnInternalError; /* an engine that forgets to notify is seen */
    command->resultBytes = 0;
    command->resultTime = 0;
    command->startedBytes = byteCount;
    if (byteCount == 0 && byteOffset < command->length) {
        command->startedBytes = command->length - byteOffset;
    }
    if (command->active != 0) {
        IODMACommand_become(command, kIODMAOwnerDevice);
    }
    /* What was blocked before is not this transfer's. */
    if (command->map.fMapper != NULL) {
        IOMapper_forgetFaults(command->map.fMapper);
        command->use.hasFault = false;
        command->use.isRunning = true;
    }
    IOLEDGER(starting(command, direction == kIODirectionIn, byteOffset, byteCount));
    __atomic_add_fetch(&self->started, 1, __ATOMIC_RELAXED);
    if (platform_is_tracing()) {
        PLATFORM_TRACE(dma_start, command, command->startedBytes, direction);
        IODMARecording_command(command);
    }
    status = IODMAController_startDMACommand(self->controller, self->channel, command, direction,
                                             byteCount, byteOffset);
    if (status != kIOReturnSuccess) {
        __atomic_sub_fetch(&self->started, 1, __ATOMIC_RELAXED);
        /* Refused: no end will come that would take back what was noted for one. */
        IOLEDGER(ended(command));
        command->engine = NULL;
        if (command->active != 0) {
            IODMACommand_become(command, kIODMAOwnerPrepared);
        }
        command->use.isRunning = false;
        PLATFORM_TRACE(dma_end, command, 0, status);
        OSObject_release(command);
    } else {
        IOLEDGER(started(command));
    }
    return status;
}

/* Sleep on the gate until the engine is done with it: the transfer's status. */
static IOReturn start_and_wait(IODMAEventSource *self, IODMACommand *command, IODirection direction,
                               IOByteCount byteCount, IOByteCount byteOffset)
{
    IOReturn status;

    if (platform_in_interrupt()) {
        return kIOReturnNotPermitted;
    }
    /* One at a time: there is one place that says what is waited for. */
    if (self->waitingFor != NULL) {
        return kIOReturnBusy;
    }
    OSObject_retain(command);
    /* The loop works while this sleeps, and the owner may let go of the source meanwhile. */
    OSObject_retain(self);
    self->waitingFor = command;
    status = hand_over(self, command, direction, byteCount, byteOffset);
    if (status == kIOReturnSuccess) {
        /* The test is repeated under the mask that the sleep begins with, so no end is lost. */
        while (self->waitingFor != NULL) {
            IOWorkLoop_sleepGateWhile(self->super.workLoop, (void *)&self->waitingFor,
                                      (void *volatile *)&self->waitingFor);
        }
        status = command->result;
        PLATFORM_TRACE(dma_end, command, command->resultBytes, status);
    }
    /* After a refusal too: the next start would be told that one still waits. */
    self->waitingFor = NULL;
    OSObject_release(command);
    OSObject_release(self);
    return status;
}

IOReturn IODMAEventSource_startDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand,
                                          IODirection direction, IOByteCount byteCount,
                                          IOByteCount byteOffset)
{
    if (self == NULL || dmaCommand == NULL) {
        return kIOReturnBadArgument;
    }
    if (!has_channel(self)) {
        return kIOReturnError;
    }
    if (self->super.workLoop == NULL) {
        return kIOReturnNotReady;
    }
    /* The gate is what keeps starts in order, and apart from the delivery of ends. */
    if (!IOWorkLoop_inGate(self->super.workLoop)) {
        return kIOReturnNotPermitted;
    }
    return self->completion == NULL
               ? start_and_wait(self, dmaCommand, direction, byteCount, byteOffset)
               : hand_over(self, dmaCommand, direction, byteCount, byteOffset);
}

IOReturn IODMAEventSource_stopDMACommand(IODMAEventSource *self, bool flush, uint64_t timeout)
{
    return has_channel(self)
               ? IODMAController_stopDMACommand(self->controller, self->channel, flush, timeout)
               : kIOReturnError;
}

IOReturn IODMAEventSource_queryDMACommand(IODMAEventSource *self, IODMACommand **dmaCommand,
                                          IOByteCount *transferCount, bool waitForIdle)
{
    return has_channel(self)
               ? IODMAController_queryDMACommand(self->controller, self->channel, dmaCommand,
                                                 transferCount, waitForIdle)
               : kIOReturnError;
}

IOByteCount IODMAEventSource_getFIFODepth(IODMAEventSource *self, IODirection direction)
{
    return has_channel(self)
               ? IODMAController_getFIFODepth(self->controller, self->channel, direction)
               : 0;
}

IOReturn IODMAEventSource_setFIFODepth(IODMAEventSource *self, IOByteCount depth)
{
    return has_channel(self) ? IODMAController_setFIFODepth(self->controller, self->channel, depth)
                             : kIOReturnError;
}

IOByteCount IODMAEventSource_validFIFODepth(IODMAEventSource *self, IOByteCount depth,
                                            IODirection direction)
{
    return has_channel(self)
               ? IODMAController_validFIFODepth(self->controller, self->channel, depth, direction)
               : 0;
}

IOReturn IODMAEventSource_setFrameSize(IODMAEventSource *self, UInt8 byteCount)
{
    return has_channel(self)
               ? IODMAController_setFrameSize(self->controller, self->channel, byteCount)
               : kIOReturnError;
}

IOReturn IODMAEventSource_setDMAConfig(IODMAEventSource *self, UInt32 dmaIndex)
{
    return has_channel(self) ? IODMAController_setDMAConfig(self->controller, self->channel,
                                                            self->provider, dmaIndex)
                             : kIOReturnError;
}

bool IODMAEventSource_validDMAConfig(IODMAEventSource *self, UInt32 dmaIndex)
{
    return has_channel(self) && IODMAController_validDMAConfig(self->controller, self->channel,
                                                               self->provider, dmaIndex);
}

/* Does this source's engine have the command? An end that comes twice, or for another's, is none.
 */
static bool is_ours(const IODMAEventSource *self, const IODMACommand *command, const char *what)
{
    if (self == NULL || command == NULL || command->engine != self) {
        platform_log("IODMAEventSource %p: %s of IODMACommand %p, which it has not started",
                     (const void *)self, what, (const void *)command);
        return false;
    }
    return true;
}

/*
 * A device may call a transfer good of which the mapper has blocked a part: it has not seen
 * it. The mapper's own interrupt may come after the device's, so it is asked.
 */
static IOReturn judge_mapped(IODMACommand *command, IOReturn status)
{
    IOMapper_collectFaults(command->map.fMapper);
    command->use.isRunning = false;
    return status == kIOReturnSuccess && command->use.hasFault ? kIOReturnDMAError : status;
}

void IODMAEventSource_notifyDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand,
                                       IOReturn status, IOByteCount actualByteCount,
                                       AbsoluteTime timeStamp)
{
    if (!is_ours(self, dmaCommand, "notification")) {
        return;
    }
    /* What a device says is not trusted: a client would look at bytes that are not its own. */
    if (actualByteCount > dmaCommand->startedBytes) {
        platform_log("IODMAEventSource %p: IODMACommand %p moved %llu bytes of %llu", (void *)self,
                     (void *)dmaCommand, (unsigned long long)actualByteCount,
                     (unsigned long long)dmaCommand->startedBytes);
        actualByteCount = dmaCommand->startedBytes;
        status = kIOReturnDMAError;
    }
    if (dmaCommand->map.fMapper != NULL) {
        status = judge_mapped(dmaCommand, status);
    }
    dmaCommand->result = status;
    dmaCommand->resultBytes = actualByteCount;
    dmaCommand->resultTime = timeStamp;
    PLATFORM_TRACE(dma_notify, dmaCommand, actualByteCount, status);
    /* In the engine's context, at once: who cannot wait for the loop has asked for this. */
    if (self->notification != NULL) {
        self->notification(self->super.owner, self, dmaCommand, status, actualByteCount, timeStamp);
    }
}

/*
 * A late end for a source whose last reference is gone. Freeing is for threads: what ends in
 * a handler leaves the source, and its name is on the log already.
 */
static void end_freed(IODMAEventSource *self)
{
    if (!platform_in_interrupt()) {
        drop_done(self);
        if (self->started == 0) {
            IODMAEventSource_free(self);
        }
    }
}

void IODMAEventSource_completeDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand)
{
    platform_irq_state state;
    bool late;

    state = platform_irq_mask();
    if (!is_ours(self, dmaCommand, "completion")) {
        platform_irq_restore(state);
        return;
    }
    IOLEDGER(ended(dmaCommand));
    /* First: from here on a second end of the same command is none of this source's. */
    dmaCommand->engine = NULL;
    if (dmaCommand->active != 0) {
        IODMACommand_become(dmaCommand, kIODMAOwnerBack);
    }
    __atomic_sub_fetch(&self->started, 1, __ATOMIC_RELAXED);
    if (self->completion == NULL) {
        self->waitingFor = NULL;
        IOWorkLoop_wakeupGate(self->super.workLoop, (void *)&self->waitingFor, false);
        OSObject_release(dmaCommand); /* not the last: who waits has one */
    } else {
        /* It is in no queue any more: engines unlink a command before they tell its end. */
        IOCommandQueue_put(&self->done, dmaCommand);
        IOEventSource_signalWorkAvailable(self);
    }
    late = self->isKept;
    platform_irq_restore(state);
    if (late) {
        end_freed(self);
    }
}

bool IODMAEventSource_checkForWork(IODMAEventSource *self)
{
    return IOEventSource_checkForWork(self);
}

const OSMetaClass *IODMAEventSource_getMetaClass(const IODMAEventSource *self)
{
    return self == NULL ? NULL : self->super.super.metaClass;
}
