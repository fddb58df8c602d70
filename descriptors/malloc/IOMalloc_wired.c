/* SPDX-License-Identifier: BSD-2-Clause */
/* The families whose memory is resident from allocation to free. */
#include <string.h>

#include "descriptors/malloc/IOMalloc_private.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform.h"

#define LEAST_ALIGNMENT 16 /* of every block */
#define FRESH           0xa5

#define CALLER __builtin_return_address(0)

static void *allocate(IOMallocFamily family, struct platform_memory_request request,
                      const void *caller)
{
    struct IOMallocBlock *block = IOMalloc_begin(family, request.size, caller);
    kern_return_t status;
    void *memory = NULL;

    if (block == NULL) {
        return NULL;
    }
    /*
     * As the strictest type of C needs (q registers among them): IOMalloc has no alignment to ask
     * for.
     */
    if (request.alignment < LEAST_ALIGNMENT) {
        request.alignment = LEAST_ALIGNMENT;
    }
    if (request.size < PAGE_SIZE && (request.alignment >= PAGE_SIZE || request.highest != 0)) {
        request.size = PAGE_SIZE; /* only pages of their own can have that */
    }
    block->extent = request.size;
    status = platform_memory_alloc(&request, &memory);
#ifdef DEBUG
    if (status == KERN_SUCCESS && request.dirty) {
        /*
         * Who relies on zeros that it did not ask for shall fail in a debug build, not in the
         * field.
         */
        memset(memory, FRESH, block->size);
    }
#endif
    return IOMalloc_finish(block, memory, IOReturn_fromKernel(status, kIOReturnDoingMake));
}

static void *refuse(IOReturn reason)
{
    IOMemory_fail(reason);
    return NULL;
}

void *IOMalloc(vm_size_t size)
{
    return allocate(kIOMallocGeneral, (struct platform_memory_request){.size = size, .dirty = true},
                    CALLER);
}

void *IOMallocZero(vm_size_t size)
{
    return allocate(kIOMallocGeneral, (struct platform_memory_request){.size = size}, CALLER);
}

void IOFree(void *address, vm_size_t size)
{
    IOMalloc_free(address, size, kIOMallocGeneral, CALLER);
}

void *IOMallocData(vm_size_t size)
{
    return allocate(kIOMallocData, (struct platform_memory_request){.size = size, .dirty = true},
                    CALLER);
}

void *IOMallocZeroData(vm_size_t size)
{
    return allocate(kIOMallocData, (struct platform_memory_request){.size = size}, CALLER);
}

void IOFreeData(void *address, vm_size_t size)
{
    IOMalloc_free(address, size, kIOMallocData, CALLER);
}

void *IOMallocAligned(vm_size_t size, vm_offset_t alignment)
{
    uint64_t power = 1;

    if (alignment > UINT32_MAX) {
        return refuse(kIOReturnBadArgument);
    }
    /*
     * IOKit's callers pass sizes for alignments; the next power of two satisfies those too. Ends:
     * an alignment of more than 32 bits was refused.
     */
    while (power < alignment) {
        power <<= 1;
    }
    return allocate(
        kIOMallocAligned,
        (struct platform_memory_request){.size = size, .alignment = power, .dirty = true}, CALLER);
}

void IOFreeAligned(void *address, vm_size_t size)
{
    IOMalloc_free(address, size, kIOMallocAligned, CALLER);
}

void *IOMallocContiguous(vm_size_t size, vm_size_t alignment, IOPhysicalAddress *physicalAddress)
{
    void *address;

    if (physicalAddress != NULL) {
        *physicalAddress = 0;
    }
    /* No rounding up here: who says an alignment to hardware means it. */
    if (alignment > UINT32_MAX || (alignment & (alignment - 1)) != 0) {
        return refuse(kIOReturnBadArgument);
    }
    address = allocate(kIOMallocContiguous,
                       (struct platform_memory_request){
                           .size = size,
                           .alignment = alignment,
                           .highest = physicalAddress != NULL ? UINT32_MAX : 0,
                           .contiguous = true,
                       },
                       CALLER);
    if (address != NULL && physicalAddress != NULL) {
        *physicalAddress = platform_memory_physical(address).value;
    }
    return address;
}

void IOFreeContiguous(void *address, vm_size_t size)
{
    IOMalloc_free(address, size, kIOMallocContiguous, CALLER);
}
