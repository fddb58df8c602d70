/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the vectors (vectors.S) save and whom they call. Included by assembly
 * as well; the offsets are checked against the structure where C sees both.
 *
 * TPIDR_EL1 and TPIDRRO_EL0 are the vectors' scratch registers: their content does
 * not survive a synchronous exception. EL0 can read the second one, so it is cleared
 * on the way there. SP_EL0, which the kernel does not run on, is the frame for FP and SIMD
 * while CPACR_EL1 has them off, in the handler of an exception from EL1.
 */
#ifndef BOOT_VECTORS_H
#define BOOT_VECTORS_H

/* Offsets in struct exception_frame, bytes. */
#define EXCEPTION_FRAME_X      0
#define EXCEPTION_FRAME_SP     248
#define EXCEPTION_FRAME_ELR    256
#define EXCEPTION_FRAME_ESR    272
#define EXCEPTION_FRAME_FPSR   288
#define EXCEPTION_FRAME_RECORD 304
#define EXCEPTION_FRAME_DEPTH  320
#define EXCEPTION_FRAME_CPACR  328
#define EXCEPTION_FRAME_Q      352
#define EXCEPTION_FRAME_SIZE   864

/* Offsets in struct user_context, bytes. */
#define USER_CONTEXT_FP            0
#define USER_CONTEXT_THREAD        16
#define USER_CONTEXT_KERNEL_THREAD 24
#define USER_CONTEXT_KERNEL        32
#define USER_CONTEXT_FRAME         208

/*
 * CPACR_EL1.FPEN: FP and SIMD trap at EL0 and nowhere else, until what runs there uses them for
 * the first time. Most programs never do, and pay for no registers that they do not have.
 */
#define CPACR_KERNEL (1 << 20)
#define CPACR_ALL    (3 << 20)

/* ESR_EL1.EC of an access to FP or SIMD that is trapped. */
#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_FP    0x07

/* Which entry of the vector table was taken, for exception_unexpected. */
#define EXCEPTION_VECTOR_SP0_SYNC       0
#define EXCEPTION_VECTOR_SP0_IRQ        1
#define EXCEPTION_VECTOR_SP0_FIQ        2
#define EXCEPTION_VECTOR_SP0_SERROR     3
#define EXCEPTION_VECTOR_FIQ            6
#define EXCEPTION_VECTOR_SERROR         7
#define EXCEPTION_VECTOR_LOWER_SYNC     8
#define EXCEPTION_VECTOR_LOWER_IRQ      9
#define EXCEPTION_VECTOR_LOWER_FIQ      10
#define EXCEPTION_VECTOR_LOWER_SERROR   11
#define EXCEPTION_VECTOR_LOWER32_SYNC   12
#define EXCEPTION_VECTOR_LOWER32_IRQ    13
#define EXCEPTION_VECTOR_LOWER32_FIQ    14
#define EXCEPTION_VECTOR_LOWER32_SERROR 15

/* Arm semihosting: SYS_EXIT_EXTENDED with ADP_Stopped_ApplicationExit and a status. */
#define SYS_EXIT_EXTENDED        0x20
#define ADP_APPLICATION_EXIT     0x20026
#define EXIT_STATUS_EARLY_FAILED 3 /* EXIT_STATUS_PANIC of the kernel */

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/*
 * The interrupted context. An IRQ leaves x20 to x28, sp, esr, far, depth, cpacr and fp_frame
 * unwritten, and exception_resolve finds x20 to x28 so; what has come from EL0 has no record and
 * none of the last three. fpsr, fpcr and q
 * are written when the handler first uses FP or SIMD; from EL0, if what runs there has ever
 * used them.
 */
struct exception_frame {
    uint64_t x[31];
    uint64_t sp;
    uint64_t elr;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t fpsr;
    uint64_t fpcr;
    uint64_t record[2]; /* a frame record (x29, elr), so that a backtrace passes through */
    uint64_t depth;     /* emergency_depth before it; what returning from it restores */
    uint64_t cpacr;     /* CPACR_EL1: CPACR_KERNEL, or 0 of a handler that has not used FP */
    uint64_t fp_frame;  /* SP_EL0, then */
    uint64_t unused;
    struct {
        uint64_t low, high;
    } q[32];
} __attribute__((aligned(16)));

/*
 * What runs at EL0, and room for the kernel's own registers meanwhile. A frame
 * whose spsr is not EL0 is the caller's bug.
 */
struct user_context {
    uint64_t uses_fp; /* 0: it never has; what is in the frame of FP and SIMD is to be its first */
    uint64_t unused;
    uint64_t thread_pointer; /* TPIDR_EL0 of what runs: another task does not see it */
    uint64_t kernel_thread_pointer;
    uint64_t kernel[22];          /* what callee_saved.inc keeps */
    struct exception_frame frame; /* last: what is in front of it is within reach from there */
} __attribute__((aligned(16)));

/*
 * Load the frame and go to EL0; returns at the next exception from there, with
 * interrupts masked, the frame saved again and the vector (EXCEPTION_VECTOR_LOWER_SYNC or
 * EXCEPTION_VECTOR_LOWER_IRQ) as the answer. An IRQ has not been served yet.
 */
unsigned user_enter(struct user_context *context);

/*
 * How many exceptions from elsewhere are under way: their stack pointer was in none of the
 * kernel's stacks with room for a frame. The first has the emergency stack, the second the
 * last one, and there is no third.
 */
extern uint64_t emergency_depth;

/*
 * Called with all exceptions masked: on the interrupted stack if that is one of the
 * kernel's three, else on the emergency stack or, while that is in use, on the last.
 * On return the frame's registers are reloaded, sp too. An IRQ calls
 * irq_dispatch (kernel/irq.h) instead, always on the interrupted stack.
 *
 * exception_resolve comes first: x20 to x28 are where they were, and are saved for the other one
 * only, if this one answers false.
 */
bool exception_resolve(struct exception_frame *frame);
void exception_sync(struct exception_frame *frame);
__attribute__((noreturn)) void exception_unexpected(struct exception_frame *frame, unsigned vector);

/* The third from elsewhere. On the last stack, from its top. */
__attribute__((noreturn)) void exception_everywhere(uint64_t esr, uint64_t elr, uint64_t far);

#endif
#endif
