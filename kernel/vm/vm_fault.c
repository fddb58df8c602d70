/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the ranges of a map and its page tables: faults, eager filling, dropping. */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

#define TABLE_PAGES 3 /* the most tables that mapping one page can need */

/* The address at which an entry shows a page of its object; false if it does not. */
static bool shown_at(const struct vm_entry *entry, uint64_t index, vaddr_t *va)
{
    uint64_t first = entry->range.offset >> PAGE_SHIFT;
    uint64_t pages = (entry->node.end - entry->node.start) >> PAGE_SHIFT;

    if (index < first || index - first >= pages) {
        return false;
    }
    *va = entry->node.start + ((index - first) << PAGE_SHIFT);
    return true;
}

bool vm_entry_take_page(struct vm_entry *entry, uint64_t index)
{
    vaddr_t va;

    return shown_at(entry, index, &va) && mmu_take_page(entry->map->space, va);
}

bool vm_entry_page_is_dirty(const struct vm_entry *entry, uint64_t index)
{
    vaddr_t va;

    return shown_at(entry, index, &va) && mmu_page_is_dirty(entry->map->space, va);
}

/*
 * The entry may be the only one who knows of a store: where the CPU notes them itself, the
 * object's own bit is behind until the entry is taken out.
 */
static void take_page(struct vm_object *object, uint64_t index, void *context)
{
    if (vm_entry_take_page(context, index)) {
        vm_object_mark_dirty(object, index);
    }
}

void vm_entry_drop_tables(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    struct vm_object *object = entry->range.object;

    if (object == NULL) {
        return;
    }
    /*
     * Registers and other foreign memory may be mapped in blocks and have no dirty state to
     * save; pages of objects are few among many addresses, so only those are looked for.
     */
    if (object->physical) {
        mmu_clear(entry->map->space, start, end - start);
    } else {
        vm_object_for_each_resident(object, vm_entry_index(entry, start),
                                    (end - start) >> PAGE_SHIFT, take_page, entry);
    }
}

/*
 * The access that the page-table entry may give. A page that is shared or whose
 * first store must still be noticed is entered without MMU_WRITE, or, where the
 * CPU notes stores by itself, writable but clean.
 */
static unsigned table_access(const struct vm_entry *entry, uint64_t index, unsigned wanted)
{
    unsigned access = entry->range.access;

    if (entry->map != kernel_map) {
        access |= MMU_USER;
    }
    /*
     * A store is being resolved: vm_object_supply has marked the slot and broken the sharing, so
     * the right may be given. Physical memory has neither state.
     */
    if ((access & MMU_WRITE) == 0 || (wanted & MMU_WRITE) != 0 || entry->range.object->physical) {
        return access;
    }
    if (vm_object_writable_in_place(entry->range.object, index)) {
        /* It cannot become more dirty: withholding the right would buy a fault and no knowledge. */
        if ((*vm_object_slot(entry->range.object, index) & VM_SLOT_DIRTY) != 0) {
            return access;
        }
        if (mmu_notes_stores()) {
            return access | MMU_CLEAN;
        }
    }
    return access & ~MMU_WRITE;
}

