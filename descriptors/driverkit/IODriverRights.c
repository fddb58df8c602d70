/* SPDX-License-Identifier: BSD-2-Clause */
/* Rights and room of the task that calls. */
#include "descriptors/driverkit/IODriverRights.h"

#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/buffer/IOBufferCreator.h"
#include "descriptors/driverkit/IODriverTask_private.h"

/* Says whose a buffer is, and how much of the driver's room it takes. */
struct IODriverCharge {
    OSObject super;
    IODriverTask *driver; /* retained; NULL: the kernel's own, which has no limit */
    uint64_t bytes;
};

static void charge_free(OSObject *object)
{
    struct IODriverCharge *self = (struct IODriverCharge *)object;

    if (self->driver != NULL) {
        self->driver->bufferBytes -= self->bytes;
        OSObject_release(&self->driver->super);
    }
    OSObject_free(object);
}

static uint32_t instances;

typedef struct IODriverCharge IODriverCharge;
OS_CLASS(OSMetaClass, IODriverCharge);
const OSMetaClass IODriverCharge_class = {"IODriverCharge", &OSObject_metaClass,
                                          sizeof(IODriverCharge), &instances, charge_free};

bool IODriverRights_caller(IODriverTask **driver)
{
    const task_t task = current_task();

    *driver = task == kernel_task ? NULL : IODriverTask_of(task);
    return task == kernel_task || *driver != NULL;
}

IOReturn IODriverRights_charge(uint64_t bytes, OSObject **charge)
{
    IODriverCharge *self;
    IODriverTask *driver;
    OSObject *object;

    if (!IODriverRights_caller(&driver)) {
        return kIOReturnNotReady;
    }
    if (driver != NULL && bytes > driver->limits.bufferBytes - driver->bufferBytes) {
        return kIOReturnNoResources;
    }
    object = OSMetaClass_allocate(&IODriverCharge_class);
    self = (IODriverCharge *)object;
    if (self == NULL) {
        return kIOReturnNoMemory;
    }
    if (driver != NULL) {
        OSObject_retain(&driver->super);
        driver->bufferBytes += bytes;
    }
    self->driver = driver;
    self->bytes = bytes;
    *charge = object;
    return kIOReturnSuccess;
}

IOReturn IODriverRights_checkMaps(void)
{
    IODriverTask *driver;

    if (!IODriverRights_caller(&driver)) {
        return kIOReturnNotReady;
    }
    return driver != NULL && driver->maps >= driver->limits.maps ? kIOReturnNoResources
                                                                 : kIOReturnSuccess;
}

bool IODriverRights_isCreator(IOMemoryDescriptor *memory)
{
    IOBufferMemoryDescriptor *const buffer = OSDynamicCast(IOBufferMemoryDescriptor, memory);
    OSObject *const creator = buffer != NULL ? IOBufferMemoryDescriptor_getCreator(buffer) : NULL;
    IODriverTask *driver;

    return creator != NULL && creator->metaClass == &IODriverCharge_class &&
           IODriverRights_caller(&driver) && ((IODriverCharge *)creator)->driver == driver;
}

bool IODriverRights_mayWrite(IOMemoryDescriptor *memory)
{
    return (memory->flags & kIODirectionIn) != 0 || IODriverRights_isCreator(memory);
}

bool IODriverRights_mayTransfer(IOMemoryDescriptor *memory)
{
    return current_task() == kernel_task || IODriverRights_isCreator(memory) ||
           (IOMemoryDescriptor_getDirection(memory) & kIODirectionOutIn) != kIODirectionNone;
}

bool IODriverRights_ownsPages(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    const task_t task = current_task();

    return task == kernel_task ||
           IOMemoryDescriptor_methods(memory)->ownsPages(memory, offset, offset + length, task);
}

bool IODriverRights_mayStore(IOMemoryDescriptor *memory)
{
    return current_task() == kernel_task || IODriverRights_mayWrite(memory);
}
