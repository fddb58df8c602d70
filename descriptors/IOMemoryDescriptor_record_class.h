/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a subclass of IOMemoryDescriptor is made of: the state that it inherits, the methods
 * that it provides, and the base implementations that it names in its record where
 * it inherits one. IOMemoryDescriptor_class.h is what to include.
 */
#ifndef DESCRIPTORS_IOMEMORYDESCRIPTOR_RECORD_CLASS_H
#define DESCRIPTORS_IOMEMORYDESCRIPTOR_RECORD_CLASS_H

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryMapping.h"
#include "descriptors/OSObject_class.h"
#include "descriptors/platform.h"
#include "descriptors/segments/IOMemoryRuns.h"
#include "kernel/tree.h"

/* Where a walk delivers; a class passes it on to descriptor_walk or to descriptors below it. */
struct IOSegmentSink;

/* What the reference keeps in a block of its own. */
struct IOMemoryDescriptorReserved {
    uint64_t descriptorID;
    uint64_t preparationID;
    OSObject *context; /* retained; changed with interrupts masked */
};

/* A mapping of the whole by the system mapper, which everybody shares who asks for one. */
struct IODMASystemMap {
    IOMapper *mapper;         /* retained; NULL: there is no mapping */
    uint64_t address, length; /* the key for unmapping; length 0: nothing to be mapped */
    IOByteCount described;    /* bytes of the descriptor that it shows */
};

struct IOMemoryDescriptor {
    OSObject super;
    IOOptionBits flags; /* creation options and state bits */
    IOOptionBits tag;
    IOByteCount length; /* bytes */
    uint32_t wireCount; /* prepares not yet completed */
    uint32_t dmaActive; /* DMA users that have not gone inactive */
    /*
     * Completes that somebody is about to make, all or none (announceComplete), and such
     * that a composite could not make when it went: they are made up for when DMA is over.
     */
    uint32_t announced, owed;
    vm_tag_t kernelTag;
    vm_tag_t userTag;
    uint16_t mapperOptions;
    uint16_t depth;               /* levels of descriptors below this one; a leaf has 0 */
    struct IOMemoryPart *holders; /* parts of composites that show this */

    /*
     * A class may say so while it is known: all bytes are at consecutive addresses from this one
     * on, and no device is kept from them. 0: it does not say (nor of such as begin there).
     */
    IOPhysicalAddress oneRun;
    /*
     * The same of memory in any number of runs: these are all that a walk would deliver for a
     * device, the system mapper apart. NULL: it does not say.
     */
    const struct memory_runs *runs;
    bool isNarrow; /* of a class without a mapSpecification: mapped with 32 bits */
    struct platform_lock prepareLock;
    IOMemoryDescriptorReserved reserved;
    struct IODMASystemMap systemMap;
    /* All changed under the mapping lock. */
    IOMemoryMap *mappings; /* the set, newest first */
    struct tree shared[2]; /* of the set, what may answer requests: IOMemoryMap_index.c */
    IOMemoryMap *uniques;  /* maps of parts of this that belong to descriptors of their own */
    struct IORedirection *redirections; /* those that are on, newest first */
};

#define DESCRIPTOR_DEPTH_MAX 16 /* levels of descriptors below one */

/* What maps a descriptor into I/O address space; see getDMAMapLength. */
struct IODMAMapSize {
    uint64_t bytes;     /* whole pages, of all pieces so far */
    uint64_t first;     /* offset of the first byte in its page */
    uint64_t described; /* bytes in the pieces so far */
    bool overflow;
};

/* Whether a mapper may see bytes: kIOMemoryRemote and kIOMemoryHostOnly, of them all. */
struct IODMAReach {
    IOOptionBits some;  /* flags that a byte has */
    IOOptionBits every; /* flags that every byte has; begins with all */
};

#define DESCRIPTOR_TAKE_BACK 0x80000000u /* to `complete`; no caller's option */

/*
 * The methods, by role. A record has no holes: a class names every one, the base's where
 * it inherits it (the lists of them are at the end), and descriptor_refuse_... where its
 * own rules leave no answer.
 */
