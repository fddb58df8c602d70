/* SPDX-License-Identifier: BSD-2-Clause */
/* The class record, initialisation and the end of life. */
#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/reference/IOMemoryReference.h"

/* What a caller may pass besides one type. */
#define GENERAL_OPTIONS                                                                            \
    (kIOMemoryDirectionMask | kIOMemoryAutoPrepare | kIOMemoryTypeMask | kIOMemoryAsReference |    \
     kIOMemoryMapperNone | kIOMemoryHostOnly | kIOMemoryPersistent | kIOMemoryMapCopyOnWrite |     \
     kIOMemoryRemote | kIOMemoryThreadSafe | kIOMemoryClearEncrypt | kIOMemoryUseReserve |         \
     kIOMemoryBufferCacheMask)

#define CACHE_MODE_TOO_WIDE 0x80000000u /* the fourth bit of a cache mode */

static uint32_t instances;

const IOMemoryDescriptorClass IOGeneralMemoryDescriptor_class = {
    .meta = {"IOGeneralMemoryDescriptor", &IOMemoryDescriptor_metaClass,
             sizeof(IOGeneralMemoryDescriptor), &instances, general_free},
    .initWithOptions = general_init_with_options,
    .prepare = general_prepare,
    .complete = general_complete,
    .announceComplete = descriptor_announce_complete,
    .getPhysicalSegment = general_get_physical_segment,
    .walk = general_walk,
    .getPreparationID = general_get_preparation_id,
    DESCRIPTOR_BYTES,
    .addDMAMapSize = general_add_dma_map_size,
    .dmaCommandOperation = descriptor_dma_command_operation,
    .getCharacteristics = general_get_characteristics,
    .setDMAActive = descriptor_set_dma_active,
    .addReach = descriptor_add_reach,
    .mapSpecification = general_map_specification,
    .copyPageList = general_copy_page_list,
    .makeMapping = descriptor_make_mapping,
    .doMap = general_do_map,
    .ownsPages = general_owns_pages,
    .doUnmap = descriptor_do_unmap,
    .copyForUnique = general_copy_for_unique,
    .redirect = descriptor_redirect,
    .holdMemory = general_hold_memory,
    .setPurgeable = general_set_purgeable,
    .setOwnership = general_set_ownership,
    .getPageCounts = general_get_page_counts,
};

static IOReturn check_options(IOOptionBits options, task_t task)
{
    const IOOptionBits type = options & kIOMemoryTypeMask;

    /*
     * Good requests elsewhere, which have no meaning here: told from bad ones, so that a port knows
     * that not its arguments are wrong.
     */
    if (type == kIOMemoryTypeUPL || type == kIOMemoryTypeUIO ||
        (options & CACHE_MODE_TOO_WIDE) != 0) {
        return kIOReturnUnsupported;
    }
    if (IOREFUSE((options & ~GENERAL_OPTIONS) != 0, "options %#llx are undefined",
                 IOULL(options & ~GENERAL_OPTIONS))) {
        return kIOReturnBadArgument;
    }
    /*
     * Exactly one place must say what the addresses are: a task for virtual ones, none for
     * physical.
     */
    if (type == kIOMemoryTypeVirtual) {
        return IOREFUSE(get_task_map(task) == NULL,
                        "virtual addresses are those of a task, and there is none or it is dead")
                   ? kIOReturnBadArgument
                   : kIOReturnSuccess;
    }
    return IOREFUSE(type != kIOMemoryTypePhysical, "%#x is no type of address", type) ||
                   IOREFUSE(task != TASK_NULL, "physical addresses are no task's, but one is given")
               ? kIOReturnBadArgument
               : kIOReturnSuccess;
}

/*
 * What mappings were made from. Those that there are hold their memory objects themselves:
 * nothing of the old reference may meet ranges of another size.
 */
static void drop_mappings(IOGeneralMemoryDescriptor *self)
{
    IOMemoryDescriptor_emptyMappings(&self->super);
    IOMemoryReference_release(self->reference);
    IOMemoryReference_release(self->image);
    self->reference = NULL;
    self->image = NULL;
}

/* Back to a descriptor of nothing. */
static void forget(IOGeneralMemoryDescriptor *self)
{
    /*
     * Pins go before what they were taken for: unpinning needs the physical runs, and nothing of
     * the ranges.
     */
    IOMemoryDescriptor_dropSystemMap(&self->super);
    if (self->super.wireCount != 0) { /* as if it were completed: a device may have written */
        general_end_preparation(self);
        self->super.wireCount = 0;
    }
    general_set_resident(self, NULL);
    self->super.reserved.preparationID = kIOPreparationIDUnprepared;
    general_drop_ranges(self);
    drop_mappings(self);
    platform_task_unwatch(&self->watch);
    self->task = TASK_NULL;
    self->map = NULL;
    self->super.length = 0;
    /*
     * Redirection outlasts what is described: maps that wait go on waiting until somebody ends it.
     */
    self->super.flags &= kIOMemoryRedirected;
}

