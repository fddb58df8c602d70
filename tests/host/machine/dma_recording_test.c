/* SPDX-License-Identifier: BSD-2-Clause */
/* What a recording is told of a transfer's memory: which bytes are where, each run once. */
#include <stdio.h>

#include "descriptors/IODMARecording.h"
#include "descriptors/IOMultiMemoryDescriptor.h"
#include "kernel/trace.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/host/sim/sim_irq.h"
#include "tests/lib/portable/test_mapper.h"

static const IODMACommand_SegmentOptions limits = {.fStructSize = 40,
                                                   .fNumAddressBits = 31,
                                                   .fMaxSegmentSize = 0x3000,
                                                   .fMaxTransferSize = 0x100000,
                                                   .fAlignment = 8,
                                                   .fAlignmentLength = 4,
                                                   .fAlignmentInternalSegments = 16};

static char expected[2000];
static unsigned events;

static void forget_expected(void)
{
    expected[0] = '\0';
    events = 0;
}

static void expect(const char *kind, const void *transfer, const char *what, uint64_t value,
                   const char *where, uint64_t address)
{
    const size_t used = strlen(expected);

    events++;
    snprintf(expected + used, sizeof(expected) - used,
             "  %u %s command=0x%llx %s=0x%llx %s=0x%llx\n", events, kind,
             (unsigned long long)(uintptr_t)transfer, what, (unsigned long long)value, where,
             (unsigned long long)address);
}

static void expect_run(const char *kind, const void *transfer, uint64_t offset, uint64_t address)
{
    expect(kind, transfer, "offset", offset, "address", address);
}

static void expect_limits(const IODMACommand *command, uint64_t highest)
{
    expect("dma_limits", command, "highest", highest, "alignments", 3 | 4 << 8 | 2 << 16);
    expect("dma_cuts", command, "longest", 0x3000, "boundary", UINT64_MAX);
}

/* What has been recorded since trace_start is what is expected, and nothing else. */
static void stop_and_compare(void)
{
    const char *said;

    trace_stop();
    sim_console_forget();
    sim_console_set_quiet(true);
    trace_print();
    sim_console_set_quiet(false);
    said = sim_console_after(" of them lost\n");
    if (events == 0) {
        assert_int_equal(trace_count(), 0);
    } else {
        assert_non_null(said);
        assert_string_equal(said, expected);
    }
    forget_expected();
}

static void expect_record_of(const IODMACommand *command)
{
    trace_start();
    IODMARecording_command(command);
    stop_and_compare();
}

/* The address that the device has for a position. */
static uint64_t device_address(IODMACommand *command, uint64_t position)
{
    IODMACommand_Segment64 list[64];
    const unsigned count = dma_list(command, list, 64);
    unsigned i = 0;

    for (; i < count && position >= list[i].fLength; i++) {
        position -= list[i].fLength;
    }
    return list[i].fIOVMAddr + position;
}

/* Runs of the source and of memory; of bytes that are elsewhere, where, and where that ends. */
static void bytes_that_moved_and_bytes_that_did_not(void **state)
{
    static const struct {
        uint64_t skip, length;
        IOAddressRange ranges[4]; /* touching ones are one run */
        struct {
            uint64_t offset;
            bool away;
        } bounces[3];
    } rows[] = {
        {0,
         0x2200,
         {{DMA_LOW, 0x1000}, {DMA_LOW + 0x1000, 0x1000}, {DMA_HIGH, 0x200}},
         {{0x2000, true}}},
        {0x1000,
         0x1300,
         {{DMA_LOW, 0x1000}, {DMA_LOW + 0x1000, 0x1000}, {DMA_HIGH, 0x200}, {DMA_LOW, 0x100}},
         {{0x2000, true}, {0x2200, false}}},
        {0x100,
         0x340,
         {{DMA_HIGH, 0x200}, {DMA_LOW, 0x100}, {DMA_HIGH + 0x3000, 0x140}},
         {{0x100, true}, {0x200, false}, {0x300, true}}},
        {0, 0x280, {{DMA_HIGH, 0x200}, {DMA_HIGH + 0x3000, 0x80}}, {{0, true}}},
        /* Where another run begins, which is none of it. */
        {0, 0x200, {{DMA_HIGH, 0x200}, {DMA_LOW, 0x200}}, {{0, true}}},
        {0x200, 0x400, {{DMA_HIGH, 0x200}, {DMA_LOW, 0x400}, {DMA_HIGH, 0x200}}, {{0, false}}},
    };

    (void)state;
    forget_expected();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressRange ranges[4];
        IOMemoryDescriptor *memory;
        IODMACommand *command;

        memcpy(ranges, rows[i].ranges, sizeof(ranges));
        memory = IOMemoryDescriptor_withAddressRanges(ranges,
                                                      rows[i].ranges[3].length != 0   ? 4
                                                      : rows[i].ranges[2].length != 0 ? 3
                                                                                      : 2,
                                                      kIODirectionOutIn | kIOMemoryMapperNone,
                                                      TASK_NULL);
        command = dma_command(&limits, kMapped, memory);
        expect_record_of(command); /* nothing: it is not prepared */
        assert_int_equal(IODMACommand_prepare(command, rows[i].skip, rows[i].length, false, true),
                         kIOReturnSuccess);
        expect_limits(command, 0x7fffffff);
        for (unsigned physical = 0; physical < 2; physical++) {
            uint64_t offset = 0;

            for (unsigned k = 0; k < 4 && ranges[k].length != 0; k++) {
                const uint64_t inside = rows[i].skip > offset ? rows[i].skip - offset : 0;

                if (inside < ranges[k].length && offset < rows[i].skip + rows[i].length &&
                    (offset <= rows[i].skip || ranges[k].address != DMA_LOW + 0x1000)) {
                    expect_run(physical ? "dma_physical" : "dma_virtual", command, offset + inside,
                               ranges[k].address + inside);
                }
                offset += ranges[k].length;
            }
        }
        for (unsigned k = 0; k < 3; k++) {
            const uint64_t offset = rows[i].bounces[k].offset;

            if (offset == 0 && !rows[i].bounces[k].away) {
                continue; /* no more */
            }
            expect_run("dma_bounce", command, offset,
                       rows[i].bounces[k].away ? device_address(command, offset - rows[i].skip)
                                               : 0);
        }
        expect_record_of(command);
        sim_in_handler = true;
        expect_record_of(command); /* nothing: memory may not be asked */
        sim_in_handler = false;
        trace_start();
        trace_stop();
        IODMARecording_command(command);
        stop_and_compare(); /* nothing: nobody records */
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
        OSObject_release(memory);
    }
}

