/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOEventSource: something that may have work for a work loop. Abstract: a subclass
 * answers checkForWork (IOEventSource_class.h). Without a loop, or on none any more, its
 * helpers do nothing and answer failure. The owner is not retained.
 *
 * Source: the reference's IOEventSource (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOEVENTSOURCE_H
#define DESCRIPTORS_IOEVENTSOURCE_H

#include "descriptors/IOWorkLoop.h"

/* The class object. */
extern const OSMetaClass IOEventSource_metaClass;

/* What the subclass calls; each has a type of its own, which it casts to and from. */
typedef void (*IOEventSource_Action)(OSObject *owner, ...);

/* The base initialiser: enabled from now on. False: no owner. */
bool IOEventSource_init(IOEventSourceRef self, OSObject *owner, IOEventSource_Action action);

/* Work is done, or waits until it is enabled again. */
void IOEventSource_enable(IOEventSourceRef self);
void IOEventSource_disable(IOEventSourceRef self);
bool IOEventSource_isEnabled(IOEventSourceRef self); /* any context */

/* The loop it is on, or NULL. setWorkLoop is for the loop: NULL takes it off, disabled. */
IOWorkLoop *IOEventSource_getWorkLoop(IOEventSourceRef self);
void IOEventSource_setWorkLoop(IOEventSourceRef self, IOWorkLoop *workLoop);

/* The loop's chain. Not retained. */
IOEventSource *IOEventSource_getNext(IOEventSourceRef self);
void IOEventSource_setNext(IOEventSourceRef self, IOEventSource *next);

/* The client's. */
IOEventSource_Action IOEventSource_getAction(IOEventSourceRef self);
void IOEventSource_setAction(IOEventSourceRef self, IOEventSource_Action action);
void *IOEventSource_getRefcon(IOEventSourceRef self);
void IOEventSource_setRefcon(IOEventSourceRef self, void *refcon);

/* The caller is in the loop's own context. Any context. */
bool IOEventSource_onThread(IOEventSourceRef self);

/* Do one piece of work, with the gate closed; true: there is more. */
bool IOEventSource_checkForWork(IOEventSourceRef self);

/* The loop's functions of these names; see IOWorkLoop.h. signalWorkAvailable: any context. */
void IOEventSource_signalWorkAvailable(IOEventSourceRef self);
void IOEventSource_openGate(IOEventSourceRef self);
void IOEventSource_closeGate(IOEventSourceRef self);
bool IOEventSource_tryCloseGate(IOEventSourceRef self);
int IOEventSource_sleepGate(IOEventSourceRef self, void *event, UInt32 type);
void IOEventSource_wakeupGate(IOEventSourceRef self, void *event, bool oneThread);

#endif
