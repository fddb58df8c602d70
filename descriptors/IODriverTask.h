/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver process holds of the kernel: a table of handles for its task, what it may have at
 * most, and the system calls by which it asks. The task itself, its memory and its turn on the CPU
 * are the maker's (IODriver.h).
 *
 * A handle is a number: a slot of the task's table and the slot's generation, so that one that was
 * closed is refused for ever, whatever the slot holds by then. It carries one reference to its
 * object and counts how often the driver retained it. When the task dies its handles are closed:
 * DMA commands first, then maps, then the rest. Thread context.
 */
#ifndef DESCRIPTORS_IODRIVERTASK_H
#define DESCRIPTORS_IODRIVERTASK_H

#include "descriptors/IORPC.h"
#include "descriptors/OSObject.h"

/* A driver's task. */
typedef struct IODriverTask IODriverTask;

/* How much of each a driver may have. 0 of a member: the default. */
typedef struct {
    uint32_t handles; /* 4,096 */
    uint32_t maps;    /* 1,024 */
    uint64_t
        bufferBytes; /* 256 MiB, in whole pages, of buffers that it made, as long as they live */
} IODriverLimits;

/* How much it has, and what came to pass. */
typedef struct {
    uint32_t handles, maps;
    uint64_t bufferBytes;
    uint64_t messages; /* all that came, refused ones too */
    uint64_t refused;  /* of them */
} IODriverUsage;

/*
 * Give a task a table, which ends when the task does; limits NULL: the defaults. *driver +1, and it
 * may be asked until IODriverTask_release. kIOReturnBadArgument: no user task that lives, more than
 * 2^20 handles; kIOReturnBusy: it has one; kIOReturnNoMemory.
 */
IOReturn IODriverTask_create(task_t task, const IODriverLimits *limits, IODriverTask **driver);

/* Call this, once, when the task dies: before its handles are closed. For who makes drivers. */
void IODriverTask_onDeath(IODriverTask *self, void (*dying)(void *context), void *context);

/* NULL: no effect. */
void IODriverTask_release(IODriverTask *self);

/* That of a task, not retained; NULL: it has none. */
IODriverTask *IODriverTask_of(task_t task);

/* Numbers of now. */
void IODriverTask_getUsage(const IODriverTask *self, IODriverUsage *usage);

/*
 * Put an object into a task's table, with a reference of the handle's own. An object that is there
 * already keeps its handle, which counts once more. kIOReturnBadArgument: NULL, or a task without a
 * table; kIOReturnNoResources: it is full; kIOReturnNoMemory.
 */
IOReturn IODriverTask_grant(IODriverTask *self, OSObjectRef object, uint64_t *handle);

/* The same by the task. */
static inline IOReturn task_grant(task_t task, OSObjectRef object, uint64_t *handle)
{
    return IODriverTask_grant(IODriverTask_of(task), object, handle);
}

/* The object behind a handle, +1; NULL: it is none, or a class's. */
OSObject *IODriverTask_copyObject(IODriverTask *self, uint64_t handle);

/*
 * SYS_DK_INVOKE, RETAIN and RELEASE on behalf of a driver, with the task as the current one.
 * *replied: bytes of the reply, 0 on failure. kIOReturnOffline: the task is dead. What
 * fails has made nothing.
 */
IOReturn IODriverTask_invoke(IODriverTask *self, uint64_t request, uint64_t requestSize,
                             uint64_t reply, uint64_t replySize, uint64_t *replied);
IOReturn IODriverTask_retainHandle(IODriverTask *self, uint64_t handle);
IOReturn IODriverTask_releaseHandle(IODriverTask *self, uint64_t handle);

/*
 * A device that this driver could reach did not stop: from now on no command of its ends, and what
 * is prepared stays so for good, with a line on the log for each.
 */
void IODriverTask_keepDMA(IODriverTask *self);

/* Close all handles now, as the task's death does; more can be granted only to a task that lives.
 */
void IODriverTask_closeAll(IODriverTask *self);

#endif
