/* SPDX-License-Identifier: BSD-2-Clause */
/* Stubs of DMA commands. */
#include <string.h>

#include "descriptors/driverkit/IORPC_stub.h"

kern_return_t IODMACommand_Create(IOService *device, uint64_t options,
                                  const IODMACommandSpecification *specification,
                                  IODMACommand **command)
{
    IODMACommand_Create_Msg request = {
        .self = IORPC_classReference(kIORPCHandleIODMACommand, OSTypeID(IODMACommand)),
        .device = IORPC_reference(device),
        .options = options};
    IODMACommand_Create_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (command == NULL) {
        return kIOReturnBadArgument;
    }
    *command = NULL;
    if (specification == NULL) {
        return kIOReturnBadArgument;
    }
    request.specification = *specification;
    status = IORPC_CALL(IODMACommand, Create, OSTypeID(IODMACommand), &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.command, OSTypeID(IODMACommand), &object);
    }
    *command = (IODMACommand *)object;
    return status;
}

kern_return_t IODMACommand_PrepareForDMA(IODMACommand *self, uint64_t options,
                                         IOMemoryDescriptorRef memory, uint64_t offset,
                                         uint64_t length, uint64_t *flags, uint32_t *segmentsCount,
                                         IOAddressSegment segments[kIODMACommandSegmentsMax])
{
    IODMACommand_PrepareForDMA_Msg request = {
        .options = options, .offset = offset, .length = length};
    IODMACommand_PrepareForDMA_Rpl reply;
    kern_return_t status;

    if (self == NULL || flags == NULL || segmentsCount == NULL || segments == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    request.memory = IORPC_reference(memory.descriptor);
    request.segmentsCount = *segmentsCount;
    status = IORPC_CALL(IODMACommand, PrepareForDMA, self, &request, &reply);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (reply.segmentsCount > *segmentsCount) {
        return kIOReturnIPCError; /* there is no place for them */
    }
    memcpy(segments, reply.segments, reply.segmentsCount * sizeof(segments[0]));
    *segmentsCount = reply.segmentsCount;
    *flags = reply.flags;
    return kIOReturnSuccess;
}

kern_return_t IODMACommand_CompleteDMA(IODMACommand *self, uint64_t options)
{
    IODMACommand_CompleteDMA_Msg request = {.options = options};
    IODMACommand_CompleteDMA_Rpl reply;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    return IORPC_CALL(IODMACommand, CompleteDMA, self, &request, &reply);
}

kern_return_t IODMACommand_GetPreparation(IODMACommand *self, uint64_t *offset, uint64_t *length,
                                          IOMemoryDescriptor **memory)
{
    IODMACommand_GetPreparation_Msg request;
    IODMACommand_GetPreparation_Rpl reply;
    OSObject *object = NULL;
    kern_return_t status;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    status = IORPC_CALL(IODMACommand, GetPreparation, self, &request, &reply);
    if (status == kIOReturnSuccess) {
        status = IORPC_adopt(reply.memory, OSTypeID(IOMemoryDescriptor), &object);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (offset != NULL) {
        *offset = reply.offset;
    }
    if (length != NULL) {
        *length = reply.length;
    }
    if (memory != NULL) {
        *memory = (IOMemoryDescriptor *)object;
    } else {
        OSObject_release(object);
    }
    return kIOReturnSuccess;
}

kern_return_t IODMACommand_PerformOperation(IODMACommand *self, uint64_t options,
                                            uint64_t dmaOffset, uint64_t length,
                                            uint64_t dataOffset, IOMemoryDescriptorRef data)
{
    IODMACommand_PerformOperation_Msg request = {
        .options = options, .dmaOffset = dmaOffset, .length = length, .dataOffset = dataOffset};
    IODMACommand_PerformOperation_Rpl reply;

    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    request.self = IORPC_reference(self);
    request.data = IORPC_reference(data.descriptor);
    return IORPC_CALL(IODMACommand, PerformOperation, self, &request, &reply);
}
