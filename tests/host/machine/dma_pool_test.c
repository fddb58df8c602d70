/* SPDX-License-Identifier: BSD-2-Clause */
/* What DMA commands take for copies: a pool with a bound, RAM that runs out, and nothing kept. */
#include "kernel/inject.h"
#include "tests/host/machine/dma_bounce_fixture.h"
#include "tests/lib/holdings.h"
#include "tests/lib/portable/test_mapper.h"

static void name_a_leak(const char *what, uint64_t was, uint64_t is)
{
    print_error("%s: %llu, was %llu\n", what, (unsigned long long)is, (unsigned long long)was);
}

/* DC-16: whichever request for memory fails, the command is as it was, and works again. */
static void dc_16_a_failed_prepare_leaves_nothing(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 3 * PAGE_SIZE, DMA_LOW, 64, kIODirectionOut);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);
    struct inject_report report;
    uint64_t nth = 0;

    (void)state;
    do {
        const struct holdings before = holdings_now();
        struct holdings after;
        IOReturn status;

        inject_begin(++nth);
        status = IODMACommand_prepare(command, 0, 0, true, true);
        inject_end(&report);
        if (status == kIOReturnSuccess) {
            assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        } else {
            assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                             kIOReturnNotReady);
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
            assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
        }
        after = holdings_now();
        assert_true(holdings_are_same(&before, &after, name_a_leak));
        assert_int_equal(IODMACommand_getBounceInUse(), 0);
    } while (report.failed);
    assert_true(nth > 1);
    drop(command, memory);
}

