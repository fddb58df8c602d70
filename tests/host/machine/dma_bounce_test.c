/* SPDX-License-Identifier: BSD-2-Clause */
/* Which bytes of a transfer are bounced, which stay where they are, and what no device is shown. */
#include "kernel/inject.h"
#include "tests/host/machine/dma_bounce_fixture.h"

/* DC-19 */
static void dc_19_legal_memory_stays_where_it_is(void **state)
{
    static const IODirection directions[] = {kIODirectionNone, kIODirectionIn, kIODirectionOut,
                                             kIODirectionOutIn};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        IOMemoryDescriptor *memory =
            dma_memory(DMA_LOW + 3, 100, DMA_LOW + 9000, 5000, directions[i]);
        IODMACommand *command = prepared(memory, &bits31, kMapped);
        IODMACommand_Segment64 list[4];

        assert_int_equal(IODMACommand_getBounceLength(command), 0);
        assert_int_equal(dma_list(command, list, 4), 2);
        assert_int_equal(list[1].fIOVMAddr, DMA_LOW + 9000);
        drop(command, memory);
    }
}

/* DC-20, DC-21: the bytes above the limit and no others; both ways. */
static void dc_20_21_only_bytes_above_the_limit_move(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 300, DMA_HIGH, 200, kIODirectionOutIn);
    IODMACommand *command;
    IODMACommand_Segment64 list[4];

    (void)state;
    dma_fill(DMA_LOW, 300, 1);
    dma_fill(DMA_HIGH, 200, 2);
    command = prepared(memory, &bits31, kMapped);
    assert_int_equal(IODMACommand_getBounceLength(command), 200);
    assert_int_equal(dma_list(command, list, 4), 2);
    assert_int_equal(list[0].fIOVMAddr, DMA_LOW);
    assert_true(list[1].fIOVMAddr + 199 < 1ull << 31);
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(dma_device_reads(command, 300 + i), pattern(i, 2));
    }
    dma_device_writes(command, 301, 0x77);
    dma_device_writes(command, 5, 0x78);
    assert_int_equal(dma_bytes(DMA_HIGH)[1], pattern(1, 2));
    assert_int_equal(dma_bytes(DMA_LOW)[5], 0x78);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[1], 0x77);
    assert_int_equal(dma_bytes(DMA_HIGH)[2], pattern(2, 2));
    drop(command, memory);
}

/* What one preparation has had is nothing to the next, of whichever kind it is. */
static void a_used_command_is_as_new(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *low = dma_memory(DMA_LOW, 100, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    dma_fill(DMA_HIGH, PAGE_SIZE, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), PAGE_SIZE);
        assert_int_equal(dma_device_reads(command, 77), pattern(77, 1));
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceInUse(), 0);
    }
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, low, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 100);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(low);
    drop(command, memory);
}

/* DC-23 */
static void dc_23_forced_double_buffering_always_takes_effect(void **state)
{
    static const IODirection directions[] = {kIODirectionIn, kIODirectionOut, kIODirectionOutIn};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned nested = 1; nested <= 2; nested++) {
            IOMemoryDescriptor *memory =
                dma_memory(DMA_LOW + 100, 300, DMA_HIGH, 200, directions[i]);
            const IOMemoryDescriptor *copy;
            IODMACommand *command;

            dma_fill(DMA_LOW + 100, 300, 1);
            dma_fill(DMA_HIGH, 200, 2);
            command = prepared(memory, &bits31, kMapped);
            if (nested == 2) {
                assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
            }
            assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer),
                             kIOReturnSuccess);
            assert_int_equal(IODMACommand_getBounceLength(command), 500);
            copy = IODMACommand_getIOMemoryDescriptor(command);
            assert_ptr_not_equal(copy, memory);
            assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer),
                             kIOReturnSuccess);
            assert_ptr_equal(IODMACommand_getIOMemoryDescriptor(command), copy); /* one will do */
            assert_int_equal(dma_device_reads(command, 0), pattern(0, 1));
            assert_int_equal(dma_device_reads(command, 300), pattern(0, 2));
            dma_bytes(DMA_LOW + 100)[7] = 0x11;
            assert_int_equal(IODMACommand_synchronize(command, kIODirectionOut), kIOReturnSuccess);
            assert_int_equal(dma_device_reads(command, 7), 0x11);
            dma_device_writes(command, 8, 0x22);
            assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
            assert_int_equal(dma_bytes(DMA_LOW + 100)[8], 0x22);
            for (unsigned n = 0; n < nested; n++) {
                assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
            }
            drop(command, memory);
        }
    }
}

