/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers by their frame records (AAPCS64, "The Frame Pointer"), each looked at before it is read.
 */
#include "kernel/panic/backtrace.h"

#include "kernel/console.h"
#include "kernel/panic.h"

#define BACKTRACE_MAX 32 /* lines; an overflowed stack has thousands */

/* AAPCS64, 6.2.3: x29 points to the innermost record; the last one's caller is NULL. */
struct frame_record {
    const struct frame_record *caller;
    vaddr_t link;
};

/* For a debugger, which may look long after the stack was left (qemu/gdb/dmakit.py: crash). */
struct backtrace_origin {
    vaddr_t pc, link, frame; /* of the first backtrace; pc 0: there was none */
};
struct backtrace_origin backtrace_origin;

extern char __text_start[], __text_end[];
extern char __stack_bottom[], __stack_top[], __emergency_stack_bottom[], __emergency_stack_top[];
extern char __last_stack_bottom[], __last_stack_top[];

static bool is_within(vaddr_t address, const char *start, const char *end)
{
    /* All of the record, or its second word would be read from the guard page. */
    return address >= (vaddr_t)start && address <= (vaddr_t)end - sizeof(struct frame_record);
}

static bool is_readable_record(vaddr_t record)
{
    /* Nothing else is followed: x29 may hold anything, and a fault in here would end the report. */
    return record % sizeof(vaddr_t) == 0 &&
           (is_within(record, __stack_bottom, __stack_top) ||
            is_within(record, __emergency_stack_bottom, __emergency_stack_top) ||
            is_within(record, __last_stack_bottom, __last_stack_top));
}

static bool is_text(vaddr_t address)
{
    return address >= (vaddr_t)__text_start && address < (vaddr_t)__text_end;
}

static void print_address(vaddr_t address)
{
    kprintf("  [<%016llx>]\n", (unsigned long long)address);
}

/* The call itself: where it returns to may be another line, or another function. */
static void print_call(vaddr_t link)
{
    print_address(link - 4);
}

void backtrace_print(vaddr_t pc, vaddr_t link, vaddr_t frame)
{
    if (backtrace_origin.pc == 0) { /* a second one is about the panic itself */
        backtrace_origin = (struct backtrace_origin){pc, link, frame};
    }
    kprintf("backtrace:\n");
    print_address(pc);

    /* A leaf function has no record of its own: only x30 knows its caller. */
    bool is_linked = is_readable_record(frame) && ((struct frame_record *)frame)->link == link;
    if (is_text(link) && !is_linked) {
        print_call(link);
    }
    for (unsigned lines = 0; is_readable_record(frame); lines++) {
        const struct frame_record *record = (const struct frame_record *)frame;

        if (!is_text(record->link)) {
            return;
        }
        if (lines == BACKTRACE_MAX) {
            kprintf("  ...\n");
            return;
        }
        print_call(record->link);
        /* Callers lie higher, also across the steps from one stack to the next (virt.ld). */
        if ((vaddr_t)record->caller <= frame) {
            return;
        }
        frame = (vaddr_t)record->caller;
    }
}

unsigned panic_callers(vaddr_t *callers, unsigned most, const char *skipped,
                       const char *skipped_end)
{
    vaddr_t frame = (vaddr_t)__builtin_frame_address(0);
    unsigned count = 0;

    for (unsigned depth = 0; depth < BACKTRACE_MAX && count < most && is_readable_record(frame);
         depth++) {
        const struct frame_record *record = (const struct frame_record *)frame;

        if (!is_text(record->link)) {
            break;
        }
        if (record->link < (vaddr_t)skipped || record->link >= (vaddr_t)skipped_end) {
            callers[count++] = record->link - 4;
        }
        if ((vaddr_t)record->caller <= frame) {
            break;
        }
        frame = (vaddr_t)record->caller;
    }
    return count;
}

static bool meets(vaddr_t start, uint64_t length, const char *bottom, const char *top)
{
    return start < (vaddr_t)top && start + length > (vaddr_t)bottom;
}

bool panic_is_stack(vaddr_t start, uint64_t length)
{
    return meets(start, length, __stack_bottom, __stack_top) ||
           meets(start, length, __emergency_stack_bottom, __emergency_stack_top) ||
           meets(start, length, __last_stack_bottom, __last_stack_top);
}
