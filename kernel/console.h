/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: text goes to whichever device has registered; before that, to
 * the UART of the `virt` machine at its fixed address. kprintf needs no libc
 * and works in any context, panics included.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdarg.h>

#include "kernel/print_check.h"
#include "kernel/types.h"

/* A device that text goes to, and comes from. */
struct console {
    void (*write)(struct console *self, const char *text, size_t length); /* blocks until taken */
    int (*read)(struct console *self); /* next byte, or -1 if none waits */
};

/* Send everything there from now on. Returns the console before; NULL: the UART of boot. */
struct console *console_register(struct console *console);
void console_write(const char *text, size_t length);
int console_read(void); /* next byte, or -1 if none waits */

/*
 * Formatted text: all of C11's printf but floating point, and what GCC's format check
 * lets pass beside it (%b, %m, %2$d, the flags ' and I). %m gives errno's number. An
 * argument of a floating type does not compile: the kernel leaves FP registers alone.
 */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kvprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/* As C's snprintf: always terminated when size is not 0; returns the length it would have had. */
int ksnprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* The same with the arguments checked: no floating point, which handlers must not touch. */
#define kprintf(...) (KPRINT_NO_FLOATS(__VA_ARGS__), kprintf(__VA_ARGS__))
#define ksnprintf(buffer, size, ...)                                                               \
    (KPRINT_NO_FLOATS(__VA_ARGS__), ksnprintf(buffer, size, __VA_ARGS__))

#endif
