/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assembly only: keeping the registers that a C function may expect to find
 * again (AAPCS64), in thirteen words: sp, then x19 to x30. Uses x10.
 */
#ifndef BOOT_CALLEE_SAVED_H
#define BOOT_CALLEE_SAVED_H

.macro save_callee_saved base
    mov     x10, sp
    stp     x10, x19, [\base]
    stp     x20, x21, [\base, #16]
    stp     x22, x23, [\base, #32]
    stp     x24, x25, [\base, #48]
    stp     x26, x27, [\base, #64]
    stp     x28, x29, [\base, #80]
    str     x30, [\base, #96]
.endm

.macro load_callee_saved base
    ldp     x10, x19, [\base]
    ldp     x20, x21, [\base, #16]
    ldp     x22, x23, [\base, #32]
    ldp     x24, x25, [\base, #48]
    ldp     x26, x27, [\base, #64]
    ldp     x28, x29, [\base, #80]
    ldr     x30, [\base, #96]
    mov     sp, x10
.endm

#endif
