/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands, argument by argument: specifications, lists, and who has the bounce pool. */
#include <stdio.h>

#include "descriptors/dma/IODMACommand_private.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/sim/sim_console.h"

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static const IODMACommand_SegmentOptions any = {.fStructSize = sizeof(IODMACommand_SegmentOptions)};
static const IODMACommand_SegmentOptions aligned = {
    .fStructSize = sizeof(IODMACommand_SegmentOptions), .fAlignment = PAGE_SIZE};

static bool output_nothing(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                           UInt32 index)
{
    (void)target, (void)segment, (void)segments, (void)index;
    return true;
}

static void a_command_is_initialised_once(void **state)
{
    IODMACommand *command =
        IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any, kMapped, NULL, NULL);
    IODMACommand_SegmentOptions narrower = any;

    (void)state;
    narrower.fNumAddressBits = 20;
    assert_false(IODMACommand_initWithRefCon(command, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_false(IODMACommand_initWithSpecificationOptions(command, kIODMACommandOutputHost64,
                                                           &narrower, kMapped, NULL, NULL));
    assert_int_equal(IODMACommand_getNumAddressBits(command), 0);
    OSObject_release(command);
}

/* A refused initialisation keeps nothing of what it was given. */
static void a_refused_initialisation_keeps_no_mapper(void **state)
{
    IOMapper *mapper = new_mapper();
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                  kMapped, mapper, NULL);

    (void)state;
    assert_int_equal(OSObject_getRetainCount(mapper), 2);
    assert_false(IODMACommand_initWithSpecificationOptions(command, kIODMACommandOutputHost64, &any,
                                                           kMapped, mapper, NULL));
    assert_int_equal(IOMemoryLastError(), kIOReturnNotPermitted);
    assert_int_equal(OSObject_getRetainCount(mapper), 2);
    OSObject_release(command);
    assert_int_equal(OSObject_getRetainCount(mapper), 1);
    OSObject_release(mapper);
}

/* Entries of 32 bits are a limit of their own. */
static void entries_of_32_bits_bound_addresses_and_lengths(void **state)
{
    IODMACommand_SegmentOptions options = any;
    IODMACommand *command;

    (void)state;
    options.fNumAddressBits = 33;
    assert_null(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost32, &options, kMapped,
                                                      NULL, NULL));
    options.fNumAddressBits = 3;
    assert_null(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost32, &options, kMapped,
                                                      NULL, NULL));
    options.fNumAddressBits = 65;
    assert_null(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &options, kMapped,
                                                      NULL, NULL));
    options = any;
    options.fStructSize = 3;
    assert_null(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &options, kMapped,
                                                      NULL, NULL));
    assert_null(IODMACommand_withSpecificationOptions(NULL, &any, kMapped, NULL, NULL));
    assert_null(IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, NULL, kMapped,
                                                      NULL, NULL));
    options = any;
    options.fMaxSegmentSize = 1ull << 33;
    command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost32, &options, kMapped,
                                                    NULL, NULL);
    assert_non_null(command);
    OSObject_release(command);
    options.fMaxSegmentSize = 100;
    command = IODMACommand_withSpecificationOptions(kIODMACommandOutputBig32, &options, kMapped,
                                                    NULL, NULL);
    assert_non_null(command);
    OSObject_release(command);
}

/* Whose the bytes of a command can be next, by what there is to do with it. */
static void bytes_change_hands_in_one_way(void **state)
{
    static const bool may[4][4] = {
        [kIODMAOwnerIdle] = {[kIODMAOwnerPrepared] = true},
        [kIODMAOwnerPrepared] =
            {[kIODMAOwnerIdle] = true, [kIODMAOwnerDevice] = true, [kIODMAOwnerBack] = true},
        [kIODMAOwnerDevice] = {[kIODMAOwnerPrepared] = true, [kIODMAOwnerBack] = true},
        [kIODMAOwnerBack] =
            {[kIODMAOwnerIdle] = true, [kIODMAOwnerDevice] = true, [kIODMAOwnerBack] = true},
    };

    (void)state;
    for (unsigned from = 0; from < 4; from++) {
        for (unsigned to = 0; to < 4; to++) {
            assert_int_equal(IODMACommand_mayBecome((enum IODMAOwner)from, (enum IODMAOwner)to),
                             may[from][to]);
        }
    }
}

