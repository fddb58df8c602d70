/* SPDX-License-Identifier: BSD-2-Clause */
/* What every unpacker does before it looks at a request, and after it has an answer. */
#ifndef DESCRIPTORS_DRIVERKIT_IORPC_CHECK_H
#define DESCRIPTORS_DRIVERKIT_IORPC_CHECK_H

#include "descriptors/IODriverKit.h"

/* The counts of the table by name. */
#define IORPC_COUNTS(Class, Method, requestRefs, replyRefs)                                        \
    Class##_##Method##_Refs = (requestRefs), Class##_##Method##_RplRefs = (replyRefs),
enum {
    IORPC_METHODS(IORPC_COUNTS)
};

/* The forms of both messages: kIOReturnIPCError. */
static inline kern_return_t IORPC_check(const IORPC *rpc, uint64_t refs, uint32_t request,
                                        uint32_t reply)
{
    return rpc->kernelContent == NULL || rpc->kernelContent->objectRefs != refs ||
                   rpc->sendSize < request || rpc->reply == NULL || rpc->replySize < reply
               ? kIOReturnIPCError
               : kIOReturnSuccess;
}

#define IORPC_CHECK(Class, Method, rpc)                                                            \
    IORPC_check(&(rpc), Class##_##Method##_Refs, sizeof(Class##_##Method##_Msg),                   \
                sizeof(Class##_##Method##_Rpl))

/*
 * Dispatch without a copy of the call at each class on the way: the object is there, and so is the
 * content.
 */
kern_return_t IORPC_route(OSObject *object, const IORPC *rpc);
kern_return_t IOMemoryDescriptor_route(IOMemoryDescriptor *self, const IORPC *rpc);
kern_return_t IOBufferMemoryDescriptor_route(IOBufferMemoryDescriptor *self, const IORPC *rpc);

/* The header of the reply to a request. */
#define IORPC_REPLY(Class, Method, rpc)                                                            \
    {                                                                                              \
        .msgid = Class##_##Method##_ID, .flags = kIORPCMessageOneway,                              \
        .objectRefs = Class##_##Method##_RplRefs                                                   \
    }

/*
 * An object that a request names, in *object; NULL is none. kIOReturnBadArgument: it is of another
 * class.
 */
static inline kern_return_t IORPC_cast(uint64_t reference, const OSMetaClass *meta,
                                       OSObject **object)
{
    *object = OSMetaClassBase_safeMetaCast((OSObject *)reference, meta);
    return *object == NULL && reference != 0 ? kIOReturnBadArgument : kIOReturnSuccess;
}

#endif
