/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's end of the transport: from an object, or a class, to its router. */
#include "descriptors/OSObject_class.h"
#include "descriptors/driverkit/IORPC_stub.h"

kern_return_t OSObject_Dispatch(OSObject *self, IORPC rpc)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    return rpc.kernelContent == NULL ? kIOReturnIPCError : kIOReturnUnsupported;
}

/* From the object's own class upwards: the first that has a router. */
kern_return_t IORPC_route(OSObject *object, const IORPC *rpc, unsigned method)
{
    for (const OSMetaClass *meta = object->metaClass; meta != NULL; meta = meta->super) {
        if (meta == OSTypeID(IOBufferMemoryDescriptor)) {
            return IOBufferMemoryDescriptor_route((IOBufferMemoryDescriptor *)object, rpc, method);
        }
        if (meta == OSTypeID(IOMemoryDescriptor)) {
            return IOMemoryDescriptor_route((IOMemoryDescriptor *)object, rpc, method);
        }
        if (meta == OSTypeID(IOMemoryMap)) {
            return IOMemoryMap_route((IOMemoryMap *)object, rpc, method);
        }
        if (meta == OSTypeID(IODMACommand)) {
            return IODMACommand_route((IODMACommand *)object, rpc, method);
        }
    }
    return OSObject_Dispatch(object, *rpc);
}

kern_return_t OSMetaClassBase_Invoke(OSMetaClassBase *self, IORPC rpc)
{
    const void *const target = self;

    if (target == NULL) {
        return kIOReturnBadArgument;
    }
    /* From the kernel itself: what is sent lies in its memory already. */
    if (rpc.kernelContent == NULL) {
        rpc.kernelContent = rpc.message;
    }
    if (target == OSTypeID(IOMemoryDescriptor)) {
        return IOMemoryDescriptor_MetaClass_Dispatch(rpc);
    }
    if (target == OSTypeID(IOBufferMemoryDescriptor)) {
        return IOBufferMemoryDescriptor_MetaClass_Dispatch(rpc);
    }
    if (target == OSTypeID(IODMACommand)) {
        return IODMACommand_MetaClass_Dispatch(rpc);
    }
    return IORPC_route((OSObject *)self, &rpc, IORPC_methodOf(&rpc));
}

kern_return_t IORPC_deliver(const void *target, IORPCMessage *request, uint32_t requestSize,
                            IORPCMessage *reply, uint32_t replySize)
{
    const IORPC rpc = {
        .message = request, .reply = reply, .sendSize = requestSize, .replySize = replySize};

    return OSMetaClassBase_Invoke((OSMetaClassBase *)(uintptr_t)target, rpc);
}

/* Pointers as they are. */
uint64_t IORPC_reference(const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

uint64_t IORPC_classReference(uint64_t handle, const OSMetaClass *meta)
{
    (void)handle;
    return (uint64_t)(uintptr_t)meta;
}

kern_return_t IORPC_adopt(uint64_t reference, const OSMetaClass *meta, OSObject **object)
{
    const kern_return_t status = IORPC_cast(reference, meta, object);

    if (status != kIOReturnSuccess) {
        OSObject_release((OSObject *)reference);
    }
    return status;
}
