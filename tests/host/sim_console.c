/* SPDX-License-Identifier: BSD-2-Clause */
/* The console and panics of host tests: standard error, and abort. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/console.h"
#include "kernel/panic.h"

void kprintf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}
