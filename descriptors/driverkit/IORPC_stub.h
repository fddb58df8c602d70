/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stubs are written with. Their sources (X_stub.c) are compiled for both sides; what an object
 * is in a message differs, and is asked for here.
 */
#ifndef DESCRIPTORS_DRIVERKIT_IORPC_STUB_H
#define DESCRIPTORS_DRIVERKIT_IORPC_STUB_H

#include "descriptors/driverkit/IORPC_check.h"

/*
 * How an object, NULL too, or a class with statics is called in a message from here; and
 * OSMetaClassBase_Invoke by its parts: a request is on its way from here.
 */
#ifdef IORPC_AT_EL0
#include "descriptors/driverkit/user/transport.h"
#else
uint64_t IORPC_reference(const void *object);
uint64_t IORPC_classReference(uint64_t handle, const OSMetaClass *meta);
kern_return_t IORPC_deliver(const void *target, IORPCMessage *request, uint32_t requestSize,
                            IORPCMessage *reply, uint32_t replySize);
#endif

/*
 * The object of a reply, whose reference becomes the caller's: *object is NULL for NULL.
 * kIOReturnBadArgument: it is of another class; kIOReturnNoMemory. It is released then.
 */
kern_return_t IORPC_adopt(uint64_t reference, const OSMetaClass *meta, OSObject **object);

/*
 * Send a request, whose header is filled in here, and see that the answer is one of the method's:
 * kIOReturnIPCError. In line: a stub's numbers are known where it stands, and a driver pays for
 * each instruction of it.
 */
static inline __attribute__((always_inline)) kern_return_t IORPC_send(
    const void *target, uint64_t msgid, IORPCMessage *request, uint32_t requestSize,
    uint64_t requestRefs, IORPCMessage *reply, uint32_t replySize, uint64_t replyRefs)
{
    kern_return_t status;

    *request = (IORPCMessage){.msgid = msgid, .objectRefs = requestRefs};
    reply->flags = kIORPCMessageError; /* no answer must not look like one */
    status = IORPC_deliver(target, request, requestSize, reply, replySize);
    if (status == kIOReturnSuccess &&
        (reply->msgid != msgid || (reply->flags & kIORPCMessageError) != 0 ||
         reply->objectRefs != replyRefs)) {
        status = kIOReturnIPCError;
    }
    return status;
}

/* The same by the name of a method, whose two structures these are. */
#define IORPC_CALL(Class, Method, target, request, answer)                                         \
    IORPC_send((target), Class##_##Method##_ID, &(request)->header, sizeof(*(request)),            \
               Class##_##Method##_Refs, &(answer)->header, sizeof(*(answer)),                      \
               Class##_##Method##_RplRefs)

#endif
