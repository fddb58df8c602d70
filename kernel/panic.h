/* SPDX-License-Identifier: BSD-2-Clause */
/* A bug of our own: say where and why, and stop with EXIT_STATUS_PANIC. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/types.h"

/* Prints the message and a backtrace. Any context; a panic inside a panic only exits. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A state in which going on would corrupt memory: checked in every build. */
#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : panic("%s:%d: CHECK(%s) failed", __FILE__, __LINE__, #condition))

/* A bug of this code: checked in debug builds (DEBUG=1) only. */
#ifdef DEBUG
#define ASSERT(condition)                                                                          \
    ((condition) ? (void)0 : panic("%s:%d: ASSERT(%s) failed", __FILE__, __LINE__, #condition))
#else
#define ASSERT(condition) ((void)sizeof(condition))
#endif

/*
 * An access that may fault: run touch(argument); true if it raised a synchronous
 * exception, whose syndrome and address are then stored. For devices that may not
 * answer, and for tests. Nests, and works in interrupt handlers. Callee-saved
 * registers and the stack are those of the caller afterwards.
 */
struct fault_record {
    uint64_t esr; /* syndrome, ESR_EL1 */
    uint64_t far; /* faulting address, FAR_EL1 */
    uint64_t elr; /* instruction, ELR_EL1 */
};
bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault);

#endif
