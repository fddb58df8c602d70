/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory through which a driver and its device talk: rings, headers, tables. Of a device that
 * looks into the CPU's cache these are ordinary pages of the direct map. Of one that does not they
 * are mapped once more, uncached (Normal non-cacheable), and used by that address alone: neither
 * side needs maintenance then, nor has to know how long a line is, and what orders accesses to
 * ordinary memory orders these. The direct map shows such pages as well, and must not be used for
 * them (Arm ARM, "Mismatched memory attributes").
 *
 * Whether a device looks there is said by its node of the device tree (dma-coherent,
 * devicetree_is_coherent).
 */
#ifndef KERNEL_VM_DEVICE_MEMORY_H
#define KERNEL_VM_DEVICE_MEMORY_H

#include "kernel/direct_map.h"
#include "kernel/kern_return.h"

/* One piece. All zero: none. */
struct vm_device_memory {
    void *address;    /* for the CPU; NULL: there is none */
    paddr_t physical; /* pages in a row */
    size_t pages;
    bool uncached;
};

#define VM_DEVICE_MEMORY_UNCACHED 0x1u /* the device does not look into the CPU's cache */
#define VM_DEVICE_MEMORY_ZERO     0x2u /* filled with zeros */

/*
 * So many pages in a row, of PAGE_OWNER_DRIVER, at which no access faults. KERN_INVALID_ARGUMENT:
 * 0; KERN_RESOURCE_SHORTAGE, KERN_NO_SPACE: *memory is none. Thread context.
 */
kern_return_t vm_device_memory_alloc(size_t pages, unsigned flags, struct vm_device_memory *memory);

/* The device must not use it any more. *memory is none afterwards; of none: no effect. Thread
 * context. */
void vm_device_memory_free(struct vm_device_memory *memory);

/* Where a byte of it lies. Any context. */
static inline paddr_t vm_device_memory_physical(const struct vm_device_memory *memory,
                                                volatile const void *at)
{
    return paddr_add(memory->physical, (uint64_t)at - (uint64_t)memory->address);
}

/*
 * What is to be added to virt_to_phys's answer for that, modulo 2^64: 0 of memory that is cached.
 * For who adds something anyway, such as the way to an I/O address.
 */
static inline uint64_t vm_device_memory_offset(const struct vm_device_memory *memory)
{
    return memory->physical.value - virt_to_phys(memory->address).value;
}

#endif
