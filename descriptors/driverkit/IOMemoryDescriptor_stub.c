/* SPDX-License-Identifier: BSD-2-Clause */
/* Stubs of descriptors and maps: arguments into a message, and the answer out of its reply. */
#include "descriptors/driverkit/IORPC_stub.h"

kern_return_t IOMemoryDescriptor__CopyState(IOMemoryDescriptor *self, _IOMDPrivateState *state)
{
    IOMemoryDescriptor__CopyState_Msg request;
    IOMemoryDescriptor__CopyState_Rpl reply;
    kern_return_t status;

    if (self == NULL || state == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    status = IORPC_CALL(IOMemoryDescriptor, _CopyState, self, &request, &reply);
    if (status == kIOReturnSuccess) {
        *state = reply.state;
    }
    return status;
}

kern_return_t IOMemoryDescriptor_CreateMapping(IOMemoryDescriptor *self, uint64_t options,
                                               uint64_t address, uint64_t offset, uint64_t length,
                                               uint64_t alignment, IOMemoryMap **map)
{
    IOMemoryDescriptor_CreateMapping_Msg request = {.options = options,
                                                    .address = address,
                                                    .offset = offset,
                                                    .length = length,
                                                    .alignment = alignment};
    IOMemoryDescriptor_CreateMapping_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (map == NULL) {
        return kIOReturnBadArgument;
    }
    *map = NULL;
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    status = IORPC_CALL(IOMemoryDescriptor, CreateMapping, self, &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.map, OSTypeID(IOMemoryMap), &object);
    }
    *map = (IOMemoryMap *)object;
    return status;
}

kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor(uint64_t memoryDescriptorCreateOptions,
                                                           uint64_t offset, uint64_t length,
                                                           IOMemoryDescriptor *ofDescriptor,
                                                           IOMemoryDescriptor **memory)
{
    IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg request = {
        .self = IORPC_classReference(kIORPCHandleIOMemoryDescriptor, OSTypeID(IOMemoryDescriptor)),
        .ofDescriptor = IORPC_reference(ofDescriptor),
        .options = memoryDescriptorCreateOptions,
        .offset = offset,
        .length = length};
    IOMemoryDescriptor_CreateSubMemoryDescriptor_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    status = IORPC_CALL(IOMemoryDescriptor, CreateSubMemoryDescriptor, OSTypeID(IOMemoryDescriptor),
                        &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.memory, OSTypeID(IOMemoryDescriptor), &object);
    }
    *memory = (IOMemoryDescriptor *)object;
    return status;
}

kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors(
    uint64_t memoryDescriptorCreateOptions, uint32_t withDescriptorsCount,
    IOMemoryDescriptor *const withDescriptors[], IOMemoryDescriptor **memory)
{
    IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg request = {
        .self = IORPC_classReference(kIORPCHandleIOMemoryDescriptor, OSTypeID(IOMemoryDescriptor)),
        .options = memoryDescriptorCreateOptions,
        .count = withDescriptorsCount};
    IOMemoryDescriptor_CreateWithMemoryDescriptors_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    *memory = NULL;
    if (withDescriptors == NULL) {
        return kIOReturnBadArgument;
    }
    if (withDescriptorsCount > kIORPCDescriptorsMost) {
        return kIOReturnOverrun; /* the message has no room for them */
    }
    for (uint32_t i = 0; i < withDescriptorsCount; i++) {
        request.descriptors[i] = IORPC_reference(withDescriptors[i]);
    }
    status = IORPC_CALL(IOMemoryDescriptor, CreateWithMemoryDescriptors,
                        OSTypeID(IOMemoryDescriptor), &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.memory, OSTypeID(IOMemoryDescriptor), &object);
    }
    *memory = (IOMemoryDescriptor *)object;
    return status;
}

kern_return_t IOMemoryMap__CopyState(IOMemoryMap *self, _IOMemoryMapPrivateState *state)
{
    IOMemoryMap__CopyState_Msg request;
    IOMemoryMap__CopyState_Rpl reply;
    kern_return_t status;

    if (self == NULL || state == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    status = IORPC_CALL(IOMemoryMap, _CopyState, self, &request, &reply);
    if (status == kIOReturnSuccess) {
        *state = reply.state;
    }
    return status;
}
