/* SPDX-License-Identifier: BSD-2-Clause */
/* Which memory a buffer needs: contract file 11, sections 3.3 and 3.4. */
#include "descriptors/IOBufferMemoryDescriptor_private.h"

#define BUFFER_OPTIONS                                                                             \
    (kIOBufferDescriptorMemoryFlags | kIOMemoryPhysicallyContiguous | kIOMemoryPageable |          \
     kIOMemoryPurgeable | kIOMemoryHostPhysicallyContiguous | kIOMemorySharingTypeMask |           \
     kIOMapCacheMask)

/* In this class 0x800 is MapperNone and no part of a cache mode. */
#define BUFFER_CACHE_MASK (kIOMapCacheMask & ~kIOMemoryMapperNone)

static bool is_ordinary_cache(IOOptionBits options)
{
    switch (options & BUFFER_CACHE_MASK) {
    case kIOMapDefaultCache:
    case kIOMapCopybackCache:
    case kIOMapCopybackInnerCache:
        return true;
    default:
        return false;
    }
}

static IOReturn check_options(task_t inTask, IOOptionBits options)
{
    const IOOptionBits sharing = options & kIOMemorySharingTypeMask;

    if ((options & ~BUFFER_OPTIONS) != 0 ||
        (sharing != kIOMemoryUnshared && sharing != kIOMemoryKernelUserShared)) {
        return kIOReturnBadArgument;
    }
    if ((options & kIOMemoryPageable) != 0) {
        return kIOReturnUnsupported;
    }
    if ((options & kIOMemoryPurgeable) != 0 || inTask != kernel_task) {
        return kIOReturnBadArgument;
    }
    return is_ordinary_cache(options) ? kIOReturnSuccess : kIOReturnUnsupported;
}

/* The next power of two, 0 if there is none. */
static uint64_t round_up_power(uint64_t x)
{
    if (x <= 1) {
        return 1;
    }
    return x > 1ull << 63 ? 0 : 1ull << (64 - __builtin_clzll(x - 1));
}

/* Ones, optionally followed by zeros: adding the lowest one carries out of them all. */
static bool mask_has_holes(uint64_t mask)
{
    const uint64_t carried = mask + (mask & -mask);

    return carried != 0 && !is_power_of_two(carried);
}

static void apply_mask(struct buffer_placement *placement, uint64_t mask)
{
    const uint64_t lowest = mask & -mask;

    placement->highest = mask | (lowest - 1);
    if (placement->alignment < lowest) {
        placement->alignment = lowest;
    }
    if (placement->alignment < PAGE_SIZE) {
        placement->alignment = PAGE_SIZE;
    }
}

IOReturn buffer_place(task_t inTask, IOOptionBits options, mach_vm_size_t capacity,
                      mach_vm_address_t alignment, mach_vm_address_t physicalMask,
                      struct buffer_placement *placement)
{
    const IOReturn status = check_options(inTask, options);
    uint64_t sum;

    if (status != kIOReturnSuccess) {
        return status;
    }
    *placement = (struct buffer_placement){
        .size = capacity,
        .alignment = round_up_power(alignment),
        .contiguous =
            (options & (kIOMemoryPhysicallyContiguous | kIOMemoryHostPhysicallyContiguous)) != 0,
    };
    if (capacity == 0 || placement->alignment == 0) {
        return kIOReturnBadArgument;
    }
    if (physicalMask != 0) {
        if (mask_has_holes(physicalMask)) {
            return kIOReturnBadArgument;
        }
        apply_mask(placement, physicalMask);
    }
    if ((options & (kIOMemorySharingTypeMask | BUFFER_CACHE_MASK | kIOMemoryClearEncrypt)) != 0 &&
        placement->alignment < PAGE_SIZE) {
        placement->alignment = PAGE_SIZE;
    }
    if (placement->alignment >= PAGE_SIZE && round_page_overflow(capacity, &placement->size)) {
        return kIOReturnBadArgument;
    }
    if (placement->alignment > PAGE_SIZE) {
        placement->contiguous = true;
    }
    if (__builtin_add_overflow(placement->size, placement->alignment, &sum) ||
        round_page_overflow(sum, &sum)) {
        return kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}
