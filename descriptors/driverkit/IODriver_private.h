/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a driver process. */
#ifndef DESCRIPTORS_DRIVERKIT_IODRIVER_PRIVATE_H
#define DESCRIPTORS_DRIVERKIT_IODRIVER_PRIVATE_H

#include "descriptors/IODriver.h"
#include "descriptors/platform_process.h"
#include "descriptors/platform_wait.h"

/* What driver_main is given of an object: its handle, and what kind of proxy stands for it. */
enum {
    kIODriverKindOther = 0,
    kIODriverKindDescriptor,
    kIODriverKindBuffer,
    kIODriverKindMap,
    kIODriverKindCommand,
    kIODriverKindService,
};

struct IODriverGift {
    uint64_t handle, kind;
};

/* What its next turn finds. */
enum driver_standing {
    DRIVER_READY = 0,
    DRIVER_RUNS, /* its turn is not over */
    DRIVER_WAITS,
    DRIVER_DOOMED, /* killed in its turn, at whose end it ends */
    DRIVER_DIED,   /* its task, of something else */
    DRIVER_ENDED,  /* nothing is left of it but what became of it */
};

struct IODriver {
    IODriver *next; /* of all */
    task_t task;    /* TASK_NULL once it has ended */
    IODriverTask *table;
    uint64_t *registers; /* the thread's */
    struct platform_thread *thread;
    uint64_t limit; /* nanoseconds between two calls */
    enum driver_standing standing;
    IODriverStatus status;

    uint64_t gifts; /* address of their table in the task, which ends with its stack */
    unsigned given;

    IODriverDevice device; /* service NULL: none */
    uint64_t deviceHandle;
    unsigned interrupts; /* since it last asked; the handler's */

    /* While it waits. */
    bool forDevice;
    uint64_t deadline; /* platform_now's */
};

/*
 * Show a program's segments in a task. *entry: where it begins. kIOReturnBadArgument: it is none;
 * kIOReturnNoMemory. What was shown goes with the task.
 */
IOReturn IODriver_load(task_t task, const uint8_t *program, uint64_t size, uint64_t *entry);

/* A system call that is no message, answered if there is an answer now. */
void IODriver_call(IODriver *self);

/* It waits: has come what it waits for? And tell it so. */
bool IODriver_isDue(const IODriver *self);
void IODriver_endWait(IODriver *self);

/* Why it ended; everything goes. */
void IODriver_end(IODriver *self, unsigned state);

#endif
