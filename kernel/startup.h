/* SPDX-License-Identifier: BSD-2-Clause */
/* What start-up calls once, in this order, on the boot CPU with interrupts masked. */
#ifndef KERNEL_STARTUP_H
#define KERNEL_STARTUP_H

#include "kernel/devicetree.h"
#include "kernel/options.h"
#include "kernel/types.h"

void devicetree_init(paddr_t blob);
void psci_init(void); /* from now on an image can end without the tree */
void mmu_init(void);  /* RAM becomes visible */

/*
 * What must not be handed out although it is RAM: where mmu_init has put tables, and what
 * it has not mapped. Returns how many ranges.
 */

#define MMU_WITHHELD_MAX 17
unsigned mmu_withheld(struct devicetree_range ranges[MMU_WITHHELD_MAX]);

void page_init(void);     /* and is handed out */
void vm_map_init(void);   /* the kernel has an address space */
void task_init(void);     /* and is a task; calls vm_map_init */
void vm_abort_init(void); /* whose faults are resolved */
void irq_init(void);
void timer_init(void);

/* Options (kernel/options.h) that sources declare: the image's, and behind them the runtime's. */
struct options_declared {
    const struct program_option *const *image, *const *runtime, *const *end;
};

/* Take the boot arguments apart; behind devicetree_init. */
void options_init(void);

/* Judge them: OPTIONS_GO_ON, or the status to end with, which has been explained. */
#define OPTIONS_GO_ON (-1)
int options_check(const struct options_declared *declared);

/* What main gets: argc, and argv in *argv. */
int options_arguments(const struct options_declared *declared, char ***argv);

#endif
