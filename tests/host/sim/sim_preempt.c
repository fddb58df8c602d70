/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction by instruction, by x86's trap flag. */
#define _GNU_SOURCE
#include "tests/host/sim/sim_preempt.h"

#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "kernel/heap.h"
#include "kernel/lock.h"
#include "kernel/task.h"

/*
 * The kernel's heap and who watches a task have no lock, since there is one thread; who has several
 * gives the classes a platform that has. So nobody comes in the middle of them (--wrap, in the
 * Makefile).
 */
static unsigned in_whole;

#define AS_ONE(call)                                                                               \
    in_whole++;                                                                                    \
    call;                                                                                          \
    in_whole--

void *__real_heap_alloc(size_t size);
void *__real_heap_alloc_zero(size_t size);
void *__real_heap_alloc_aligned(size_t size, size_t alignment);
void *__real_heap_realloc(void *block, size_t size);
void __real_heap_free(void *block);
void *__wrap_heap_alloc(size_t size);
void *__wrap_heap_alloc_zero(size_t size);
void *__wrap_heap_alloc_aligned(size_t size, size_t alignment);
void *__wrap_heap_realloc(void *block, size_t size);
void __wrap_heap_free(void *block);
void __real_task_watch_add(struct task *task, struct task_watch *watch);
void __real_task_watch_remove(struct task_watch *watch);
void __wrap_task_watch_add(struct task *task, struct task_watch *watch);
void __wrap_task_watch_remove(struct task_watch *watch);

void *__wrap_heap_alloc(size_t size)
{
    void *block;

    AS_ONE(block = __real_heap_alloc(size));
    return block;
}

void *__wrap_heap_alloc_zero(size_t size)
{
    void *block;

    AS_ONE(block = __real_heap_alloc_zero(size));
    return block;
}

void *__wrap_heap_alloc_aligned(size_t size, size_t alignment)
{
    void *block;

    AS_ONE(block = __real_heap_alloc_aligned(size, alignment));
    return block;
}

void *__wrap_heap_realloc(void *block, size_t size)
{
    AS_ONE(block = __real_heap_realloc(block, size));
    return block;
}

void __wrap_heap_free(void *block)
{
    AS_ONE(__real_heap_free(block));
}

void __wrap_task_watch_add(struct task *task, struct task_watch *watch)
{
    AS_ONE(__real_task_watch_add(task, watch));
}

void __wrap_task_watch_remove(struct task_watch *watch)
{
    AS_ONE(__real_task_watch_remove(watch));
}

#ifdef __x86_64__

#define STEP 0x100 /* the flag: an exception after each instruction */

static struct {
    void (*second)(void); /* NULL: it has run */
    uint64_t left;        /* instructions before it does */
} waiting;

static void on_step(int signal_number, siginfo_t *info, void *context)
{
    void (*const second)(void) = waiting.second;

    (void)signal_number, (void)info;
    if (second == NULL || sim_irq_masked != 0 || in_whole != 0 || lock_innermost() != NULL) {
        return;
    }
    if (waiting.left != 0) {
        waiting.left--;
        return;
    }
    waiting.second = NULL;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)STEP;
    second();
}

bool sim_preempt(void (*first)(void), void (*second)(void), uint64_t nth)
{
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, before;

    waiting.second = second;
    waiting.left = nth;
    sigaction(SIGTRAP, &action, &before);
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | STEP);
    first();
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(uint64_t)STEP);
    sigaction(SIGTRAP, &before, NULL);
    return waiting.second == NULL;
}

#else

bool sim_preempt(void (*first)(void), void (*second)(void), uint64_t nth)
{
    (void)second, (void)nth;
    first();
    return false;
}

#endif
