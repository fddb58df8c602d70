/* SPDX-License-Identifier: BSD-2-Clause */
/* The ranges of a general descriptor: judged, kept, and joined into source runs. */
#include <string.h>

#include "descriptors/IOGeneralMemoryDescriptor_class.h"
#include "descriptors/object/IORefuse.h"

/* Physical memory has 32-bit page numbers, except another processor's. */
static IOReturn check_physical(const IOGeneralMemoryDescriptor *self, uint64_t end)
{
    uint64_t rounded;

    if (IOREFUSE(round_page_overflow(end, &rounded), "the page up to %#llx has no end",
                 IOULL(end))) {
        return kIOReturnBadArgument;
    }
    /* A ppnum_t would be cut off, and the device be sent to a page of somebody else's. */
    if (IOREFUSE((self->super.flags & kIOMemoryRemote) == 0 && atop(end - 1) > UINT32_MAX,
                 "physical memory up to %#llx has page numbers of more than 32 bits", IOULL(end))) {
        return kIOReturnBadArgument;
    }
    return kIOReturnSuccess;
}

/* One range, not empty. */
static IOReturn check_range(const IOGeneralMemoryDescriptor *self, const IOAddressRange *range)
{
    uint64_t end, rounded;

    if (IOREFUSE(__builtin_add_overflow(range->address, range->length, &end),
                 "address %#llx + length %#llx wraps", IOULL(range->address),
                 IOULL(range->length))) {
        return kIOReturnBadArgument;
    }
    if (general_is_physical(self)) {
        return check_physical(self, end);
    }
    if (self->reference != NULL) {
        return kIOReturnSuccess; /* it says what there is, whatever shows it */
    }
    if (IOREFUSE(round_page_overflow(end, &rounded) ||
                     !platform_map_is_legal(self->map, range->address, range->length),
                 "[%#llx, %#llx) is not inside the task's address space", IOULL(range->address),
                 IOULL(end))) {
        return kIOReturnVMError;
    }
    return kIOReturnSuccess;
}

/* Judge all ranges; leaves length and rangePages. */
static IOReturn check_ranges(IOGeneralMemoryDescriptor *self, const IOAddressRange *ranges,
                             UInt32 count)
{
    for (UInt32 i = 0; i < count; i++) {
        const IOAddressRange *range = &ranges[i];
        IOReturn status;

        /* Empty ranges are allowed and take no part, not even by an address that would be wrong. */
        if (range->length == 0) {
            continue;
        }
        status = check_range(self, range);
        if (status != kIOReturnSuccess) {
            return status;
        }
        if (IOREFUSE(__builtin_add_overflow(self->super.length, range->length, &self->super.length),
                     "the sum of the lengths wraps at range %u", i)) {
            return kIOReturnBadArgument;
        }
        self->rangePages += atop(round_page(range->address + range->length)) - atop(range->address);
    }
    /*
     * All of it is pinned at once, so that it could never be prepared; refused here, where the page
     * list has not been asked for yet.
     */
    if (!general_is_physical(self) && self->rangePages > platform_ram_pages()) {
        return kIOReturnNoResources;
    }
    return kIOReturnSuccess;
}

/*
 * Judged ranges only. The array may be the caller's stack, so it is copied unless it says
 * otherwise; one range fits into the object and costs no allocation.
 */
static IOReturn keep_ranges(IOGeneralMemoryDescriptor *self, const IOAddressRange *ranges,
                            UInt32 count)
{
    self->rangeCount = count;
    /*
     * The caller vouches that the array outlives this object: copying it is what it wants to avoid.
     */
    if ((self->super.flags & kIOMemoryAsReference) != 0) {
        self->ranges = ranges;
        return kIOReturnSuccess;
    }
    if (count == 1) {
        self->super.flags |= kIOMemoryAsReference; /* shows in getFlags, as it always did */
        self->range = ranges[0];
        self->ranges = &self->range;
        return kIOReturnSuccess;
    }
    /* A count of 32 bits: the product does not wrap. */
    self->ownRanges = platform_alloc(count * sizeof(*ranges));
    if (self->ownRanges == NULL) {
        return kIOReturnNoMemory;
    }
    memcpy(self->ownRanges, ranges, count * sizeof(*ranges));
    self->ranges = self->ownRanges;
    return kIOReturnSuccess;
}

IOReturn general_set_ranges(IOGeneralMemoryDescriptor *self, const IOAddressRange *ranges,
                            UInt32 count)
{
    IOReturn status = check_ranges(self, ranges, count);

    if (status == kIOReturnSuccess) {
        status = keep_ranges(self, ranges, count);
    }
    if (status != kIOReturnSuccess) {
        /* Summed up as far as the judging came, of ranges that are not there. */
        self->super.length = 0;
        self->rangePages = 0;
        return status;
    }
    /* Room for the case that nothing joins, asked for once: appending cannot fail then. */
    if (!IOMemoryRuns_init(&self->source, count)) {
        return kIOReturnNoMemory;
    }
    for (UInt32 i = 0; i < count; i++) {
        /* Empty ranges add nothing, and the sum of the others was found not to wrap. */
        IOMemoryRuns_append(&self->source, ranges[i].address, ranges[i].length);
    }
    /*
     * Virtual memory knows it by its pins only; this memory is never pinned, so it is found here.
     */
    for (UInt32 i = 0; i < count && general_is_physical(self); i++) {
        const uint64_t end = ranges[i].address + ranges[i].length;

        if (ranges[i].length != 0 && end > self->source.highest) {
            self->source.highest = end;
        }
    }
    return kIOReturnSuccess;
}

/* Not while `resident` is the source: it would point to runs that are gone. */
void general_drop_ranges(IOGeneralMemoryDescriptor *self)
{
    IOMemoryRuns_free(&self->source);
    platform_free(self->ownRanges);
    self->ownRanges = NULL;
    self->rangeCount = 0;
    self->rangePages = 0;
}
