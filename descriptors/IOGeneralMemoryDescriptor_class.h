/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside IOGeneralMemoryDescriptor; a subclass (buffers) names these methods in
 * its record.
 */
#ifndef DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_CLASS_H
#define DESCRIPTORS_IOGENERALMEMORYDESCRIPTOR_CLASS_H

#include "descriptors/IOGeneralMemoryDescriptor.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"

/* Which memory objects are behind the bytes; in a room of its own. */
struct IOMemoryReference;

/* Bits of the flags that are not options. */
#define GENERAL_STATE (kIOMemoryRedirected | kIOMemoryPreparedReadOnly)

struct IOGeneralMemoryDescriptor {
    IOMemoryDescriptor super;
    task_t task;  /* TASK_NULL: the ranges are physical, belong to no task, or it is dead */
    vm_map_t map; /* the task's; NULL: it has none */
    struct platform_task_watch watch; /* of a user task: it may die first */
    IODMAMapSpecification mapSpec;    /* what every I/O mapping must satisfy */
    const IOAddressRange *ranges;     /* &range, a copy of our own, or the caller's array */
    IOAddressRange *ownRanges;        /* the copy; NULL: there is none */
    IOAddressRange range;
    UInt32 rangeCount;
    uint64_t rangePages; /* pages of all ranges, each counted alone */

    /* Decided at creation: where the ranges lie, adjacent ones joined. */
    struct memory_runs source;

    /*
     * Decided by the first prepare: which physical runs the described bytes form. Each page
     * is pinned once for each run that touches it.
     */
    struct memory_runs wired;
    bool failed;    /* one of the completes so far was of a transfer that did */
    bool described; /* it was initialised: there may be something to forget */

    /*
     * The memory behind the source runs; NULL: not asked for yet. Prepare uses it for
     * kIOMemoryPersistent, else what the task shows by then.
     */
    struct IOMemoryReference *reference;
    struct IOMemoryReference *held; /* one for the moment, see holdMemory */
    uint32_t holds;
    struct IOMemoryReference *image; /* what mappings show with kIOMemoryMapCopyOnWrite */

    /* What a walk walks: wired, source (physical memory), or NULL: not prepared. */
    const struct memory_runs *resident;
};

OS_CLASS(IOMemoryDescriptorClass, IOGeneralMemoryDescriptor);

/* Runs to walk from now on; NULL: none. */
static inline void general_set_resident(IOGeneralMemoryDescriptor *self,
                                        const struct memory_runs *runs)
{
    const bool isPlain =
        runs != NULL && (self->super.flags & (kIOMemoryRemote | kIOMemoryHostOnly)) == 0;

    self->resident = runs;
    self->super.oneRun = isPlain && runs->count == 1 ? runs->list[0].address : 0;
    self->super.runs = isPlain ? runs : NULL;
}

/* Number of the highest page; 0: it has none, or is not prepared. */
static inline uint64_t general_highest_page(const IOGeneralMemoryDescriptor *self)
{
    const struct memory_runs *const runs = self->resident;

    return runs != NULL && runs->highest != 0 ? atop(runs->highest - 1) : 0;
}

static inline IOGeneralMemoryDescriptor *general_of(IOMemoryDescriptor *self)
{
    return (IOGeneralMemoryDescriptor *)self;
}

static inline bool general_is_physical(const IOGeneralMemoryDescriptor *self)
{
    return (self->super.flags & kIOMemoryTypeMask) == kIOMemoryTypePhysical;
}

bool general_init_with_options(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                               task_t task, IOOptionBits options, IOMapper *mapper)
    OS_METHOD(IOGeneralMemoryDescriptor, initWithOptions);

/*
 * Initialise a new descriptor of the memory that a reference names, which is taken over.
 * range, kept as a pointer: its address is where `task` has it mapped, 0 for TASK_NULL.
 */
IOReturn general_init_with_reference(IOGeneralMemoryDescriptor *self,
                                     struct IOMemoryReference *reference,
                                     const IOAddressRange *range, task_t task, IOOptionBits options)
    OS_METHOD(IOGeneralMemoryDescriptor, initWithReference);

IOReturn general_prepare(IOMemoryDescriptor *self, IODirection forDirection)
    OS_METHOD(IOGeneralMemoryDescriptor, prepare);
IOReturn general_complete(IOMemoryDescriptor *self, IODirection forDirection)
    OS_METHOD(IOGeneralMemoryDescriptor, complete);
IOReturn general_get_physical_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                      IOOptionBits options, IOPhysicalSegment *segment)
    OS_METHOD(IOGeneralMemoryDescriptor, getPhysicalSegment);
