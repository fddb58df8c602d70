/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several CPUs: the firmware would start one at EL2, past all that is set up here. So EL1's calls
 * of it pass here, and who is started comes here first. One CPU at a time is in EL2, which has one
 * state; the lock is taken by the vectors that all of them use then.
 */
#include "boot/el2/el2_private.h"

#define HCR_TSC (1ull << 19) /* EL1's SMC comes here */

/* PSCI 1.1, sections 5.4 to 5.6; of CPU_ON there are two, for addresses of 32 and of 64 bits. */
#define PSCI_CPU_OFF     0x84000002ull
#define PSCI_CPU_ON_32   0x84000003ull
#define PSCI_CPU_ON      0xc4000003ull
#define PSCI_ALREADY_ON  (-4ll)
#define PSCI_ON_PENDING  (-5ll)
#define PSCI_NO_SUCH_CPU (-2ll)
#define AFFINITY         0xff00ffffffull
#define MPIDR_AFFINITY0  0xffull

enum state {
    OFF,
    STARTING,
    ON
};

/* What one that starts is told, with its MMU off; alone.S knows the first three. */
static struct cpu {
    uint64_t entry, context, stack;
    enum state state;
} cpus[EL2_CPUS] __attribute__((aligned(64)));

static uint32_t lock;
static unsigned count;
static uint64_t secondary;

/* By el2_vectors.S. */
void el2_lock(void);
void el2_unlock(void);

void el2_lock(void)
{
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE) != 0) {
        __asm__ volatile("yield");
    }
}

void el2_unlock(void)
{
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

unsigned el2_cpu(void)
{
    return (unsigned)(el2_read("mpidr_el1") & MPIDR_AFFINITY0);
}

static uint64_t firmware(struct el2_frame *frame, const uint64_t *arguments)
{
    register uint64_t x0 __asm__("x0") = arguments[0];
    register uint64_t x1 __asm__("x1") = arguments[1];
    register uint64_t x2 __asm__("x2") = arguments[2];
    register uint64_t x3 __asm__("x3") = arguments[3];

    /* Another one may have to come in before this one is back, if ever it is. */
    el2_unlock();
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    el2_lock();
    frame->x[1] = x1;
    frame->x[2] = x2;
    frame->x[3] = x3;
    return x0;
}

static uint64_t start(struct el2_frame *frame)
{
    const uint64_t target = frame->x[1] & AFFINITY;
    struct cpu *const cpu = &cpus[target < count ? target : 0];
    const uint64_t arguments[] = {frame->x[0], frame->x[1], secondary, (uint64_t)cpu};
    const uint64_t kept[] = {frame->x[1], frame->x[2], frame->x[3]};
    uint64_t result;

    if (target >= count) {
        return (uint64_t)PSCI_NO_SUCH_CPU;
    }
    if (cpu->state != OFF) {
        return (uint64_t)(cpu->state == ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING);
    }
    cpu->entry = frame->x[2];
    cpu->context = frame->x[3];
    cpu->state = STARTING;
    /* It reads them before its caches are on. */
    __asm__ volatile("dc civac, %0; dsb sy" : : "r"(cpu) : "memory");
    result = firmware(frame, arguments);
    for (unsigned i = 0; i < 3; i++) {
        frame->x[1 + i] = kept[i];
    }
    if (result != 0 && cpu->state == STARTING) {
        cpu->state = OFF;
    }
    return result;
}

/* What only this CPU's timer would have told of is waited for: it goes with the CPU. */
static void settle(void)
{
    uint64_t tick;

    while (el2_timer_is_set(&tick)) {
        if (el2_now() >= tick) {
            el2_timer_stop();
            el2_timer();
        } else {
            el2_unlock();
            __asm__ volatile("yield");
            el2_lock();
        }
    }
}

void el2_firmware_call(struct el2_frame *frame)
{
    frame->elr += 4; /* it is trapped, and not done */
    if (frame->x[0] == PSCI_CPU_ON || frame->x[0] == PSCI_CPU_ON_32) {
        frame->x[0] = start(frame);
        return;
    }
    if (frame->x[0] == PSCI_CPU_OFF) {
        settle();
        cpus[el2_cpu()].state = OFF;
    }
    frame->x[0] = firmware(frame, frame->x);
    if (frame->x[0] != 0 && cpus[el2_cpu()].state == OFF) {
        cpus[el2_cpu()].state = ON; /* it has been refused */
    }
}

static void share(void)
{
    el2_write("vbar_el2", el2_vectors_shared);
    el2_write("hcr_el2", el2_read("hcr_el2") | HCR_TSC);
    __asm__ volatile("isb");
}

void el2_share(unsigned cpu_count, void (*started)(void), uint8_t (*stacks)[EL2_STACK])
{
    count = cpu_count;
    secondary = (uint64_t)started;
    for (unsigned i = 1; i < count; i++) {
        cpus[i].stack = (uint64_t)stacks[i];
    }
    cpus[el2_cpu()].state = ON;
    share();
}

/* By alone.S, on the stack that it was told of. */
void el2_join(void)
{
    el2_tables_join();
    el2_timer_init(el2_is_gic_v3());
    share();
    el2_route();
    el2_lock();
    cpus[el2_cpu()].state = ON;
    el2_unlock();
}
