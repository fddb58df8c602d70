/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Synchronous exceptions. One is, in this order: repaired by the registered
 * handler, expected by fault_expect (fault.h), or a bug, which is printed
 * decoded and ends the image with EXIT_STATUS_PANIC.
 */
#ifndef KERNEL_EXCEPTION_H
#define KERNEL_EXCEPTION_H

#include "boot/vectors.h"
#include "kernel/types.h"

/* Exception classes, ESR_EL1.EC (Arm ARM, D17.2.37). */
#define ESR_CLASS(esr)            ((unsigned)((esr) >> ESR_CLASS_SHIFT) & 0x3f)
#define ESR_ISS(esr)              ((uint32_t)(esr)&0x1ffffff)
#define ESR_CLASS_UNKNOWN         0x00 /* undefined instruction */
#define ESR_CLASS_FETCH_ABORT_EL0 0x20
#define ESR_CLASS_FETCH_ABORT     0x21
#define ESR_CLASS_PC_ALIGNMENT    0x22
#define ESR_CLASS_DATA_ABORT_EL0  0x24
#define ESR_CLASS_DATA_ABORT      0x25
#define ESR_CLASS_SP_ALIGNMENT    0x26
#define ESR_CLASS_SERROR          0x2f
#define ESR_CLASS_BRK             0x3c

/* Data and instruction aborts: the fields of ISS. */
#define ESR_ABORT_STATUS(esr) ((unsigned)(esr)&0x3f)
#define ESR_ABORT_WRITE(esr)  (((esr) >> 6 & 1) != 0) /* data aborts only */
#define ESR_ABORT_CACHE(esr)                                                                       \
    (((esr) >> 8 & 1) != 0) /* by cache maintenance, which is no store                             \
                               although ESR_ABORT_WRITE says so */
#define ESR_ABORT_NO_FAR(esr) (((esr) >> 10 & 1) != 0)

/* Abort status, without its level in the two lowest bits. */
#define ESR_ABORT_ADDRESS_SIZE 0x00
#define ESR_ABORT_TRANSLATION  0x04
#define ESR_ABORT_ACCESS_FLAG  0x08
#define ESR_ABORT_PERMISSION   0x0c
#define ESR_ABORT_EXTERNAL     0x10 /* 0x14 to 0x17: on a table walk */
#define ESR_ABORT_ALIGNMENT    0x21

/*
 * Called for data and instruction aborts, on the interrupted stack, interrupts
 * masked. True: repaired, the instruction runs again. Not called for a stack
 * overflow. x20 to x28 are not in the frame. NULL removes it.
 */
typedef bool exception_fault_handler_t(struct exception_frame *frame);
void exception_set_fault_handler(exception_fault_handler_t *handler);

#endif
