/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins that are taken through a map. */
#include "descriptors/IOMemoryMap_class.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IORefuse.h"
#include "descriptors/object/IOReturn_kernel.h"

struct IOMemoryMapPin {
    paddr_t page;
    uint32_t count; /* 0: page means nothing */
};

static uint64_t page_count(const IOMemoryMap *self)
{
    return atop(IOMemoryMap_pageBytes(self));
}

bool IOMemoryMap_hasPins(const IOMemoryMap *self)
{
    /* Looked for and not counted: asked by redirections only, which are rare. */
    for (uint64_t i = 0; self->pins != NULL && i < page_count(self); i++) {
        if (self->pins[i].count != 0) {
            return true;
        }
    }
    return false;
}

void IOMemoryMap_dropPins(IOMemoryMap *self)
{
    for (uint64_t i = 0; i < page_count(self); i++) {
        /* Ends: a count is what wireRange took, and each turn gives back one. */
        while (self->pins[i].count != 0) {
            platform_unwire(&self->pins[i].page, 1);
            self->pins[i].count--;
        }
    }
    platform_free(self->pins);
    self->pins = NULL;
}

/*
 * The list of pages is for this call only: the kernel hands out all of them or none, so the counts
 * rise after nothing can fail any more.
 */
static IOReturn pin(IOMemoryMap *self, uint64_t first, uint64_t count, unsigned flags)
{
    paddr_t *pages = platform_alloc(count * sizeof(*pages));
    IOReturn status = pages != NULL ? kIOReturnSuccess : kIOReturnNoMemory;

    if (status == kIOReturnSuccess && self->pins == NULL) {
        /* For all pages at the first pin: unpinning must not need memory, and most maps have none.
         */
        self->pins = platform_alloc(page_count(self) * sizeof(*self->pins));
        status = self->pins != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
    }
    if (status == kIOReturnSuccess) {
        status =
            IOReturn_fromKernel(platform_wire(self->map, IOMemoryMap_firstPage(self) + ptoa(first),
                                              count, flags, pages),
                                kIOReturnDoingPin);
    }
    for (uint64_t i = 0; i < count && status == kIOReturnSuccess; i++) {
        self->pins[first + i].page = pages[i];
        self->pins[first + i].count++; /* the page's own count is no wider, and did not wrap */
    }
    platform_free(pages);
    return status;
}

static IOReturn unpin(IOMemoryMap *self, uint64_t first, uint64_t count)
{
    /* All are looked at before one is given back: a wrong call changes nothing. */
    for (uint64_t i = first; i < first + count; i++) {
        if (IOREFUSE(self->pins == NULL || self->pins[i].count == 0,
                     "page %llu of the map is not wired by it", IOULL(i))) {
            return kIOReturnBadArgument;
        }
    }
    for (uint64_t i = first; i < first + count; i++) {
        platform_unwire(&self->pins[i].page, 1);
        self->pins[i].count--;
    }
    return kIOReturnSuccess;
}

IOReturn IOMemoryMap_wireRange(IOMemoryMap *self, uint32_t options, mach_vm_size_t offset,
                               mach_vm_size_t length)
{
    uint64_t begin, first, count;
    IOReturn status;

    if (IOREFUSE(self == NULL, "self is NULL") ||
        IOREFUSE((options & ~kIODirectionOutIn) != 0, "options %#x are more than directions",
                 options) ||
        IOREFUSE(offset > self->length || length > self->length - offset,
                 "offset %llu + length %llu is beyond the map's %llu bytes", IOULL(offset),
                 IOULL(length), IOULL(self->length))) {
        return kIOReturnBadArgument;
    }
    IOMemory_lock();
    /* Pins are of pages: the bytes' own pages, whatever else lies in them. */
    begin = (self->address & PAGE_MASK) + offset;
    first = atop(begin);
    count = atop(round_page(begin + length)) - first;
    IOASSERT(first + count <= page_count(self));
    if (!self->mapped) {
        status = kIOReturnNotReady;
    } else if (length == 0) {
        status = kIOReturnSuccess;
    } else if ((options & VM_PROT_WRITE) != 0 && (self->options & kIOMapReadOnly) != 0) {
        status = kIOReturnNotPermitted; /* of a recorded map, the pages may allow more than it */
    } else if ((options & kIODirectionOutIn) != 0) {
        status = pin(self, first, count, (options & VM_PROT_WRITE) != 0 ? PLATFORM_WIRE_WRITE : 0);
    } else {
        status = unpin(self, first, count);
    }
    IOMemory_unlock();
    return status;
}
