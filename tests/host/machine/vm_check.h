/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold of address spaces, page tables, the TLB and memory objects at any time, whatever
 * was done to them: each says of the others what they say of themselves.
 */
#ifndef TESTS_HOST_VM_CHECK_H
#define TESTS_HOST_VM_CHECK_H

#include "kernel/vm_map.h"

/* All memory objects that there are, and who shows them; ends the program where it does not. */
void vm_check_objects(void);

/* An address space: its ranges, what its page tables show, and what the TLB knows of it. */
void vm_check_map(const struct vm_map *map);

#endif
