/* SPDX-License-Identifier: BSD-2-Clause */
#include "descriptors/IOProcessorCache.h"

#include "descriptors/IOReturn_private.h"
#include "descriptors/platform.h"

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