/* Freed while a device has its bytes: nobody would be left to give the memory back. */
static void a_command_that_goes_early_leaves_its_memory(void **state)
{
    static const IODMACommand_SegmentOptions bits31 = {.fStructSize = 40, .fNumAddressBits = 31};
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceInUse(), PAGE_SIZE);
    IODMACommand_become(command, kIODMAOwnerDevice);
    sim_console_set_quiet(true);
    OSObject_release(command);
    sim_console_set_quiet(false);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    assert_int_equal(memory->dmaActive, 0);
    OSObject_release(memory);
}

static void a_list_needs_all_its_arguments(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 100, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&any, kMapped, memory);
    IODMACommand *own =
        IODMACommand_withSpecificationOptions(output_nothing, &any, kMapped, NULL, NULL);
    IODMACommand_Segment64 list[4];
    IODMACommand_Segment32 narrow[4];
    UInt64 offset = 0;
    UInt32 count = 4;
    uint8_t byte;

    (void)state;
    assert_int_equal(IODMACommand_readBytes(command, 0, &byte, 1), 0);
    assert_int_equal(IOMemoryLastError(), kIOReturnNotReady);
    assert_int_equal(IODMACommand_writeBytes(command, 0, NULL, 1), 0);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    REFUSED(IODMACommand_genIOVMSegmentsFunction(command, NULL, &offset, list, &count));
    REFUSED(IODMACommand_genIOVMSegmentsFunction(command, kIODMACommandOutputHost64, NULL, list,
                                                 &count));
    REFUSED(IODMACommand_genIOVMSegmentsFunction(command, kIODMACommandOutputHost64, &offset, list,
                                                 NULL));
    count = 0;
    REFUSED(IODMACommand_genIOVMSegmentsFunction(command, kIODMACommandOutputHost64, &offset, list,
                                                 &count));
    count = 4;
    REFUSED(IODMACommand_genIOVMSegments(command, &offset, NULL, &count)); /* nowhere to put them */
    REFUSED(IODMACommand_gen32IOVMSegments(command, &offset, narrow, &count));
    assert_int_equal(offset, 0);
    assert_int_equal(count, 4);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    /* An output of the client's own may be of either width. */
    assert_int_equal(IODMACommand_setMemoryDescriptor(own, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_gen32IOVMSegments(own, &offset, narrow, &count),
                     kIOReturnSuccess);
    assert_int_equal(offset, 100);
    offset = 0;
    count = 4;
    assert_int_equal(IODMACommand_gen64IOVMSegments(own, &offset, list, &count), kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(own, true), kIOReturnSuccess);
    OSObject_release(own);
    OSObject_release(memory);
}

/* Is it named, beside what it has, to one who finds the pool full? */
static bool is_named(const IODMACommand *holder, uint64_t bytes, IODMACommand *late)
{
    const uint64_t pool = IODMACommand_getBouncePool();
    char line[80];

    sim_console_forget();
    IODMACommand_setBouncePool(1); /* less than there is in use */
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnNoResources);
    IODMACommand_setBouncePool(pool);
    snprintf(line, sizeof(line), "IODMACommand %p holds %llu bytes", (const void *)holder,
             (unsigned long long)bytes);
    return sim_console_said(line);
}

