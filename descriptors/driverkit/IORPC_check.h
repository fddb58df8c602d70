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

/* And its rows, by which routers tell methods apart; the last stands for numbers that are none. */
#define IORPC_INDEX(Class, Method, requestRefs, replyRefs) Class##_##Method##_Index,
enum {
    IORPC_METHODS(IORPC_INDEX) IORPC_Methods,
};

static inline unsigned IORPC_indexOf(const IORPCMethod *method)
{
    return method != NULL ? method->index : IORPC_Methods;
}

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
 * Dispatch without a copy of the call and a look at its number at each class on the way: the object
 * is there, and so is the content, whose method is known by its row.
 */
kern_return_t IORPC_route(OSObject *object, const IORPC *rpc, unsigned method);
kern_return_t IOMemoryDescriptor_route(IOMemoryDescriptor *self, const IORPC *rpc, unsigned method);
kern_return_t IOBufferMemoryDescriptor_route(IOBufferMemoryDescriptor *self, const IORPC *rpc,
                                             unsigned method);
kern_return_t IOMemoryMap_route(IOMemoryMap *self, const IORPC *rpc, unsigned method);
kern_return_t IODMACommand_route(IODMACommand *self, const IORPC *rpc, unsigned method);

/* The same of static methods. */
kern_return_t IOMemoryDescriptor_MetaClass_route(const IORPC *rpc, unsigned method);
kern_return_t IOBufferMemoryDescriptor_MetaClass_route(const IORPC *rpc, unsigned method);
kern_return_t IODMACommand_MetaClass_route(const IORPC *rpc, unsigned method);

/* The row of a call's method. */
static inline unsigned IORPC_methodOf(const IORPC *rpc)
{
    return IORPC_indexOf(IORPCMethod_find(rpc->kernelContent->msgid));
}

/* The header of the reply to a request, whose number it has. */
#define IORPC_REPLY(Class, Method, rpc)                                                            \
    {                                                                                              \
        .msgid = (rpc)->kernelContent->msgid, .flags = kIORPCMessageOneway,                        \
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
