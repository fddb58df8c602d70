/* SPDX-License-Identifier: BSD-2-Clause */
/* One stream's I/O address space, as the IOMapper that its device's driver has. */
#include "descriptors/IOMappedLayout.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "drivers/smmuv3/smmu_near_private.h"
#include "drivers/smmuv3/smmu_private.h"
#include "kernel/cpu.h"

#define FIXED  (kIODMAMapFixedAddress | kIODMAMapIdentityMap)
#define ACCESS (kIODMAMapReadAccess | kIODMAMapWriteAccess)

/* --- Entering --------------------------------------------------------------------------------- */

/* Where the pages of a mapping come from. */
struct smmu_source {
    IOMemoryDescriptor *memory;   /* NULL: nothing, only addresses are wanted */
    uint64_t offset, length;      /* bytes */
    const IODMAMapPageList *list; /* NULL: to be walked */
};

/* What a look at the source before anything is placed has found. */
struct smmu_shape {
    uint64_t physical; /* of the first byte */
    uint64_t pages;
    bool one_run;
};

typedef IOReturn run_visitor(void *context, uint64_t physical, uint64_t bytes);

/* Where each run of the memory lies, one after another. */
static inline __attribute__((always_inline)) IOReturn each_run(const struct smmu_source *from,
                                                               run_visitor *visit, void *context)
{
    const uint64_t end = from->offset + from->length;

    for (uint64_t offset = from->offset; offset < end;) {
        IOPhysicalSegment run;
        IOReturn status =
            IOMemoryDescriptor_segment(from->memory, offset, kIOMemoryMapperNone, &run);

        if (status == kIOReturnSuccess) {
            run.length = run.length < end - offset ? run.length : end - offset;
            /* Of an empty run the walk would never end. */
            status =
                run.length == 0 ? kIOReturnInternalError : visit(context, run.location, run.length);
        }
        if (status != kIOReturnSuccess) {
            return status;
        }
        offset += run.length;
    }
    return kIOReturnSuccess;
}

struct measure {
    const struct smmu *unit;
    struct smmu_shape *shape;
    struct IOMappedLayout layout;
    uint64_t runs;
};

static IOReturn measure_run(void *context, uint64_t physical, uint64_t bytes)
{
    struct measure *to = context;
    uint64_t at;

    if (physical >= to->unit->output_end || bytes > to->unit->output_end - physical) {
        return kIOReturnMessageTooLarge;
    }
    if (to->runs == 0) {
        to->shape->physical = physical;
        to->layout = IOMappedLayout_begin(physical & PAGE_MASK);
    }
    to->runs += to->runs == 0 || physical != to->layout.physical ? 1 : 0;
    return IOMappedLayout_place(&to->layout, physical, bytes, &at) ? kIOReturnSuccess
                                                                   : kIOReturnNoSpace;
}

static IOReturn measure(const struct smmu *unit, const struct smmu_source *from,
                        struct smmu_shape *shape)
{
    struct measure to = {.unit = unit, .shape = shape};
    IOReturn status;

    if (from->memory == NULL) {
        *shape = (struct smmu_shape){.pages = atop(from->length + PAGE_MASK)};
        /* A sum that wraps is more than there is. */
        return shape->pages == 0 ? kIOReturnNoSpace : kIOReturnSuccess;
    }
    if (from->list != NULL) {
        const IODMAMapPageList *const list = from->list;

        shape->pages = atop(list->pageOffset + from->length + PAGE_MASK);
        shape->physical = ptoa((uint64_t)list->pageList[0].phys_addr) + list->pageOffset;
        if (list->pageOffset >= PAGE_SIZE || shape->pages > list->pageListCount) {
            return kIOReturnBadArgument;
        }
        /* The numbers have 32 bits, so that a unit with 44 of address reaches whatever they name.
         */
        for (uint64_t i = 0; unit->output_end < ptoa(1ull << 32) && i < shape->pages; i++) {
            if (ptoa((uint64_t)list->pageList[i].phys_addr) >= unit->output_end) {
                return kIOReturnMessageTooLarge;
            }
        }
        return kIOReturnSuccess;
    }
    status = each_run(from, measure_run, &to);
    shape->pages = atop(round_page(to.layout.next));
    shape->one_run = to.runs == 1;
    return status;
}

