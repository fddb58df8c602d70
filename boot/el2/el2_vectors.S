/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way into EL2 and out of it: once from start.S, with the MMU off and nothing of the
 * kernel up yet, and then by every trap.
 */
#define FRAME_SIZE 272   /* struct el2_frame */
#define FRAME_ELR  256
#define STACK_SIZE 16384

    .section .text.entry, "ax"
/*
 * From start.S at EL2: w0: there is a GICv3. Comes back with SP_EL2 on a stack of its own,
 * which every trap then starts on. Keeps what C keeps.
 */
    .global early_monitor
early_monitor:
    adrp    x1, el2_stack_top
    add     x1, x1, :lo12:el2_stack_top
    mov     sp, x1
    stp     x29, x30, [sp, #-16]!
    mov     x29, xzr
    bl      el2_start
    ldp     x29, x30, [sp], #16
    ret

/* Size in w1; what is none of 1, 2 and 4 is 8. */
.macro by_size four, two, one
    cmp     w1, #4
    b.eq    \four
    cmp     w1, #2
    b.eq    \two
    cmp     w1, #1
    b.eq    \one
.endm

/*
 * el2_load and el2_store: the only accesses that may end in an abort here; own_sync knows them by
 * where they are. Such an abort leaves FAR_EL2 as it was: of the trap that all this is about.
 */
    .global el2_load
el2_load:
    mrs     x4, far_el2
    by_size 4f, 2f, 1f
tried:
    ldr     x3, [x0]
    b       loaded
4:  ldr     w3, [x0]
    b       loaded
2:  ldrh    w3, [x0]
    b       loaded
1:  ldrb    w3, [x0]
loaded:
    str     x3, [x2]
    mov     w0, #1
    ret

    .global el2_store
el2_store:
    mrs     x4, far_el2
    by_size 4f, 2f, 1f
    str     x2, [x0]
    b       stored
4:  str     w2, [x0]
    b       stored
2:  strh    w2, [x0]
    b       stored
1:  strb    w2, [x0]
stored:
    dsb     sy              // an abort is of this store, and not of what comes later
    mov     w0, #1
    ret
tried_end:
not_there:
    msr     far_el2, x4
    mov     w0, #0
    ret

.macro save
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    stp     x30, xzr, [sp, #240]
    mrs     x0, elr_el2
    mrs     x1, spsr_el2
    stp     x0, x1, [sp, #FRAME_ELR]
    mov     x0, sp
.endm

leave:
    ldp     x0, x1, [sp, #FRAME_ELR]
    ldr     x30, [sp, #240]
    msr     elr_el2, x0
    msr     spsr_el2, x1
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    ldp     x0, x1, [sp]
    add     sp, sp, #FRAME_SIZE
    eret

sync:
    save
    bl      el2_sync
    b       leave

fiq:
    save
    bl      el2_fiq
    b       leave

irq:
    save
    bl      el2_irq
    b       leave

/* The same, one CPU at a time. */
.macro alone handler
    save
    bl      el2_lock
    mov     x0, sp
    bl      \handler
    bl      el2_unlock
    b       leave
.endm

shared_sync:
    alone   el2_sync
shared_fiq:
    alone   el2_fiq

/* EL2's own: of what may be tried it is the answer, anything else is a fault of ours. */
own_sync:
    stp     x0, x1, [sp, #-16]!
    mrs     x0, elr_el2
    adr     x1, tried
    cmp     x0, x1
    b.lo    unexpected
    adr     x1, tried_end
    cmp     x0, x1
    b.hs    unexpected
    adr     x1, not_there
    msr     elr_el2, x1
    ldp     x0, x1, [sp], #16
    eret

unexpected:
    mrs     x0, esr_el2
    mrs     x1, elr_el2
    b       el2_unexpected

.macro vector to
    .balign 128
    b       \to
.endm

/* In the order of the Arm ARM, "Exception vectors". */
    .balign 2048
    .global el2_vectors
el2_vectors:
    .rept 4                 // from EL2 on SP_EL0, which it never uses
    vector  unexpected
    .endr
    vector  own_sync
    .rept 3
    vector  unexpected
    .endr
    vector  sync            // from EL1 and EL0
    vector  irq             // only when HCR_EL2.IMO is 1
    vector  fiq
    vector  unexpected
    vector  sync            // from AArch32: refused in C
    vector  irq
    vector  fiq
    vector  unexpected

    .balign 2048
    .global el2_vectors_shared
el2_vectors_shared:
    .rept 4
    vector  unexpected
    .endr
    vector  own_sync
    .rept 3
    vector  unexpected
    .endr
    vector  shared_sync
    vector  unexpected
    vector  shared_fiq
    vector  unexpected
    vector  shared_sync
    vector  unexpected
    vector  shared_fiq
    vector  unexpected

    .section .stack, "aw", %nobits
    .balign 16
    .skip   STACK_SIZE
el2_stack_top:
