/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine consists of, from its flattened device tree (Devicetree
 * Specification 0.3; read with libfdt). Start-up walks the tree once and keeps
 * a table of the devices, which these functions search: nodes with a
 * compatible property that are not disabled and not processors. The tree is
 * kept for the life of the image; nodes are libfdt's node offsets.
 * Any context.
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

#define DEVICETREE_MEMORY_MAX   16
#define DEVICETREE_RESERVED_MAX 32

/* What start-up needs to know of RAM. */
struct devicetree_machine {
    unsigned memory_count; /* banks, as the tree lists them */
    struct devicetree_range memory[DEVICETREE_MEMORY_MAX];
    unsigned reserved_count; /* /memreserve/, /reserved-memory, the initial RAM disk, the tree */
    struct devicetree_range reserved[DEVICETREE_RESERVED_MAX];
};

const struct devicetree_machine *devicetree_machine(void);

/*
 * The index-th (address, size) pair of a node's reg property, in the address space of
 * the root. KERN_INVALID_ADDRESS: there is none.
 */
kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range);

/*
 * The index-th interrupt of a node as a GIC INTID (three cells: type, number,
 * flags). KERN_INVALID_ADDRESS: there is none.
 */
kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid);

/* Next node with this compatible string after node (start with -1); negative when there is none. */
int devicetree_next_compatible(int node, const char *compatible);

/* /chosen/bootargs, or "" . */
const char *devicetree_bootargs(void);

/* /chosen/stdout-path, the node of the console ("path" or "path:options"), or "". */
const char *devicetree_stdout_path(void);

/* The value of "key=value" in bootargs, copied without quotes; false if absent or too long. */
bool devicetree_bootarg(const char *key, char *value, size_t size);

#endif
