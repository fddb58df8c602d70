/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver's table, from its task's birth to its death. */
#include "descriptors/driverkit/IODriverTask_private.h"

#define HANDLES_DEFAULT 4096
#define MAPS_DEFAULT    1024
#define BUFFERS_DEFAULT (256ull << 20)

static IODriverTask *drivers; /* whose tasks live; each with a reference of the list's */

static void forget(IODriverTask *self)
{
    IODriverTask **link = &drivers;

    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
}

/* All that is left; what an object uses it holds, so that the order does not matter. */
static void close_others(IODriverTask *self)
{
    OSObject *object;
    uint32_t from = 0;

    while ((object = IOHandleTable_takeNext(&self->table, NULL, &from)) != NULL) {
        OSObject_release(object);
    }
}

/*
 * A command that is let go of completes what it has prepared itself, unless somebody else holds it:
 * then it is completed now, for its driver is not there to do it. Where a device did not stop, none
 * may end: its pages would be given to others under it.
 */
static void close_commands(IODriverTask *self)
{
    const task_t before = current_task();
    OSObject *object;
    uint32_t from = 0;

    /* By its own rights: what the kernel has prepared is not its driver's to complete. */
    platform_set_current_task(self->task);
    while ((object = IOHandleTable_takeNext(&self->table, OSTypeID(IODMACommand), &from)) != NULL) {
        IODMACommand *const command = (IODMACommand *)object;
        const bool active =
            IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL) == kIOReturnSuccess;

        if (active && self->keepsDMA) {
            platform_log("a driver's command %p is kept with its memory for good: its device did "
                         "not stop",
                         (const void *)command);
            continue;
        }
        IODMACommand_CompleteDMA_Impl(command, kIODMACommandCompleteDMANoOptions);
        OSObject_release(object);
    }
    platform_set_current_task(before);
}

void IODriverTask_closeAll(IODriverTask *self)
{
    if (self == NULL) {
        return;
    }
    close_commands(self);
    close_others(self);
    self->maps = 0;
}

static void died(void *context)
{
    IODriverTask *self = context;

    if (self->dying != NULL) {
        self->dying(self->dyingContext);
    }
    IODriverTask_closeAll(self);
    forget(self);
    self->task = TASK_NULL;
    self->map = NULL;
    OSObject_release(&self->super); /* the list's */
}

static void driver_free(OSObject *object)
{
    IODriverTask *self = (IODriverTask *)object;

    /* The list holds each one whose task lives: this one's is dead, and the table is empty. */
    IOHandleTable_free(&self->table);
    OSObject_free(object);
}

static uint32_t instances;

OS_CLASS(OSMetaClass, IODriverTask);
const OSMetaClass IODriverTask_class = {"IODriverTask", &OSObject_metaClass, sizeof(IODriverTask),
                                        &instances, driver_free};

IODriverTask *IODriverTask_of(task_t task)
{
    IODriverTask *self = drivers;

    while (self != NULL && self->task != task) {
        self = self->next;
    }
    return self;
}

IOReturn IODriverTask_create(task_t task, const IODriverLimits *limits, IODriverTask **driver)
{
    static const IODriverLimits none = {0};
    OSObject *object;
    IODriverTask *self;

    if (driver == NULL) {
        return kIOReturnBadArgument;
    }
    *driver = NULL;
    limits = limits != NULL ? limits : &none;
    if (task == kernel_task || get_task_map(task) == NULL || limits->handles > IOHANDLES_MOST) {
        return kIOReturnBadArgument;
    }
    if (IODriverTask_of(task) != NULL) {
        return kIOReturnBusy;
    }
    object = OSMetaClass_allocate(&IODriverTask_class);
    self = (IODriverTask *)object;
    if (self == NULL) {
        return kIOReturnNoMemory;
    }
    self->task = task;
    self->map = get_task_map(task);
    self->call = (IORPC){.message = (IORPCMessage *)self->request,
                         .reply = (IORPCMessage *)self->reply,
                         .kernelContent = (IORPCMessage *)self->request};
    self->limits = (IODriverLimits){
        .handles = limits->handles != 0 ? limits->handles : HANDLES_DEFAULT,
        .maps = limits->maps != 0 ? limits->maps : MAPS_DEFAULT,
        .bufferBytes = limits->bufferBytes != 0 ? limits->bufferBytes : BUFFERS_DEFAULT,
    };
    self->watch = (struct platform_task_watch){.died = died, .context = self};
    self->next = drivers;
    drivers = self;
    OSObject_retain(object);
    platform_task_watch(task, &self->watch);
    *driver = self;
    return kIOReturnSuccess;
}

void IODriverTask_onDeath(IODriverTask *self, void (*dying)(void *context), void *context)
{
    self->dying = dying;
    self->dyingContext = context;
}

void IODriverTask_release(IODriverTask *self)
{
    OSObject_release(self != NULL ? &self->super : NULL);
}

void IODriverTask_keepDMA(IODriverTask *self)
{
    if (self != NULL) {
        self->keepsDMA = true;
    }
}

void IODriverTask_getUsage(const IODriverTask *self, IODriverUsage *usage)
{
    if (usage == NULL) {
        return;
    }
    *usage = (IODriverUsage){0};
    if (self != NULL) {
        *usage = (IODriverUsage){.handles = self->table.used,
                                 .maps = self->maps,
                                 .bufferBytes = self->bufferBytes,
                                 .messages = self->messages,
                                 .refused = self->refused};
    }
}

IOReturn IODriverTask_install(IODriverTask *self, OSObject *object, uint64_t *handle)
{
    const uint32_t before = self->table.used;
    const IOReturn status = IOHandleTable_add(&self->table, object, self->limits.handles, handle);

    if (status == kIOReturnSuccess && self->table.used != before &&
        object->metaClass == OSTypeID(IOMemoryMap)) {
        self->maps++;
    }
    return status;
}

IOReturn IODriverTask_grant(IODriverTask *self, OSObjectRef object, uint64_t *handle)
{
    IOReturn status;

    if (self == NULL || self->task == TASK_NULL || object.object == NULL || handle == NULL) {
        return kIOReturnBadArgument;
    }
    OSObject_retain(object.object);
    status = IODriverTask_install(self, object.object, handle);
    if (status != kIOReturnSuccess) {
        OSObject_release(object.object);
    }
    return status;
}

OSObject *IODriverTask_copyObject(IODriverTask *self, uint64_t handle)
{
    return self != NULL ? IOHandleTable_copy(&self->table, handle) : NULL;
}
