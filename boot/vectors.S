/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's exception vectors (VBAR_EL1); vectors.h says what they save and whom they call. */
#include "boot/callee_saved.inc"
#include "boot/vectors.h"

/* Registers that a C function gives back as they were (AAPCS64, 6.1.1), but for x19 and x29. */
.macro save_preserved
    stp     x20, x21, [sp, #EXCEPTION_FRAME_X + 160]
    stp     x22, x23, [sp, #EXCEPTION_FRAME_X + 176]
    stp     x24, x25, [sp, #EXCEPTION_FRAME_X + 192]
    stp     x26, x27, [sp, #EXCEPTION_FRAME_X + 208]
    str     x28, [sp, #EXCEPTION_FRAME_X + 224]
.endm

/*
 * Store the interrupted context in the frame at SP, but for FP and SIMD. all: the preserved
 * registers too. syndrome: that, too. x0 and x1, which it uses, are there already.
 */
.macro save_general all, syndrome
    stp     x2, x3, [sp, #EXCEPTION_FRAME_X + 16]
    stp     x4, x5, [sp, #EXCEPTION_FRAME_X + 32]
    stp     x6, x7, [sp, #EXCEPTION_FRAME_X + 48]
    stp     x8, x9, [sp, #EXCEPTION_FRAME_X + 64]
    stp     x10, x11, [sp, #EXCEPTION_FRAME_X + 80]
    stp     x12, x13, [sp, #EXCEPTION_FRAME_X + 96]
    stp     x14, x15, [sp, #EXCEPTION_FRAME_X + 112]
    stp     x16, x17, [sp, #EXCEPTION_FRAME_X + 128]
    stp     x18, x19, [sp, #EXCEPTION_FRAME_X + 144]
    .if \all
    save_preserved
    .endif
    .if \syndrome
    mrs     x0, esr_el1
    mrs     x1, far_el1
    stp     x0, x1, [sp, #EXCEPTION_FRAME_ESR]
    .endif
    stp     x29, x30, [sp, #EXCEPTION_FRAME_X + 232]
    mrs     x0, elr_el1
    mrs     x1, spsr_el1
    stp     x0, x1, [sp, #EXCEPTION_FRAME_ELR]
.endm

/* A frame record of the interrupted code, so that a backtrace goes on through it. x0: its ELR. */
.macro record_frame
    stp     x29, x0, [sp, #EXCEPTION_FRAME_RECORD]
    add     x29, sp, #EXCEPTION_FRAME_RECORD
.endm

/* The rest, in a frame at `at`. Uses x1. */
.macro save_fp at
    mrs     x1, fpsr
    str     x1, [\at, #EXCEPTION_FRAME_FPSR]
    mrs     x1, fpcr
    str     x1, [\at, #EXCEPTION_FRAME_FPSR + 8]
    /* All 32, whole: what AAPCS64 has a callee keep of them is the low halves of eight. */
    stp     q0, q1, [\at, #EXCEPTION_FRAME_Q]
    stp     q2, q3, [\at, #EXCEPTION_FRAME_Q + 32]
    stp     q4, q5, [\at, #EXCEPTION_FRAME_Q + 64]
    stp     q6, q7, [\at, #EXCEPTION_FRAME_Q + 96]
    stp     q8, q9, [\at, #EXCEPTION_FRAME_Q + 128]
    stp     q10, q11, [\at, #EXCEPTION_FRAME_Q + 160]
    stp     q12, q13, [\at, #EXCEPTION_FRAME_Q + 192]
    stp     q14, q15, [\at, #EXCEPTION_FRAME_Q + 224]
    stp     q16, q17, [\at, #EXCEPTION_FRAME_Q + 256]
    stp     q18, q19, [\at, #EXCEPTION_FRAME_Q + 288]
    stp     q20, q21, [\at, #EXCEPTION_FRAME_Q + 320]
    stp     q22, q23, [\at, #EXCEPTION_FRAME_Q + 352]
    stp     q24, q25, [\at, #EXCEPTION_FRAME_Q + 384]
    stp     q26, q27, [\at, #EXCEPTION_FRAME_Q + 416]
    stp     q28, q29, [\at, #EXCEPTION_FRAME_Q + 448]
    stp     q30, q31, [\at, #EXCEPTION_FRAME_Q + 480]
.endm

.macro restore_fp
    ldp     q0, q1, [sp, #EXCEPTION_FRAME_Q]
    ldp     q2, q3, [sp, #EXCEPTION_FRAME_Q + 32]
    ldp     q4, q5, [sp, #EXCEPTION_FRAME_Q + 64]
    ldp     q6, q7, [sp, #EXCEPTION_FRAME_Q + 96]
    ldp     q8, q9, [sp, #EXCEPTION_FRAME_Q + 128]
    ldp     q10, q11, [sp, #EXCEPTION_FRAME_Q + 160]
    ldp     q12, q13, [sp, #EXCEPTION_FRAME_Q + 192]
    ldp     q14, q15, [sp, #EXCEPTION_FRAME_Q + 224]
    ldp     q16, q17, [sp, #EXCEPTION_FRAME_Q + 256]
    ldp     q18, q19, [sp, #EXCEPTION_FRAME_Q + 288]
    ldp     q20, q21, [sp, #EXCEPTION_FRAME_Q + 320]
    ldp     q22, q23, [sp, #EXCEPTION_FRAME_Q + 352]
    ldp     q24, q25, [sp, #EXCEPTION_FRAME_Q + 384]
    ldp     q26, q27, [sp, #EXCEPTION_FRAME_Q + 416]
    ldp     q28, q29, [sp, #EXCEPTION_FRAME_Q + 448]
    ldp     q30, q31, [sp, #EXCEPTION_FRAME_Q + 480]
    ldp     x0, x1, [sp, #EXCEPTION_FRAME_FPSR]
    msr     fpsr, x0
    msr     fpcr, x1
.endm

/* Reload x0 and x1, and the SP of the frame, which need not be the frame's end. */
.macro drop_frame
    ldr     x0, [sp, #EXCEPTION_FRAME_DEPTH]
    adrp    x1, emergency_depth
    str     x0, [x1, :lo12:emergency_depth]
    ldp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    msr     tpidr_el1, x0
    ldr     x0, [sp, #EXCEPTION_FRAME_SP]
    mov     sp, x0
    mrs     x0, tpidr_el1
.endm

/*
 * Reload what save_general stored, and return from the exception. sp: `own`, to that of the frame
 * (drop_frame); `drop`, to the frame's end; `stay`, it is left at the frame.
 */
.macro restore_general all, sp
    ldp     x0, x1, [sp, #EXCEPTION_FRAME_ELR]
    msr     elr_el1, x0
    msr     spsr_el1, x1
    .if \all
    ldp     x20, x21, [sp, #EXCEPTION_FRAME_X + 160]
    ldp     x22, x23, [sp, #EXCEPTION_FRAME_X + 176]
    ldp     x24, x25, [sp, #EXCEPTION_FRAME_X + 192]
    ldp     x26, x27, [sp, #EXCEPTION_FRAME_X + 208]
    ldr     x28, [sp, #EXCEPTION_FRAME_X + 224]
    .endif
    ldp     x29, x30, [sp, #EXCEPTION_FRAME_X + 232]
    ldp     x18, x19, [sp, #EXCEPTION_FRAME_X + 144]
    ldp     x16, x17, [sp, #EXCEPTION_FRAME_X + 128]
    ldp     x14, x15, [sp, #EXCEPTION_FRAME_X + 112]
    ldp     x12, x13, [sp, #EXCEPTION_FRAME_X + 96]
    ldp     x10, x11, [sp, #EXCEPTION_FRAME_X + 80]
    ldp     x8, x9, [sp, #EXCEPTION_FRAME_X + 64]
    ldp     x6, x7, [sp, #EXCEPTION_FRAME_X + 48]
    ldp     x4, x5, [sp, #EXCEPTION_FRAME_X + 32]
    ldp     x2, x3, [sp, #EXCEPTION_FRAME_X + 16]
    .ifc \sp, own
    drop_frame
    .else
    ldp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    .endif
    .ifc \sp, drop
    add     sp, sp, #EXCEPTION_FRAME_SIZE
    .endif
    eret
.endm

/*
 * FP and SIMD are off while an exception is handled, until somebody uses them: most handlers do
 * not, and 34 registers need not be stored and loaded. Meanwhile SP_EL0 says which frame is to have
 * them (fp_wanted). nested: they may be off already, for an exception that this one interrupts;
 * never for an IRQ, as interrupts are masked while they are. Uses x0 and x1.
 */
.macro leave_fp nested
    .if \nested
    mrs     x0, cpacr_el1
    mrs     x1, sp_el0
    stp     x0, x1, [sp, #EXCEPTION_FRAME_CPACR]
    .endif
    mov     x0, sp
    msr     sp_el0, x0
    msr     cpacr_el1, xzr
    isb
.endm

/* As they were before, for what is returned to. On means used: the frame has what was in them. */
.macro return_fp nested, name
    mrs     x0, cpacr_el1
    cbnz    x0, .Lrestore_fp_\name
.Lrestored_fp_\name:
    .if \nested
    ldp     x0, x1, [sp, #EXCEPTION_FRAME_CPACR]
    msr     sp_el0, x1
    .else
    mov     x0, #CPACR_KERNEL
    .endif
    msr     cpacr_el1, x0 // by the return from the exception it counts
    .pushsection .text.vectors_fp, "ax"
.Lrestore_fp_\name:
    restore_fp
    b       .Lrestored_fp_\name
    .popsection
.endm

/* On for good: nothing is returned to. Uses x1. */
.macro take_fp
    mov     x1, #CPACR_KERNEL
    msr     cpacr_el1, x1
    isb
.endm

/*
 * Point SP at room for a frame: below the interrupted SP where that is in the stack and
 * leaves room, else where `elsewhere` says. The bounds are page-aligned, so ADRP is exact.
 */
.macro claim_frame vector
    /*
     * Two registers are needed before there is memory to save any: the system registers that
     * nothing else uses hold them meanwhile.
     */
    msr     tpidr_el1, x0
    msr     tpidrro_el0, x1
    mov     x1, sp
    tst     x1, #15
    b.ne    .Lelsewhere_\vector
    adrp    x0, __stack_top
    cmp     x1, x0
    b.hi    .Lelsewhere_\vector
    adrp    x0, __stack_bottom
    add     x0, x0, #EXCEPTION_FRAME_SIZE
    cmp     x1, x0
    b.lo    .Lelsewhere_\vector
    sub     sp, sp, #EXCEPTION_FRAME_SIZE
    str     x1, [sp, #EXCEPTION_FRAME_SP]
    adrp    x1, emergency_depth
    ldr     x0, [x1, :lo12:emergency_depth]
    str     x0, [sp, #EXCEPTION_FRAME_DEPTH]
.Lclaimed_\vector:
    mrs     x0, tpidr_el1
    mrs     x1, tpidrro_el0
    .pushsection .text.vectors_elsewhere, "ax"
.Lelsewhere_\vector:
    elsewhere
    b       .Lclaimed_\vector
    .popsection
.endm

/* Is the SP in x1 in this stack, with room for a frame? Then to 5. Uses x0. */
.macro in_stack name
    adrp    x0, __\name\()_top
    cmp     x1, x0
    b.hi    1f
    adrp    x0, __\name\()_bottom
    add     x0, x0, #EXCEPTION_FRAME_SIZE
    cmp     x1, x0
    b.hs    5f
1:
.endm

/*
 * x1: an SP that is misaligned, or has run into the stack's guard, or is another stack's.
 * Nobody knows whether there is memory below it, so the frame goes to the emergency stack;
 * to the last one while the first has a frame of such an exception that goes on: its
 * handler is in use further down, whatever stack it is on itself. What interrupts the
 * handler there has its frame below it, like on any stack.
 */
.macro elsewhere
    tst     x1, #15
    b.ne    2f
    in_stack emergency_stack
    in_stack last_stack
2:  adrp    x0, emergency_depth
    ldr     x0, [x0, :lo12:emergency_depth]
    cmp     x0, #1
    b.hi    exceptions_everywhere
    b.eq    3f
    adrp    x0, __emergency_stack_top
    b       4f
3:  adrp    x0, __last_stack_top
4:  sub     sp, x0, #EXCEPTION_FRAME_SIZE
    str     x1, [sp, #EXCEPTION_FRAME_SP]
    adrp    x1, emergency_depth
    ldr     x0, [x1, :lo12:emergency_depth]
    str     x0, [sp, #EXCEPTION_FRAME_DEPTH]
    add     x0, x0, #1
    str     x0, [x1, :lo12:emergency_depth]
    b       6f
5:  sub     sp, sp, #EXCEPTION_FRAME_SIZE
    str     x1, [sp, #EXCEPTION_FRAME_SP]
    adrp    x1, emergency_depth
    ldr     x0, [x1, :lo12:emergency_depth]
    str     x0, [sp, #EXCEPTION_FRAME_DEPTH]
6:
.endm

.macro unexpected vector
    .balign 128
    claim_frame \vector
    b       .Lunexpected_\vector
    .pushsection .text.vectors_unexpected, "ax"
.Lunexpected_\vector:
    stp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    save_general 1, 1
    record_frame
    take_fp
    mov     x0, sp
    mov     w1, #\vector
    bl      exception_unexpected
    .popsection
.endm

/*
 * An exception that user_enter returns for. SP is still at the frame that it has loaded, in the
 * caller's structure, and the kernel's own registers are in front of it.
 */
.macro user_vector vector
    .balign 128
    b       .Luser_\vector
    .pushsection .text.vectors_user, "ax"
.Luser_\vector:
    stp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    save_general 1, 1
    mrs     x0, sp_el0
    str     x0, [sp, #EXCEPTION_FRAME_SP]
    mrs     x0, tpidr_el0
    ldr     x1, [sp, #(USER_CONTEXT_KERNEL_THREAD - USER_CONTEXT_FRAME)]
    str     x0, [sp, #(USER_CONTEXT_THREAD - USER_CONTEXT_FRAME)]
    msr     tpidr_el0, x1
    ldr     x0, [sp, #(USER_CONTEXT_FP - USER_CONTEXT_FRAME)]
    cbz     x0, 1f
    save_fp sp
    mov     x0, #CPACR_KERNEL
    msr     cpacr_el1, x0
    /* FPCR too: the kernel does not compute by EL0's rules. */
    load_callee_saved_fp sp, USER_CONTEXT_KERNEL - USER_CONTEXT_FRAME
1:  load_callee_saved_general sp, USER_CONTEXT_KERNEL - USER_CONTEXT_FRAME
    mov     w0, #\vector
    ret
    .popsection
.endm

    .section .text.vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    // EL1 on SP_EL0, which nothing uses
    unexpected EXCEPTION_VECTOR_SP0_SYNC
    unexpected EXCEPTION_VECTOR_SP0_IRQ
    unexpected EXCEPTION_VECTOR_SP0_FIQ
    unexpected EXCEPTION_VECTOR_SP0_SERROR
    // EL1
    .balign 128
    claim_frame SYNC
    b       sync
    .balign 128
    /*
     * No look at SP: interrupts are masked whenever it is not the stack's, and this is the path
     * whose length is counted.
     */
    sub     sp, sp, #EXCEPTION_FRAME_SIZE
    b       irq
    unexpected EXCEPTION_VECTOR_FIQ
    unexpected EXCEPTION_VECTOR_SERROR
    // EL0, AArch64; SP is the frame that user_enter loaded
    user_vector EXCEPTION_VECTOR_LOWER_SYNC
    user_vector EXCEPTION_VECTOR_LOWER_IRQ
    unexpected EXCEPTION_VECTOR_LOWER_FIQ
    unexpected EXCEPTION_VECTOR_LOWER_SERROR
    // EL0, AArch32
    unexpected EXCEPTION_VECTOR_LOWER32_SYNC
    unexpected EXCEPTION_VECTOR_LOWER32_IRQ
    unexpected EXCEPTION_VECTOR_LOWER32_FIQ
    unexpected EXCEPTION_VECTOR_LOWER32_SERROR
    .balign 128

sync:
    stp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    mrs     x0, esr_el1
    lsr     x0, x0, #ESR_CLASS_SHIFT
    cmp     x0, #ESR_CLASS_FP
    b.eq    fp_wanted
    save_general 0, 1
    record_frame
    leave_fp 1
    mov     x0, sp
    bl      exception_resolve
    cbz     w0, .Lunresolved
    return_fp 1, resolved
    restore_general 0, own

/* The rest of the frame, for who looks at it all or goes on somewhere else. */
.Lunresolved:
    save_preserved
    mov     x0, sp
    bl      exception_sync
    return_fp 1, sync
    restore_general 1, own

/*
 * A handler uses FP or SIMD for the first time: what is in them goes to the frame of its exception.
 * Nothing else of this one's own is touched, and the instruction is executed again.
 */
fp_wanted:
    take_fp
    mrs     x0, sp_el0
    save_fp x0
    drop_frame
    eret

irq:
    /*
     * Callee-saved registers stay where they are: irq_dispatch is C, and gives them back as they
     * were (AAPCS64, 6.1.1).
     */
    stp     x0, x1, [sp, #EXCEPTION_FRAME_X]
    save_general 0, 0
    record_frame
    leave_fp 0
    bl      irq_dispatch
    return_fp 0, irq
    restore_general 0, drop

/*
 * Neither of the two has room, or both are in use: the handlers of exceptions have failed
 * themselves. Once on what is the last stack, whatever it holds, and then without any.
 */
exceptions_everywhere:
    adrp    x1, emergency_depth
    add     x0, x0, #1
    str     x0, [x1, :lo12:emergency_depth]
    cmp     x0, #4
    b.hs    2f
    adrp    x0, __last_stack_top
    mov     sp, x0
    mov     x29, xzr
    take_fp
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    b       exception_everywhere
2:  b.hi    3f
    mov     w0, #SYS_EXIT_EXTENDED
    adr     x1, 4f
    hlt     #0xf000
3:  wfi
    b       3b
    .balign 8
4:  .quad   ADP_APPLICATION_EXIT, EXIT_STATUS_EARLY_FAILED

/*
 * unsigned user_enter(struct user_context *context), described in vectors.h.
 * The kernel's callee-saved registers wait in front of the frame; SP_EL1 is left at
 * the frame, which is where the next exception from EL0 stores.
 */
    .section .text.user_enter, "ax"
    .global user_enter
user_enter:
    save_callee_saved_general x0, USER_CONTEXT_KERNEL
    mrs     x10, tpidr_el0
    ldr     x11, [x0, #USER_CONTEXT_THREAD]
    str     x10, [x0, #USER_CONTEXT_KERNEL_THREAD]
    msr     tpidr_el0, x11
    msr     tpidrro_el0, xzr // it held a register of the kernel
    ldr     x10, [x0, #(USER_CONTEXT_FRAME + EXCEPTION_FRAME_SP)]
    ldr     x12, [x0, #USER_CONTEXT_FP]
    msr     sp_el0, x10
    add     sp, x0, #USER_CONTEXT_FRAME
    cbz     x12, 1f
    save_callee_saved_fp x0, USER_CONTEXT_KERNEL
    mov     x10, #CPACR_ALL
    msr     cpacr_el1, x10 // by the return from the exception it counts
    restore_fp
1:  restore_general 1, stay

    .section .data.emergency_depth, "aw"
    .balign 8
    .global emergency_depth
emergency_depth:
    .quad   0
