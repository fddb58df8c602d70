/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache mode of an object's pages. */
#include "kernel/cache.h"
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

void vm_object_settle_page(const struct vm_object *object, paddr_t page)
{
    /*
     * The direct map shows every page as cacheable, and its lines may be dirty: written back
     * later, they would overwrite what was stored past the cache (Arm ARM, "Mismatched memory
     * attributes").
     */
    if (object->memory != MMU_NORMAL) {
        cache_clean_invalidate(phys_to_virt(page), PAGE_SIZE);
    }
}

static void settle_resident(struct vm_object *object, uint64_t index, void *context)
{
    (void)context;
    vm_object_settle_page(object, vm_slot_page(*vm_object_slot(object, index)));
}

/* What of a window is RAM, page by page: registers are never cached. */
static void settle_window(const struct vm_object *object)
{
    for (uint64_t i = 0; i < object->pages; i++) {
        paddr_t page = paddr_add(object->base, i << PAGE_SHIFT);

        if (page_get_state(page) != PAGE_FOREIGN) {
            vm_object_settle_page(object, page);
        }
    }
}

/*
 * Where the kernel shows pages that are always there, interrupt handlers rely on them:
 * they may take no fault. Without memory for tables the next access does, as before.
 */
static void fill_kernel_tables(const struct vm_object *object)
{
    struct vm_entry *entry = NULL;

    while ((entry = vm_object_next_entry(object, entry)) != NULL) {
        if (entry->map == kernel_map) {
            vm_map_fill_tables(kernel_map, entry->node.start, entry->node.end - entry->node.start);
        }
    }
}

void vm_object_set_memory(struct vm_object *object, enum mmu_memory memory)
{
    struct vm_entry *entry = NULL;

    if (object->memory == memory) {
        return;
    }
    /*
     * All views change together: two cache modes for one page is what the architecture leaves
     * undefined. So out of all tables first, then the lines, then new faults.
     */
    object->memory = memory;
    while ((entry = vm_object_next_entry(object, entry)) != NULL) {
        entry->range.memory = memory;
        vm_entry_drop_tables(entry, entry->node.start, entry->node.end);
    }
    if (object->physical) {
        settle_window(object);
    } else {
        vm_object_for_each_resident(object, 0, object->pages, settle_resident, NULL);
    }
    if (object->permanent) {
        fill_kernel_tables(object);
    }
}

enum mmu_memory vm_object_get_memory(const struct vm_object *object)
{
    return object->memory;
}
