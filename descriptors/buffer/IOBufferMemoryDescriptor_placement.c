/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a buffer is to lie in memory: what capacity, alignment and address mask ask for
 * together, and which of their combinations cannot be.
 */
#include "descriptors/buffer/IOBufferMemoryDescriptor_private.h"
#include "descriptors/object/IORefuse.h"

#define BUFFER_OPTIONS                                                                             \
    (kIOBufferDescriptorMemoryFlags | kIOMemoryPhysicallyContiguous | kIOMemoryPageable |          \
     kIOMemoryPurgeable | kIOMemoryHostPhysicallyContiguous | kIOMemorySharingTypeMask |           \
     kIOMapCacheMask | kIOMapPrefault)

/* In this class 0x800 is MapperNone and no part of a cache mode. */
#define BUFFER_CACHE_MASK (kIOMapCacheMask & ~kIOMemoryMapperNone)

#define BUFFER_CONTIGUOUS (kIOMemoryPhysicallyContiguous | kIOMemoryHostPhysicallyContiguous)

static IOReturn check_options(const struct buffer_request *request)
{
    const IOOptionBits options = request->options;
    const IOOptionBits sharing = options & kIOMemorySharingTypeMask;
    const bool pageable = (options & kIOMemoryPageable) != 0;

    if (IOREFUSE((options & ~BUFFER_OPTIONS) != 0, "options %#x mean nothing for a buffer",
                 options & ~BUFFER_OPTIONS) ||
        IOREFUSE(sharing != kIOMemoryUnshared && sharing != kIOMemoryKernelUserShared,
                 "%#x is no way of sharing", sharing) ||
        IOREFUSE((options & kIOMemoryPurgeable) != 0 && !pageable,
                 "kIOMemoryPurgeable without kIOMemoryPageable")) {
        return kIOReturnBadArgument;
    }
    /*
     * Guards are in the buffer's own mapping, and pageable memory may be mapped by others without
     * them.
     */
    if (request->guarded && (pageable || (options & BUFFER_CONTIGUOUS) != 0)) {
        return kIOReturnUnsupported;
    }
    return IOREFUSE(!pageable && request->inTask != kernel_task,
                    "memory of a task other than the kernel's is kIOMemoryPageable")
               ? kIOReturnBadArgument
               : kIOReturnSuccess;
}

/* A task that is dead has no address space for the buffer. */
static bool is_dead(task_t task)
{
    return task != TASK_NULL && get_task_map(task) == NULL;
}

/* The next power of two, 0 if there is none. */
static uint64_t round_up_power(uint64_t x)
{
    if (x <= 1) {
        return 1;
    }
    return x > 1ull << 63 ? 0 : 1ull << (64 - __builtin_clzll(x - 1));
}

/* Ones, optionally followed by zeros: adding the lowest one carries out of them all. */
static bool mask_has_holes(uint64_t mask)
{
    const uint64_t carried = mask + (mask & -mask);

    return carried != 0 && !is_power_of_two(carried);
}

static void at_least(uint64_t *alignment, uint64_t wanted)
{
    if (*alignment < wanted) {
        *alignment = wanted;
    }
}

static void apply_mask(struct buffer_placement *placement, uint64_t mask)
{
    /*
     * The zeros at the end are the alignment, the highest one is the limit: what lies below the
     * lowest one may be anything in an address that obeys the mask's upper part.
     */
    const uint64_t lowest = mask & -mask, highest = mask | (lowest - 1);

    if (placement->highest == 0 || placement->highest > highest) {
        placement->highest = highest;
    }
    at_least(&placement->alignment, lowest);
    at_least(&placement->alignment, PAGE_SIZE);
}

/* Alignment, limit and contiguity, in this order: each may ask for more of the next. */
static IOReturn place_pages(const struct buffer_request *request,
                            struct buffer_placement *placement)
{
    const IOOptionBits whole_pages =
        kIOMemorySharingTypeMask | BUFFER_CACHE_MASK | kIOMemoryClearEncrypt;

    placement->alignment = round_up_power(request->alignment);
    if (IOREFUSE(placement->alignment == 0, "alignment %llu has no power of two above it",
                 IOULL(request->alignment))) {
        return kIOReturnBadArgument;
    }
    if (request->physicalMask != 0) {
        if (IOREFUSE(mask_has_holes(request->physicalMask),
                     "physicalMask %#llx has a hole: it is an alignment and a highest address",
                     IOULL(request->physicalMask))) {
            return kIOReturnBadArgument;
        }
        apply_mask(placement, request->physicalMask);
    }
    if ((request->options & kIODirectionPrepareToPhys32) != 0 && !placement->pageable) {
        apply_mask(placement, UINT32_MAX); /* it is prepared where it is */
    }
    if ((request->options & whole_pages) != 0 || placement->pageable || request->guarded) {
        /*
         * A view with another mode, another task or a guard is made of whole pages: a neighbour in
         * the same page would be seen along.
         */
        at_least(&placement->alignment, PAGE_SIZE);
    }
    /* Pages that are found one by one are aligned to a page and no more. */
    placement->contiguous =
        (request->options & BUFFER_CONTIGUOUS) != 0 || placement->alignment > PAGE_SIZE;
    /* Pages that come and go would have to satisfy the constraint again each time. */
    placement->permanent = !placement->pageable || placement->contiguous || placement->highest != 0;
    return kIOReturnSuccess;
}

static IOReturn place_bytes(const struct buffer_request *request,
                            struct buffer_placement *placement)
{
    uint64_t sum;

    placement->capacity = placement->size = request->capacity;
    if (IOREFUSE(request->capacity == 0, "capacity is 0") ||
        IOREFUSE((placement->alignment >= PAGE_SIZE &&
                  round_page_overflow(request->capacity, &placement->size)) ||
                     __builtin_add_overflow(placement->size, placement->alignment, &sum) ||
                     round_page_overflow(sum, &sum),
                 "capacity %#llx with alignment %#llx has no address", IOULL(request->capacity),
                 IOULL(placement->alignment))) {
        return kIOReturnBadArgument;
    }
    /* Judged before it is asked for: an allocator would search all of RAM to say the same. */
    if (atop(placement->size) > platform_ram_pages()) {
        return placement->pageable ? kIOReturnNoResources : kIOReturnNoMemory;
    }
    if (request->guarded) {
        /*
         * The guard lies behind the last page: a byte of slack before it would be an overrun
         * unnoticed, so the slack belongs to the buffer.
         */
        placement->capacity = placement->size;
        placement->guard = PAGE_SIZE;
    }
    return kIOReturnSuccess;
}

IOReturn buffer_place(const struct buffer_request *request, struct buffer_placement *placement)
{
    const IOOptionBits options = request->options;
    IOReturn status = check_options(request);

    if (status != kIOReturnSuccess) {
        return status;
    }
    *placement = (struct buffer_placement){
        .cache = (options & BUFFER_CACHE_MASK) >> kIOMapCacheShift,
        .pageable = (options & kIOMemoryPageable) != 0,
        .prefault = (options & kIOMapPrefault) != 0,
        .purgeable = (options & kIOMemoryPurgeable) != 0,
    };
    status = place_pages(request, placement);
    if (status == kIOReturnSuccess) {
        status = place_bytes(request, placement);
    }
    /* Last, so that what is wrong with the arguments themselves is said whatever the task does. */
    if (IOREFUSE(status == kIOReturnSuccess && is_dead(request->inTask), "the task is dead")) {
        status = kIOReturnBadArgument;
    }
    return status;
}
