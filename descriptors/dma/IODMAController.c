/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA engines: their registry, and the doors through which event sources call them. */
#include <string.h>

#include "descriptors/IODMAController_class.h"
#include "descriptors/dma/IODMACommand_private.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IORefuse.h"

static IODMAController *registered;

/* --- The record of an engine that can do nothing --------------------------------------------- */

IOReturn controller_init_channel(IODMAController *self, IOService *provider,
                                 IODMAEventSource *dmaES, UInt32 *dmaIndex, UInt32 reqIndex)
{
    (void)self, (void)provider, (void)dmaES, (void)dmaIndex, (void)reqIndex;
    return kIOReturnUnsupported;
}

/* Refused: after a success the client would wait for an end that nothing brings. */
IOReturn controller_start_command(IODMAController *self, UInt32 dmaIndex, IODMACommand *dmaCommand,
                                  IODirection direction, IOByteCount byteCount,
                                  IOByteCount byteOffset)
{
    (void)self, (void)dmaIndex, (void)dmaCommand, (void)direction, (void)byteCount;
    (void)byteOffset;
    return kIOReturnUnsupported;
}

IOReturn controller_stop_command(IODMAController *self, UInt32 dmaIndex, bool flush,
                                 uint64_t timeout)
{
    (void)self, (void)dmaIndex, (void)flush, (void)timeout;
    return kIOReturnUnsupported;
}

IOReturn controller_query_command(IODMAController *self, UInt32 dmaIndex, IODMACommand **dmaCommand,
                                  IOByteCount *transferCount, bool waitForIdle)
{
    (void)self, (void)dmaIndex, (void)dmaCommand, (void)transferCount, (void)waitForIdle;
    return kIOReturnUnsupported;
}

IOByteCount controller_get_fifo_depth(IODMAController *self, UInt32 dmaIndex, IODirection direction)
{
    (void)self, (void)dmaIndex, (void)direction;
    return 0;
}

IOReturn controller_set_fifo_depth(IODMAController *self, UInt32 dmaIndex, IOByteCount depth)
{
    (void)self, (void)dmaIndex, (void)depth;
    return kIOReturnUnsupported;
}

IOByteCount controller_valid_fifo_depth(IODMAController *self, UInt32 dmaIndex, IOByteCount depth,
                                        IODirection direction)
{
    (void)self, (void)dmaIndex, (void)depth, (void)direction;
    return 0;
}

IOReturn controller_set_frame_size(IODMAController *self, UInt32 dmaIndex, UInt8 byteCount)
{
    (void)self, (void)dmaIndex;
    /* Told apart here as by an engine that has frames: no engine takes one of no bytes. */
    return byteCount == 0 ? kIOReturnBadArgument : kIOReturnUnsupported;
}

IOReturn controller_set_config(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                               UInt32 reqIndex)
{
    (void)self, (void)dmaIndex, (void)provider, (void)reqIndex;
    return kIOReturnUnsupported;
}

bool controller_valid_config(IODMAController *self, UInt32 dmaIndex, IOService *provider,
                             UInt32 reqIndex)
{
    (void)self, (void)dmaIndex, (void)provider, (void)reqIndex;
    return false;
}

void controller_release_channel(IODMAController *self, UInt32 dmaIndex, IODMAEventSource *dmaES)
{
    (void)self, (void)dmaIndex, (void)dmaES;
}

void controller_free(OSObject *base)
{
    IODMAController *self = (IODMAController *)base;

    /* The registry holds no references, or no engine would ever end: who ends leaves it. */
    for (IODMAController **link = &registered; *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            break;
        }
    }
    OSObject_release(self->provider);
    OSObject_free(base);
}

const IODMAControllerClass IODMAController_class = {
    .meta = {"IODMAController", &OSObject_metaClass, sizeof(IODMAController), NULL,
             controller_free},
    .initDMAChannel = controller_init_channel,
    .startDMACommand = controller_start_command,
    .stopDMACommand = controller_stop_command,
    .queryDMACommand = controller_query_command,
    CONTROLLER_WITHOUT_FIFO,
    .releaseDMAChannel = controller_release_channel,
};

static const IODMAControllerClass *methods(const IODMAController *self)
{
    OSObject_checkClass(&self->super, &IODMAController_metaClass);
    return (const IODMAControllerClass *)self->super.metaClass;
}

/* --- Names and the registry ------------------------------------------------------------------ */

bool IODMAController_createControllerName(UInt32 phandle, char name[kIODMAControllerNameLength])
{
    static const char prefix[] = "IODMAController", digits[] = "0123456789ABCDEF";

    if (name == NULL) {
        return false;
    }
    memcpy(name, prefix, sizeof(prefix) - 1);
    for (unsigned i = 0; i < 8; i++) {
        name[sizeof(prefix) - 1 + i] = digits[phandle >> (28 - 4 * i) & 0xF];
    }
    name[sizeof(prefix) - 1 + 8] = '\0';
    return true;
}

static IODMAController *find(UInt32 phandle)
{
    for (IODMAController *controller = registered; controller != NULL;
         controller = controller->next) {
        if (controller->phandle == phandle) {
            return controller;
        }
    }
    return NULL;
}

