/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the seam over this project's own kernel share. */
#ifndef DESCRIPTORS_PLATFORM_KERNEL_PRIVATE_H
#define DESCRIPTORS_PLATFORM_KERNEL_PRIVATE_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/platform_vm.h"
#include "kernel/direct_map.h"
#include "kernel/vm_map.h"

/* The kernel's view of all RAM has no ranges. */
static inline bool platform_is_direct(vm_map_t map, uint64_t address)
{
    return map == kernel_map && address >= DIRECT_MAP_BASE && address < MMU_KERNEL_VA_BASE;
}

#endif
