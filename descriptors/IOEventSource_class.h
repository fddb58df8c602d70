/* SPDX-License-Identifier: BSD-2-Clause */
/* For kinds of event sources: what a subclass of IOEventSource provides. */
#ifndef DESCRIPTORS_IOEVENTSOURCE_CLASS_H
#define DESCRIPTORS_IOEVENTSOURCE_CLASS_H

#include "descriptors/IOEventSource.h"
#include "descriptors/OSObject_class.h"

struct IOEventSource {
    OSObject super;
    IOEventSource *next;
    OSObject *owner; /* not retained */
    IOEventSource_Action action;
    void *refcon;
    IOWorkLoop *workLoop; /* not retained: the loop retains its sources */
    bool enabled;
};

typedef struct {
    OSMetaClass meta;
    /* It does no work by itself, and is kept out of the loop's scan. */
    bool (*isPassive)(const IOEventSource *self);
    bool (*checkForWork)(IOEventSource *self);
    void (*enable)(IOEventSource *self);
    void (*disable)(IOEventSource *self);
    void (*setWorkLoop)(IOEventSource *self, IOWorkLoop *workLoop);
} IOEventSourceClass;

OS_CLASS(IOEventSourceClass, IOEventSource);

/* The base implementations, for the records of subclasses. */
bool source_is_passive(const IOEventSource *self) OS_METHOD(IOEventSource, isPassive); /* false */
bool source_check_for_work(IOEventSource *self) OS_METHOD(IOEventSource, checkForWork);
void source_enable(IOEventSource *self) OS_METHOD(IOEventSource, enable);
void source_disable(IOEventSource *self) OS_METHOD(IOEventSource, disable);
void source_set_work_loop(IOEventSource *self, IOWorkLoop *workLoop)
    OS_METHOD(IOEventSource, setWorkLoop);
void source_free(OSObject *self) OS_METHOD(IOEventSource, free);

#endif