/* Where in the space: first fit, or as the caller says. */
static IOReturn find_place(const struct smmu_domain *domain, const struct smmu_shape *shape,
                           uint32_t options, const IODMAMapSpecification *spec, uint64_t wanted,
                           uint64_t *first)
{
    const uint64_t limit = smmu_limit(spec->numAddressBits), page = atop(shape->physical);
    const uint64_t alignment = spec->alignment <= PAGE_SIZE ? 1 : atop(spec->alignment);

    if (shape->pages == 0) {
        return kIOReturnNoSpace; /* pieces that wrap are more than there is */
    }
    if ((options & FIXED) != 0) {
        if ((options & kIODMAMapIdentityMap) != 0) {
            /* Both: the wish must be the identity. */
            if ((options & kIODMAMapFixedAddress) != 0 && wanted != shape->physical) {
                return kIOReturnNotAligned;
            }
            wanted = shape->physical;
        }
        if (((wanted ^ shape->physical) & PAGE_MASK) != 0 ||
            (atop(wanted) & (alignment - 1)) != 0) {
            return kIOReturnNotAligned;
        }
        *first = atop(wanted);
        return *first < limit && shape->pages <= limit - *first &&
                       space_first_taken(&domain->space, *first, *first + shape->pages) ==
                           *first + shape->pages
                   ? kIOReturnSuccess
                   : kIOReturnNoSpace;
    }
    if (shape->pages >= BLOCK_PAGES && alignment < BLOCK_PAGES &&
        (shape->one_run || (options & kIODMAMapPhysicallyContiguous) != 0)) {
        /* As the memory lies in its block, so that one entry serves 2 MiB; else page by page. */
        const uint64_t lies = page & (BLOCK_PAGES - 1);

        if ((lies & (alignment - 1)) == 0 &&
            space_find(&domain->space, shape->pages, limit, BLOCK_PAGES, lies, first)) {
            return kIOReturnSuccess;
        }
    }
    return space_find(&domain->space, shape->pages, limit, alignment, 0, first) ? kIOReturnSuccess
                                                                                : kIOReturnNoSpace;
}

struct placement {
    struct smmu_space *space;
    struct IOMappedLayout layout;
    uint64_t base;  /* page that layout's page 0 is at */
    uint64_t pages; /* that are this allocation's */
    uint64_t bits;
    uint64_t done; /* pages */
};

static IOReturn place_run(void *context, uint64_t physical, uint64_t bytes)
{
    struct placement *to = context;
    uint64_t at = UINT64_MAX, pages, done;
    kern_return_t status;

    if (!to->layout.placed) {
        to->layout = IOMappedLayout_begin(physical & PAGE_MASK);
    }
    IOMappedLayout_place(&to->layout, physical, bytes, &at);
    /* Memory that lies otherwise than it was measured would come to lie on somebody else's pages.
     */
    if (at >= ptoa(to->pages) || bytes > ptoa(to->pages) - at) {
        return kIOReturnInternalError;
    }
    /* A run that continues in the page of the one before finds it placed: of none is done nothing.
     */
    pages = atop(round_page(at + bytes)) - to->done;
    status = space_place(to->space, to->base + to->done, pages,
                         trunc_page(physical) + ptoa(to->done - atop(at)), to->bits, &done);
    to->done += done;
    return status == KERN_SUCCESS ? kIOReturnSuccess : kIOReturnNoResources;
}

static IOReturn place(struct smmu_domain *domain, const struct smmu_source *from, uint64_t first,
                      uint64_t pages, uint64_t bits, uint64_t *done)
{
    struct placement to = {.space = &domain->space, .base = first, .pages = pages, .bits = bits};
    kern_return_t status;
    IOReturn walked;

    if (from->memory == NULL) {
        status = space_place(&domain->space, first, pages, 0, ENTRY_HELD, done);
    } else if (from->list != NULL) {
        _Static_assert(sizeof(upl_page_info_t) == sizeof(uint32_t), "a list of page numbers");
        status = space_place_list(&domain->space, first, pages, &from->list->pageList->phys_addr,
                                  bits, done);
    } else {
        walked = each_run(from, place_run, &to);
        *done = to.done;
        return walked;
    }
    return status == KERN_SUCCESS ? kIOReturnSuccess : kIOReturnNoResources;
}

