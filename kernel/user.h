/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running code at EL0 in a task's address space. The kernel stays in charge: a
 * call returns when the code stops, for one of the reasons below. Page faults
 * that the task's ranges can resolve, and interrupts, are served on the way.
 * Thread context.
 */
#ifndef KERNEL_USER_H
#define KERNEL_USER_H

#include "boot/vectors.h"
#include "kernel/kern_return.h"
#include "kernel/task.h"

/* Why a user program has stopped. */
enum user_stop {
    USER_STOP_CALL,    /* SVC; its number is in `call`, arguments in the registers */
    USER_STOP_BLOCKED, /* an access to a blocked range: run again when it is unblocked */
    USER_STOP_FAULT,   /* an access that is not allowed, or no page for it; status says which */
    USER_STOP_OTHER,   /* any other exception; see esr in the frame */
    USER_STOP_TIME,    /* its time is over: run again to let it go on where it was */
};

/* A user program's registers, and why it has stopped. */
struct user_state {
    struct user_context context; /* registers, in context.frame */
    unsigned call;
    kern_return_t status;
};

/* At a program counter and stack pointer (0: none), other registers zero, interrupts enabled. */
void user_init(struct user_state *state, vaddr_t pc, vaddr_t sp);

/* Run it until it stops. Thread context. */
enum user_stop user_run(struct task *task, struct user_state *state);

/*
 * The same for at most so long, so that code which loops comes back. The limit is by the
 * clock, what interrupts and faults take included, and at least one instruction runs.
 */
enum user_stop user_run_for(struct task *task, struct user_state *state, uint64_t nanoseconds);

/*
 * The same until somebody, a handler as a rule, says that it is over: what has come by then is
 * USER_STOP_TIME. For who runs code so often that a deadline for each time would be dear.
 */
enum user_stop user_run_until(struct task *task, struct user_state *state, const bool *over);

#endif
