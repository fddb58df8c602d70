/* SPDX-License-Identifier: BSD-2-Clause */
/* DriverKit's methods of a descriptor: what they do. */
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "descriptors/IOSubMemoryDescriptor.h"
#include "descriptors/driverkit/IODriverRights.h"

#define CACHE_FIELD 0x0000FF00u
#define MAP_OPTIONS                                                                                \
    (kIOMemoryMapFixedAddress | kIOMemoryMapReadOnly | kIOMemoryMapGuardedMask | CACHE_FIELD)

/* A field as a whole: two modes at once are none. *cache is the default before. */
static kern_return_t cache_option(uint64_t options, IOOptionBits *cache)
{
    switch (options & CACHE_FIELD) {
    case kIOMemoryMapCacheModeDefault:
        return kIOReturnSuccess;
    case kIOMemoryMapCacheModeInhibit:
        *cache = kIOMapInhibitCache;
        return kIOReturnSuccess;
    case kIOMemoryMapCacheModeCopyback:
        *cache = kIOMapCopybackCache;
        return kIOReturnSuccess;
    case kIOMemoryMapCacheModeWriteThrough:
        *cache = kIOMapWriteThruCache;
        return kIOReturnSuccess;
    case kIOMemoryMapCacheModeRealTime:
        *cache = kIOMapRealTimeCache;
        return kIOReturnSuccess;
    default:
        return kIOReturnBadArgument;
    }
}

/* *guard is none before. */
static kern_return_t guard_option(uint64_t options, IOOptionBits *guard)
{
    switch (options & kIOMemoryMapGuardedMask) {
    case kIOMemoryMapGuardedNone:
        return kIOReturnSuccess;
    case kIOMemoryMapGuardedDefault:
    case kIOMemoryMapGuardedSmall:
        *guard = kIOMapGuardedSmall;
        return kIOReturnSuccess;
    case kIOMemoryMapGuardedLarge:
        *guard = kIOMapGuardedLarge;
        return kIOReturnSuccess;
    default:
        return kIOReturnBadArgument;
    }
}

/* A driver's options in the words of createMappingInTask. */
static kern_return_t kernel_options(uint64_t options, IOOptionBits *asked)
{
    IOOptionBits cache = kIOMapDefaultCache, guard = 0;
    kern_return_t status;

    if ((options & ~(uint64_t)MAP_OPTIONS) != 0) {
        return kIOReturnBadArgument;
    }
    status = cache_option(options, &cache);
    if (status == kIOReturnSuccess) {
        status = guard_option(options, &guard);
    }
    /* At a given address nothing lies around the map that could be kept free. */
    *asked = cache | ((options & kIOMemoryMapFixedAddress) != 0 ? 0 : guard | kIOMapAnywhere) |
             ((options & kIOMemoryMapReadOnly) != 0 ? kIOMapReadOnly : 0);
    return status;
}

/* Before a page is shown: are these bytes there, may there be another map, and whose are the rest?
 */
static kern_return_t check_map(IOMemoryDescriptor *self, uint64_t offset, uint64_t length)
{
    kern_return_t status;

    if (!IOMemoryDescriptor_holds(self, offset, length)) {
        return kIOReturnBadArgument;
    }
    status = IODriverRights_checkMaps();
    if (status != kIOReturnSuccess) {
        return status;
    }
    return IODriverRights_ownsPages(self, offset, length) ? kIOReturnSuccess
                                                          : kIOReturnNotPermitted;
}