/* In the first table, where most is: all of it in one go. False: it takes the other way. */
static bool place_near(struct smmu_domain *domain, const struct smmu_source *from,
                       const struct smmu_shape *shape, uint64_t limit, uint64_t bits,
                       uint64_t *first)
{
    uint64_t *const entries = from->memory == NULL || from->list != NULL || shape->one_run
                                  ? space_near_take(&domain->space, shape->pages, limit, first)
                                  : NULL;

    if (entries == NULL) {
        return false;
    }
    bits |= ENTRY_VALID | ENTRY_TABLE;
    if (from->memory == NULL) {
        /* They translate nothing, as they did while they were nobody's. */
    } else if (from->list == NULL) {
        space_fill(entries, shape->pages, trunc_page(shape->physical) | bits, PAGE_SIZE);
    } else {
        const upl_page_info_t *const pages = from->list->pageList;

        for (uint64_t i = 0; i < shape->pages; i++) {
            space_store(&entries[i], ptoa((uint64_t)pages[i].phys_addr) | bits);
        }
    }
    return true;
}

/* The other way: anywhere, in whatever entries serve. */
static IOReturn place_anywhere(struct smmu_domain *domain, const struct smmu_source *from,
                               const struct smmu_shape *shape, uint32_t options,
                               const IODMAMapSpecification *spec, uint64_t wanted, uint64_t *first)
{
    IOReturn status = find_place(domain, shape, options, spec, wanted, first);
    uint64_t done = 0;

    if (status != kIOReturnSuccess) {
        return status;
    }
    status =
        place(domain, from, *first, shape->pages, smmu_entry_bits(options, spec->options), &done);
    if (status != kIOReturnSuccess) {
        /* Nobody knows its address yet; that a device has guessed it is not ruled out. */
        if (done != 0) {
            smmu_take_back(domain, *first, done);
        }
        return status;
    }
    space_begin(&domain->space, *first, shape->pages);
    return kIOReturnSuccess;
}

static IOReturn map_source(struct smmu_domain *domain, const struct smmu_source *from,
                           uint32_t options, const IODMAMapSpecification *spec,
                           uint64_t *mapAddress, uint64_t *mapLength)
{
    struct smmu_shape shape = {0};
    IOReturn status = measure(domain->unit, from, &shape);
    uint64_t first;

    if (status != kIOReturnSuccess) {
        return status;
    }
    if ((options & FIXED) != 0 || spec->alignment > PAGE_SIZE ||
        !place_near(domain, from, &shape, smmu_limit(spec->numAddressBits),
                    smmu_entry_bits(options, spec->options), &first)) {
        status = place_anywhere(domain, from, &shape, options, spec, *mapAddress, &first);
    }
    if (status != kIOReturnSuccess) {
        return status;
    }
    cpu_dmb_sy(); /* the entries are in memory before the device is told of the address */
    *mapAddress = ptoa(first) | (shape.physical & PAGE_MASK);
    *mapLength = ptoa(shape.pages);
    return kIOReturnSuccess;
}

IOReturn smmu_domain_map(IOMapper *mapper, IOMemoryDescriptor *memory, uint64_t offset,
                         uint64_t length, uint32_t options, const IODMAMapSpecification *spec,
                         IODMACommand *command, const IODMAMapPageList *list, uint64_t *mapAddress,
                         uint64_t *mapLength)
{
    struct smmu_domain *const domain = smmu_domain_at(mapper);
    const struct smmu_source from = {memory, offset, length,
                                     list != NULL && list->pageListCount != 0 ? list : NULL};
    lock_state_t state;
    IOReturn status;

    (void)command;
    state = lock_take(&domain->lock);
    status = map_source(domain, &from, options, spec, mapAddress, mapLength);
    lock_release(&domain->lock, state);
    return status;
}

/* --- Changing --------------------------------------------------------------------------------- */

struct broken {
    struct smmu_domain *domain;
    bool failed;
};

static void note_broken(void *context, uint64_t first, uint64_t pages, unsigned level)
{
    struct broken *const to = context;
    const struct space_change change = {.level = level};

    /* The last of them tells of all: a unit that did not do it once is not believed again. */
    to->failed = !smmu_invalidate(to->domain, first, pages, &change);
}

