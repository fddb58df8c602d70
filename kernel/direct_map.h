/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The direct map: the kernel sees all RAM, and the devices it asked for, at
 * DIRECT_MAP_BASE + physical address. The image itself is linked there, so its
 * text has no writable alias.
 *
 * Apart from mmu.h because whoever only turns an address over (a page's record, a
 * ring, a copy) needs no page tables for it, and the page tables themselves are
 * reached this way.
 */
#ifndef KERNEL_DIRECT_MAP_H
#define KERNEL_DIRECT_MAP_H

#include "kernel/types.h"

#ifndef DIRECT_MAP_BASE /* host builds have their own */
#define DIRECT_MAP_BASE 0xffff000000000000UL
#endif
#define DIRECT_MAP_SIZE 0x0000400000000000UL /* bytes: 64 TiB */

/* Where the kernel sees a physical address. Whether anything is mapped there is the caller's to
 * know. */
static inline void *phys_to_virt(paddr_t pa)
{
    return (void *)(DIRECT_MAP_BASE + pa.value);
}

/* Only for addresses in the direct map (image, heap, phys_to_virt results). */
static inline paddr_t virt_to_phys(const void *va)
{
    return paddr((uint64_t)va - DIRECT_MAP_BASE);
}

#endif
