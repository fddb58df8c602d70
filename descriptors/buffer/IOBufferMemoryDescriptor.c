/* SPDX-License-Identifier: BSD-2-Clause */
/* The class record, initialisation and the end of life. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"

static void remove_own_mapping(const IOBufferMemoryDescriptor *self)
{
    const IOBufferMemoryDescriptor_ExpansionData *const mapping = self->reserved;
    const vm_map_t map = mapping != NULL ? get_task_map(self->super.task) : NULL;

    /* With its task the mapping has gone already. */
    if (map != NULL &&
        platform_map_remove(map, mapping->start, mapping->end - mapping->start) != KERN_SUCCESS) {
        platform_log("%p freed, but its mapping at %#llx stays", (const void *)self,
                     (unsigned long long)mapping->start);
    }
}

static void buffer_free(OSObject *object)
{
    IOBufferMemoryDescriptor *self = (IOBufferMemoryDescriptor *)object;
    /* Read now: the superclass gives the object back, and the memory goes after it. */
    void *const direct = self->direct;
    const uint64_t allocated = self->allocated;
    OSObject *const creator = self->creator;
    /* With DMA active the parent gives the pages up; freeing them here would undo that. */
    const bool inUse = self->super.super.dmaActive != 0;

    remove_own_mapping(self);
    /* The parent unpins, and takes the object with it: the memory goes after that. */
    IOGeneralMemoryDescriptor_class.meta.free(object);
    if (direct != NULL && !inUse) {
        platform_memory_free(direct, allocated);
    }
    OSObject_release(creator);
}

void IOBufferMemoryDescriptor_setCreator(IOBufferMemoryDescriptor *self, OSObject *creator)
{
    OSObject_retain(creator);
    self->creator = creator;
}

OSObject *IOBufferMemoryDescriptor_getCreator(const IOBufferMemoryDescriptor *self)
{
    return self->creator;
}

/* A part of a page may have neighbours that are none of a user task's business. */
static IOReturn buffer_do_map(IOMemoryDescriptor *base, IOMemoryMap *map, IOOptionBits options,
                              IOByteCount offset, IOByteCount length)
{
    const IOBufferMemoryDescriptor *self = (const IOBufferMemoryDescriptor *)base;

    if (map->task != kernel_task && self->direct != NULL && self->allocated < PAGE_SIZE) {
        return kIOReturnNotPermitted;
    }
    return general_do_map(base, map, options, offset, length);
}

/* Behind the last byte, too, lies nothing but the buffer's own, zeroed once. */
static bool buffer_owns_pages(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                              task_t task)
{
    const IOBufferMemoryDescriptor *self = (const IOBufferMemoryDescriptor *)base;

    (void)offset, (void)end, (void)task;
    return self->direct == NULL || self->allocated >= PAGE_SIZE;
}

/* The whole buffer is mapped for a device with its capacity, whatever its length is by then. */
static void buffer_add_dma_map_size(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                                    struct IODMAMapSize *size)
{
    const IOBufferMemoryDescriptor *self = (const IOBufferMemoryDescriptor *)base;

    /*
     * The length may be raised again while the mapping stands: the I/O addresses behind it must not
     * be another's by then.
     */
    if (offset == 0 && end == base->length && end != 0) {
        end = self->capacity;
    }
    general_add_dma_map_size(base, offset, end, size);
}

static uint32_t instances;

/* Only its own initialiser may tell a buffer what it describes. */
OS_CLASS(IOMemoryDescriptorClass, IOBufferMemoryDescriptor);
const IOMemoryDescriptorClass IOBufferMemoryDescriptor_class = {
    .meta = {"IOBufferMemoryDescriptor", &IOGeneralMemoryDescriptor_metaClass,
             sizeof(IOBufferMemoryDescriptor), &instances, buffer_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = general_prepare,
    .complete = general_complete,
    .announceComplete = descriptor_announce_complete,
    .getPhysicalSegment = general_get_physical_segment,
    .walk = general_walk,
    .getPreparationID = general_get_preparation_id,
    DESCRIPTOR_BYTES,
    .addDMAMapSize = buffer_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = general_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = general_map_specification,
    .copyPageList = general_copy_page_list,
    .makeMapping = descriptor_make_mapping,
    .doMap = buffer_do_map,
    .ownsPages = buffer_owns_pages,
    .doUnmap = descriptor_do_unmap,
    .copyForUnique = general_copy_for_unique,
    .redirect = descriptor_redirect,
    .holdMemory = general_hold_memory,
    .setPurgeable = general_set_purgeable,
    .setOwnership = general_set_ownership,
    .getPageCounts = general_get_page_counts,
};

/* What is asked of the memory holds for an I/O mapping of it as well. */
void buffer_record_constraints(IOBufferMemoryDescriptor *self,
                               const struct buffer_placement *placement)
{
    const IODMAMapSpecification spec = {
        .alignment = placement->alignment,
        .numAddressBits =
            placement->highest != 0 ? (uint8_t)(64 - __builtin_clzll(placement->highest)) : 0,
    };

    descriptor_add_dma_map_spec(&self->super.super, &spec);
}

static bool initialise(IOBufferMemoryDescriptor *self, const struct buffer_request *request)
{
    struct buffer_placement placement;
    IOReturn status = kIOReturnBadArgument;

    /* Once: the memory that a first initialisation allocated would have no owner left. */
    if (self != NULL && self->capacity == 0) {
        status = buffer_place(request, &placement);
        if (status == kIOReturnSuccess) {
            status = buffer_set_up(self, request->inTask, request->options, &placement);
        }
        if (status == kIOReturnSuccess) {
            buffer_record_constraints(self, &placement);
        }
    }
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

bool IOBufferMemoryDescriptor_initWithPhysicalMask(IOBufferMemoryDescriptor *self, task_t inTask,
                                                   IOOptionBits options, mach_vm_size_t capacity,
                                                   mach_vm_address_t alignment,
                                                   mach_vm_address_t physicalMask)
{
    return initialise(self, &(struct buffer_request){.inTask = inTask,
                                                     .options = options,
                                                     .capacity = capacity,
                                                     .alignment = alignment,
                                                     .physicalMask = physicalMask});
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

bool IOBufferMemoryDescriptor_initWithGuardPages(IOBufferMemoryDescriptor *self, task_t inTask,
                                                 IOOptionBits options, mach_vm_size_t capacity)
{
    return initialise(self, &(struct buffer_request){.inTask = inTask,
                                                     .options = options,
                                                     .capacity = capacity,
                                                     .alignment = PAGE_SIZE,
                                                     .guarded = true});
}

void IOBufferMemoryDescriptor_free(IOBufferMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
