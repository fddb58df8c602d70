/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirection of all mappings of a descriptor, and the pages of device memory. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOReturn_kernel.h"

IOReturn descriptor_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
{
    IOReturn result = kIOReturnSuccess;

    IOMemory_lock();
    if (doRedirect) {
        self->flags |= kIOMemoryRedirected;
        self->redirectSafeTask = safeTask;
    } else {
        self->flags &= ~kIOMemoryRedirected;
        self->redirectSafeTask = TASK_NULL;
    }
    /*
     * All are told whatever one answers: a map that goes on reaching memory which is said to be
     * redirected is the worse failure. The last error is the result.
     */
    for (IOMemoryMap *map = self->mappings; map != NULL; map = map->next) {
        const IOReturn status = IOMemoryMap_redirectTask(map, safeTask, doRedirect);

        if (status != kIOReturnSuccess) {
            result = status;
        }
    }
    IOMemory_unlock();
    return result;
}

IOReturn IOMemoryDescriptor_redirect(IOMemoryDescriptorRef self, task_t safeTask, bool doRedirect)
{
    if (self.descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    return IOMemoryDescriptor_methods(self.descriptor)
        ->redirect(self.descriptor, safeTask, doRedirect);
}

IOReturn IOMemoryDescriptor_handleFault(IOMemoryDescriptorRef self, void *pager,
                                        mach_vm_size_t sourceOffset, mach_vm_size_t length)
{
    if (self.descriptor == NULL || pager != NULL ||
        !IOMemoryDescriptor_holds(self.descriptor, sourceOffset, length)) {
        return kIOReturnBadArgument;
    }
    /* Nobody else can make the access go on: who faults is to wait, and not to be given a page. */
    return (self.descriptor->flags & kIOMemoryRedirected) != 0 ? kIOReturnAborted
                                                               : kIOReturnSuccess;
}

/* Can [sourceOffset, sourceOffset + length) be seen at `address` page by page? */
static IOReturn check_segments(IOMemoryDescriptor *self, uint64_t address, uint64_t sourceOffset,
                               uint64_t length)
{
    uint64_t done = 0;

    while (done < length) {
        IOPhysicalSegment piece;
        const IOReturn status =
            IOMemoryDescriptor_segment(self, sourceOffset + done, kIOMemoryMapperNone, &piece);

        if (status != kIOReturnSuccess) {
            return status;
        }
        /* Pages are mapped whole: a piece that begins or ends inside one would show a neighbour. */
        if (((piece.location ^ (address + done)) & PAGE_MASK) != 0 ||
            (done != 0 && (piece.location & PAGE_MASK) != 0)) {
            return kIOReturnBadArgument;
        }
        if (piece.length < length - done && ((piece.location + piece.length) & PAGE_MASK) != 0) {
            return kIOReturnVMError;
        }
        done += piece.length;
    }
    return kIOReturnSuccess;
}

IOReturn IOMemoryDescriptor_populateDevicePager(IOMemoryDescriptorRef self, void *pager,
                                                vm_map_t addressMap, mach_vm_address_t address,
                                                mach_vm_size_t sourceOffset, mach_vm_size_t length,
                                                IOOptionBits options)
{
    uint64_t size;
    IOReturn status;

    (void)options; /* the mapping says whether stores are allowed */
    if (self.descriptor == NULL || pager != NULL || addressMap == NULL || length == 0 ||
        !IOMemoryDescriptor_holds(self.descriptor, sourceOffset, length) ||
        round_page_overflow((address & PAGE_MASK) + length, &size)) {
        return kIOReturnBadArgument;
    }
    status = check_segments(self.descriptor, address, sourceOffset, length);
    if (status != kIOReturnSuccess) {
        return status;
    }
    return IOReturn_fromKernel(platform_map_fill(addressMap, trunc_page(address), size),
                               kIOReturnDoingOther);
}
