/* SPDX-License-Identifier: BSD-2-Clause */
/* What all event sources share. */
#include "descriptors/IOEventSource_class.h"

/* Active unless a kind says otherwise: one that is wrongly taken for passive is never asked. */
bool source_is_passive(const IOEventSource *self)
{
    (void)self;
    return false;
}

/* No more: the loop scans again as long as one source says yes. */
bool source_check_for_work(IOEventSource *self)
{
    (void)self;
    return false;
}

void source_enable(IOEventSource *self)
{
    self->enabled = true;
    /* What came while it was disabled is still there, and nobody else would look for it. */
    IOWorkLoop_signalWorkAvailable(self->workLoop);
}

/* Nobody is told, and nothing is thrown away: what comes meanwhile waits for enable. */
void source_disable(IOEventSource *self)
{
    self->enabled = false;
}

void source_set_work_loop(IOEventSource *self, IOWorkLoop *workLoop)
{
    /*
     * Disabled by its own method, while the loop is still known: a subclass quiets its hardware
     * there.
     */
    if (workLoop == NULL) {
        IOEventSource_disable(self);
    }
    self->workLoop = workLoop;
}

void source_free(OSObject *self)
{
    OSObject_free(self);
}

const IOEventSourceClass IOEventSource_class = {
    /* Abstract: only a subclass knows what work is, so there are no instances to count. */
    .meta = {"IOEventSource", &OSObject_metaClass, sizeof(IOEventSource), NULL, source_free},
    .isPassive = source_is_passive,
    .checkForWork = source_check_for_work,
    .enable = source_enable,
    .disable = source_disable,
    .setWorkLoop = source_set_work_loop,
};

static const IOEventSourceClass *methods(const IOEventSource *self)
{
    OSObject_checkClass(&self->super, &IOEventSource_metaClass);
    return (const IOEventSourceClass *)self->super.metaClass;
}

bool IOEventSource_init(IOEventSourceRef self, OSObject *owner, IOEventSource_Action action)
{
    if (self.source == NULL || owner == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    /* Not retained: the owner holds the source, and a circle would keep both for ever. */
    self.source->owner = owner;
    self.source->action = action;
    self.source->enabled = true;
    return true;
}

void IOEventSource_enable(IOEventSourceRef self)
{
    if (self.source != NULL) {
        methods(self.source)->enable(self.source);
    }
}

void IOEventSource_disable(IOEventSourceRef self)
{
    if (self.source != NULL) {
        methods(self.source)->disable(self.source);
    }
}

bool IOEventSource_isEnabled(IOEventSourceRef self)
{
    return self.source != NULL && self.source->enabled;
}

IOWorkLoop *IOEventSource_getWorkLoop(IOEventSourceRef self)
{
    return self.source == NULL ? NULL : self.source->workLoop;
}

void IOEventSource_setWorkLoop(IOEventSourceRef self, IOWorkLoop *workLoop)
{
    if (self.source != NULL) {
        methods(self.source)->setWorkLoop(self.source, workLoop);
    }
}

IOEventSource *IOEventSource_getNext(IOEventSourceRef self)
{
    return self.source == NULL ? NULL : self.source->next;
}

void IOEventSource_setNext(IOEventSourceRef self, IOEventSource *next)
{
    if (self.source != NULL) {
        self.source->next = next;
    }
}

IOEventSource_Action IOEventSource_getAction(IOEventSourceRef self)
{
    return self.source == NULL ? NULL : self.source->action;
}

void IOEventSource_setAction(IOEventSourceRef self, IOEventSource_Action action)
{
    if (self.source != NULL) {
        self.source->action = action;
    }
}

void *IOEventSource_getRefcon(IOEventSourceRef self)
{
    return self.source == NULL ? NULL : self.source->refcon;
}

void IOEventSource_setRefcon(IOEventSourceRef self, void *refcon)
{
    if (self.source != NULL) {
        self.source->refcon = refcon;
    }
}

/* A source may be on no loop, and is asked all the same: the loop's functions take NULL. */
bool IOEventSource_onThread(IOEventSourceRef self)
{
    return IOWorkLoop_onThread(IOEventSource_getWorkLoop(self));
}

bool IOEventSource_checkForWork(IOEventSourceRef self)
{
    return self.source != NULL && methods(self.source)->checkForWork(self.source);
}

void IOEventSource_signalWorkAvailable(IOEventSourceRef self)
{
    IOWorkLoop_signalWorkAvailable(IOEventSource_getWorkLoop(self));
}

void IOEventSource_openGate(IOEventSourceRef self)
{
    IOWorkLoop_openGate(IOEventSource_getWorkLoop(self));
}

void IOEventSource_closeGate(IOEventSourceRef self)
{
    IOWorkLoop_closeGate(IOEventSource_getWorkLoop(self));
}

bool IOEventSource_tryCloseGate(IOEventSourceRef self)
{
    return IOWorkLoop_tryCloseGate(IOEventSource_getWorkLoop(self));
}

int IOEventSource_sleepGate(IOEventSourceRef self, void *event, UInt32 type)
{
    return IOWorkLoop_sleepGate(IOEventSource_getWorkLoop(self), event, type);
}

void IOEventSource_wakeupGate(IOEventSourceRef self, void *event, bool oneThread)
{
    IOWorkLoop_wakeupGate(IOEventSource_getWorkLoop(self), event, oneThread);
}
