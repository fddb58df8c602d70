/* SPDX-License-Identifier: BSD-2-Clause */
/* The console, panics and faults of host tests: standard error, and the end. */
#include "tests/host/sim/sim_console.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/fault.h"
#include "kernel/panic.h"

static char said[1024];
static size_t length;

void sim_console_forget(void)
{
    length = 0;
    said[0] = '\0';
}

bool sim_console_said(const char *words)
{
    return strstr(said, words) != NULL;
}

void kvprintf(const char *format, va_list arguments)
{
    char text[512];
    size_t size = (size_t)vsnprintf(text, sizeof(text), format, arguments);

    if (size >= sizeof(text)) {
        size = sizeof(text) - 1;
    }
    fputs(text, stderr);
    if (size >= sizeof(said) - length) {
        sim_console_forget();
    }
    memcpy(said + length, text, size + 1);
    length += size;
}

void kprintf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
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

/* A fault ends the process here: nobody expects one. */
bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault)
{
    (void)fault;
    touch(argument);
    return false;
}
