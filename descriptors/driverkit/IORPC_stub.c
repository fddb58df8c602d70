/* SPDX-License-Identifier: BSD-2-Clause */
/* What every stub does. */
#include "descriptors/driverkit/IORPC_stub.h"

kern_return_t IORPC_send(const void *target, uint64_t msgid, IORPCMessage *request,
                         uint32_t requestSize, uint64_t requestRefs, IORPCMessage *reply,
                         uint32_t replySize, uint64_t replyRefs)
{
    const IORPC rpc = {
        .message = request, .reply = reply, .sendSize = requestSize, .replySize = replySize};
    kern_return_t status;

    *request = (IORPCMessage){.msgid = msgid, .objectRefs = requestRefs};
    *reply = (IORPCMessage){.flags = kIORPCMessageError}; /* no answer must not look like one */
    status = OSMetaClassBase_Invoke((OSMetaClassBase *)(uintptr_t)target, rpc);
    if (status == kIOReturnSuccess &&
        (reply->msgid != msgid || (reply->flags & kIORPCMessageError) != 0 ||
         reply->objectRefs != replyRefs)) {
        status = kIOReturnIPCError;
    }
    return status;
}
