/* SPDX-License-Identifier: BSD-2-Clause */
/* The last error, and kernel statuses in IOKit's words. */
#include "descriptors/object/IOReturn_kernel.h"

#include "descriptors/platform.h"

IOReturn IOMemoryLastError(void)
{
    return platform_get_last_error();
}

IOReturn IOMemory_fail(IOReturn reason)
{
    platform_set_last_error(reason);
    return reason;
}

IOReturn IOReturn_fromKernel(kern_return_t status)
{
    switch (status) {
    case KERN_SUCCESS:
        return kIOReturnSuccess;
    case KERN_INVALID_ADDRESS:
    case KERN_MEMORY_ERROR:
        return kIOReturnVMError;
    case KERN_PROTECTION_FAILURE:
        return kIOReturnNotPermitted;
    case KERN_NO_SPACE:
        return kIOReturnNoSpace;
    case KERN_INVALID_ARGUMENT:
        return kIOReturnBadArgument;
    case KERN_RESOURCE_SHORTAGE:
        return kIOReturnNoResources;
    case KERN_NO_ACCESS:
        return kIOReturnNotPrivileged;
    case KERN_ABORTED:
        return kIOReturnAborted;
    case KERN_NOT_SUPPORTED:
        return kIOReturnUnsupported;
    default:
        return kIOReturnError;
    }
}
