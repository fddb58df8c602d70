/* SPDX-License-Identifier: BSD-2-Clause */

/* struct fault_context: sp, then x19 to x30 */

/*
 * bool fault_run(struct fault_context *context, void (*touch)(void *), void *argument)
 * Call touch(argument); false. If an exception is sent to fault_resume, with
 * x0 = context, fault_run returns a second time: true, with the registers and
 * stack of its call.
 */
    .section .text.fault_run, "ax"
    .global fault_run
    .global fault_resume
fault_run:
    mov     x9, sp
    stp     x9, x19, [x0]
    stp     x20, x21, [x0, #16]
    stp     x22, x23, [x0, #32]
    stp     x24, x25, [x0, #48]
    stp     x26, x27, [x0, #64]
    stp     x28, x29, [x0, #80]
    str     x30, [x0, #96]
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    mov     x9, x1
    mov     x0, x2
    blr     x9
    ldp     x29, x30, [sp], #16
    mov     w0, #0
    ret

fault_resume:
    ldp     x9, x19, [x0]
    ldp     x20, x21, [x0, #16]
    ldp     x22, x23, [x0, #32]
    ldp     x24, x25, [x0, #48]
    ldp     x26, x27, [x0, #64]
    ldp     x28, x29, [x0, #80]
    ldr     x30, [x0, #96]
    mov     sp, x9
    mov     w0, #1
    ret
