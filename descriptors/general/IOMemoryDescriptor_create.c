/* SPDX-License-Identifier: BSD-2-Clause */
/* The factories that give a general descriptor. */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"

IOMemoryDescriptor *IOMemoryDescriptor_withOptions(void *buffers, UInt32 count, UInt32 offset,
                                                   task_t task, IOOptionBits options,
                                                   IOMapper *mapper)
{
    OSObject *object = OSMetaClass_allocate(&IOGeneralMemoryDescriptor_metaClass);
    IOMemoryDescriptor *self = (IOMemoryDescriptor *)object;

    if (self != NULL &&
        !IOMemoryDescriptor_initWithOptions(self, buffers, count, offset, task, options, mapper)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IOMemoryDescriptor *IOMemoryDescriptor_withAddressRanges(IOAddressRange *ranges, UInt32 rangeCount,
                                                         IOOptionBits options, task_t task)
{
    /* The task says the type; a second statement could contradict it. */
    if (IOREFUSE((options & kIOMemoryTypeMask) != 0,
                 "options name a type of address (%#x), which the task says",
                 options & kIOMemoryTypeMask)) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    options |= task == TASK_NULL ? kIOMemoryTypePhysical : kIOMemoryTypeVirtual;
    return IOMemoryDescriptor_withOptions(ranges, rangeCount, 0, task, options, kIOMapperSystem);
}

IOMemoryDescriptor *IOMemoryDescriptor_withAddressRange(mach_vm_address_t address,
                                                        mach_vm_size_t length, IOOptionBits options,
                                                        task_t task)
{
    IOAddressRange range = {address, length};

    /* The range is ours, and gone on return: it must be copied. */
    return IOMemoryDescriptor_withAddressRanges(&range, 1, options & ~kIOMemoryAsReference, task);
}

/* One range with nothing but a direction. */
static IOMemoryDescriptor *with_direction(uint64_t address, IOByteCount length,
                                          IODirection direction, IOOptionBits options, task_t task)
{
    if ((direction & ~kIOMemoryDirectionMask) != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return IOMemoryDescriptor_withAddressRange(address, length, direction | options, task);
}

IOMemoryDescriptor *IOMemoryDescriptor_withAddress(void *address, IOByteCount withLength,
                                                   IODirection withDirection)
{
    /* Kernel memory by its pointer: its segments may be asked for at once, without a prepare. */
    return with_direction((uintptr_t)address, withLength, withDirection, kIOMemoryAutoPrepare,
                          kernel_task);
}

IOMemoryDescriptor *IOMemoryDescriptor_withPhysicalAddress(IOPhysicalAddress address,
                                                           IOByteCount withLength,
                                                           IODirection withDirection)
{
    return with_direction(address, withLength, withDirection, 0, TASK_NULL);
}

/* By class first: only a general descriptor has a reference to compare. */
static bool is_persistent(const IOMemoryDescriptor *memory)
{
    const OSMetaClass *const general = &IOGeneralMemoryDescriptor_metaClass;

    return OSMetaClassBase_safeMetaCast(memory, general) != NULL &&
           (memory->flags & kIOMemoryPersistent) != 0;
}

IOMemoryDescriptor *IOMemoryDescriptor_withPersistentMemoryDescriptor(
    IOMemoryDescriptorRef originalMD)
{
    IOMemoryDescriptor *const original = originalMD.descriptor;
    IOGeneralMemoryDescriptor *self;
    IOOptionBits options;
    bool same = false;
    IOReturn status;

    if (IOREFUSE(original == NULL, "the original is NULL") ||
        IOREFUSE(!is_persistent(original),
                 "the original is no general descriptor made with kIOMemoryPersistent")) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = general_of(original);
    /*
     * Whether the task still shows the same memory decides: if so, one more reference is as good as
     * a new descriptor; if not, the caller gets what is there today.
     */
    status = general_compare_memory(self, &same);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        return NULL;
    }
    if (same) {
        OSObject_retain(original);
        return original;
    }
    /* The array may go with the original, and is copied; a buffer's memory may not be there. */
    options = original->flags & ~(GENERAL_STATE | kIOMemoryAsReference | kIOMemoryBufferPageable |
                                  kIOMemoryBufferPurgeable);
    return IOMemoryDescriptor_withOptions((void *)self->ranges, self->rangeCount, 0, self->task,
                                          options, kIOMapperSystem);
}
