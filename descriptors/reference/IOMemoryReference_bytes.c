/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU at the memory behind a reference, whether anybody has it mapped or prepared or not. */
#include <string.h>

#include "descriptors/object/IOReturn_kernel.h"
#include "descriptors/reference/IOMemoryReference.h"

/* A part of one page, pinned while it is used. */
struct window {
    paddr_t page;
    uint8_t *bytes;
    uint64_t length;
};

static void close_window(const struct window *window)
{
    platform_unwire(&window->page, 1);
}

/* The bytes at an offset, at most `length`. Registers are no bytes. */
static IOReturn open_window(const struct IOMemoryReference *reference, uint64_t offset,
                            uint64_t length, bool write, struct window *window)
{
    const struct IOMemoryReferenceEntry *entry = IOMemoryReference_find(reference, offset);
    const uint64_t at = entry->offset + (offset - IOMemoryReference_start(reference, entry));
    const uint64_t toPageEnd = PAGE_SIZE - (at & PAGE_MASK);
    struct platform_window reached;
    kern_return_t status, seen;

    if (platform_object_is_device(entry->object, atop(at))) {
        return kIOReturnVMError;
    }
    /* No further entry begins in the page, since the memory is one run. */
    length = length < toPageEnd ? length : toPageEnd;
    /*
     * Pinned for the moment: a page that is found and then copied to could be taken away and given
     * to somebody else in between.
     */
    status = platform_object_wire(entry->object, atop(at), 1, write ? PLATFORM_WIRE_WRITE : 0,
                                  &window->page);
    if (status != KERN_SUCCESS) {
        return IOReturn_fromKernel(status, kIOReturnDoingReach);
    }
    seen = platform_window(paddr_add(window->page, at & PAGE_MASK), length, write, &reached);
    if (seen != KERN_SUCCESS) {
        close_window(window);
        return IOReturn_fromKernel(seen, kIOReturnDoingReach);
    }
    window->bytes = (uint8_t *)reached.address;
    window->length = reached.length;
    return kIOReturnSuccess;
}

IOReturn IOMemoryReference_store(const struct IOMemoryReference *reference, uint64_t offset,
                                 const void *bytes, uint64_t length, uint64_t *done)
{
    /* Ends: a window holds at least one byte, or opening it has failed. */
    for (*done = 0; *done < length;) {
        struct window to;
        const IOReturn status = open_window(reference, offset + *done, length - *done, true, &to);

        if (status != kIOReturnSuccess) {
            return status;
        }
        if (bytes == NULL) {
            memset(to.bytes, 0, to.length);
        } else {
            memcpy(to.bytes, (const uint8_t *)bytes + *done, to.length);
        }
        /* Other views may go past the cache. */
        platform_cache_clean_invalidate(to.bytes, to.length);
        close_window(&to);
        *done += to.length;
    }
    return kIOReturnSuccess;
}

IOReturn IOMemoryReference_transfer(const struct IOMemoryReference *from,
                                    const struct IOMemoryReference *to, uint64_t length)
{
    uint64_t done = 0, stored;
    IOReturn status = kIOReturnSuccess;

    while (done < length && status == kIOReturnSuccess) {
        struct window source;

        /*
         * The source is open while the store pins the other side: both stay, whatever is reclaimed.
         */
        status = open_window(from, done, length - done, false, &source);
        if (status == kIOReturnSuccess) {
            status = IOMemoryReference_store(to, done, source.bytes, source.length, &stored);
            close_window(&source);
            done += source.length;
        }
    }
    return status;
}
