/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounced bytes: what a device and the CPU see of each other's, of others', and of old ones. */
#include <stdio.h>

#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_cache.h"
#include "tests/host/sim/sim_console.h"

static const IODMACommand_SegmentOptions any = {.fStructSize = 40},
                                         bits31 = {.fStructSize = 40, .fNumAddressBits = 31},
                                         coarse = {.fStructSize = 40,
                                                   .fAlignment = 512,
                                                   .fAlignmentLength = 512};

#define LENGTH 8192
#define SECRET 0xee

/* Fill bounce memory with a secret, and give it back. */
static void leave_a_secret(void)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 3, 4 * LENGTH, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&coarse, kMapped, memory);

    memset(dma_bytes(DMA_LOW + 3), SECRET, 4 * LENGTH);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 4 * LENGTH);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

static uint8_t seen_by_the_device(IODMACommand *command, uint64_t from, uint64_t to)
{
    static uint8_t bytes[LENGTH];
    uint8_t all = 0;

    assert_int_equal(IODMACommand_readBytes(command, from, bytes, to - from), to - from);
    for (uint64_t i = 0; i < to - from; i++) {
        all |= bytes[i];
    }
    return all;
}

/* A device that writes less than was prepared costs the rest nothing, and shows nobody's bytes. */
static void a_short_transfer_shows_neither_old_bytes_nor_zeros(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 3, LENGTH, 0, 0, kIODirectionIn);

    (void)state;
    for (unsigned variant = 0; variant < 3; variant++) {
        const bool filled = variant != 1;
        IODMACommand *command = dma_command(&coarse, kMapped, memory);

        leave_a_secret();
        memset(dma_bytes(DMA_LOW + 3), 0x11, LENGTH);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, filled), kIOReturnSuccess);
        assert_int_equal(seen_by_the_device(command, 0, LENGTH), filled ? 0x11 : 0);
        for (uint64_t i = 0; i < 100; i++) {
            dma_device_writes(command, i, 0x22);
        }
        if (variant == 2) {
            assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
            assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
        }
        assert_int_equal(seen_by_the_device(command, 100, LENGTH), filled ? 0x11 : 0);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        for (uint64_t i = 0; i < LENGTH; i++) {
            assert_int_equal(dma_bytes(DMA_LOW + 3)[i], i < 100 ? 0x22 : filled ? 0x11 : 0);
        }
        OSObject_release(command);
    }
    OSObject_release(memory);
}

/* What the CPU stores after prepare the device does not see, and it can know that; three ways. */
static void stores_after_prepare_reach_the_device_in_three_ways(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 100, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);
    uint8_t byte = 2;

    (void)state;
    memset(dma_bytes(DMA_HIGH), 1, 100);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 100);
    assert_ptr_equal(IODMACommand_getIOMemoryDescriptor(command), memory); /* not the whole copy */
    dma_bytes(DMA_HIGH)[5] = 2;
    assert_int_equal(dma_device_reads(command, 5), 1);
    assert_int_equal(IODMACommand_writeBytes(command, 5, &byte, 1), 1);
    assert_int_equal(dma_device_reads(command, 5), 2);
    dma_bytes(DMA_HIGH)[6] = 3;
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(dma_device_reads(command, 6), 3);
    dma_bytes(DMA_HIGH)[7] = 4;
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(dma_device_reads(command, 7), 4);
    assert_ptr_not_equal(IODMACommand_getIOMemoryDescriptor(command), memory);
    OSObject_release(command);
    OSObject_release(memory);
}

#define PIECE  20
#define PIECES 9

/* From any byte on, in and between islands: as one sees it byte by byte. */
static void bytes_among_islands_are_found(void **state)
{
    enum {
        ALL = PIECE * PIECES
    };
    IOAddressRange ranges[PIECES];
    IOMemoryDescriptor *memory;
    IODMACommand *command;
    uint8_t view[ALL], bytes[ALL + 8], saved[ALL];

    (void)state;
    for (unsigned i = 0; i < PIECES; i++) {
        ranges[i] = (IOAddressRange){(i % 2 == 0 ? DMA_HIGH : DMA_LOW) + ptoa(i), PIECE};
        dma_fill(ranges[i].address, PIECE, (uint8_t)(40 * i));
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, PIECES, kIODirectionOutIn, TASK_NULL);
    command = dma_command(&bits31, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), (PIECES + 1) / 2 * PIECE);
    for (unsigned at = 0; at < ALL; at++) {
        view[at] = dma_device_reads(command, at);
        assert_int_equal(view[at], pattern(at % PIECE, (uint8_t)(40 * (at / PIECE))));
    }
    for (unsigned from = 0; from < ALL; from++) {
        for (unsigned length = 1; length < ALL + 8; length += 1 + length / 4) {
            const unsigned there = length < ALL - from ? length : ALL - from;

            memset(bytes, SECRET, sizeof(bytes));
            assert_int_equal(IODMACommand_readBytes(command, from, bytes, length), there);
            assert_memory_equal(bytes, view + from, there);
            assert_true(there == sizeof(bytes) || bytes[there] == SECRET);
            memset(bytes, from, there);
            memcpy(saved, view, ALL);
            memset(saved + from, from, there);
            assert_int_equal(IODMACommand_writeBytes(command, from, bytes, length), there);
            assert_int_equal(IODMACommand_readBytes(command, 0, bytes, ALL), ALL);
            assert_memory_equal(bytes, saved, ALL);
            assert_int_equal(dma_device_reads(command, from), (uint8_t)from);
            assert_int_equal(dma_device_reads(command, from + there - 1), (uint8_t)from);
            assert_int_equal(IODMACommand_writeBytes(command, 0, view, ALL), ALL);
        }
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(memory);
}

/* A double buffer is made of memory that needed none, at each nesting; twice is once. */
static void a_double_buffer_where_none_was_needed(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 100, 0, 0, kIODirectionOutIn);

    (void)state;
    for (unsigned nested = 1; nested <= 2; nested++) {
        IODMACommand *command = dma_command(&any, kMapped, memory);
        IODMACommand_Segment64 list[2];

        dma_fill(DMA_LOW, 100, 1);
        for (unsigned i = 0; i < nested; i++) {
            assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        }
        assert_int_equal(IODMACommand_getBounceLength(command), 0);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer),
                             kIOReturnSuccess);
            assert_int_equal(IODMACommand_getBounceLength(command), 100);
            assert_int_equal(IODMACommand_getBounceInUse(), PAGE_SIZE);
            assert_int_equal(dma_list(command, list, 2), 1);
            assert_true(list[0].fIOVMAddr + 99 < DMA_LOW || list[0].fIOVMAddr >= DMA_LOW + 100);
        }
        dma_device_writes(command, 9, 0x99);
        for (unsigned i = 0; i < nested; i++) {
            assert_int_equal(dma_bytes(DMA_LOW)[9], pattern(9, 1)); /* back with the last */
            assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        }
        assert_int_equal(dma_bytes(DMA_LOW)[9], 0x99);
        OSObject_release(command);
    }
    OSObject_release(memory);
}

/* The CPU sees and changes what the device does, wherever a range begins and ends. */
static void ranges_over_bounced_and_other_bytes(void **state)
{
    enum {
        FIRST = 100,
        SECOND = 60,
        ALL = FIRST + SECOND
    };
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, FIRST, DMA_HIGH, SECOND, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);
    uint8_t bytes[ALL];

    (void)state;
    dma_fill(DMA_LOW, FIRST, 1);
    dma_fill(DMA_HIGH, SECOND, 2);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), SECOND);
    for (unsigned i = 0; i < ALL; i++) {
        dma_device_writes(command, i, (uint8_t)(i ^ 0x55));
    }
    for (unsigned from = 0; from < ALL; from += 7) {
        for (unsigned length = 1; length <= ALL - from; length += 11) {
            assert_int_equal(IODMACommand_readBytes(command, from, bytes, length), length);
            for (unsigned i = 0; i < length; i++) {
                assert_int_equal(bytes[i], (uint8_t)((from + i) ^ 0x55));
            }
        }
    }
    for (unsigned i = 0; i < ALL; i++) {
        bytes[i] = (uint8_t)(i ^ 0xaa);
    }
    assert_int_equal(IODMACommand_writeBytes(command, 50, &bytes[50], ALL - 50), ALL - 50);
    for (unsigned i = 0; i < ALL; i++) {
        assert_int_equal(dma_device_reads(command, i), (uint8_t)(i ^ (i < 50 ? 0x55 : 0xaa)));
    }
    for (unsigned i = 0; i < SECOND; i++) {
        assert_int_equal(dma_bytes(DMA_HIGH)[i], pattern(i, 2)); /* not before the end */
    }
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(dma_bytes(DMA_HIGH)[SECOND - 1], (uint8_t)((ALL - 1) ^ 0xaa));
    OSObject_release(command);
    OSObject_release(memory);
}

