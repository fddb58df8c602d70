/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOWorkLoop: a gate, and the event sources whose work is done with it closed. What an
 * interrupt handler only notes is done here, in thread context, one action at a time.
 *
 * There are no threads: a loop runs when somebody calls runEventSources, and whoever
 * sleeps on a gate meanwhile runs the sources of all loops. The gate is recursive.
 * Thread context, unless it says otherwise.
 *
 * Source: the reference's IOWorkLoop (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOWORKLOOP_H
#define DESCRIPTORS_IOWORKLOOP_H

#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass IOWorkLoop_metaClass;

/* Time in nanoseconds since start, and a point in it. */
typedef uint64_t AbsoluteTime;

/* What runs a loop; with no threads, only something to compare. */
typedef const void *IOThread;

/* Done with the gate closed; its result is runAction's. */
typedef IOReturn (*IOWorkLoop_Action)(OSObject *target, void *arg0, void *arg1, void *arg2,
                                      void *arg3);

/* How a sleep on the gate ended. */
enum {
    THREAD_AWAKENED = 0,
    THREAD_TIMED_OUT = 1,
    THREAD_INTERRUPTED = 2,
    THREAD_RESTART = 3, /* it did not begin: the gate is not held, or there is no event */
};

/* Kinds of sleep; all the same here. */
enum {
    THREAD_UNINT = 0,
    THREAD_INTERRUPTIBLE = 1,
    THREAD_ABORTSAFE = 2,
};

/* Options of a loop; accepted, without effect. */
enum {
    kPreciousStack = 1,
    kTimeLockPanics = 2,
};

/* A loop, +1; NULL: kIOReturnNoMemory, kIOReturnBadArgument (an unknown option). */
IOWorkLoop *IOWorkLoop_workLoop(void);
IOWorkLoop *IOWorkLoop_workLoopWithOptions(IOOptionBits options);

/* The initialiser behind them. */
bool IOWorkLoop_init(IOWorkLoop *self);

/*
 * Take a source, retained; it is asked for work from now on. kIOReturnExclusiveAccess: it is on
 * another loop; kIOReturnBadArgument: NULL.
 */
IOReturn IOWorkLoop_addEventSource(IOWorkLoop *self, IOEventSourceRef source);

/* Let go of it, disabled. kIOReturnBadArgument: it is not on this loop. */
IOReturn IOWorkLoop_removeEventSource(IOWorkLoop *self, IOEventSourceRef source);

/* Do all work that there is, with the gate closed. False: the loop is being freed. */
bool IOWorkLoop_runEventSources(IOWorkLoop *self);

/* Run an action with the gate closed: its result. kIOReturnBadArgument: no action. */
IOReturn IOWorkLoop_runAction(IOWorkLoop *self, IOWorkLoop_Action action, OSObject *target,
                              void *arg0, void *arg1, void *arg2, void *arg3);

/* The caller holds the gate; it is the loop's own context; what that is. Any context. */
bool IOWorkLoop_inGate(const IOWorkLoop *self);
bool IOWorkLoop_onThread(const IOWorkLoop *self);
IOThread IOWorkLoop_getThread(const IOWorkLoop *self);

/* All sources of the loop, or those of interrupts alone. */
void IOWorkLoop_enableAllEventSources(IOWorkLoop *self);
void IOWorkLoop_disableAllEventSources(IOWorkLoop *self);
void IOWorkLoop_enableAllInterrupts(IOWorkLoop *self);
void IOWorkLoop_disableAllInterrupts(IOWorkLoop *self);

/* A diagnostic of the reference; accepted, without effect. */
void IOWorkLoop_setMaximumLockTime(IOWorkLoop *self, uint64_t interval, uint32_t options);

/* There is work: look at the sources again. Any context. */
void IOWorkLoop_signalWorkAvailable(IOWorkLoop *self);

/* The gate. closeGate waits for nobody, as there is nobody else; tryCloseGate is true. */
void IOWorkLoop_closeGate(IOWorkLoop *self);
void IOWorkLoop_openGate(IOWorkLoop *self);
bool IOWorkLoop_tryCloseGate(IOWorkLoop *self);

/*
 * Open the gate, all levels of it, until wakeupGate names the same event, and close it again.
 * Meanwhile the sources of all loops are run. THREAD_AWAKENED, THREAD_TIMED_OUT, or
 * THREAD_RESTART at once, with a line on the log: the gate is not held, or event is NULL.
 */
int IOWorkLoop_sleepGate(IOWorkLoop *self, void *event, UInt32 interuptibleType);
int IOWorkLoop_sleepGateDeadline(IOWorkLoop *self, void *event, AbsoluteTime deadline,
                                 UInt32 interuptibleType);

/*
 * This project's: sleepGate, but not at all, or no longer, once *condition is NULL, which a handler
 * may make it. Test and sleep are one: an end that comes between them is not slept through.
 */
int IOWorkLoop_sleepGateWhile(IOWorkLoop *self, void *event, void *volatile *condition);

/* Wake one sleeper on the event, the latest, or all. event NULL: no effect, a line on the log. Any
 * context. */
void IOWorkLoop_wakeupGate(IOWorkLoop *self, void *event, bool oneThread);

const OSMetaClass *IOWorkLoop_getMetaClass(const IOWorkLoop *self); /* dynamic */

#endif
