/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of pinned bytes over a platform that knows pages alone, as those of other kernels do: each
 * page is asked for, and given back, by itself. Weak: our own kernel does it in one pass.
 */
#include "descriptors/platform_vm.h"
#include "descriptors/segments/IOMemoryRuns.h"

#define WEAK __attribute__((weak))

/* Bytes [skip, skip + length) of a page that has just been pinned. */
static void add(struct memory_runs *where, paddr_t page, uint64_t skip, uint64_t length)
{
    const size_t count = where->count;
    const uint64_t end = page.value + skip + length;

    IOMemoryRuns_append(where, page.value + skip, length);
    where->highest = end > where->highest ? end : where->highest;
    if (where->count == count && skip != 0) {
        platform_unwire(&page, 1); /* it is pinned for the bytes before these */
    }
}

/* How many bytes of a page follow after `skip`, up to `left`. */
static uint64_t to_page_end(uint64_t skip, uint64_t left)
{
    return left < PAGE_SIZE - skip ? left : PAGE_SIZE - skip;
}

/* Asked before a page is: none is pinned that could not be kept. */
static kern_return_t has_room(const struct memory_runs *where)
{
    return where->count < where->capacity ? KERN_SUCCESS : KERN_NO_SPACE;
}

WEAK kern_return_t platform_wire_runs(vm_map_t map, const struct memory_runs *bytes, unsigned flags,
                                      struct memory_runs *where)
{
    kern_return_t status = KERN_SUCCESS;

    while (where->length != bytes->length && status == KERN_SUCCESS) {
        const struct memory_run *const run = IOMemoryRuns_find(bytes, where->length);
        const uint64_t at = run->address + (where->length - IOMemoryRuns_start(bytes, run));
        const uint64_t skip = at & PAGE_MASK;
        paddr_t page;

        status = has_room(where);
        if (status == KERN_SUCCESS) {
            status = platform_wire(map, at - skip, 1, flags, &page);
        }
        if (status == KERN_SUCCESS) {
            add(where, page, skip, to_page_end(skip, run->end - where->length));
        }
    }
    return status;
}

WEAK kern_return_t platform_object_wire_run(struct vm_object *object, uint64_t at, uint64_t size,
                                            unsigned flags, struct memory_runs *where)
{
    const uint64_t end = at + size;
    kern_return_t status = KERN_SUCCESS;

    while (at != end && status == KERN_SUCCESS) {
        const uint64_t skip = at & PAGE_MASK, length = to_page_end(skip, end - at);
        paddr_t page;

        status = has_room(where);
        if (status == KERN_SUCCESS) {
            status = platform_object_wire(object, atop(at), 1, flags, &page);
        }
        if (status == KERN_SUCCESS) {
            add(where, page, skip, length);
            at += length;
        }
    }
    return status;
}

WEAK void platform_unwire_runs(const struct memory_runs *where, bool written)
{
    uint64_t start = 0;

    for (size_t i = 0; i < where->count; i++) {
        const struct memory_run *const run = &where->list[i];
        const uint64_t length = run->end - start;

        if (written) {
            platform_mark_written(paddr(run->address), length);
        }
        for (uint64_t at = trunc_page(run->address); at < run->address + length; at += PAGE_SIZE) {
            const paddr_t page = paddr(at);

            platform_unwire(&page, 1);
        }
        start = run->end;
    }
}
