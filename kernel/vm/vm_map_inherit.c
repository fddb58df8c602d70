/* SPDX-License-Identifier: BSD-2-Clause */
/* What a new task gets of its parent's address space. */
#include "kernel/vm/vm_map_private.h"
#include "kernel/vm_map.h"

/* Show in `to` what the entry shows, at the same address: the same memory or a copy of it. */
static kern_return_t inherit_entry(const struct vm_entry *entry, struct vm_map *to)
{
    uint64_t size = entry->node.end - entry->node.start;
    struct vm_range range = entry->range;
    vaddr_t at = entry->node.start;
    struct vm_object *copy = NULL;
    kern_return_t status;

    /* A copy of the part that is shown, not of the object: the rest is none of the child's. */
    if (range.object != NULL && range.inheritance == VM_INHERIT_COPY) {
        status =
            vm_object_copy(range.object, range.offset >> PAGE_SHIFT, size >> PAGE_SHIFT, &copy);
        if (status == KERN_SUCCESS) {
            range.object = copy;
            range.offset = 0;
        } else if (status != KERN_NOT_SUPPORTED) { /* registers are one and the same for both */
            return status;
        }
    }
    /*
     * At the same address, which is free: the child's space is new, and all of them have the same
     * bounds.
     */
    status = vm_map_enter(to, &at, size, 0, &range, 0);
    if (copy != NULL) {
        vm_object_release(copy); /* the range keeps it */
    }
    return status;
}

kern_return_t vm_map_inherit(struct vm_map *from, struct vm_map *to)
{
    struct range_node *node = range_tree_at_or_above(&from->ranges, 0);
    kern_return_t status = KERN_SUCCESS;

    for (; node != NULL && status == KERN_SUCCESS; node = range_tree_next(&from->ranges, node)) {
        if (vm_entry_of(node)->range.inheritance != VM_INHERIT_NONE) {
            status = inherit_entry(vm_entry_of(node), to);
        }
    }
    /* Half an address space is of no use to the caller, who would have to find out which half. */
    if (status != KERN_SUCCESS) {
        vm_map_clear(to);
    }
    return status;
}
