/* SPDX-License-Identifier: BSD-2-Clause */
/* Driver processes: made, given turns, and ended, whatever they are in the middle of. */
#include "descriptors/IODriverKit.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/driverkit/IODriverTask_private.h"
#include "descriptors/driverkit/IODriver_private.h"

#define NANOSECONDS_DEFAULT 1000000000ull
#define STACK_DEFAULT       0x10000ull
#define STACK_MOST          0x10000000ull

/* The stack's end: far from where programs are linked and maps are placed. */
#define STACK_END 0x7f0000000000ull

static IODriver *drivers; /* all of them, in the order in which they have their turns */

/* A row of guard, stack and guard. */
static IOReturn make_stack(IODriver *self, uint64_t bytes)
{
    const uint64_t start = STACK_END - bytes;
    kern_return_t status =
        platform_task_load(self->task, start, bytes, NULL, 0, VM_PROT_READ | VM_PROT_WRITE);

    if (status == KERN_SUCCESS) {
        status = platform_task_load(self->task, start - bytes, bytes, NULL, 0, VM_PROT_NONE);
    }
    if (status == KERN_SUCCESS) {
        status = platform_task_load(self->task, STACK_END, bytes, NULL, 0, VM_PROT_NONE);
    }
    self->gifts = STACK_END - kIODriverObjectsMost * sizeof(struct IODriverGift);
    return status == KERN_SUCCESS    ? kIOReturnSuccess
           : status == KERN_NO_SPACE ? kIOReturnBadArgument /* the program lies there */
                                     : kIOReturnNoMemory;
}

/*
 * Its task dies, of whatever, which is noted: first the device is stopped, since what its commands
 * have prepared is given to others once they are completed.
 */
static void take_device(void *context)
{
    IODriver *const self = context;
    const IODriverDevice device = self->device;

    if (self->standing != DRIVER_ENDED) {
        self->standing = DRIVER_DIED;
    }
    if (device.service == NULL) {
        return;
    }
    platform_interrupt_detach((unsigned)device.interrupt, self); /* -1: it has none */
    if (!device.stop(device.context)) {
        IODriverTask_keepDMA(self->table);
    }
    self->device = (IODriverDevice){.interrupt = -1};
    OSObject_release(device.service);
}

static IOReturn set_up(IODriver *self, const void *program, uint64_t size,
                       const IODriverOptions *options)
{
    uint64_t entry = 0;
    IOReturn status;

    if (platform_task_create(&self->task) != KERN_SUCCESS) {
        self->task = TASK_NULL;
        return kIOReturnNoMemory;
    }
    status = IODriverTask_create(self->task, &options->limits, &self->table);
    if (status == kIOReturnSuccess) {
        IODriverTask_onDeath(self->table, take_device, self);
        status = IODriver_load(self->task, program, size, &entry);
    }
    if (status == kIOReturnSuccess) {
        status = make_stack(self, options->stackBytes);
    }
    if (status == kIOReturnSuccess &&
        platform_thread_create(self->task, entry, self->gifts, 0, self->gifts, &self->thread) !=
            KERN_SUCCESS) {
        status = kIOReturnNoMemory;
    }
    if (status == kIOReturnSuccess) {
        self->registers = platform_thread_registers(self->thread);
    }
    return status;
}

IOReturn IODriver_create(const void *program, uint64_t size, const IODriverOptions *options,
                         IODriver **driver)
{
    IODriverOptions asked = options != NULL ? *options : (IODriverOptions){.stackBytes = 0};
    IODriver *self, **last = &drivers;
    IOReturn status;

    if (driver == NULL) {
        return kIOReturnBadArgument;
    }
    *driver = NULL;
    asked.stackBytes = asked.stackBytes != 0 ? round_page(asked.stackBytes) : STACK_DEFAULT;
    if (asked.stackBytes == 0 || asked.stackBytes > STACK_MOST) {
        return kIOReturnBadArgument;
    }
    self = platform_alloc(sizeof(*self));
    if (self == NULL) {
        return kIOReturnNoMemory;
    }
    self->limit = asked.nanoseconds != 0 ? asked.nanoseconds : NANOSECONDS_DEFAULT;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = self;
    status = set_up(self, program, size, &asked);
    if (status != kIOReturnSuccess) {
        IODriver_release(self);
        return status;
    }
    *driver = self;
    return kIOReturnSuccess;
}

static bool has_begun(const IODriver *self)
{
    return self->status.turns != 0;
}

/* Where its program is, as long as there is one that has run. */
static void note_stop(const IODriver *self, IODriverStatus *status)
{
    struct platform_stopped stopped;

    if (self->thread != NULL && has_begun(self)) {
        platform_thread_stopped(self->thread, &stopped);
        status->pc = stopped.pc;
        status->address = stopped.address;
        status->savedProgram = stopped.state;
    }
}

