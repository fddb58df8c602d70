/* SPDX-License-Identifier: BSD-2-Clause */
/* Changing the ranges of an interval where they are. */
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm/vm_object_private.h"

/* A part of an entry to be changed, which is all of it once the borders have been split. */
struct part {
    struct vm_entry *entry;
    vaddr_t start, end;
};

/* Visit the entries of an interval without holes; stops at the first status that is not success. */
typedef kern_return_t entry_visitor_t(const struct part *part, unsigned argument);

static kern_return_t visit_entries(struct vm_map *map, vaddr_t start, vaddr_t end,
                                   entry_visitor_t *visit, unsigned argument)
{
    for (vaddr_t at = start; at < end;) {
        struct vm_entry *entry = vm_map_entry(map, at);
        struct part part = {.entry = entry, .start = at};
        kern_return_t status;

        /*
         * A hole ends it: to change what is there and pass over what is not would hide a wrong
         * address.
         */
        if (entry == NULL) {
            return KERN_INVALID_ADDRESS;
        }
        part.end = entry->node.end < end ? entry->node.end : end;
        status = visit(&part, argument);
        if (status != KERN_SUCCESS) {
            return status;
        }
        at = part.end;
    }
    return KERN_SUCCESS;
}

static kern_return_t check_protect(const struct part *part, unsigned access)
{
    const struct vm_entry *entry = part->entry;

    /*
     * What a range may become was settled when it was entered: a read-only object's view stays so,
     * and of nothing there are no rights.
     */
    if ((access & ~entry->range.max_access) != 0 || (entry->range.object == NULL && access != 0)) {
        return KERN_PROTECTION_FAILURE;
    }
    /* As when it is entered: of a window, no right to what the kernel itself may not write. */
    return (access & MMU_WRITE) == 0 ||
                   vm_object_is_writable(entry->range.object, vm_entry_index(entry, part->start),
                                         (part->end - part->start) >> PAGE_SHIFT)
               ? KERN_SUCCESS
               : KERN_PROTECTION_FAILURE;
}

static kern_return_t set_protect(const struct part *part, unsigned access)
{
    struct vm_entry *entry = part->entry;

    entry->range.access = access;
    /*
     * Tables are a cache of the ranges: dropped here, they are filled with the new rights by
     * the next fault. Rewriting them in place would have to know shared and clean pages.
     */
    vm_entry_drop_tables(entry, entry->node.start, entry->node.end);
    vm_entry_refill(entry);
    return KERN_SUCCESS;
}

/* Change whole entries of an interval without holes, all of which must allow it. */
static kern_return_t change_entries(struct vm_map *map, vaddr_t start, uint64_t size,
                                    entry_visitor_t *check, entry_visitor_t *change,
                                    unsigned argument)
{
    vaddr_t end = start + size;
    kern_return_t status;

    if (!vm_is_whole_pages(start, size)) {
        return KERN_INVALID_ARGUMENT;
    }
    /* Checked before anything is split, so that a refused change leaves the ranges as they were. */
    status = visit_entries(map, start, end, check, argument);
    if (status == KERN_SUCCESS) {
        status = vm_map_split(map, start, end);
    }
    if (status == KERN_SUCCESS) {
        status = visit_entries(map, start, end, change, argument);
    }
    return status;
}

kern_return_t vm_map_protect(struct vm_map *map, vaddr_t start, uint64_t size, unsigned access)
{
    return change_entries(map, start, size, check_protect, set_protect, access);
}

static kern_return_t exists(const struct part *part, unsigned argument)
{
    (void)part;
    (void)argument;
    return KERN_SUCCESS;
}

static kern_return_t set_blocked(const struct part *part, unsigned blocked)
{
    struct vm_entry *entry = part->entry;

    entry->blocked = blocked != 0;
    /* Only blocking touches the tables: unblocked, the next access faults and fills them. */
    if (blocked) {
        vm_entry_drop_tables(entry, entry->node.start, entry->node.end);
    } else {
        vm_entry_refill(entry);
    }
    return KERN_SUCCESS;
}

kern_return_t vm_map_block(struct vm_map *map, vaddr_t start, uint64_t size, bool block)
{
    return change_entries(map, start, size, exists, set_blocked, block);
}

static kern_return_t set_memory(const struct part *part, unsigned memory)
{
    vm_entry_set_memory(part->entry, (enum mmu_memory)memory);
    return KERN_SUCCESS;
}

kern_return_t vm_map_set_memory(struct vm_map *map, vaddr_t start, uint64_t size,
                                enum mmu_memory memory)
{
    return change_entries(map, start, size, exists, set_memory, memory);
}

/* Detached entries come back, each as far from `to` as it was from `from`. */
static void attach_all(struct vm_entry *entries, vaddr_t from, vaddr_t to)
{
    while (entries != NULL) {
        struct vm_entry *next = entries->next;

        /* Each step may wrap, and the sum is right: unsigned. */
        entries->node.start = entries->node.start - from + to;
        entries->node.end = entries->node.end - from + to;
        vm_entry_attach(entries);
        vm_entry_refill(entries);
        entries = next;
    }
}

kern_return_t vm_map_exchange(struct vm_map *map, vaddr_t one, vaddr_t other, uint64_t size)
{
    uint64_t apart = one < other ? other - one : one - other;
    struct vm_entry *ones, *others;
    kern_return_t status;

    if (!vm_is_whole_pages(one, size) || !vm_is_whole_pages(other, size) ||
        /*
         * Intervals that overlap have no exchange: a page in both would have to be at two places.
         */
        apart < size) {
        return KERN_INVALID_ARGUMENT;
    }
    if (!vm_map_has_room(map, one, size) || !vm_map_has_room(map, other, size)) {
        return KERN_INVALID_ADDRESS;
    }
    status = vm_map_split(map, one, one + size);
    if (status == KERN_SUCCESS) {
        status = vm_map_split(map, other, other + size);
    }
    if (status != KERN_SUCCESS) {
        return status;
    }
    /*
     * From here on nothing can fail. Both are out before either goes in: the tree takes no two
     * ranges at one place.
     */
    ones = vm_map_detach_all(map, one, one + size);
    others = vm_map_detach_all(map, other, other + size);
    attach_all(ones, one, other);
    attach_all(others, other, one);
    return KERN_SUCCESS;
}
