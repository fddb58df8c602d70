/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts, time and start-up. */
#include "kernel/cpu.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/timer.h"
#include "kernel/trace.h"
#include "tests/bench/bench.h"
#include "tests/bench/gic.h"

#define ROUNDS   1000
#define SLEEP_NS 100000 /* far longer than the way to the sleep, so that it is always a sleep */

/* GICv2 of the `virt` machine, for what the floors do by hand. */
#define GIC_DISTRIBUTOR 0x08000000UL
#define GICD_ISPENDR    0x200

#define SPARE_INTID 200 /* no device of the machine has it */

struct sleeper {
    struct timer timer;
    volatile unsigned woken;
};

static void wake(void *context)
{
    ((struct sleeper *)context)->woken = 1;
}

/* What a driver does that waits: start something, sleep, find it done. */
static void sleep_until_woken(void *context)
{
    struct sleeper *const sleeper = context;
    const irq_state_t state = irq_mask();

    sleeper->woken = 0;
    timer_start(&sleeper->timer, SLEEP_NS);
    while (sleeper->woken == 0) {
        irq_wait();
    }
    irq_restore(state);
}

/* The same with nothing around it: set the timer, sleep, acknowledge, quiet the line, end. */
static inline __attribute__((always_inline)) void sleep_by_hand(bool v3, volatile void *gic)
{
    cpu_write_sysreg(cntv_tval_el0, 2000);
    cpu_write_sysreg(cntv_ctl_el0, 1);
    cpu_wfi();

    const uint32_t token = gic_take(v3, gic);

    cpu_write_sysreg(cntv_ctl_el0, 0);
    gic_end(v3, gic, token);
}

static void sleep_floor_v2(void *gic)
{
    sleep_by_hand(false, gic);
}

static void sleep_floor_v3(void *gic)
{
    sleep_by_hand(true, gic);
}

static void bench_sleep(struct bench_result *result)
{
    volatile void *gic = gic_registers();
    struct sleeper sleeper = {.timer = {.callback = wake, .context = &sleeper}};
    irq_state_t state;

    result->operations = ROUNDS;
    result->measured = bench_calls(sleep_until_woken, &sleeper, ROUNDS);
    state = irq_mask();
    result->floor = bench_calls(gic != NULL ? sleep_floor_v2 : sleep_floor_v3, (void *)gic, ROUNDS);
    irq_restore(state);
}

static void nothing(void *context)
{
    (void)context;
}

static enum irq_result serve(void *context)
{
    (void)context;
    return IRQ_SERVED;
}

/* One store makes the interrupt pending; it is taken before the call returns. */
static void raise_spare(void *context)
{
    mmio_write32(context, GICD_ISPENDR + SPARE_INTID / 32 * 4, 1u << SPARE_INTID % 32);
}

static void bench_vector(struct bench_result *result)
{
    volatile void *distributor = mmu_map_device(paddr(GIC_DISTRIBUTOR), PAGE_SIZE);
    const uint64_t before = irq_count();

    if (distributor == NULL || irq_register(SPARE_INTID, serve, NULL) != KERN_SUCCESS) {
        result->skipped = "no interrupt controller";
        return;
    }
    result->operations = ROUNDS;
    result->measured = bench_calls(raise_spare, (void *)distributor, ROUNDS);
    if (irq_count() - before != ROUNDS + 1) {
        result->skipped = "interrupts were lost";
    }
    irq_unregister(SPARE_INTID);
}

static void start_and_cancel(void *context)
{
    timer_start(context, SLEEP_NS);
    timer_cancel(context);
}

static void bench_timer(struct bench_result *result)
{
    struct timer timer = {.callback = nothing};

    result->operations = ROUNDS;
    result->measured = bench_calls(start_and_cancel, &timer, ROUNDS);
}

/* A site of kernel/trace.h that is off, and the same call without it. */
static void pass_a_site(void *context)
{
    trace_remove((vaddr_t)context, 0, KERN_SUCCESS);
}

static void bench_trace_off(struct bench_result *result)
{
    result->operations = ROUNDS;
    result->measured = bench_calls(pass_a_site, NULL, ROUNDS);
    result->floor = bench_calls(nothing, NULL, ROUNDS);
}

static void bench_trace_on(struct bench_result *result)
{
    result->operations = ROUNDS;
    trace_start();
    result->measured = bench_calls(pass_a_site, NULL, ROUNDS);
    trace_stop();
}

/* The heap sets itself up at its first use, which belongs to "ready". */
static void bench_reset(struct bench_result *result)
{
    bench_start();
    heap_free(heap_alloc(64));
    result->measured = bench_reset_to_main() + bench_stop();
}

static const struct bench rows[] = {
    {.id = "reset",
     .goal_row = "10",
     .name = "reset to main, tree read, heap ready",
     .goal = 180000,
     .run = bench_reset},
    {.id = "sleep",
     .goal_row = "9",
     .name = "sleep + interrupt + wake",
     .goal = 105,
     .run = bench_sleep},
    {.id = "vector",
     .goal_row = "9",
     .name = "interrupt through the vector, empty handler",
     .goal = 85,
     .run = bench_vector},
    {.id = "timer", .name = "timer start + cancel", .run = bench_timer},
    {.id = "trace-off", .name = "call with a trace site, off", .run = bench_trace_off},
    {.id = "trace-on", .name = "call with a trace site, on", .run = bench_trace_on},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
