/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes of a bounced transfer: which way they are copied, when, and what each side sees. */
#include "tests/host/machine/dma_bounce_fixture.h"
#include "tests/host/sim/sim_cache.h"

/* Others may see pages that are prepared for reading: the CPU stores to none either. */
static void what_is_prepared_for_reading_is_not_stored_to(void **state)
{
    IOMemoryDescriptor *memory =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOut, owner);
    uint8_t byte = 1;

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_writeBytes(memory, 5, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_readBytes(memory, 5, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(memory);
}

/* DC-22: an engine that writes less costs the rest nothing. */
static void dc_22_a_short_transfer_keeps_the_rest(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 200, 0, 0, kIODirectionIn);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_HIGH, 200, 9);
    command = prepared(memory, &bits31, kMapped);
    dma_device_writes(command, 0, 0xaa);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], 0xaa);
    for (uint64_t i = 1; i < 200; i++) {
        assert_int_equal(dma_bytes(DMA_HIGH)[i], pattern(i, 9));
    }
    drop(command, memory);
}

/* An Out transfer is never copied back. */
static void out_is_not_copied_back(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOut);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_HIGH, 64, 3);
    command = prepared(memory, &bits31, kMapped);
    dma_device_writes(command, 0, 0xaa);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], pattern(0, 3));
    drop(command, memory);
}

/* A wish for no direction moves nothing, whatever the device has stored by then. */
static void synchronizing_neither_way_moves_nothing(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command;

    (void)state;
    dma_fill(DMA_HIGH, 64, 5);
    command = prepared(memory, &bits31, kMapped);
    dma_device_writes(command, 0, 0xaa);
    assert_int_equal(IODMACommand_synchronize(command, 0), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], pattern(0, 5));
    assert_int_equal(dma_device_reads(command, 0), 0xaa);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], 0xaa);
    drop(command, memory);
}

/* DC-24 */
static void dc_24_28_without_synchronize_no_byte_moves(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    dma_fill(DMA_HIGH, 64, 5);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, false), kIOReturnSuccess);
    for (uint64_t i = 0; i < 64; i++) {
        assert_int_equal(dma_device_reads(command, i), 0); /* DC-28: nor anybody's old bytes */
    }
    dma_device_writes(command, 0, 0xaa);
    assert_int_equal(IODMACommand_complete(command, true, false), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[0], pattern(0, 5));
    drop(command, memory);
}

