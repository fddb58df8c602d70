/* SPDX-License-Identifier: BSD-2-Clause */
/* The doors of a mapper: everything that any unit would refuse is refused here. */
#include "descriptors/mapper/IOMapper_private.h"
#include "descriptors/object/IORefuse.h"

#define OPTION_BITS                                                                                \
    (kIODMAMapReadAccess | kIODMAMapWriteAccess | kIODMAMapPhysicallyContiguous |                  \
     kIODMAMapDeviceMemory | kIODMAMapPagingPath | kIODMAMapIdentityMap |                          \
     kIODMAMapPageListFullyOccupied | kIODMAMapFixedAddress)
#define ACCESS_BITS MAPPER_ACCESS_BITS

_Static_assert(sizeof(IODMAMapSpecification) == 40 &&
                   offsetof(IODMAMapSpecification, numAddressBits) == 20,
               "the layout that drivers know");
_Static_assert(sizeof(IODMAMapPageList) == 16, "the layout that drivers know");

uint64_t IOMapper_getPageSize(const IOMapper *self)
{
    return self == NULL ? 0 : mapper_page_size(self);
}

static IOReturn check_specification(const IOMapper *self, const IODMAMapSpecification *spec)
{
    const uint64_t page = IOMapper_getPageSize(self);

    if (IOREFUSE(spec->alignment != 0 && !is_power_of_two(spec->alignment),
                 "alignment %llu is no power of two", IOULL(spec->alignment))) {
        return kIOReturnBadArgument;
    }
    /* So few bits name no whole page but the first, which is never given out. */
    if (IOREFUSE(spec->numAddressBits != 0 && spec->numAddressBits < 64 &&
                     (uint64_t)1 << spec->numAddressBits < page,
                 "%u address bits do not span a page of %llu bytes", (unsigned)spec->numAddressBits,
                 IOULL(page))) {
        return kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}

static IOReturn check_memory(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length)
{
    IOMDDMACharacteristics facts;
    struct IODMAReach reach;
    IOReturn status;

    if (IOREFUSE(!IOMemoryDescriptor_holds(memory, offset, length),
                 "descriptorOffset %llu + length %llu is beyond the memory's %llu bytes",
                 IOULL(offset), IOULL(length), IOULL(memory->length))) {
        return kIOReturnBadArgument;
    }
    reach = IOMemoryDescriptor_reach(memory, offset, offset + length);
    /* One such byte is enough: another processor's memory has no address on this bus. */
    if ((reach.some & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    /* Made so that no device reaches it, and a unit would open it to one. */
    if ((reach.some & kIOMemoryHostOnly) != 0) {
        return kIOReturnNotPermitted;
    }
    status = IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDGetCharacteristics, &facts,
                                                    sizeof(facts));
    if (status != kIOReturnSuccess) {
        return status;
    }
    /* Pages that are not pinned could be exchanged while the device still reaches the old ones. */
    return facts.fIsPrepared ? kIOReturnSuccess : kIOReturnNotReady;
}

static IOReturn check_map(const IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                          uint64_t length, uint32_t options, const IODMAMapSpecification *spec)
{
    IOReturn status;

    if (IOREFUSE(length == 0, "length is 0") ||
        IOREFUSE((options & ~OPTION_BITS) != 0, "mapOptions %#x are undefined",
                 options & ~OPTION_BITS) ||
        /*
         * Memory that nobody may touch: a caller has forgotten the direction. Without memory it is
         * a reservation, which has none.
         */
        IOREFUSE(memory != NULL && (options & ACCESS_BITS) == 0,
                 "mapOptions allow neither reads nor writes")) {
        return kIOReturnBadArgument;
    }
    status = check_specification(self, spec);
    return status != kIOReturnSuccess || memory == NULL ? status
                                                        : check_memory(memory, offset, length);
}

IOReturn IOMapper_iovmMapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                uint64_t descriptorOffset, uint64_t length, uint32_t mapOptions,
                                const IODMAMapSpecification *mapSpecification,
                                IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                                uint64_t *mapAddress, uint64_t *mapLength)
{
    static const IODMAMapSpecification none;
    uint64_t wanted;
    IOReturn status;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(mapAddress == NULL, "mapAddress is NULL") ||
        IOREFUSE(mapLength == NULL, "mapLength is NULL")) {
        return kIOReturnBadArgument;
    }
    /* One who has nothing more to say, of memory of which there is no more to ask. */
    if (memory.descriptor != NULL && mapSpecification == NULL && pageList == NULL) {
        const uint64_t address = mapper_map_run(self, memory.descriptor, descriptorOffset, length,
                                                mapOptions, mapLength);

        if (address != 0) {
            *mapAddress = address;
            IOLEDGER(mapped(self, address, *mapLength, dmaCommand));
            return kIOReturnSuccess;
        }
    }
    if (mapSpecification == NULL) {
        mapSpecification = &none;
    }
    /* The one variable is a wish and an answer; without the option what it holds is no wish. */
    wanted = (mapOptions & kIODMAMapFixedAddress) != 0 ? *mapAddress : 0;
    status =
        check_map(self, memory.descriptor, descriptorOffset, length, mapOptions, mapSpecification);
    if (status == kIOReturnSuccess) {
        *mapAddress = wanted;
        status = mapper_methods(self)->iovmMapMemory(self, memory.descriptor, descriptorOffset,
                                                     length, mapOptions, mapSpecification,
                                                     dmaCommand, pageList, mapAddress, mapLength);
    }
    if (status == kIOReturnSuccess) {
        IOLEDGER(mapped(self, *mapAddress, *mapLength, dmaCommand));
    } else {
        /* Nothing stays in the answer: a caller who unmaps all the same must hit nothing. */
        *mapAddress = 0;
        *mapLength = 0;
    }
    return status;
}

