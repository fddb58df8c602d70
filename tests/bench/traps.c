/* SPDX-License-Identifier: BSD-2-Clause */
/* What a trap to the monitor at EL2 costs, all included. */
#include "drivers/vdma/vdma.h"
#include "drivers/virtio/transport_mmio.h"
#include "kernel/mmio.h"
#include "kernel/mmu.h"
#include "kernel/panic.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/bench/bench.h"

#define ROUNDS 20

VDMA_MONITOR(8);

static volatile void *slots;

/* What an operation costs with EL2's part of it. */
static void measure(struct bench_result *result, void (*operation)(void *context))
{
    if (!vdma_present()) {
        result->skipped = "no vdma: not entered at EL2";
        return;
    }
    if (slots == NULL) {
        slots = mmu_map_device(paddr(VDMA_MONITOR_REGISTERS), PAGE_SIZE);
        KERNEL_CHECK(slots != NULL);
    }
    result->operations = ROUNDS;
    result->measured = bench_calls_with_el2(operation, NULL, ROUNDS);
}

/* A function that there is not. */
static void call_el2(void *context)
{
    register uint64_t function __asm__("x0") = ~0ull;

    (void)context;
    __asm__ volatile("hvc #0" : "+r"(function) : : "memory");
}

static void read_register(void *context)
{
    (void)context;
    mmio_read32(slots, MMIO_MAGIC);
}

#define NEIGHBOUR 0x200u /* the next slot, which is QEMU's */

static void read_neighbour(void *context)
{
    (void)context;
    mmio_read32(slots, NEIGHBOUR + MMIO_MAGIC);
}

static void trap_call(struct bench_result *result)
{
    measure(result, call_el2);
}

static void trap_register(struct bench_result *result)
{
    measure(result, read_register);
}

static void trap_neighbour(struct bench_result *result)
{
    measure(result, read_neighbour);
}

static const struct bench rows[] = {
    {.id = "trap-call", .goal_row = "E", .name = "EL2: null call", .goal = 80, .run = trap_call},
    {.id = "trap-register",
     .goal_row = "E",
     .name = "EL2: emulated register access",
     .goal = 150,
     .run = trap_register},
    {.id = "trap-neighbour",
     .goal_row = "E",
     .name = "EL2: access passed on to a neighbour",
     .run = trap_neighbour},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
