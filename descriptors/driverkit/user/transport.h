/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a message from EL0, in line: what a driver pays for each one are these instructions,
 * and the numbers of a stub are known where it stands. What IORPC_stub.h declares for the kernel's
 * side.
 */
#ifndef DESCRIPTORS_DRIVERKIT_USER_TRANSPORT_H
#define DESCRIPTORS_DRIVERKIT_USER_TRANSPORT_H

#include "descriptors/IORPC.h"
#include "descriptors/OSObject_class.h"

/* What stands here for an object of the kernel's; every proxy's class begins with it. */
struct proxy {
    OSObject super;
    uint64_t handle;
    struct proxy *next; /* in its bucket */
};

/* IORPC.h says what is where. */
static inline kern_return_t transport_call(uint64_t number, uint64_t first, uint64_t second,
                                           uint64_t third, uint64_t fourth, uint64_t *answer)
{
    register uint64_t x0 __asm__("x0") = first;
    register uint64_t x1 __asm__("x1") = second;
    register uint64_t x2 __asm__("x2") = third;
    register uint64_t x3 __asm__("x3") = fourth;
    register uint64_t x8 __asm__("x8") = number;

    __asm__ volatile("svc #0" : "+r"(x0), "+r"(x1) : "r"(x2), "r"(x3), "r"(x8) : "memory");
    *answer = x1;
    return (kern_return_t)x0;
}

static inline uint64_t IORPC_reference(const void *object)
{
    return object != NULL ? ((const struct proxy *)object)->handle : 0;
}

static inline uint64_t IORPC_classReference(uint64_t handle, const OSMetaClass *meta)
{
    (void)meta;
    return handle;
}

static inline kern_return_t IORPC_deliver(const void *target, IORPCMessage *request,
                                          uint32_t requestSize, IORPCMessage *reply,
                                          uint32_t replySize)
{
    uint64_t replied;
    kern_return_t status;

    (void)target; /* the message says whom it is for */
    status = transport_call(SYS_DK_INVOKE, (uint64_t)request, requestSize, (uint64_t)reply,
                            replySize, &replied);
    return status == kIOReturnSuccess && replied != replySize ? kIOReturnIPCError : status;
}

#endif
