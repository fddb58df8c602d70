/* SPDX-License-Identifier: BSD-2-Clause */
/* Unpackers and routers of descriptors and maps, and their states, which are no more than answers.
 */
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/driverkit/IORPC_check.h"

/* What getFlags may say to a driver: what is documented. */
#define FLAGS_PUBLIC                                                                               \
    (kIOMemoryDirectionMask | kIOMemoryAutoPrepare | kIOMemoryTypeMask | kIOMemoryAsReference |    \
     kIOMemoryBufferPageable | kIOMemoryMapperNone | kIOMemoryHostOnly | kIOMemoryRedirected |     \
     kIOMemoryPreparedReadOnly | kIOMemoryPersistent | kIOMemoryMapCopyOnWrite | kIOMemoryRemote | \
     kIOMemoryThreadSafe | kIOMemoryClearEncrypt | kIOMemoryBufferPurgeable |                      \
     kIOMemoryUseReserve | kIOMemoryBufferCacheMask)

kern_return_t IOMemoryDescriptor__CopyState_Impl(IOMemoryDescriptor *self, _IOMDPrivateState *state)
{
    if (self == NULL || state == NULL) {
        return kIOReturnBadArgument;
    }
    state->length = self->length;
    state->options = self->flags & FLAGS_PUBLIC;
    return kIOReturnSuccess;
}

static inline kern_return_t copy_state(const IORPC *rpc, IOMemoryDescriptor *self,
                                       IOMemoryDescriptor__CopyState_Handler func)
{
    IOMemoryDescriptor__CopyState_Rpl *const reply = (void *)rpc->reply;
    kern_return_t status = IORPC_CHECK(IOMemoryDescriptor, _CopyState, *rpc);
    _IOMDPrivateState state = {0};

    if (status == kIOReturnSuccess) {
        status = func(self, &state);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOMemoryDescriptor__CopyState_Rpl){
            .header = IORPC_REPLY(IOMemoryDescriptor, _CopyState, rpc), .state = state};
    }
    return status;
}

kern_return_t IOMemoryDescriptor__CopyState_Invoke(IORPC rpc, IOMemoryDescriptor *self,
                                                   IOMemoryDescriptor__CopyState_Handler func)
{
    return copy_state(&rpc, self, func);
}

kern_return_t IOMemoryDescriptor_CreateMapping_Invoke(IORPC rpc, IOMemoryDescriptor *self,
                                                      IOMemoryDescriptor_CreateMapping_Handler func)
{
    const IOMemoryDescriptor_CreateMapping_Msg *const request = (void *)rpc.kernelContent;
    IOMemoryDescriptor_CreateMapping_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOMemoryDescriptor, CreateMapping, rpc);
    IOMemoryMap *map = NULL;

    if (status == kIOReturnSuccess) {
        status = func(self, request->options, request->address, request->offset, request->length,
                      request->alignment, &map);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOMemoryDescriptor_CreateMapping_Rpl){
            .header = IORPC_REPLY(IOMemoryDescriptor, CreateMapping, &rpc), .map = (uint64_t)map};
    }
    return status;
}

kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor_Invoke(
    IORPC rpc, IOMemoryDescriptor_CreateSubMemoryDescriptor_Handler func)
{
    const IOMemoryDescriptor_CreateSubMemoryDescriptor_Msg *const request =
        (void *)rpc.kernelContent;
    IOMemoryDescriptor_CreateSubMemoryDescriptor_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOMemoryDescriptor, CreateSubMemoryDescriptor, rpc);
    IOMemoryDescriptor *memory = NULL;
    OSObject *of = NULL;

    if (status == kIOReturnSuccess) {
        status = IORPC_cast(request->ofDescriptor, OSTypeID(IOMemoryDescriptor), &of);
    }
    if (status == kIOReturnSuccess) {
        status = func(request->options, request->offset, request->length, (IOMemoryDescriptor *)of,
                      &memory);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOMemoryDescriptor_CreateSubMemoryDescriptor_Rpl){
            .header = IORPC_REPLY(IOMemoryDescriptor, CreateSubMemoryDescriptor, &rpc),
            .memory = (uint64_t)memory};
    }
    return status;
}

kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors_Invoke(
    IORPC rpc, IOMemoryDescriptor_CreateWithMemoryDescriptors_Handler func)
{
    const IOMemoryDescriptor_CreateWithMemoryDescriptors_Msg *const request =
        (void *)rpc.kernelContent;
    IOMemoryDescriptor_CreateWithMemoryDescriptors_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOMemoryDescriptor, CreateWithMemoryDescriptors, rpc);
    IOMemoryDescriptor *descriptors[kIORPCDescriptorsMost];
    IOMemoryDescriptor *memory = NULL;

    /* All of them, used or not: what is in the message is an object, or it is refused. */
    for (unsigned i = 0; status == kIOReturnSuccess && i < kIORPCDescriptorsMost; i++) {
        OSObject *object;

        status = IORPC_cast(request->descriptors[i], OSTypeID(IOMemoryDescriptor), &object);
        descriptors[i] = (IOMemoryDescriptor *)object;
    }
    if (status == kIOReturnSuccess && request->count > kIORPCDescriptorsMost) {
        status = kIOReturnOverrun; /* clamped, it would join fewer than the sender meant */
    }
    if (status == kIOReturnSuccess) {
        status = func(request->options, request->count, descriptors, &memory);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOMemoryDescriptor_CreateWithMemoryDescriptors_Rpl){
            .header = IORPC_REPLY(IOMemoryDescriptor, CreateWithMemoryDescriptors, &rpc),
            .memory = (uint64_t)memory};
    }
    return status;
}

kern_return_t IOMemoryDescriptor_route(IOMemoryDescriptor *self, const IORPC *rpc, unsigned method)
{
    switch (method) {
    case IOMemoryDescriptor__CopyState_Index:
        return copy_state(rpc, self, IOMemoryDescriptor__CopyState_Impl);
    case IOMemoryDescriptor_CreateMapping_Index:
        return IOMemoryDescriptor_CreateMapping_Invoke(*rpc, self,
                                                       IOMemoryDescriptor_CreateMapping_Impl);
    default:
        return OSObject_Dispatch(&self->super, *rpc);
    }
}

kern_return_t IOMemoryDescriptor_Dispatch(IOMemoryDescriptor *self, IORPC rpc)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return rpc.kernelContent == NULL ? kIOReturnIPCError
                                     : IOMemoryDescriptor_route(self, &rpc, IORPC_methodOf(&rpc));
}

kern_return_t IOMemoryDescriptor_MetaClass_route(const IORPC *rpc, unsigned method)
{
    switch (method) {
    case IOMemoryDescriptor_CreateSubMemoryDescriptor_Index:
        return IOMemoryDescriptor_CreateSubMemoryDescriptor_Invoke(
            *rpc, IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl);
    case IOMemoryDescriptor_CreateWithMemoryDescriptors_Index:
        return IOMemoryDescriptor_CreateWithMemoryDescriptors_Invoke(
            *rpc, IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl);
    default:
        return kIOReturnUnsupported;
    }
}

kern_return_t IOMemoryDescriptor_MetaClass_Dispatch(IORPC rpc)
{
    return rpc.kernelContent == NULL
               ? kIOReturnIPCError
               : IOMemoryDescriptor_MetaClass_route(&rpc, IORPC_methodOf(&rpc));
}

kern_return_t IOMemoryMap__CopyState_Impl(IOMemoryMap *self, _IOMemoryMapPrivateState *state)
{
    const bool here = self != NULL && IOMemoryMap_getAddressTask(self) == current_task();

    if (self == NULL || state == NULL) {
        return kIOReturnBadArgument;
    }
    /* In another task the address is another memory's. */
    *state = (_IOMemoryMapPrivateState){.length = IOMemoryMap_getLength(self),
                                        .offset = self->offset,
                                        .options = IOMemoryMap_getMapOptions(self),
                                        .address = here ? IOMemoryMap_getAddress(self) : 0};
    return kIOReturnSuccess;
}

kern_return_t IOMemoryMap__CopyState_Invoke(IORPC rpc, IOMemoryMap *self,
                                            IOMemoryMap__CopyState_Handler func)
{
    IOMemoryMap__CopyState_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOMemoryMap, _CopyState, rpc);
    _IOMemoryMapPrivateState state = {0};

    if (status == kIOReturnSuccess) {
        status = func(self, &state);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOMemoryMap__CopyState_Rpl){.header = IORPC_REPLY(IOMemoryMap, _CopyState, &rpc),
                                              .state = state};
    }
    return status;
}

kern_return_t IOMemoryMap_route(IOMemoryMap *self, const IORPC *rpc, unsigned method)
{
    return method == IOMemoryMap__CopyState_Index
               ? IOMemoryMap__CopyState_Invoke(*rpc, self, IOMemoryMap__CopyState_Impl)
               : OSObject_Dispatch(&self->super, *rpc);
}

kern_return_t IOMemoryMap_Dispatch(IOMemoryMap *self, IORPC rpc)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return rpc.kernelContent == NULL ? kIOReturnIPCError
                                     : IOMemoryMap_route(self, &rpc, IORPC_methodOf(&rpc));
}

uint64_t IOMemoryMap_GetAddress(IOMemoryMap *self)
{
    return IOMemoryMap_getAddress(self);
}

uint64_t IOMemoryMap_GetLength(IOMemoryMap *self)
{
    return IOMemoryMap_getLength(self);
}

uint64_t IOMemoryMap_GetOffset(IOMemoryMap *self)
{
    return self != NULL ? self->offset : 0;
}
