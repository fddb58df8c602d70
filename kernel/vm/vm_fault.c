/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the ranges of a map and its page tables: faults, eager filling, dropping. */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/trace.h"
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

#define TABLE_PAGES 3 /* the most tables that mapping one page can need */

/* The address at which an entry shows a page of its object. */
static vaddr_t shown_at(const struct vm_entry *entry, uint64_t index)
{
    return entry->node.start + (index << PAGE_SHIFT) - entry->range.offset;
}

bool vm_entry_take_page(struct vm_entry *entry, uint64_t index)
{
    return mmu_take_page(entry->map->space, shown_at(entry, index));
}

bool vm_entry_page_is_dirty(const struct vm_entry *entry, uint64_t index)
{
    return mmu_page_is_dirty(entry->map->space, shown_at(entry, index));
}

/*
 * The table may be the only one who knows of a store: where the CPU notes them itself, the
 * object's own bit is behind until the leaf is taken out.
 */
static void carry_store(vaddr_t va, void *context)
{
    struct vm_entry *entry = context;

    vm_object_mark_dirty(entry->range.object, vm_entry_index(entry, va));
}

void vm_entry_drop_tables(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    struct vm_object *object = entry->range.object;

    if (!entry->entered) {
        return;
    }
    entry->entered = start > entry->node.start || end < entry->node.end;
    /* Registers and other foreign memory may be mapped in blocks and have no dirty state. */
    mmu_clear_noting(entry->map->space, start, end - start, object->physical ? NULL : carry_store,
                     entry);
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
        /* For EL0; the kernel itself reaches such memory by the direct map (vm_map_read). */
        access |= MMU_USER;
    }
    /*
     * A store is being resolved: vm_object_supply has marked the slot and broken the sharing, so
     * the right may be given.
     */
    if ((access & MMU_WRITE) == 0 || (wanted & MMU_WRITE) != 0) {
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

/* The mode of a page of a window, and how many of those behind it have the same. */
static enum mmu_memory memory_of(const struct vm_entry *entry, paddr_t page,
                                 struct vm_physical_run *run)
{
    const bool device = entry->range.memory >= MMU_DEVICE;
    enum mmu_memory memory;
    uint64_t same = 1;

    /*
     * Registers have the mode that was asked for. So has RAM, unless the window is to follow its
     * pages, or the mode is one of registers, which RAM does not take.
     */
    if (!run->ram || !(entry->range.as_pages || device)) {
        return entry->range.memory;
    }
    memory = vm_page_memory(page);
    while (same < run->pages && vm_page_memory(paddr_add(page, same << PAGE_SHIFT)) == memory) {
        same++;
    }
    run->pages = same;
    return memory;
}

/* Pages of a window that are alike. What the kernel may not write no range allows to be written. */
static kern_return_t fill_run(struct vm_entry *entry, vaddr_t va, paddr_t page,
                              struct vm_physical_run *run)
{
    const struct mmu_attributes attributes = {
        .access = entry->range.access | (entry->map != kernel_map ? MMU_USER : 0),
        .memory = memory_of(entry, page, run),
    };

    if ((attributes.access & MMU_EXECUTE) != 0 && run->ram) {
        vm_note_code(page, run->pages);
    }
    entry->entered = true;
    return mmu_map(entry->map->space, va, page, run->pages << PAGE_SHIFT, attributes);
}

/* Of a window, [start, end): what one page is says nothing about the next. */
static kern_return_t fill_physical(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    const struct vm_object *object = entry->range.object;
    kern_return_t status = KERN_SUCCESS;

    /* What is there may have other rights; mmu_map takes no place that is in use. */
    mmu_clear(entry->map->space, start, end - start);
    for (vaddr_t va = start; va < end && status == KERN_SUCCESS;) {
        const uint64_t index = vm_entry_index(entry, va);
        struct vm_physical_run run;

        vm_object_physical_run(object, index, (end - va) >> PAGE_SHIFT, &run);
        status = fill_run(entry, va, paddr_add(object->base, index << PAGE_SHIFT), &run);
        va += run.pages << PAGE_SHIFT;
    }
    return status;
}

/* Make one page of an entry accessible; `wanted` is allowed by the entry. */
static kern_return_t fill_page(struct vm_entry *entry, vaddr_t va, unsigned wanted)
{
    struct vm_object *object = entry->range.object;
    uint64_t index = vm_entry_index(entry, va);
    struct mmu_attributes attributes;
    kern_return_t status;
    paddr_t page;

    if (object->physical) {
        return fill_physical(entry, va, va + PAGE_SIZE);
    }
    /*
     * The object first: it may allocate, and reclaim for that, which can take out the very entry
     * that a lookup before it had found.
     */
    status = vm_object_supply_to(object, index, (wanted & MMU_WRITE) != 0 ? VM_SUPPLY_WRITE : 0,
                                 entry, &page);
    if (status != KERN_SUCCESS) {
        return status;
    }
    attributes = (struct mmu_attributes){
        .access = table_access(entry, index, wanted),
        .memory = object->mixed ? vm_object_page_memory(object, index) : entry->range.memory,
    };
    /* Before it can be executed: what is written from here on has to tell. */
    if ((attributes.access & MMU_EXECUTE) != 0) {
        vm_note_code(page, 1);
    }
    /*
     * A leaf can be there: one without the right that is wanted now, or one of a page that the
     * object has replaced since. No store that it knows of is lost with it: where one may be stored
     * to, only a store asks for another, and vm_object_supply has marked the page for that.
     */
    entry->entered = true;
    status = mmu_show_page(entry->map->space, va, page, attributes);
    /*
     * Table pages are not reclaimed for by the page allocator itself, because reclaiming edits
     * tables. Here no table is half edited, so once, with what one mapping can need.
     */
    if (status == KERN_RESOURCE_SHORTAGE) {
        const bool pinned = page_pin(page) == KERN_SUCCESS; /* not by reclaiming this very page */

        if (vm_purge_reclaim(TABLE_PAGES) != 0) {
            status = mmu_show_page(entry->map->space, va, page, attributes);
        }
        if (pinned) {
            page_unpin(page);
        }
    }
    if (status != KERN_SUCCESS) {
        /* What it shows may be a page that is the object's no more. */
        mmu_take_page(entry->map->space, va);
    }
    return status;
}

static inline kern_return_t resolve(struct vm_map *map, vaddr_t address, unsigned access)
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
    if (entry->blocked || vm_object_is_blocked(entry->range.object)) {
        return KERN_ABORTED;
    }
    return fill_page(entry, address & ~PAGE_MASK, access);
}

