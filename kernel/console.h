/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: text goes to whichever device has registered; before that, to
 * the UART of the `virt` machine at its fixed address. kprintf needs no libc
 * and works in any context, panics included.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdarg.h>

#include "kernel/types.h"

struct console {
    void (*write)(struct console *self, const char *text, size_t length); /* blocks until taken */
    int (*read)(struct console *self); /* next byte, or -1 if none waits */
};

/* Send everything there from now on. Returns the console before; NULL: the UART of boot. */
struct console *console_register(struct console *console);
void console_write(const char *text, size_t length);
int console_read(void); /* next byte, or -1 if none waits */

/*
 * %d %i %u %x %X %p %s %c %% with width, 0, -, the lengths hh h l ll z j t, and
 * a precision for %s; anything else is printed as it stands.
 */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kvprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/* As C's snprintf: always terminated when size is not 0; returns the length it would have had. */
int ksnprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
