/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset to C. The file starts with the 64-byte header of the arm64 boot
 * protocol (Linux, Documentation/arm64/booting.rst), whose first word is a
 * branch, so that the same bytes start as an ELF and as an Image.
 */
#include "boot/early_pl011.h"
#include "boot/levels.h"
#include "boot/vectors.h"

/*
 * The image runs where it is linked, and says so: without bit 3 (anywhere in memory) its place
 * is text_offset above the base of memory. Little-endian, 4 KiB pages.
 */
#define HEADER_FLAGS (1 << 1)

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

#define EARLY_VECTORS_SIZE 2048
#define EARLY_ENDING 2         /* exceptions, from which on there is no report */
#define SPSR_EL1H    0x3c5     /* EL1 with its own stack pointer, all exceptions masked */
#define PMU_INST_RETIRED 0x08  /* event number */
#define PMCR_START   3         /* E, P: counters at zero and running */
#define PFR0_EL2     8         /* ID_AA64PFR0_EL1 fields, lowest bit; 4 bits each */

/* struct early_mmu_registers */
#define REGISTERS_SIZE 32

.macro address_of register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
.endm

    .weak   early_monitor
    .section .head.text, "ax"
    .global _start
_start:
    b       reset
    .word   0
    .quad   __text_offset   // from the base of memory, as flags say
    .quad   __image_size    // .bss and stacks included
    .quad   HEADER_FLAGS
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

    mov     x19, x0
    mrs     x20, currentel
    lsr     x20, x20, #2
    msr     tpidr_el1, xzr  // exceptions so far, for early_unexpected
    /* By instructions alone: where this is, memory that can be written may be none. */
    adr     x1, _start
    movz    x2, #:abs_g3:__entry
    movk    x2, #:abs_g2_nc:__entry
    movk    x2, #:abs_g1_nc:__entry
    movk    x2, #:abs_g0_nc:__entry
    cmp     x1, x2
    b.ne    misplaced

    // The image may be larger than memory: an exception says so, as long as this has its text.
    adr     x1, no_memory
    msr     tpidrro_el0, x1
    address_of x1, early_vectors
    bl      set_vectors
    address_of x1, __stack_top
    str     xzr, [x1, #-8]
    dsb     sy
    isb
    msr     tpidrro_el0, xzr
    mov     sp, x1

    /*
     * EL1's registers can be set from above as well: in order before the drop. Parts of this one
     * are UNKNOWN when EL1 has not run yet: the MMU and the caches are off for certain.
     */
    ldr     w2, =SCTLR_RES1
    msr     sctlr_el1, x2
    /* C may use q registers for copies anywhere, in the vectors too. */
    mov     x2, #CPACR_KERNEL
    msr     cpacr_el1, x2
    isb

    cmp     x20, #2
    b.lo    el1
    b.hi    from_el3

    mov     x0, x19
    bl      early_has_gic_v3
    mov     w22, w0
    bl      early_open_el2
    address_of x1, early_vectors
    msr     vbar_el2, x1
    mov     w0, w22
    /* An image that brings something to stay here has linked it in (boot/el2). */
    ldr     x2, =early_monitor
    cbz     x2, 1f
    and     x2, x2, #(1 << 48) - 1  // where it is, of where it is linked
    blr     x2
1:  mov     x2, #SPSR_EL1H
    msr     spsr_el2, x2
    address_of x2, el1
    msr     elr_el2, x2
    eret

from_el3:
    ldr     w2, =SCTLR_UPPER
    msr     sctlr_el3, x2
    isb
    mov     x0, x19
    bl      early_has_gic_v3
    mov     w22, w0
    bl      early_secure_open
    mrs     x2, id_aa64pfr0_el1
    tst     x2, #(0xf << PFR0_EL2)
    b.eq    1f
    mov     w0, w22
    bl      early_open_el2
    address_of x1, early_vectors
    msr     vbar_el2, x1
1:  mov     x2, #SPSR_EL1H
    msr     spsr_el3, x2
    address_of x2, el1
    msr     elr_el3, x2
    eret

/* A CPU we do not use. WFI, because QEMU does not sleep in WFE. */
park:
    wfi
    b       park

/* EL1, MMU off, at a physical address. x19, x20 from reset. */
el1:
    // What EL0 could reach, and what a debugger or another system left: unknown at reset.
    msr     mdscr_el1, xzr
    msr     cntkctl_el1, xzr
    msr     contextidr_el1, xzr
    msr     tpidr_el0, xzr
    msr     tpidrro_el0, xzr
    msr     fpcr, xzr
    msr     fpsr, xzr

    // Count instructions from here (kernel/pmu.h), where the CPU has a PMU of Arm's.
    mrs     x1, id_aa64dfr0_el1
    ubfx    x1, x1, #DFR0_PMU, #4
    cbz     x1, 1f
    cmp     x1, #PMU_NOT_ARMS
    b.eq    1f
    msr     pmuserenr_el0, xzr
    mov     x1, #PMU_INST_RETIRED
    msr     pmevtyper0_el0, x1
    mov     x1, #1          // counter 0
    msr     pmcntenset_el0, x1
    mov     x1, #PMCR_START
    msr     pmcr_el0, x1
1:
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
 * void early_invalidate(const void *start, const void *end): drop the data cache's lines of
 * a range that was written with the caches off (CTR_EL0.DminLine: log2 of a line's words).
 */
    .global early_invalidate
early_invalidate:
    dsb     sy              // the writes are in memory
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2
    sub     x2, x3, #1
    bic     x0, x0, x2
1:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

/*
 * Vectors until `high`: any exception is the end. Whatever the stack was, the
 * report starts a new one.
 */
    .balign EARLY_VECTORS_SIZE
early_vectors:
    .rept 16
    .balign 128
    b       early_unexpected
    .endr

early_unexpected:
    /*
     * A second one comes from the report: the UART is not there, or a page of ours is not. A
     * third comes from the HLT. Counted in a register, which nothing can take away.
     */
    mrs     x3, tpidr_el1
    add     x3, x3, #1
    msr     tpidr_el1, x3
    cmp     x3, #2
    b.hi    park
    b.eq    early_end
    mrs     x24, tpidrro_el0
    cbnz    x24, 4f
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
4:  bl      put_text
    b       early_end

/* _Noreturn void early_end(void): any level, no memory needed. Asleep where there is no host. */
    .global early_end
early_end:
    mov     x0, #EARLY_ENDING
    msr     tpidr_el1, x0
    mov     w0, #SYS_EXIT_EXTENDED
    adr     x1, 1f
    hlt     #0xf000
    b       park
    .balign 8
1:  .quad   ADP_APPLICATION_EXIT, EXIT_STATUS_EARLY_FAILED

/* Loaded at x1, linked for x2. Without a stack or data: all around may be flash. */
misplaced:
    mov     x21, x2
    mov     x22, x1
    adr     x3, early_vectors
    tst     x3, #(EARLY_VECTORS_SIZE - 1)
    b.ne    1f              // they need their alignment
    mov     x1, x3
    bl      set_vectors
1:  adr     x24, 3f
    bl      put_text
    mov     x25, x21
    bl      put_number
    adr     x24, 4f
    bl      put_text
    mov     x25, x22
    bl      put_number
    adr     x24, 5f
    bl      put_text
    b       early_end
3:  .asciz  "boot: this image runs at 0x"
4:  .asciz  " only, but was loaded at 0x"
5:  .asciz  " (QEMU finds the place with -kernel)\n"
no_memory:
    .asciz  "boot: memory ends before the image's stack does (QEMU: -m is too small)\n"
    .balign 4

/* x1: what the level in x20 takes its exceptions to, and EL1 too. */
set_vectors:
    msr     vbar_el1, x1
    cmp     x20, #2
    b.lo    2f
    b.eq    1f
    msr     vbar_el3, x1
    b       2f
1:  msr     vbar_el2, x1
2:  isb
    ret

/* w3: a character. Uses x4, x23. */
put_character:
    movz    x23, #(EARLY_PL011 >> 16), lsl #16
    mov     w4, #PL011_CR_ON
    str     w4, [x23, #PL011_CR]
1:  ldr     w4, [x23, #PL011_FR]
    tst     w4, #PL011_FR_TXFF
    b.ne    1b
    str     w3, [x23, #PL011_DR]
    ret

/* x24: the text. Uses x3, x4, x27. */
put_text:
    mov     x27, x30
1:  ldrb    w3, [x24]
    add     x24, x24, #1
    cbz     w3, 2f
    bl      put_character
    b       1b
2:  ret     x27

/* x25: the number, as 16 digits. Uses x3, x4, x26, x27. */
put_number:
    mov     x27, x30
    mov     w26, #60
1:  lsr     x3, x25, x26
    and     w3, w3, #0xf
    cmp     w3, #10
    add     w4, w3, #'0'
    add     w3, w3, #('a' - 10)
    csel    w3, w4, w3, lo
    bl      put_character
    subs    w26, w26, #4
    b.pl    1b
    ret     x27
