/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine consists of, from its flattened device tree (read with
 * libfdt). The tree is kept for the life of the image; offsets are libfdt's
 * node offsets. Thread context.
 */
#ifndef KERNEL_DEVICETREE_H
#define KERNEL_DEVICETREE_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

const void *devicetree(void); /* the blob, for libfdt's own functions; NULL if none was found */

struct devicetree_range {
    paddr_t base;
    uint64_t size; /* bytes */
};

/* The index-th (address, size) pair of a node's reg property. KERN_INVALID_ADDRESS: there is none. */
kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range);

/* The index-th interrupt of a node as a GIC INTID. KERN_INVALID_ADDRESS: there is none. */
kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid);

/* Next node with this compatible string after node (start with -1); negative when there is none. */
int devicetree_next_compatible(int node, const char *compatible);

/* /chosen/bootargs, or "" . */
const char *devicetree_bootargs(void);

/* The value of "key=value" in bootargs, copied without quotes; false if absent or too long. */
bool devicetree_bootarg(const char *key, char *value, size_t size);

#endif