typedef struct {
    OSMetaClass meta;

    /* Making. False: the last error says why. */
    bool (*initWithOptions)(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                            task_t task, IOOptionBits options, IOMapper *mapper);

    /* Preparation; a thread-safe object is locked. */
    IOReturn (*prepare)(IOMemoryDescriptor *self, IODirection forDirection);
    /* forDirection may be DESCRIPTOR_TAKE_BACK alone: see IOMemoryDescriptor_takeBackPrepare. */
    IOReturn (*complete)(IOMemoryDescriptor *self, IODirection forDirection);
    /*
     * `count` completes are coming; kIOReturnBusy if one of them would answer that, and
     * nothing is announced. Not `coming`: they are coming no more, or come now.
     */
    IOReturn (*announceComplete)(IOMemoryDescriptor *self, uint32_t count, bool coming);
    uint64_t (*getPreparationID)(IOMemoryDescriptor *self);

    /* Places. */
    /*
     * Where the byte at `offset`, which is below the length, lies, and how many follow it.
     * The answer carries the reason when there is none: the last error belongs to the
     * public function, and a walk must not disturb it.
     */
    IOReturn (*getPhysicalSegment)(IOMemoryDescriptor *self, IOByteCount offset,
                                   IOOptionBits options, IOPhysicalSegment *segment);
    /*
     * Deliver bytes [offset, end) to a sink that is not full; offset < end <= length.
     * Success also when the sink wants no more; else why bytes are missing behind
     * what was delivered.
     */
    IOReturn (*walk)(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                     IOByteCount end);

    /* Bytes, as the CPU sees them. */
    IOByteCount (*readBytes)(IOMemoryDescriptor *self, IOByteCount offset, void *bytes,
                             IOByteCount withLength);
    IOByteCount (*writeBytes)(IOMemoryDescriptor *self, IOByteCount offset, const void *bytes,
                              IOByteCount withLength);
    IOReturn (*performOperation)(IOMemoryDescriptor *self, IOOptionBits options, IOByteCount offset,
                                 IOByteCount length);

    /* What DMA commands and mappers ask. */
    /* Add the pieces of bytes [offset, end); both within the length. */
    void (*addDMAMapSize)(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                          struct IODMAMapSize *size);
    IOReturn (*dmaCommandOperation)(IOMemoryDescriptor *self, DMACommandOps op, void *vData,
                                    UInt dataSize);
    /* Of bytes [offset, end), both within the length. */
    void (*getCharacteristics)(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                               IOMDDMACharacteristics *out);
    IOReturn (*setDMAActive)(IOMemoryDescriptor *self, bool active);
    /* Add what bytes [offset, end) are, in whichever descriptor below they lie. */
    void (*addReach)(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                     struct IODMAReach *reach);

    /* The tightest constraints so far on I/O mappings of the whole; NULL: it keeps none. */
    IODMAMapSpecification *(*mapSpecification)(IOMemoryDescriptor *self);
    /*
     * The pinned pages behind bytes [offset, offset + length) in one piece, in a block that
     * the caller frees; NULL: a mapper has to walk.
     */
    upl_page_info_t *(*copyPageList)(IOMemoryDescriptor *self, uint64_t offset, uint64_t length,
                                     IODMAMapPageList *list);

    /* Maps. */
    /*
     * Answer the request that a half-built map carries, `offset` added to its own: that
     * map, or another one that serves as well. The half-built map is used up whatever
     * comes of it. The memory is not remote.
     */
    IOMemoryMap *(*makeMapping)(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                                IOByteCount offset);
    /*
     * Enter the pages of a map; length 0 means the map's. On failure nothing is entered. Both with
     * the lock over all maps held.
     */
    IOReturn (*doMap)(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                      IOByteCount offset, IOByteCount length);
    IOReturn (*doUnmap)(IOMemoryDescriptor *self, IOMemoryMap *map);
    /*
     * Does all of the pages that bytes [offset, end), at least one, lie in belong to who owns
     * these, or to the task anyway? Where it does not, showing them to it would show a neighbour.
     */
    bool (*ownsPages)(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end, task_t task);
    /*
     * A descriptor of these bytes alone, from byte 0 on, for a Unique map, whose redirection
     * shall concern nobody else. *out NULL: the descriptor itself will do.
     */
    IOReturn (*copyForUnique)(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount length,
                              IOMemoryDescriptor **out);
    IOReturn (*redirect)(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect);

    /* Accounts of the memory. */
    /*
     * Until as many ends as beginnings have come, a change of the purgeable state that could be
     * made now cannot fail: what it needs is had. Begun only where setPurgeable has answered what
     * the state is. On failure nothing is on.
     */
    IOReturn (*holdMemory)(IOMemoryDescriptor *self, bool on);
    /* Not remote, arguments judged, pointers not NULL; results are used on success only. */
    IOReturn (*setPurgeable)(IOMemoryDescriptor *self, IOOptionBits newState,
                             IOOptionBits *oldState);
    IOReturn (*setOwnership)(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                             IOOptionBits newLedgerOptions);
    IOReturn (*getPageCounts)(IOMemoryDescriptor *self, IOByteCount *residentPageCount,
                              IOByteCount *dirtyPageCount);
} IOMemoryDescriptorClass;

