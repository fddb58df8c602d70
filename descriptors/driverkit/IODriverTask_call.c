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
    kern_return_t (*dispatch)(IORPC rpc);
} statics[] = {
    {kIORPCHandleIOMemoryDescriptor, IOMemoryDescriptor_MetaClass_Dispatch},
    {kIORPCHandleIOBufferMemoryDescriptor, IOBufferMemoryDescriptor_MetaClass_Dispatch},
    {kIORPCHandleIODMACommand, IODMACommand_MetaClass_Dispatch},
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

static void drop_references(uint64_t *references, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        OSObject_release((OSObject *)references[i]);
    }
}

/* References [first, count) become objects, each with a reference, or none does. */
static IOReturn make_objects(IODriverTask *self, uint64_t *references, uint64_t first,
                             uint64_t count)
{
    for (uint64_t i = first; i < count; i++) {
        OSObject *object = NULL;

        if (references[i] != 0) {
            /* A class's is for messages to it: as an argument it would be taken for an object. */
            object = IOHandleTable_copy(&self->table, references[i]);
            if (object == NULL) {
                drop_references(references + first, i - first);
                return kIOReturnBadArgument;
            }
        }
        references[i] = (uint64_t)object;
    }
    return kIOReturnSuccess;
}

/* Take back what was installed of a reply. */
static void remove_handles(IODriverTask *self, const uint64_t *handles, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (handles[i] != 0) {
            IODriverTask_releaseHandle(self, handles[i]);
        }
    }
}

/* Objects of a reply become handles, and their references the table's. Or all of them are released.
 */
static IOReturn make_handles(IODriverTask *self, uint64_t *references, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        OSObject *const object = (OSObject *)references[i];
        uint64_t handle = 0;
        IOReturn status = kIOReturnSuccess;

        if (object != NULL) {
            status = IODriverTask_install(self, object, &handle);
        }
        if (status != kIOReturnSuccess) {
            remove_handles(self, references, i);
            drop_references(references + i, count - i);
            return status;
        }
        references[i] = handle;
    }
    return kIOReturnSuccess;
}

/* The reply that a handler has written: its objects into the table, and it to the driver. */
static IOReturn deliver(IODriverTask *self, const IORPCMethod *method, uint64_t to)
{
    IORPCMessage *const reply = (IORPCMessage *)self->reply;
    IOReturn status = method->replyRefs == 0
                          ? kIOReturnSuccess
                          : make_handles(self, references_of(reply), method->replyRefs);

    if (status == kIOReturnSuccess &&
        platform_user_write(self->map, to, reply, method->reply) != KERN_SUCCESS) {
        remove_handles(self, references_of(reply), method->replyRefs);
        status = kIOReturnVMError;
    }
    return status;
}

/* To whom it is for, with the driver's task as the current one. */
static IOReturn dispatch(IODriverTask *self, uint64_t target)
{
    const task_t before = current_task();
    IOReturn status;

    platform_set_current_task(self->task);
    if (is_class(target)) {
        status = statics[target - 1].dispatch(self->call);
    } else {
        status =
            IORPC_route((OSObject *)references_of((IORPCMessage *)self->request)[0], &self->call);
    }
    platform_set_current_task(before);
    return status;
}

static IOReturn serve(IODriverTask *self, uint64_t request, uint32_t requestSize, uint64_t reply,
                      uint32_t replySize, uint64_t *replied)
{
    IORPCMessage *const message = (IORPCMessage *)self->request;
    uint64_t *const references = references_of(message);
    const IORPCMethod *method;
    uint64_t target, count, first;
    IOReturn status;

    self->call.sendSize = requestSize;
    self->call.replySize = replySize;
    /* Once: what is checked below is what is used. */
    if (platform_user_read(self->map, request, message, requestSize) != KERN_SUCCESS) {
        return kIOReturnVMError;
    }
    message->flags &= ~(uint64_t)FLAGS_OF_OURS;
    count = message->objectRefs;
    if (count == 0 || count > (requestSize - sizeof(*message)) / sizeof(uint64_t)) {
        return kIOReturnIPCError;
    }
    target = references[0];
    if (target == 0) {
        return kIOReturnBadArgument;
    }
    first = is_class(target) ? 1 : 0;
    status = make_objects(self, references, first, count);
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = dispatch(self, target);
    if (status == kIOReturnSuccess) {
        method = IORPCMethod_find(message->msgid); /* there is one: it has succeeded */
        status = deliver(self, method, reply);
        *replied = status == kIOReturnSuccess ? method->reply : 0;
    }
    drop_references(references + first, count - first);
    return status;
}

IOReturn IODriverTask_invoke(IODriverTask *self, uint64_t request, uint64_t requestSize,
                             uint64_t reply, uint64_t replySize, uint64_t *replied)
{
    uint64_t bytes;
    IOReturn status;

    if (self == NULL || replied == NULL) {
        return kIOReturnBadArgument;
    }
    *replied = 0;
    if (self->task == TASK_NULL) {
        return kIOReturnOffline;
    }
    if (__builtin_add_overflow(requestSize, replySize, &bytes) || bytes > kIORPCMessageMost) {
        status = kIOReturnMessageTooLarge;
    } else if (requestSize < sizeof(IORPCMessage)) {
        status = kIOReturnIPCError;
    } else {
        status = serve(self, request, (uint32_t)requestSize, reply, (uint32_t)replySize, replied);
    }
    self->messages++;
    self->refused += status != kIOReturnSuccess;
    return status;
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
