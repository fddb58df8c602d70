/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver processes: a program at EL0 with an address space of its own, a table of handles
 * (IODriverTask.h) and system calls (IORPC.h). One has the CPU at a time; they change where one
 * sends a message or waits, and one that does neither for too long is ended. Whatever a driver
 * does, its owner here gets an answer, and the driver can be started again.
 *
 * A program is an ELF file for AArch64, linked for fixed addresses, whose segments are whole pages
 * that are never writable and executable at once. Thread context.
 */
#ifndef DESCRIPTORS_IODRIVER_H
#define DESCRIPTORS_IODRIVER_H

#include "descriptors/IODeviceMemory.h"
#include "descriptors/IODriverTask.h"
#include "descriptors/IOService.h"

/* A driver process, from outside. */
typedef struct IODriver IODriver;

/* 0 of a member, or no structure: the default. */
typedef struct {
    IODriverLimits limits;
    uint64_t stackBytes;  /* 64 KiB; between two guards of as much */
    uint64_t nanoseconds; /* 1 s: how long it may compute between two calls */
} IODriverOptions;

/* What may be given to a driver from the start. */
#define kIODriverObjectsMost 8

/* How a driver is. */
enum {
    kIODriverRuns = 0,
    kIODriverExited,  /* by SYS_DK_EXIT; exitStatus is its word */
    kIODriverFaulted, /* it touched what it must not, or did what no code may; pc, address */
    kIODriverLooped,  /* it computed for too long; pc */
    kIODriverKilled,  /* by its owner, or with its task */
};

/* What became of it so far. */
typedef struct {
    unsigned state;        /* kIODriver... */
    int32_t exitStatus;    /* of one that exited */
    uint64_t pc, address;  /* of one that faulted */
    uint64_t savedProgram; /* the program status of its last stop: bits 3:2, its level, are 0 */
    uint64_t turns;        /* how often it had the CPU */
    uint64_t bytesWritten; /* to the console */
    IODriverUsage usage;
} IODriverStatus;

/*
 * A driver of this program, which is copied; it runs when it is given turns. *driver +1, for
 * IODriver_release. kIOReturnBadArgument: no ELF file as above, or options out of range;
 * kIOReturnNoMemory, kIOReturnNoResources. Nothing is left after a failure.
 */
IOReturn IODriver_create(const void *program, uint64_t size, const IODriverOptions *options,
                         IODriver **driver);

/*
 * End it as IODriver_kill does, if it still runs, and let go of it. NULL: no effect. Not for whom
 * IODriver_turn or IODriver_runAll calls on the way.
 */
void IODriver_release(IODriver *self);

/*
 * An object that its driver_main is given, in the order of the calls: descriptors, maps, DMA
 * commands, services. kIOReturnBusy: it has begun to run; kIOReturnNoSpace: it has as many as it
 * can be given; else as IODriverTask_grant.
 */
IOReturn IODriver_give(IODriver *self, OSObjectRef object);

/* A device that a driver works with. */
typedef struct {
    IOService *service;          /* with a mapper in front ("iommu-parent"), which is required */
    IODeviceMemory *registers;   /* whole pages, to be read and written; NULL: none */
    int interrupt;               /* a line of the controller, level-triggered; -1: none */
    bool (*stop)(void *context); /* no byte is moved any more; false: it would not */
    void *context;
} IODriverDevice;

/*
 * Give it a device: the service as an object, as IODriver_give, and its registers as the next one;
 * SYS_DK_WAIT with the service's handle waits for the interrupt; when the driver ends, however it
 * does, stop is called before its memory goes. kIOReturnNotPermitted: no mapper, so that the device
 * would reach all memory; kIOReturnBusy: it has a device already, or runs, or the line has a
 * handler.
 */
IOReturn IODriver_giveDevice(IODriver *self, const IODriverDevice *device);

/* How it is. */
void IODriver_getStatus(const IODriver *self, IODriverStatus *status);

/* Its table; NULL for NULL. */
IODriverTask *IODriver_getTable(const IODriver *self);
task_t IODriver_getTask(const IODriver *self); /* TASK_NULL once it has ended */

/*
 * End it: its device is stopped, then all that it has is given back. Ended already: no effect. In
 * its own turn, by somebody whom its message calls: when that is served.
 */
void IODriver_kill(IODriver *self);

/*
 * One turn: what it waits for is looked at, and if that has come it runs until its next call,
 * which is served. True: it did; false: it waits, or has ended.
 */
bool IODriver_turn(IODriver *self);

/*
 * Turns for all drivers that run, one after another, until none does (kIOReturnSuccess) or the
 * time is over (kIOReturnTimeout; UINT64_MAX: never). Sleeps while all wait.
 */
IOReturn IODriver_runAll(uint64_t nanoseconds);

#endif