void IOMapper_keepMapped(IOMapper *self, uint64_t mapAddress)
{
    (void)self, (void)mapAddress; /* where nobody asks */
    IOLEDGER(keptMapping(self, mapAddress));
}

IOReturn IOMapper_iovmUnmapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                  IODMACommand *dmaCommand, uint64_t mapAddress, uint64_t mapLength)
{
    if (self == NULL) {
        return kIOReturnBadArgument;
    }
    /* Where nothing was mapped there is nothing that a unit could miss. */
    if (mapLength == 0) {
        return kIOReturnSuccess;
    }
    return mapper_unmap(self, memory.descriptor, dmaCommand, mapAddress, mapLength);
}

IOReturn IOMapper_iovmInsert(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                             uint64_t physicalAddress, uint64_t length)
{
    uint64_t mask, end;

    /*
     * Judged once for all units, which add without a test. Of physical memory the last byte
     * counts: it may end where addresses end.
     */
    if (IOREFUSE(self == NULL, "self is NULL") || IOREFUSE(length == 0, "length is 0") ||
        IOREFUSE(__builtin_add_overflow(offset, length, &end) ||
                     __builtin_add_overflow(mapAddress, end, &end),
                 "mapAddress %#llx + offset %#llx + length %#llx wraps", IOULL(mapAddress),
                 IOULL(offset), IOULL(length)) ||
        IOREFUSE(__builtin_add_overflow(physicalAddress, length - 1, &end),
                 "physicalAddress %#llx + length %#llx wraps", IOULL(physicalAddress),
                 IOULL(length))) {
        return kIOReturnBadArgument;
    }
    /* Translations are of whole pages: a part of one would open the rest of it to the device. */
    mask = IOMapper_getPageSize(self) - 1;
    if (IOREFUSE(((offset | physicalAddress | length) & mask) != 0,
                 "offset %#llx, physicalAddress %#llx or length %#llx is no multiple of a page",
                 IOULL(offset), IOULL(physicalAddress), IOULL(length))) {
        return kIOReturnNotAligned;
    }
    return mapper_methods(self)->iovmInsert(self, options, mapAddress, offset, physicalAddress,
                                            length);
}