/* Nothing is elsewhere, or all of it. */
static void all_bytes_or_none(void **state)
{
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, 0x2000, DMA_LOW + 0x9000, 0x2000, kIODirectionOutIn);
    IODMACommand *command = dma_command(&limits, kMapped, memory);
    uint64_t next = 0;

    (void)state;
    forget_expected();
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    for (unsigned copied = 0; copied < 2; copied++) {
        expect_limits(command, 0x7fffffff);
        for (unsigned physical = 0; physical < 2; physical++) {
            const char *const kind = physical ? "dma_physical" : "dma_virtual";

            expect_run(kind, command, 0, DMA_LOW);
            expect_run(kind, command, 0x2000, DMA_LOW + 0x9000);
        }
        while (copied != 0 && next < 0x4000) {
            const uint64_t first = device_address(command, next), start = next;

            expect_run("dma_bounce", command, start, first);
            while (next < 0x4000 && device_address(command, next) - first == next - start) {
                next++;
            }
        }
        expect_record_of(command);
        assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

/* What a task has in a row lies apart in memory; and behind a mapper it has I/O addresses. */
static void memory_of_a_task_behind_a_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x40);
    const uint64_t at = new_pages(owner, 3, RW);
    const uint64_t first = at + 0x800, length = 0x1800;
    IOMemoryDescriptor *memory;
    IODMACommand *command;
    uint64_t before = 0;

    (void)state;
    forget_expected();
    for (unsigned i = 3; i-- != 0;) {
        store(owner, at + i * PAGE_SIZE, 1); /* so that no page follows the one before */
    }
    memory = describe(first, length, kIODirectionOutIn, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &limits, kMapped,
                                                    &mapper->super, NULL);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    expect_limits(command, 0x7fffffff);
    expect_run("dma_virtual", command, 0, first);
    for (uint64_t offset = 0; offset < length;) {
        IOByteCount here;
        const uint64_t physical =
            IOMemoryDescriptor_getPhysicalSegment(memory, offset, &here, kIOMemoryMapperNone);

        if (offset == 0 || physical != before) {
            expect_run("dma_physical", command, offset, physical);
        }
        before = physical + here;
        offset += here;
    }
    expect("dma_mapped", command, "address", device_address(command, 0), "bytes", 2 * PAGE_SIZE);
    expect_record_of(command);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);

    /* What is no command has a name of its own; without memory there is nothing to say. */
    trace_start();
    IODMARecording_memory(&limits, NULL, 0, 16);
    IODMARecording_memory(&limits, memory, 0x20, 0x40);
    expect_run("dma_virtual", &limits, 0x20, first + 0x20);
    expect_run("dma_physical", &limits, 0x20,
               IOMemoryDescriptor_getPhysicalSegment(memory, 0x20, NULL, kIOMemoryMapperNone));
    stop_and_compare();
    trace_start();
    sim_in_handler = true;
    IODMARecording_memory(&limits, memory, 0x20, 0x40);
    sim_in_handler = false;
    stop_and_compare();
    /* And to nobody who does not record. */
    IODMARecording_memory(&limits, memory, 0x20, 0x40);
    command = dma_command(&limits, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    IODMARecording_command(command);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    assert_int_equal(trace_count(), 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    /* Not prepared, where its bytes are is known to its owner alone. */
    trace_start();
    IODMARecording_memory(&limits, memory, 0, length);
    expect_run("dma_virtual", &limits, 0, first);
    stop_and_compare();
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* Parts that lie one behind the other are one run. */
static void parts_that_touch(void **state)
{
    IOMemoryDescriptor *parts[] = {dma_memory(DMA_LOW, 0x1000, 0, 0, kIODirectionOutIn),
                                   dma_memory(DMA_LOW + 0x1000, 0x800, 0, 0, kIODirectionOutIn),
                                   dma_memory(DMA_LOW + 0x3000, 0x800, 0, 0, kIODirectionOutIn)};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(
        IOMultiMemoryDescriptor_withDescriptors(parts, 3, kIODirectionOutIn, false));

    (void)state;
    forget_expected();
    trace_start();
    IODMARecording_memory(&limits, memory, 0x10, 0x1ff0);
    for (unsigned physical = 0; physical < 2; physical++) {
        expect_run(physical ? "dma_physical" : "dma_virtual", &limits, 0x10, DMA_LOW + 0x10);
        expect_run(physical ? "dma_physical" : "dma_virtual", &limits, 0x1800, DMA_LOW + 0x3000);
    }
    stop_and_compare();
    OSObject_release(memory);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(bytes_that_moved_and_bytes_that_did_not),
        MAP_TEST(all_bytes_or_none),
        MAP_TEST(memory_of_a_task_behind_a_mapper),
        MAP_TEST(parts_that_touch),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
