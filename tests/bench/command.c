/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA commands: what preparing, generating and completing costs over memory that is prepared;
 * the rows of the cursor and of the disk once more, through a command; and that a transfer
 * which needs no bounce copies no byte and allocates nothing.
 */
#include <string.h>

#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/virtio/blk_dma.h"
#include "kernel/direct_map.h"
#include "kernel/heap.h"
#include "kernel/irq.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/trace.h"
#include "tests/bench/bench.h"
#include "tests/bench/hand.h"
#include "tests/lib/copy_meter.h"

#define ROUNDS 200
#define DEPTH  32
#define MIB    (1u << 20)
#define PAGES  4096 /* of the area, 16 MiB */

/* --- Memory ----------------------------------------------------------------------------------- */

static paddr_t area;
static IOAddressRange ranges[PAGES];

/* Every second page of the area, from its beginning; prepared. */
static IOMemoryDescriptor *scattered_pages(unsigned pages, IODirection direction)
{
    const struct page_request request = {.count = PAGES, .owner = PAGE_OWNER_IMAGE};
    IOMemoryDescriptor *memory;

    if (area.value == 0) {
        KERNEL_CHECK(page_alloc_run(&request, &area) == KERN_SUCCESS);
    }
    for (unsigned i = 0; i < pages; i++) {
        ranges[i] = (IOAddressRange){
            (uint64_t)phys_to_virt(paddr_add(area, (uint64_t)2 * i % PAGES * PAGE_SIZE)),
            PAGE_SIZE};
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, pages, direction, kernel_task);
    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

/* One run of it, from this byte on; prepared. */
static IOMemoryDescriptor *one_run(uint64_t offset, uint64_t length, IODirection direction)
{
    IOMemoryDescriptor *memory;

    OSObject_release(scattered_pages(1, direction)); /* for the area */
    memory = IOMemoryDescriptor_withAddressRange((uint64_t)phys_to_virt(area) + offset, length,
                                                 direction, kernel_task);
    KERNEL_CHECK(memory != NULL);
    KERNEL_CHECK(IOMemoryDescriptor_prepare(memory, kIODirectionNone) == kIOReturnSuccess);
    return memory;
}

/* --- A command alone -------------------------------------------------------------------------- */

static IODMACommand_Segment64 list[PAGES];

/* What a driver's segment function does at the least: two stores into its list. */
static __attribute__((noinline)) bool store(IODMACommand *target, IODMACommand_Segment64 segment,
                                            void *segments, UInt32 index)
{
    IODMACommand_Segment64 *const entry = &((IODMACommand_Segment64 *)segments)[index];

    (void)target;
    entry->fIOVMAddr = segment.fIOVMAddr;
    entry->fLength = segment.fLength;
    return true;
}

static void generate(void *context)
{
    UInt64 offset = 0;
    UInt32 count = PAGES;

    KERNEL_CHECK(IODMACommand_genIOVMSegments(context, &offset, list, &count) == kIOReturnSuccess);
}

static void whole_command(void *context)
{
    IODMACommand *command = context;

    KERNEL_CHECK(IODMACommand_prepare(command, 0, 0, true, true) == kIOReturnSuccess);
    generate(command);
    KERNEL_CHECK(IODMACommand_complete(command, true, true) == kIOReturnSuccess);
}

/* unit: alignment of addresses and of lengths. */
static IODMACommand *command_over(IOMemoryDescriptor *memory, UInt64 maxSegment, UInt32 unit)
{
    const IODMACommand_SegmentOptions options = {
        .fStructSize = sizeof(options),
        .fNumAddressBits = 64,
        .fMaxSegmentSize = maxSegment,
        .fAlignment = unit,
        .fAlignmentLength = unit,
    };
    IODMACommand *command =
        IODMACommand_withSpecificationOptions(store, &options, kMapped, NULL, NULL);

    KERNEL_CHECK(command != NULL);
    KERNEL_CHECK(IODMACommand_setMemoryDescriptor(command, memory, false) == kIOReturnSuccess);
    return command;
}

/* The runs of the same pages, as a preparation would have them. */
static struct hand_list by_hand(unsigned pages)
{
    static struct hand_run runs[PAGES];

    for (unsigned i = 0; i < pages; i++) {
        runs[i] = (struct hand_run){area.value + (uint64_t)2 * i * PAGE_SIZE,
                                    (uint64_t)(i + 1) * PAGE_SIZE};
    }
    return (struct hand_list){runs, pages, (struct hand_entry *)list};
}

/* A count that keeps the memory where it is, an entry a run, and the barriers around a transfer. */
static void whole_by_hand(void *context)
{
    static volatile uint32_t active;

    active = active + 1;
    hand_entries(context);
    cpu_dsb_sy();
    cpu_dsb_sy();
    active = active - 1;
}

static void measure_whole(struct bench_result *result, unsigned pages)
{
    IOMemoryDescriptor *memory = scattered_pages(pages, kIODirectionIn);
    IODMACommand *command = command_over(memory, 0, 1);
    struct hand_list hand = by_hand(pages);

    result->operations = ROUNDS;
    result->measured = bench_calls(whole_command, command, ROUNDS);
    result->floor = bench_calls(whole_by_hand, &hand, ROUNDS);
    OSObject_release(command);
    OSObject_release(memory);
}

static void bench_4k(struct bench_result *result)
{
    measure_whole(result, 1);
}

static void bench_64k(struct bench_result *result)
{
    measure_whole(result, 16);
}

static void bench_1m(struct bench_result *result)
{
    measure_whole(result, 256);
}

static void copy_by_hand(void *context)
{
    (void)context;
    memcpy(list, phys_to_virt(area), PAGE_SIZE);
}

/* An address that the device's alignment forbids: all of it is copied, once, towards the device. */
static void bench_bounced(struct bench_result *result)
{
    IOMemoryDescriptor *memory = one_run(8, PAGE_SIZE, kIODirectionOut);
    IODMACommand *command = command_over(memory, 0, PAGE_SIZE);

    KERNEL_CHECK(IODMACommand_prepare(command, 0, 0, true, true) == kIOReturnSuccess);
    KERNEL_CHECK(IODMACommand_getBounceLength(command) == PAGE_SIZE);
    KERNEL_CHECK(IODMACommand_complete(command, true, true) == kIOReturnSuccess);
    result->operations = ROUNDS;
    result->measured = bench_calls(whole_command, command, ROUNDS);
    result->floor = bench_calls(copy_by_hand, NULL, ROUNDS);
    OSObject_release(command);
    OSObject_release(memory);
}

/* --- The generator's rows --------------------------------------------------------------------- */

static void measure_generator(struct bench_result *result, IOMemoryDescriptor *memory,
                              UInt64 maxSegment, uint64_t operations)
{
    IODMACommand *command = command_over(memory, maxSegment, 1);

    KERNEL_CHECK(IODMACommand_prepare(command, 0, 0, true, true) == kIOReturnSuccess);
    result->operations = operations;
    result->measured = bench_calls(generate, command, 1);
    KERNEL_CHECK(IODMACommand_complete(command, true, true) == kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

static void bench_scattered(struct bench_result *result)
{
    struct hand_list hand;

    measure_generator(result, scattered_pages(PAGES / 2, kIODirectionIn), 0, PAGES / 2);
    hand = by_hand(PAGES / 2);
    result->floor = bench_calls(hand_entries, &hand, 1);
}

static void bench_one_range(struct bench_result *result)
{
    measure_generator(result, one_run(0, (uint64_t)PAGES * PAGE_SIZE, kIODirectionIn), 0, 1);
}

static void bench_cut(struct bench_result *result)
{
    const uint64_t bytes = (uint64_t)PAGES * PAGE_SIZE - 1;

    measure_generator(result, one_run(1, bytes, kIODirectionIn), 65536, (bytes + 65535) / 65536);
}

/* --- The disk's rows -------------------------------------------------------------------------- */

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
    {.id = "4k",
     .goal_row = "D",
     .name = "command: prepare, generate, complete; its memory is prepared; 4 KiB",
     .goal = 250,
     .run = bench_4k},
    {.id = "64k",
     .goal_row = "D",
     .name = "command: the same, 64 KiB in 16 pages",
     .goal = 550,
     .run = bench_64k},
    {.id = "1m",
     .goal_row = "D",
     .name = "command: the same, 1 MiB in 256 pages",
     .goal = 4600,
     .run = bench_1m},
    {.id = "bounced",
     .goal_row = "D'",
     .name = "command: 4 KiB bounced, one way",
     .goal = 1000,
     .run = bench_bounced},
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
    {.id = "scattered",
     .goal_row = "4",
     .name = "generator of commands, scattered pages, per segment",
     .run = bench_scattered},
    {.id = "one_range",
     .goal_row = "5",
     .name = "generator of commands, 16 MiB held as one range",
     .run = bench_one_range},
    {.id = "cut",
     .goal_row = "6",
     .name = "generator of commands, 64 KiB segments, unaligned",
     .run = bench_cut},
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