IOReturn IOMapper_translate(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                            uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    uint64_t unused;

    /* No access at all is a question too: where does this address lead, whoever may use it? */
    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE(physicalAddress == NULL, "physicalAddress is NULL") ||
        IOREFUSE((access & ~ACCESS_BITS) != 0, "access %#x has other bits than read and write",
                 access)) {
        return kIOReturnBadArgument;
    }
    return mapper_methods(self)->translate(self, mappedAddress, access, physicalAddress,
                                           contiguousLength == NULL ? &unused : contiguousLength);
}

uint64_t IOMapper_mapToPhysicalAddress(IOMapper *self, uint64_t mappedAddress)
{
    uint64_t physical;

    return IOMapper_translate(self, mappedAddress, 0, &physical, NULL) == kIOReturnSuccess
               ? physical
               : 0;
}

const OSMetaClass *IOMapper_getMetaClass(const IOMapper *self)
{
    return self == NULL ? NULL : self->super.metaClass;
}

/* --- The record: what a unit that says nothing does ------------------------------------------ */

/* A unit made of software has nothing that could refuse. */
bool mapper_init_hardware(IOMapper *self, IOService *provider)
{
    (void)self, (void)provider;
    return true;
}

/* The CPU's: then a pinned page is one translation, and none opens a neighbour. */
uint64_t mapper_get_page_size(const IOMapper *self)
{
    (void)self;
    return PAGE_SIZE;
}

IOReturn mapper_map_memory(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                           uint64_t length, uint32_t mapOptions,
                           const IODMAMapSpecification *mapSpecification, IODMACommand *dmaCommand,
                           const IODMAMapPageList *pageList, uint64_t *mapAddress,
                           uint64_t *mapLength)
{
    (void)self, (void)memory, (void)offset, (void)length, (void)mapOptions, (void)mapSpecification;
    (void)dmaCommand, (void)pageList, (void)mapAddress, (void)mapLength;
    return kIOReturnUnsupported;
}

/* A unit that has only the one way. */
uint64_t mapper_map_no_run(IOMapper *self, uint64_t physical, uint64_t length, uint32_t access,
                           uint64_t *mapLength)
{
    (void)self, (void)physical, (void)length, (void)access, (void)mapLength;
    return 0;
}

/* Not "unsupported": a unit that maps nothing knows of no mapping, which is the plain truth. */
IOReturn mapper_unmap_memory(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *dmaCommand,
                             uint64_t mapAddress, uint64_t mapLength)
{
    (void)self, (void)memory, (void)dmaCommand, (void)mapAddress, (void)mapLength;
    return kIOReturnNotFound;
}

IOReturn mapper_insert(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                       uint64_t physicalAddress, uint64_t length)
{
    (void)self, (void)options, (void)mapAddress, (void)offset, (void)physicalAddress, (void)length;
    return kIOReturnUnsupported;
}

IOReturn mapper_translate(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                          uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    (void)self, (void)mappedAddress, (void)access, (void)physicalAddress, (void)contiguousLength;
    return kIOReturnNotFound;
}

/* Made of software, it has recorded nothing that it has not told. */
void mapper_collect_faults(IOMapper *self)
{
    (void)self;
}

void mapper_forget_faults(IOMapper *self)
{
    (void)self;
}

/* One space for all of its devices. */
IOMapper *mapper_copy_for_device(IOMapper *self, IOService *device, const UInt32 *cells,
                                 UInt32 count)
{
    (void)device, (void)cells, (void)count;
    OSObject_retain(self);
    return self;
}

static void mapper_free(OSObject *self)
{
    IOMapper_free((IOMapper *)self);
}

const IOMapperClass IOMapper_class = {
    .meta = {"IOMapper", &OSObject_metaClass, sizeof(IOMapper), NULL, mapper_free},
    .initHardware = mapper_init_hardware,
    .getPageSize = mapper_get_page_size,
    .iovmMapMemory = mapper_map_memory,
    .iovmUnmapMemory = mapper_unmap_memory,
    .iovmInsert = mapper_insert,
    .translate = mapper_translate,
    MAPPER_OF_ALL,
};
