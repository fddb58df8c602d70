/* SPDX-License-Identifier: BSD-2-Clause */
/* A bug of our own: say where and why, and stop with EXIT_STATUS_PANIC. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/print_check.h"
#include "kernel/types.h"

/*
 * Prints the message and a backtrace, the trace (kernel/trace.h), what others have
 * added, and the kernel's page tables. Any context; a panic inside a panic only exits.
 */
__attribute__((noreturn)) void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define panic(...) (KPRINT_NO_FLOATS(__VA_ARGS__), panic(__VA_ARGS__))

/*
 * What a floor above wants to be seen after any panic, such as a ring of requests.
 * print runs with everything masked, on whatever stack is left, and may use kprintf
 * only; it must not wait, and must bound what it prints. The latest added is first. One that
 * has been added already: no effect.
 */
struct panic_report {
    void (*print)(void *context);
    void *context;
    struct panic_report *next; /* private */
};
void panic_add_report(struct panic_report *report); /* for as long as the image lives */

/*
 * Who has called whom up to here, as a backtrace names them: the addresses of the calls, innermost
 * first, without those of code in [skipped, skipped_end), which reports about its callers. How
 * many there are, `most` at the most. Any context; never faults.
 */
unsigned panic_callers(vaddr_t *callers, unsigned most, const char *skipped,
                       const char *skipped_end);

/* Is a byte of [start, start + length) on a stack of the kernel's? */
bool panic_is_stack(vaddr_t start, uint64_t length);

/* A state in which going on would corrupt memory: checked in every build. */
#define KERNEL_CHECK(condition)                                                                    \
    ((condition) ? (void)0                                                                         \
                 : panic("%s:%d: KERNEL_CHECK(%s) failed", __FILE__, __LINE__, #condition))

/* A bug of this code: checked in debug builds (DEBUG=1) only. */
#ifdef DEBUG
#define KERNEL_ASSERT(condition)                                                                   \
    ((condition) ? (void)0                                                                         \
                 : panic("%s:%d: KERNEL_ASSERT(%s) failed", __FILE__, __LINE__, #condition))
#else
#define KERNEL_ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
