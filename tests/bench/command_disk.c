/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IODMACommand through a disk: the whole way of a read, from prepare to complete, and what must not
 * happen on it.
 */
#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/virtio/blk_dma.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/trace.h"
#include "tests/bench/bench.h"
#include "tests/bench/command_memory.h"
#include "tests/lib/copy_meter.h"

#define DEPTH 32

static struct {
    struct virtio_blk *disk;
    OSArray *owner;
    IOWorkLoop *loop;
    IODMAEventSource *source;
    IODMACommand *commands[DEPTH];
    struct virtio_blk_transfer transfers[DEPTH];
    unsigned depth; /* commands started together */
    unsigned arrived;
} client;

static void arrive(OSObject *owner, IODMAEventSource *source, IODMACommand *command,
                   IOReturn status, IOByteCount bytes, AbsoluteTime when)
{
    (void)owner, (void)source, (void)command, (void)bytes, (void)when;
    KERNEL_CHECK(status == kIOReturnSuccess);
    if (++client.arrived == client.depth) {
        IOWorkLoop_wakeupGate(client.loop, &client, false);
    }
}

/* The whole way: prepare, start, sleep until the work loop has delivered, complete. */
static void read_all(void *context)
{
    irq_state_t state;

    (void)context;
    client.arrived = 0;
    for (unsigned i = 0; i < client.depth; i++) {
        KERNEL_CHECK(IODMACommand_prepare(client.commands[i], 0, 0, true, true) ==
                     kIOReturnSuccess);
    }
    /* An interrupt is served by the sleep, whether it comes before or in it: the same count. */
    state = irq_mask();
    IOWorkLoop_closeGate(client.loop);
    if (client.depth > 1) {
        virtio_blk_hold_doorbell(client.disk, true);
    }
    for (unsigned i = 0; i < client.depth; i++) {
        KERNEL_CHECK(IODMAEventSource_startDMACommand(client.source, client.commands[i],
                                                      kIODirectionIn, 0, 0) == kIOReturnSuccess);
    }
    if (client.depth > 1) {
        virtio_blk_hold_doorbell(client.disk, false);
    }
    while (client.arrived < client.depth) {
        IOWorkLoop_sleepGate(client.loop, &client, THREAD_UNINT);
    }
    IOWorkLoop_openGate(client.loop);
    irq_restore(state);
    for (unsigned i = 0; i < client.depth; i++) {
        KERNEL_CHECK(IODMACommand_complete(client.commands[i], true, true) == kIOReturnSuccess);
    }
}

static bool attach(struct bench_result *result)
{
    client.disk = virtio_blk_get(0);
    if (client.disk == NULL) {
        result->skipped = "no disk";
        return false;
    }
    if (client.source == NULL) {
        client.owner = OSArray_withCapacity(1);
        client.loop = IOWorkLoop_workLoop();
        client.source = IODMAEventSource_dmaEventSource(
            OSObject_upcast(client.owner), virtio_blk_get_service(client.disk), arrive, NULL, 0);
        KERNEL_CHECK(client.source != NULL);
        KERNEL_CHECK(IOWorkLoop_addEventSource(client.loop, client.source) == kIOReturnSuccess);
    }
    return true;
}

static void begin_disk(IOMemoryDescriptor *memory, unsigned depth)
{
    client.depth = depth;
    /* One interrupt a batch: or it depends on the host how many there are. */
    virtio_blk_gather_interrupts(client.disk, depth);
    for (unsigned i = 0; i < depth; i++) {
        client.commands[i] =
            virtio_blk_create_command(client.disk, NULL, kMapped, &client.transfers[i]);
        KERNEL_CHECK(IODMACommand_setMemoryDescriptor(client.commands[i], memory, false) ==
                     kIOReturnSuccess);
    }
}

static void end_disk(IOMemoryDescriptor *memory)
{
    for (unsigned i = 0; i < client.depth; i++) {
        OSObject_release(client.commands[i]);
    }
    OSObject_release(memory);
}

static uint64_t measure_disk(IOMemoryDescriptor *memory, unsigned depth)
{
    uint64_t measured;

    begin_disk(memory, depth);
    measured = bench_calls(read_all, NULL, ROUNDS);
    end_disk(memory);
    return measured;
}

static void bench_disk(struct bench_result *result, uint64_t length, unsigned depth)
{
    if (attach(result)) {
        result->operations = ROUNDS * depth;
        result->measured = measure_disk(one_run(0, length, kIODirectionIn), depth);
    }
}

static void bench_disk_4k(struct bench_result *result)
{
    bench_disk(result, PAGE_SIZE, 1);
}

static void bench_disk_batch(struct bench_result *result)
{
    bench_disk(result, PAGE_SIZE, DEPTH);
}

static void bench_disk_1m(struct bench_result *result)
{
    bench_disk(result, MIB, 1);
}

static void bench_disk_pages(struct bench_result *result)
{
    if (attach(result)) {
        result->operations = ROUNDS;
        result->measured = measure_disk(scattered_pages(256, kIODirectionIn), 1);
    }
}

