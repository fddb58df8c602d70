/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows on physical memory, judged page by page: one that begins with registers may reach
 * into RAM, and into the kernel's own code there.
 */
#include "kernel/vm_physical.h"

#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/vm/vm_object_private.h"

/* Of RAM: what the direct map says. What it does not show, nobody writes but by a window. */
static void judge_ram(paddr_t page, uint64_t *pages, bool *writable, bool *reachable)
{
    struct mmu_translation at;

    *reachable = mmu_translate(mmu_kernel, (vaddr_t)phys_to_virt(page), &at);
    *writable = !*reachable || (at.attributes.access & MMU_WRITE) != 0;
    uint64_t alike = *reachable ? at.contiguous >> PAGE_SHIFT : 1;

    while (alike < *pages) {
        const bool is = mmu_translate(
            mmu_kernel, (vaddr_t)phys_to_virt(paddr_add(page, alike << PAGE_SHIFT)), &at);

        if (is != *reachable || (is && ((at.attributes.access & MMU_WRITE) != 0) != *writable)) {
            break;
        }
        /*
         * As far as its leaf goes: most of RAM is in blocks, and a gibibyte must not be asked for
         * page by page.
         */
        alike += is ? at.contiguous >> PAGE_SHIFT : 1;
    }
    if (alike < *pages) {
        *pages = alike;
    }
}

void vm_physical_extent(paddr_t page, uint64_t pages, struct vm_physical_run *run)
{
    *run = (struct vm_physical_run){.writable = true};
    run->pages = page_alike(page, pages, &run->ram);
    if (run->ram) {
        judge_ram(page, &run->pages, &run->writable, &run->reachable);
    }
}

void vm_object_physical_run(const struct vm_object *object, uint64_t index, uint64_t pages,
                            struct vm_physical_run *run)
{
    /* Alike throughout, one page answers for all of them. */
    vm_physical_extent(paddr_add(object->base, index << PAGE_SHIFT), object->alike ? 1 : pages,
                       run);
    if (object->alike) {
        run->pages = pages;
    }
}

bool vm_window_is_writable(const struct vm_object *window, uint64_t first, uint64_t count)
{
    struct vm_physical_run run;

    for (uint64_t done = 0; done < count; done += run.pages) {
        vm_object_physical_run(window, first + done, count - done, &run);
        if (!run.writable) {
            return false;
        }
    }
    return true;
}