/* Entries of their own for all pages of the range, at both ends and between. */
static IOReturn split(struct smmu_domain *domain, uint64_t first, uint64_t pages)
{
    struct broken to = {.domain = domain};

    for (uint64_t page = first; page < first + pages; page += BLOCK_PAGES - page % BLOCK_PAGES) {
        if (space_split(&domain->space, page, domain->unit->splits ? NULL : note_broken, &to) !=
            KERN_SUCCESS) {
            return kIOReturnNoResources;
        }
    }
    return to.failed ? kIOReturnTimeout : kIOReturnSuccess;
}

static IOReturn insert(struct smmu_domain *domain, uint64_t first, uint64_t pages,
                       uint64_t physical, uint64_t bits)
{
    const struct space_change change = {.level = SPACE_LEVELS - 1, .tables = true};
    bool was_mapped = false;
    IOReturn status = split(domain, first, pages);

    if (status != kIOReturnSuccess) {
        return status;
    }
    for (uint64_t page = first, span; page < first + pages; page++) {
        was_mapped |= space_look(&domain->space, page, &span) != 0;
    }
    /*
     * Never from one page to another in one step: a unit that knows both may do anything with an
     * access (Arm ARM, "break-before-make").
     */
    if (was_mapped) {
        space_set(&domain->space, first, pages, 0, ENTRY_HELD);
        if (!smmu_invalidate(domain, first, pages, &change)) {
            return kIOReturnTimeout;
        }
    }
    space_set(&domain->space, first, pages, physical, bits);
    cpu_dmb_sy();
    return kIOReturnSuccess;
}

IOReturn smmu_domain_insert(IOMapper *mapper, uint32_t options, uint64_t mapAddress,
                            uint64_t offset, uint64_t physicalAddress, uint64_t length)
{
    struct smmu_domain *const domain = smmu_domain_at(mapper);
    const uint64_t first = atop(mapAddress), pages = atop(offset + length);
    /* Who names no access means both: what the page-wise helpers reserve is read and written. */
    const uint32_t access = (options & ACCESS) != 0 ? options : options | ACCESS;
    lock_state_t state;
    IOReturn status = kIOReturnBadArgument;

    if (physicalAddress >= domain->unit->output_end ||
        length > domain->unit->output_end - physicalAddress) {
        return kIOReturnMessageTooLarge;
    }
    state = lock_take(&domain->lock);
    if (pages <= space_count(&domain->space, first)) {
        status = insert(domain, first + atop(offset), atop(length), physicalAddress,
                        smmu_entry_bits(access, 0));
    }
    lock_release(&domain->lock, state);
    return status;
}

/* --- Looking ---------------------------------------------------------------------------------- */

IOReturn smmu_domain_translate(IOMapper *mapper, uint64_t mappedAddress, uint32_t access,
                               uint64_t *physicalAddress, uint64_t *contiguousLength)
{
    const struct smmu_space *const space = &smmu_domain_at(mapper)->space;
    uint64_t page = atop(mappedAddress), span, skip;
    const uint64_t entry = space_look(space, page, &span);
    uint64_t end;

    if (entry == 0) {
        return kIOReturnNotFound;
    }
    if ((access & kIODMAMapWriteAccess) != 0 && (entry & ENTRY_READ_ONLY) != 0) {
        return kIOReturnNotPermitted;
    }
    skip = mappedAddress & (ptoa(span) - 1);
    *physicalAddress = (entry & ENTRY_ADDRESS) + skip;
    end = (entry & ENTRY_ADDRESS) + ptoa(span);
    *contiguousLength = ptoa(span) - skip;
    /* On into what continues it in memory, is open alike, and is the same allocation's. */
    for (page = (page | (span - 1)) + 1; space_count(space, page) == 0; page += span) {
        const uint64_t next = space_look(space, page, &span);

        if ((next & ENTRY_ADDRESS) != end || ((next ^ entry) & ENTRY_READ_ONLY) != 0) {
            break;
        }
        end += ptoa(span);
        *contiguousLength += ptoa(span);
    }
    return kIOReturnSuccess;
}
