/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IODMAEventSource: one client's use of one channel of a DMA controller. Transfers are
 * started with the gate of its work loop closed; their ends arrive there, in the order in
 * which the engine completed them.
 *
 * With a completion function it is asynchronous: start returns at once, the function is
 * called on the loop. Without, it is synchronous: start sleeps on the gate until the end,
 * and returns the transfer's status.
 *
 * Source: the reference's IODMAEventSource (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IODMAEVENTSOURCE_H
#define DESCRIPTORS_IODMAEVENTSOURCE_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IODMAController.h"
#include "descriptors/IOEventSource.h"

/* The class object. */
extern const OSMetaClass IODMAEventSource_metaClass;

/*
 * completion: on the work loop, with the gate closed. notification: at once, in the engine's
 * context, perhaps an interrupt handler's. actualByteCount: bytes that were moved.
 */
typedef void (*IODMAEventSource_Action)(OSObject *owner, IODMAEventSource *dmaES,
                                        IODMACommand *dmaCommand, IOReturn status,
                                        IOByteCount actualByteCount, AbsoluteTime timeStamp);
typedef IODMAEventSource_Action IODMAEventAction;

/*
 * A source for request dmaIndex of the provider, +1; its controller is retained. NULL:
 * kIOReturnBadArgument (no owner, no provider), what IODMAController_getController or
 * initDMAChannel says, kIOReturnNoMemory. Thread context.
 */
IODMAEventSource *IODMAEventSource_dmaEventSource(OSObject *owner, IOService *provider,
                                                  IODMAEventSource_Action completion,
                                                  IODMAEventSource_Action notification,
                                                  UInt32 dmaIndex);
bool IODMAEventSource_init(IODMAEventSource *self, OSObject *owner, IOService *provider,
                           IODMAEventSource_Action completion, IODMAEventSource_Action notification,
                           UInt32 dmaIndex);

/*
 * What the last release does: outstanding transfers are stopped, ends not yet delivered are
 * dropped with a line on the log, the channel is given back.
 */
void IODMAEventSource_free(IODMAEventSource *self);

/*
 * Start bytes [byteOffset, + byteCount) of the prepared range; byteCount 0: to its end. The
 * gate must be closed. kIOReturnNotReady: not prepared, or on no loop; kIOReturnNotPermitted: the
 * gate is open; kIOReturnBadArgument: outside the preparation, a direction that the
 * descriptor does not allow, or none or both; kIOReturnBusy: the command is started already, or a
 * synchronous start waits; else the engine's. After an error nothing is pending. Asynchronous:
 * any context; synchronous: thread context, the result is the transfer's.
 */
IOReturn IODMAEventSource_startDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand,
                                          IODirection direction, IOByteCount byteCount,
                                          IOByteCount byteOffset);

/*
 * Stop all of the channel; each command ends with kIOReturnAborted. flush: let what the engine
 * holds reach memory first. timeout: nanoseconds; all ones: none. kIOReturnTimeout: the transfer
 * goes on. Thread context.
 */
IOReturn IODMAEventSource_stopDMACommand(IODMAEventSource *self, bool flush, uint64_t timeout);

/* The current command, not retained, and the bytes it has moved; pointers may be NULL. waitForIdle:
 * after all are done; thread context. */
IOReturn IODMAEventSource_queryDMACommand(IODMAEventSource *self, IODMACommand **dmaCommand,
                                          IOByteCount *transferCount, bool waitForIdle);

/* The engine's answers; without a channel kIOReturnError, 0 and false. */
IOByteCount IODMAEventSource_getFIFODepth(IODMAEventSource *self, IODirection direction);
IOReturn IODMAEventSource_setFIFODepth(IODMAEventSource *self, IOByteCount depth);
IOByteCount IODMAEventSource_validFIFODepth(IODMAEventSource *self, IOByteCount depth,
                                            IODirection direction);
IOReturn IODMAEventSource_setFrameSize(IODMAEventSource *self, UInt8 byteCount);
IOReturn IODMAEventSource_setDMAConfig(IODMAEventSource *self, UInt32 dmaIndex);
bool IODMAEventSource_validDMAConfig(IODMAEventSource *self, UInt32 dmaIndex);

/*
 * For the engine: the result, and then the end, each once for a started command. More bytes
 * than were started are cut to these, with a line and kIOReturnDMAError. Any context.
 */
void IODMAEventSource_notifyDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand,
                                       IOReturn status, IOByteCount actualByteCount,
                                       AbsoluteTime timeStamp);
void IODMAEventSource_completeDMACommand(IODMAEventSource *self, IODMACommand *dmaCommand);

/* As IOEventSource's: deliver one end; true: there are more. */
bool IODMAEventSource_checkForWork(IODMAEventSource *self);

const OSMetaClass *IODMAEventSource_getMetaClass(const IODMAEventSource *self); /* dynamic */

#endif
