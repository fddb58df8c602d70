/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods that do not travel, some of them built on those that do. */
#include "descriptors/driverkit/user/user_private.h"

kern_return_t IOMemoryDescriptor_GetLength(IOMemoryDescriptor *self, uint64_t *returnLength)
{
    _IOMDPrivateState state;
    kern_return_t status;

    if (self == NULL || returnLength == NULL) {
        return kIOReturnBadArgument;
    }
    /* Asked each time: it can change through somebody else's handle. */
    status = IOMemoryDescriptor__CopyState(self, &state);
    if (status == kIOReturnSuccess) {
        *returnLength = state.length;
    }
    return status;
}

static struct kept_map *find_kept(const IOMemoryDescriptor *self, uint64_t options,
                                  uint64_t address, uint64_t length)
{
    struct kept_map *kept = self->maps;

    while (kept != NULL &&
           (kept->options != options || kept->address != address || kept->length != length)) {
        kept = kept->next;
    }
    return kept;
}

kern_return_t IOMemoryDescriptor_Map(IOMemoryDescriptor *self, uint64_t options, uint64_t address,
                                     uint64_t length, uint64_t alignment, uint64_t *returnAddress,
                                     uint64_t *returnLength)
{
    struct kept_map *kept;
    kern_return_t status;

    if (self == NULL || returnAddress == NULL || returnLength == NULL) {
        return kIOReturnBadArgument;
    }
    if (alignment != 0) {
        return kIOReturnUnsupported; /* also of one that is there */
    }
    kept = find_kept(self, options, address, length);
    if (kept == NULL) {
        kept = driver_alloc(sizeof(*kept));
        if (kept == NULL) {
            return kIOReturnNoMemory;
        }
        status = IOMemoryDescriptor_CreateMapping(self, options, address, 0, length, alignment,
                                                  &kept->map);
        if (status != kIOReturnSuccess) {
            driver_free(kept);
            return status;
        }
        kept->options = options;
        kept->address = address;
        kept->length = length;
        kept->next = self->maps;
        self->maps = kept;
    }
    *returnAddress = IOMemoryMap_GetAddress(kept->map);
    *returnLength = IOMemoryMap_GetLength(kept->map);
    return kIOReturnSuccess;
}

/* All of the capacity, whatever the length is now: the address has to stay when it grows. */
static kern_return_t map_whole(IOBufferMemoryDescriptor *self, uint64_t length)
{
    const bool shorter = length < self->capacity;
    kern_return_t status = kIOReturnSuccess, restored = kIOReturnSuccess;

    /* Back again is refused while a device is at work there: found out before anything changes. */
    if (shorter && length != 0) {
        status = IOBufferMemoryDescriptor_SetLength(self, length - 1);
    }
    if (shorter && status == kIOReturnSuccess) {
        status = IOBufferMemoryDescriptor_SetLength(self, self->capacity);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IOMemoryDescriptor_CreateMapping(&self->super, 0, 0, 0, 0, 0, &self->whole);
    if (shorter) {
        restored = IOBufferMemoryDescriptor_SetLength(self, length);
    }
    return status != kIOReturnSuccess ? status : restored;
}

kern_return_t IOBufferMemoryDescriptor_GetAddressRange(IOBufferMemoryDescriptor *self,
                                                       IOAddressSegment *range)
{
    uint64_t length;
    kern_return_t status;

    if (self == NULL || range == NULL) {
        return kIOReturnBadArgument;
    }
    status = IOMemoryDescriptor_GetLength(&self->super, &length);
    if (status == kIOReturnSuccess && self->whole == NULL) {
        status = map_whole(self, length);
    }
    if (status == kIOReturnSuccess) {
        range->address = IOMemoryMap_GetAddress(self->whole);
        range->length = length;
    }
    return status;
}

uint64_t IOMemoryMap_GetAddress(IOMemoryMap *self)
{
    return self != NULL ? self->state.address : 0;
}

uint64_t IOMemoryMap_GetLength(IOMemoryMap *self)
{
    return self != NULL ? self->state.length : 0;
}

uint64_t IOMemoryMap_GetOffset(IOMemoryMap *self)
{
    return self != NULL ? self->state.offset : 0;
}
