/* SPDX-License-Identifier: BSD-2-Clause */
/* Between exception.c, exception_report.c and fault.c. */
#ifndef KERNEL_EXCEPTION_PRIVATE_H
#define KERNEL_EXCEPTION_PRIVATE_H

#include "kernel/exception.h"

bool exception_is_abort(uint64_t esr);

/* The stack ran into its guard page, by a push or by a frame of the vectors. */
bool exception_is_stack_overflow(const struct exception_frame *frame);

/* Print the exception in words, then registers and backtrace. vector: which one was taken, or NULL.
 */
void exception_print(const struct exception_frame *frame, const char *vector);

/* The same as the last words of the image. */
_Noreturn void exception_panic(const struct exception_frame *frame, const char *vector);

/* fault.c: if fault_expect is waiting, make the frame return to it. */
bool fault_expected(struct exception_frame *frame);

#endif