/* The wired pages stay; nothing else can be had from the task any more. */
static void task_died(void *context)
{
    IOGeneralMemoryDescriptor *const self = context;

    self->task = TASK_NULL;
    self->map = NULL;
}

static void set_task(IOGeneralMemoryDescriptor *self, task_t task)
{
    self->task = task;
    self->map = get_task_map(task);
    /* The kernel's task never dies; a watch of it would stay on a list for nothing. */
    if (task != TASK_NULL && task != kernel_task) {
        self->watch.died = task_died;
        self->watch.context = self;
        platform_task_watch(task, &self->watch);
    }
}

static IOReturn initialise(IOGeneralMemoryDescriptor *self, const IOAddressRange *ranges,
                           UInt32 count, task_t task, IOOptionBits options)
{
    IOReturn status;

    /* Initialising again forgets the pages, which a device is using. */
    if (__atomic_load_n(&self->super.dmaActive, __ATOMIC_RELAXED) != 0) {
        return kIOReturnBusy;
    }
    if (self->described) {
        forget(self);
    }
    self->described = true;
    status = check_options(options, task);
    if (status != kIOReturnSuccess) {
        return status;
    }
    if (IOREFUSE(ranges == NULL, "ranges is NULL") || IOREFUSE(count == 0, "count is 0")) {
        return kIOReturnBadArgument;
    }
    /* No device of this machine reaches the one, no mapper of it maps the other. */
    if ((options & (kIOMemoryHostOnly | kIOMemoryRemote)) != 0) {
        options |= kIOMemoryMapperNone;
    }
    self->super.flags |= options;
    set_task(self, task);
    /* The task is known by now: which addresses are legal depends on it. */
    status = general_set_ranges(self, ranges, count);
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Physical memory does not move: where it is said to be is where it stays, prepared or not. */
    if (general_is_physical(self)) {
        general_set_resident(self, &self->source);
    }
    /* Now, and not at the first use: the task may change the addresses in between. */
    if ((options & kIOMemoryPersistent) != 0 && self->super.length != 0) {
        status = general_take_reference(self);
    }
    if (status == kIOReturnSuccess && (options & kIOMemoryAutoPrepare) != 0) {
        status = general_prepare(&self->super, kIODirectionNone);
    }
    return status;
}

bool general_init_with_options(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                               task_t task, IOOptionBits options, IOMapper *mapper)
{
    /* What a failure leaves half made, the next initialisation or the end of the object drops. */
    IOReturn status = initialise(general_of(self), buffers, count, task, options);

    /* The one means something for page lists only, the other where each memory has its mapper. */
    (void)offset, (void)mapper;
    if (status != kIOReturnSuccess) {
        IOMemory_fail(status);
    }
    return status == kIOReturnSuccess;
}

IOReturn general_init_with_reference(IOGeneralMemoryDescriptor *self,
                                     struct IOMemoryReference *reference,
                                     const IOAddressRange *range, task_t task, IOOptionBits options)
{
    IOReturn status;

    /* Set and not added: the object is new, and no redirection can be on. */
    self->super.flags = options | kIOMemoryTypeVirtual | kIOMemoryAsReference;
    /*
     * Taken over whatever comes: a failure below leaves it to the end of the object, so that the
     * caller has one rule for both.
     */
    self->reference = reference;
    set_task(self, task);
    status = general_set_ranges(self, range, 1);
    if (status == kIOReturnSuccess && (options & kIOMemoryAutoPrepare) != 0) {
        status = general_prepare(&self->super, kIODirectionNone);
    }
    return status;
}

void general_free(OSObject *object)
{
    IOGeneralMemoryDescriptor *self = (IOGeneralMemoryDescriptor *)object;

    if (self->super.dmaActive != 0) {
        platform_log("%s %p freed with DMA active: its pages are given up", object->metaClass->name,
                     (void *)object);
        /*
         * A device may still store there. Lost pages are a loss; pages that are somebody else's by
         * then would be damage that nobody can trace.
         */
        general_abandon(self);
    }
    IOLEDGER(memoryEnds(self));
    forget(self);
    IOMemoryDescriptor_class.meta.free(object);
}

bool IOGeneralMemoryDescriptor_serialize(const IOGeneralMemoryDescriptor *self, OSSerialize *s)
{
    (void)self;
    (void)s;
    IOMemory_fail(kIOReturnUnsupported);
    return false;
}
