/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying a memory object: its pages are shared with the copy until somebody stores, but for
 * those that a device may be using, which are copied now.
 */
#include "kernel/direct_map.h"
#include "kernel/page.h"
#include "kernel/page/page_arch.h"
#include "kernel/vm/vm_object_private.h"

struct copy_context {
    struct vm_object *copy;
    uint64_t first; /* source index of the copy's page 0 */
    bool failed;
};

/* The page is pinned by the caller, so that no allocation here can reclaim it. */
static bool add_to_copy(struct vm_object *source, uint64_t index, bool share, paddr_t page,
                        const struct copy_context *to)
{
    vm_slot_t *slot = vm_object_make_slot(to->copy, index - to->first);

    if (slot == NULL) {
        return false;
    }
    *slot |= *vm_object_slot(source, index) & VM_SLOT_MODE;
    if (share) {
        if (page_share(page) != KERN_SUCCESS) {
            return false;
        }
        /*
         * A store by a device is the source's alone: the note is of the page, which the copy will
         * have too.
         */
        vm_object_absorb_stores(source, index);
        vm_object_unmap_page(source, index); /* its next store has to fault */
        vm_object_put_page(to->copy, slot, page);
    } else {
        if (!vm_object_fill_absent(to->copy, slot)) {
            return false;
        }
        page_copy(phys_to_virt(vm_slot_page(*slot)), phys_to_virt(page));
        vm_object_settle_page(vm_slot_page(*slot), vm_slot_memory(to->copy, slot));
    }
    *slot |= VM_SLOT_DIRTY; /* not what a fresh page of the copy would hold */
    return true;
}

/* Share a page with the copy, or copy it now where a device may be using it. */
static void copy_page(struct vm_object *source, uint64_t index, void *context)
{
    struct copy_context *to = context;
    paddr_t page = vm_slot_page(*vm_object_slot(source, index));
    /*
     * A pinned page may be written by a device at any time, and a device takes no fault: it
     * cannot be shared and copied later.
     */
    bool in_use = source->permanent || page_pin_count(page) != 0;

    /* A visit cannot be ended: after a failure the rest is let go by. */
    if (to->failed || page_pin(page) != KERN_SUCCESS) {
        to->failed = true;
        return;
    }
    if (!add_to_copy(source, index, !in_use, page, to)) {
        to->failed = true;
    }
    page_unpin(page);
}

/* Registers are not copied as bytes, and what the direct map does not show cannot be. */
static bool can_copy(const struct vm_object *source, uint64_t first, uint64_t count)
{
    struct vm_physical_run run;

    for (uint64_t done = 0; source->physical && done < count; done += run.pages) {
        vm_object_physical_run(source, first + done, count - done, &run);
        if (!run.ram || !run.reachable) {
            return false;
        }
    }
    return true;
}

static bool copy_physical(struct vm_object *source, uint64_t first, struct vm_object *copy)
{
    for (uint64_t i = 0; i < copy->pages; i++) {
        paddr_t page;

        /* For writing, so that the slot is marked: it is not what a fresh page would hold. */
        if (vm_object_supply(copy, i, VM_SUPPLY_WRITE, &page) != KERN_SUCCESS) {
            return false;
        }
        page_copy(phys_to_virt(page),
                  phys_to_virt(paddr_add(source->base, (first + i) << PAGE_SHIFT)));
    }
    return true;
}

kern_return_t vm_object_copy(struct vm_object *source, uint64_t first, uint64_t count,
                             struct vm_object **copy)
{
    struct copy_context context = {.first = first};
    kern_return_t status;

    if (first > source->pages || count > source->pages - first) {
        return KERN_INVALID_ARGUMENT;
    }
    if (!can_copy(source, first, count)) {
        return KERN_NOT_SUPPORTED;
    }
    status = vm_object_create(count, &context.copy);
    if (status != KERN_SUCCESS) {
        return status;
    }
    /* Before the first page: how a page is settled depends on it. */
    context.copy->memory = source->memory;
    context.copy->mixed = source->mixed;
    if (source->physical) {
        context.failed = !copy_physical(source, first, context.copy);
    } else {
        vm_object_for_each_resident(source, first, count, copy_page, &context);
    }
    /* What it has so far goes with it, shares and copies alike. */
    if (context.failed) {
        vm_object_release(context.copy);
        return KERN_RESOURCE_SHORTAGE;
    }
    *copy = context.copy;
    return KERN_SUCCESS;
}
