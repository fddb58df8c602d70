/* SPDX-License-Identifier: BSD-2-Clause */
/* withCopy: a snapshot of another address space. */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"

/* What [source, source + size) shows now. */
static IOReturn find_source(vm_map_t map, uint64_t source, uint64_t size,
                            struct IOMemoryReference **live)
{
    struct memory_runs runs;
    IOReturn status;

    if (!platform_map_is_legal(map, source, size)) {
        return kIOReturnVMError;
    }
    IOMemoryRuns_init(&runs, 1); /* one run needs no memory */
    IOMemoryRuns_append(&runs, source, size);
    status = IOMemoryReference_create(map, &runs, live);
    /* withCopy has one answer for a source that cannot be read, missing or forbidden. */
    return status == kIOReturnNotPermitted ? kIOReturnVMError : status;
}

/* The snapshot shares whole pages until either side writes: it must be able to use any page. */
static bool can_share(uint64_t source, const struct buffer_placement *placement)
{
    return (source & PAGE_MASK) == 0 && !placement->permanent && !placement->purgeable &&
           placement->cache == kIODefaultCache;
}

/* Pages shared with the source. What lies behind the source in its last page is not shown. */
static IOReturn share(vm_map_t map, uint64_t source, const struct buffer_placement *placement,
                      struct IOMemoryReference **copy)
{
    struct IOMemoryReference *live;
    IOReturn status = find_source(map, source, placement->size, &live);
    uint64_t done;

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = IOMemoryReference_copy(live, copy);
    IOMemoryReference_release(live);
    if (status != kIOReturnSuccess) {
        return status == kIOReturnUnsupported ? kIOReturnVMError : status; /* registers */
    }
    status = IOMemoryReference_store(*copy, placement->capacity, NULL,
                                     placement->size - placement->capacity, &done);
    if (status != kIOReturnSuccess) {
        IOMemoryReference_release(*copy);
        return status;
    }
    /*
     * The last entry ends with the capacity: the zeros behind it belong to no byte of the buffer.
     */
    (*copy)->entries[(*copy)->count - 1].end = placement->capacity;
    return kIOReturnSuccess;
}

/* Pages of its own. */
static IOReturn duplicate(vm_map_t map, uint64_t source, const struct buffer_placement *placement,
                          struct IOMemoryReference **copy)
{
    struct IOMemoryReference *live;
    struct vm_object *object;
    IOReturn status = find_source(map, source, placement->capacity, &live);

    if (status != kIOReturnSuccess) {
        return status;
    }
    status = buffer_make_object(placement, &object);
    if (status == kIOReturnSuccess) {
        status = IOMemoryReference_createForObject(object, placement->capacity, copy);
        platform_object_release(object);
    }
    if (status == kIOReturnSuccess) {
        /* Copied before anybody can see the buffer, so that it is a snapshot of one moment. */
        status = IOMemoryReference_transfer(live, *copy, placement->capacity);
        if (status != kIOReturnSuccess) {
            IOMemoryReference_release(*copy);
        }
    }
    IOMemoryReference_release(live);
    return status;
}

static IOReturn copy_source(IOBufferMemoryDescriptor *self, const struct buffer_request *request,
                            vm_map_t map, uint64_t source)
{
    struct IOMemoryReference *copy;
    struct buffer_placement placement;
    IOReturn status = buffer_place(request, &placement);

    if (status == kIOReturnSuccess) {
        status = can_share(source, &placement) ? share(map, source, &placement, &copy)
                                               : duplicate(map, source, &placement, &copy);
    }
    if (status == kIOReturnSuccess) {
        /* The copy is taken over, also by a call that fails. */
        status = buffer_adopt(self, copy, request->inTask, request->options, &placement);
    }
    if (status == kIOReturnSuccess) {
        buffer_record_constraints(self, &placement);
    }
    return status;
}

IOBufferMemoryDescriptor *IOBufferMemoryDescriptor_withCopy(task_t inTask, IOOptionBits options,
                                                            vm_map_t sourceMap,
                                                            mach_vm_address_t source,
                                                            mach_vm_size_t size)
{
    const struct buffer_request request = {.inTask = inTask, .options = options, .capacity = size};
    IOBufferMemoryDescriptor *self;
    IOReturn status;

    /* Pageable only: the copy shares pages until somebody writes, which resident memory cannot. */
    if (inTask == TASK_NULL || sourceMap == NULL || (options & kIOMemoryPageable) == 0) {
        IOMemory_fail(kIOReturnBadArgument);
        return NULL;
    }
    self = buffer_new();
    if (self == NULL) {
        return NULL;
    }
    status = copy_source(self, &request, sourceMap, source);
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
        OSSafeReleaseNULL(self);
    }
    return self;
}
