/* SPDX-License-Identifier: BSD-2-Clause */
/* Making and dropping memory references, and pinning what they refer to. */
#include "descriptors/reference/IOMemoryReference.h"

#include <string.h>

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/object/IOAssert.h"
#include "descriptors/object/IOReturn_kernel.h"

uint32_t gIOMemoryReferenceCount;

static struct IOMemoryReference *new_reference(size_t capacity)
{
    struct IOMemoryReference *reference = platform_alloc(sizeof(*reference));

    if (reference == NULL) {
        return NULL;
    }
    /*
     * Apart from the reference, since only the list grows: who holds the reference keeps its
     * address.
     */
    reference->entries = platform_alloc(capacity * sizeof(*reference->entries));
    if (reference->entries == NULL) {
        platform_free(reference);
        return NULL;
    }
    reference->capacity = capacity;
    gIOMemoryReferenceCount++;
    return reference;
}

void IOMemoryReference_release(struct IOMemoryReference *reference)
{
    if (reference == NULL) {
        return;
    }
    /* Debug builds look here, where a damaged entry would release somebody else's object. */
    IOMemoryReference_check(reference);
    for (size_t i = 0; i < reference->count; i++) {
        platform_object_release(reference->entries[i].object);
    }
    platform_free(reference->entries);
    platform_free(reference);
    gIOMemoryReferenceCount--;
}

static bool make_room(struct IOMemoryReference *reference)
{
    struct IOMemoryReferenceEntry *entries;

    if (reference->count < reference->capacity) {
        return true;
    }
    /*
     * Doubled: a range over n regions is copied O(n) bytes in all. The old list stays until the new
     * one is there, so that a failure leaves a reference that can be released.
     */
    entries = platform_alloc(2 * reference->capacity * sizeof(*entries));
    if (entries == NULL) {
        return false;
    }
    memcpy(entries, reference->entries, reference->count * sizeof(*entries));
    platform_free(reference->entries);
    reference->entries = entries;
    reference->capacity *= 2;
    return true;
}

/* Add `length` bytes; the object's reference is taken over, also on failure. */
static IOReturn add_entry(struct IOMemoryReference *reference, struct vm_object *object,
                          uint64_t offset, uint64_t length, bool writable)
{
    const uint64_t start = reference->count == 0 ? 0 : reference->entries[reference->count - 1].end;

    if (!make_room(reference)) {
        platform_object_release(object);
        return kIOReturnNoMemory;
    }
    reference->entries[reference->count++] = (struct IOMemoryReferenceEntry){
        .object = object,
        .offset = offset,
        .end = start + length,
        .writable = writable,
    };
    IOMemoryReference_checkEntry(reference, reference->count - 1);
    return kIOReturnSuccess;
}

/*
 * Region by region, since a range of addresses may show several objects. Ends: the kernel's regions
 * are not empty and never longer than what was asked for. What was entered before a failure is the
 * caller's to release.
 */
static IOReturn add_virtual(struct IOMemoryReference *reference, vm_map_t map, uint64_t address,
                            uint64_t length)
{
    IOReturn status = kIOReturnSuccess;

    while (length != 0 && status == kIOReturnSuccess) {
        struct platform_region region;
        const kern_return_t found = platform_map_lookup(map, address, length, &region);

        if (found != KERN_SUCCESS) {
            return IOReturn_fromKernel(found, kIOReturnDoingMake);
        }
        status = add_entry(reference, region.object, region.offset, region.size, region.writable);
        address += region.size;
        length -= region.size;
    }
    return status;
}

/* An entry for each extent: the first page of a run speaks for no other. */
static IOReturn add_physical(struct IOMemoryReference *reference, uint64_t address, uint64_t length)
{
    IOReturn status = kIOReturnSuccess;

    while (length != 0 && status == kIOReturnSuccess) {
        const uint64_t skip = address & PAGE_MASK;
        struct platform_extent extent;
        struct vm_object *object;
        kern_return_t made;

        platform_extent(paddr(address), length, &extent);
        made = platform_object_create_window(paddr(trunc_page(address)),
                                             atop(round_page(skip + extent.length)), &object);
        if (made != KERN_SUCCESS) {
            return IOReturn_fromKernel(made, kIOReturnDoingMake);
        }
        status = add_entry(reference, object, skip, extent.length, extent.writable);
        address += extent.length;
        length -= extent.length;
    }
    return status;
}

IOReturn IOMemoryReference_create(vm_map_t map, const struct memory_runs *runs,
                                  struct IOMemoryReference **out)
{
    /* A run may lie in several regions: the least that is needed, and it grows. */
    struct IOMemoryReference *reference = new_reference(runs->count);
    IOReturn status = reference != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
    uint64_t start = 0;

