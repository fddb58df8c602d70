/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults that a test expects (panic.h). */
#include "kernel/exception_private.h"
#include "kernel/irq.h"
#include "kernel/panic.h"

/* Written by fault.S: sp, x19 to x30. */
struct fault_context {
    uint64_t registers[13];
};

bool fault_run(struct fault_context *context, void (*touch)(void *argument), void *argument);
extern char fault_resume[];

static struct fault_context *waiting; /* of the fault_expect under way, or NULL */
static struct fault_record record;

bool fault_expected(struct exception_frame *frame)
{
    if (waiting == NULL || irq_in_handler()) {
        return false;
    }
    record = (struct fault_record){.esr = frame->esr, .far = frame->far, .elr = frame->elr};
    frame->x[0] = (uint64_t)waiting;
    frame->elr = (uint64_t)fault_resume;
    waiting = NULL;
    return true;
}

bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault)
{
    struct fault_context context;
    irq_state_t before;

    CHECK(waiting == NULL);
    __asm__ volatile("mrs %0, daif" : "=r"(before));
    waiting = &context;
    bool raised = fault_run(&context, touch, argument);
    waiting = NULL;
    if (raised) {
        irq_restore(before); /* touch may have masked them */
        *fault = record;
    }
    return raised;
}