OS_CLASS(IOMemoryDescriptorClass, IOMemoryDescriptor);

static inline const IOMemoryDescriptorClass *IOMemoryDescriptor_methods(
    const IOMemoryDescriptor *self)
{
    OSObject_checkClass(&self->super, &IOMemoryDescriptor_metaClass);
    return (const IOMemoryDescriptorClass *)self->super.metaClass;
}

/* For what a class cannot do: kIOReturnUnsupported. */
bool descriptor_refuse_init(IOMemoryDescriptor *self, void *buffers, UInt32 count, UInt32 offset,
                            task_t task, IOOptionBits options, IOMapper *mapper)
    OS_METHOD(IOMemoryDescriptor, refuseInit);
IOReturn descriptor_refuse_transfer(IOMemoryDescriptor *self, IODirection forDirection)
    OS_METHOD(IOMemoryDescriptor, refuseTransfer);
IOReturn descriptor_refuse_segment(IOMemoryDescriptor *self, IOByteCount offset,
                                   IOOptionBits options, IOPhysicalSegment *segment)
    OS_METHOD(IOMemoryDescriptor, refuseSegment);
IOReturn descriptor_refuse_map(IOMemoryDescriptor *self, IOMemoryMap *map, IOOptionBits options,
                               IOByteCount offset, IOByteCount length)
    OS_METHOD(IOMemoryDescriptor, refuseMap);

/* The base implementations. */
IOReturn descriptor_announce_complete(IOMemoryDescriptor *self, uint32_t count, bool coming)
    OS_METHOD(IOMemoryDescriptor, announceComplete);
IOReturn descriptor_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                         IOByteCount end) OS_METHOD(IOMemoryDescriptor, walk);
uint64_t descriptor_get_preparation_id(IOMemoryDescriptor *self)
    OS_METHOD(IOMemoryDescriptor, getPreparationID);
IOByteCount descriptor_read_bytes(IOMemoryDescriptor *self, IOByteCount offset, void *bytes,
                                  IOByteCount withLength) OS_METHOD(IOMemoryDescriptor, readBytes);
IOByteCount descriptor_write_bytes(IOMemoryDescriptor *self, IOByteCount offset, const void *bytes,
                                   IOByteCount withLength)
    OS_METHOD(IOMemoryDescriptor, writeBytes);
IOReturn descriptor_perform_operation(IOMemoryDescriptor *self, IOOptionBits options,
                                      IOByteCount offset, IOByteCount length)
    OS_METHOD(IOMemoryDescriptor, performOperation);
void descriptor_add_dma_map_size(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                 struct IODMAMapSize *size)
    OS_METHOD(IOMemoryDescriptor, addDMAMapSize);
IOReturn descriptor_dma_command_operation(IOMemoryDescriptor *self, DMACommandOps op, void *vData,
                                          UInt dataSize)
    OS_METHOD(IOMemoryDescriptor, dmaCommandOperation);
void descriptor_get_characteristics(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                    IOMDDMACharacteristics *out)
    OS_METHOD(IOMemoryDescriptor, getCharacteristics);
IOReturn descriptor_set_dma_active(IOMemoryDescriptor *self, bool active)
    OS_METHOD(IOMemoryDescriptor, setDMAActive);

