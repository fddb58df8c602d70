/* SPDX-License-Identifier: BSD-2-Clause */
/* Stubs of buffers. */
#include "descriptors/driverkit/IORPC_stub.h"

kern_return_t IOBufferMemoryDescriptor_Create(uint64_t options, uint64_t capacity,
                                              uint64_t alignment, IOBufferMemoryDescriptor **memory)
{
    IOBufferMemoryDescriptor_Create_Msg request = {
        .self = IORPC_classReference(kIORPCHandleIOBufferMemoryDescriptor,
                                     OSTypeID(IOBufferMemoryDescriptor)),
        .options = options,
        .capacity = capacity,
        .alignment = alignment};
    IOBufferMemoryDescriptor_Create_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    status = IORPC_CALL(IOBufferMemoryDescriptor, Create, OSTypeID(IOBufferMemoryDescriptor),
                        &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.memory, OSTypeID(IOBufferMemoryDescriptor), &object);
    }
    *memory = (IOBufferMemoryDescriptor *)object;
    return status;
}

kern_return_t IOBufferMemoryDescriptor_SetLength(IOBufferMemoryDescriptor *self, uint64_t length)
{
    IOBufferMemoryDescriptor_SetLength_Msg request = {.length = length};
    IOBufferMemoryDescriptor_SetLength_Rpl reply;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    return IORPC_CALL(IOBufferMemoryDescriptor, SetLength, self, &request, &reply);
}
