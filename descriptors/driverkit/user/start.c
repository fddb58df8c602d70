/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry of a driver, its system calls, and its end. */
#include "descriptors/driverkit/user/user_private.h"

/* As the kernel's side fills it (struct IODriverGift, IODriver_private.h). */
struct gift {
    uint64_t handle, kind;
};

#define GIFTS_MOST 8

kern_return_t driver_call(uint64_t number, uint64_t first, uint64_t second, uint64_t third,
                          uint64_t fourth, uint64_t *answer)
{
    register uint64_t x0 __asm__("x0") = first;
    register uint64_t x1 __asm__("x1") = second;
    register uint64_t x2 __asm__("x2") = third;
    register uint64_t x3 __asm__("x3") = fourth;
    register uint64_t x8 __asm__("x8") = number;

    __asm__ volatile("svc #0" : "+r"(x0), "+r"(x1) : "r"(x2), "r"(x3), "r"(x8) : "memory");
    if (answer != NULL) {
        *answer = x1;
    }
    return (kern_return_t)x0;
}

void driver_exit(int status)
{
    for (;;) {
        driver_call(SYS_DK_EXIT, (uint64_t)(int64_t)status, 0, 0, 0, NULL);
    }
}

kern_return_t driver_wait(IOService *device, uint64_t nanoseconds, uint64_t *interrupts)
{
    return driver_call(SYS_DK_WAIT, driver_handle(device), nanoseconds, 0, 0, interrupts);
}

void console_write(const char *text, size_t length)
{
    while (length > 0) {
        const size_t part = length < kIORPCMessageMost ? length : kIORPCMessageMost;

        driver_call(SYS_DK_WRITE, (uint64_t)text, part, 0, 0, NULL);
        text += part;
        length -= part;
    }
}

kern_return_t IORPC_deliver(const void *target, IORPCMessage *request, uint32_t requestSize,
                            IORPCMessage *reply, uint32_t replySize)
{
    uint64_t replied;
    kern_return_t status;

    (void)target; /* the message says whom it is for */
    status = driver_call(SYS_DK_INVOKE, (uint64_t)request, requestSize, (uint64_t)reply, replySize,
                         &replied);
    return status == kIOReturnSuccess && replied != replySize ? kIOReturnIPCError : status;
}

kern_return_t OSMetaClassBase_Invoke(OSMetaClassBase *self, IORPC rpc)
{
    return IORPC_deliver(self, rpc.message, rpc.sendSize, rpc.reply, rpc.replySize);
}

/* What kinds the kernel tells apart, in its order. */
static const OSMetaClass *const kinds[] = {
    NULL,
    OSTypeID(IOMemoryDescriptor),
    OSTypeID(IOBufferMemoryDescriptor),
    OSTypeID(IOMemoryMap),
    OSTypeID(IODMACommand),
    OSTypeID(IOService),
};

/* Called by the first instructions, below. */
__attribute__((noreturn, used)) void driver_start(uint64_t count, const struct gift *gifts)
{
    OSObject *objects[GIFTS_MOST] = {NULL};

    for (uint64_t i = 0; i < count && i < GIFTS_MOST; i++) {
        const kern_return_t status =
            IORPC_adopt(gifts[i].handle, kinds[gifts[i].kind], &objects[i]);

        if (status != kIOReturnSuccess) {
            driver_exit(status);
        }
    }
    driver_exit(driver_main((unsigned)count, objects));
}

/* No frame below the first, so that a backtrace ends here. */
__asm__(".pushsection .text.entry, \"ax\"\n"
        ".globl _start\n"
        "_start: mov x29, xzr\n"
        "        mov x30, xzr\n"
        "        b driver_start\n"
        ".popsection\n");
