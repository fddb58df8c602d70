/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reset learned and left behind. Written once, before the MMU goes on;
 * read-only from then on, in any context. Addresses are physical, in plain integers:
 * boot knows nothing of the floors above it.
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include <stdint.h>

struct boot_info {
    unsigned entry_level; /* exception level the image was entered at: 1, 2 or 3 */
    uint64_t devicetree;  /* physical: flattened device tree, mapped read-only; 0: none was found */
    /*
     * Top-level table in TTBR1. It maps, at DIRECT_MAP_BASE + physical address:
     * the image with its final permissions, the device tree and the console
     * UART; everything else is free for the kernel to add.
     */
    uint64_t kernel_root_table;
    uint64_t
        empty_root_table; /* physical: a table without entries: in TTBR0 when nothing else is */
};

extern struct boot_info boot_info;

#endif
