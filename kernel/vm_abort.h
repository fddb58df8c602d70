/* SPDX-License-Identifier: BSD-2-Clause */
/* From the CPU's aborts to vm_fault. */
#ifndef KERNEL_VM_ABORT_H
#define KERNEL_VM_ABORT_H

#include "kernel/kern_return.h"
#include "kernel/vm_map.h"

/*
 * What vm_fault makes of an abort with this syndrome and address; KERN_FAILURE
 * for one that no range can cause (alignment, external, ...).
 */
kern_return_t vm_abort_resolve(struct vm_map *map, uint64_t esr, vaddr_t address);

#endif
