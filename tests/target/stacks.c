/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every stack has an end that is noticed, however large the frame that runs over it; and
 * an exception on a stack that is none of the kernel's leaves the emergency stack as it was.
 */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/exception.h"
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/startup.h"
#include "kernel/vm_abort.h"
#include "kernel/vm_map.h"
#include "kernel/vm_object.h"
#include "tests/harness/harness.h"

#define HOLE ((void *)16) /* in the NULL page: any access faults */
#define KIB  1024
#define MIB  (1024 * KIB)

extern char __emergency_stack_guard[], __emergency_stack_bottom[], __emergency_stack_top[];
extern char __stack_guard[], __stack_bottom[];

/* Only the far end of each frame is touched, as by a string that is copied in. */
#define FRAME_FUNCTION(name, size)                                                                 \
    static __attribute__((noinline)) unsigned name(unsigned level)                                 \
    {                                                                                              \
        volatile uint8_t frame[size];                                                              \
                                                                                                   \
        frame[0] = (uint8_t)level;                                                                 \
        return level > 10000 ? 0 : name(level + 1) + frame[0];                                     \
    }
FRAME_FUNCTION(frames_of_512, 512)
FRAME_FUNCTION(frames_of_4k, 4 * KIB)
FRAME_FUNCTION(frames_of_14000, 14000)
FRAME_FUNCTION(frames_of_64k, 64 * KIB)
FRAME_FUNCTION(frames_of_1m, MIB - 64) /* what clang is told to let pass */

static __attribute__((noinline)) unsigned allocas(unsigned level, size_t size)
{
    volatile uint8_t *const frame = alloca(size);

    frame[0] = (uint8_t)level;
    return level > 10000 ? 0 : allocas(level + 1, size) + frame[0];
}

static __attribute__((noinline)) unsigned arrays(unsigned level, size_t size)
{
    volatile uint8_t frame[size];

    frame[0] = (uint8_t)level;
    return level > 10000 ? 0 : arrays(level + 1, size) + frame[0];
}

static volatile size_t wanted; /* for a size that the compiler does not know */

static unsigned allocas_of_wanted(unsigned level)
{
    return allocas(level, wanted);
}

static unsigned arrays_of_wanted(unsigned level)
{
    return arrays(level, wanted);
}

