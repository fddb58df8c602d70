/* SPDX-License-Identifier: BSD-2-Clause */
/* An unexpected exception in words. */
#include "kernel/console.h"
#include "kernel/exception/exception_private.h"
#include "kernel/panic/backtrace.h"
#include "kernel/panic/panic_enter.h"

/* Immediates of the BRK that compilers plant where behaviour is undefined. */
#define BRK_TRAP_GCC      1000
#define BRK_TRAP_CLANG    1
#define BRK_UBSAN_CLANG   0x5500 /* + kind of the check */
#define BRK_UBSAN_KIND(b) ((b)&0xff)
#define BRK_UBSAN_BASE(b) ((b)&0xff00)

/* Numbers without a name are those of Arm ARM, ESR_EL1.EC, which only this report tells apart. */
static const char *class_name(unsigned class)
{
    switch (class) {
    case ESR_CLASS_UNKNOWN:
        return "undefined instruction";
    case 0x01:
        return "trapped WFI or WFE";
    case 0x07:
        return "trapped floating-point access";
    case 0x0d:
        return "branch target exception";
    case 0x0e:
        return "illegal execution state";
    case 0x15:
        return "SVC instruction";
    case 0x16:
        return "HVC instruction";
    case 0x17:
        return "SMC instruction";
    case 0x18:
        return "trapped system register access";
    case ESR_CLASS_FETCH_ABORT_EL0:
    case ESR_CLASS_FETCH_ABORT:
        return "instruction abort";
    case ESR_CLASS_PC_ALIGNMENT:
        return "misaligned PC";
    case ESR_CLASS_DATA_ABORT_EL0:
    case ESR_CLASS_DATA_ABORT:
        return "data abort";
    case ESR_CLASS_SP_ALIGNMENT:
        return "misaligned SP";
    case 0x2c:
        return "floating-point exception";
    case ESR_CLASS_SERROR:
        return "SError";
    case ESR_CLASS_BRK:
        return "breakpoint instruction";
    default:
        return "exception of an unknown class";
    }
}

static const char *abort_name(unsigned status)
{
    /* The low two bits are the level of the walk (Arm ARM, ISS of a Data Abort, DFSC). */
    switch (status & ~3u) {
    case ESR_ABORT_ADDRESS_SIZE:
        return "address size fault";
    case ESR_ABORT_TRANSLATION:
        return "translation fault";
    case ESR_ABORT_ACCESS_FLAG:
        return "access flag fault";
    case ESR_ABORT_PERMISSION:
        return "permission fault";
    case 0x14:
        return "external abort on a table walk";
    default:
        break;
    }
    switch (status) {
    case ESR_ABORT_EXTERNAL:
        return "external abort";
    case 0x11:
        return "tag check fault";
    case ESR_ABORT_ALIGNMENT:
        return "alignment fault";
    case 0x30:
        return "TLB conflict";
    default:
        return "fault of an unknown kind";
    }
}

/* Levels are told by the statuses below 0x10 and by those of table walks. */
static bool abort_has_level(unsigned status)
{
    return status < ESR_ABORT_EXTERNAL || (status & ~3u) == 0x14;
}

static void print_abort(const struct exception_frame *frame)
{
    unsigned status = ESR_ABORT_STATUS(frame->esr);
    unsigned class = ESR_CLASS(frame->esr);
    const char *access = "fetching";

    if (class == ESR_CLASS_DATA_ABORT || class == ESR_CLASS_DATA_ABORT_EL0) {
        access = ESR_ABORT_WRITE(frame->esr) ? "writing" : "reading";
        /* WnR says "write" for cache maintenance as well, whatever it would have done. */
        if (ESR_ABORT_CACHE(frame->esr)) {
            access = "maintaining the cache at";
        }
    }
    kprintf(": %s", abort_name(status));
    if (abort_has_level(status)) {
        kprintf(", level %u,", status & 3);
    }
    /*
     * FnV: an external abort that was reported late has left no address in FAR_EL1 (Arm ARM,
     * "ISS encoding for an exception from a Data Abort"); what is there is another fault's.
     */
    if (ESR_ABORT_NO_FAR(frame->esr)) {
        kprintf(" %s an address that is not recorded", access);
        return;
    }
    kprintf(" %s 0x%016llx", access, (unsigned long long)frame->far);
    /*
     * Nothing is ever mapped there while the kernel runs: a field of a structure that is not there.
     */
    if (frame->far < PAGE_SIZE) {
        kprintf(" (NULL page)");
    }
}

static void print_brk(unsigned immediate)
{
    kprintf(" 0x%x", immediate);
    /*
     * Compilers trap where behaviour is undefined: told apart from a breakpoint that somebody has
     * set.
     */
    if (BRK_UBSAN_BASE(immediate) == BRK_UBSAN_CLANG) {
        kprintf(" (undefined behaviour, UBSan check %u)", BRK_UBSAN_KIND(immediate));
    } else if (immediate == BRK_TRAP_GCC || immediate == BRK_TRAP_CLANG) {
        kprintf(" (undefined behaviour or __builtin_trap)");
    }
}

static void print_registers(const struct exception_frame *frame)
{
    kprintf("  ESR  %016llx  FAR  %016llx\n", (unsigned long long)frame->esr,
            (unsigned long long)frame->far);
    kprintf("  ELR  %016llx  SPSR %016llx\n", (unsigned long long)frame->elr,
            (unsigned long long)frame->spsr);
    for (unsigned i = 0; i < 31; i++) {
        kprintf("  x%-2u  %016llx%s", i, (unsigned long long)frame->x[i], i % 2 == 1 ? "\n" : "");
    }
    kprintf("  sp   %016llx\n", (unsigned long long)frame->sp);
}

void exception_print(const struct exception_frame *frame, const char *vector)
{
    kprintf("\npanic: ");
    if (vector != NULL) {
        kprintf("unexpected %s: ", vector);
    }
    if (exception_is_stack_overflow(frame)) {
        kprintf("stack overflow: ");
    }
    kprintf("%s", class_name(ESR_CLASS(frame->esr)));
    if (exception_is_abort(frame->esr)) {
        print_abort(frame);
    } else if (ESR_CLASS(frame->esr) == ESR_CLASS_BRK) {
        print_brk(ESR_ISS(frame->esr) & 0xffff);
    }
    kprintf("\n");
    /* Registers before the backtrace: that reads memory through x29, which may be what is broken.
     */
    print_registers(frame);
    backtrace_print(frame->elr, frame->x[30], frame->x[29]);
}

_Noreturn void exception_panic(const struct exception_frame *frame, const char *vector)
{
    /* First: if the report itself faults, the second time round ends the image. */
    panic_enter();
    exception_print(frame, vector);
    panic_leave();
}
