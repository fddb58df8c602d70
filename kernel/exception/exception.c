/* SPDX-License-Identifier: BSD-2-Clause */
/* Where an exception goes that the vectors could not settle by themselves. */
#include "kernel/exception.h"

#include "kernel/console.h"
#include "kernel/exception/exception_private.h"
#include "kernel/panic/backtrace.h"
#include "kernel/panic/panic_enter.h"
#include "kernel/panic/semihost.h"

_Static_assert(offsetof(struct exception_frame, x) == EXCEPTION_FRAME_X &&
                   offsetof(struct exception_frame, sp) == EXCEPTION_FRAME_SP &&
                   offsetof(struct exception_frame, elr) == EXCEPTION_FRAME_ELR &&
                   offsetof(struct exception_frame, esr) == EXCEPTION_FRAME_ESR &&
                   offsetof(struct exception_frame, fpsr) == EXCEPTION_FRAME_FPSR &&
                   offsetof(struct exception_frame, record) == EXCEPTION_FRAME_RECORD &&
                   offsetof(struct exception_frame, q) == EXCEPTION_FRAME_Q &&
                   offsetof(struct exception_frame, depth) == EXCEPTION_FRAME_DEPTH &&
                   offsetof(struct exception_frame, cpacr) == EXCEPTION_FRAME_CPACR &&
                   sizeof(struct exception_frame) == EXCEPTION_FRAME_SIZE &&
                   offsetof(struct user_context, frame) == USER_CONTEXT_FRAME &&
                   offsetof(struct user_context, kernel) == USER_CONTEXT_KERNEL &&
                   offsetof(struct user_context, thread_pointer) == USER_CONTEXT_THREAD &&
                   offsetof(struct user_context, uses_fp) == USER_CONTEXT_FP &&
                   offsetof(struct user_context, kernel_thread_pointer) ==
                       USER_CONTEXT_KERNEL_THREAD,
               "vectors.S and C agree on the frame");

extern char __image_start[], __image_end[];
extern char __stack_guard[], __stack_bottom[];
extern char __emergency_stack_guard[], __emergency_stack_bottom[];
extern char __last_stack_guard[], __last_stack_bottom[];

/* By pointer, since the address spaces stand on exceptions and not the other way round. */
static exception_fault_handler_t *fault_handler;

void exception_set_fault_handler(exception_fault_handler_t *handler)
{
    fault_handler = handler;
}

bool exception_is_abort(uint64_t esr)
{
    unsigned class = ESR_CLASS(esr);

    /* The four that fill FAR_EL1 with an address to be resolved. */
    return class == ESR_CLASS_DATA_ABORT || class == ESR_CLASS_FETCH_ABORT ||
           class == ESR_CLASS_DATA_ABORT_EL0 || class == ESR_CLASS_FETCH_ABORT_EL0;
}

/* All stacks are in the image, and what is resolved on the way lies elsewhere. */
static inline bool is_in_image(vaddr_t address)
{
    return address >= (vaddr_t)__image_start && address < (vaddr_t)__image_end;
}

bool exception_is_stack_overflow(const struct exception_frame *frame)
{
    static const struct {
        const char *guard, *bottom;
    } stacks[] = {{__stack_guard, __stack_bottom},
                  {__emergency_stack_guard, __emergency_stack_bottom},
                  {__last_stack_guard, __last_stack_bottom}};

    if (!is_in_image(frame->far)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
        if (frame->far >= (uint64_t)stacks[i].guard && frame->far < (uint64_t)stacks[i].bottom) {
            return ESR_CLASS(frame->esr) == ESR_CLASS_DATA_ABORT &&
                   frame->sp < (uint64_t)stacks[i].bottom + EXCEPTION_FRAME_SIZE;
        }
    }
    return false;
}

bool exception_resolve(struct exception_frame *frame)
{
    exception_fault_handler_t *const handler = fault_handler;

    /*
     * The address spaces before fault_expect: who expects a fault wants to know of one that
     * nobody can resolve, and lazy memory is resolved. Never for the stack's guard: serving
     * that would need the stack.
     */
    return handler != NULL && exception_is_abort(frame->esr) &&
           !(is_in_image(frame->far) && exception_is_stack_overflow(frame)) && handler(frame);
}

void exception_sync(struct exception_frame *frame)
{
    /* A missing semihosting host is no fault of anybody's: the call has its own answer for it. */
    if (semihost_trapped(frame)) {
        return;
    }
    if (fault_expected(frame)) {
        return;
    }
    exception_panic(frame, NULL);
}

_Noreturn void exception_unexpected(struct exception_frame *frame, unsigned vector)
{
    /*
     * None of these is ever set up: the kernel does not run on SP_EL0, all interrupts are in the
     * group that arrives as IRQ, tasks are AArch64. An SError is an access that went wrong some
     * time ago.
     */
    static const char *const names[] = {
        [EXCEPTION_VECTOR_SP0_SYNC] = "synchronous exception on SP_EL0",
        [EXCEPTION_VECTOR_SP0_IRQ] = "IRQ on SP_EL0",
        [EXCEPTION_VECTOR_SP0_FIQ] = "FIQ on SP_EL0",
        [EXCEPTION_VECTOR_SP0_SERROR] = "SError on SP_EL0",
        [EXCEPTION_VECTOR_FIQ] = "FIQ",
        [EXCEPTION_VECTOR_SERROR] = "SError",
        [EXCEPTION_VECTOR_LOWER_FIQ] = "FIQ from EL0",
        [EXCEPTION_VECTOR_LOWER_SERROR] = "SError from EL0",
        [EXCEPTION_VECTOR_LOWER32_SYNC] = "synchronous exception from AArch32",
        [EXCEPTION_VECTOR_LOWER32_IRQ] = "IRQ from AArch32",
        [EXCEPTION_VECTOR_LOWER32_FIQ] = "FIQ from AArch32",
        [EXCEPTION_VECTOR_LOWER32_SERROR] = "SError from AArch32",
    };
    exception_panic(frame, names[vector]);
}

_Noreturn void exception_everywhere(uint64_t esr, uint64_t elr, uint64_t far)
{
    panic_enter();
    kprintf("\npanic: an exception in the handlers of two others, and no stack for it\n"
            "  ESR  %016llx  FAR  %016llx\n  ELR  %016llx\n",
            (unsigned long long)esr, (unsigned long long)far, (unsigned long long)elr);
    backtrace_print(elr, 0, 0);
    panic_leave();
}
