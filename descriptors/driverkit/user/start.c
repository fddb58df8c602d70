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
    uint64_t unasked;

    return transport_call(number, first, second, third, fourth, answer != NULL ? answer : &unasked);
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
