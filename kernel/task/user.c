/* SPDX-License-Identifier: BSD-2-Clause */
/* Running code at EL0 and coming back with what stopped it. */
#include "kernel/user.h"

#include <string.h>

#include "kernel/exception.h"
#include "kernel/irq.h"
#include "kernel/startup.h"
#include "kernel/timer.h"
#include "kernel/trace.h"
#include "kernel/vm_abort.h"
#include "kernel/vm_map.h"

#define ESR_CLASS_SVC  0x15
#define ESR_SVC_NUMBER 0xffff

void user_init(struct user_state *state, vaddr_t pc, vaddr_t sp)
{
    memset(state, 0, sizeof(*state));
    state->context.frame.elr = pc; /* spsr 0: EL0, nothing masked */
    state->context.frame.sp = sp;
}

/* Serve one exception that is no call. False: the task has stopped, and *stop says why. */
static bool serve(struct task *task, struct user_state *state, enum user_stop *stop)
{
    const struct exception_frame *frame = &state->context.frame;

    switch (ESR_CLASS(frame->esr)) {
    case ESR_CLASS_DATA_ABORT_EL0:
    case ESR_CLASS_FETCH_ABORT_EL0:
        /*
         * ELR is the access itself, which is made again when the page is there, now or at the next
         * run.
         */
        state->status = vm_abort_resolve(task_map(task), frame->esr, frame->far);
        *stop = state->status == KERN_ABORTED ? USER_STOP_BLOCKED : USER_STOP_FAULT;
        return state->status == KERN_SUCCESS;
    case ESR_CLASS_FP:
        /* Made again, and from now on it has such registers, with what its frame says. */
        *stop = USER_STOP_OTHER;
        state->context.uses_fp++;
        return state->context.uses_fp == 1;
    default:
        *stop = USER_STOP_OTHER;
        return false;
    }
}

/* Until it stops, or *over is true; in its address space. */
static enum user_stop run_inside(struct task *task, struct user_state *state, const bool *over)
{
    enum user_stop stop = USER_STOP_TIME;

    do {
        if (user_enter(&state->context) == EXCEPTION_VECTOR_LOWER_IRQ) {
            /* It does not write ESR_EL1: what the frame has of it is an older exception's. */
            irq_dispatch();
        } else if (ESR_CLASS(state->context.frame.esr) == ESR_CLASS_SVC) {
            /*
             * ELR is behind the SVC already (Arm ARM, preferred return address): run again, the
             * task goes on with what follows.
             */
            state->call = ESR_ISS(state->context.frame.esr) & ESR_SVC_NUMBER;
            return USER_STOP_CALL;
        } else if (!serve(task, state, &stop)) {
            return stop;
        }
        /* The timer's handler has run in irq_dispatch; a stop of the code's own comes first. */
    } while (!*(const volatile bool *)over);
    return USER_STOP_TIME;
}

/* Until it stops, or *over is true. */
static enum user_stop run(struct task *task, struct user_state *state, const bool *over)
{
    struct vm_map *const map = task_map(task);
    enum user_stop stop;
    irq_state_t before;

    if (map == NULL) {
        state->status = KERN_INVALID_ADDRESS;
        return USER_STOP_FAULT; /* dead: there is nothing to run in */
    }
    state->status = KERN_SUCCESS;
    /*
     * Masked from here until EL0 runs, which has them open by its SPSR: a handler in between
     * would see the task's lower half, and touch it by mistake.
     */
    before = irq_mask();
    mmu_space_activate(vm_map_space(map));
    stop = run_inside(task, state, over);
    /*
     * Nothing stays in TTBR0: a NULL pointer of the kernel has to fault, and the space may be
     * destroyed next.
     */
    mmu_space_activate(NULL);
    trace_user_stop(state->context.frame.elr, stop, state->status);
    irq_restore(before);
    return stop;
}

enum user_stop user_run(struct task *task, struct user_state *state)
{
    static const bool never = false;

    return run(task, state, &never);
}

enum user_stop user_run_until(struct task *task, struct user_state *state, const bool *over)
{
    return run(task, state, over);
}

static void time_is_over(void *context)
{
    *(bool *)context = true;
}

enum user_stop user_run_for(struct task *task, struct user_state *state, uint64_t nanoseconds)
{
    bool over = false;
    struct timer timer = {.callback = time_is_over, .context = &over};
    const irq_state_t before = irq_mask(); /* it must not be over before it has begun */
    enum user_stop stop;

    timer_start(&timer, nanoseconds);
    stop = run(task, state, &over);
    /*
     * It lies on this stack: whatever stopped the task, it must be off the list before the return.
     */
    timer_cancel(&timer);
    irq_restore(before);
    return stop;
}