/* Without memory for it all is as it was: the islands, their bytes, and their way back. */
static void a_forced_copy_that_cannot_be_leaves_what_is_prepared(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 300, DMA_HIGH, 200, kIODirectionOutIn);
    struct inject_report report = {.failed = true};
    uint8_t last = pattern(1, 2);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_LOW, 300, 1);
    dma_fill(DMA_HIGH, 200, 2);
    command = prepared(memory, &bits31, kMapped);
    for (uint64_t nth = 1; report.failed; nth++) {
        IOReturn status;

        inject_begin(nth);
        status = IODMACommand_synchronize(command, kForceDoubleBuffer);
        inject_end(&report);
        assert_int_equal(status == kIOReturnSuccess, !report.failed);
        assert_true(nth > 1 || report.failed);
        assert_int_equal(IODMACommand_getBounceLength(command), report.failed ? 200 : 500);
        assert_int_equal(dma_device_reads(command, 301), last);
        last = (uint8_t)(0x40 + nth);
        dma_device_writes(command, 301, last);
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[1], last);
    drop(command, memory);
}

struct planned {
    IODMACommand_SegmentOptions limits;
    IOAddressRange ranges[3];
    unsigned entries;
    uint64_t lengths[4], bounced;
};

/* An island is as short as it can be, and no entry more is made of it than need be. */
static void islands_end_where_they_first_may(void **state)
{
    static const struct planned rows[] = {
        /* Ends of two runs that are shorter than a unit are one island, up to a place for more. */
        {{.fStructSize = 40, .fAlignmentLength = 4},
         {{DMA_LOW, 5}, {DMA_LOW + PAGE_SIZE, 5}, {DMA_LOW + 2 * PAGE_SIZE, 6}},
         3,
         {4, 8, 4},
         8},
        {{.fStructSize = 40, .fAlignment = 64}, {{DMA_LOW + 5, 200}}, 2, {59, 141}, 59},
        {{.fStructSize = 40,
          .fAlignment = 16,
          .fAlignmentLength = 4,
          .fAlignmentInternalSegments = 1},
         {{DMA_LOW + 4, 64}},
         2,
         {4, 60},
         4},
        /* The highest byte that is reached may be an entry of its own. */
        {{.fStructSize = 40,
          .fNumAddressBits = 31,
          .fAlignment = 16,
          .fAlignmentInternalSegments = 1},
         {{0x7ffffffe, 10}},
         3,
         {1, 1, 8},
         9},
        /* One in the middle, which ends as far from the start as it begins before the end. */
        {{.fStructSize = 40, .fNumAddressBits = 31},
         {{DMA_LOW, 16}, {DMA_HIGH, 16}, {DMA_LOW + PAGE_SIZE, 16}},
         3,
         {16, 16, 16},
         16},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct planned *const row = &rows[i];
        IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
            (IOAddressRange *)row->ranges, 3, kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);
        IODMACommand *command = prepared(memory, &row->limits, kMapped);
        IODMACommand_Segment64 list[8];

        assert_int_equal(IODMACommand_getBounceLength(command), row->bounced);
        assert_int_equal(dma_list(command, list, 8), row->entries);
        for (unsigned k = 0; k < row->entries; k++) {
            assert_int_equal(list[k].fLength, row->lengths[k]);
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        drop(command, memory);
    }
}

/* DC-25 */
static void dc_25_bits_that_no_ram_satisfies(void **state)
{
    const IODMACommand_SegmentOptions bits28 = {.fStructSize = 40, .fNumAddressBits = 28};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits28, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                     kIOReturnNotReady);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    drop(command, memory);
}

/* DC-26 */
static void dc_26_a_walk_alone_reports_what_it_does_not_mend(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_HIGH, 64, kIODirectionOutIn);
    IODMACommand *command = prepared(memory, &bits31, kIterateOnly);
    IODMACommand_Segment64 list[4];
    UInt64 offset = 0;
    UInt32 count = 4;

    (void)state;
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                     kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(offset, 64);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                     kIOReturnMessageTooLarge);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnUnsupported);
    drop(command, memory);
}

static bool is_listed(const IODMACommand_Segment64 *list, unsigned count, uint64_t at)
{
    for (unsigned i = 0; i < count; i++) {
        if (at - list[i].fIOVMAddr < list[i].fLength) {
            return true;
        }
    }
    return false;
}

