/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform seam's kernel memory by its addresses: pageable memory, pins, cached pages. */
#include "descriptors/platform.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/vm_map.h"

kern_return_t platform_pageable_alloc(uint64_t size, uint64_t alignment, void **memory)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    kern_return_t status;
    vaddr_t at = 0;

    /* Refused before an object of that many slots is made. */
    if (size > MMU_KERNEL_VA_END - MMU_KERNEL_VA_BASE) {
        return KERN_NO_SPACE;
    }
    status = vm_object_create(atop(round_page(size)), &range.object);
    if (status != KERN_SUCCESS) {
        return status;
    }
    status = vm_map_enter(kernel_map, &at, round_page(size), alignment, &range, VM_ENTER_ANYWHERE);
    vm_object_release(range.object); /* the range keeps it */
    *memory = (void *)at;
    return status;
}

void platform_pageable_free(void *memory, uint64_t size)
{
    KERNEL_CHECK(vm_map_remove(kernel_map, (vaddr_t)memory, round_page(size)) == KERN_SUCCESS);
}

bool platform_memory_is_pinned(const void *memory, uint64_t size)
{
    const vaddr_t end = round_page((vaddr_t)memory + size);
    vaddr_t at = trunc_page((vaddr_t)memory);

    while (at < end) {
        struct mmu_translation to;
        vaddr_t part = at + PAGE_SIZE;

        if (mmu_translate(mmu_kernel, at, &to)) {
            /* One translation serves a whole block, and each page in it has a count of its own. */
            for (part = at; part < end && part - at < to.contiguous; part += PAGE_SIZE) {
                if (page_pin_count(paddr_add(to.pa, part - at)) != 0) {
                    return true;
                }
            }
        }
        at = part;
    }
    return false;
}

static void clamp(struct platform_window *window, uint64_t length)
{
    if (window->length > length) {
        window->length = length;
    }
}

/* Of an address that is in no page table: one page of the range that it lies in. */
static kern_return_t unmapped_window(vaddr_t address, struct platform_window *window)
{
    struct vm_range range;
    uint64_t size;
    paddr_t page;

    /* The ranges may be half changed where an interrupt has come. */
    if (irq_in_handler() ||
        vm_map_lookup(kernel_map, address & ~PAGE_MASK, &range, &size) != KERN_SUCCESS ||
        range.object == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    *window = (struct platform_window){.length = PAGE_SIZE - (address & PAGE_MASK)};
    /*
     * Through the direct map, so that maintenance reaches lines of a page which no table shows now.
     * An absent page has none, and registers are never cached.
     */
    if (vm_object_resident(range.object, atop(range.offset), &page) &&
        page_get_state(page) != PAGE_FOREIGN) {
        window->address = (char *)phys_to_virt(page) + (address & PAGE_MASK);
    }
    return KERN_SUCCESS;
}

kern_return_t platform_kernel_window(uint64_t address, uint64_t length,
                                     struct platform_window *window)
{
    kern_return_t status = KERN_SUCCESS;
    struct mmu_translation at;

    /*
     * As the tables have it, without a fault: maintenance must not make a page that nobody has
     * touched.
     */
    if (mmu_translate(mmu_kernel, address, &at) && (at.attributes.access & MMU_READ) != 0) {
        *window = (struct platform_window){
            .address = (void *)address,
            .length = at.contiguous,
            .device = at.attributes.memory >= MMU_DEVICE,
        };
    } else {
        status = unmapped_window(address, window);
    }
    clamp(window, length);
    return status;
}
