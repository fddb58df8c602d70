/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that may fault: of devices that may not answer, and in tests. Apart from
 * panic.h, because to expect a fault is the opposite of dying of one.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include "kernel/types.h"

/* What the processor said of an expected fault. */
struct fault_record {
    uint64_t esr; /* syndrome, ESR_EL1 */
    uint64_t far; /* faulting address, FAR_EL1 */
    uint64_t elr; /* instruction, ELR_EL1 */
};

/*
 * Run touch(argument); true if it raised a synchronous exception, whose syndrome and
 * addresses are then stored. Nests, and works in interrupt handlers. Afterwards the
 * stack, every register that a C function may expect to find again (FP ones and FPCR
 * included), the interrupt mask and the locks held are those of the caller.
 */
bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault);

#endif