/* A double buffer that cannot be had leaves the preparation as it was, addresses and all. */
static void a_double_buffer_that_cannot_be_had_changes_nothing(void **state)
{
    const uint64_t usual = IODMACommand_getBouncePool();
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 100, DMA_HIGH, 100, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);
    IODMACommand_Segment64 before[4], after[4];

    (void)state;
    dma_fill(DMA_HIGH, 100, 2);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    dma_list(command, before, 4);
    IODMACommand_setBouncePool(PAGE_SIZE);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnNoResources);
    IODMACommand_setBouncePool(usual);
    assert_int_equal(dma_list(command, after, 4), 2);
    assert_memory_equal(before, after, 2 * sizeof(before[0]));
    assert_int_equal(IODMACommand_getBounceLength(command), 100);
    assert_int_equal(dma_device_reads(command, 150), pattern(50, 2));
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Lines of one preparation, and of its end, by what the device does. */
static void expect_lines(IODirection direction, uint32_t mapping, bool flush, unsigned cleaned,
                         unsigned flushed, unsigned at_end)
{
    /* 4 lines in place, the first of them shared; and an island of 3. */
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW + 0x30, 3 * SIM_CACHE_LINE, DMA_HIGH, 3 * SIM_CACHE_LINE, direction);
    IODMACommand *command = dma_command(&bits31, mapping, memory);
    struct sim_cache before = sim_cache;

    assert_int_equal(IODMACommand_prepare(command, 0, 0, flush, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.cleaned - before.cleaned, cleaned);
    assert_int_equal(sim_cache.flushed - before.flushed, flushed);
    before = sim_cache;
    assert_int_equal(IODMACommand_complete(command, flush, true), kIOReturnSuccess);
    assert_int_equal(sim_cache.cleaned, before.cleaned);
    assert_int_equal(sim_cache.flushed - before.flushed, at_end);
    OSObject_release(command);
    OSObject_release(memory);
}

/* A dirty line must not be evicted over what the device writes, and none may be stale after. */
static void lines_are_cared_for_by_direction(void **state)
{
    (void)state;
    expect_lines(kIODirectionOut, kNonCoherent, true, 7, 0, 7);
    expect_lines(kIODirectionOutIn, kNonCoherent, true, 7, 0, 7);
    expect_lines(kIODirectionIn, kNonCoherent, true, 0, 7, 7);
    expect_lines(kIODirectionNone, kNonCoherent, true, 0, 7, 7);
    expect_lines(kIODirectionIn, kNonCoherent, false, 0, 0, 0);
    expect_lines(kIODirectionOut, kNonCoherent, false, 0, 0, 0);
    expect_lines(kIODirectionIn, kMapped, true, 0, 0, 0);
    expect_lines(kIODirectionOut, kUnmapped, true, 0, 0, 0);
}

static void expect_more(const struct sim_cache *before, uint64_t cleaned, uint64_t flushed)
{
    assert_int_equal(sim_cache.cleaned - before->cleaned, cleaned);
    assert_int_equal(sim_cache.flushed - before->flushed, flushed);
}

