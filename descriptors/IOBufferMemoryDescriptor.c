/* SPDX-License-Identifier: BSD-2-Clause */
/* The class record, creation and the end of life. */
#include "descriptors/IOBufferMemoryDescriptor_private.h"

#include <string.h>

static void buffer_free(OSObject *object)
{
    IOBufferMemoryDescriptor *self = (IOBufferMemoryDescriptor *)object;
    void *const memory = self->memory;
    const uint64_t allocated = self->allocated;
    const bool inUse = self->super.super.dmaActive != 0;

    /* The parent unpins, and takes the object with it: the memory goes after that. */
    IOGeneralMemoryDescriptor_class.meta.free(object);
    if (memory != NULL && !inUse) {
        platform_memory_free(memory, allocated);
    }
}

static uint32_t instances;

/* Only its own initialiser may tell a buffer what it describes. */
OS_CLASS(IOMemoryDescriptorClass, IOBufferMemoryDescriptor);
const IOMemoryDescriptorClass IOBufferMemoryDescriptor_class = {
    .meta = {"IOBufferMemoryDescriptor", &IOGeneralMemoryDescriptor_metaClass,
             sizeof(IOBufferMemoryDescriptor), &instances, buffer_free},
    .initWithOptions = descriptor_init_with_options,
    .prepare = general_prepare,
    .complete = general_complete,
    .getPhysicalSegment = general_get_physical_segment,
    .walk = general_walk,
    .getPreparationID = general_get_preparation_id,
    .readBytes = descriptor_read_bytes,
    .writeBytes = descriptor_write_bytes,
    .performOperation = descriptor_perform_operation,
    .addDMAMapSize = general_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = general_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .makeMapping = general_make_mapping,
    .doMap = general_do_map,
    .doUnmap = descriptor_do_unmap,
    .redirect = descriptor_redirect,
    .setPurgeable = general_set_purgeable,
    .setOwnership = general_set_ownership,
    .getPageCounts = general_get_page_counts,
};

static IOReturn allocate(IOBufferMemoryDescriptor *self, const struct buffer_placement *placement)
{
    const struct platform_memory_request request = {
        .size = placement->size,
        .alignment = placement->alignment,
        .highest = placement->highest,
        .contiguous = placement->contiguous,
    };

    if (platform_memory_alloc(&request, &self->memory) != KERN_SUCCESS) {
        self->memory = NULL;
        return kIOReturnNoMemory;
    }
    self->allocated = placement->size;
    return kIOReturnSuccess;
}

static IOReturn initialise(IOBufferMemoryDescriptor *self, task_t inTask, IOOptionBits options,
                           mach_vm_size_t capacity, mach_vm_address_t alignment,
                           mach_vm_address_t physicalMask)
{
    const IOOptionBits cacheMode = (options & 0x700) >> kIOMapCacheShift;
    struct buffer_placement placement;
    IOReturn status;

    if (self == NULL || self->memory != NULL) {
        return kIOReturnBadArgument;
    }
    status = buffer_place(inTask, options, capacity, alignment, physicalMask, &placement);
    if (status == kIOReturnSuccess) {
        status = allocate(self, &placement);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    self->capacity = capacity;
    self->whole = (IOAddressRange){(uintptr_t)self->memory, capacity};
    options = (options & kIOBufferDescriptorMemoryFlags) | kIOMemoryAutoPrepare |
              kIOMemoryTypeVirtual | kIOMemoryAsReference | cacheMode << kIOMemoryBufferCacheShift;
    return general_init_with_options(&self->super.super, &self->whole, 1, 0, inTask, options,
                                     kIOMapperSystem)
               ? kIOReturnSuccess
               : IOMemoryLastError();
}

bool IOBufferMemoryDescriptor_initWithPhysicalMask(IOBufferMemoryDescriptor *self, task_t inTask,
                                                   IOOptionBits options, mach_vm_size_t capacity,
                                                   mach_vm_address_t alignment,
                                                   mach_vm_address_t physicalMask)
{
    const IOReturn status = initialise(self, inTask, options, capacity, alignment, physicalMask);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor_initControlWithPhysicalMask(IOBufferMemoryDescriptor *self,
                                                          task_t inTask, IOOptionBits options,
                                                          mach_vm_size_t capacity,
                                                          mach_vm_address_t alignment,
                                                          mach_vm_address_t physicalMask)
{
    return IOBufferMemoryDescriptor_initWithPhysicalMask(self, inTask, options, capacity, alignment,
                                                         physicalMask);
}

/* Every factory: allocate, tag, initialise. */
static IOBufferMemoryDescriptor *make(task_t inTask, IOOptionBits options, mach_vm_size_t capacity,
                                      mach_vm_address_t alignment, mach_vm_address_t physicalMask,
                                      uint32_t kernTag, uint32_t userTag)
{
    OSObject *object;
    IOBufferMemoryDescriptor *self;

    if (kernTag > UINT16_MAX || userTag > UINT16_MAX) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    object = OSMetaClass_allocate(&IOBufferMemoryDescriptor_metaClass);
    self = (IOBufferMemoryDescriptor *)object;
    if (self == NULL) {
        return NULL;
    }
    IOMemoryDescriptor_setVMTags(self, kernTag, userTag);
    if (!IOBufferMemoryDescriptor_initWithPhysicalMask(self, inTask, options, capacity, alignment,
                                                       physicalMask)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptionsTags(
    task_t inTask, IOOptionBits options, vm_size_t capacity, vm_offset_t alignment,
    uint32_t kernTag, uint32_t userTag)
{
    return make(inTask, options, capacity, alignment, 0, kernTag, userTag);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithOptions(task_t inTask,
                                                                     IOOptionBits options,
                                                                     vm_size_t capacity,
                                                                     vm_offset_t alignment)
{
    return make(inTask, options, capacity, alignment, 0, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_inTaskWithPhysicalMask(
    task_t inTask, IOOptionBits options, mach_vm_size_t capacity, mach_vm_address_t physicalMask)
{
    return make(inTask, options, capacity, 1, physicalMask, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withOptions(IOOptionBits options,
                                                               vm_size_t capacity,
                                                               vm_offset_t alignment)
{
    return make(kernel_task, options, capacity, alignment, 0, 0, 0);
}

/* An unshared kernel buffer that may be contiguous. */
static IOBufferMemoryDescriptor *make_unshared(vm_size_t capacity, IODirection direction,
                                               bool contiguous, vm_offset_t alignment)
{
    if ((direction & ~kIOMemoryDirectionMask) != 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    return make(kernel_task, direction | (contiguous ? kIOMemoryPhysicallyContiguous : 0), capacity,
                alignment, 0, 0, 0);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withCapacity(vm_size_t capacity,
                                                                IODirection withDirection,
                                                                bool withContiguousMemory)
{
    return make_unshared(capacity, withDirection, withContiguousMemory,
                         withContiguousMemory ? capacity : 1);
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withBytes(const void *bytes,
                                                             vm_size_t withLength,
                                                             IODirection withDirection,
                                                             bool withContiguousMemory)
{
    IOBufferMemoryDescriptor *self;

    if (bytes == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = make_unshared(withLength, withDirection, withContiguousMemory,
                         withLength < PAGE_SIZE ? withLength : PAGE_SIZE);
    if (self != NULL) {
        memcpy(self->memory, bytes, withLength);
    }
    return self;
}

void IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