/* Apart, so that what is not recorded keeps nothing for it. */
static __attribute__((cold, noinline)) kern_return_t resolve_recorded(struct vm_map *map,
                                                                      vaddr_t address,
                                                                      unsigned access)
{
    const kern_return_t status = resolve(map, address, access);

    trace_fault(address, access, status);
    return status;
}

kern_return_t vm_fault(struct vm_map *map, vaddr_t address, unsigned access)
{
    return trace_is_on() ? resolve_recorded(map, address, access) : resolve(map, address, access);
}

static kern_return_t fill_entry(struct vm_entry *entry, vaddr_t start, vaddr_t end)
{
    unsigned wanted = entry->range.access & (MMU_READ | MMU_WRITE);
    kern_return_t status = KERN_SUCCESS;

    /*
     * Nothing to enter, and no error: reservations, blocked ranges and volatile memory whose
     * accesses shall fault are filled by the fault that comes when they may be touched.
     */
    if (entry->range.object == NULL || entry->range.access == 0 || entry->blocked ||
        vm_object_is_blocked(entry->range.object)) {
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

void vm_entry_refill(struct vm_entry *entry)
{
    if (entry->eager) {
        fill_entry(entry, entry->node.start, entry->node.end);
    }
}

void vm_entry_set_memory(struct vm_entry *entry, enum mmu_memory memory)
{
    /* The range first, whatever becomes of the tables: the next fault goes by it. */
    const vaddr_t start = entry->node.start, size = entry->node.end - start;

    entry->range.memory = memory;
    if (entry->range.object == NULL) {
        return;
    }
    /* A window is filled anew: its mode may be none of what all of its pages have. */
    entry->range.as_pages = false;
    if ((entry->range.object->physical && !entry->range.object->alike) ||
        mmu_set_memory(entry->map->space, start, size, memory) != KERN_SUCCESS) {
        vm_entry_drop_tables(entry, start, entry->node.end);
        vm_entry_refill(entry);
    }
}

void vm_entry_set_page_memory(struct vm_entry *entry, uint64_t index, enum mmu_memory memory)
{
    const vaddr_t va = shown_at(entry, index);

    if (mmu_set_memory(entry->map->space, va, PAGE_SIZE, memory) != KERN_SUCCESS) {
        /* Code, which nobody sees past the cache: its next access is told so. */
        vm_entry_drop_tables(entry, va, va + PAGE_SIZE);
    }
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
        if (status == KERN_SUCCESS && at == entry->node.start && entry->node.end <= end) {
            /* Of whole entries only: one that is filled in part may take faults in the rest. */
            entry->eager = true;
        }
        at = entry->node.end;
    }
    return status;
}
