/* SPDX-License-Identifier: BSD-2-Clause */
/* Pinning what the direct map shows: nothing has to be made resident, and no range be found. */
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/vm/vm_wire_private.h"

/*
 * [at, at + size), as far as it is in the direct map, whoever owns it: what the tables show is what
 * is there. A walk for each block and not for each page: the direct map is made of large ones.
 */
kern_return_t vm_wire_shown(vaddr_t at, uint64_t size, unsigned flags, struct memory_runs *where)
{
    const unsigned access = (flags & VM_WIRE_WRITE) != 0 ? MMU_READ | MMU_WRITE : MMU_READ;
    const vaddr_t end = at + size;
    kern_return_t status = KERN_SUCCESS;

    while (status == KERN_SUCCESS && at != end && vm_map_is_direct(kernel_map, at)) {
        struct mmu_translation there;
        uint64_t length;

        if (!mmu_translate(mmu_kernel, at, &there)) {
            return KERN_INVALID_ADDRESS;
        }
        if ((access & ~there.attributes.access) != 0) {
            return KERN_PROTECTION_FAILURE;
        }
        length = there.contiguous < end - at ? there.contiguous : end - at;
        status = vm_wire_row(where, there.pa.value, length, 0);
        at += length;
    }
    return status;
}
