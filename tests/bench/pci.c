/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks on PCI: what a read costs there, and what it costs more behind the SMMU, where its memory
 * is mapped for each; and interrupts, by a line and by a message through GICv2m.
 */
#include "descriptors/IOMemoryDescriptor.h"
#include "drivers/virtio/blk_dma.h"
#include "kernel/direct_map.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "tests/bench/messages.h"

#define ROUNDS 200
#define DEPTH  32
#define PLAIN  1 /* disks in QEMU's order: the first is not on PCI */
#define MAPPED 2

static IOMemoryDescriptor *memory;
static struct virtio_blk *disk;
static struct virtio_blk_request requests[DEPTH];
static volatile unsigned arrived;

static bool ready(struct bench_result *result, unsigned index)
{
    const struct page_request request = {.count = DEPTH, .owner = PAGE_OWNER_IMAGE};
    paddr_t run;

    disk = virtio_blk_get(index);
    if (disk == NULL) {
        result->skipped = "no such disk";
        return false;
    }
    if (memory == NULL) {
        KERNEL_CHECK(page_alloc_run(&request, &run) == KERN_SUCCESS);
        memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(run), DEPTH * PAGE_SIZE,
                                                     kIODirectionIn, kernel_task);
        KERNEL_CHECK(memory != NULL);
        KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    }
    return true;
}

static void read_one(void *context)
{
    (void)context;
    KERNEL_CHECK(virtio_blk_read(disk, memory, 0, 0, PAGE_SIZE) == kIOReturnSuccess);
}

static void arrive(struct virtio_blk_request *request)
{
    KERNEL_CHECK(request->status == kIOReturnSuccess);
    arrived++;
}

static void read_batch(void *context)
{
    /* Before they are submitted, or it depends on the host where the interrupt comes. */
    const irq_state_t state = irq_mask();

    (void)context;
    arrived = 0;
    for (unsigned i = 0; i < DEPTH; i++) {
        virtio_blk_request_init(&requests[i], VIRTIO_BLK_READ, memory, i * PAGE_SIZE, 0, PAGE_SIZE);
        requests[i].completion = arrive;
    }
    KERNEL_CHECK(virtio_blk_submit_list(disk, requests, DEPTH, NULL) == kIOReturnSuccess);

    while (arrived < DEPTH) {
        irq_wait();
    }
    irq_restore(state);
}

static void measure(struct bench_result *result, unsigned index, unsigned depth)
{
    if (ready(result, index)) {
        result->operations = ROUNDS * depth;
        virtio_blk_gather_interrupts(disk, depth);
        result->measured = bench_calls(depth == 1 ? read_one : read_batch, NULL, ROUNDS);
        virtio_blk_gather_interrupts(disk, 1);
    }
}

static void bench_one(struct bench_result *result)
{
    measure(result, PLAIN, 1);
}

static void bench_batch(struct bench_result *result)
{
    measure(result, PLAIN, DEPTH);
}

static void bench_mapped(struct bench_result *result)
{
    measure(result, MAPPED, 1);
}

static void bench_mapped_batch(struct bench_result *result)
{
    measure(result, MAPPED, DEPTH);
}

static void bench_added(struct bench_result *result)
{
    struct bench_result plain = {0};

    measure(&plain, PLAIN, 1);
    measure(result, MAPPED, 1);
    if (result->skipped == NULL) {
        result->skipped = plain.skipped;
        result->measured -= plain.measured;
    }
}

static void count_doorbells(struct bench_result *result, unsigned depth)
{
    struct virtq_counters before, after;

    if (!ready(result, PLAIN)) {
        return;
    }
    virtio_blk_get_counters(disk, &before);
    for (unsigned i = 0; i < ROUNDS; i++) {
        (depth == 1 ? read_one : read_batch)(NULL);
    }
    virtio_blk_get_counters(disk, &after);
    result->operations = ROUNDS * depth;
    result->measured = after.doorbells - before.doorbells;
}

static void bench_doorbells_1(struct bench_result *result)
{
    count_doorbells(result, 1);
}

static void bench_doorbells_32(struct bench_result *result)
{
    count_doorbells(result, DEPTH);
}

static void bench_line(struct bench_result *result)
{
    message_bench(result, PCI_INTX);
}

static void bench_message(struct bench_result *result)
{
    message_bench(result, PCI_MSI);
}

static const struct bench rows[] = {
    {.id = "pci-4k", .name = "4 KiB read over virtio-pci, one at a time", .run = bench_one},
    {.id = "pci-4k-batch",
     .name = "4 KiB read over virtio-pci, 32 per doorbell, each",
     .run = bench_batch},
    {.id = "pci-4k-mapped", .name = "the same behind the SMMU, one at a time", .run = bench_mapped},
    {.id = "pci-4k-mapped-batch",
     .name = "the same behind the SMMU, 32 per doorbell, each",
     .run = bench_mapped_batch},
    {.id = "pci-4k-added",
     .goal_row = "8",
     .name = "SMMU, added to a 4 KiB read",
     .goal = 300,
     .run = bench_added},
    {.id = "pci-doorbells-1",
     .name = "virtio-pci doorbells per request, one at a time",
     .unit = "doorbells",
     .run = bench_doorbells_1},
    {.id = "pci-doorbells-32",
     .name = "virtio-pci doorbells per request, 32 in flight",
     .unit = "doorbells",
     .run = bench_doorbells_32},
    {.id = "intx", .name = "interrupt by INTx, raised and served, GICv2", .run = bench_line},
    {.id = "v2m", .name = "interrupt by a message through GICv2m", .run = bench_message},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
