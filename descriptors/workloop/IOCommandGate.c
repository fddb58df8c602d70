/* SPDX-License-Identifier: BSD-2-Clause */
/* Actions on request, one at a time with the loop's own. */
#include "descriptors/IOCommandGate.h"

#include "descriptors/IOEventSource_class.h"
#include "descriptors/platform.h"

struct IOCommandGate {
    IOEventSource super;
    unsigned waiters; /* for the gate to be enabled */
};

/* It has no work of its own to be asked for: actions run in the thread of who asks for them. */
static bool gate_is_passive(const IOEventSource *self)
{
    (void)self;
    return true;
}

static void gate_enable(IOEventSource *base)
{
    IOCommandGate *self = (IOCommandGate *)base;

    source_enable(base);
    /* All of them: each looks for itself whether it may go on. */
    if (self->waiters != 0) {
        IOWorkLoop_wakeupGate(base->workLoop, &self->waiters, false);
    }
}

/* Taken off its loop: who waits for it goes home with an answer. */
static void gate_set_work_loop(IOEventSource *base, IOWorkLoop *workLoop)
{
    IOCommandGate *self = (IOCommandGate *)base;
    IOWorkLoop *before = base->workLoop;

    /* First: who wakes up looks whether the gate is still on the loop that it waited for. */
    source_set_work_loop(base, workLoop);
    if (workLoop == NULL && self->waiters != 0) {
        IOWorkLoop_wakeupGate(before, &self->waiters, false);
    } else if (workLoop != NULL) {
        /* Taking it off has disabled it; put on a loop again, it is to be used. */
        base->enabled = true;
    }
}

static uint32_t instances;

OS_CLASS(IOEventSourceClass, IOCommandGate);
const IOEventSourceClass IOCommandGate_class = {
    .meta = {"IOCommandGate", &IOEventSource_metaClass, sizeof(IOCommandGate), &instances,
             source_free},
    .isPassive = gate_is_passive,
    .checkForWork = source_check_for_work,
    .enable = gate_enable,
    .disable = source_disable,
    .setWorkLoop = gate_set_work_loop,
};

bool IOCommandGate_init(IOCommandGate *self, OSObject *owner, IOCommandGate_Action action)
{
    /*
     * By way of void (*)(void), the one function type that compilers take for every other: called
     * it is as what it was.
     */
    return IOEventSource_init(self, owner, (IOEventSource_Action)(void (*)(void))action);
}

IOCommandGate *IOCommandGate_commandGate(OSObject *owner, IOCommandGate_Action action)
{
    IOCommandGate *self = (IOCommandGate *)OSMetaClass_allocate(&IOCommandGate_metaClass);

    if (self != NULL && !IOCommandGate_init(self, owner, action)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

static IOCommandGate_Action own_action(const IOCommandGate *self)
{
    return self == NULL ? NULL : (IOCommandGate_Action)(void (*)(void))self->super.action;
}

/* Until the gate is enabled; false: it was taken off its loop meanwhile. The gate is closed. */
static bool wait_until_enabled(IOCommandGate *self, IOWorkLoop *loop)
{
    while (!self->super.enabled) {
        /* Only while one sleeps: enabling wakes nobody where nobody waits. */
        self->waiters++;
        IOWorkLoop_sleepGate(loop, &self->waiters, THREAD_UNINT);
        self->waiters--;
        /* Asked after each sleep, as everything here: the world may have changed in it. */
        if (self->super.workLoop != loop) {
            return false;
        }
    }
    return true;
}

IOReturn IOCommandGate_runAction(IOCommandGate *self, IOCommandGate_Action action, void *arg0,
                                 void *arg1, void *arg2, void *arg3)
{
    IOWorkLoop *loop;
    IOReturn status = kIOReturnAborted;

    if (self == NULL || action == NULL) {
        return kIOReturnBadArgument;
    }
    loop = self->super.workLoop;
    if (loop == NULL) {
        return kIOReturnNotReady;
    }
    /* A handler cannot sleep, and would run in the middle of an action that it has interrupted. */
    if (platform_in_interrupt()) {
        return kIOReturnCannotLock;
    }
    /* Both may go while the caller waits. */
    OSObject_retain(self);
    OSObject_retain(loop);
    IOWorkLoop_closeGate(loop);
    /* The loop's own thread does not wait: whoever would enable the gate runs on it. */
    if (IOWorkLoop_onThread(loop) || wait_until_enabled(self, loop)) {
        status = action(self->super.owner, arg0, arg1, arg2, arg3);
    }
    IOWorkLoop_openGate(loop);
    OSObject_release(loop);
    OSObject_release(self);
    return status;
}

IOReturn IOCommandGate_runCommand(IOCommandGate *self, void *arg0, void *arg1, void *arg2,
                                  void *arg3)
{
    return IOCommandGate_runAction(self, own_action(self), arg0, arg1, arg2, arg3);
}

IOReturn IOCommandGate_attemptAction(IOCommandGate *self, IOCommandGate_Action action, void *arg0,
                                     void *arg1, void *arg2, void *arg3)
{
    IOWorkLoop *loop;
    IOReturn status;

    if (self == NULL || action == NULL) {
        return kIOReturnBadArgument;
    }
    loop = self->super.workLoop;
    if (loop == NULL) {
        return kIOReturnNotReady;
    }
    if (platform_in_interrupt() || !IOWorkLoop_tryCloseGate(loop)) {
        return kIOReturnCannotLock;
    }
    /* Both may go in the action. */
    OSObject_retain(self);
    OSObject_retain(loop);
    /*
     * An attempt does not wait, neither for the gate nor to be enabled: the caller may be in a
     * state that must not sleep.
     */
    status = self->super.enabled ? action(self->super.owner, arg0, arg1, arg2, arg3)
                                 : kIOReturnNotPermitted;
    IOWorkLoop_openGate(loop);
    OSObject_release(loop);
    OSObject_release(self);
    return status;
}

IOReturn IOCommandGate_attemptCommand(IOCommandGate *self, void *arg0, void *arg1, void *arg2,
                                      void *arg3)
{
    return IOCommandGate_attemptAction(self, own_action(self), arg0, arg1, arg2, arg3);
}

IOReturn IOCommandGate_commandSleepDeadline(IOCommandGate *self, void *event, AbsoluteTime deadline,
                                            UInt32 interruptible)
{
    if (self == NULL || event == NULL) {
        return kIOReturnBadArgument;
    }
    return IOWorkLoop_sleepGateDeadline(self->super.workLoop, event, deadline, interruptible);
}

IOReturn IOCommandGate_commandSleep(IOCommandGate *self, void *event, UInt32 interruptible)
{
    return IOCommandGate_commandSleepDeadline(self, event, UINT64_MAX, interruptible);
}

void IOCommandGate_commandWakeup(IOCommandGate *self, void *event, bool oneThread)
{
    IOWorkLoop_wakeupGate(self == NULL ? NULL : self->super.workLoop, event, oneThread);
}

void IOCommandGate_enable(IOCommandGate *self)
{
    IOEventSource_enable(self);
}

void IOCommandGate_disable(IOCommandGate *self)
{
    IOEventSource_disable(self);
}
