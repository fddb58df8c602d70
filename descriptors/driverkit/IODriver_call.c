/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls of a driver. */
#include "descriptors/driverkit/IODriver_private.h"

/* Text goes out in pieces: as much of the kernel's stack as that is given to it. */
#define PIECE 256

static IOReturn write_text(IODriver *self, uint64_t text, uint64_t length)
{
    char piece[PIECE];

    if (length > kIORPCMessageMost) {
        return kIOReturnMessageTooLarge;
    }
    for (uint64_t done = 0; done < length;) {
        const uint64_t part = length - done < PIECE ? length - done : PIECE;

        if (platform_user_read(get_task_map(self->task), text + done, piece, part) !=
            KERN_SUCCESS) {
            return kIOReturnVMError;
        }
        platform_console_write(piece, part);
        self->status.bytesWritten += part;
        done += part;
    }
    return kIOReturnSuccess;
}

/* With handlers kept out by the caller, or for a guess that is made again. */
static bool has_interrupts(const IODriver *self)
{
    return __atomic_load_n(&self->interrupts, __ATOMIC_RELAXED) != 0;
}

bool IODriver_isDue(const IODriver *self)
{
    return (self->forDevice && has_interrupts(self)) || platform_now() >= self->deadline;
}

static void answer(IODriver *self, IOReturn status, uint64_t second)
{
    self->registers[0] = (uint32_t)status;
    self->registers[1] = second;
}

void IODriver_endWait(IODriver *self)
{
    const uint64_t came =
        self->forDevice ? __atomic_exchange_n(&self->interrupts, 0, __ATOMIC_RELAXED) : 0;

    /* Who waits for nothing but time has had it; what others waited for did not come. */
    answer(self, self->forDevice && came == 0 ? kIOReturnTimeout : kIOReturnSuccess, came);
}

static IOReturn start_wait(IODriver *self, uint64_t device, uint64_t nanoseconds)
{
    const uint64_t now = platform_now();

    if (device != 0 && (device != self->deviceHandle || self->device.interrupt < 0)) {
        return kIOReturnBadArgument;
    }
    self->standing = DRIVER_WAITS;
    self->forDevice = device != 0;
    self->deadline = nanoseconds > UINT64_MAX - now ? UINT64_MAX : now + nanoseconds;
    if (self->forDevice && !has_interrupts(self)) {
        platform_interrupt_enable((unsigned)self->device.interrupt, self, true);
    }
    return kIOReturnSuccess;
}

void IODriver_call(IODriver *self)
{
    const uint64_t *const x = self->registers;
    IOReturn status;

    switch (x[8]) {
    case SYS_DK_RETAIN:
        status = IODriverTask_retainHandle(self->table, x[0]);
        break;
    case SYS_DK_RELEASE:
        status = IODriverTask_releaseHandle(self->table, x[0]);
        break;
    case SYS_DK_WRITE:
        status = write_text(self, x[0], x[1]);
        break;
    case SYS_DK_WAIT:
        status = start_wait(self, x[0], x[1]);
        if (status == kIOReturnSuccess) {
            return; /* it is answered when that is over */
        }
        break;
    case SYS_DK_EXIT:
        self->status.exitStatus = (int32_t)x[0];
        IODriver_end(self, kIODriverExited);
        return;
    default:
        status = kIOReturnUnsupported;
    }
    answer(self, status, 0);
}
