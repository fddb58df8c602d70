/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console, panics and faults of host tests: standard error, and the end. The text
 * is made by the kernel's own formatter.
 */
#include "tests/host/sim/sim_console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/fault.h"
#include "kernel/panic.h"

static char said[1024];
static size_t used;

void sim_console_forget(void)
{
    used = 0;
    said[0] = '\0';
}

bool sim_console_said(const char *words)
{
    return strstr(said, words) != NULL;
}

void console_write(const char *text, size_t length)
{
    fwrite(text, 1, length, stderr);
    if (length >= sizeof(said) - used) {
        sim_console_forget();
    }
    memcpy(said + used, text, length);
    used += length;
    said[used] = '\0';
}

void(panic)(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    abort();
}

/* A fault ends the process here: nobody expects one. */
bool fault_expect(void (*touch)(void *argument), void *argument, struct fault_record *fault)
{
    (void)fault;
    touch(argument);
    return false;
}
