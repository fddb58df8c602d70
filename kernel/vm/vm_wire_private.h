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
kern_return_t vm_wire_row(struct memory_runs *where, struct page_batch *batch, uint64_t address,
                          uint64_t length, uint64_t not_if);

/*
 * vm_wire_direct.c: of the bytes of `bytes` from one in the direct map on, byte where->length of
 * them and of run `run`, as many as are in the direct map.
 */
kern_return_t vm_wire_direct(const struct memory_runs *bytes, const struct memory_run *run,
                             unsigned flags, struct memory_runs *where, struct page_batch *batch);

#endif
