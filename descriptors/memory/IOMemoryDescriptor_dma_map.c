/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the DMA protocol that asks a mapper. Who has pages of its own, or constraints
 * on where they are mapped, says so by methods: this file knows no subclass.
 */
#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"

/*
 * What the transfer needs and no more: a device that goes astray does the least harm. That is
 * what the descriptor's direction says, and of it what the specification names: a copy that is
 * made for both ways need not be open both ways. Pages pinned for reading may be shared with
 * somebody, so that nobody stores to them whatever the descriptor says.
 */
static uint32_t access_of(IOMemoryDescriptor *memory, const IODMAMapSpecification *spec,
                          uint64_t offset, uint64_t length)
{
    const struct IODMAReach reach = IOMemoryDescriptor_reach(memory, offset, offset + length);
    const IODirection direction = memory->flags & kIODirectionOutIn;
    uint32_t access = kIODMAMapReadAccess | kIODMAMapWriteAccess;

    if (direction == kIODirectionOut || (reach.some & kIOMemoryPreparedReadOnly) != 0) {
        access = kIODMAMapReadAccess;
    } else if (direction == kIODirectionIn) {
        access = kIODMAMapWriteAccess;
    }
    return spec != NULL && (access & spec->resvA[0]) != 0 ? access & spec->resvA[0] : access;
}

/* A class that knows of no pages lets the mapper walk. */
upl_page_info_t *descriptor_copy_page_list(IOMemoryDescriptor *self, uint64_t offset,
                                           uint64_t length, IODMAMapPageList *list)
{
    (void)self, (void)offset, (void)length, (void)list;
    return NULL;
}

static IOReturn map_with(IOMapper *mapper, IOMemoryDescriptor *memory, IODMACommand *command,
                         const IODMAMapSpecification *spec, uint64_t offset, uint64_t length,
                         uint64_t *mapAddress, uint64_t *mapLength)
{
    uint32_t options = access_of(memory, spec, offset, length);
    IODMAMapPageList list;
    upl_page_info_t *pages =
        IOMemoryDescriptor_methods(memory)->copyPageList(memory, offset, length, &list);
    IOReturn status;

    /*
     * Said of whole pages alone: told so of a partial one, a mapper could take the rest of it for
     * part of the transfer.
     */
    if (pages != NULL && list.pageOffset == 0 && length == ptoa(list.pageListCount)) {
        options |= kIODMAMapPageListFullyOccupied;
    }
    status = IOMapper_iovmMapMemory(mapper, memory, offset, length, options, spec, command,
                                    pages != NULL ? &list : NULL, mapAddress, mapLength);
    /* Lent for the call: a mapper that needs the list longer has copied it. */
    platform_free(pages);
    return status;
}

/* A whole that is host-only maps as nothing; a part of it would leave the rest unmapped. */
static IOReturn judge_reach(IOMemoryDescriptor *memory, uint64_t offset, uint64_t length,
                            bool *nothing)
{
    const struct IODMAReach reach = IOMemoryDescriptor_reach(memory, offset, offset + length);

    *nothing = (reach.every & kIOMemoryHostOnly) != 0;
    if ((reach.some & kIOMemoryRemote) != 0) {
        return kIOReturnNotAttached;
    }
    return (reach.some & kIOMemoryHostOnly) == 0 || *nothing ? kIOReturnSuccess
                                                             : kIOReturnNotPermitted;
}

/*
 * Nothing to do is a success, with length 0 as its sign: no mapper, or memory that no device
 * reaches. The caller unmaps by that length.
 */
static IOReturn map_bytes(IOMapper *mapper, IOMemoryDescriptor *memory, IODMACommand *command,
                          const IODMAMapSpecification *spec, uint64_t offset, uint64_t length,
                          uint64_t *mapAddress, uint64_t *mapLength)
{
    bool nothing = mapper == NULL;
    IOReturn status;

    if (length == 0 || !IOMemoryDescriptor_holds(memory, offset, length)) {
        return IOREFUSE(!nothing, "offset %llu + length %llu is not inside the memory's %llu bytes",
                        IOULL(offset), IOULL(length), IOULL(memory->length))
                   ? kIOReturnBadArgument
                   : kIOReturnSuccess;
    }
    status = judge_reach(memory, offset, length, &nothing);
    if (status == kIOReturnNotAttached) {
        return status;
    }
    if (mapper == NULL || nothing) {
        return kIOReturnSuccess;
    }
    return status != kIOReturnSuccess
               ? status
               : map_with(mapper, memory, command, spec, offset, length, mapAddress, mapLength);
}

