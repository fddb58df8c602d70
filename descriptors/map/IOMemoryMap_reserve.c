/* SPDX-License-Identifier: BSD-2-Clause */
/* The interval of a map that is put together from parts, or from nothing. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOReturn_kernel.h"

static enum platform_placement placement_of(IOOptionBits options)
{
    if ((options & kIOMapAnywhere) != 0) {
        return PLATFORM_ANYWHERE;
    }
    return (options & kIOMapOverwrite) != 0 ? PLATFORM_OVERWRITE : PLATFORM_FIXED;
}

IOReturn IOMemoryMap_reserve(IOMemoryMap *self, IOOptionBits options, uint64_t skew,
                             uint64_t length)
{
    const enum platform_placement placement = placement_of(options);
    const uint64_t guard = IOMemoryMap_guardSize(options);
    struct platform_view nothing = {0};
    uint64_t start = self->address - skew, size; /* anywhere: only an answer */
    kern_return_t status;

    /* Views are made of whole pages: the first byte lands at its own page offset or nowhere. */
    if (placement != PLATFORM_ANYWHERE && (self->address & PAGE_MASK) != skew) {
        return kIOReturnNotAligned;
    }
    if (__builtin_add_overflow(length, skew, &size) || round_page_overflow(size, &size) ||
        __builtin_add_overflow(size, 2 * guard, &size)) {
        return kIOReturnNoSpace;
    }
    /*
     * A view without an object: reserved as a whole first, so that parts which follow cannot meet
     * somebody else's pages in the middle.
     */
    nothing.pages = atop(size);
    status = platform_map_show(self->map, &start, placement, &nothing);
    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingShow);
    }
    self->start = start;
    self->size = size;
    self->address = start + guard + skew;
    return kIOReturnSuccess;
}

void IOMemoryMap_unreserve(IOMemoryMap *self, IOOptionBits options)
{
    const struct platform_view nothing = {.pages = atop(self->size)};

    /*
     * The place was the caller's before the call: it gets back a reservation, since a hole could be
     * filled by somebody else. Where even that fails, nothing at all must be shown there.
     */
    if ((options & kIOMapOverwrite) == 0 ||
        platform_map_show(self->map, &self->start, PLATFORM_OVERWRITE, &nothing) != KERN_SUCCESS) {
        platform_map_remove(self->map, self->start, self->size);
    }
}

IOReturn IOMemoryMap_takePlace(IOMemoryMap *self, uint64_t address, bool eager)
{
    const uint64_t from = self->start, to = trunc_page(address);
    kern_return_t status = platform_map_exchange(self->map, from, to, self->size);

    if (status == KERN_SUCCESS && eager) { /* moving has taken the pages out of the tables */
        status = platform_map_fill(self->map, to, self->size);
        if (status != KERN_SUCCESS) {
            platform_map_exchange(self->map, from, to, self->size);
        }
    }
    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingShow);
    }
    platform_map_remove(self->map, from, self->size); /* what the caller had there */
    IOMemoryMap_moveParts(self, address - self->address);
    self->address = address;
    return kIOReturnSuccess;
}

void IOMemoryMap_dropParts(IOMemoryMap *self)
{
    while (self->parts != NULL) {
        IOMemoryMap *const part = self->parts;

        /* Off the list first: the part's end may look at the map that it was in. */
        self->parts = part->nextPart;
        part->whole = NULL;
        OSObject_release(part);
    }
}
