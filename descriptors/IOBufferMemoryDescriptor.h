/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOBufferMemoryDescriptor: a descriptor that allocates its own memory and
 * describes it with one range (contract file 11). Here: wired kernel buffers,
 * zeroed, and prepared from creation to free; more prepare and complete pairs
 * nest over that. All functions of IOMemoryDescriptor.h apply.
 *
 * A buffer made for kIODirectionOut alone refuses writeBytes and a prepare for In,
 * as any memory that is prepared for reading only; the CPU writes it through
 * getBytesNoCopy.
 */
#ifndef DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_H

#include "descriptors/IOGeneralMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOBufferMemoryDescriptor_metaClass;

/*
 * Options of this class, besides a direction, a cache mode (kIOMap...Cache) and
 * MapperNone, ThreadSafe, ClearEncrypt and UseReserve of IOMemoryDescriptor.h.
 */
#define kIOMemoryPhysicallyContiguous     0x00000010u /* as a device sees it */
#define kIOMemoryPageable                 0x00000020u /* kIOReturnUnsupported */
#define kIOMemoryPurgeable                0x00000040u /* only with Pageable */
#define kIOMemoryHostPhysicallyContiguous 0x00000080u /* in RAM */
#define kIOMemorySharingTypeMask          0x000F0000u
#define kIOMemoryUnshared                 0x00000000u
#define kIOMemoryKernelUserShared         0x00010000u /* whole pages that hold nothing else */
#define kIOBufferDescriptorMemoryFlags    0x00B0080Fu /* those handed to the base class */

/*
 * Factories. capacity in bytes, not zero, becomes the length; the first byte's
 * virtual and physical address are multiples of alignment (0 means 1; rounded up
 * to a power of two; above PAGE_SIZE the buffer is physically contiguous). inTask
 * is kernel_task. NULL: kIOReturnBadArgument (capacity 0 or wrapping, another
 * task, unknown or contradicting options, a mask with holes), kIOReturnUnsupported
 * (pageable, a cache mode other than default and copyback), kIOReturnNoMemory.
 * Thread context.
 */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptions(task_t inTask,
                                                                     IOOptionBits options,
                                                                     vm_size_t capacity,
                                                                     vm_offset_t alignment);

/* The same, with setVMTags applied first. */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptionsTags(
    task_t inTask, IOOptionBits options, vm_size_t capacity, vm_offset_t alignment,
    uint32_t kernTag, uint32_t userTag);

/*
 * No physical address of the buffer has a bit that is not in the mask: ones,
 * optionally followed by zeros, which give the alignment (at least a page).
 */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
    task_t inTask, IOOptionBits options, mach_vm_size_t capacity, mach_vm_address_t physicalMask);

/* In the kernel task. */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withOptions(IOOptionBits options,
                                                               vm_size_t capacity,
                                                               vm_offset_t alignment);

/* Unshared; contiguous buffers are aligned to their capacity. */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withCapacity(vm_size_t capacity,
                                                                IODirection withDirection,
                                                                bool withContiguousMemory);

/* Filled with a copy of `bytes`, which must not be NULL. */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withBytes(const void *bytes,
                                                             vm_size_t withLength,
                                                             IODirection withDirection,
                                                             bool withContiguousMemory);

/*
 * Designated initialiser: all of the above. physicalMask 0: no restriction. A second
 * call fails (kIOReturnBadArgument). Thread context.
 */
bool IOBufferMemoryDescriptor_initWithPhysicalMask(IOBufferMemoryDescriptor *self, task_t inTask,
                                                   IOOptionBits options, mach_vm_size_t capacity,
                                                   mach_vm_address_t alignment,
                                                   mach_vm_address_t physicalMask);

/* The same, for buffers that will hold kernel pointers. */
bool IOBufferMemoryDescriptor_initControlWithPhysicalMask(IOBufferMemoryDescriptor *self,
                                                          task_t inTask, IOOptionBits options,
                                                          mach_vm_size_t capacity,
                                                          mach_vm_address_t alignment,
                                                          mach_vm_address_t physicalMask);

/* What the last release does: unpin, then return the memory. */
void IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor *self);

/* Bytes that were asked for. Any context. */
vm_size_t IOBufferMemoryDescriptor_getCapacity(const IOBufferMemoryDescriptor *self);

/*
 * Set the valid length, up to the capacity; more changes nothing (last error
 * kIOReturnBadArgument). Contents stay. Any context, but not during a walk or DMA.
 */
void IOBufferMemoryDescriptor_setLength(IOBufferMemoryDescriptor *self, vm_size_t length);

/*
 * Replace the direction. While nobody but the buffer itself has it prepared and no
 * DMA is active, the preparation follows. Any context, but not during a walk or DMA.
 */
void IOBufferMemoryDescriptor_setDirection(IOBufferMemoryDescriptor *self, IODirection direction);

/*
 * Copy behind the current length and raise it; NULL appends zeros. What does not
 * fit is left out, and the answer is false (kIOReturnNoSpace).
 */
bool IOBufferMemoryDescriptor_appendBytes(IOBufferMemoryDescriptor *self, const void *bytes,
                                          vm_size_t withLength);

/* Kernel address of the first byte. Any context. */
void *IOBufferMemoryDescriptor_getBytesNoCopy(IOBufferMemoryDescriptor *self);

/* Kernel address of byte `start`; NULL unless it and withLength bytes from it are in the length. */
void *IOBufferMemoryDescriptor_getBytesNoCopyRange(IOBufferMemoryDescriptor *self, vm_size_t start,
                                                   vm_size_t withLength);

const OSMetaClass *IOBufferMemoryDescriptor_getMetaClass(
    const IOBufferMemoryDescriptor *self); /* dynamic */

#endif
