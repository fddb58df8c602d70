/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller of the `virt` machine, as far as somebody above EL1 touches it:
 * before there is a kernel that has read the device tree, and beside one.
 */
#ifndef BOOT_EARLY_GIC_H
#define BOOT_EARLY_GIC_H

/* Distributor (GIC architecture specification, 12.9 and, for version 2, 4.3). */
#define GICD_BASE           0x08000000UL
#define GICD_CTLR           0x000
#define GICD_TYPER          0x004
#define GICD_IGROUPR        0x080
#define GICD_CTLR_ARE       (3u << 4)        /* affinity routing, secure and non-secure */
#define GICD_TYPER_LINES(t) (((t)&0x1f) + 1) /* registers of one bit an interrupt */

/* CPU interface of version 2. */
#define GICC_BASE 0x08010000UL
#define GICC_PMR  0x004

/* Redistributors of version 3: two 64 KiB frames a CPU, four with virtual LPIs (version 4). */
#define GICR_BASE         0x080a0000UL
#define GICR_STRIDE       0x20000UL
#define GICR_STRIDE_VLPI  0x40000UL
#define GICR_TYPER        0x0008
#define GICR_TYPER_VLPI   (1u << 1)
#define GICR_TYPER_LAST   (1u << 4)
#define GICR_WAKER        0x0014
#define GICR_WAKER_SLEEP  (1u << 1) /* ProcessorSleep */
#define GICR_WAKER_ASLEEP (1u << 2) /* ChildrenAsleep */
#define GICR_SGI_FRAME    0x10000

#define ALL_NONSECURE   0xffffffffu /* group 1, in every bit of an IGROUPR */
#define LOWEST_PRIORITY 0xffu       /* as a mask: lets everything pass */
#define ICC_SRE_ALL     0xfUL       /* system registers in use, also for lower levels */

#endif
