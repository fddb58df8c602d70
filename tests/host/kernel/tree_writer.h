/* SPDX-License-Identifier: BSD-2-Clause */
/* A device tree written for a test of the reader, from its header to its end, in order. */
#ifndef TESTS_HOST_KERNEL_TREE_WRITER_H
#define TESTS_HOST_KERNEL_TREE_WRITER_H

#include <libfdt.h>

#define TREE_SIZE 65536
#define TREE_AT   0x40000000ull /* the physical address that the reader is told */
#define GIC       1u            /* its phandle */

extern char tree[TREE_SIZE];

/* A call of libfdt's sequential writer, which cannot fail for other reasons than a wrong test. */
void ok(int status);

/* A property of so many 32-bit cells, each passed as an unsigned; at most 24. */
void cells(const char *name, unsigned count, ...);

void begin(const char *name);
void end(void);

/* "#address-cells" and "#size-cells" of 2, as QEMU has them. */
void begin_tree(void);

/* The node's own interrupts and children are the caller's; it ends it. */
void begin_controller(const char *name, const char *compatible, unsigned phandle,
                      unsigned interrupt_cells);

/* Ends the root too, and reads it: what devicetree_read says. */
const char *finish_tree(void);

/* 256 MiB at 1 GiB and 8 GiB at 4 GiB, in one node. */
void add_memory(void);

/* What QEMU's machine has, but for its end. */
void build_machine(void);

/* A bus of one address cell and one size cell, and a device on one, compatible with its name. */
void begin_bus(const char *name);
void device(const char *name, unsigned base, unsigned size);

/* The host bridge of QEMU's virt, with two of its slots. */
void add_pci(void);

#endif