/* Only the command reaches its bounce memory, so it does there what synchronising needs. */
static void synchronising_cares_for_lines_too(void **state)
{
    static const struct {
        IODirection direction;
        unsigned cleaned, flushed; /* by a copy towards the device */
    } rows[] = {{kIODirectionOut, 3, 0}, {kIODirectionOutIn, 3, 0}, {kIODirectionIn, 0, 3}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 2 * SIM_CACHE_LINE, DMA_HIGH,
                                                3 * SIM_CACHE_LINE, rows[i].direction);
        IODMACommand *command = dma_command(&bits31, kNonCoherent, memory);
        IODMACommand *snooped = dma_command(&bits31, kMapped, memory);
        const bool reads = rows[i].cleaned != 0;
        const bool in = rows[i].direction != kIODirectionOut;
        struct sim_cache before;

        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_prepare(snooped, 0, 0, true, true), kIOReturnSuccess);
        before = sim_cache;
        assert_int_equal(IODMACommand_synchronize(command, kIODirectionOut), kIOReturnSuccess);
        expect_more(&before, rows[i].cleaned, rows[i].flushed);
        before = sim_cache;
        assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
        expect_more(&before, 0, 3);
        before = sim_cache;
        assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
        expect_more(&before, reads ? 5 : 0, (in ? 5 : 0) + (reads ? 0 : 5));
        before = sim_cache;
        assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
        expect_more(&before, 0, 5);
        before = sim_cache;
        assert_int_equal(IODMACommand_synchronize(snooped, kIODirectionIn), kIOReturnSuccess);
        assert_int_equal(IODMACommand_synchronize(snooped, kIODirectionOut), kIOReturnSuccess);
        expect_more(&before, 0, 0);
        OSObject_release(command);
        OSObject_release(snooped);
        OSObject_release(memory);
    }
}

#define HOLDERS 3

static bool says_who(const IODMACommand *command)
{
    char words[100];

    snprintf(words, sizeof(words), "IODMACommand %p holds %u bytes", (const void *)command,
             (unsigned)PAGE_SIZE);
    return sim_console_said(words);
}

/* The pool's size is kept by all commands together; who has it is said by name. */
static void exhaustion_names_the_holders(void **state)
{
    const uint64_t usual = IODMACommand_getBouncePool();
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 100, 0, 0, kIODirectionOut);
    IODMACommand *holders[HOLDERS], *late = dma_command(&bits31, kMapped, memory);

    (void)state;
    assert_int_equal(usual, 2 * SIM_GIB / 4); /* a quarter of the RAM, as stated */
    IODMACommand_setBouncePool(HOLDERS * PAGE_SIZE);
    for (unsigned i = 0; i < HOLDERS; i++) {
        holders[i] = dma_command(&bits31, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(holders[i], 0, 0, true, true), kIOReturnSuccess);
    }
    assert_int_equal(IODMACommand_getBounceInUse(), HOLDERS * PAGE_SIZE);
    sim_console_forget();
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnNoResources);
    for (unsigned i = 0; i < HOLDERS; i++) {
        assert_true(says_who(holders[i]));
    }
    assert_false(says_who(late));
    /* In any order, each gives back its own. */
    assert_int_equal(IODMACommand_complete(holders[1], true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnSuccess);
    sim_console_forget();
    assert_int_equal(IODMACommand_prepare(holders[1], 0, 0, true, true), kIOReturnNoResources);
    assert_true(says_who(late));
    assert_false(says_who(holders[1]));
    for (unsigned i = 0; i < HOLDERS; i++) {
        OSObject_release(holders[i]);
    }
    assert_int_equal(IODMACommand_getBounceInUse(), PAGE_SIZE);
    OSObject_release(late);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    IODMACommand_setBouncePool(usual);
    OSObject_release(memory);
}

/* No page serves two commands, however little each needs. */
static void pages_are_never_shared(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 8, 0, 0, kIODirectionOut);
    IODMACommand *commands[8];
    uint64_t pages[8];

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        IODMACommand_Segment64 segment;

        commands[i] = dma_command(&bits31, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(dma_list(commands[i], &segment, 1), 1);
        pages[i] = trunc_page(segment.fIOVMAddr);
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal(pages[i], pages[k]);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        OSObject_release(commands[i]);
    }
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_short_transfer_shows_neither_old_bytes_nor_zeros),
        MAP_TEST(stores_after_prepare_reach_the_device_in_three_ways),
        MAP_TEST(a_double_buffer_where_none_was_needed),
        MAP_TEST(a_double_buffer_that_cannot_be_had_changes_nothing),
        MAP_TEST(ranges_over_bounced_and_other_bytes),
        MAP_TEST(lines_are_cared_for_by_direction),
        MAP_TEST(synchronising_cares_for_lines_too),
        MAP_TEST(exhaustion_names_the_holders),
        MAP_TEST(pages_are_never_shared),
        MAP_TEST(bytes_among_islands_are_found),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
