/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the seam over this project's own kernel share. */
#ifndef DESCRIPTORS_PLATFORM_KERNEL_PRIVATE_H
#define DESCRIPTORS_PLATFORM_KERNEL_PRIVATE_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/platform_vm.h"
#include "kernel/direct_map.h"
#include "kernel/panic.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"

/* The kernel's view of all RAM has no ranges. */
static inline bool platform_is_direct(vm_map_t map, uint64_t address)
{
    return map == kernel_map && address >= DIRECT_MAP_BASE && address < MMU_KERNEL_VA_BASE;
}

/* The page that a physical window shows at one of its indices: it has them all. */
static inline paddr_t platform_window_page(const struct vm_object *window, uint64_t index)
{
    paddr_t page = paddr(0);
    const bool there = vm_object_resident(window, index, &page);

    KERNEL_ASSERT(there);
    (void)there;
    return page;
}

#endif