static const struct {
    const char *what;
    unsigned (*go_down)(unsigned level);
    size_t wanted;
} ways[] = {
    {"512", frames_of_512, 0},
    {"4 KiB", frames_of_4k, 0},
    {"14000", frames_of_14000, 0},
    {"64 KiB", frames_of_64k, 0},
    {"1 MiB", frames_of_1m, 0},
    {"alloca of 4 KiB", allocas_of_wanted, 4 * KIB},
    {"alloca of 64 KiB", allocas_of_wanted, 64 * KIB},
    {"alloca of 1 MiB", allocas_of_wanted, MIB},
    {"array of 4 KiB", arrays_of_wanted, 4 * KIB},
    {"array of 64 KiB", arrays_of_wanted, 64 * KIB},
    {"array of 1 MiB", arrays_of_wanted, MIB},
#ifndef __clang__
    {"alloca of 16 MiB", allocas_of_wanted, 16 * MIB},
    {"array of 16 MiB", arrays_of_wanted, 16 * MIB},
#endif
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void go_down(void *argument)
{
    ((unsigned (*)(unsigned))argument)(0);
}

/* fn(argument) with this stack pointer. */
void call_on_stack(void *top, void (*fn)(void *argument), void *argument);
__asm__(".text\n"
        "call_on_stack:\n"
        "    stp x29, x30, [sp, #-16]!\n"
        "    mov x29, sp\n"
        "    mov sp, x0\n"
        "    mov x0, x2\n"
        "    blr x1\n"
        "    mov sp, x29\n"
        "    ldp x29, x30, [sp], #16\n"
        "    ret\n");

/* Runs over the end of the stack that it is called on, in every way. Expects by hand: it runs in
 * handlers, where a test cannot end. Returns how many ways went right. */
static unsigned run_over(const char *guard, const char *bottom)
{
    unsigned right = 0;

    for (unsigned i = 0; i < WAYS; i++) {
        struct fault_record fault = {0};

        wanted = ways[i].wanted;
        if (fault_expect(go_down, ways[i].go_down, &fault) &&
            ESR_CLASS(fault.esr) == ESR_CLASS_DATA_ABORT && fault.far >= (uint64_t)guard &&
            fault.far < (uint64_t)bottom) {
            right++;
        } else {
            TEST_NOTE("%s: FAR %#llx", ways[i].what, (unsigned long long)fault.far);
        }
    }
    return right;
}

TEST(every_frame_over_the_end_of_the_stack_is_noticed)
{
    EXPECT_EQ(run_over(__stack_guard, __stack_bottom), WAYS);
    EXPECT_EQ(emergency_depth, 0);
}

static struct {
    unsigned right;
    uint64_t depth;
    vaddr_t sp;
} seen;

static char *own_stack; /* top of one that is the test's */

static bool on_emergency_stack(struct exception_frame *frame)
{
    seen.sp = (vaddr_t)__builtin_frame_address(0);
    seen.depth = emergency_depth;
    seen.right = run_over(__emergency_stack_guard, __emergency_stack_bottom);
    frame->elr += 4;
    return true;
}

static void store(void *address)
{
    __asm__ volatile("str wzr, [%0]" : : "r"(address) : "memory");
}

static char *stack_of_the_test(size_t size)
{
    char *const memory = aligned_alloc(16, size);

    ASSERT_TRUE(memory != NULL);
    return memory;
}

TEST(every_frame_over_the_end_of_the_emergency_stack_is_noticed)
{
    char *const memory = stack_of_the_test(16 * KIB);

    memset(&seen, 0, sizeof(seen));
    exception_set_fault_handler(on_emergency_stack);
    call_on_stack(memory + 16 * KIB, store, HOLE);
    exception_set_fault_handler(NULL);
    vm_abort_init();
    EXPECT_GE(seen.sp, (vaddr_t)__emergency_stack_bottom);
    EXPECT_LT(seen.sp, (vaddr_t)__emergency_stack_top);
    EXPECT_EQ(seen.depth, 1);
    EXPECT_EQ(seen.right, WAYS);
    EXPECT_EQ(emergency_depth, 0);
    free(memory);
}

/* Every callee-saved register, and the stack pointer with what lies there. */
static bool survives(vaddr_t hole)
{
    uint64_t result;

    __asm__ volatile("mov x9, sp\n\t"
                     "mov x19, #19\n\tmov x20, #20\n\tmov x21, #21\n\t"
                     "mov x28, #28\n\tmov x2, #2\n\t"
                     "str wzr, [%1]\n\t"
                     "mov x10, sp\n\tcmp x9, x10\n\tcset %0, eq\n\t"
                     "cmp x19, #19\n\tccmp x20, #20, #0, eq\n\tccmp x2, #2, #0, eq\n\t"
                     "cset x10, eq\n\tand %0, %0, x10"
                     : "=&r"(result)
                     : "r"(hole)
                     : "x2", "x9", "x10", "x19", "x20", "x21", "x28", "cc", "memory");
    return result != 0;
}

static struct {
    bool survived[3];
    uint64_t depths[3];
} way_down;

static void one_down(void *level);

/* Goes on a level down, on yet another stack, which is below own_stack. */
static bool nest(struct exception_frame *frame)
{
    static unsigned level;

    way_down.depths[level] = emergency_depth;
    if (level == 0) {
        level++;
        call_on_stack(own_stack - 8 * KIB, one_down, (void *)1);
        level--;
    }
    frame->elr += 4;
    return true;
}

static void one_down(void *level)
{
    volatile uint64_t kept = 0x5a5a5a5a;

    way_down.survived[(uintptr_t)level] = survives((vaddr_t)HOLE) && kept == 0x5a5a5a5a;
}

TEST(exceptions_on_other_stacks_share_none)
{
    char *const memory = stack_of_the_test(16 * KIB);
    const irq_state_t irq = irq_mask();

    own_stack = memory + 16 * KIB;
    memset(&way_down, 0, sizeof(way_down));
    exception_set_fault_handler(nest);
    for (unsigned round = 0; round < 3; round++) {
        call_on_stack(own_stack, one_down, (void *)0);
    }
    exception_set_fault_handler(NULL);
    vm_abort_init();
    irq_restore(irq);
    EXPECT_TRUE(way_down.survived[0]);
    EXPECT_TRUE(way_down.survived[1]);
    EXPECT_EQ(way_down.depths[0], 1);
    EXPECT_EQ(way_down.depths[1], 2);
    EXPECT_EQ(emergency_depth, 0);
    free(memory);
}

#define STACK_PAGES 4

/* The test's own stack as who runs threads would make it: nothing is mapped below it. */
static vaddr_t guarded_stack(void)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    vaddr_t at = 0;

    ASSERT_EQ(vm_object_create(STACK_PAGES, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_map_enter(kernel_map, &at, STACK_PAGES * PAGE_SIZE, MIB, &range,
                           VM_ENTER_ANYWHERE | VM_ENTER_EAGER),
              KERN_SUCCESS);
    vm_object_release(range.object);
    return at;
}

static void go_down_elsewhere(void *top)
{
    call_on_stack(top, go_down, frames_of_512);
}

/* An overflow that somebody expects leaves the handlers under way, and their stacks are free. */
TEST(the_end_of_another_stack_is_a_fault_like_any_other)
{
    const vaddr_t bottom = guarded_stack();
    struct fault_record fault;

    for (unsigned round = 0; round < 3; round++) {
        fault = (struct fault_record){0};
        ASSERT_TRUE(
            fault_expect(go_down_elsewhere, (void *)(bottom + STACK_PAGES * PAGE_SIZE), &fault));
        ASSERT_GE(fault.far, bottom - PAGE_SIZE);
        ASSERT_LT(fault.far, bottom);
        ASSERT_EQ(emergency_depth, 0);
    }
    EXPECT_EQ(vm_map_remove(kernel_map, bottom, STACK_PAGES * PAGE_SIZE), KERN_SUCCESS);
}

/* Lazy memory of a handler of its own faults on the emergency stack, and is resolved there. */
static bool touch_lazy_memory(struct exception_frame *frame)
{
    volatile uint64_t *const lazy = (volatile uint64_t *)own_stack;
    volatile uint64_t kept = 0x1234;

    if (frame->far != (uint64_t)HOLE) {
        return vm_abort_resolve(kernel_map, frame->esr, frame->far) == KERN_SUCCESS;
    }
    *lazy = 77;
    seen.right = kept == 0x1234 && *lazy == 77;
    frame->elr += 4;
    return true;
}

TEST(a_fault_of_a_handler_on_the_emergency_stack_is_served_below_it)
{
    struct vm_range range = {.access = MMU_READ | MMU_WRITE, .max_access = MMU_READ | MMU_WRITE};
    char *const memory = stack_of_the_test(16 * KIB);
    vaddr_t at = 0;

    ASSERT_EQ(vm_object_create(1, &range.object), KERN_SUCCESS);
    ASSERT_EQ(vm_map_enter(kernel_map, &at, PAGE_SIZE, 0, &range, VM_ENTER_ANYWHERE), KERN_SUCCESS);
    vm_object_release(range.object);
    memset(&way_down, 0, sizeof(way_down));
    memset(&seen, 0, sizeof(seen));
    own_stack = (char *)at;
    exception_set_fault_handler(touch_lazy_memory);
    call_on_stack(memory + 16 * KIB, one_down, (void *)0);
    exception_set_fault_handler(NULL);
    vm_abort_init();
    EXPECT_TRUE(way_down.survived[0]);
    EXPECT_EQ(seen.right, 1);
    EXPECT_EQ(emergency_depth, 0);
    EXPECT_EQ(vm_map_remove(kernel_map, at, PAGE_SIZE), KERN_SUCCESS);
    free(memory);
}

/* The first time its own fault, the second time nobody's: who waits further out has it. */
static bool fail_in_turn(struct exception_frame *frame)
{
    if (frame->far == (uint64_t)HOLE) {
        store(HOLE + 8);
    }
    return false;
}

static void store_elsewhere(void *top)
{
    call_on_stack(top, store, HOLE);
}

TEST(a_handler_that_faults_leaves_its_stack_to_the_next)
{
    char *const memory = stack_of_the_test(16 * KIB);
    struct fault_record fault;

    for (unsigned round = 0; round < 3; round++) {
        exception_set_fault_handler(fail_in_turn);
        const bool raised = fault_expect(store_elsewhere, memory + 16 * KIB, &fault);
        exception_set_fault_handler(NULL);
        vm_abort_init();
        ASSERT_TRUE(raised);
        ASSERT_EQ(fault.far, (uint64_t)HOLE + 8);
        ASSERT_EQ(emergency_depth, 0);
    }
    free(memory);
}
