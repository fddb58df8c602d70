/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset to C. The file starts with the 64-byte header of the arm64 boot
 * protocol (Linux, Documentation/arm64/booting.rst), whose first word is a
 * branch, so that the same bytes start as an ELF and as an Image.
 */
#include "boot/vectors.h"

#define SCTLR_RES1 0x30d00800 /* bits that are 1 unless a later extension gives them a meaning */
#define SCTLR_M    (1 << 0)   /* MMU on */
#define SCTLR_C    (1 << 2)   /* data cache on */
#define SCTLR_SA   (1 << 3)   /* check the alignment of SP */
#define SCTLR_I    (1 << 12)  /* instruction cache on */
#define SCTLR_DZE  (1 << 14)  /* EL0 may use DC ZVA */
#define SCTLR_UCT  (1 << 15)  /* EL0 may read CTR_EL0 */
#define SCTLR_WXN  (1 << 19)  /* writable memory is never executable, whatever its descriptor says */
#define SCTLR_UCI  (1 << 26)  /* EL0 may clean and invalidate caches by address */
#define SCTLR_MMU_ON \
    (SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_I | SCTLR_DZE | SCTLR_UCT | SCTLR_WXN | SCTLR_UCI)

#define CPACR_FPEN   (3 << 20) /* no traps of FP and SIMD */
#define SPSR_EL1H    0x3c5     /* EL1 with its own stack pointer, all exceptions masked */
#define DFR0_PMU     8         /* ID_AA64DFR0_EL1.PMUVer, lowest bit */
#define PMU_INST_RETIRED 0x08  /* event number */
#define PMCR_START   3         /* E, P: counters at zero and running */
#define PFR0_EL2     8         /* ID_AA64PFR0_EL1 fields, lowest bit; 4 bits each */
#define PFR0_GIC     24
#define ICC_SRE_ALL  0xf       /* system registers in use, also for lower levels; no bypass */
#define HCR_RW       (1 << 31) /* EL1 is AArch64 */
#define CNTHCTL_EL1  3         /* EL1 may use the physical counter and timer */
#define CPTR_EL2_RES1 0x33ff   /* no FP traps */

/* struct early_mmu_registers */
#define REGISTERS_SIZE 32

.macro address_of register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
.endm

    .section .head.text, "ax"
    .global _start
_start:
    b       reset
    .word   0
    .quad   0               // text_offset: from a 2 MiB boundary
    .quad   __image_size    // .bss and stack included
    .quad   0xa             // little-endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .word   0

/*
 * From QEMU, at a physical address, at EL1, EL2 or EL3, MMU off, exceptions
 * masked. x0: device tree (Image) or 0 (ELF). At EL3 all CPUs arrive here.
 * Keeps x19: x0 at entry, x20: exception level at entry.
 */
    .section .text.reset, "ax"
reset:
    /* Each level on its own stack pointer: SP_EL0 is left to what runs at EL0. */
    msr     spsel, #1
    mrs     x1, mpidr_el1
    /* One CPU: where firmware lets all of them run, they would share this stack. */
    tst     x1, #0xffffff
    b.ne    park

    // Count instructions from here (kernel/pmu.h), where the CPU has a PMU.
    mrs     x1, id_aa64dfr0_el1
    tst     x1, #(0xf << DFR0_PMU)
    b.eq    1f
    mov     x1, #PMU_INST_RETIRED
    msr     pmevtyper0_el0, x1
    mov     x1, #1          // counter 0
    msr     pmcntenset_el0, x1
    mov     x1, #PMCR_START
    msr     pmcr_el0, x1