/* Make one page of an entry accessible; `wanted` is allowed by the entry. */
static kern_return_t fill_page(struct vm_entry *entry, vaddr_t va, unsigned wanted)
{
    struct vm_object *object = entry->range.object;
    uint64_t index = vm_entry_index(entry, va);
    struct mmu_attributes attributes = {.memory = entry->range.memory};
    kern_return_t status;
    bool pinned;
    paddr_t page;

    /*
     * The object first: it may allocate, and reclaim for that, which can take out the very entry
     * that a lookup before it had found.
     */
    status =
        vm_object_supply(object, index, (wanted & MMU_WRITE) != 0 ? VM_SUPPLY_WRITE : 0, &page);
    if (status != KERN_SUCCESS) {
        return status;
    }
    attributes.access = table_access(entry, index, wanted);
    /* A table page may be had by reclaiming purgeable memory, but not by reclaiming this page. */
    pinned = !object->physical && page_pin(page) == KERN_SUCCESS;
    /*
     * mmu_map refuses what is mapped already. A leaf can be there: one without the right that
     * is wanted now, or one of a page that the object has replaced since. What it knows of
     * stores must not go with it.
     */
    if (mmu_take_page(entry->map->space, va)) {
        vm_object_mark_dirty(object, index);
    }
    status = mmu_map(entry->map->space, va, page, PAGE_SIZE, attributes);
    /*
     * Table pages are not reclaimed for by the page allocator itself, because reclaiming edits
     * tables. Here no table is half edited, so once, with what one mapping can need.
     */
    if (status == KERN_RESOURCE_SHORTAGE && vm_purge_reclaim(TABLE_PAGES) != 0) {
        status = mmu_map(entry->map->space, va, page, PAGE_SIZE, attributes);
    }
    if (pinned) {
        page_unpin(page);
    }
    return status;
}

static kern_return_t resolve(struct vm_map *map, vaddr_t address, unsigned access)
{
    struct vm_entry *entry = vm_map_entry(map, address);

    if (entry == NULL) {
        return KERN_INVALID_ADDRESS;
    }
    /*
     * Rights before blocking: an access that can never be allowed must fail at once, and not
     * wait for a redirection to end.
     */
    if (entry->range.object == NULL || (access & ~entry->range.access) != 0) {
        return KERN_PROTECTION_FAILURE;
    }
    if (entry->blocked || vm_object_blocks_access(entry->range.object)) {
        return KERN_ABORTED;
    }
    return fill_page(entry, address & ~PAGE_MASK, access);
}

kern_return_t vm_fault(struct vm_map *map, vaddr_t address, unsigned access)
{
    const kern_return_t status = resolve(map, address, access);

    trace_fault(address, access, status);
    return status;
}

static kern_return_t fill_physical(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    struct mmu_attributes attributes = {.memory = entry->range.memory};
    paddr_t base = paddr_add(entry->range.object->base, vm_entry_index(entry, start) << PAGE_SHIFT);

    /*
     * Cleared first, since a part may be filled already and mmu_map takes no range that is
     * partly mapped; then in one call, which finds blocks.
     */
    attributes.access = table_access(entry, 0, 0);
    mmu_clear(entry->map->space, start, end - start);
    return mmu_map(entry->map->space, start, base, end - start, attributes);
}

static kern_return_t fill_entry(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    unsigned wanted = entry->range.access & (MMU_READ | MMU_WRITE);
    kern_return_t status = KERN_SUCCESS;

    /*
     * Nothing to enter, and no error: reservations and blocked ranges are filled by the fault
     * that comes when they may be touched.
     */
    if (entry->range.object == NULL || entry->range.access == 0 || entry->blocked) {
        return KERN_SUCCESS;
    }
    if (entry->range.object->physical) {
        return fill_physical(entry, start, end);
    }
    /*
     * As for a store where stores are allowed: who asks to fill ahead cannot take faults
     * later, neither for absence nor for the first store.
     */
    for (vaddr_t va = start; va < end && status == KERN_SUCCESS; va += PAGE_SIZE) {
        status = fill_page(entry, va, wanted);
    }
    return status;
}

kern_return_t vm_map_fill_tables(struct vm_map *map, vaddr_t start, uint64_t size)
{
    vaddr_t end = start + size;
    kern_return_t status = KERN_SUCCESS;

    for (vaddr_t at = start; at < end && status == KERN_SUCCESS;) {

        struct vm_entry *entry = vm_map_entry(map, at);

        if (entry == NULL) {
            return KERN_INVALID_ADDRESS;
        }
        status = fill_entry(entry, at, entry->node.end < end ? entry->node.end : end);
        at = entry->node.end;
    }
    return status;
}
