/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions: what survives them, who gets them, and how they are told. */
#include "kernel/exception.h"

#include <string.h>

#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/exception/exception_private.h"
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

#define HOLE ((void *)16) /* in the NULL page: any access faults */

extern char __stack_guard[], __stack_bottom[], __stack_top[];

/*
 * Fill every register with a value of its own, then wait until *flag is not 0
 * or, with flag NULL, store to HOLE; true if all registers are as they were.
 */
bool registers_survive(volatile uint32_t *flag);
__asm__(".text\n"
        "registers_survive:\n"
        "    stp x29, x30, [sp, #-176]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
        "30,31\n"
        "    mov x2, #(0x200 + \\n)\n"
        "    dup v\\n\\().2d, x2\n"
        ".endr\n"
        ".irp n,1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "    mov x\\n, #(0x100 + \\n)\n"
        "    movk x\\n, #0xabcd, lsl #48\n"
        ".endr\n"
        "    mov x2, #0x00c00000\n" /* round towards zero */
        "    msr fpcr, x2\n"
        "    mov x2, #0x1f\n" /* all exceptions seen */
        "    msr fpsr, x2\n"
        "    mov x2, #0x60000000\n"
        "    msr nzcv, x2\n"
        "    mov x2, #16\n"
        "    cbz x0, 2f\n"
        "1:  ldr w2, [x0]\n"
        "    cbz w2, 1b\n"
        "    b 3f\n"
        "2:  str xzr, [x2]\n"
        "3:  mrs x2, nzcv\n"
        "    lsr x2, x2, #28\n"
        "    cmp x2, #6\n"
        "    b.ne 4f\n"
        "    mrs x2, fpcr\n"
        "    cmp x2, #0x00c00000\n"
        "    b.ne 4f\n"
        "    mrs x2, fpsr\n"
        "    cmp x2, #0x1f\n"
        "    b.ne 4f\n"
        ".irp n,1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
        "    mov x2, #(0x100 + \\n)\n"
        "    movk x2, #0xabcd, lsl #48\n"
        "    cmp x\\n, x2\n"
        "    b.ne 4f\n"
        ".endr\n"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
        "30,31\n"
        "    mov x2, #(0x200 + \\n)\n"
        "    umov x3, v\\n\\().d[0]\n"
        "    cmp x3, x2\n"
        "    b.ne 4f\n"
        "    umov x3, v\\n\\().d[1]\n"
        "    cmp x3, x2\n"
        "    b.ne 4f\n"
        ".endr\n"
        "    mov w0, #1\n"
        "    b 5f\n"
        "4:  mov w0, #0\n"
        "5:  msr fpcr, xzr\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n"
        "    ret\n");

/* fault_expect with values in the callee-saved registers; true if they are there afterwards. */
bool callee_saved_survive(void (*touch)(void *argument), void *argument,
                          struct fault_record *fault);
__asm__("callee_saved_survive:\n"
        "    stp x29, x30, [sp, #-112]!\n"
        "    stp x19, x20, [sp, #16]\n"
        "    stp x21, x22, [sp, #32]\n"
        "    stp x23, x24, [sp, #48]\n"
        "    stp x25, x26, [sp, #64]\n"
        "    stp x27, x28, [sp, #80]\n"
        "    mov x3, sp\n"
        "    str x3, [sp, #96]\n"
        ".irp n,19,20,21,22,23,24,25,26,27,28,29\n"
        "    mov x\\n, #(0x300 + \\n)\n"
        ".endr\n"
        "    bl fault_expect\n"
        "    ldr x3, [sp, #96]\n"
        "    mov x2, sp\n"
        "    cmp x2, x3\n"
        "    cset w1, ne\n"
        ".irp n,19,20,21,22,23,24,25,26,27,28,29\n"
        "    mov x2, #(0x300 + \\n)\n"
        "    cmp x\\n, x2\n"
        "    cinc w1, w1, ne\n"
        ".endr\n"
        "    cmp w1, #0\n"
        "    cset w1, eq\n"
        "    and w0, w0, w1\n"
        "    ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp x29, x30, [sp], #112\n"
        "    ret\n");

/* What a handler compiled from C may do to registers, and more. */
static void spoil_registers(void)
{
    __asm__ volatile(
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n\tmov x\\n, #-1\n\t.endr\n\t"
        ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,"
        "30,31\n\tmovi v\\n\\().16b, #0xff\n\t.endr\n\t"
        "msr fpcr, xzr\n\tmsr fpsr, xzr\n\tcmp x0, x0"
        :
        :
        : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
          "x14", "x15", "x16", "x17", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9",
          "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22",
          "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory");
}

