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

/* One line a status; a column that is 0 says the same as the first. */
static const struct translation {
    kern_return_t status;
    IOReturn in[kIOReturnDoingShow + 1];
} translations[] = {
    {KERN_INVALID_ADDRESS,
     {kIOReturnVMError, [kIOReturnDoingPrepare] = kIOReturnCannotWire,
      [kIOReturnDoingShow] = kIOReturnNoSpace}}, /* the address space has no such place */
    {KERN_PROTECTION_FAILURE,
     {kIOReturnNotPermitted, [kIOReturnDoingPrepare] = kIOReturnNotWritable}},
    {KERN_NO_SPACE,
     {kIOReturnNoSpace, [kIOReturnDoingPrepare] = kIOReturnNoMemory}}, /* for the list of runs */
    {KERN_INVALID_ARGUMENT, {kIOReturnBadArgument}},
    {KERN_FAILURE,
     {kIOReturnError, [kIOReturnDoingPrepare] = kIOReturnCannotWire,
      [kIOReturnDoingPin] = kIOReturnNoResources}}, /* the page's counter of pins is full */
    {KERN_RESOURCE_SHORTAGE,
     {kIOReturnNoResources, [kIOReturnDoingPrepare] = kIOReturnNoMemory,
      [kIOReturnDoingPin] = kIOReturnNoMemory, [kIOReturnDoingMake] = kIOReturnNoMemory,
      [kIOReturnDoingShow] = kIOReturnNoMemory}},
    {KERN_NO_ACCESS, {kIOReturnNotPrivileged}},
    {KERN_MEMORY_ERROR,
     {kIOReturnVMError, [kIOReturnDoingPrepare] = kIOReturnNoResources,
      [kIOReturnDoingPin] = kIOReturnNoResources, [kIOReturnDoingReach] = kIOReturnNoResources,
      [kIOReturnDoingShow] = kIOReturnNoMemory}},
    {KERN_ABORTED, {kIOReturnAborted}},
    {KERN_NOT_SUPPORTED, {kIOReturnUnsupported}},
};

IOReturn IOReturn_fromKernel(kern_return_t status, enum IOReturnDoing doing)
{
    if (status == KERN_SUCCESS) {
        return kIOReturnSuccess;
    }
    for (size_t i = 0; i < sizeof(translations) / sizeof(*translations); i++) {
        const struct translation *row = &translations[i];

        if (row->status == status) {
            return row->in[doing] != kIOReturnSuccess ? row->in[doing]
                                                      : row->in[kIOReturnDoingOther];
        }
    }
    return kIOReturnError; /* a status of a kernel that has more of them */
}
