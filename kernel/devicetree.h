/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine consists of, from its flattened device tree (Devicetree
 * Specification 0.3; read with libfdt). Start-up walks the tree once and keeps
 * a table of the devices, which these functions search: nodes with a
 * compatible property that are not disabled, nor below a node that is, and no processors. The tree
 * is kept for the life of the image; nodes are libfdt's node offsets.
 *
 * The table has a limit, the machine has none: what did not fit is looked up in the
 * tree itself, which is slower. Any context.
 */
#ifndef KERNEL_DEVICETREE_H
#define KERNEL_DEVICETREE_H

#include "kernel/kern_return.h"
#include "kernel/types.h"

const void *devicetree(void); /* the blob, for libfdt's own functions; NULL if none was found */

/* A range of physical addresses. */
struct devicetree_range {
    paddr_t base;
    uint64_t size; /* bytes */
};

/* How many of each are kept; what is beyond is said on the console. */
#define DEVICETREE_MEMORY_MAX   16 /* banks that do not touch */
#define DEVICETREE_RESERVED_MAX 32

/* What start-up needs to know of RAM. */
struct devicetree_machine {
    unsigned memory_count; /* banks, no two of which touch or overlap, below DIRECT_MAP_SIZE */
    struct devicetree_range memory[DEVICETREE_MEMORY_MAX];
    unsigned reserved_count; /* /memreserve/, /reserved-memory, the initial RAM disk, the tree */
    struct devicetree_range reserved[DEVICETREE_RESERVED_MAX];
    bool no_map[DEVICETREE_RESERVED_MAX]; /* not even to be mapped: others watch accesses */
};

/* What start-up has read; there for the life of the image. Any context. */
const struct devicetree_machine *devicetree_machine(void);

/*
 * Where start-up has put the memory of a child of /reserved-memory that has a size and no
 * place: aligned and within its alloc-ranges as it says, whole pages, nobody else's.
 * KERN_INVALID_ADDRESS: there was no such place (the console says so), or it has one by reg.
 */
kern_return_t devicetree_reserved(int node, struct devicetree_range *range);

/*
 * The index-th (address, size) pair of a node's reg property, in the address space of
 * the root: the ranges of every bus above the node are applied. KERN_INVALID_ADDRESS:
 * there is none, or a bus on the way up shows no such address.
 */
kern_return_t devicetree_reg(int node, unsigned index, struct devicetree_range *range);

/* One window of a bus. */
struct devicetree_window {
    uint32_t space; /* PCI: the first cell, which names the kind of address; else 0 */
    uint64_t bus;   /* what devices on the bus say */
    paddr_t base;   /* where the root has it */
    uint64_t size;  /* bytes */
};

/* The index-th entry of a bus's ranges property. KERN_INVALID_ADDRESS: there is none. */
kern_return_t devicetree_window(int node, unsigned index, struct devicetree_window *window);

/* The index-th interrupt of a node as a GIC INTID. KERN_INVALID_ADDRESS: there is none. */
kern_return_t devicetree_interrupt(int node, unsigned index, unsigned *intid);

/* The most cells of one reference. */
#define DEVICETREE_CELLS_MAX 4

/* A node that a property refers to, with the number of cells that this node asks for. */
struct devicetree_reference {
    int node;
    unsigned count;
    uint32_t cells[DEVICETREE_CELLS_MAX];
};

/*
 * The index-th entry of a list of references, such as ("iommus", "#iommu-cells") or
 * ("msi-parent", "#msi-cells"). KERN_INVALID_ADDRESS: there is none, it refers to no
 * node, or it has more cells than DEVICETREE_CELLS_MAX.
 */
kern_return_t devicetree_reference(int node, const char *property, const char *cells_name,
                                   unsigned index, struct devicetree_reference *reference);

/*
 * The index-th interrupt as its controller names it: from interrupts-extended, or from
 * interrupts and the interrupt-parent of the node or the nearest one above it. An
 * interrupt-map in between is applied.
 */
kern_return_t devicetree_interrupt_reference(int node, unsigned index,
                                             struct devicetree_reference *reference);

/*
 * What a bus makes of an interrupt of a device that has no node, by its interrupt-map:
 * unit has the bus's #address-cells, specifier its #interrupt-cells. For PCI: the first
 * cell of the function's address and two of 0, and the number of the pin, from 1.
 */
kern_return_t devicetree_map_interrupt(int node, const uint32_t *unit, const uint32_t *specifier,
                                       struct devicetree_reference *reference);

/* Of a reference to a GIC (type, number, flags). KERN_INVALID_ADDRESS: it is none. */
kern_return_t devicetree_intid(const struct devicetree_reference *reference, unsigned *intid);

/*
 * What msi-map or iommu-map makes of a requester ID; msi-map-mask or iommu-map-mask is
 * applied. One cell. KERN_INVALID_ADDRESS: no entry has it.
 */
kern_return_t devicetree_map_id(int node, const char *map, uint32_t id,
                                struct devicetree_reference *reference);

/*
 * Does the device look into the CPU's cache when it reads and writes memory? So says dma-coherent,
 * of the node or of a bus above it (Devicetree Specification 0.3, section 2.3.9); without it the
 * device does not. False also of no node. Any context.
 */
bool devicetree_is_coherent(int node);

/* Next node with this compatible string after node (start with -1); negative when there is none. */
int devicetree_next_compatible(int node, const char *compatible);

/* /chosen/bootargs as it is, or ""; kernel/options.h takes it apart. */
const char *devicetree_bootargs(void);

/* /chosen/stdout-path, the node of the console ("path" or "path:options"), or "". */
const char *devicetree_stdout_path(void);

#endif