static unsigned repairs;

static bool skip_instruction(struct exception_frame *frame)
{
    repairs++;
    spoil_registers();
    frame->elr += 4;
    return true;
}

static bool decline(struct exception_frame *frame)
{
    (void)frame;
    repairs++;
    return false;
}

static void raise_flag(void *flag)
{
    spoil_registers();
    *(volatile uint32_t *)flag = 1;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

static void store(void *address)
{
    __asm__ volatile("str wzr, [%0]" : : "r"(address) : "memory");
}

static void load_masked(void *address)
{
    irq_mask();
    (void)*(volatile char *)address;
}

static void undefined_instruction(void *argument)
{
    (void)argument;
    __asm__ volatile(".inst 0");
}

static void breakpoint(void *argument)
{
    (void)argument;
    __asm__ volatile("brk #42");
}

static void exclusive_load(void *address)
{
    __asm__ volatile("ldxr x9, [%0]" : : "r"(address) : "x9", "memory");
}

static void jump(void *address)
{
    ((void (*)(void))address)();
}

/* Leaves all callee-saved registers and the stack pointer in ruins. */
static void ruin_and_fault(void *address)
{
    __asm__ volatile(".irp n,19,20,21,22,23,24,25,26,27,28,29\n\tmov x\\n, #-1\n\t.endr\n\t"
                     "mov sp, %0\n\t"
                     "str xzr, [%0]"
                     :
                     : "r"(address));
}

static int recurse(volatile char *caller)
{
    volatile char frame[512];

    frame[0] = caller[0];
    return frame[0] != 0 ? 0 : recurse(frame) + frame[0];
}

static void overflow(void *argument)
{
    recurse(argument);
}

TEST(no_fault_is_no_fault)
{
    struct fault_record fault = {.esr = 1, .far = 2, .elr = 3};

    EXPECT_FALSE(fault_expect(do_nothing, NULL, &fault));
    EXPECT_EQ(fault.esr, 1);
    EXPECT_EQ(fault.elr, 3);
}

TEST(expected_fault_is_recorded)
{
    struct fault_record fault = {0};

    EXPECT_TRUE(fault_expect(store, HOLE, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_DATA_ABORT);
    EXPECT_TRUE(ESR_ABORT_WRITE(fault.esr));
    EXPECT_EQ(fault.far, (uint64_t)HOLE);
    EXPECT_GE(fault.elr, (uint64_t)store);
    EXPECT_LT(fault.elr, (uint64_t)store + 16);
}

TEST(every_kind_can_be_expected)
{
    struct fault_record fault = {0};
    uint64_t words[2];

    EXPECT_TRUE(fault_expect(undefined_instruction, NULL, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_UNKNOWN);
    EXPECT_TRUE(fault_expect(breakpoint, NULL, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_BRK);
    EXPECT_EQ(ESR_ISS(fault.esr) & 0xffff, 42);
    EXPECT_TRUE(fault_expect(exclusive_load, (char *)words + 1, &fault));
    EXPECT_EQ(ESR_ABORT_STATUS(fault.esr), ESR_ABORT_ALIGNMENT);
    EXPECT_TRUE(fault_expect(jump, (char *)jump + 2, &fault));
    EXPECT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_PC_ALIGNMENT);
}

TEST(fault_restores_registers_and_stack)
{
    struct fault_record fault = {0};

    EXPECT_TRUE(callee_saved_survive(ruin_and_fault, HOLE, &fault));
    EXPECT_EQ(fault.far, (uint64_t)HOLE);
}

static void ruin_doubles_and_fault(void *context)
{
    __asm__ volatile("fmov d8, #1.0\n\tfmov d12, #1.0\n\tfmov d15, #1.0\n\t"
                     "mov x1, #0x00c00000\n\tmsr fpcr, x1\n\tstr xzr, [%0]"
                     :
                     : "r"(context)
                     : "x1", "memory");
}

/* The compiler keeps doubles in these over a call, and computes them by one rule. */
TEST(fault_restores_doubles_and_rounding)
{
    register double d8 __asm__("d8") = 1234.5;
    register double d12 __asm__("d12") = -7.25;
    register double d15 __asm__("d15") = 0.1;
    struct fault_record fault;
    bool raised;

    __asm__ volatile("" : "+w"(d8), "+w"(d12), "+w"(d15));
    raised = fault_expect(ruin_doubles_and_fault, HOLE, &fault);
    __asm__ volatile("" : "+w"(d8), "+w"(d12), "+w"(d15));
    const double found[] = {d8, d12, d15};

    EXPECT_TRUE(raised);
    EXPECT_EQ(cpu_read_sysreg(fpcr), 0);
    cpu_write_sysreg(fpcr, 0);
    EXPECT_TRUE(found[0] == 1234.5);
    EXPECT_TRUE(found[1] == -7.25);
    EXPECT_TRUE(found[2] == 0.1);
}

TEST(fault_restores_the_interrupt_mask)
{
    struct fault_record fault;
    uint64_t before = cpu_read_sysreg(daif);

    EXPECT_TRUE(fault_expect(load_masked, HOLE, &fault));
    EXPECT_EQ(cpu_read_sysreg(daif), before);
}

static void store_guarded_inside(void *argument)
{
    struct fault_record fault;

    *(volatile bool *)argument = fault_expect(store, HOLE, &fault);
    store(HOLE + 8);
}

TEST(an_expected_fault_may_lie_in_another)
{
    struct fault_record fault;
    volatile bool inner = false;

    EXPECT_TRUE(fault_expect(store_guarded_inside, (void *)&inner, &fault));
    EXPECT_TRUE(inner);
    EXPECT_EQ(fault.far, (uint64_t)HOLE + 8);
}

static volatile bool handler_faulted, thread_goes_on;

static void fault_in_handler(void *argument)
{
    struct fault_record fault;

    (void)argument;
    handler_faulted = fault_expect(store, HOLE, &fault);
    thread_goes_on = true;
}

static void wait_for_handler(void *argument)
{
    struct timer timer = {.callback = fault_in_handler, .context = argument};

    timer_start(&timer, 1000);
    while (!thread_goes_on) {
        ;
    }
}

/* A handler that interrupts somebody who expects a fault has its own, and does not end his. */
TEST(a_handler_expects_faults_of_its_own)
{
    struct fault_record fault;

    EXPECT_FALSE(fault_expect(wait_for_handler, NULL, &fault));
    EXPECT_TRUE(handler_faulted);
}

TEST(stack_overflow_is_a_fault_like_any_other)
{
    struct fault_record fault = {0};
    char seed = 0;

    for (unsigned i = 0; i < 3; i++) {
        ASSERT_TRUE(fault_expect(overflow, &seed, &fault));
        ASSERT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_DATA_ABORT);
        ASSERT_GE(fault.far, (uint64_t)__stack_guard);
        ASSERT_LT(fault.far, (uint64_t)__stack_bottom);
    }
}

TEST(handler_repairs_and_registers_survive)
{
    repairs = 0;
    exception_set_fault_handler(skip_instruction);
    bool survived = registers_survive(NULL);
    exception_set_fault_handler(NULL);
    EXPECT_TRUE(survived);
    EXPECT_EQ(repairs, 1);
}

TEST(handler_declines_before_fault_expect)
{
    struct fault_record fault;

    repairs = 0;
    exception_set_fault_handler(decline);
    bool raised = fault_expect(store, HOLE, &fault);
    bool other = fault_expect(breakpoint, NULL, &fault);
    exception_set_fault_handler(NULL);
    EXPECT_TRUE(raised);
    EXPECT_TRUE(other);
    EXPECT_EQ(repairs, 1); /* a breakpoint is not for it */
}

TEST(registers_survive_an_interrupt)
{
    static volatile uint32_t flag;
    static struct timer timer = {.callback = raise_flag, .context = (void *)&flag};

    flag = 0;
    timer_start(&timer, 1000000);
    EXPECT_TRUE(registers_survive(&flag));
}

/* A console that keeps what is written to it. */
static struct capture {
    struct console console;
    char text[4096];
    size_t length;
} capture;

static void capture_write(struct console *console, const char *text, size_t length)
{
    (void)console;
    for (size_t i = 0; i < length && capture.length < sizeof(capture.text) - 1; i++) {
        capture.text[capture.length++] = text[i];
    }
    capture.text[capture.length] = '\0';
}

static const char *printed(const struct exception_frame *frame, const char *vector)
{
    capture = (struct capture){.console = {.write = capture_write}};
    struct console *before = console_register(&capture.console);
    exception_print(frame, vector);
    console_register(before);
    return capture.text;
}

TEST(syndromes_are_told_in_words)
{
    static const struct {
        uint64_t esr;
        const char *words;
    } cases[] = {
        {0x02000000, "panic: undefined instruction\n"},
        {0x9600004f, "data abort: permission fault, level 3, writing 0x0000000000000123"},
        {0x96000006, "data abort: translation fault, level 2, reading 0x0000000000000123"},
        {0x96000010, "data abort: external abort reading 0x0000000000000123"},
        {0x96000410, "data abort: external abort reading an address that is not recorded"},
        {0x96000015, "data abort: external abort on a table walk, level 1, reading"},
        {0x96000021, "data abort: alignment fault reading"},
        {0x9600000b, "data abort: access flag fault, level 3, reading"},
        {0x86000000, "instruction abort: address size fault, level 0, fetching"},
        {0x8600000f, "instruction abort: permission fault, level 3, fetching"},
        {0x8a000000, "panic: misaligned PC\n"},
        {0x9a000000, "panic: misaligned SP\n"},
        {0x56000000, "panic: SVC instruction\n"},
        {0xbe000000, "panic: SError\n"},
        {0xf20003e8, "breakpoint instruction 0x3e8 (undefined behaviour or __builtin_trap)"},
        {0xf2005501, "breakpoint instruction 0x5501 (undefined behaviour, UBSan check 1)"},
        {0xf200002a, "breakpoint instruction 0x2a\n"},
        {0xfe000000, "panic: exception of an unknown class\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exception_frame frame = {.esr = cases[i].esr, .far = 0x123};
        const char *text = printed(&frame, NULL);

        if (strstr(text, cases[i].words) == NULL) {
            TEST_NOTE("syndrome %#lx", (unsigned long)cases[i].esr);
            EXPECT_STR_EQ(text, cases[i].words);
        }
    }
}

TEST(dump_shows_registers_and_place)
{
    struct exception_frame frame = {.esr = 0x96000044, .far = 8, .spsr = 0x3c5};

    for (unsigned i = 0; i < 31; i++) {
        frame.x[i] = 0x1000 + i;
    }
    frame.elr = (uint64_t)store;
    frame.sp = (uint64_t)__stack_top;
    const char *text = printed(&frame, "FIQ");

    EXPECT_TRUE(strstr(text, "panic: unexpected FIQ: data abort") != NULL);
    EXPECT_TRUE(strstr(text, "writing 0x0000000000000008 (NULL page)") != NULL);
    EXPECT_TRUE(strstr(text, "x0   0000000000001000") != NULL);
    EXPECT_TRUE(strstr(text, "x30  000000000000101e") != NULL);
    EXPECT_TRUE(strstr(text, "SPSR 00000000000003c5") != NULL);

    char place[32];
    ksnprintf(place, sizeof(place), "[<%016lx>]", (unsigned long)store);
    EXPECT_TRUE(strstr(text, place) != NULL);
}

TEST(overflow_is_named)
{
    struct exception_frame frame = {
        .esr = 0x96000047, .far = (uint64_t)__stack_bottom - 8, .sp = (uint64_t)__stack_bottom - 8};

    EXPECT_TRUE(strstr(printed(&frame, NULL), "panic: stack overflow: data abort") != NULL);
    frame.sp = (uint64_t)__stack_top; /* somebody else's stray pointer */
    EXPECT_TRUE(strstr(printed(&frame, NULL), "stack overflow") == NULL);
}

static unsigned count(const char *text, const char *word)
{
    unsigned found = 0;

    for (; (text = strstr(text, word)) != NULL; text++) {
        found++;
    }
    return found;
}

/* Frame records that lie, loop or lead nowhere must neither fault the dump nor fill the log. */
TEST(backtrace_survives_bad_frames)
{
    uint64_t loop[2] __attribute__((aligned(16)));
    uint64_t frames[] = {0,
                         1,
                         (uint64_t)HOLE,
                         ~0UL,
                         (uint64_t)__stack_top - 8,
                         (uint64_t)__stack_guard,
                         (uint64_t)loop,
                         (uint64_t)loop + 1};

    loop[0] = (uint64_t)loop;
    loop[1] = (uint64_t)store;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct exception_frame frame = {.esr = 0x02000000, .elr = frames[i]};

        frame.x[29] = frames[i];
        frame.x[30] = frames[i];
        EXPECT_LE(count(printed(&frame, NULL), "[<"), 2);
    }
}
