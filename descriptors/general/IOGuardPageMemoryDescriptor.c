/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages that nobody can reach, with no memory behind them. */
#include "descriptors/IOGuardPageMemoryDescriptor.h"

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IORefuse.h"

/* A general descriptor without ranges: only its length means something. */
struct IOGuardPageMemoryDescriptor {
    IOGeneralMemoryDescriptor super;
};

/*
 * Nothing can be pinned, but prepares are counted: an unbalanced complete is as wrong as elsewhere,
 * and a client need not know which class it has.
 */
static IOReturn guard_prepare(IOMemoryDescriptor *base, IODirection direction)
{
    (void)direction;
    /* One more would make it 0, as if nobody had prepared it. */
    if (base->wireCount == UINT32_MAX) {
        return kIOReturnNoResources;
    }
    base->wireCount++;
    return kIOReturnSuccess;
}

static IOReturn guard_complete(IOMemoryDescriptor *base, IODirection direction)
{
    const bool takenBack = (direction & DESCRIPTOR_TAKE_BACK) != 0;

    if (base->wireCount == 0) {
        return kIOReturnNotReady;
    }
    /* Only the last one ends the preparation. Handlers end transfers: read in one piece. */
    if (base->wireCount == 1 && !takenBack &&
        __atomic_load_n(&base->dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
    }
    base->wireCount--;
    return kIOReturnSuccess;
}

/* As if it lay at address 0, to whoever reckons with page offsets only. */
static IOReturn guard_get_physical_segment(IOMemoryDescriptor *base, IOByteCount offset,
                                           IOOptionBits options, IOPhysicalSegment *segment)
{
    /* There is no memory: whatever address the answer had would be somebody's. */
    if ((options & _kIOMemorySourceSegment) == 0) {
        return kIOReturnNotPermitted;
    }
    *segment = (IOPhysicalSegment){offset, base->length - offset};
    return kIOReturnSuccess;
}

/* Nothing that a preparation could change. */
static uint64_t guard_get_preparation_id(IOMemoryDescriptor *base)
{
    (void)base;
    return kIOPreparationIDAlwaysPrepared;
}

static void guard_get_characteristics(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                                      IOMDDMACharacteristics *out)
{
    descriptor_get_characteristics(base, offset, end, out);
    out->fSGCount = 1;
    /* A composite asks it of no bytes, where it shows nothing of this part. */
    IODMA_count(&out->fPages, end != offset ? atop(end - 1) - atop(offset) + 1 : 0);
}

/* Nothing but the reservation, whatever access is asked for. */
static IOReturn guard_do_map(IOMemoryDescriptor *base, IOMemoryMap *map, IOOptionBits options,
                             IOByteCount sourceOffset, IOByteCount length)
{
    IOByteCount offset;
    IOReturn status = descriptor_check_map(base, map, sourceOffset, &offset, &length);

    if (status == kIOReturnSuccess) {
        status = IOMemoryMap_reserve(map, options, offset & PAGE_MASK, length);
    }
    if (status == kIOReturnSuccess) {
        status = IOMemoryMap_enter(map);
        /*
         * A map that was not entered removes nothing at its end: the reservation would stay for
         * ever.
         */
        if (status != kIOReturnSuccess) {
            IOMemoryMap_unreserve(map, options);
        }
    }
    return status;
}

/* Nothing is shown, to whomever, and so no neighbour. */
static bool guard_owns_pages(IOMemoryDescriptor *base, IOByteCount offset, IOByteCount end,
                             task_t task)
{
    (void)base, (void)offset, (void)end, (void)task;
    return true;
}

/* There are no contents that could be taken away, and no bytes to charge anybody for. */
static IOReturn guard_set_purgeable(IOMemoryDescriptor *base, IOOptionBits newState,
                                    IOOptionBits *oldState)
{
    (void)base, (void)newState;
    *oldState = kIOMemoryPurgeableNonVolatile;
    return kIOReturnSuccess;
}

static IOReturn guard_set_ownership(IOMemoryDescriptor *base, task_t newOwner, int newLedgerTag,
                                    IOOptionBits newLedgerOptions)
{
    (void)base, (void)newOwner, (void)newLedgerTag, (void)newLedgerOptions;
    return kIOReturnSuccess;
}

static IOReturn guard_get_page_counts(IOMemoryDescriptor *base, IOByteCount *residentPageCount,
                                      IOByteCount *dirtyPageCount)
{
    (void)base;
    *residentPageCount = *dirtyPageCount = 0;
    return kIOReturnSuccess;
}

static void guard_free(OSObject *object)
{
    ((IOMemoryDescriptor *)object)->wireCount = 0; /* no page was pinned */
    IOGeneralMemoryDescriptor_class.meta.free(object);
}

static uint32_t instances;

OS_CLASS(IOMemoryDescriptorClass, IOGuardPageMemoryDescriptor);
const IOMemoryDescriptorClass IOGuardPageMemoryDescriptor_class = {
    .meta = {"IOGuardPageMemoryDescriptor", &IOGeneralMemoryDescriptor_metaClass,
             sizeof(IOGuardPageMemoryDescriptor), &instances, guard_free},
    .initWithOptions = descriptor_refuse_init,
    .prepare = guard_prepare,
    .complete = guard_complete,
    .announceComplete = descriptor_announce_complete,
    .getPhysicalSegment = guard_get_physical_segment,
    .walk = descriptor_walk,
    .getPreparationID = guard_get_preparation_id,
    DESCRIPTOR_BYTES,
    .addDMAMapSize = descriptor_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = guard_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = general_map_specification,
    .copyPageList = descriptor_copy_page_list,
    .makeMapping = descriptor_make_mapping,
    .doMap = guard_do_map,
    .ownsPages = guard_owns_pages,
    .doUnmap = descriptor_do_unmap,
    .copyForUnique = descriptor_copy_for_unique,
    .redirect = descriptor_redirect,
    .holdMemory = descriptor_hold_memory,
    .setPurgeable = guard_set_purgeable,
    .setOwnership = guard_set_ownership,
    .getPageCounts = guard_get_page_counts,
};

static IOReturn initialise(IOGuardPageMemoryDescriptor *self, vm_size_t size)
{
    IOMemoryDescriptor *base;
    uint64_t rounded;

    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(size == 0, "size is 0") ||
        IOREFUSE(round_page_overflow(size, &rounded), "size %#llx has no whole pages",
                 IOULL(size))) {
        return kIOReturnBadArgument;
    }
    base = &self->super.super;
    /* Whoever prepared it counts on the length that it had. */
    if (base->wireCount != 0 || base->dmaActive != 0) {
        return kIOReturnBusy;
    }
    /* Maps of the former length stay, and answer no request of the new one. */
    IOMemoryDescriptor_emptyMappings(base);
    base->length = rounded;
    base->flags = kIOMemoryTypeVirtual | kIODirectionOutIn;
    self->super.task = kernel_task; /* as the debugger shows it */
    return kIOReturnSuccess;
}

bool IOGuardPageMemoryDescriptor_initWithSize(IOGuardPageMemoryDescriptor *self, vm_size_t size)
{
    const IOReturn status = initialise(self, size);

    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

IOGuardPageMemoryDescriptor *IOGuardPageMemoryDescriptor_withSize(vm_size_t size)
{
    OSObject *object = OSMetaClass_allocate(&IOGuardPageMemoryDescriptor_metaClass);
    IOGuardPageMemoryDescriptor *self = (IOGuardPageMemoryDescriptor *)object;

    if (self != NULL && !IOGuardPageMemoryDescriptor_initWithSize(self, size)) {
        OSObject_release(object);
        return NULL;
    }
    return self;
}

IOReturn IOGuardPageMemoryDescriptor_doMap(IOGuardPageMemoryDescriptor *self, vm_map_t addressMap,
                                           IOVirtualAddress *atAddress, IOOptionBits options,
                                           IOByteCount sourceOffset, IOByteCount length)
{
    return IOMemoryDescriptor_doMap(self, addressMap, atAddress, options, sourceOffset, length);
}

void IOGuardPageMemoryDescriptor_free(IOGuardPageMemoryDescriptor *self)
{
    IOMemoryDescriptor_free(self);
}
