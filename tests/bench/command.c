/* SPDX-License-Identifier: BSD-2-Clause */
/* IODMACommand alone: prepare, generate and complete, and the generator by itself. */
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/command_memory.h"
#include "tests/bench/hand.h"

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
};

int main(void)
{
    return bench_main(rows, sizeof(rows) / sizeof(rows[0]));
}
