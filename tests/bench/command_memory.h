/* SPDX-License-Identifier: BSD-2-Clause */
/* For measuring commands: prepared memory in single pages, and in one run. */
#ifndef TESTS_BENCH_COMMAND_MEMORY_H
#define TESTS_BENCH_COMMAND_MEMORY_H

#include "descriptors/IODMACommand.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/panic.h"

#define ROUNDS 200
#define MIB    (1u << 20)
#define PAGES  4096 /* of the area, 16 MiB */

static paddr_t area;
static IOAddressRange ranges[PAGES];

/* Every second page of the area, from its beginning; prepared. */
static inline IOMemoryDescriptor *scattered_pages(unsigned pages, IODirection direction)
{
    const struct page_request request = {.count = PAGES, .owner = PAGE_OWNER_IMAGE};
    IOMemoryDescriptor *memory;

    if (area.value == 0) {
        KERNEL_CHECK(page_alloc_run(&request, &area) == KERN_SUCCESS);
    }
    for (unsigned i = 0; i < pages; i++) {
        ranges[i] = (IOAddressRange){
            (uint64_t)phys_to_virt(paddr_add(area, (uint64_t)2 * i % PAGES * PAGE_SIZE)),
            PAGE_SIZE};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, pages, direction, kernel_task);
    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

/* One run of it, from this byte on; prepared. */
static inline IOMemoryDescriptor *one_run(uint64_t offset, uint64_t length, IODirection direction)
{
    IOMemoryDescriptor *memory;

    OSObject_release(scattered_pages(1, direction)); /* for the area */
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(area) + offset, length,
                                                 direction, kernel_task);
    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

#endif
