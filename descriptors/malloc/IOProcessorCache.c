/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache maintenance over ranges that the caller names, checked before the first line. */
#include "descriptors/IOProcessorCache.h"

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/platform_vm.h"

IOReturn IOFlushProcessorCache(task_t task, IOVirtualAddress address, IOByteCount length)
{
    if (task != kernel_task) {
        return IOMemory_fail(kIOReturnUnsupported);
    }
    if (address + length < address) {
        return IOMemory_fail(kIOReturnBadArgument);
    }
    if (length == 0) {
        platform_cache_clean_invalidate(NULL, 0); /* the barrier */
    }
    /*
     * Window by window, since the range may be mapped in pieces. Ends: no window is empty. One
     * without an address has no page, and so no line.
     */
    while (length != 0) {
        struct platform_window window;

        if (platform_kernel_window(address, length, &window) != KERN_SUCCESS) {
            return IOMemory_fail(kIOReturnVMError);
        }
        if (window.address != NULL) {
            platform_cache_clean_invalidate(window.address, window.length);
        }
        address += window.length;
        length -= window.length;
    }
    return kIOReturnSuccess;
}

/*
 * The pages come first, so that none is zeroed through the cache when it is uncached
 * here already; their lines are written back before anybody sees them in the new mode.
 */
static kern_return_t set_mode(uint64_t address, uint64_t length, unsigned mode)
{
    kern_return_t status = platform_map_check(kernel_map, address, length, false);

    if (status == KERN_SUCCESS) {
        status = platform_map_fill(kernel_map, address, length);
    }
    if (status == KERN_SUCCESS) {
        status = platform_map_set_cache(kernel_map, address, length, mode);
    }
    return status;
}

IOReturn IOSetProcessorCacheMode(task_t task, IOVirtualAddress address, IOByteCount length,
                                 IOOptionBits cacheMode)
{
    kern_return_t status;

    /* A mode is a page's: rounding would change bytes that the caller has not named. */
    if (task != kernel_task || ((address | length) & PAGE_MASK) != 0) {
        return IOMemory_fail(kIOReturnUnsupported);
    }
    if (cacheMode > kIOPostedCombinedReordered || address + length < address) {
        return IOMemory_fail(kIOReturnBadArgument);
    }
    if (length == 0) {
        return kIOReturnSuccess;
    }
    status = set_mode(address, length, cacheMode);
    return status == KERN_SUCCESS ? kIOReturnSuccess
                                  : IOMemory_fail(IOReturn_fromKernel(status, kIOReturnDoingReach));
}
