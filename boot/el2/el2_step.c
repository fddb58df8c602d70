/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instruction of EL1 or EL0, and back (Arm ARM, "Software step exceptions"), and what EL1's
 * tables say. Its interrupts wait meanwhile: nothing but that instruction finds what is open for
 * it.
 */
#include <stddef.h>

#include "boot/el2/el2_private.h"

#define MDCR_TDE       (1ull << 8) /* debug exceptions come here */
#define MDSCR_SS       (1ull << 0)
#define SPSR_SS        (1ull << 21)
#define SPSR_MASKED    (7ull << 6) /* SError, IRQ, FIQ */
#define MODE_OWN       1ull        /* of SPSR: on the level's own stack pointer */
#define PAR_FAILED     (1ull << 0)
#define PAR_PAGE       0x0000fffffffff000ull
#define PAR_INNER(par) ((par) >> 56 & 0xf) /* as in MAIR_EL1 */
#define PAR_OUTER(par) ((par) >> 60)
#define WRITE_BACK     0xcull /* non-transient */
#define PAGE_OFFSET    0xfffull
#define INSTRUCTION    4u

static bool stepping;
/* As it was before. */
static uint64_t mdcr, mdscr, masked, pc;

void el2_step_begin(struct el2_frame *frame)
{
    if (!stepping) {
        stepping = true;
        pc = frame->elr;
        masked = frame->spsr & SPSR_MASKED;
        mdcr = el2_read("mdcr_el2");
        mdscr = el2_read("mdscr_el1");
        el2_write("mdcr_el2", mdcr | MDCR_TDE);
        el2_write("mdscr_el1", mdscr | MDSCR_SS);
        el2_write("oslar_el1", 0); /* locked, there are no debug exceptions */
    }
    frame->spsr |= SPSR_SS | SPSR_MASKED;
}

void el2_step_end(struct el2_frame *frame)
{
    if (!stepping) {
        el2_fatal("a step that nobody asked for, at", frame->elr);
    }
    stepping = false;
    el2_write("mdcr_el2", mdcr);
    el2_write("mdscr_el1", mdscr);
    frame->spsr &= ~SPSR_SS;
    if (frame->elr == pc + INSTRUCTION) {
        frame->spsr = (frame->spsr & ~SPSR_MASKED) | masked;
    } else { /* it has ended in an exception of EL1's, which keeps what it had masked */
        el2_write("spsr_el1", (el2_read("spsr_el1") & ~(SPSR_MASKED | SPSR_SS)) | masked);
    }
}

bool el2_translate(uint64_t virt, bool user, uint64_t *address, bool *cached)
{
    const uint64_t before = el2_read("par_el1"); /* EL1 may be about to read it */
    uint64_t found;

    if (user) {
        __asm__ volatile("at s1e0r, %0; isb" : : "r"(virt) : "memory");
    } else {
        __asm__ volatile("at s1e1r, %0; isb" : : "r"(virt) : "memory");
    }
    found = el2_read("par_el1");
    el2_write("par_el1", before);
    if (cached != NULL) {
        *cached = PAR_INNER(found) >= WRITE_BACK && PAR_OUTER(found) >= WRITE_BACK;
    }
    *address = (found & PAR_PAGE) | (virt & PAGE_OFFSET);
    return (found & PAR_FAILED) == 0;
}

uint64_t el2_stack_pointer(const struct el2_frame *frame)
{
    return (frame->spsr & MODE_OWN) != 0 ? el2_read("sp_el1") : el2_read("sp_el0");
}