IODMAController *IODMAController_getController(IOService *provider, UInt32 dmaIndex)
{
    const UInt32 count = IOService_countCells(provider, "dma-parent");
    IODMAController *controller = NULL;
    IOReturn status = kIOReturnNotFound;
    UInt32 phandle;

    if (count != 0) {
        /* One parent serves all requests. */
        status = IOService_getCell(provider, "dma-parent", count == 1 ? 0 : dmaIndex, &phandle);
        /* Behind the last entry: the index is the caller's mistake, the property is there. */
        status = status == kIOReturnOverrun ? kIOReturnBadArgument : status;
    }
    if (status == kIOReturnSuccess) {
        controller = find(phandle);
        /*
         * The engine may still come, which elsewhere is waited for: here nobody could register it
         * meanwhile.
         */
        status = controller == NULL ? kIOReturnTimeout : kIOReturnSuccess;
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return controller;
}

bool IODMAController_start(IODMAControllerRef self, IOService *provider)
{
    /* Once: with a second provider the engine would stay listed under the first one's number. */
    if (self.controller == NULL || provider == NULL || self.controller->provider != NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    /* For the registry, which reads the phandle later; released at the end. */
    OSObject_retain(provider);
    self.controller->provider = provider;
    return true;
}

IOReturn IODMAController_registerDMAController(IODMAControllerRef self, IOOptionBits options)
{
    IODMAController *controller = self.controller;
    UInt32 phandle;

    (void)options; /* there is nobody to do it later */
    if (controller == NULL) {
        return kIOReturnBadArgument;
    }
    if (controller->isRegistered) {
        return kIOReturnBusy;
    }
    if (IOService_getCell(controller->provider, "phandle", 0, &phandle) != kIOReturnSuccess &&
        IOService_getCell(controller->provider, "linux,phandle", 0, &phandle) != kIOReturnSuccess) {
        return kIOReturnNotFound;
    }
    /* Clients find an engine by this number: of two, half of them would get the wrong one. */
    if (find(phandle) != NULL) {
        return kIOReturnExclusiveAccess;
    }
    controller->phandle = phandle;
    controller->isRegistered = true;
    /* Last: clients find it from here on, and nothing can be refused any more. */
    controller->next = registered;
    registered = controller;
    return kIOReturnSuccess;
}

/* --- The end of a command -------------------------------------------------------------------- */

void IODMAController_notifyDMACommand(IODMAControllerRef self, IODMAEventSource *dmaES,
                                      IODMACommand *dmaCommand, IOReturn status,
                                      IOByteCount actualByteCount, AbsoluteTime timeStamp)
{
    (void)self;
    IODMAEventSource_notifyDMACommand(dmaES, dmaCommand, status, actualByteCount, timeStamp);
}

void IODMAController_completeDMACommand(IODMAControllerRef self, IODMAEventSource *dmaES,
                                        IODMACommand *dmaCommand)
{
    (void)self;
    IODMAEventSource_completeDMACommand(dmaES, dmaCommand);
}

/* --- The doors ------------------------------------------------------------------------------- */

IOReturn IODMAController_initDMAChannel(IODMAControllerRef self, IOService *provider,
                                        IODMAEventSource *dmaES, UInt32 *dmaIndex, UInt32 reqIndex)
{
    if (IOREFUSE(self.controller == NULL, "self is NULL") ||
        IOREFUSE(dmaES == NULL, "dmaES is NULL") ||
        IOREFUSE(dmaIndex == NULL, "dmaIndex is NULL")) {
        return kIOReturnBadArgument;
    }
    return methods(self.controller)
        ->initDMAChannel(self.controller, provider, dmaES, dmaIndex, reqIndex);
}

/* One way, and one that the prepared descriptor allows. */
static bool may_go(const IODMACommand *command, IODirection direction)
{
    /* A descriptor that was made without a direction has none to contradict. */
    return (direction == kIODirectionIn || direction == kIODirectionOut) &&
           (command->direction == kIODirectionNone || (command->direction & direction) != 0);
}

/* A range of the preparation, and a direction of its memory's. */
static bool is_startable(const IODMACommand *command, IODirection direction, IOByteCount count,
                         IOByteCount offset)
{
    /* The offset first: behind the length, the difference would wrap and allow everything. */
    return !IOREFUSE(offset >= command->length || count > command->length - offset,
                     "byteOffset %llu + byteCount %llu is beyond the %llu bytes prepared",
                     IOULL(offset), IOULL(count), IOULL(command->length)) &&
           !IOREFUSE(!may_go(command, direction),
                     "direction %u is not one of In and Out that the memory's, %u, allows",
                     direction, command->direction);
}

IOReturn IODMAController_borrowCommand(IODMACommand *command, IODirection direction,
                                       IOByteCount byteCount, IOByteCount byteOffset)
{
    if (IOREFUSE(command == NULL, "command is NULL")) {
        return kIOReturnBadArgument;
    }
    if (command->active == 0) {
        return kIOReturnNotReady;
    }
    if (IOREFUSE(byteCount == 0, "byteCount is 0") ||
        !is_startable(command, direction, byteCount, byteOffset)) {
        return kIOReturnBadArgument;
    }
    /* No reference: the end comes in a handler as a rule, where the last one must not go. */
    __atomic_add_fetch(&command->lent, 1, __ATOMIC_RELAXED);
    IOLEDGER(starting(command, direction == kIODirectionIn, byteOffset, byteCount));
    IOLEDGER(started(command));
    return kIOReturnSuccess;
}

void IODMAController_returnCommand(IODMACommand *command)
{
    if (command != NULL) {
        __atomic_sub_fetch(&command->lent, 1, __ATOMIC_RELAXED);
        IOLEDGER(ended(command));
    }
}

struct IODMAEntry IODMAController_oneEntry(const IODMACommand *command)
{
    if (command->active == 0 || !command->isOneEntry) {
        return (struct IODMAEntry){0, 0};
    }
    return (struct IODMAEntry){command->entry, command->length};
}

IOReturn IODMAController_startDMACommand(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODMACommand *dmaCommand, IODirection direction,
                                         IOByteCount byteCount, IOByteCount byteOffset)
{
    if (IOREFUSE(self.controller == NULL, "self is NULL") ||
        IOREFUSE(dmaCommand == NULL, "dmaCommand is NULL")) {
        return kIOReturnBadArgument;
    }
    /* Before its arguments are judged: only a preparation says how long the transfer is. */
    if (dmaCommand->active == 0) {
        return kIOReturnNotReady;
    }
    if (!is_startable(dmaCommand, direction, byteCount, byteOffset)) {
        return kIOReturnBadArgument;
    }
    /*
     * All that follows, said in bytes: so no engine has to know of this, or meets an empty
     * range.
     */
    if (byteCount == 0) {
        byteCount = dmaCommand->length - byteOffset;
    }
    return methods(self.controller)
        ->startDMACommand(self.controller, dmaIndex, dmaCommand, direction, byteCount, byteOffset);
}

IOReturn IODMAController_stopDMACommand(IODMAControllerRef self, UInt32 dmaIndex, bool flush,
                                        uint64_t timeout)
{
    return self.controller == NULL
               ? kIOReturnBadArgument
               : methods(self.controller)
                     ->stopDMACommand(self.controller, dmaIndex, flush, timeout);
}

IOReturn IODMAController_queryDMACommand(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODMACommand **dmaCommand, IOByteCount *transferCount,
                                         bool waitForIdle)
{
    IODMACommand *unusedCommand;
    /* Engines may store without asking: what the caller does not want goes here. */
    IOByteCount unusedCount;

    if (self.controller == NULL) {
        return kIOReturnBadArgument;
    }
    return methods(self.controller)
        ->queryDMACommand(self.controller, dmaIndex,
                          dmaCommand == NULL ? &unusedCommand : dmaCommand,
                          transferCount == NULL ? &unusedCount : transferCount, waitForIdle);
}

IOByteCount IODMAController_getFIFODepth(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODirection direction)
{
    return self.controller == NULL
               ? 0
               : methods(self.controller)->getFIFODepth(self.controller, dmaIndex, direction);
}

IOReturn IODMAController_setFIFODepth(IODMAControllerRef self, UInt32 dmaIndex, IOByteCount depth)
{
    return self.controller == NULL
               ? kIOReturnBadArgument
               : methods(self.controller)->setFIFODepth(self.controller, dmaIndex, depth);
}

IOByteCount IODMAController_validFIFODepth(IODMAControllerRef self, UInt32 dmaIndex,
                                           IOByteCount depth, IODirection direction)
{
    return self.controller == NULL
               ? 0
               : methods(self.controller)
                     ->validFIFODepth(self.controller, dmaIndex, depth, direction);
}

IOReturn IODMAController_setFrameSize(IODMAControllerRef self, UInt32 dmaIndex, UInt8 byteCount)
{
    return self.controller == NULL
               ? kIOReturnBadArgument
               : methods(self.controller)->setFrameSize(self.controller, dmaIndex, byteCount);
}

IOReturn IODMAController_setDMAConfig(IODMAControllerRef self, UInt32 dmaIndex, IOService *provider,
                                      UInt32 reqIndex)
{
    return self.controller == NULL
               ? kIOReturnBadArgument
               : methods(self.controller)
                     ->setDMAConfig(self.controller, dmaIndex, provider, reqIndex);
}

bool IODMAController_validDMAConfig(IODMAControllerRef self, UInt32 dmaIndex, IOService *provider,
                                    UInt32 reqIndex)
{
    return self.controller != NULL &&
           methods(self.controller)->validDMAConfig(self.controller, dmaIndex, provider, reqIndex);
}

void IODMAController_releaseDMAChannel(IODMAControllerRef self, UInt32 dmaIndex,
                                       IODMAEventSource *dmaES)
{
    if (self.controller != NULL) {
        methods(self.controller)->releaseDMAChannel(self.controller, dmaIndex, dmaES);
    }
}

const OSMetaClass *IODMAController_getMetaClass(IODMAControllerRef self)
{
    return self.controller == NULL ? NULL : self.controller->super.metaClass;
}