/* What 63 segments more cost, for each of them. */
static void bench_disk_segment(struct bench_result *result)
{
    if (attach(result)) {
        const uint64_t many = measure_disk(scattered_pages(64, kIODirectionIn), 1);

        result->operations = ROUNDS * 63;
        result->measured = many - measure_disk(scattered_pages(1, kIODirectionIn), 1);
    }
}

/* The same with a recording that is on (kernel/trace.h); off is what all other rows are. */
static void bench_disk_recorded(struct bench_result *result)
{
    trace_start();
    bench_disk_4k(result);
    trace_stop();
}

static void bench_segment_recorded(struct bench_result *result)
{
    trace_start();
    bench_disk_segment(result);
    trace_stop();
}

/* --- What must not happen --------------------------------------------------------------------- */

/* Blocks and pages taken; the image is linked so that all requests come by here. */
static uint64_t taken;

void *__real_heap_alloc(size_t size);
void *__real_heap_alloc_zero(size_t size);
void *__real_heap_alloc_aligned(size_t size, size_t alignment);
void *__real_heap_realloc(void *block, size_t size);
kern_return_t __real_page_alloc(unsigned order, enum page_owner owner, paddr_t *block);
kern_return_t __real_page_alloc_run(const struct page_request *request, paddr_t *first);
void *__wrap_heap_alloc(size_t size);
void *__wrap_heap_alloc_zero(size_t size);
void *__wrap_heap_alloc_aligned(size_t size, size_t alignment);
void *__wrap_heap_realloc(void *block, size_t size);
kern_return_t __wrap_page_alloc(unsigned order, enum page_owner owner, paddr_t *block);
kern_return_t __wrap_page_alloc_run(const struct page_request *request, paddr_t *first);

void *__wrap_heap_alloc(size_t size)
{
    taken++;
    return __real_heap_alloc(size);
}

void *__wrap_heap_alloc_zero(size_t size)
{
    taken++;
    return __real_heap_alloc_zero(size);
}

void *__wrap_heap_alloc_aligned(size_t size, size_t alignment)
{
    taken++;
    return __real_heap_alloc_aligned(size, alignment);
}

void *__wrap_heap_realloc(void *block, size_t size)
{
    taken++;
    return __real_heap_realloc(block, size);
}

kern_return_t __wrap_page_alloc(unsigned order, enum page_owner owner, paddr_t *block)
{
    taken++;
    return __real_page_alloc(order, owner, block);
}

kern_return_t __wrap_page_alloc_run(const struct page_request *request, paddr_t *first)
{
    taken++;
    return __real_page_alloc_run(request, first);
}

/* A read of 1 MiB in 256 segments, from its prepare to the end of its complete. */
static void watch(struct bench_result *result, uint64_t *copied, uint64_t *allocated)
{
    IOMemoryDescriptor *memory;
    uint64_t before;

    if (!attach(result)) {
        return;
    }
    memory = scattered_pages(256, kIODirectionIn);
    begin_disk(memory, 1);
    before = taken;
    KERNEL_CHECK(before != 0); /* it does count */
    copy_meter_start();
    read_all(NULL);
    copy_meter_stop();
    *allocated = taken - before;
    *copied = copy_meter_bytes();
    end_disk(memory);
}

static void bench_copied(struct bench_result *result)
{
    uint64_t allocated;

    watch(result, &result->measured, &allocated);
}

static void bench_allocated(struct bench_result *result)
{
    uint64_t copied;

    watch(result, &copied, &result->measured);
}

static const struct bench rows[] = {
    {.id = "disk-4k",
     .goal_row = "1",
     .name = "4 KiB read by command, one at a time",
     .run = bench_disk_4k},
    {.id = "disk-batch",
     .goal_row = "2",
     .name = "4 KiB read by command, 32 per doorbell, each",
     .run = bench_disk_batch},
    {.id = "disk-segment",
     .goal_row = "3",
     .name = "one more scattered segment by command",
     .run = bench_disk_segment},
    {.id = "disk-4k-recorded",
     .name = "4 KiB read by command, recorded; not so: disk-4k",
     .run = bench_disk_recorded},
    {.id = "disk-segment-recorded",
     .name = "one more scattered segment, recorded; not so: disk-segment",
     .run = bench_segment_recorded},
    {.id = "disk-1m",
     .goal_row = "7",
     .name = "1 MiB read by command, one segment",
     .run = bench_disk_1m},
    {.id = "disk-1m-pages",
     .goal_row = "7",
     .name = "1 MiB read by command, 256 segments",
     .run = bench_disk_pages},
    {.id = "copied",
     .name = "bytes copied by the CPU, 1 MiB read by command",
     .unit = "bytes",
     .run = bench_copied},
    {.id = "allocated",
     .name = "blocks allocated from its prepare to its complete",
     .unit = "blocks",
     .run = bench_allocated},
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
