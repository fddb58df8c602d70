/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOCommandGate: runs actions with the gate of its work loop closed, on request. Not for
 * interrupt handlers.
 *
 * Source: the reference's IOCommandGate (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOCOMMANDGATE_H
#define DESCRIPTORS_IOCOMMANDGATE_H

#include "descriptors/IOEventSource.h"

/* The class object. */
extern const OSMetaClass IOCommandGate_metaClass;

/* Run with the gate closed; its result is runAction's. */
typedef IOReturn (*IOCommandGate_Action)(OSObject *owner, void *arg0, void *arg1, void *arg2,
                                         void *arg3);

/* A gate for this owner, which is not retained, +1. action may be NULL. NULL: no owner,
 * kIOReturnNoMemory. */
IOCommandGate *IOCommandGate_commandGate(OSObject *owner, IOCommandGate_Action action);
bool IOCommandGate_init(IOCommandGate *self, OSObject *owner, IOCommandGate_Action action);

/*
 * Run an action, or the gate's own. A disabled gate is waited for, unless the caller is in the
 * loop's context. kIOReturnBadArgument: no action; kIOReturnNotReady: on no loop;
 * kIOReturnAborted: it was taken off its loop while the caller waited; else the action's result.
 */
IOReturn IOCommandGate_runAction(IOCommandGate *self, IOCommandGate_Action action, void *arg0,
                                 void *arg1, void *arg2, void *arg3);
IOReturn IOCommandGate_runCommand(IOCommandGate *self, void *arg0, void *arg1, void *arg2,
                                  void *arg3);

/* The same without waiting: kIOReturnCannotLock: the gate is taken; kIOReturnNotPermitted:
 * disabled. */
IOReturn IOCommandGate_attemptAction(IOCommandGate *self, IOCommandGate_Action action, void *arg0,
                                     void *arg1, void *arg2, void *arg3);
IOReturn IOCommandGate_attemptCommand(IOCommandGate *self, void *arg0, void *arg1, void *arg2,
                                      void *arg3);

/*
 * Sleep on the gate, which the caller holds: IOWorkLoop_sleepGate's results. event NULL:
 * kIOReturnBadArgument.
 */
IOReturn IOCommandGate_commandSleep(IOCommandGate *self, void *event, UInt32 interruptible);
IOReturn IOCommandGate_commandSleepDeadline(IOCommandGate *self, void *event, AbsoluteTime deadline,
                                            UInt32 interruptible);
void IOCommandGate_commandWakeup(IOCommandGate *self, void *event, bool oneThread);

/* disable is for those who hold the gate; enable wakes who waits for it. */
void IOCommandGate_enable(IOCommandGate *self);
void IOCommandGate_disable(IOCommandGate *self);

#endif