kern_return_t IOMemoryDescriptor_CreateMapping_Impl(IOMemoryDescriptor *self, uint64_t options,
                                                    uint64_t address, uint64_t offset,
                                                    uint64_t length, uint64_t alignment,
                                                    IOMemoryMap **map)
{
    IOOptionBits asked;
    kern_return_t status;

    if (map == NULL) {
        return kIOReturnBadArgument;
    }
    *map = NULL;
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    status = kernel_options(options, &asked);
    if (status == kIOReturnSuccess && alignment != 0) {
        status = kIOReturnUnsupported;
    }
    if (status == kIOReturnSuccess) {
        length = length != 0 ? length : self->length;
        status = check_map(self, offset, length);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (!IODriverRights_mayWrite(self)) {
        asked |= kIOMapReadOnly;
    }
    *map = IOMemoryDescriptor_createMappingInTask(self, current_task(), address, asked, offset,
                                                  length);
    return *map != NULL ? kIOReturnSuccess : IOMemoryLastError();
}

/* What a new descriptor may do, the old one must. */
static kern_return_t check_direction(IOMemoryDescriptor *source, uint64_t direction)
{
    return (direction & ~(uint64_t)IOMemoryDescriptor_getDirection(source)) == 0
               ? kIOReturnSuccess
               : kIOReturnNotPermitted;
}

kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl(
    uint64_t memoryDescriptorCreateOptions, uint64_t offset, uint64_t length,
    IOMemoryDescriptor *ofDescriptor, IOMemoryDescriptor **memory)
{
    kern_return_t status;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    *memory = NULL;
    if (ofDescriptor == NULL ||
        (memoryDescriptorCreateOptions & ~(uint64_t)kIOMemoryDirectionInOut) != 0 ||
        !IOMemoryDescriptor_holds(ofDescriptor, offset, length)) {
        return kIOReturnBadArgument;
    }
    status = check_direction(ofDescriptor, memoryDescriptorCreateOptions);
    if (status != kIOReturnSuccess) {
        return status;
    }
    *memory = IOMemoryDescriptor_upcast(IOSubMemoryDescriptor_withSubRange(
        ofDescriptor, offset, length, (IOOptionBits)memoryDescriptorCreateOptions));
    return *memory != NULL ? kIOReturnSuccess : IOMemoryLastError();
}

kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(
    uint64_t memoryDescriptorCreateOptions, uint32_t withDescriptorsCount,
    IOMemoryDescriptor *const withDescriptors[], IOMemoryDescriptor **memory)
{
    kern_return_t status = kIOReturnSuccess;

    if (memory == NULL) {
        return kIOReturnBadArgument;
    }
    *memory = NULL;
    if (withDescriptorsCount > kIORPCDescriptorsMost) {
        return kIOReturnOverrun;
    }
    if (withDescriptors == NULL || withDescriptorsCount == 0 ||
        (memoryDescriptorCreateOptions & ~(uint64_t)kIOMemoryDirectionInOut) != 0) {
        return kIOReturnBadArgument;
    }
    for (uint32_t i = 0; i < withDescriptorsCount; i++) {
        if (withDescriptors[i] == NULL) {
            return kIOReturnBadArgument;
        }
        if (status == kIOReturnSuccess) {
            status = check_direction(withDescriptors[i], memoryDescriptorCreateOptions);
        }
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    *memory = IOMemoryDescriptor_upcast(IOMultiMemoryDescriptor_withDescriptors(
        (IOMemoryDescriptor **)withDescriptors, withDescriptorsCount,
        (IODirection)memoryDescriptorCreateOptions, false));
    if (*memory == NULL) {
        return IOMemoryLastError();
    }
    (*memory)->flags |= kIOMemoryThreadSafe; /* as all that drivers are given */
    return kIOReturnSuccess;
}

kern_return_t IOMemoryDescriptor_GetLength(IOMemoryDescriptor *self, uint64_t *returnLength)
{
    if (self == NULL || returnLength == NULL) {
        return kIOReturnBadArgument;
    }
    *returnLength = IOMemoryDescriptor_getLength(self);
    return kIOReturnSuccess;
}

/* A map that an object of the kernel kept for a task would outlive what the task thinks of it. */
kern_return_t IOMemoryDescriptor_Map(IOMemoryDescriptor *self, uint64_t options, uint64_t address,
                                     uint64_t length, uint64_t alignment, uint64_t *returnAddress,
                                     uint64_t *returnLength)
{
    (void)options, (void)address, (void)length, (void)alignment;
    return self == NULL || returnAddress == NULL || returnLength == NULL ? kIOReturnBadArgument
                                                                         : kIOReturnUnsupported;
}

bool IOMemoryDescriptor_init(IOMemoryDescriptor *self)
{
    return OSObject_init(self);
}
