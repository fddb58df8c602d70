/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions: who gets them, those that somebody expects, and a stack that ends. */
#include "kernel/exception.h"

#include "kernel/fault.h"
#include "kernel/init.h"
#include "kernel/mmu.h"
#include "kernel/page.h"
#include "kernel/timer.h"
#include "tests/harness/harness.h"

#define HOLE          ((void *)16) /* in the NULL page: any access faults */
#define NOTHING_THERE 0x0b800000ul /* between the virtio slots and the platform bus */

extern char __stack_guard[], __stack_bottom[];

static unsigned repairs;

static bool decline(struct exception_frame *frame)
{
    (void)frame;
    repairs++;
    return false;
}

static char *nothing; /* mapped before any test looks at what is held */

static void map_nothing(void)
{
    nothing = (char *)mmu_map_device(paddr(NOTHING_THERE), PAGE_SIZE);
}

INITIALISER(INIT_CLASS, map_nothing);

static void do_nothing(void *argument)
{
    (void)argument;
}

static void store(void *address)
{
    __asm__ volatile("str wzr, [%0]" : : "r"(address) : "memory");
}

static void load(void *address)
{
    __asm__ volatile("ldr wzr, [%0]" : : "r"(address) : "memory");
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

/* Whoever has looked whether something answers: a monitor beneath the image has done that, too. */
TEST(where_nothing_answers_the_address_is_the_programs)
{
    char *const at = nothing + 24;

    for (unsigned i = 0; i < 2; i++) {
        struct fault_record fault = {0};

        ASSERT_TRUE(fault_expect(i == 0 ? load : store, at, &fault));
        EXPECT_EQ(ESR_CLASS(fault.esr), ESR_CLASS_DATA_ABORT);
        EXPECT_EQ(ESR_ABORT_STATUS(fault.esr), ESR_ABORT_EXTERNAL);
        EXPECT_EQ(ESR_ABORT_WRITE(fault.esr), i == 1);
        EXPECT_EQ(fault.far, (uint64_t)at);
    }
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
