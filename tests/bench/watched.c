/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What being watched costs a program (qemu/vdma/README.md, "Watched"), in its own instructions: a
 * copy by vdma of what the CPU has stored, looked at afterwards. bench.sh runs it once without a
 * watch and once under each, and says how much longer the host took.
 */
#include "drivers/vdma/vdma.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/bench/bench.h"

#define ROUNDS 200u
#define BYTES  4096u

VDMA_MONITOR(8);

static struct {
    uint8_t *from, *to;
    IOMemoryDescriptor *source, *target;
} copy;

static IOMemoryDescriptor *describe(uint8_t *bytes, IODirection direction)
{
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRange((uint64_t)bytes, BYTES, direction, kernel_task);

    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

static void copy_once(void *context)
{
    struct vdma_job job = {
        .type = VDMA_COPY, .source = copy.source, .target = copy.target, .length = BYTES};

    (void)context;
    for (unsigned i = 0; i < BYTES; i += 8) {
        *(volatile uint64_t *)(copy.from + i) += i;
    }
    KERNEL_CHECK(vdma_perform(&job) == kIOReturnSuccess);
    for (unsigned i = 0; i < BYTES; i += 8) {
        KERNEL_CHECK(*(volatile uint64_t *)(copy.to + i) == *(volatile uint64_t *)(copy.from + i));
    }
}

static void measure(struct bench_result *result)
{
    if (!vdma_present()) {
        result->skipped = "no vdma";
        return;
    }
    if (copy.from == NULL) {
        copy.from = heap_alloc_zero(BYTES);
        copy.to = heap_alloc_zero(BYTES);
        KERNEL_CHECK(copy.from != NULL && copy.to != NULL);
        copy.source = describe(copy.from, kIODirectionOut);
        copy.target = describe(copy.to, kIODirectionIn);
    }
    copy_once(NULL);
    result->operations = ROUNDS;
    result->measured = bench_calls(copy_once, NULL, ROUNDS);
}

static const struct bench rows[] = {
    {.id = "copy", .name = "4 KiB stored, copied by vdma, looked at", .run = measure},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
