/* SPDX-License-Identifier: BSD-2-Clause */
/* From QEMU at EL2, MMU off, and on to the guest at EL1, MMU off. */
#define SCTLR_EL1_RESET 0x00c50838 /* MMU and caches off, as the CPU has it after a reset */
#define SPSR_EL1H       0x3c5      /* EL1 on its own stack pointer, all exceptions masked */
#define PFR0_GIC        24         /* ID_AA64PFR0_EL1: system registers of a GIC, 4 bits */

    .section .text.alone, "ax"
    .global alone
alone:
    msr     spsel, #1
    mrs     x1, currentel
    cmp     x1, #(2 << 2)
    b.ne    asleep          // not entered at EL2: nobody could be told
    mrs     x19, id_aa64pfr0_el1
    ubfx    x19, x19, #PFR0_GIC, #4
    mov     x0, x19
    bl      early_open_el2
    adrp    x1, el2_vectors
    add     x1, x1, :lo12:el2_vectors
    msr     vbar_el2, x1
    ldr     x1, =alone_stack_top
    mov     sp, x1
    mov     x0, x19
    bl      alone_setup
    mov     x0, x19
    bl      early_monitor
    mov     x0, x19
    bl      alone_hand_over
    mov     x1, x0
    mov     x0, xzr

/* At EL1 to x1, with x0, as the CPU comes out of reset. */
enter:
    msr     elr_el2, x1
    mov     x1, #SPSR_EL1H
    msr     spsr_el2, x1
    ldr     w1, =SCTLR_EL1_RESET
    msr     sctlr_el1, x1
    msr     cpacr_el1, xzr
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    isb
    eret

/* Another CPU, which the firmware has started for EL1 (el2_share). */
    .global alone_started
alone_started:
    msr     spsel, #1
    mov     x20, x0
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #PFR0_GIC, #4
    bl      early_open_el2
    adrp    x1, el2_vectors
    add     x1, x1, :lo12:el2_vectors
    msr     vbar_el2, x1
    ldr     x1, [x20, #16]
    mov     sp, x1
    bl      el2_join
    ldp     x1, x0, [x20]
    b       enter

asleep:
    wfi
    b       asleep

    .section .stack, "aw", %nobits
    .balign 16
    .skip   4096
alone_stack_top:
