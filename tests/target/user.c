/* SPDX-License-Identifier: BSD-2-Clause */
/* Code at EL0: it runs, its faults are resolved, and it cannot get out of its address space. */
#include "kernel/user.h"

#include <string.h>

#include "kernel/direct_map.h"
#include "kernel/fault.h"
#include "kernel/irq.h"
#include "kernel/mmu.h"
#include "kernel/timer.h"
#include "kernel/vm_map.h"
#include "tests/harness/harness.h"

#define RW   (MMU_READ | MMU_WRITE)
#define CODE 0x10000ul
#define DATA 0x200000ul

/* Position-independent EL0 code, copied into the task. */
extern const char user_load[], user_store[], user_loop[], user_fp[], user_thread[], user_end[];
__asm__(".pushsection .rodata\n"
        ".balign 4\n"
        "user_load:  ldrb w0, [x1]\n"
        "            svc #7\n"
        "user_store: strb w0, [x1]\n"
        "            svc #8\n"
        "user_loop:  cbz w2, user_loop\n"
        "            svc #9\n"
        "user_fp:     fmov d8, #1.0\n" /* what the caller counts on, spoilt */
        "            fmov d9, #1.0\n"
        "            fmov d15, #1.0\n"
        "            mov x3, #0x00c00000\n" /* round towards zero */
        "            msr fpcr, x3\n"
        "            cbz x0, . + 12\n" /* x0: loop until x2, to be interrupted by those rules */
        "            cbz w2, .\n"
        "            nop\n"
        "            svc #10\n"
        "user_thread: mrs x0, tpidr_el0\n"
        "            msr tpidr_el0, x1\n"
        "            mrs x1, tpidrro_el0\n"
        "            svc #11\n"
        "user_end:\n"
        ".popsection\n");

struct fixture {
    struct task *task;
    struct vm_map *map;
    struct vm_object *data;
    struct user_state state;
};

static void enter(struct fixture *f, struct vm_object *object, vaddr_t at, unsigned access)
{
    const struct vm_range range = {.object = object, .access = access, .max_access = access};

    ASSERT_EQ(vm_map_enter(f->map, &at, vm_object_pages(object) * PAGE_SIZE, 0, &range, 0),
              KERN_SUCCESS);
}

/* A task with the code above at CODE and two writable pages at DATA. */
static void set_up(struct fixture *f)
{
    struct vm_object *code = NULL;
    paddr_t page;

    memset(f, 0, sizeof(*f));
    ASSERT_EQ(task_create(&f->task), KERN_SUCCESS);
    f->map = task_map(f->task);
    ASSERT_EQ(vm_object_create(1, &code), KERN_SUCCESS);
    ASSERT_EQ(vm_object_supply(code, 0, VM_SUPPLY_WRITE, &page), KERN_SUCCESS);
    memcpy(phys_to_virt(page), user_load, (size_t)(user_end - user_load));
    enter(f, code, CODE, MMU_READ | MMU_EXECUTE);
    vm_object_release(code);
    ASSERT_EQ(vm_object_create(2, &f->data), KERN_SUCCESS);
    enter(f, f->data, DATA, RW);
}

static void tear_down(struct fixture *f)
{
    vm_object_release(f->data);
    task_release(f->task);
}

static void prepare(struct fixture *f, const char *code, vaddr_t address, uint8_t value)
{
    user_init(&f->state, CODE + (vaddr_t)(code - user_load), 0);
    f->state.context.frame.x[0] = value;
    f->state.context.frame.x[1] = address;
}

static enum user_stop run(struct fixture *f, const char *code, vaddr_t address, uint8_t value)
{
    prepare(f, code, address, value);
    return user_run(f->task, &f->state);
}

TEST(user_code_touches_absent_pages)
{
    struct fixture f;
    uint64_t done;
    uint8_t byte;

    set_up(&f);
    EXPECT_EQ(run(&f, user_load, DATA + 9, 1), USER_STOP_CALL);
    EXPECT_EQ(f.state.call, 7);
    EXPECT_EQ(f.state.context.frame.x[0], 0);
    EXPECT_EQ(run(&f, user_store, DATA + PAGE_SIZE, 55), USER_STOP_CALL);
    EXPECT_EQ(f.state.call, 8);
    EXPECT_EQ(vm_map_read(f.map, DATA + PAGE_SIZE, &byte, 1, &done), KERN_SUCCESS);
    EXPECT_EQ(byte, 55);
    tear_down(&f);
}

TEST(user_code_cannot_reach_the_kernel_or_write_its_own_text)
{
    static uint8_t secret = 77;
    struct fixture f;

    set_up(&f);
    EXPECT_EQ(run(&f, user_load, (vaddr_t)&secret, 1), USER_STOP_FAULT);
    EXPECT_EQ(f.state.context.frame.x[0], 1);
    EXPECT_EQ(run(&f, user_store, (vaddr_t)&secret, 1), USER_STOP_FAULT);
    EXPECT_EQ(secret, 77);
    EXPECT_EQ(run(&f, user_store, CODE, 1), USER_STOP_FAULT);
    EXPECT_EQ(f.state.status, KERN_PROTECTION_FAILURE);
    EXPECT_EQ(run(&f, user_load, 0, 1), USER_STOP_FAULT);
    EXPECT_EQ(f.state.status, KERN_INVALID_ADDRESS);
    tear_down(&f);
}

/* Written by the kernel, and as a device would, while the task has it as text: what is there now
 * is what runs. */
TEST(user_code_that_is_written_anew_runs_anew)
{
    const vaddr_t text = 0x300000ul;
    uint32_t call = 0xd4000001 | 17 << 5; /* svc #17 */
    struct fixture f;
    paddr_t page;
    uint64_t done;

    set_up(&f);
    enter(&f, f.data, text, MMU_READ | MMU_EXECUTE);
    for (unsigned round = 0; round < 3; round++) {
        if (round < 2) {
            EXPECT_EQ(vm_map_write(f.map, DATA, &call, sizeof(call), &done), KERN_SUCCESS);
        } else {
            ASSERT_EQ(vm_map_wire(f.map, DATA, 1, VM_WIRE_WRITE | VM_WIRE_UNMARKED, &page),
                      KERN_SUCCESS);
            *(uint32_t *)phys_to_virt(page) = call;
            vm_mark_written(page, 1);
            vm_unwire(&page, 1);
        }
        user_init(&f.state, text, 0);
        EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
        EXPECT_EQ(f.state.call, 17 + round);
        call += 1 << 5;
    }
    tear_down(&f);
}

/* A blocked access parks the task; it goes on where it was when it is let. */
TEST(a_blocked_access_waits_and_resumes)
{
    struct fixture f;
    uint64_t done;

    set_up(&f);
    EXPECT_EQ(vm_map_write(f.map, DATA, "K", 1, &done), KERN_SUCCESS);
    ASSERT_EQ(vm_map_block(f.map, DATA, PAGE_SIZE, true), KERN_SUCCESS);
    EXPECT_EQ(run(&f, user_load, DATA, 1), USER_STOP_BLOCKED);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_BLOCKED);
    ASSERT_EQ(vm_map_block(f.map, DATA, PAGE_SIZE, false), KERN_SUCCESS);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
    EXPECT_EQ(f.state.context.frame.x[0], 'K');
    tear_down(&f);
}

static void let_go(void *context)
{
    struct fixture *f = context;

    f->state.context.frame.x[2] = 1; /* the task's register, while it is interrupted */
}

/* Interrupts are served while EL0 code loops, and it keeps its registers. */
TEST(interrupts_are_served_while_user_code_runs)
{
    struct fixture f;
    struct timer timer = {.callback = let_go, .context = &f};
    irq_state_t irq;

    set_up(&f);
    prepare(&f, user_loop, DATA + 3, 99);
    irq = irq_mask(); /* the first chance to fire is in user code */
    timer_start(&timer, 50000);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
    irq_restore(irq);
    EXPECT_EQ(f.state.call, 9);
    EXPECT_EQ(f.state.context.frame.x[0], 99);
    EXPECT_EQ(f.state.context.frame.x[1], DATA + 3);
    tear_down(&f);
}

/* Doubles of the caller, in registers that a call keeps, and the rules they are computed by. */
struct doubles {
    double d8, d9, d15;
    uint64_t fpcr;
};

static enum user_stop run_between(struct fixture *f, struct doubles *held)
{
    register double d8 __asm__("d8") = held->d8;
    register double d9 __asm__("d9") = held->d9;
    register double d15 __asm__("d15") = held->d15;
    enum user_stop stop;

    __asm__ volatile("msr fpcr, %0" : : "r"(held->fpcr));
    __asm__ volatile("" : "+w"(d8), "+w"(d9), "+w"(d15));
    stop = user_run(f->task, &f->state);
    __asm__ volatile("" : "+w"(d8), "+w"(d9), "+w"(d15));
    __asm__ volatile("mrs %0, fpcr" : "=r"(held->fpcr));
    __asm__ volatile("msr fpcr, xzr");
    held->d8 = d8;
    held->d9 = d9;
    held->d15 = d15;
    return stop;
}

TEST(user_code_leaves_the_callers_doubles_and_rounding_alone)
{
    struct doubles held = {1234.5, -7.25, 0.1, 0x00400000}; /* round towards plus infinity */
    struct fixture f;

    set_up(&f);
    prepare(&f, user_fp, 0, 0);
    EXPECT_EQ(run_between(&f, &held), USER_STOP_CALL);
    EXPECT_EQ(f.state.call, 10);
    EXPECT_TRUE(held.d8 == 1234.5);
    EXPECT_TRUE(held.d9 == -7.25);
    EXPECT_TRUE(held.d15 == 0.1);
    EXPECT_EQ(held.fpcr, 0x00400000);
    EXPECT_EQ(f.state.context.frame.fpcr, 0x00c00000); /* the task has its own */
    tear_down(&f);
}

struct interrupted {
    struct fixture *fixture;
    struct timer timer;
    uint64_t fpcr;
};

