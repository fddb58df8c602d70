/* SPDX-License-Identifier: BSD-2-Clause */
/* Unpackers and routers of DMA commands. */
#include "descriptors/OSObject_class.h"
#include "descriptors/driverkit/IORPC_check.h"

static kern_return_t create(const IORPC *rpc)
{
    const IODMACommand_Create_Msg *const request = (void *)rpc->kernelContent;
    IODMACommand_Create_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IODMACommand, Create, *rpc);
    IODMACommand *command = NULL;
    OSObject *device = NULL;

    if (status == kIOReturnSuccess) {
        status = IORPC_cast(request->device, OSTypeID(IOService), &device);
    }
    if (status == kIOReturnSuccess) {
        status = IODMACommand_Create_Impl((IOService *)device, request->options,
                                          &request->specification, &command);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IODMACommand_Create_Rpl){.header = IORPC_REPLY(IODMACommand, Create, rpc),
                                           .command = (uint64_t)command};
    }
    return status;
}

static kern_return_t prepare(const IORPC *rpc, IODMACommand *self)
{
    const IODMACommand_PrepareForDMA_Msg *const request = (void *)rpc->kernelContent;
    IODMACommand_PrepareForDMA_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IODMACommand, PrepareForDMA, *rpc);
    uint32_t count;
    uint64_t flags = 0;
    OSObject *memory = NULL;

    if (status == kIOReturnSuccess) {
        status = IORPC_cast(request->memory, OSTypeID(IOMemoryDescriptor), &memory);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    count = request->segmentsCount;
    /* Straight into the reply; what the list does not fill is nobody's. */
    *reply =
        (IODMACommand_PrepareForDMA_Rpl){.header = IORPC_REPLY(IODMACommand, PrepareForDMA, rpc)};
    status = IODMACommand_PrepareForDMA_Impl(self, request->options, (IOMemoryDescriptor *)memory,
                                             request->offset, request->length, &flags, &count,
                                             reply->segments);
    reply->flags = flags;
    reply->segmentsCount = count;
    return status;
}

static kern_return_t complete(const IORPC *rpc, IODMACommand *self)
{
    const IODMACommand_CompleteDMA_Msg *const request = (void *)rpc->kernelContent;
    IODMACommand_CompleteDMA_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IODMACommand, CompleteDMA, *rpc);

    if (status == kIOReturnSuccess) {
        status = IODMACommand_CompleteDMA_Impl(self, request->options);
    }
    if (status == kIOReturnSuccess) {
        *reply =
            (IODMACommand_CompleteDMA_Rpl){.header = IORPC_REPLY(IODMACommand, CompleteDMA, rpc)};
    }
    return status;
}

static kern_return_t get_preparation(const IORPC *rpc, IODMACommand *self)
{
    IODMACommand_GetPreparation_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IODMACommand, GetPreparation, *rpc);
    IOMemoryDescriptor *memory = NULL;
    uint64_t offset = 0, length = 0;

    if (status == kIOReturnSuccess) {
        status = IODMACommand_GetPreparation_Impl(self, &offset, &length, &memory);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IODMACommand_GetPreparation_Rpl){
            .header = IORPC_REPLY(IODMACommand, GetPreparation, rpc),
            .memory = (uint64_t)memory,
            .offset = offset,
            .length = length};
    }
    return status;
}

static kern_return_t perform(const IORPC *rpc, IODMACommand *self)
{
    const IODMACommand_PerformOperation_Msg *const request = (void *)rpc->kernelContent;
    IODMACommand_PerformOperation_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IODMACommand, PerformOperation, *rpc);
    OSObject *data = NULL;

    if (status == kIOReturnSuccess) {
        status = IORPC_cast(request->data, OSTypeID(IOMemoryDescriptor), &data);
    }
    if (status == kIOReturnSuccess) {
        status = IODMACommand_PerformOperation_Impl(self, request->options, request->dmaOffset,
                                                    request->length, request->dataOffset,
                                                    (IOMemoryDescriptor *)data);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IODMACommand_PerformOperation_Rpl){
            .header = IORPC_REPLY(IODMACommand, PerformOperation, rpc)};
    }
    return status;
}

kern_return_t IODMACommand_route(IODMACommand *self, const IORPC *rpc, unsigned method)
{
    switch (method) {
    case IODMACommand_PrepareForDMA_Index:
        return prepare(rpc, self);
    case IODMACommand_CompleteDMA_Index:
        return complete(rpc, self);
    case IODMACommand_GetPreparation_Index:
        return get_preparation(rpc, self);
    case IODMACommand_PerformOperation_Index:
        return perform(rpc, self);
    default:
        return OSObject_Dispatch((OSObject *)self, *rpc);
    }
}

kern_return_t IODMACommand_Dispatch(IODMACommand *self, IORPC rpc)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return rpc.kernelContent == NULL ? kIOReturnIPCError
                                     : IODMACommand_route(self, &rpc, IORPC_methodOf(&rpc));
}

kern_return_t IODMACommand_MetaClass_route(const IORPC *rpc, unsigned method)
{
    return method == IODMACommand_Create_Index ? create(rpc) : kIOReturnUnsupported;
}

kern_return_t IODMACommand_MetaClass_Dispatch(IORPC rpc)
{
    return rpc.kernelContent == NULL ? kIOReturnIPCError
                                     : IODMACommand_MetaClass_route(&rpc, IORPC_methodOf(&rpc));
}
