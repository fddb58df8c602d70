/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IODMAController: a DMA engine with numbered channels. Abstract: the engine's driver
 * subclasses it (IODMAController_class.h). Clients never call it: they own an
 * IODMAEventSource of one channel, and call that.
 *
 *     attach     client: IODMAEventSource_dmaEventSource   -> initDMAChannel
 *     transfer   client: prepare a command, then, with the gate of its work loop closed,
 *                IODMAEventSource_startDMACommand          -> startDMACommand
 *     interrupt  engine: notifyDMACommand, then completeDMACommand, exactly once each for
 *                every command that was started, also if it failed or was stopped
 *     detach     client: release the source                -> stopDMACommand, releaseDMAChannel
 *
 * Source: the reference's IODMAController (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IODMACONTROLLER_H
#define DESCRIPTORS_IODMACONTROLLER_H

#include "descriptors/IODMACommand.h"
#include "descriptors/IOWorkLoop.h"

/* The class object. */
extern const OSMetaClass IODMAController_metaClass;

/* The longest name of a controller, and the index of no channel. */
#define kIODMAControllerNameLength 24 /* bytes of a name, with its NUL */
#define kIODMAControllerNoChannel  0xFFFFFFFFu

/* "IODMAController" and eight hex digits. False: name NULL. Any context. */
bool IODMAController_createControllerName(UInt32 phandle, char name[kIODMAControllerNameLength]);

/*
 * The registered controller that the provider's "dma-parent" (cells: phandles) names: its only
 * entry, or entry dmaIndex. Not retained. NULL: kIOReturnNotFound (no such property),
 * kIOReturnBadArgument (no such entry), kIOReturnTimeout (it is not registered, and
 * nothing else can run that would register it). Thread context.
 */
IODMAController *IODMAController_getController(IOService *provider, UInt32 dmaIndex);

/* Remember the provider. Subclasses call it first. Thread context. */
bool IODMAController_start(IODMAControllerRef self, IOService *provider);

/*
 * Publish under the provider's "phandle" (else "linux,phandle"). kIOReturnNotFound: it has none;
 * kIOReturnBusy: registered already; kIOReturnExclusiveAccess: another one has the name.
 * Thread context.
 */
IOReturn IODMAController_registerDMAController(IODMAControllerRef self, IOOptionBits options);

/* For engines: a command's end, forwarded to its event source. NULL: a line on the log. Any
 * context. */
void IODMAController_notifyDMACommand(IODMAControllerRef self, IODMAEventSource *dmaES,
                                      IODMACommand *dmaCommand, IOReturn status,
                                      IOByteCount actualByteCount, AbsoluteTime timeStamp);
void IODMAController_completeDMACommand(IODMAControllerRef self, IODMAEventSource *dmaES,
                                        IODMACommand *dmaCommand);

/*
 * What an engine implements, for event sources to call; see IODMAController_class.h for what each
 * must do. One that it does not implement is kIOReturnUnsupported, 0 or false.
 */
IOReturn IODMAController_initDMAChannel(IODMAControllerRef self, IOService *provider,
                                        IODMAEventSource *dmaES, UInt32 *dmaIndex, UInt32 reqIndex);
IOReturn IODMAController_startDMACommand(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODMACommand *dmaCommand, IODirection direction,
                                         IOByteCount byteCount, IOByteCount byteOffset);
IOReturn IODMAController_stopDMACommand(IODMAControllerRef self, UInt32 dmaIndex, bool flush,
                                        uint64_t timeout);
IOReturn IODMAController_queryDMACommand(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODMACommand **dmaCommand, IOByteCount *transferCount,
                                         bool waitForIdle);
IOByteCount IODMAController_getFIFODepth(IODMAControllerRef self, UInt32 dmaIndex,
                                         IODirection direction);
IOReturn IODMAController_setFIFODepth(IODMAControllerRef self, UInt32 dmaIndex, IOByteCount depth);
IOByteCount IODMAController_validFIFODepth(IODMAControllerRef self, UInt32 dmaIndex,
                                           IOByteCount depth, IODirection direction);
IOReturn IODMAController_setFrameSize(IODMAControllerRef self, UInt32 dmaIndex, UInt8 byteCount);
IOReturn IODMAController_setDMAConfig(IODMAControllerRef self, UInt32 dmaIndex, IOService *provider,
                                      UInt32 reqIndex);
bool IODMAController_validDMAConfig(IODMAControllerRef self, UInt32 dmaIndex, IOService *provider,
                                    UInt32 reqIndex);
void IODMAController_releaseDMAChannel(IODMAControllerRef self, UInt32 dmaIndex,
                                       IODMAEventSource *dmaES);

const OSMetaClass *IODMAController_getMetaClass(IODMAControllerRef self); /* dynamic */

#endif
