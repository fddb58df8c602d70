/* SPDX-License-Identifier: BSD-2-Clause */
/* The factories, but for withCopy. */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"

IOBufferMemoryDescriptor *buffer_new(void)
{
    OSObject *object = OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);

    return (IOBufferMemoryDescriptor *)object;
}

/* Allocate, tag, initialise. */
static IOBufferMemoryDescriptor *make(task_t inTask, IOOptionBits options, mach_vm_size_t capacity,
                                      mach_vm_address_t alignment, mach_vm_address_t physicalMask,
                                      uint32_t kernTag, uint32_t userTag)
{
    IOBufferMemoryDescriptor *self;

    /* Here, since setting them has no answer: the buffer would come without its tags. */
    if (kernTag > UINT16_MAX || userTag > UINT16_MAX) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = buffer_new();
    if (self == NULL) {
        return NULL;
    }
    IOMemoryDescriptor_setVMTags(self, kernTag, userTag);
    if (!IOBufferMemoryDescriptor_initWithPhysicalMask(self, inTask, options, capacity, alignment,
                                                       physicalMask)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptionsTags(
    task_t inTask, IOOptionBits options, vm_size_t capacity, vm_offset_t alignment,
    uint32_t kernTag, uint32_t userTag)
{
    return make(inTask, options, capacity, alignment, 0, kernTag, userTag);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptions(task_t inTask,
                                                                     IOOptionBits options,
                                                                     vm_size_t capacity,
                                                                     vm_offset_t alignment)
{
    return make(inTask, options, capacity, alignment, 0, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
    task_t inTask, IOOptionBits options, mach_vm_size_t capacity, mach_vm_address_t physicalMask)
{
    return make(inTask, options, capacity, 1, physicalMask, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithGuardPages(task_t inTask,
                                                                        IOOptionBits options,
                                                                        mach_vm_size_t capacity)
{
    IOBufferMemoryDescriptor *self = buffer_new();

    if (self != NULL &&
        !IOBufferMemoryDescriptor_initWithGuardPages(self, inTask, options, capacity)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withOptions(IOOptionBits options,
                                                               vm_size_t capacity,
                                                               vm_offset_t alignment)
{
    return make(kernel_task, options, capacity, alignment, 0, 0, 0);
}

/* An unshared kernel buffer that may be contiguous. */
static IOBufferMemoryDescriptor *make_unshared(vm_size_t capacity, IODirection direction,
                                               bool contiguous, vm_offset_t alignment)
{
    if ((direction & ~kIOMemoryDirectionMask) != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return make(kernel_task, direction | (contiguous ? kIOMemoryPhysicallyContiguous : 0), capacity,
                alignment, 0, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withCapacity(vm_size_t capacity,
                                                                IODirection withDirection,
                                                                bool withContiguousMemory)
{
    /*
     * Contiguous memory at a multiple of its size crosses no boundary of that size, which is what
     * devices that ask for it stumble over.
     */
    return make_unshared(capacity, withDirection, withContiguousMemory,
                         withContiguousMemory ? capacity : 1);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withBytes(const void *bytes,
                                                             vm_size_t withLength,
                                                             IODirection withDirection,
                                                             bool withContiguousMemory)
{
    IOBufferMemoryDescriptor *self;
    IOReturn status;
    uint64_t done;

    /* Before memory is had: a buffer that was never filled must not be taken for one that was. */
    if (bytes == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    /*
     * A buffer of less than a page that is aligned to its size does not cross into a second page.
     */
    self = make_unshared(withLength, withDirection, withContiguousMemory,
                         withLength < PAGE_SIZE ? withLength : PAGE_SIZE);
    if (self == NULL) {
        return NULL;
    }
    /* Not to its address: of scattered memory, where no run was to be had, there is none. */
    status = buffer_store(self, 0, bytes, withLength, &done);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        OSSafeReleaseNULL(self);
    }
    return self;
}
