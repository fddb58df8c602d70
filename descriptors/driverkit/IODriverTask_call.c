/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages from a driver: in by one copy, handles made objects, to the class, objects made handles,
 * and out. What fails on the way leaves nothing behind.
 */
#include "descriptors/driverkit/IODriverTask_private.h"
#include "descriptors/driverkit/IORPC_check.h"

/* What a sender says of itself is none of its business. */
#define FLAGS_OF_OURS (kIORPCMessageKernel | kIORPCMessageRemote | kIORPCMessageError)

/* The class objects that messages may be sent to, and how those are routed. */
static const struct {
    uint64_t handle;
    kern_return_t (*route)(const IORPC *rpc, unsigned method);
} statics[] = {
    {kIORPCHandleIOMemoryDescriptor, IOMemoryDescriptor_MetaClass_route},
    {kIORPCHandleIOBufferMemoryDescriptor, IOBufferMemoryDescriptor_MetaClass_route},
    {kIORPCHandleIODMACommand, IODMACommand_MetaClass_route},
};

#define STATICS (sizeof(statics) / sizeof(statics[0]))

static bool is_class(uint64_t handle)
{
    return handle != 0 && handle <= STATICS; /* 1, 2 and 3: their places in the table, plus 1 */
}

static uint64_t *references_of(IORPCMessage *message)
{
    return (uint64_t *)(message + 1);
}

static void drop_references(const uint64_t *first, const uint64_t *end)
{
    while (first != end) {
        OSObject_release((OSObject *)*first++);
    }
}

/* References [first, end) become objects, each with a reference, or none does. */
static IOReturn make_objects(IODriverTask *self, uint64_t *first, const uint64_t *end)
{
    for (uint64_t *reference = first; reference != end; reference++) {
        OSObject *object;

        if (*reference == 0) {
            continue;
        }
        /* A class's is for messages to it: as an argument it would be taken for an object. */
        object = IOHandleTable_copy(&self->table, *reference);
        if (object == NULL) {
            drop_references(first, reference);
            return kIOReturnBadArgument;
        }
        *reference = (uint64_t)object;
    }
    return kIOReturnSuccess;
}

/*
 * The reply that a handler has written, to the driver: the object in it becomes a handle, and its
 * reference the table's, or is released.
 */
static inline IOReturn deliver(IODriverTask *self, const IORPCMethod *method, uint64_t to)
{
    uint64_t *const made = references_of((IORPCMessage *)self->reply);

    if (method->replyRefs != 0) {
        OSObject *const object = (OSObject *)*made;
        const IOReturn status = IODriverTask_install(self, object, made);

        if (status != kIOReturnSuccess) {
            OSObject_release(object);
            return status;
        }
    }
    if (platform_user_write(self->map, to, self->reply, method->reply) == KERN_SUCCESS) {
        return kIOReturnSuccess;
    }
    if (method->replyRefs != 0) {
        IODriverTask_releaseHandle(self, *made);
    }
    return kIOReturnVMError;
}

/* To a class, or the object that the first reference is now; the task is the current one. */
static inline IOReturn dispatch(IODriverTask *self, uint64_t target, const IORPCMethod *method)
{
    const task_t before = current_task();
    IOReturn status;

    platform_set_current_task(self->task);
    status = is_class(target)
                 ? statics[target - 1].route(&self->call, IORPC_indexOf(method))
                 : IORPC_route((OSObject *)*references_of((IORPCMessage *)self->request),
                               &self->call, IORPC_indexOf(method));
    platform_set_current_task(before);
    return status;
}

/* The request comes in, once: what is checked from here on is what is used. */
static inline IOReturn receive(IODriverTask *self, uint64_t request, uint64_t requestSize,
                               uint64_t replySize)
{
    IORPCMessage *const message = (IORPCMessage *)self->request;

    if (requestSize > kIORPCMessageMost || replySize > kIORPCMessageMost - requestSize) {
        return kIOReturnMessageTooLarge;
    }
    if (requestSize < sizeof(*message)) {
        return kIOReturnIPCError;
    }
    self->call.sendSize = (uint32_t)requestSize;
    self->call.replySize = (uint32_t)replySize;
    if (platform_user_read(self->map, request, message, requestSize) != KERN_SUCCESS) {
        return kIOReturnVMError;
    }
    message->flags &= ~(uint64_t)FLAGS_OF_OURS;
    return message->objectRefs == 0 ||
                   message->objectRefs > (self->call.sendSize - sizeof(*message)) / sizeof(uint64_t)
               ? kIOReturnIPCError
               : kIOReturnSuccess;
}

/* What it asks for, and the reply. */
static inline IOReturn carry_out(IODriverTask *self, const IORPCMethod *method, uint64_t reply)
{
    IORPCMessage *const message = (IORPCMessage *)self->request;
    const uint64_t target = *references_of(message);
    uint64_t *const first = references_of(message) + (is_class(target) ? 1 : 0);
    const uint64_t *const end = references_of(message) + message->objectRefs;
    IOReturn status;

    if (target == 0) {
        return kIOReturnBadArgument;
    }
    status = make_objects(self, first, end);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = dispatch(self, target, method);
    if (status == kIOReturnSuccess) {
        status = deliver(self, method, reply); /* there is one: it has succeeded */
    }
    drop_references(first, end);
    return status;
}

IODriverAnswer IODriverTask_serve(IODriverTask *self, uint64_t request, uint64_t requestSize,
                                  uint64_t reply, uint64_t replySize)
{
    const IORPCMethod *method = NULL;
    IOReturn status;

    self->messages++;
    status = receive(self, request, requestSize, replySize);
    if (status == kIOReturnSuccess) {
        method = IORPCMethod_find(((IORPCMessage *)self->request)->msgid);
        status = carry_out(self, method, reply);
    }
    if (status != kIOReturnSuccess) {
        self->refused++;
        return (IODriverAnswer){.status = (uint32_t)status};
    }
    return (IODriverAnswer){.status = kIOReturnSuccess, .replied = method->reply};
}

IOReturn IODriverTask_invoke(IODriverTask *self, uint64_t request, uint64_t requestSize,
                             uint64_t reply, uint64_t replySize, uint64_t *replied)
{
    IODriverAnswer answer = {.status = (uint32_t)kIOReturnOffline};

    if (self == NULL || replied == NULL) {
        return kIOReturnBadArgument;
    }
    if (self->task != TASK_NULL) {
        answer = IODriverTask_serve(self, request, requestSize, reply, replySize);
    }
    *replied = answer.replied;
    return (IOReturn)answer.status;
}

IOReturn IODriverTask_retainHandle(IODriverTask *self, uint64_t handle)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return is_class(handle) ? kIOReturnSuccess : IOHandleTable_retain(&self->table, handle);
}

IOReturn IODriverTask_releaseHandle(IODriverTask *self, uint64_t handle)
{
    OSObject *object;
    IOReturn status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    if (is_class(handle)) {
        return kIOReturnSuccess;
    }
    status = IOHandleTable_release(&self->table, handle, &object);
    if (object != NULL) {
        self->maps -= object->metaClass == OSTypeID(IOMemoryMap);
        OSObject_release(object);
    }
    return status;
}
