/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that pin pages: a list of runs that grows, and one batch for all of them. */
#ifndef KERNEL_VM_WIRE_PRIVATE_H
#define KERNEL_VM_WIRE_PRIVATE_H

#include "kernel/page/page_batch.h"
#include "kernel/vm/vm_map_private.h"

/* Where the last run of a list begins in it, and where in memory it ends; of none: 0. */
struct vm_last_run {
    uint64_t start, next;
};

static inline struct vm_last_run vm_last_run(const struct memory_runs *runs)
{
    struct vm_last_run last = {0, 0};

    if (runs->count != 0) {
        const struct memory_run *const run = &runs->list[runs->count - 1];

        last.start = runs->count != 1 ? run[-1].end : 0;
        last.next = run->address + (run->end - last.start);
    }
    return last;
}

/*
 * vm_wire.c: pin bytes in a row, whatever they are in: RAM is pinned, and what is none passed over.
 * KERN_NO_SPACE: there is no room for them in the list.
 */
kern_return_t vm_wire_row(struct memory_runs *where, uint64_t address, uint64_t length,
                          uint64_t not_if);

/* vm_wire_direct.c: the same for `size` bytes from an address of the direct map on. */
kern_return_t vm_wire_shown(vaddr_t at, uint64_t size, unsigned flags, struct memory_runs *where);

#endif
