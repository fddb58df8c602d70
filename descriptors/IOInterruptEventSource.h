/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOInterruptEventSource: an interrupt of a device, counted by the handler and delivered on
 * the work loop. A level-triggered line stays masked from the interrupt to the end of
 * its delivery; that is what autoDisable means. Without a provider it is fired by software.
 *
 * The line is off until enable. disable by the client wins over what delivery would do.
 * The count of a disabled source is kept.
 *
 * Source: the reference's IOInterruptEventSource (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOINTERRUPTEVENTSOURCE_H
#define DESCRIPTORS_IOINTERRUPTEVENTSOURCE_H

#include "descriptors/IOEventSource.h"
#include "descriptors/IOService.h"

/* The class object. */
extern const OSMetaClass IOInterruptEventSource_metaClass;

/* Types of a line. */
enum {
    kIOInterruptTypeEdge = 0,
    kIOInterruptTypeLevel = 1,
};

/* With the gate closed, once for all interrupts since the last call: count of them. */
typedef void (*IOInterruptEventSource_Action)(OSObject *owner, IOInterruptEventSource *sender,
                                              int count);

/*
 * A source for interrupt `intIndex` of the provider's "interrupts" (GIC: three cells, type,
 * number, flags), +1. provider NULL: software. NULL: kIOReturnBadArgument (no owner, a negative
 * index), kIOReturnNoInterrupt (it has no such interrupt), kIOReturnNoMemory. The initialiser is
 * for once (kIOReturnNotPermitted).
 */
IOInterruptEventSource *IOInterruptEventSource_interruptEventSource(
    OSObject *owner, IOInterruptEventSource_Action action, IOService *provider, int intIndex);
bool IOInterruptEventSource_init(IOInterruptEventSource *self, OSObject *owner,
                                 IOInterruptEventSource_Action action, IOService *provider,
                                 int intIndex);
void IOInterruptEventSource_free(IOInterruptEventSource *self);

/* As IOEventSource's. */
void IOInterruptEventSource_enable(IOInterruptEventSource *self);
void IOInterruptEventSource_disable(IOInterruptEventSource *self);
bool IOInterruptEventSource_checkForWork(IOInterruptEventSource *self);
void IOInterruptEventSource_setWorkLoop(IOInterruptEventSource *self, IOWorkLoop *workLoop);

/* One interrupt: of the line's type, edge, and level (which masks the line first). Any context. */
void IOInterruptEventSource_interruptOccurred(IOInterruptEventSource *self, void *refcon,
                                              IOService *provider, int index);
void IOInterruptEventSource_normalInterruptOccurred(IOInterruptEventSource *self, void *refcon,
                                                    IOService *provider, int index);
void IOInterruptEventSource_disableInterruptOccurred(IOInterruptEventSource *self, void *refcon,
                                                     IOService *provider, int index);

/* What it was made of. Any context. */
const IOService *IOInterruptEventSource_getProvider(const IOInterruptEventSource *self);
int IOInterruptEventSource_getIntIndex(const IOInterruptEventSource *self);
bool IOInterruptEventSource_getAutoDisable(const IOInterruptEventSource *self);

/* When the last one came, nanoseconds; 0: never; all ones: not noted. */
void IOInterruptEventSource_enablePrimaryInterruptTimestamp(IOInterruptEventSource *self,
                                                            bool enable);
uint64_t IOInterruptEventSource_getPrimaryInterruptTimestamp(const IOInterruptEventSource *self);

/* Nothing here gets faster by waiting: kIOReturnUnsupported. */
IOReturn IOInterruptEventSource_warmCPU(IOInterruptEventSource *self, uint64_t abstime);

#endif
