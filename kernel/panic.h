/* SPDX-License-Identifier: BSD-2-Clause */
/* A bug of our own: say where and why, and stop with EXIT_STATUS_PANIC. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/types.h"

/* Prints the message and a backtrace. Any context; a panic inside a panic only exits. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

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