1:
    mov     x19, x0
    mrs     x20, currentel
    lsr     x20, x20, #2
    address_of x1, __stack_top
    mov     sp, x1

    // EL1's registers can be set from above as well: in order before the drop.
    address_of x1, early_vectors
    msr     vbar_el1, x1
    /*
     * Parts of it are UNKNOWN when EL1 has not run yet: the MMU and the caches are off for certain.
     */
    ldr     w2, =SCTLR_RES1
    msr     sctlr_el1, x2
    /* C may use q registers for copies anywhere, in the vectors too. */
    mov     x2, #CPACR_FPEN
    msr     cpacr_el1, x2
    isb

    cmp     x20, #2
    b.lo    el1
    b.hi    from_el3

    msr     vbar_el2, x1
    isb
    bl      open_el2
    mov     x2, #SPSR_EL1H
    msr     spsr_el2, x2
    address_of x2, el1
    msr     elr_el2, x2
    eret

from_el3:
    msr     vbar_el3, x1
    isb
    bl      early_secure_open
    mrs     x2, id_aa64pfr0_el1
    tst     x2, #(0xf << PFR0_EL2)
    b.eq    1f
    bl      open_el2
1:  mov     x2, #SPSR_EL1H
    msr     spsr_el3, x2
    address_of x2, el1
    msr     elr_el3, x2
    eret

/* A CPU we do not use. WFI, because QEMU does not sleep in WFE. */
park:
    wfi
    b       park

/* At EL2, or at EL3 with SCR_EL3.NS set: let EL1 run without traps. Uses x2. */
open_el2:
    mov     x2, #HCR_RW
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
    mrs     x2, id_aa64pfr0_el1
    tst     x2, #(0xf << PFR0_GIC)
    b.eq    1f              // GICv2 has no system registers
    mov     x2, #ICC_SRE_ALL
    msr     icc_sre_el2, x2
    isb
    /* No virtual interrupts: physical ones go to EL1 as they are. */
    msr     ich_hcr_el2, xzr
1:  ret

/* EL1, MMU off, at a physical address. x19, x20 from reset. */
el1:
    address_of x2, __stack_top
    sub     sp, x2, #REGISTERS_SIZE
    mov     x29, xzr
    mov     x0, x19
    mov     x1, x20
    mov     x2, sp
    bl      early_start

    /* All of the regime before SCTLR.M: the walk that starts with it uses every one of these. */
    ldp     x0, x1, [sp]
    ldp     x2, x21, [sp, #16]
    msr     mair_el1, x0
    msr     tcr_el1, x1
    msr     ttbr0_el1, x2
    msr     ttbr1_el1, x2
    dsb     sy              // tables written
    tlbi    vmalle1
    ic      iallu
    dsb     sy
    isb                     // registers in effect before the MMU uses them
    ldr     w0, =SCTLR_MMU_ON
    msr     sctlr_el1, x0
    isb                     // from here on the identity map is in use
    /*
     * A literal, since ADRP would give the address that this runs at and not the one it is linked
     * at.
     */
    ldr     x0, =high
    br      x0

/* EL1, MMU on, at the linked address. x21: the empty table. */
high:
    address_of x0, vectors
    msr     vbar_el1, x0
    /* Then the TLB: the identity map that has just been left is still in it. */
    msr     ttbr0_el1, x21  // the lower half, NULL included, faults
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    address_of x0, __stack_top
    mov     sp, x0
    mov     x29, xzr        // a backtrace ends here
    mov     x30, xzr
    bl      startup
    .ltorg

/* void early_clear(void *start, void *end): any level, MMU on or off. */
    .global early_clear
early_clear:
    cmp     x0, x1
    b.hs    1f
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    b       early_clear
1:  ret

/*
 * Vectors until `high`: any exception is the end. Whatever the stack was, the
 * report starts a new one.
 */
    .balign 2048
early_vectors:
    .rept 16
    .balign 128
    b       early_unexpected
    .endr

early_unexpected:
    address_of x0, __stack_top
    mov     sp, x0
    mov     x29, xzr
    mrs     x3, currentel
    lsr     x3, x3, #2
    cmp     x3, #2
    b.hi    3f
    b.eq    2f
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       early_exception
2:  mrs     x0, esr_el2
    mrs     x1, elr_el2
    mrs     x2, far_el2
    b       early_exception
3:  mrs     x0, esr_el3
    mrs     x1, elr_el3
    mrs     x2, far_el3
    b       early_exception
