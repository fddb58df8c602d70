/* SPDX-License-Identifier: BSD-2-Clause */
/* EL2 opened: what reset leaves unknown is set so that nothing of EL1's traps. */
#include "boot/levels.h"

#define HCR_OPEN     (1 << 31 | 1 << 40 | 1 << 41) /* EL1 is AArch64; pointer authentication */
#define CNTHCTL_EL1  3         /* EL1 may use the physical counter and timer */
#define CPTR_EL2_RES1 0x33ff   /* no FP traps */
#define PMCR_N       11        /* PMCR_EL0: how many counters, 5 bits */
#define MMFR0_FGT    56        /* ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1: 4 bits each */
#define MMFR1_HCX    40
#define ICC_SRE_ALL  0xf       /* system registers in use, also for lower levels; no bypass */
#define HFGRTR_EL2   S3_4_C1_C1_4 /* names that an assembler without FEAT_FGT does not know */
#define HFGWTR_EL2   S3_4_C1_C1_5
#define HFGITR_EL2   S3_4_C1_C1_6
#define HDFGRTR_EL2  S3_4_C3_C1_4
#define HDFGWTR_EL2  S3_4_C3_C1_5
#define HCRX_EL2     S3_4_C1_C2_2

    .section .text.reset, "ax"
/*
 * At EL2, or at EL3 with SCR_EL3.NS set: let EL1 run without traps. Reset leaves most of
 * these unknown. w0: there is a GICv3. Uses x1 and x2; VBAR_EL2 is the caller's.
 */
    .global early_open_el2
early_open_el2:
    ldr     w2, =SCTLR_UPPER
    msr     sctlr_el2, x2
    ldr     x2, =HCR_OPEN
    msr     hcr_el2, x2
    isb                     // the formats of the next two depend on it
    mov     x2, #CNTHCTL_EL1
    msr     cnthctl_el2, x2
    mov     x2, #CPTR_EL2_RES1
    msr     cptr_el2, x2
    /*
     * What follows is UNKNOWN after reset: an offset would make the virtual counter jump, trap bits
     * would lead to a level that has no vectors any more, and a stage 2 table would be made of
     * nothing.
     */
    msr     cntvoff_el2, xzr
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    /*
     * EL1 reads these two in place of the CPU's own: the kernel finds its redistributor by the
     * second.
     */
    mrs     x2, midr_el1
    msr     vpidr_el2, x2
    mrs     x2, mpidr_el1
    msr     vmpidr_el2, x2

    // No traps of debug and PMU registers, and all of the PMU's counters for EL1.
    mov     x1, xzr
    mrs     x2, id_aa64dfr0_el1
    ubfx    x2, x2, #DFR0_PMU, #4
    cbz     x2, 1f
    cmp     x2, #PMU_NOT_ARMS
    b.eq    1f
    mrs     x1, pmcr_el0
    ubfx    x1, x1, #PMCR_N, #5     // MDCR_EL2.HPMN
1:  msr     mdcr_el2, x1

    // Traps register by register, where the CPU has them (FEAT_FGT, FEAT_HCX).
    mrs     x2, id_aa64mmfr0_el1
    ubfx    x2, x2, #MMFR0_FGT, #4
    cbz     x2, 1f
    msr     HFGRTR_EL2, xzr
    msr     HFGWTR_EL2, xzr
    msr     HFGITR_EL2, xzr
    msr     HDFGRTR_EL2, xzr
    msr     HDFGWTR_EL2, xzr
1:  mrs     x2, id_aa64mmfr1_el1
    ubfx    x2, x2, #MMFR1_HCX, #4
    cbz     x2, 1f
    msr     HCRX_EL2, xzr
1:  cbz     w0, 1f         // GICv2 has no system registers
    mov     x2, #ICC_SRE_ALL
    msr     icc_sre_el2, x2
    isb
    /* No virtual interrupts: physical ones go to EL1 as they are. */
    msr     ich_hcr_el2, xzr
1:  ret
