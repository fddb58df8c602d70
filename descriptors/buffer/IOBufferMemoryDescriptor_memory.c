/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a buffer's memory comes from, and what describes it. */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "descriptors/object/IOReturn_kernel.h"

/* The linear view of RAM shows memory in the ordinary cache mode, without guards. */
static bool fits_linear_view(const struct buffer_placement *placement)
{
    const bool ordinary = placement->cache == kIODefaultCache ||
                          placement->cache == kIOCopybackCache ||
                          placement->cache == kIOCopybackInnerCache;

    return ordinary && !placement->pageable && placement->guard == 0;
}

static IOReturn allocate_direct(IOBufferMemoryDescriptor *self,
                                const struct buffer_placement *placement)
{
    const struct platform_memory_request request = {
        .size = placement->size,
        .alignment = placement->alignment,
        .highest = placement->highest,
        .contiguous = placement->contiguous,
    };
    void *memory;
    const kern_return_t status = platform_memory_alloc(&request, &memory);

    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingMake);
    }
    /* It says who owns the memory, and the end of the object goes by it. */
    self->direct = memory;
    self->allocated = placement->size;
    return kIOReturnSuccess;
}

IOReturn buffer_make_object(const struct buffer_placement *placement, struct vm_object **object)
{
    const struct platform_layout layout = {
        .alignment = placement->alignment,
        .highest = placement->highest,
        .contiguous = placement->contiguous,
    };
    const uint64_t pages = atop(round_page(placement->size));
    kern_return_t status = platform_object_create(pages, placement->purgeable, object);

    /*
     * Contiguous, low or aligned pages can be had at once or not at all; they are never given
     * back before the buffer, so that they need not be found again.
     */
    if (status == KERN_SUCCESS && placement->permanent) {
        status = platform_object_populate(*object, &layout);
        if (status != KERN_SUCCESS) {
            platform_object_release(*object);
        }
    }
    return IOReturn_fromKernel(status, kIOReturnDoingMake);
}

/* The mapping that gives the buffer its address. */
static IOReturn show(IOBufferMemoryDescriptor *self, const struct IOMemoryReference *reference,
                     task_t inTask, const struct buffer_placement *placement)
{
    struct IOMemoryReferenceView view = {
        .map = get_task_map(inTask),
        .placement = PLATFORM_ANYWHERE,
        .guard = placement->guard,
        .alignment = placement->alignment,
        .cache = placement->cache,
        .writable = true,
        /* Resident memory is pinned anyway: entered now, no access to it ever faults. */
        .eager = !placement->pageable || placement->prefault,
    };
    const IOReturn status = IOMemoryReference_show(reference, 0, placement->capacity, &view);

    if (status == kIOReturnSuccess) {
        self->whole.address = view.address;
        self->mapping = (IOBufferMemoryDescriptor_ExpansionData){
            .start = view.start,
            .end = view.start + view.size,
        };
        self->reserved = &self->mapping;
    }
    return status;
}

/* The flags of the general descriptor. */
static IOOptionBits flags_of(IOOptionBits options, const struct buffer_placement *placement)
{
    IOOptionBits flags = (options & kIOBufferDescriptorMemoryFlags) | kIOMemoryTypeVirtual |
                         kIOMemoryAsReference | placement->cache << kIOMemoryBufferCacheShift;

    flags |= placement->pageable ? kIOMemoryBufferPageable : kIOMemoryAutoPrepare;
    if (placement->purgeable) {
        flags |= kIOMemoryBufferPurgeable;
    }
    return flags;
}

IOReturn buffer_adopt(IOBufferMemoryDescriptor *self, struct IOMemoryReference *reference,
                      task_t inTask, IOOptionBits options, const struct buffer_placement *placement)
{
    /*
     * The buffer is its objects: prepared is what they hold, whatever the task does to the mapping.
     */
    const bool persistent = placement->pageable || placement->cache != kIODefaultCache;
    const IOOptionBits flags =
        flags_of(options, placement) | (persistent ? kIOMemoryPersistent : 0);
    IOReturn status;

    self->capacity = self->whole.length = placement->capacity;
    status = inTask == TASK_NULL ? kIOReturnSuccess : show(self, reference, inTask, placement);
    if (status != kIOReturnSuccess) {
        IOMemoryReference_release(reference);
        return status;
    }
    return general_init_with_reference(&self->super, reference, &self->whole, inTask, flags);
}

static IOReturn set_up_direct(IOBufferMemoryDescriptor *self, IOOptionBits options,
                              const struct buffer_placement *placement)
{
    self->capacity = placement->capacity;
    /* In the object and not on the stack: the descriptor keeps the range by its address. */
    self->whole = (IOAddressRange){(uintptr_t)self->direct, placement->capacity};
    return general_init_with_options(&self->super.super, &self->whole, 1, 0, kernel_task,
                                     flags_of(options, placement), kIOMapperSystem)
               ? kIOReturnSuccess
               : IOMemoryLastError();
}

static IOReturn set_up_object(IOBufferMemoryDescriptor *self, task_t inTask, IOOptionBits options,
                              const struct buffer_placement *placement)
{
    struct IOMemoryReference *reference;
    struct vm_object *object;
    IOReturn status = buffer_make_object(placement, &object);

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IOMemoryReference_createForObject(object, placement->capacity, &reference);
    platform_object_release(object); /* the reference has its own */
    return status == kIOReturnSuccess ? buffer_adopt(self, reference, inTask, options, placement)
                                      : status;
}

IOReturn buffer_set_up(IOBufferMemoryDescriptor *self, task_t inTask, IOOptionBits options,
                       const struct buffer_placement *placement)
{
    if (fits_linear_view(placement)) {
        const IOReturn status = allocate_direct(self, placement);

        if (status == kIOReturnSuccess) {
            /* Should it fail, the end of the object gives the memory back. */
            return set_up_direct(self, options, placement);
        }
        if (placement->contiguous || placement->size <= PAGE_SIZE) {
            return status;
        }
        /* RAM is in pieces: the address space can make them one. */
    }
    return set_up_object(self, inTask, options, placement);
}
