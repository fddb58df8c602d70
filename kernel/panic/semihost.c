/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to the host that runs the machine (Arm semihosting, A64: HLT #0xf000). */
#include "kernel/panic/semihost.h"

#include "kernel/exception.h"

extern char semihost_trap[]; /* the HLT below */

__asm__(".section .text.semihost_call, \"ax\"\n"
        ".global semihost_call\n"
        "semihost_call:\n"
        "semihost_trap:\n"
        "    hlt #0xf000\n"
        "    ret\n"
        ".previous\n");

bool semihost_trapped(struct exception_frame *frame)
{
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