/* DC-27 */
static void dc_27_a_copy_of_a_later_part_has_its_bytes(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 4000, DMA_HIGH, 4000, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    dma_fill(DMA_LOW, 4000, 1);
    dma_fill(DMA_HIGH, 4000, 2);
    assert_int_equal(IODMACommand_prepare(command, 3000, 2000, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(dma_device_reads(command, 0), pattern(3000, 1));
    assert_int_equal(dma_device_reads(command, 1500), pattern(500, 2));
    drop(command, memory);
}

/* readBytes and writeBytes see what the device sees, across island borders. */
static void byte_access_goes_where_the_device_goes(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 100, DMA_HIGH, 100, kIODirectionOutIn);
    IODMACommand *command;
    uint8_t bytes[200];

    (void)state;
    dma_fill(DMA_LOW, 100, 1);
    dma_fill(DMA_HIGH, 100, 2);
    command = prepared(memory, &bits31, kMapped);
    assert_int_equal(IODMACommand_readBytes(command, 0, bytes, 1000), 200);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(bytes[i], pattern(i, 1));
        assert_int_equal(bytes[100 + i], pattern(i, 2));
    }
    memset(bytes, 0x5a, sizeof(bytes));
    assert_int_equal(IODMACommand_writeBytes(command, 90, bytes, 20), 20);
    assert_int_equal(dma_device_reads(command, 99), 0x5a);
    assert_int_equal(dma_device_reads(command, 109), 0x5a);
    assert_int_equal(dma_device_reads(command, 110), pattern(10, 2));
    assert_int_equal(dma_bytes(DMA_HIGH)[0], pattern(0, 2));
    assert_int_equal(IODMACommand_readBytes(command, 200, bytes, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnOverrun);
    assert_int_equal(IODMACommand_readBytes(command, 0, NULL, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_readBytes(command, 0, bytes, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    /* No bytes are no bytes whenever they are asked for. */
    assert_int_equal(IODMACommand_readBytes(command, 0, NULL, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnBadArgument);
    drop(command, memory);
}

/* What is prepared is all that they reach, also where the memory goes on; behind the last island,
 * too, there is memory. */
static void byte_access_ends_with_what_is_prepared(void **state)
{
    IOAddressRange ranges[4];
    IOMemoryDescriptor *memory;
    IODMACommand *command;
    uint8_t bytes[400];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        ranges[i] = (IOAddressRange){(i % 2 == 0 ? DMA_HIGH : DMA_LOW) + ptoa(i), 100};
        dma_fill(ranges[i].address, 100, (uint8_t)i);
    }
    memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 4, kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);
    command = dma_command(&bits31, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 350, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_readBytes(command, 50, bytes, sizeof(bytes)), 300);
    for (uint64_t i = 0; i < 300; i++) {
        assert_int_equal(bytes[i], pattern((50 + i) % 100, (uint8_t)((50 + i) / 100)));
    }
    assert_int_equal(IODMACommand_writeBytes(command, 340, bytes, 20), 10);
    assert_int_equal(dma_bytes(ranges[3].address)[50], pattern(50, 3));
    drop(command, memory);
}

/* A device that does not snoop: what it reads is cleaned, bounce pages as well as the rest. */
static void non_coherent_devices_get_clean_lines(void **state)
{
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW, 2 * SIM_CACHE_LINE, DMA_HIGH, 3 * SIM_CACHE_LINE, kIODirectionOut);
    IODMACommand *command = dma_command(&bits31, kNonCoherent, memory);
    struct sim_cache before = sim_cache;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.cleaned - before.cleaned, 5);
    assert_int_equal(sim_cache.flushed, before.flushed);
    before = sim_cache;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - before.flushed, 5);
    drop(command, memory);
    memory = dma_memory(DMA_LOW, 2 * SIM_CACHE_LINE, 0, 0, kIODirectionIn);
    command = dma_command(&bits31, kNonCoherent, memory);
    before = sim_cache;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - before.flushed, 2); /* no dirty line over its data */
    IODMACommand_complete(command, false, true);
    assert_int_equal(sim_cache.flushed - before.flushed, 2);
    drop(command, memory);
    /* Of a copy its own lines, which here are more than the memory has. */
    memory = dma_memory(DMA_LOW + SIM_CACHE_LINE / 2, SIM_CACHE_LINE, 0, 0, kIODirectionOut);
    command = prepared(memory, &bits31, kNonCoherent);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    before = sim_cache;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - before.flushed, 1);
    drop(command, memory);
}

/* And wherever both are in turns: each line once, from a place inside the memory on. */
static void non_coherent_bytes_between_islands_are_theirs(void **state)
{
    enum {
        LINE = SIM_CACHE_LINE
    };
    IOAddressRange ranges[] = {{DMA_LOW, 8 * LINE},
                               {DMA_HIGH, 2 * LINE},
                               {DMA_LOW + PAGE_SIZE, 3 * LINE},
                               {DMA_HIGH + PAGE_SIZE, 2 * LINE},
                               {DMA_LOW + 2 * PAGE_SIZE, 5 * LINE}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 5, kIODirectionOut | kIOMemoryMapperNone, TASK_NULL);
    IODMACommand *command = dma_command(&bits31, kNonCoherent, memory);
    struct sim_cache before = sim_cache;

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, LINE, 17 * LINE, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 4 * LINE);
    assert_int_equal(sim_cache.cleaned - before.cleaned, 17);
    before = sim_cache;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.flushed - before.flushed, 17);
    drop(command, memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(what_is_prepared_for_reading_is_not_stored_to),
        MAP_TEST(dc_22_a_short_transfer_keeps_the_rest),
        MAP_TEST(out_is_not_copied_back),
        MAP_TEST(synchronizing_neither_way_moves_nothing),
        MAP_TEST(dc_24_28_without_synchronize_no_byte_moves),
        MAP_TEST(dc_27_a_copy_of_a_later_part_has_its_bytes),
        MAP_TEST(byte_access_goes_where_the_device_goes),
        MAP_TEST(byte_access_ends_with_what_is_prepared),
        MAP_TEST(non_coherent_devices_get_clean_lines),
        MAP_TEST(non_coherent_bytes_between_islands_are_theirs),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