static void note_rounding(void *context)
{
    struct interrupted *interrupted = context;

    __asm__ volatile("mrs %0, fpcr" : "=r"(interrupted->fpcr));
    if (interrupted->fixture->state.context.frame.fpcr != 0) {
        let_go(interrupted->fixture);
    } else {
        timer_start(&interrupted->timer, 50000); /* it came before the code had set its own */
    }
}

TEST(handlers_do_not_compute_by_the_rules_of_user_code)
{
    struct fixture f;
    struct interrupted interrupted = {
        .fixture = &f, .timer = {.callback = note_rounding, .context = &interrupted}};

    set_up(&f);
    prepare(&f, user_fp, 0, 1);
    timer_start(&interrupted.timer, 50000);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_CALL);
    EXPECT_EQ(interrupted.fpcr, 0);
    tear_down(&f);
}

TEST(the_thread_register_belongs_to_the_task)
{
    struct fixture one, other;
    uint64_t own;

    set_up(&one);
    set_up(&other);
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(0x1234ul));
    EXPECT_EQ(run(&one, user_thread, 0x5ec2e7, 1), USER_STOP_CALL);
    EXPECT_EQ(one.state.context.frame.x[0], 0);
    EXPECT_EQ(run(&other, user_thread, 0, 1), USER_STOP_CALL);
    EXPECT_EQ(other.state.context.frame.x[0], 0);
    one.state.context.frame.elr = CODE + (vaddr_t)(user_thread - user_load);
    EXPECT_EQ(user_run(one.task, &one.state), USER_STOP_CALL);
    EXPECT_EQ(one.state.context.frame.x[0], 0x5ec2e7);
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(own));
    EXPECT_EQ(own, 0x1234);
    tear_down(&one);
    tear_down(&other);
}

static void fault_at_null(void *context)
{
    (void)context;
    __asm__ volatile("mov x1, #0x51\n\tmov x2, #16\n\tldr x2, [x2]" : : : "x1", "x2");
}

/* The vectors keep a register of the kernel where EL0 could read it. */
TEST(user_code_sees_no_register_of_the_kernel)
{
    struct fault_record fault;
    struct fixture f;

    set_up(&f);
    EXPECT_TRUE(fault_expect(fault_at_null, NULL, &fault));
    EXPECT_EQ(run(&f, user_thread, 0, 1), USER_STOP_CALL);
    EXPECT_EQ(f.state.context.frame.x[1], 0);
    tear_down(&f);
}

/* Code that loops comes back, as often as it is asked, and is where it was. */
TEST(user_code_runs_for_a_limited_time)
{
    struct fixture f;

    set_up(&f);
    prepare(&f, user_loop, DATA + 3, 99);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(user_run_for(f.task, &f.state, i * 50000), USER_STOP_TIME);
        EXPECT_EQ(f.state.context.frame.elr, CODE + (vaddr_t)(user_loop - user_load));
    }
    f.state.context.frame.x[2] = 1;
    EXPECT_EQ(user_run_for(f.task, &f.state, 10000000000ul), USER_STOP_CALL);
    EXPECT_EQ(f.state.call, 9);
    EXPECT_EQ(f.state.context.frame.x[0], 99);
    /* The deadline went with the call: nothing writes to the stack that it was on. */
    timer_delay(200000);
    EXPECT_EQ(run(&f, user_load, DATA, 1), USER_STOP_CALL);
    tear_down(&f);
}

/* Two tasks, one address, different memory: nothing of the one shows in the other. */
TEST(tasks_are_apart)
{
    struct fixture one, other;

    set_up(&one);
    set_up(&other);
    EXPECT_EQ(run(&one, user_store, DATA, 11), USER_STOP_CALL);
    EXPECT_EQ(run(&other, user_store, DATA, 22), USER_STOP_CALL);
    EXPECT_EQ(run(&one, user_load, DATA, 0), USER_STOP_CALL);
    EXPECT_EQ(one.state.context.frame.x[0], 11);
    EXPECT_EQ(run(&other, user_load, DATA, 0), USER_STOP_CALL);
    EXPECT_EQ(other.state.context.frame.x[0], 22);
    tear_down(&one);
    tear_down(&other);
}

/* More tasks than an 8-bit ASID can tell apart, all alive. */
TEST(more_tasks_than_asids)
{
    enum {
        TASKS = 300
    };
    static struct fixture fixtures[TASKS];

    for (unsigned i = 0; i < TASKS; i++) {
        set_up(&fixtures[i]);
        EXPECT_EQ(run(&fixtures[i], user_store, DATA, (uint8_t)i), USER_STOP_CALL);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        EXPECT_EQ(run(&fixtures[i], user_load, DATA, 0), USER_STOP_CALL);
        EXPECT_EQ(fixtures[i].state.context.frame.x[0], (uint8_t)i);
    }
    for (unsigned i = 0; i < TASKS; i++) {
        tear_down(&fixtures[i]);
    }
}

TEST(a_dead_task_does_not_run)
{
    struct fixture f;

    set_up(&f);
    task_terminate(f.task);
    EXPECT_EQ(user_run(f.task, &f.state), USER_STOP_FAULT);
    tear_down(&f);
}
