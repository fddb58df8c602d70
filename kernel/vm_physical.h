/* SPDX-License-Identifier: BSD-2-Clause */
/* What physical addresses are, for whoever shows them: registers or RAM, and whose. */
#ifndef KERNEL_VM_PHYSICAL_H
#define KERNEL_VM_PHYSICAL_H

#include "kernel/mmu.h"

/* What is at some physical addresses. */
struct vm_physical_run {
    uint64_t pages; /* so many from the first on are alike */
    bool ram;       /* else registers, or nothing */
    bool writable;  /* the kernel may write it: not its own code and constants */
    bool reachable; /* RAM that the direct map shows */
};

/* Of a page and those behind it, at most `pages`, which is not 0. Thread context. */
void vm_physical_extent(paddr_t page, uint64_t pages, struct vm_physical_run *run);

#endif
