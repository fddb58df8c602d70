/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: buffers of every kind, and what only they can do (the check OM-10). */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "tests/host/machine/inject_sweep.h"

#define PAGEABLE (kIODirectionOutIn | kIOMemoryPageable)

static uint64_t source(void)
{
    return trunc_page(things.at);
}

static IOReturn wired(void)
{
    return inject_made(IOBufferMemoryDescriptor_withCapacity(20000, kIODirectionOutIn, false));
}

static IOReturn contiguous(void)
{
    return inject_made(IOBufferMemoryDescriptor_withCapacity(20000, kIODirectionOutIn, true));
}

static IOReturn filled(void)
{
    return inject_made(IOBufferMemoryDescriptor_withBytes("abc", 3, kIODirectionOutIn, false));
}

static IOReturn shareable(void)
{
    return inject_made(IOBufferMemoryDescriptor_withOptions(
        kIODirectionOutIn | kIOMemoryKernelUserShared, 100, 1));
}

static IOReturn below_4_gib(void)
{
    return inject_made(IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
        kernel_task, kIODirectionOutIn, 20000, 0xfffff000));
}

static IOReturn guarded(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_inTaskWithGuardPages(kernel_task, kIODirectionOutIn, 9000));
}

static IOReturn uncached(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_withOptions(kIODirectionOutIn | kIOMapInhibitCache, 9000, 1));
}

static IOReturn tagged(void)
{
    return inject_made(IOBufferMemoryDescriptor_inTaskWithOptionsTags(
        kernel_task, kIODirectionOutIn | kIOMapWriteCombineCache, 9000, 64, 5, 6));
}

static IOReturn pageable_in_kernel(void)
{
    return inject_made(IOBufferMemoryDescriptor_withOptions(PAGEABLE, 9000, 1));
}

static IOReturn pageable_in_task(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_inTaskWithOptions(owner, PAGEABLE | kIOMapPrefault, 9000, 1));
}

static IOReturn pageable_nowhere(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_inTaskWithPhysicalMask(TASK_NULL, PAGEABLE, 9000, 0xffffffff));
}

static IOReturn pageable_aligned(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_inTaskWithOptions(owner, PAGEABLE, 9000, 64 * 1024));
}

static IOReturn purgeable(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_inTaskWithOptions(other, PAGEABLE | kIOMemoryPurgeable, 9000, 1));
}

static IOReturn copy_that_shares(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_withCopy(other, PAGEABLE, task_map(owner), source(), 9000));
}

static IOReturn copy_of_its_own(void)
{
    return inject_made(
        IOBufferMemoryDescriptor_withCopy(other, PAGEABLE, task_map(owner), source() + 7, 9000));
}

static IOBufferMemoryDescriptor *raw(void)
{
    return (IOBufferMemoryDescriptor *)OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
}

/* An initialiser's answer; a raw object, or one whose initialiser failed, is released alike. */
static IOReturn initialised(IOBufferMemoryDescriptor *self, bool success)
{
    const IOReturn status = inject_done(success);

    OSObject_release(self);
    return status;
}

static IOReturn init(void)
{
    IOBufferMemoryDescriptor *self = raw();

    return initialised(self, self != NULL && IOBufferMemoryDescriptor_initWithPhysicalMask(
                                                 self, owner, PAGEABLE, 9000, 1, 0));
}

static IOReturn init_control(void)
{
    IOBufferMemoryDescriptor *self = raw();

    return initialised(self,
                       self != NULL && IOBufferMemoryDescriptor_initControlWithPhysicalMask(
                                           self, kernel_task, kIODirectionOutIn, 9000, 64, 0));
}

static IOReturn init_guarded(void)
{
    IOBufferMemoryDescriptor *self = raw();

    return initialised(self, self != NULL && IOBufferMemoryDescriptor_initWithGuardPages(
                                                 self, kernel_task, kIODirectionOutIn, 100));
}

/* The length is what was copied, whichever page of it is missing. */
static IOReturn append(void)
{
    static const uint8_t bytes[9000] = {1, 2, 3};
    IOReturn status;
    uint64_t length;

    IOBufferMemoryDescriptor_setLength(things.purgeable, 0);
    status =
        inject_done(IOBufferMemoryDescriptor_appendBytes(things.purgeable, bytes, sizeof(bytes)));
    length = IOMemoryDescriptor_getLength(things.purgeable);
    assert_true(status == kIOReturnSuccess ? length == sizeof(bytes) : length < sizeof(bytes));
    IOBufferMemoryDescriptor_setLength(things.purgeable, sizeof(bytes));
    return status;
}

static IOReturn append_zeros(void)
{
    IOReturn status;

    IOBufferMemoryDescriptor_setLength(things.purgeable, 4000);
    status = inject_done(IOBufferMemoryDescriptor_appendBytes(things.purgeable, NULL, 5000));
    IOBufferMemoryDescriptor_setLength(things.purgeable, 9000);
    return status;
}

static IOReturn set_direction(void)
{
    IOBufferMemoryDescriptor *self =
        IOBufferMemoryDescriptor_withCapacity(9000, kIODirectionOut, false);
    IOReturn status = kIOReturnSuccess;
    uint8_t byte = 0;

    if (self == NULL) {
        return IOMemoryLastError();
    }
    IOBufferMemoryDescriptor_setDirection(self, kIODirectionIn);
    status = inject_done(IOMemoryDescriptor_writeBytes(self, 8999, &byte, 1) == 1);
    OSObject_release(self);
    return status;
}

static const struct inject_operation operations[] = {
    {"wired", wired, false, 1},
    {"contiguous", contiguous, false, 0},
    {"with bytes", filled, false, 0},
    {"shareable with tasks", shareable, false, 0},
    {"below 4 GiB", below_4_gib, false, 1},
    {"guard pages", guarded, false, 0},
    {"uncached", uncached, false, 0},
    {"write-combined, with tags", tagged, false, 0},
    {"pageable in the kernel", pageable_in_kernel, false, 0},
    {"pageable in a task, prefaulted", pageable_in_task, false, 0},
    {"pageable, mapped nowhere, below 4 GiB", pageable_nowhere, false, 0},
    {"pageable, aligned to 64 KiB", pageable_aligned, false, 0},
    {"purgeable", purgeable, false, 0},
    {"copy that shares pages", copy_that_shares, true, 0},
    {"copy of its own pages", copy_of_its_own, true, 0},
    {"initWithPhysicalMask", init, false, 0},
    {"initControlWithPhysicalMask", init_control, false, 1},
    {"initWithGuardPages", init_guarded, false, 0},
    {"appendBytes to absent pages", append, true, 0},
    {"appendBytes of zeros", append_zeros, true, 0},
    {"setDirection of a wired buffer", set_direction, false, 1},
};

int main(void)
{
    return inject_main(operations, sizeof(operations) / sizeof(operations[0]));
}
