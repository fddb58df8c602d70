/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOBufferMemoryDescriptor: a descriptor that allocates its own memory and
 * describes it with one range. All functions of IOMemoryDescriptor.h apply. New
 * memory reads as zeros.
 *
 * Wired: in the kernel task, prepared from creation to free; more prepare and
 * complete pairs nest over that. Pageable: in the kernel task, in a user task, or
 * mapped nowhere (inTask TASK_NULL); pages appear when they are touched or prepared,
 * except that contiguity, a physical limit or an alignment above PAGE_SIZE make
 * them permanent. A pageable buffer's own mapping goes with it.
 *
 * A wired buffer made for kIODirectionOut alone refuses writeBytes and a prepare for
 * In, as any memory that is prepared for reading only; the CPU writes it through
 * getBytesNoCopy. A buffer that shares its page with other allocations (smaller than
 * a page, and none of the options asks for whole pages) is not mapped into user
 * tasks: kIOReturnNotPermitted.
 */
#ifndef DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOBUFFERMEMORYDESCRIPTOR_H

#include "descriptors/IOGeneralMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOBufferMemoryDescriptor_metaClass;

/* What a buffer knows of its own mapping. Private. */
typedef struct IOBufferMemoryDescriptor_ExpansionData IOBufferMemoryDescriptor_ExpansionData;

/*
 * Options of this class, besides a direction, a cache mode (kIOMapInhibitCache to
 * kIOMapRealTimeCache: of the memory, in every mapping of it), kIOMapPrefault (of a
 * pageable buffer's own mapping) and MapperNone, ThreadSafe, ClearEncrypt and
 * UseReserve of IOMemoryDescriptor.h.
 */
#define kIOMemoryPhysicallyContiguous     0x00000010u /* as a device sees it */
#define kIOMemoryPageable                 0x00000020u /* not wired; for any task but the kernel's */
#define kIOMemoryPurgeable                0x00000040u /* setPurgeable works; only with Pageable */
#define kIOMemoryHostPhysicallyContiguous 0x00000080u /* in RAM */
#define kIOMemorySharingTypeMask          0x000F0000u
#define kIOMemoryUnshared                 0x00000000u
#define kIOMemoryKernelUserShared         0x00010000u /* whole pages that hold nothing else */
#define kIOBufferDescriptorMemoryFlags    0x00B0080Fu /* those handed to the base class */

/*
 * Factories. capacity in bytes, not zero, becomes the length; the first byte's
 * virtual and physical address are multiples of alignment (0 means 1; rounded up
 * to a power of two; above PAGE_SIZE the buffer is physically contiguous). NULL:
 * kIOReturnBadArgument (capacity 0 or wrapping, not Pageable in another task than
 * kernel_task, a dead task, unknown or contradicting options, a mask with holes),
 * kIOReturnNoMemory, kIOReturnNoResources (pageable, more than the RAM),
 * kIOReturnNoSpace (the task's address space is full). Thread context.
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

/*
 * Wired kernel memory of whole pages, the capacity rounded up to them, between two
 * pages that fault on every access. kIOReturnUnsupported: pageable or contiguous.
 */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithGuardPages(task_t inTask,
                                                                        IOOptionBits options,
                                                                        mach_vm_size_t capacity);

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
 * A pageable buffer (options must say so) with what [source, source + size) of an
 * address space holds now; later stores on either side do not reach the other. Pages
 * are shared until one of them is stored to, where that is possible. kIOReturnVMError:
 * part of the source cannot be read; kIOReturnNoResources: there is no page for a copy.
 */
IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withCopy(task_t inTask, IOOptionBits options,
                                                            vm_map_t sourceMap,
                                                            mach_vm_address_t source,
                                                            mach_vm_size_t size);

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

/* As inTaskWithGuardPages. */
bool IOBufferMemoryDescriptor_initWithGuardPages(IOBufferMemoryDescriptor *self, task_t inTask,
                                                 IOOptionBits options, mach_vm_size_t capacity);

/* What the last release does: remove the own mapping, unpin, then return the memory. */
void IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor *self);

/* Bytes that were asked for; rounded up between guard pages. Any context. */
vm_size_t IOBufferMemoryDescriptor_getCapacity(const IOBufferMemoryDescriptor *self);

/*
 * Set the valid length, up to the capacity; more changes nothing (last error
 * kIOReturnBadArgument), nor does less while a DMA command is active on the buffer
 * (kIOReturnBusy). Contents stay. Any context, but not during a walk.
 */
void IOBufferMemoryDescriptor_setLength(IOBufferMemoryDescriptor *self, vm_size_t length);

/*
 * Replace the direction. While nobody but a wired buffer itself has it prepared and
 * no DMA is active, the preparation follows. Any context, but not during a walk or DMA.
 */
void IOBufferMemoryDescriptor_setDirection(IOBufferMemoryDescriptor *self, IODirection direction);

/*
 * Copy behind the current length and raise it; NULL appends zeros. Need not be
 * prepared. What does not fit is left out, and the answer is false (kIOReturnNoSpace);
 * so is what there is no page for (kIOReturnNoResources). Thread context if pageable.
 */
bool IOBufferMemoryDescriptor_appendBytes(IOBufferMemoryDescriptor *self, const void *bytes,
                                          vm_size_t withLength);

/*
 * Address of the first byte in the owning task, which only for kernel buffers is a kernel
 * pointer; NULL for a buffer made without a task. It stays what it was when the task dies, and
 * leads nowhere then. Any context.
 */
void *IOBufferMemoryDescriptor_getBytesNoCopy(IOBufferMemoryDescriptor *self);

/* Address of byte `start` likewise; NULL unless it and withLength bytes from it are in the length.
 */
void *IOBufferMemoryDescriptor_getBytesNoCopyRange(IOBufferMemoryDescriptor *self, vm_size_t start,
                                                   vm_size_t withLength);

const OSMetaClass *IOBufferMemoryDescriptor_getMetaClass(
    const IOBufferMemoryDescriptor *self); /* dynamic */

#endif
