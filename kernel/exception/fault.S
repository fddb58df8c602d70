/* SPDX-License-Identifier: BSD-2-Clause */
/* The touch of fault_expect, and the way out of it that a fault takes. */
#include "boot/callee_saved.inc"

/*
 * bool fault_run(struct fault_context *context, void (*touch)(void *), void *argument)
 * Call touch(argument); false. If an exception is sent to fault_resume, with
 * x0 = context, fault_run returns a second time: true, with what
 * a C function counts on as it was at its call.
 */
    .section .text.fault_run, "ax"
    .global fault_run
    .global fault_resume
fault_run:
    save_callee_saved x0
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
/* x9: no argument and not saved by callees, so it survives the next move. */
    mov     x9, x1
    mov     x0, x2
    blr     x9
    ldp     x29, x30, [sp], #16
    mov     w0, #0
    ret

fault_resume:
    load_callee_saved x0
    mov     w0, #1
    ret
