/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to the host that runs the machine (Arm semihosting, A64: HLT #0xf000). */
#include "kernel/panic/semihost.h"

#include "kernel/exception.h"

extern char semihost_trap[]; /* the HLT below */

/*
 * In assembler, for the label must be that instruction: operation and block are where AAPCS64 puts
 * two arguments, x0 and x1, and the host takes them from there.
 */
__asm__(".section .text.semihost_call, \"ax\"\n"
        ".global semihost_call\n"
        "semihost_call:\n"
        "semihost_trap:\n"
        "    hlt #0xf000\n"
        "    ret\n"
        ".previous\n");

bool semihost_trapped(struct exception_frame *frame)
{
    /* By its address: an undefined instruction anywhere else is a bug, and is told as one. */
    if (ESR_CLASS(frame->esr) != ESR_CLASS_UNKNOWN || frame->elr != (uint64_t)semihost_trap) {
        return false;
    }
    frame->x[0] = (uint64_t)-1;
    /*
     * Past the HLT, as the host would have: the caller sees -1, which every operation has for
     * failure.
     */
    frame->elr += 4;
    return true;
}
