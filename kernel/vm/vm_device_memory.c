/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of drivers and devices, cached and uncached; see vm_device_memory.h. */
#include "kernel/vm_device_memory.h"

#include "kernel/cache.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/vm_map.h"

/* An address for it that is not the direct map's. */
static kern_return_t map_uncached(struct vm_device_memory *memory)
{
    const uint64_t bytes = (uint64_t)memory->pages << PAGE_SHIFT;
    struct vm_range range = {.access = MMU_READ | MMU_WRITE,
                             .max_access = MMU_READ | MMU_WRITE,
                             .memory = MMU_NONCACHED,
                             .inheritance = VM_INHERIT_NONE};
    vaddr_t address = 0;
    kern_return_t status =
        vm_object_create_physical(memory->physical, memory->pages, &range.object);

    if (status != KERN_SUCCESS) {
        return status;
    }
    status = vm_map_enter(kernel_map, &address, bytes, PAGE_SIZE, &range,
                          VM_ENTER_ANYWHERE | VM_ENTER_EAGER);
    vm_object_release(range.object); /* the map has its own reference */
    memory->address = (void *)address;
    return status;
}

kern_return_t vm_device_memory_alloc(size_t pages, unsigned flags, struct vm_device_memory *memory)
{
    const struct page_request request = {
        .count = pages, .owner = PAGE_OWNER_DRIVER, .zero = (flags & VM_DEVICE_MEMORY_ZERO) != 0};
    struct vm_device_memory made = {.pages = pages,
                                    .uncached = (flags & VM_DEVICE_MEMORY_UNCACHED) != 0};
    kern_return_t status = page_alloc_run(&request, &made.physical);

    *memory = (struct vm_device_memory){0};
    if (status != KERN_SUCCESS) {
        return status;
    }
    made.address = phys_to_virt(made.physical);
    if (made.uncached) {
        /* The zeros, and whatever lines are left there, or they would be written back later. */
        cache_clean_invalidate(made.address, pages << PAGE_SHIFT);
        status = map_uncached(&made);
    }
    if (status != KERN_SUCCESS) {
        KERNEL_CHECK(page_free_run(made.physical, pages) == KERN_SUCCESS);
        return status;
    }
    *memory = made;
    return KERN_SUCCESS;
}

void vm_device_memory_free(struct vm_device_memory *memory)
{
    const uint64_t bytes = (uint64_t)memory->pages << PAGE_SHIFT;

    if (memory->address == NULL) {
        return;
    }
    if (memory->uncached) {
        KERNEL_CHECK(vm_map_remove(kernel_map, (vaddr_t)memory->address, bytes) == KERN_SUCCESS);
        /* Lines that were fetched by speculation through the direct map are older than what it
         * holds. */
        cache_clean_invalidate(phys_to_virt(memory->physical), bytes);
    }
    /* They came from there in this size; refused now, the record of them is damaged. */
    KERNEL_CHECK(page_free_run(memory->physical, memory->pages) == KERN_SUCCESS);
    *memory = (struct vm_device_memory){0};
}
