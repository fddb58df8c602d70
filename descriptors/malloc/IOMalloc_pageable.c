/* SPDX-License-Identifier: BSD-2-Clause */
/* The family whose memory comes when it is touched. */
#include "descriptors/malloc/IOMalloc_private.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform.h"

#define MOST_ALIGNMENT ((vm_size_t)2 << 20)

#define CALLER __builtin_return_address(0)

static void *allocate(vm_size_t size, vm_size_t alignment, const void *caller)
{
    struct IOMallocBlock *block;
    kern_return_t status;
    void *memory = NULL;

    /* What is no alignment is told from one that is only too large for this kernel. */
    if ((alignment & (alignment - 1)) != 0 || alignment > MOST_ALIGNMENT) {
        IOMemory_fail(alignment > UINT32_MAX || (alignment & (alignment - 1)) != 0
                          ? kIOReturnBadArgument
                          : kIOReturnUnsupported);
        return NULL;
    }
    block = IOMalloc_begin(kIOMallocPageable, size, caller);
    if (block == NULL) {
        return NULL;
    }
    block->extent = round_page(size);
    /* Pages lie at multiples of a page whatever is asked for; 0 means that nothing is. */
    status = platform_pageable_alloc(block->extent, alignment < PAGE_SIZE ? PAGE_SIZE : alignment,
                                     &memory);
    return IOMalloc_finish(block, memory, IOReturn_fromKernel(status, kIOReturnDoingMake));
}

/* The caller is asked for in the public functions: one level deeper it would be this file. */
void *IOMallocPageable(vm_size_t size, vm_size_t alignment)
{
    return allocate(size, alignment, CALLER);
}

/* Pages that come when they are touched come zeroed: there is no other kind. */
void *IOMallocPageableZero(vm_size_t size, vm_size_t alignment)
{
    return allocate(size, alignment, CALLER);
}

void IOFreePageable(void *address, vm_size_t size)
{
    IOMalloc_free(address, size, kIOMallocPageable, CALLER);
}
