/* SPDX-License-Identifier: BSD-2-Clause */
/* DriverKit's methods of a buffer. */
#include "descriptors/buffer/IOBufferCreator.h"
#include "descriptors/driverkit/IODriverRights.h"
#include "descriptors/driverkit/IORPC_check.h"

kern_return_t IOBufferMemoryDescriptor_Create_Impl(uint64_t options, uint64_t capacity,
                                                   uint64_t alignment,
                                                   IOBufferMemoryDescriptor **memory)
{
    OSObject *charge = NULL;
    kern_return_t status;
    uint64_t bytes;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    *memory = NULL;
    if ((options & ~(uint64_t)kIOMemoryDirectionInOut) != 0 || capacity == 0 ||
        round_page_overflow(capacity, &bytes)) {
        return kIOReturnBadArgument;
    }
    status = IODriverRights_charge(bytes, &charge);
    if (status != kIOReturnSuccess) {
        return status;
    }
    *memory = IOBufferMemoryDescriptor_inTaskWithOptions(
        kernel_task, (IOOptionBits)options | kIOMemoryKernelUserShared | kIOMemoryThreadSafe,
        capacity, alignment);
    if (*memory != NULL) {
        IOBufferMemoryDescriptor_setCreator(*memory, charge);
    } else {
        status = IOMemoryLastError();
    }
    OSObject_release(charge); /* the buffer has its own, or there is none */
    return status;
}

kern_return_t IOBufferMemoryDescriptor_SetLength_Impl(IOBufferMemoryDescriptor *self,
                                                      uint64_t length)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    IOBufferMemoryDescriptor_setLength(self, length);
    return IOMemoryDescriptor_getLength(self) == length ? kIOReturnSuccess : IOMemoryLastError();
}

kern_return_t IOBufferMemoryDescriptor_GetAddressRange(IOBufferMemoryDescriptor *self,
                                                       IOAddressSegment *range)
{
    void *const bytes = IOBufferMemoryDescriptor_getBytesNoCopy(self);

    if (self == NULL || range == NULL) {
        return kIOReturnBadArgument;
    }
    if (bytes == NULL) {
        return kIOReturnNotReady;
    }
    *range = (IOAddressSegment){.address = (uint64_t)bytes,
                                .length = IOMemoryDescriptor_getLength(self)};
    return kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor_init(IOBufferMemoryDescriptor *self)
{
    return OSObject_init(self);
}

kern_return_t IOBufferMemoryDescriptor_Create_Invoke(IORPC rpc,
                                                     IOBufferMemoryDescriptor_Create_Handler func)
{
    const IOBufferMemoryDescriptor_Create_Msg *const request = (void *)rpc.kernelContent;
    IOBufferMemoryDescriptor_Create_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOBufferMemoryDescriptor, Create, rpc);
    IOBufferMemoryDescriptor *memory = NULL;

    if (status == kIOReturnSuccess) {
        status = func(request->options, request->capacity, request->alignment, &memory);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOBufferMemoryDescriptor_Create_Rpl){
            .header = IORPC_REPLY(IOBufferMemoryDescriptor, Create, &rpc),
            .memory = (uint64_t)memory};
    }
    return status;
}

kern_return_t IOBufferMemoryDescriptor_SetLength_Invoke(
    IORPC rpc, IOBufferMemoryDescriptor *self, IOBufferMemoryDescriptor_SetLength_Handler func)
{
    const IOBufferMemoryDescriptor_SetLength_Msg *const request = (void *)rpc.kernelContent;
    IOBufferMemoryDescriptor_SetLength_Rpl *const reply = (void *)rpc.reply;
    kern_return_t status = IORPC_CHECK(IOBufferMemoryDescriptor, SetLength, rpc);

    if (status == kIOReturnSuccess) {
        status = func(self, request->length);
    }
    if (status == kIOReturnSuccess) {
        *reply = (IOBufferMemoryDescriptor_SetLength_Rpl){
            .header = IORPC_REPLY(IOBufferMemoryDescriptor, SetLength, &rpc)};
    }
    return status;
}

kern_return_t IOBufferMemoryDescriptor_route(IOBufferMemoryDescriptor *self, const IORPC *rpc,
                                             unsigned method)
{
    return method == IOBufferMemoryDescriptor_SetLength_Index
               ? IOBufferMemoryDescriptor_SetLength_Invoke(*rpc, self,
                                                           IOBufferMemoryDescriptor_SetLength_Impl)
               : IOMemoryDescriptor_route((IOMemoryDescriptor *)self, rpc, method);
}

kern_return_t IOBufferMemoryDescriptor_Dispatch(IOBufferMemoryDescriptor *self, IORPC rpc)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return rpc.kernelContent == NULL
               ? kIOReturnIPCError
               : IOBufferMemoryDescriptor_route(self, &rpc, IORPC_methodOf(&rpc));
}

kern_return_t IOBufferMemoryDescriptor_MetaClass_route(const IORPC *rpc, unsigned method)
{
    return method == IOBufferMemoryDescriptor_Create_Index
               ? IOBufferMemoryDescriptor_Create_Invoke(*rpc, IOBufferMemoryDescriptor_Create_Impl)
               : kIOReturnUnsupported;
}

kern_return_t IOBufferMemoryDescriptor_MetaClass_Dispatch(IORPC rpc)
{
    return rpc.kernelContent == NULL
               ? kIOReturnIPCError
               : IOBufferMemoryDescriptor_MetaClass_route(&rpc, IORPC_methodOf(&rpc));
}