IOReturn IOMemoryDescriptor_dmaMap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                   IOMemoryDescriptorRef memory, IODMACommand *command,
                                   const IODMAMapSpecification *mapSpec, uint64_t offset,
                                   uint64_t length, uint64_t *mapAddress, uint64_t *mapLength)
{
    /* Cleared before anything is judged: a failed call leaves nothing that looks like a mapping. */
    if (mapAddress != NULL) {
        *mapAddress = 0;
    }
    if (mapLength != NULL) {
        *mapLength = 0;
    }
    if (IOREFUSE(self.descriptor == NULL, "self is NULL") ||
        IOREFUSE(memory.descriptor == NULL, "memory is NULL") ||
        IOREFUSE(mapAddress == NULL, "mapAddress is NULL") ||
        IOREFUSE(mapLength == NULL, "mapLength is NULL")) {
        return kIOReturnBadArgument;
    }
    return map_bytes(mapper, memory.descriptor, command, mapSpec, offset, length, mapAddress,
                     mapLength);
}

/* All pages of a piece; how many are RAM. */
static uint64_t quarantine_piece(IOPhysicalSegment piece)
{
    const uint64_t end = round_page(piece.location + piece.length);
    uint64_t pages = 0;

    for (uint64_t at = trunc_page(piece.location); at != end; at += PAGE_SIZE) {
        /*
         * A pin that nobody takes back: the page is never free again, whoever completes or releases
         * it.
         */
        pages += platform_quarantine(paddr(at)) ? 1 : 0;
    }
    return pages;
}

/* The pages are those that have I/O addresses in the allocation, `offset` having the first. */
void IOMemoryDescriptor_quarantine(IOMemoryDescriptor *self, IOByteCount offset,
                                   uint64_t mapAddress, uint64_t mapLength)
{
    struct IOMappedLayout layout = {0};
    uint64_t pages = 0, at;
    IOPhysicalSegment piece;

    while (offset < self->length && IOMemoryDescriptor_segment(self, offset, kIOMemoryMapperNone,
                                                               &piece) == kIOReturnSuccess) {
        if (!layout.placed) { /* distances from the allocation's first page are what counts */
            layout.next = piece.location & PAGE_MASK;
        }
        if (!IOMappedLayout_place(&layout, piece.location, piece.length, &at) || at >= mapLength) {
            break;
        }
        if (piece.length > mapLength - at) {
            piece.length = mapLength - at;
        }
        pages += quarantine_piece(piece);
        offset += piece.length;
    }
    platform_log("IOMemoryDescriptor %p: the mapper did not see its mapping at %#llx end: "
                 "%llu pages are in quarantine",
                 (void *)self, (unsigned long long)mapAddress, (unsigned long long)pages);
}

IOReturn IOMemoryDescriptor_dmaUnmap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t offset, uint64_t mapAddress,
                                     uint64_t mapLength)
{
    IOReturn status;

    if (self.descriptor == NULL) {
        return kIOReturnBadArgument;
    }
    /* Nothing was mapped (no mapper, or host-only memory), so nothing can be wrong about it. */
    if (mapLength == 0) {
        return kIOReturnSuccess;
    }
    status = IOMapper_iovmUnmapMemory(mapper, self, command, mapAddress, mapLength);
    /* The one answer that leaves it open whether translations are still cached in the IOMMU. */
    if (status == kIOReturnTimeout) {
        IOMemoryDescriptor_quarantine(self.descriptor, offset, mapAddress, mapLength);
    }
    return status;
}

void IOMemoryDescriptor_dmaMapRecord(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t mapLength)
{
    (void)mapper;
    (void)mapLength;
    /*
     * Counted for a command only: it takes the mark back, which a mapping of nobody's never would.
     */
    if (self.descriptor != NULL && command != NULL) {
        IOMemoryDescriptor_methods(self.descriptor)->setDMAActive(self.descriptor, true);
    }
}