IOReturn general_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                      IOByteCount end) OS_METHOD(IOGeneralMemoryDescriptor, walk);
uint64_t general_get_preparation_id(IOMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, getPreparationID);
void general_add_dma_map_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                              struct IODMAMapSize *size)
    OS_METHOD(IOGeneralMemoryDescriptor, addDMAMapSize);
void general_get_characteristics(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                 IOMDDMACharacteristics *out)
    OS_METHOD(IOGeneralMemoryDescriptor, getCharacteristics);
IODMAMapSpecification *general_map_specification(IOMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, mapSpecification);
upl_page_info_t *general_copy_page_list(IOMemoryDescriptor *self, uint64_t offset, uint64_t length,
                                        IODMAMapPageList *list)
    OS_METHOD(IOGeneralMemoryDescriptor, copyPageList);
IOReturn general_do_map(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                        IOByteCount offset, IOByteCount length)
    OS_METHOD(IOGeneralMemoryDescriptor, doMap);
bool general_owns_pages(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end, task_t task)
    OS_METHOD(IOGeneralMemoryDescriptor, ownsPages);
IOReturn general_copy_for_unique(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount length,
                                 IOMemoryDescriptor **out)
    OS_METHOD(IOGeneralMemoryDescriptor, copyForUnique);
IOReturn general_hold_memory(IOMemoryDescriptor *self, bool on)
    OS_METHOD(IOGeneralMemoryDescriptor, holdMemory);
IOReturn general_set_purgeable(IOMemoryDescriptor *self, IOOptionBits newState,
                               IOOptionBits *oldState)
    OS_METHOD(IOGeneralMemoryDescriptor, setPurgeable);
IOReturn general_set_ownership(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                               IOOptionBits newLedgerOptions)
    OS_METHOD(IOGeneralMemoryDescriptor, setOwnership);
IOReturn general_get_page_counts(IOMemoryDescriptor *self, IOByteCount *residentPageCount,
                                 IOByteCount *dirtyPageCount)
    OS_METHOD(IOGeneralMemoryDescriptor, getPageCounts);
void general_free(OSObject *self) OS_METHOD(IOGeneralMemoryDescriptor, free);

/* What general_leads_elsewhere asks where there is a system mapper, or may be. */
bool general_is_led_by_mapper(const IOMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, isLedByMapper);

/* Its ranges are the system mapper's I/O addresses, and lead to memory page by page. */
static inline bool general_leads_elsewhere(const IOMemoryDescriptor *self)
{
    return IOMapper_gSystem != NULL && general_is_led_by_mapper(self);
}

/*
 * Have the memory reference made, of which there is none yet: for
 * kIOMemoryPersistent. kIOReturnBadArgument (no bytes), and as IOMemoryReference_create.
 */
IOReturn general_take_reference(IOGeneralMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, takeReference);

/*
 * Have the right to store to the memory that the reference names noted anew. False: its owner has
 * other memory there by now, or there is no memory to note it with.
 */
bool general_upgrade_reference(IOGeneralMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, upgradeReference);

/* The first map of all has not come about: what was kept for it of the memory, or frozen, goes. */
void general_forget_kept(IOGeneralMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, forgetKept);

/* Does the task still show the memory of the reference, which must be there? */
IOReturn general_compare_memory(IOGeneralMemoryDescriptor *self, bool *same)
    OS_METHOD(IOGeneralMemoryDescriptor, compareMemory);

/*
 * The reference, or one for the moment; general_return_reference when done. Only
 * virtual memory.
 */
IOReturn general_borrow_reference(IOGeneralMemoryDescriptor *self,
                                  struct IOMemoryReference **reference)
    OS_METHOD(IOGeneralMemoryDescriptor, borrowReference);
void general_return_reference(IOGeneralMemoryDescriptor *self, struct IOMemoryReference *reference)
    OS_METHOD(IOGeneralMemoryDescriptor, returnReference);

/* Copy and judge the ranges; what they are is decided here (IOGeneralMemoryDescriptor_ranges.c). */
IOReturn general_set_ranges(IOGeneralMemoryDescriptor *self, const IOAddressRange *ranges,
                            UInt32 count) OS_METHOD(IOGeneralMemoryDescriptor, setRanges);
void general_drop_ranges(IOGeneralMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, dropRanges);

/* A preparation is over: unless its transfer failed, pages that could be written are dirty. */
void general_end_preparation(IOGeneralMemoryDescriptor *self)
    OS_METHOD(IOGeneralMemoryDescriptor, endPreparation);

/* Forget where the pages are, still pinned: a device may go on writing there. */
void general_abandon(IOGeneralMemoryDescriptor *self) OS_METHOD(IOGeneralMemoryDescriptor, abandon);

#endif