void IODriver_end(IODriver *self, unsigned state)
{
    const task_t task = self->task;

    if (task == TASK_NULL) {
        return;
    }
    self->status.state = state;
    self->standing = DRIVER_ENDED;
    self->task = TASK_NULL;
    platform_task_terminate(task);
    platform_task_release(task);
    note_stop(self, &self->status);
    platform_thread_free(self->thread);
    self->thread = NULL;
    self->registers = NULL;
}

void IODriver_kill(IODriver *self)
{
    if (self == NULL) {
        return;
    }
    /* By somebody whom its own message calls: that is served to its end first. */
    if (self->standing == DRIVER_RUNS || self->standing == DRIVER_DOOMED) {
        self->standing = DRIVER_DOOMED;
        return;
    }
    IODriver_end(self, kIODriverKilled);
}

void IODriver_release(IODriver *self)
{
    IODriver **link = &drivers;

    if (self == NULL) {
        return;
    }
    IODriver_end(self, kIODriverKilled);
    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
    IODriverTask_release(self->table);
    platform_free(self);
}

/* What a proxy of it has to be; by the first of its classes that has one. */
static uint64_t kind_of(OSObjectRef object)
{
    if (OSDynamicCast(IOBufferMemoryDescriptor, object.object) != NULL) {
        return kIODriverKindBuffer;
    }
    if (OSDynamicCast(IOMemoryDescriptor, object.object) != NULL) {
        return kIODriverKindDescriptor;
    }
    if (OSDynamicCast(IOMemoryMap, object.object) != NULL) {
        return kIODriverKindMap;
    }
    if (OSDynamicCast(IODMACommand, object.object) != NULL) {
        return kIODriverKindCommand;
    }
    return OSDynamicCast(IOService, object.object) != NULL ? kIODriverKindService
                                                           : kIODriverKindOther;
}

/* How many its driver_main begins with; where they are, it has known from its creation on. */
static void pass_gifts(IODriver *self)
{
    self->registers[0] = self->given;
}

static IOReturn give(IODriver *self, OSObjectRef object, uint64_t *handle)
{
    struct IODriverGift gift = {.kind = kind_of(object)};
    IOReturn status;

    if (self == NULL || object.object == NULL || gift.kind == kIODriverKindOther) {
        return kIOReturnBadArgument;
    }
    if (has_begun(self) || self->task == TASK_NULL) {
        return kIOReturnBusy;
    }
    if (self->given == kIODriverObjectsMost) {
        return kIOReturnNoSpace;
    }
    status = IODriverTask_grant(self->table, object, &gift.handle);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (platform_user_write(get_task_map(self->task), self->gifts + self->given * sizeof(gift),
                            &gift, sizeof(gift)) != KERN_SUCCESS) {
        IODriverTask_releaseHandle(self->table, gift.handle);
        return kIOReturnNoResources;
    }
    self->given++;
    pass_gifts(self);
    *handle = gift.handle;
    return kIOReturnSuccess;
}

IOReturn IODriver_give(IODriver *self, OSObjectRef object)
{
    uint64_t handle;

    return give(self, object, &handle);
}

/* The line is masked by its own handler: it stays up until the driver has answered its device. */
static void count_interrupt(void *context)
{
    IODriver *const self = context;

    self->interrupts++;
    platform_interrupt_enable((unsigned)self->device.interrupt, self, false);
}

static IOReturn check_device(const IODriver *self, const IODriverDevice *device)
{
    IOMapper *mapper;

    if (self == NULL || device == NULL || device->service == NULL || device->stop == NULL) {
        return kIOReturnBadArgument;
    }
    if (self->device.service != NULL || has_begun(self) || self->task == TASK_NULL) {
        return kIOReturnBusy;
    }
    mapper = IOMapper_copyMapperForDevice(device->service);
    OSObject_release(mapper);
    return mapper != NULL ? kIOReturnSuccess : kIOReturnNotPermitted;
}

/* Take back what was given since then; before it has begun. */
static void take_back(IODriver *self, unsigned given)
{
    while (self->given > given) {
        struct IODriverGift gift;

        self->given--;
        if (platform_user_read(get_task_map(self->task), self->gifts + self->given * sizeof(gift),
                               &gift, sizeof(gift)) == KERN_SUCCESS) {
            IODriverTask_releaseHandle(self->table, gift.handle);
        }
    }
    pass_gifts(self);
}

/* Device memory has no direction, by which it would only be read: a window says otherwise. */
static IOReturn give_registers(IODriver *self, IODeviceMemory *registers)
{
    IOSubMemoryDescriptor *window;
    IOReturn status;
    uint64_t handle;

    if (registers == NULL) {
        return kIOReturnSuccess;
    }
    window = IOSubMemoryDescriptor_withSubRange(
        registers, 0, IOMemoryDescriptor_getLength(registers), kIODirectionOutIn);
    if (window == NULL) {
        return IOMemoryLastError();
    }
    status = give(self, window, &handle);
    OSObject_release(window); /* the table has its own */
    return status;
}