/* The tighter of two, 0 being no constraint. */
static void tighten(IODMAMapSpecification *kept, const IODMAMapSpecification *asked)
{
    if (asked->numAddressBits != 0 &&
        (kept->numAddressBits == 0 || asked->numAddressBits < kept->numAddressBits)) {
        kept->numAddressBits = asked->numAddressBits;
    }
    if (asked->alignment > kept->alignment) {
        kept->alignment = asked->alignment;
    }
}

IODMAMapSpecification *descriptor_map_specification(IOMemoryDescriptor *self)
{
    (void)self;
    return NULL;
}

IOReturn descriptor_add_dma_map_spec(IOMemoryDescriptor *self, const IODMAMapSpecification *asked)
{
    IODMAMapSpecification *const kept = IOMemoryDescriptor_methods(self)->mapSpecification(self);

    if (kept == NULL) {
        return kIOReturnUnsupported;
    }
    if (asked->alignment != 0 && !is_power_of_two(asked->alignment)) {
        return kIOReturnBadArgument;
    }
    tighten(kept, asked);
    return kIOReturnSuccess;
}

/*
 * Does the mapping of the whole that everybody shares do for this one as well? It is placed by the
 * descriptor's own constraints; a device with narrower ones needs a mapping of its own.
 */
static bool is_shareable(IOMemoryDescriptor *self, const IOMDDMAMapArgs *args,
                         const IODMAMapSpecification *kept)
{
    const IODMAMapSpecification *const asked = &args->fMapSpec;
    const uint8_t bits = kept != NULL ? kept->numAddressBits : 0;

    return args->fMapper != NULL && args->fMapper == IOMapper_systemMapper() &&
           !IOMemoryDescriptor_isForDevice(self) && IOMemoryDescriptor_canKeepSystemMap(self) &&
           args->fOffset == 0 && args->fLength == self->length && self->length != 0 &&
           asked->options == 0 && asked->alignment <= (kept != NULL ? kept->alignment : 0) &&
           (asked->resvA[0] == 0 || asked->resvA[0] == IOMemoryDescriptor_systemAccess(self)) &&
           (asked->numAddressBits == 0 || asked->numAddressBits >= 64 ||
            (bits != 0 && asked->numAddressBits >= bits));
}

IOReturn descriptor_dma_map(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
{
    const IODMAMapSpecification *const kept =
        IOMemoryDescriptor_methods(self)->mapSpecification(self);
    IODMAMapSpecification spec = args->fMapSpec;
    IOReturn status;

    if (is_shareable(self, args, kept)) {
        /* Length 0: the descriptor owns it, and nothing is to be given back. */
        args->fAllocLength = 0;
        return IOMemoryDescriptor_systemMap(self, &args->fAlloc);
    }
    /* The memory's own constraints hold for every device that it is mapped for. */
    if (kept != NULL) {
        tighten(&spec, kept);
    }
    status =
        IOMemoryDescriptor_dmaMap(self, args->fMapper, self, args->fCommand, &spec, args->fOffset,
                                  args->fLength, &args->fAlloc, &args->fAllocLength);
    if (status == kIOReturnSuccess && args->fAllocLength != 0) {
        IOMemoryDescriptor_dmaMapRecord(self, args->fMapper, args->fCommand, args->fAllocLength);
    }
    return status;
}

IOReturn descriptor_dma_unmap(IOMemoryDescriptor *self, IOMDDMAMapArgs *args)
{
    IOReturn status;

    if (args->fAllocLength == 0) {
        return kIOReturnSuccess;
    }
    status = IOMemoryDescriptor_dmaUnmap(self, args->fMapper, args->fCommand, args->fOffset,
                                         args->fAlloc, args->fAllocLength);
    if (status != kIOReturnSuccess && status != kIOReturnTimeout) {
        platform_log("IOMemoryDescriptor %p: the mapper does not know its mapping at %#llx",
                     (void *)self, (unsigned long long)args->fAlloc);
    }
    if (args->fCommand != NULL) {
        IOMemoryDescriptor_methods(self)->setDMAActive(self, false);
    }
    /* Gone whatever the mapper said: a second unmap of the same arguments must find nothing. */
    args->fAlloc = 0;
    args->fAllocLength = 0;
    return kIOReturnSuccess;
}
