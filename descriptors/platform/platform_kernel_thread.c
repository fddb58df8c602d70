/* SPDX-License-Identifier: BSD-2-Clause */
/* The seam's threads, over the kernel's way to EL0 and back. */
#include "descriptors/platform_process.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "kernel/user.h"

/*
 * Most turns end in a moment: a deadline for each would cost more than many of them do. So one
 * timer goes on over all turns, and what it finds in the turn in which it found the code the time
 * before has had its time: the limit, and less than as much again.
 */
struct platform_thread {
    struct user_state state; /* first: it is aligned */
    struct task *task;
    struct timer timer;
    uint64_t limit; /* nanoseconds; 0: the timer does not run */
    uint64_t turns, found;
    enum user_stop stop; /* the last */
    bool running, over;
};

static void look(void *context)
{
    struct platform_thread *const thread = context;

    if (!thread->running) {
        thread->limit = 0; /* the next turn starts it */
        return;
    }
    thread->over = thread->found == thread->turns;
    thread->found = thread->turns;
    timer_start(&thread->timer, thread->limit);
}

kern_return_t platform_thread_create(task_t task, uint64_t pc, uint64_t stack, uint64_t first,
                                     uint64_t second, struct platform_thread **out)
{
    struct platform_thread *thread =
        heap_alloc_aligned(sizeof(*thread), _Alignof(struct platform_thread));

    if (thread == NULL) {
        return KERN_RESOURCE_SHORTAGE;
    }
    user_init(&thread->state, pc, stack);
    thread->state.context.frame.x[0] = first;
    thread->state.context.frame.x[1] = second;
    thread->task = task;
    thread->timer = (struct timer){.callback = look, .context = thread};
    thread->limit = thread->turns = thread->found = 0;
    thread->running = thread->over = false;
    *out = thread;
    return KERN_SUCCESS;
}

void platform_thread_free(struct platform_thread *thread)
{
    if (thread != NULL) {
        timer_cancel(&thread->timer);
        heap_free(thread);
    }
}

/* SVC #0 with the number in x8 is a call; any other has a meaning of its own elsewhere. */
static enum platform_stop stop_of(enum user_stop stop, const struct user_state *state)
{
    if (__builtin_expect(stop == USER_STOP_CALL, true)) {
        return state->call == 0 ? PLATFORM_STOP_CALL : PLATFORM_STOP_FAULT;
    }
    switch (stop) {
    case USER_STOP_BLOCKED:
        return PLATFORM_STOP_BLOCKED;
    case USER_STOP_TIME:
        return PLATFORM_STOP_TIME;
    default:
        return PLATFORM_STOP_FAULT;
    }
}

enum platform_stop platform_thread_run(struct platform_thread *thread, uint64_t nanoseconds)
{
    thread->turns++;
    thread->over = false;
    thread->running = true;
    if (thread->limit != nanoseconds) {
        thread->limit = nanoseconds;
        timer_start(&thread->timer, nanoseconds);
    }
    thread->stop = user_run_until(thread->task, &thread->state, &thread->over);
    thread->running = false;
    return stop_of(thread->stop, &thread->state);
}

uint64_t *platform_thread_registers(struct platform_thread *thread)
{
    return thread->state.context.frame.x;
}

void platform_thread_stopped(const struct platform_thread *thread, struct platform_stopped *stopped)
{
    const struct exception_frame *const frame = &thread->state.context.frame;

    *stopped =
        (struct platform_stopped){.pc = frame->elr,
                                  .address = thread->stop == USER_STOP_FAULT ? frame->far : 0,
                                  .state = frame->spsr};
}
