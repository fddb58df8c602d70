/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults that somebody expects (fault.h). */
#include "kernel/fault.h"

#include "kernel/exception/exception_private.h"
#include "kernel/irq.h"
#include "kernel/lock.h"

struct fault_context {
    uint64_t registers[22];      /* first, written by fault.S: what callee_saved.inc keeps */
    uint64_t depth;              /* of emergency stacks in use by what called fault_expect */
    bool in_handler;             /* it waits in an interrupt handler, for faults of that alone */
    struct fault_context *outer; /* that waits meanwhile */
    struct fault_record record;  /* of the exception that ended it */
};

bool fault_run(struct fault_context *context, void (*touch)(void *argument), void *argument);
extern char fault_resume[];

static struct fault_context *waiting; /* of the innermost fault_expect under way, or NULL */

bool fault_expected(struct exception_frame *frame)
{
    /*
     * A fault of a handler that came in between is not the one that is expected: it would be
     * swallowed, and the interrupt never ended.
     */
    if (waiting == NULL || waiting->in_handler != irq_in_handler()) {
        return false;
    }
    waiting->record =
        (struct fault_record){.esr = frame->esr, .far = frame->far, .elr = frame->elr};
    /*
     * Returning from the exception lands in fault_resume with the context in x0; it restores
     * what AAPCS64 has a callee save, which is all that the caller of fault_run counts on.
     */
    frame->x[0] = (uint64_t)waiting;
    frame->elr = (uint64_t)fault_resume;
    /* At once, for an interrupt that comes first, and with it the handlers that are left now. */
    frame->sp = waiting->registers[0];
    frame->depth = waiting->depth;
    /* fault_run has used FP: whatever it is called in, that has been on since. */
    frame->cpacr = CPACR_KERNEL;
    waiting = waiting->outer;
    return true;
}

bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault)
{
    struct fault_context context = {
        .depth = emergency_depth, .in_handler = irq_in_handler(), .outer = waiting};
    struct lock_identity *const held = lock_innermost();
    irq_state_t before;

    __asm__ volatile("mrs %0, daif" : "=r"(before));
    /*
     * Linked before the touch and unlinked by whoever ends it, so that faults in a handler which
     * interrupts this never find a context that is half there.
     */
    waiting = &context;
    bool raised = fault_run(&context, touch, argument);
    waiting = context.outer;
    if (raised) {
        lock_rewind(held);
        irq_restore(before); /* touch may have masked them */
        *fault = context.record;
    }
    return raised;
}
