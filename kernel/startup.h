/* SPDX-License-Identifier: BSD-2-Clause */
/* What start-up calls once, in this order, on the boot CPU with interrupts masked. */
#ifndef KERNEL_STARTUP_H
#define KERNEL_STARTUP_H

#include "kernel/types.h"

void devicetree_init(paddr_t blob);
void page_init(void);
void mmu_init(void);
void irq_init(void);
void timer_init(void);

#endif
