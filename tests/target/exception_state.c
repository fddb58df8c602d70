/* SPDX-License-Identifier: BSD-2-Clause */
/* What exceptions and expected faults leave as it was: registers, doubles, masks. */
#include "kernel/cpu.h"
#include "kernel/exception.h"
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

#define HOLE ((void *)16) /* in the NULL page: any access faults */

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

/* What a handler compiled from C may do to registers, and more. A call, or its caller saves some.
 */
static __attribute__((noinline)) void spoil_registers(void)
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

static void raise_flag(void *flag)
{
    spoil_registers();
    *(volatile uint32_t *)flag = 1;
}

static void load_masked(void *address)
{
    irq_mask();
    (void)*(volatile char *)address;
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

TEST(handler_repairs_and_registers_survive)
{
    repairs = 0;
    exception_set_fault_handler(skip_instruction);
    bool survived = registers_survive(NULL);
    exception_set_fault_handler(NULL);
    EXPECT_TRUE(survived);
    EXPECT_EQ(repairs, 1);
}

static bool inner_survived;

/* Faults before FP is used in this handler, whose own handler uses it, and faults afterwards. */
static void fault_and_spoil(void)
{
    __asm__ volatile("str xzr, [%0]" : : "r"(HOLE) : "memory");
    inner_survived = registers_survive(NULL);
    spoil_registers();
}

static void fault_and_raise_flag(void *flag)
{
    fault_and_spoil();
    *(volatile uint32_t *)flag = 1;
}

TEST(registers_survive_faults_of_an_interrupt_handler)
{
    static volatile uint32_t flag;
    static struct timer timer = {.callback = fault_and_raise_flag, .context = (void *)&flag};
    bool survived;

    flag = 0;
    repairs = 0;
    exception_set_fault_handler(skip_instruction);
    timer_start(&timer, 1000000);
    survived = registers_survive(&flag);
    exception_set_fault_handler(NULL);
    EXPECT_TRUE(survived);
    EXPECT_TRUE(inner_survived);
    EXPECT_EQ(repairs, 2);
}

/* The first fault has two of its own, which are skipped as it is. */
static bool fault_in_turn(struct exception_frame *frame)
{
    static bool inside;

    if (!inside) {
        inside = true;
        fault_and_spoil();
        inside = false;
    }
    return skip_instruction(frame);
}

TEST(registers_survive_faults_of_a_fault_handler)
{
    bool survived;

    repairs = 0;
    exception_set_fault_handler(fault_in_turn);
    survived = registers_survive(NULL);
    exception_set_fault_handler(NULL);
    EXPECT_TRUE(survived);
    EXPECT_TRUE(inner_survived);
    EXPECT_EQ(repairs, 3);
}

static bool use_fp_first; /* in the handler that is left */

/* Fails in its turn, so that fault_expect is told of that fault, and this one never goes on. */
static bool fail_in_turn(struct exception_frame *frame)
{
    if (frame->far == (uint64_t)HOLE + 8) {
        return false;
    }
    if (use_fp_first) {
        spoil_registers();
    }
    __asm__ volatile("str xzr, [%0, #8]" : : "r"(HOLE) : "memory");
    return true;
}

/*
 * From further down: what the handlers that are left have on the stack lies where the next
 * exception behind them stores.
 */
static void store(void *address)
{
    volatile uint8_t room[432];

    room[0] = 0;
    __asm__ volatile("str xzr, [%0]" : : "r"(address) : "memory");
    (void)room[0];
}

/* FP is on where it was on, whatever the handlers that are left have made of it. */
TEST(fp_is_on_behind_handlers_that_are_left)
{
    for (unsigned i = 0; i < 2; i++) {
        register double d9 __asm__("d9") = 2.5;
        struct fault_record fault = {0};
        uint64_t access;
        bool raised;

        use_fp_first = i == 1;
        exception_set_fault_handler(fail_in_turn);
        __asm__ volatile("" : "+w"(d9));
        raised = fault_expect(store, HOLE, &fault);
        access = cpu_read_sysreg(cpacr_el1);
        __asm__ volatile("" : "+w"(d9));
        exception_set_fault_handler(NULL);
        EXPECT_TRUE(raised);
        EXPECT_EQ(fault.far, (uint64_t)HOLE + 8);
        EXPECT_EQ(access, CPACR_KERNEL);
        EXPECT_TRUE(d9 == 2.5);
    }
}

TEST(registers_survive_an_interrupt)
{
    static volatile uint32_t flag;
    static struct timer timer = {.callback = raise_flag, .context = (void *)&flag};

    flag = 0;
    timer_start(&timer, 1000000);
    EXPECT_TRUE(registers_survive(&flag));
}
