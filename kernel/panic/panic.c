/* SPDX-License-Identifier: BSD-2-Clause */
/* Saying why, once, and ending the image whatever state it is in. */
#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/mmu.h"
#include "kernel/panic/backtrace.h"
#include "kernel/panic/panic_enter.h"
#include "kernel/trace.h"

#define TABLE_LINES 32 /* of the kernel's tables: enough for the image, RAM and the devices */

static bool is_panicking;
static struct panic_report *reports;

void panic_add_report(struct panic_report *report)
{
    /* Linked twice, the list would have no end, and neither would a panic. */
    for (const struct panic_report *at = reports; at != NULL; at = at->next) {
        if (at == report) {
            return;
        }
    }
    report->next = reports;
    reports = report;
}

void panic_enter(void)
{
    /* Everything, debug exceptions too: a handler could go on using what is broken. */
    __asm__ volatile("msr daifset, #15");
    /*
     * The panic itself has failed: what it can say has been said, and a third try would do the
     * same.
     */
    if (is_panicking) {
        kernel_exit(EXIT_STATUS_PANIC);
    }
    is_panicking = true;
}

/*
 * What costs least trust first: the ring is an array; reports and tables follow
 * pointers that may be what is broken. If they are, the fault inside this panic ends
 * the image (panic_enter), and the cause has been said.
 */
_Noreturn void panic_leave(void)
{
    trace_print();
    for (struct panic_report *report = reports; report != NULL; report = report->next) {
        report->print(report->context);
    }
    kprintf("kernel tables:\n");
    mmu_print(mmu_kernel, TABLE_LINES);
    kernel_exit(EXIT_STATUS_PANIC);
}

_Noreturn void(panic)(const char *format, ...)
{
    va_list arguments;

    panic_enter();
    kprintf("\npanic: ");
    va_start(arguments, format);
    kvprintf(format, arguments);
    va_end(arguments);
    kprintf("\n");
    /* From the caller on: how a panic gets to its own end is nothing that anybody asks. */
    backtrace_print((vaddr_t)__builtin_return_address(0) - 4, 0,
                    *(vaddr_t *)__builtin_frame_address(0));
    panic_leave();
}