/* Strict: a page that the transfer does not fill is not shown to the device. */
static void strict_shows_no_neighbour(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 100, 2 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    IODMACommand *command;
    IODMACommand_Segment64 list[8];
    unsigned count;

    (void)state;
    dma_fill(DMA_LOW, 4 * PAGE_SIZE, 4);
    command =
        prepared(memory, &(IODMACommand_SegmentOptions){.fStructSize = 40}, kIODMAMapOptionStrict);
    count = dma_list(command, list, 8);
    assert_int_equal(count, 3);
    assert_int_equal(list[1].fIOVMAddr, DMA_LOW + PAGE_SIZE);
    assert_int_equal(list[1].fLength, PAGE_SIZE);
    assert_int_equal(IODMACommand_getBounceLength(command), PAGE_SIZE);
    for (unsigned i = 0; i < count; i += 2) { /* beside the transfer the device sees nothing */
        const uint64_t page = trunc_page(list[i].fIOVMAddr);

        for (uint64_t at = page; at < page + PAGE_SIZE; at++) {
            assert_true(is_listed(list, count, at) || *dma_bytes(at) == 0);
        }
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    drop(command, memory);
    memory = dma_memory(DMA_LOW, PAGE_SIZE, 0, 0, kIODirectionOutIn);
    command =
        prepared(memory, &(IODMACommand_SegmentOptions){.fStructSize = 40}, kIODMAMapOptionStrict);
    assert_int_equal(IODMACommand_getBounceLength(command), 0); /* a page alone has none */
    drop(command, memory);
}

/* DC-31: the same through the DriverKit names, which never bounce. */
static void dc_31_driverkit_names(void **state)
{
    static const IODMACommandSpecification wide = {.maxAddressBits = 64},
                                           narrow = {.maxAddressBits = 31};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_HIGH, 64, kIODirectionOut);
    IOMemoryDescriptor *data = dma_memory(DMA_LOW + PAGE_SIZE, 128, 0, 0, kIODirectionOutIn);
    IOMemoryDescriptor *held;
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IODMACommand *command;
    uint64_t flags = 0, offset, length;
    uint32_t count = 1;

    (void)state;
    dma_fill(DMA_LOW, 64, 1);
    dma_fill(DMA_HIGH, 64, 2);
    assert_int_equal(IODMACommand_Create(device, 0, &narrow, &command), kIOReturnSuccess);
    count = 8;
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnMessageTooLarge);
    OSObject_release(command);
    assert_int_equal(IODMACommand_Create(device, 0, &wide, &command), kIOReturnSuccess);
    count = 1;
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnNoSpace);
    assert_int_equal(IODMACommand_GetPreparation(command, &offset, &length, &held),
                     kIOReturnNotReady);
    count = 2;
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnSuccess);
    assert_int_equal(count, 2);
    assert_int_equal(flags, kIODirectionOut);
    assert_int_equal(segments[1].address, DMA_HIGH);
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnBusy);
    assert_int_equal(IODMACommand_GetPreparation(command, &offset, &length, &held),
                     kIOReturnSuccess);
    assert_ptr_equal(held, memory);
    assert_int_equal(length, 128);
    OSObject_release(held);
    assert_int_equal(IODMACommand_PerformOperation(command, 1, 60, 8, 0, data), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_LOW + PAGE_SIZE)[3], pattern(63, 1));
    assert_int_equal(dma_bytes(DMA_LOW + PAGE_SIZE)[4], pattern(0, 2));
    assert_int_equal(IODMACommand_PerformOperation(command, 1, 120, 16, 0, data),
                     kIOReturnUnderrun);
    assert_int_equal(IODMACommand_PerformOperation(command, 3, 0, 8, 0, data),
                     kIOReturnBadArgument);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnNotReady);
    OSObject_release(command);
    OSObject_release(data);
    OSObject_release(memory);
    OSObject_release(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_19_legal_memory_stays_where_it_is),
        MAP_TEST(dc_20_21_only_bytes_above_the_limit_move),
        MAP_TEST(a_used_command_is_as_new),
        MAP_TEST(dc_23_forced_double_buffering_always_takes_effect),
        MAP_TEST(a_forced_copy_that_cannot_be_leaves_what_is_prepared),
        MAP_TEST(islands_end_where_they_first_may),
        MAP_TEST(dc_25_bits_that_no_ram_satisfies),
        MAP_TEST(dc_26_a_walk_alone_reports_what_it_does_not_mend),
        MAP_TEST(strict_shows_no_neighbour),
        MAP_TEST(dc_31_driverkit_names),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