    for (size_t i = 0; i < runs->count && status == kIOReturnSuccess; i++) {
        const struct memory_run *run = &runs->list[i];
        const uint64_t length = run->end - start;

        status = map != NULL ? add_virtual(reference, map, run->address, length)
                             : add_physical(reference, run->address, length);
        start = run->end;
    }
    if (status != kIOReturnSuccess) {
        IOMemoryReference_release(reference);
        return status;
    }
    *out = reference;
    return kIOReturnSuccess;
}

IOReturn IOMemoryReference_createForObject(struct vm_object *object, uint64_t length,
                                           struct IOMemoryReference **out)
{
    struct IOMemoryReference *reference = new_reference(1);

    if (reference == NULL) {
        return kIOReturnNoMemory;
    }
    platform_object_retain(object);
    *out = reference;
    /* Cannot fail: there is room for one. The caller keeps its own reference to the object. */
    return add_entry(reference, object, 0, length, true);
}

IOReturn IOMemoryReference_copy(const struct IOMemoryReference *reference,
                                struct IOMemoryReference **out)
{
    IOMemoryReference_check(reference);
    /*
     * Private copies: stores to them are nobody else's business, so each is writable even where the
     * original is not.
     */
    struct IOMemoryReference *copy = new_reference(reference->count);
    IOReturn status = copy != NULL ? kIOReturnSuccess : kIOReturnNoMemory;
    uint64_t start = 0;

    for (size_t i = 0; i < reference->count && status == kIOReturnSuccess; i++) {
        const struct IOMemoryReferenceEntry *entry = &reference->entries[i];
        /* The copy begins with the entry's first page, so only the offset in that page remains. */
        const uint64_t skip = entry->offset & PAGE_MASK, length = entry->end - start;
        struct vm_object *object;
        const kern_return_t copied = platform_object_copy(entry->object, atop(entry->offset),
                                                          atop(round_page(skip + length)), &object);

        status = copied == KERN_SUCCESS ? add_entry(copy, object, skip, length, true)
                                        : IOReturn_fromKernel(copied, kIOReturnDoingMake);
        start = entry->end;
    }
    if (status != kIOReturnSuccess) {
        IOMemoryReference_release(copy);
        return status;
    }
    *out = copy;
    return kIOReturnSuccess;
}

const struct IOMemoryReferenceEntry *IOMemoryReference_find(
    const struct IOMemoryReference *reference, uint64_t offset)
{
    size_t low = 0, high = reference->count - 1;

    IOASSERT(reference->count != 0 && offset < reference->entries[high].end);
    while (low < high) { /* the entry is in [low, high] */
        const size_t middle = low + (high - low) / 2;

        if (offset < reference->entries[middle].end) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    IOMemoryReference_checkEntry(reference, low);
    return &reference->entries[low];
}

/* Byte in its object of a descriptor offset that an entry holds. */
static uint64_t byte_at(const struct IOMemoryReference *reference, size_t entry, uint64_t offset)
{
    const struct IOMemoryReferenceEntry *at = &reference->entries[entry];

    return at->offset + (offset - IOMemoryReference_start(reference, at));
}

/* Wherever one of them is split, the other may go on: only the pages count. */
bool IOMemoryReference_isSame(const struct IOMemoryReference *one,
                              const struct IOMemoryReference *other)
{
    const uint64_t end = one->entries[one->count - 1].end;
    size_t i = 0, j = 0;

    IOASSERT(end == other->entries[other->count - 1].end);
    for (uint64_t offset = 0; offset < end;) {
        const struct IOMemoryReferenceEntry *a = &one->entries[i], *b = &other->entries[j];
        const uint64_t here = byte_at(one, i, offset), there = byte_at(other, j, offset);

        if (((here ^ there) & PAGE_MASK) != 0 ||
            !platform_object_is_same(a->object, atop(here), b->object, atop(there))) {
            return false;
        }
        /*
         * To where one of them is split: until there each lies in one object, whose pages follow
         * from the first.
         */
        offset = a->end < b->end ? a->end : b->end;
        i += a->end == offset;
        j += b->end == offset;
    }
    return true;
}

kern_return_t IOMemoryReference_wire(const struct IOMemoryReference *reference, unsigned flags,
                                     struct memory_runs *where)
{
    kern_return_t status = KERN_SUCCESS;
    uint64_t start = 0;

    IOMemoryReference_check(reference);
    for (size_t i = 0; i < reference->count && status == KERN_SUCCESS; i++) {
        const struct IOMemoryReferenceEntry *entry = &reference->entries[i];
        const uint64_t done = where->length - start;
        const uint64_t left = entry->end - start;

        start = entry->end;
        if (done >= left) {
            continue; /* by the call before, which had too little room */
        }
        /*
         * Objects know no protection, only the views of them: the right to store was noted when the
         * reference was made.
         */
        if ((flags & PLATFORM_WIRE_WRITE) != 0 && !entry->writable) {
            status = KERN_PROTECTION_FAILURE;
        } else {
            status = platform_object_wire_run(entry->object, entry->offset + done, left - done,
                                              flags, where);
        }
    }
    return status;
}
