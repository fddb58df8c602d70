/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console and panics of host tests: standard error, and the end. The text
 * is made by the kernel's own formatter.
 */
#include "tests/host/sim/sim_console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/exception.h"
#include "kernel/fault.h"
#include "kernel/panic.h"

static char said[1024];
static size_t used;
static uint64_t line_ends;
static bool quiet;

jmp_buf *sim_panic_return;

void sim_console_forget(void)
{
    used = 0;
    said[0] = '\0';
}

bool sim_console_said(const char *words)
{
    return strstr(said, words) != NULL;
}

const char *sim_console_after(const char *words)
{
    const char *at = strstr(said, words);

    return at != NULL ? at + strlen(words) : NULL;
}

uint64_t sim_console_lines(void)
{
    return line_ends;
}

void sim_console_set_quiet(bool on)
{
    quiet = on;
}

void console_write(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        line_ends += text[i] == '\n';
    }
    if (!quiet) {
        fwrite(text, 1, length, stderr);
    }
    if (length >= sizeof(said) - used) {
        sim_console_forget();
    }
    memcpy(said + used, text, length);
    used += length;
    said[used] = '\0';
}

/* Nothing is left to be shown after abort: a test asks for them when it wants to. */
static struct panic_report *reports;

void panic_add_report(struct panic_report *report)
{
    for (const struct panic_report *at = reports; at != NULL; at = at->next) {
        if (at == report) {
            return;
        }
    }
    report->next = reports;
    reports = report;
}

void sim_panic_show_reports(void)
{
    for (const struct panic_report *report = reports; report != NULL; report = report->next) {
        report->print(report->context);
    }
}

void(panic)(const char *format, ...)
{
    jmp_buf *const back = sim_panic_return;
    const bool was_quiet = quiet;
    va_list arguments;

    quiet = quiet || back != NULL; /* whoever waits for it looks at the words */
    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    quiet = was_quiet;
    if (back != NULL) {
        sim_panic_return = NULL;
        longjmp(*back, 1);
    }
    abort();
}

/* Nor does the host's CPU raise one: a test calls who would resolve it, with what it wants. */
exception_fault_handler_t *sim_fault_handler;

void exception_set_fault_handler(exception_fault_handler_t *handler)
{
    sim_fault_handler = handler;
}

/* This machine's calls are no backtrace of the kernel's, and its stack is in no simulated RAM. */
char __classes_text_start[1], __classes_text_end[1];

uint64_t sim_caller, sim_stack_start, sim_stack_end;

unsigned panic_callers(vaddr_t *callers, unsigned most, const char *skipped,
                       const char *skipped_end)
{
    (void)skipped, (void)skipped_end;
    if (sim_caller == 0 || most == 0) {
        return 0;
    }
    callers[0] = sim_caller;
    return 1;
}

bool panic_is_stack(vaddr_t start, uint64_t length)
{
    return start >= sim_stack_start && start < sim_stack_end && length <= sim_stack_end - start;
}