/* Alone on it: closed until a driver at EL0 has answered, it would be so for others, too. */
static IOReturn attach(IODriver *self, int line)
{
    const kern_return_t status =
        line >= 0 ? platform_interrupt_attach((unsigned)line, false, count_interrupt, self)
                  : KERN_SUCCESS;

    return status == KERN_SUCCESS             ? kIOReturnSuccess
           : status == KERN_NO_SPACE          ? kIOReturnBusy
           : status == KERN_RESOURCE_SHORTAGE ? kIOReturnNoMemory
                                              : kIOReturnBadArgument;
}

IOReturn IODriver_giveDevice(IODriver *self, const IODriverDevice *device)
{
    IOReturn status = check_device(self, device);
    unsigned given;

    if (status != kIOReturnSuccess) {
        return status;
    }
    given = self->given;
    status = give(self, device->service, &self->deviceHandle);
    if (status == kIOReturnSuccess) {
        status = give_registers(self, device->registers);
    }
    if (status == kIOReturnSuccess) {
        self->device.interrupt = device->interrupt; /* its handler may run at once */
        status = attach(self, device->interrupt);
    }
    if (status != kIOReturnSuccess) {
        take_back(self, given);
        return status;
    }
    self->device = *device;
    OSObject_retain(device->service);
    return kIOReturnSuccess;
}

void IODriver_getStatus(const IODriver *self, IODriverStatus *status)
{
    if (status == NULL) {
        return;
    }
    *status = (IODriverStatus){.state = kIODriverKilled};
    if (self != NULL) {
        *status = self->status;
        note_stop(self, status);
        IODriverTask_getUsage(self->table, &status->usage);
    }
}

IODriverTask *IODriver_getTable(const IODriver *self)
{
    return self != NULL ? self->table : NULL;
}

task_t IODriver_getTask(const IODriver *self)
{
    return self != NULL ? self->task : TASK_NULL;
}

/* It has come back: serve its call, or end it. */
static void serve(IODriver *self, enum platform_stop stop)
{
    uint64_t *const x = self->registers;
    IODriverAnswer answer;

    if (stop != PLATFORM_STOP_CALL) {
        if (stop != PLATFORM_STOP_BLOCKED) { /* of which the next turn tries again */
            IODriver_end(self, stop == PLATFORM_STOP_TIME ? kIODriverLooped : kIODriverFaulted);
        }
        return;
    }
    if (x[8] != SYS_DK_INVOKE) {
        IODriver_call(self);
        return;
    }
    answer = IODriverTask_serve(self->table, x[0], x[1], x[2], x[3]);
    x[0] = answer.status;
    x[1] = answer.replied;
}

/* It is not just ready: what is in the way, and is it out of it now? */
static bool may_go_on(IODriver *self)
{
    if (self->standing == DRIVER_DIED) {
        IODriver_end(self, kIODriverKilled);
    }
    if (self->standing != DRIVER_WAITS || !IODriver_isDue(self)) {
        return false;
    }
    IODriver_endWait(self);
    return true;
}

bool IODriver_turn(IODriver *self)
{
    if (self == NULL || (self->standing != DRIVER_READY && !may_go_on(self))) {
        return false;
    }
    self->standing = DRIVER_RUNS;
    self->status.turns++;
    serve(self, platform_thread_run(self->thread, self->limit));
    if (self->standing == DRIVER_RUNS) {
        self->standing = DRIVER_READY;
    } else if (self->standing == DRIVER_DOOMED) {
        IODriver_end(self, kIODriverKilled);
    }
    return true;
}

/* When the first of those that wait wants to be told that nothing came. */
static uint64_t first_deadline(uint64_t end)
{
    for (const IODriver *driver = drivers; driver != NULL; driver = driver->next) {
        if (driver->standing == DRIVER_WAITS && driver->deadline < end) {
            end = driver->deadline;
        }
    }
    return end;
}

static bool any_is_due(void)
{
    for (const IODriver *driver = drivers; driver != NULL; driver = driver->next) {
        if (driver->standing != DRIVER_ENDED &&
            (driver->standing != DRIVER_WAITS || IODriver_isDue(driver))) {
            return true;
        }
    }
    return false;
}

IOReturn IODriver_runAll(uint64_t nanoseconds)
{
    const uint64_t now = platform_now();
    const uint64_t end = nanoseconds > UINT64_MAX - now ? UINT64_MAX : now + nanoseconds;

    for (;;) {
        bool ran = false, runs = false;

        for (IODriver *driver = drivers; driver != NULL; driver = driver->next) {
            ran |= IODriver_turn(driver);
            runs |= driver->standing != DRIVER_ENDED;
        }
        if (!runs) {
            return kIOReturnSuccess;
        }
        if (platform_now() >= end) {
            return kIOReturnTimeout;
        }
        if (!ran) {
            const platform_irq_state before = platform_irq_mask();

            if (!any_is_due()) {
                platform_wait(first_deadline(end));
            }
            platform_irq_restore(before);
        }
    }
}