/* More holders than are named, and one that is charged twice. */
static void a_full_pool_names_who_has_it(void **state)
{
    enum {
        HOLDERS = 10
    };
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 64, 0, 0, kIODirectionOutIn);
    const uint64_t pool = IODMACommand_getBouncePool();
    IODMACommand *holders[HOLDERS], *late, *latest;

    (void)state;
    for (unsigned i = 0; i < HOLDERS; i++) {
        holders[i] = dma_command(&aligned, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(holders[i], 0, 0, true, true), kIOReturnSuccess);
    }
    assert_true(IODMACommand_getBounceInUse() >= HOLDERS * PAGE_SIZE);
    IODMACommand_setBouncePool(IODMACommand_getBounceInUse());
    late = dma_command(&aligned, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnNoResources);
    /* The last eight; the others have had it for longer. */
    for (unsigned i = 0; i < HOLDERS; i++) {
        assert_int_equal(is_named(holders[i], PAGE_SIZE, late), i >= 2);
    }
    IODMACommand_setBouncePool(pool);
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(late, kForceDoubleBuffer | kIODirectionOut),
                     kIOReturnSuccess);
    /* What it has instead is its own as well. */
    latest = dma_command(&aligned, kMapped, memory);
    assert_true(is_named(late, PAGE_SIZE, latest));
    OSObject_release(latest);
    assert_int_equal(IODMACommand_complete(late, true, true), kIOReturnSuccess);
    OSObject_release(late);
    for (unsigned i = 0; i < HOLDERS; i++) {
        assert_int_equal(IODMACommand_complete(holders[i], true, true), kIOReturnSuccess);
        OSObject_release(holders[i]);
    }
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(memory);
}

/* The pool is full for this command: who has how much of it, the latest first. */
static void expect_named(IODMACommand *late, IODMACommand *const *holders, unsigned count)
{
    const uint64_t pool = IODMACommand_getBouncePool();
    const char *said;
    char line[80];

    IODMACommand_setBouncePool(IODMACommand_getBounceInUse());
    sim_console_forget();
    sim_console_set_quiet(true);
    assert_int_equal(IODMACommand_prepare(late, 0, 0, true, true), kIOReturnNoResources);
    sim_console_set_quiet(false);
    snprintf(line, sizeof(line), "bounce pool: %u bytes wanted, %llu of %llu in use\n",
             (unsigned)PAGE_SIZE, (unsigned long long)IODMACommand_getBounceInUse(),
             (unsigned long long)IODMACommand_getBouncePool());
    said = sim_console_after(line);
    for (unsigned i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "bounce pool: IODMACommand %p holds %u bytes\n",
                 (void *)holders[i], (unsigned)PAGE_SIZE);
        assert_non_null(said);
        assert_memory_equal(said, line, strlen(line));
        said += strlen(line);
    }
    assert_true(strstr(said, "holds") == NULL);
    IODMACommand_setBouncePool(pool);
}

static void a_full_pool_names_its_holders(void **state)
{
    enum {
        HOLDERS = 10
    };
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW + 8, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *late = dma_command(&aligned, kMapped, memory), *holders[HOLDERS];

    (void)state;
    for (unsigned i = HOLDERS; i-- > 0;) {
        /* The last one has all of it in a copy, and had nothing in the pool before. */
        holders[i] = dma_command(i == 0 ? &any : &aligned, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(holders[i], 0, 0, true, true), kIOReturnSuccess);
    }
    assert_int_equal(IODMACommand_synchronize(holders[0], kForceDoubleBuffer), kIOReturnSuccess);
    expect_named(late, holders, 8);
    /* From the midst, the first and the last of the list, and one that has not held any. */
    assert_int_equal(IODMACommand_complete(holders[3], true, true), kIOReturnSuccess);
    OSObject_release(holders[3]);
    memmove(&holders[3], &holders[4], 6 * sizeof(*holders));
    assert_int_equal(IODMACommand_complete(holders[0], true, true), kIOReturnSuccess);
    OSObject_release(holders[0]);
    memmove(&holders[0], &holders[1], 8 * sizeof(*holders));
    assert_int_equal(IODMACommand_complete(holders[7], true, true), kIOReturnSuccess);
    OSObject_release(holders[7]);
    expect_named(late, holders, 7);
    OSObject_release(late);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(IODMACommand_complete(holders[i], true, true), kIOReturnSuccess);
        OSObject_release(holders[i]);
    }
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_command_is_initialised_once),
        MAP_TEST(a_refused_initialisation_keeps_no_mapper),
        MAP_TEST(entries_of_32_bits_bound_addresses_and_lengths),
        MAP_TEST(bytes_change_hands_in_one_way),
        MAP_TEST(a_command_that_goes_early_leaves_its_memory),
        MAP_TEST(a_list_needs_all_its_arguments),
        MAP_TEST(a_full_pool_names_who_has_it),
        MAP_TEST(a_full_pool_names_its_holders),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