/* IOMemoryDescriptor_dma_map.c: the operations of the same names. */
IOReturn descriptor_add_dma_map_spec(IOMemoryDescriptor *self, const IODMAMapSpecification *asked)
    OS_METHOD(IOMemoryDescriptor, addDMAMapSpec);
IOReturn descriptor_dma_map(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
    OS_METHOD(IOMemoryDescriptor, dmaMap);
IOReturn descriptor_dma_unmap(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
    OS_METHOD(IOMemoryDescriptor, dmaUnmap);

void descriptor_add_reach(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                          struct IODMAReach *reach) OS_METHOD(IOMemoryDescriptor, addReach);
IODMAMapSpecification *descriptor_map_specification(IOMemoryDescriptor *self)
    OS_METHOD(IOMemoryDescriptor, mapSpecification);
upl_page_info_t *descriptor_copy_page_list(IOMemoryDescriptor *self, uint64_t offset,
                                           uint64_t length, IODMAMapPageList *list)
    OS_METHOD(IOMemoryDescriptor, copyPageList);

IOMemoryMap *descriptor_make_mapping(IOMemoryDescriptor *self, IOMemoryMap *map,
                                     IOOptionBits options, IOByteCount offset)
    OS_METHOD(IOMemoryDescriptor, makeMapping);
bool descriptor_owns_no_pages(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                              task_t task) OS_METHOD(IOMemoryDescriptor, ownsNoPages);
IOReturn descriptor_do_unmap(IOMemoryDescriptor *self, IOMemoryMap *map)
    OS_METHOD(IOMemoryDescriptor, doUnmap);
IOReturn descriptor_copy_for_unique(IOMemoryDescriptor *self, IOByteCount offset,
                                    IOByteCount length, IOMemoryDescriptor **out)
    OS_METHOD(IOMemoryDescriptor, copyForUnique);
IOReturn descriptor_redirect(IOMemoryDescriptor *self, task_t safeTask, bool doRedirect)
    OS_METHOD(IOMemoryDescriptor, redirect);
IOReturn descriptor_hold_memory(IOMemoryDescriptor *self, bool on)
    OS_METHOD(IOMemoryDescriptor, holdMemory);
IOReturn descriptor_set_purgeable(IOMemoryDescriptor *self, IOOptionBits newState,
                                  IOOptionBits *oldState)
    OS_METHOD(IOMemoryDescriptor, setPurgeable);
IOReturn descriptor_set_ownership(IOMemoryDescriptor *self, task_t newOwner, int newLedgerTag,
                                  IOOptionBits newLedgerOptions)
    OS_METHOD(IOMemoryDescriptor, setOwnership);
IOReturn descriptor_get_page_counts(IOMemoryDescriptor *self, IOByteCount *residentPageCount,
                                    IOByteCount *dirtyPageCount)
    OS_METHOD(IOMemoryDescriptor, getPageCounts);
void descriptor_free(OSObject *self) OS_METHOD(IOMemoryDescriptor, free);

/* What a record says of a role that it inherits whole. */
#define DESCRIPTOR_BYTES                                                                           \
    .readBytes = descriptor_read_bytes, .writeBytes = descriptor_write_bytes,                      \
    .performOperation = descriptor_perform_operation
#define DESCRIPTOR_DMA                                                                             \
    .addDMAMapSize = descriptor_add_dma_map_size,                                                  \
    .dmaCommandOperation = descriptor_dma_command_operation,                                       \
    .getCharacteristics = descriptor_get_characteristics,                                          \
    .setDMAActive = descriptor_set_dma_active, .addReach = descriptor_add_reach,                   \
    .mapSpecification = descriptor_map_specification, .copyPageList = descriptor_copy_page_list
#define DESCRIPTOR_MAPS                                                                            \
    .makeMapping = descriptor_make_mapping, .doMap = descriptor_refuse_map,                        \
    .ownsPages = descriptor_owns_no_pages, .doUnmap = descriptor_do_unmap,                         \
    .copyForUnique = descriptor_copy_for_unique, .redirect = descriptor_redirect
#define DESCRIPTOR_ACCOUNTS                                                                        \
    .holdMemory = descriptor_hold_memory, .setPurgeable = descriptor_set_purgeable,                \
    .setOwnership = descriptor_set_ownership, .getPageCounts = descriptor_get_page_counts

#endif