/* The pool has a size; who exceeds it is refused, and nothing is held. */
static void the_pool_is_bounded(void **state)
{
    const uint64_t usual = IODMACommand_getBouncePool();
    IOMemoryDescriptor *one = dma_memory(DMA_HIGH, 4 * PAGE_SIZE, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *two = dma_memory(DMA_HIGH, PAGE_SIZE, 0, 0, kIODirectionOut);
    IODMACommand *first, *second = dma_command(&bits31, kMapped, two);

    (void)state;
    IODMACommand_setBouncePool(4 * PAGE_SIZE);
    first = prepared(one, &bits31, kMapped);
    assert_int_equal(IODMACommand_getBounceInUse(), 4 * PAGE_SIZE);
    assert_int_equal(IODMACommand_prepare(second, 0, 0, true, true), kIOReturnNoResources);
    assert_int_equal(IODMACommand_complete(first, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(second, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(second, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    IODMACommand_setBouncePool(usual);
    drop(first, one);
    drop(second, two);
}

static paddr_t *taken;
static size_t taken_count;

/* All RAM, but for at most `most` pages, `together` at multiples of so many: how many are left. */
static size_t take_ram(unsigned apart, unsigned together, size_t most)
{
    struct page_stats stats;
    size_t left = 0;

    page_get_stats(&stats);
    taken = malloc(stats.free * sizeof(*taken));
    assert_non_null(taken);
    taken_count = 0;
    while (page_alloc(0, PAGE_OWNER_DRIVER, &taken[taken_count]) == KERN_SUCCESS) {
        taken_count++;
    }
    for (size_t i = 0; i < taken_count && left < most; i++) {
        if ((taken[i].value >> PAGE_SHIFT) % apart < together) {
            left++;
            assert_int_equal(page_free(taken[i], 0), KERN_SUCCESS);
            taken[i] = paddr(0);
        }
    }
    return left;
}

static void give_ram(void)
{
    for (size_t i = 0; i < taken_count; i++) {
        if (taken[i].value != 0) {
            page_free(taken[i], 0);
        }
    }
    free(taken);
}

/* RAM in pieces of one page: bytes that no room can be found for at once go page by page. */
static void pages_apart_are_enough(void **state)
{
    static const IODMACommand_SegmentOptions limits[] = {
        BITS31, {.fStructSize = 40, .fNumAddressBits = 31, .fAlignment = PAGE_SIZE}};
    static const IODMACommand_SegmentOptions wide = {
        .fStructSize = 40, .fNumAddressBits = 31, .fAlignment = 2 * PAGE_SIZE};
    const uint64_t length = 3 * PAGE_SIZE + 100;
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, length, 0, 0, kIODirectionOutIn);
    IODMACommand *commands[3] = {dma_command(&limits[0], kMapped, memory),
                                 dma_command(&limits[1], kMapped, memory)};
    IODMACommand_Segment64 list[8];

    (void)state;
    take_ram(4, 1, SIZE_MAX);
    dma_fill(DMA_HIGH, length, 3);
    for (unsigned k = 0; k < 2; k++) {
        IODMACommand *const command = commands[k];

        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), length);
        assert_int_equal(dma_list(command, list, 8), 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(list[i].fLength, i < 3 ? PAGE_SIZE : 100);
        }
        for (uint64_t at = 0; at < length; at += 99) {
            assert_int_equal(dma_device_reads(command, at), dma_bytes(DMA_HIGH)[at]);
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    }
    /* But not where a page may begin no entry. */
    commands[2] = dma_command(&wide, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(commands[2], 0, 0, true, true), kIOReturnNoResources);
    give_ram();
    OSObject_release(commands[0]);
    OSObject_release(commands[2]);
    drop(commands[1], memory);
}

/* Each island finds room for itself alone where there is none for all, wherever it begins. */
static void islands_apart_are_as_long_as_they_are(void **state)
{
    static const IODMACommand_SegmentOptions wide = {
        .fStructSize = 40, .fNumAddressBits = 31, .fAlignment = 2 * PAGE_SIZE};
    static const IODMACommand_SegmentOptions pairs = {
        .fStructSize = 40, .fNumAddressBits = 31, .fAlignmentLength = 2 * PAGE_SIZE};
    const IOAddressRange ranges[] = {{DMA_HIGH, 2 * PAGE_SIZE},
                                     {DMA_LOW, 2 * PAGE_SIZE},
                                     {DMA_HIGH + 8 * PAGE_SIZE, 2 * PAGE_SIZE}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        (IOAddressRange *)ranges, 3, kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);
    IODMACommand *command = dma_command(&wide, kMapped, memory);
    IODMACommand_Segment64 list[4];

    (void)state;
    take_ram(8, 2, SIZE_MAX);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 4 * PAGE_SIZE);
    assert_int_equal(dma_list(command, list, 4), 3);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(memory);
    OSObject_release(command);
    /* Four pages of which no two may be parted are not had where no four are. */
    memory = dma_memory(DMA_HIGH, 4 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    command = dma_command(&pairs, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    give_ram();
    drop(command, memory);
}

/* What a refused preparation had taken is nobody's, whatever the next one takes. */
static void a_refused_island_is_given_back_once(void **state)
{
    static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512};
    struct test_mapper *mapper = test_mapper_new(0x100);
    const uint64_t usual = IODMACommand_getBouncePool();
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH + 8, 100, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    IODMACommand_setBouncePool(1);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    IODMACommand_setBouncePool(usual);
    assert_int_equal(
        IODMACommand_prepareWithSpecificationOptions(command, kIODMACommandOutputHost64, &coarse,
                                                     kMapped, &mapper->super, 0, 0, true, true),
        kIOReturnSuccess); /* in a copy of the whole */
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    drop(command, memory);
    /* Nor has it taken anything where no room for all was to be had. */
    memory = dma_memory(DMA_HIGH, 2 * PAGE_SIZE, 0, 0, kIODirectionOutIn);
    command = dma_command(&bits31, kMapped, memory);
    take_ram(4, 1, SIZE_MAX);
    IODMACommand_setBouncePool(1);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    IODMACommand_setBouncePool(usual);
    give_ram();
    drop(command, memory);
    OSObject_release(&mapper->super);
}

/* An island that ends inside a run, and for which there is no page: nothing of the rest is tried.
 */
static void a_spent_pool_is_told_in_the_middle_of_a_run(void **state)
{
    static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512};
    const uint64_t usual = IODMACommand_getBouncePool();
    IOMemoryDescriptor *memory =
        dma_memory(DMA_LOW + 8, 3 * PAGE_SIZE, DMA_LOW + 10 * PAGE_SIZE, 512, kIODirectionOutIn);
    IOMemoryDescriptor *other_memory = dma_memory(DMA_LOW + 8, 100, 0, 0, kIODirectionOutIn);
    struct test_mapper *mapper = test_mapper_new(0x100);
    IODMACommand *first;

    (void)state;
    IODMACommand_setBouncePool(PAGE_SIZE);
    first = prepared(other_memory, &coarse, kMapped);
    for (unsigned i = 0; i < 2; i++) {
        IODMACommand *command = IODMACommand_withSpecificationOptions(
            kIODMACommandOutputHost64, &coarse, kMapped, i == 0 ? NULL : &mapper->super, NULL);

        assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false),
                         kIOReturnSuccess);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
        assert_int_equal(mapper->entries, 0);
        OSObject_release(command);
    }
    IODMACommand_setBouncePool(usual);
    drop(first, other_memory);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

#define PAGES_LEFT 8

/*
 * RAM of which some single pages are left, for twenty islands: not all find one, and what the
 * first have goes back, with a mapper and without one. An island at a multiple of two pages cannot
 * be cut at a page.
 */
static void pages_that_run_out_are_told_in_the_middle(void **state)
{
    static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512},
                                             wide = {.fStructSize = 40,
                                                     .fAlignment = 2 * PAGE_SIZE};
    IOAddressRange ranges[20]; /* whose islands are more than a page together */
    IOMemoryDescriptor *memory;
    struct test_mapper *mapper = test_mapper_new(0x100);
    IODMACommand *commands[3];
    paddr_t given[PAGES_LEFT];
    unsigned back = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        ranges[i] = (IOAddressRange){DMA_LOW + 8 + 2 * ptoa(i), 1000};
    }
    memory = IOMemoryDescriptor_withAddressRanges(
        ranges, 20, kIODirectionOutIn | kIOMemoryMapperNone, TASK_NULL);
    for (unsigned i = 0; i < 3; i++) {
        commands[i] = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                            i == 2 ? &wide : &coarse, kMapped,
                                                            i == 1 ? &mapper->super : NULL, NULL);
        assert_int_equal(IODMACommand_setMemoryDescriptor(commands[i], memory, false),
                         kIOReturnSuccess);
        /* Once with memory: what a preparation keeps for the next one is there. */
        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_complete(commands[i], true, true), kIOReturnSuccess);
    }
    assert_int_equal(take_ram(8, 1, PAGES_LEFT), PAGES_LEFT);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(IODMACommand_prepare(commands[i], 0, 0, true, true), kIOReturnNoResources);
        assert_int_equal(IODMACommand_getBounceInUse(), 0);
        assert_int_equal(mapper->entries, 0);
    }
    /* The heap has taken some for good, and no island has any. */
    while (page_alloc(0, PAGE_OWNER_DRIVER, &given[back]) == KERN_SUCCESS) {
        back++;
    }
    assert_in_range(back, PAGES_LEFT / 2, PAGES_LEFT);
    while (back != 0) {
        page_free(given[--back], 0);
    }
    give_ram();
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(commands[i]);
    }
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_16_a_failed_prepare_leaves_nothing),
        MAP_TEST(the_pool_is_bounded),
        MAP_TEST(pages_apart_are_enough),
        MAP_TEST(islands_apart_are_as_long_as_they_are),
        MAP_TEST(a_refused_island_is_given_back_once),
        MAP_TEST(a_spent_pool_is_told_in_the_middle_of_a_run),
        MAP_TEST(pages_that_run_out_are_told_in_the_middle),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
