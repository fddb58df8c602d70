/* SPDX-License-Identifier: BSD-2-Clause */
/* Saying why, once, and ending the image whatever state it is in. */
#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/console.h"
#include "kernel/exception/exception_private.h"
#include "kernel/exit.h"
#include "kernel/panic/backtrace.h"

static bool is_panicking;

void panic_enter(void)
{
    __asm__ volatile("msr daifset, #15");
    if (is_panicking) {
        kernel_exit(EXIT_STATUS_PANIC);
    }
    is_panicking = true;
}

_Noreturn void panic(const char *format, ...)
{
    va_list arguments;

    panic_enter();
    kprintf("\npanic: ");
    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    backtrace_print((vaddr_t)__builtin_return_address(0) - 4, 0,
                    *(vaddr_t *)__builtin_frame_address(0));
    kernel_exit(EXIT_STATUS_PANIC);
}
