/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transfers of memory whose class is from elsewhere, and has places with no end, none, out of the
 * CPU's reach, or errors in the middle: a command that cannot be prepared says why.
 */
#include "descriptors/IODriverKit.h"
#include "kernel/direct_map.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/host/machine/own_class.h"

static void expect_not_prepared(IODMACommand *command, IOReturn status)
{
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), status);
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                     kIOReturnNotReady);
}

/* Without characteristics there is neither a transfer nor a mapping. */
static void memory_without_characteristics_is_refused(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *own = new_own();
    IOMapper *mapper = new_mapper();
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64, &any,
                                                                  kMapped, mapper, NULL);
    uint64_t address, length;

    (void)state;
    says.facts = kIOReturnOffline;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, own, false), kIOReturnOffline);
    assert_null(IODMACommand_getMemoryDescriptor(command));
    assert_int_equal(IOMapper_iovmMapMemory(mapper, own, 0, OWN_LENGTH, kIODMAMapReadAccess, NULL,
                                            NULL, NULL, &address, &length),
                     kIOReturnOffline);
    assert_int_equal(told.maps, 0);
    OSObject_release(command);
    OSObject_release(mapper);
    OSObject_release(own);
}

/* Errors at the beginning and in the middle of a walk, with a mapper and with limits alone. */
static void walks_that_end_early_tell_why(void **state)
{
    static const IODMACommand_SegmentOptions options[] = {{.fStructSize = 40, .fAlignment = 512},
                                                          {.fStructSize = 40},
                                                          {.fStructSize = 40, .fAlignment = 512}};
    IOMemoryDescriptor *own = new_own();
    IOMapper *mapper = new_mapper();

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(own, 0), kIOReturnSuccess);
    for (unsigned i = 0; i < 3; i++) {
        IODMACommand *command = IODMACommand_withSpecificationOptions(
            kIODMACommandOutputHost64, &options[i], kMapped, i == 0 ? NULL : mapper, NULL);

        assert_int_equal(IODMACommand_setMemoryDescriptor(command, own, false), kIOReturnSuccess);
        for (IOByteCount until = 0; until < OWN_LENGTH; until += PAGE_SIZE) {
            says.until = until;
            expect_not_prepared(command, kIOReturnOffline);
            assert_int_equal(told.maps, told.unmaps);
        }
        says.until = OWN_LENGTH;
        says.piece = 0; /* a walk that would never end */
        expect_not_prepared(command, kIOReturnInternalError);
        says.piece = PAGE_SIZE;
        /* After the 1st, 2nd, 3rd ... question: whichever of the walks it is. */
        for (says.answered = 1; IODMACommand_prepare(command, 0, 0, true, true) != kIOReturnSuccess;
             says.answered++) {
            assert_true(says.answered < 100);
            assert_int_equal(told.maps, told.unmaps);
            says.asked = 0;
        }
        assert_true(says.answered >= OWN_LENGTH / PAGE_SIZE);
        says.answered = 0;
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
    }
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(mapper);
    OSObject_release(own);
}

/* What the CPU cannot reach it cannot copy to where the device can: some of it, or all. */
static void bytes_beyond_the_cpus_reach_are_not_bounced(void **state)
{
    static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512},
                                             any = {.fStructSize = 40};
    IOMemoryDescriptor *own = new_own();
    IODMACommand *command = dma_command(&coarse, kMapped, own);
    IODMACommand *whole = dma_command(&any, kMapped, own);

    (void)state;
    says.base = DIRECT_MAP_SIZE + 8;
    assert_int_equal(IOMemoryDescriptor_prepare(own, 0), kIOReturnSuccess);
    expect_not_prepared(command, kIOReturnUnderrun);
    assert_int_equal(IODMACommand_prepare(whole, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(whole, kForceDoubleBuffer | kIODirectionOut),
                     kIOReturnUnderrun);
    assert_int_equal(IODMACommand_complete(whole, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(whole);
    OSObject_release(command);
    OSObject_release(own);
}

/* A cache that could not be maintained: nothing is copied from what it hides. */
static void a_double_buffer_is_not_filled_past_a_stale_cache(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptor *own = new_own();
    IODMACommand *command = dma_command(&any, kNonCoherent, own);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(own, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    own->flags |= kIOMemoryRemote;
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnNotAttached);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
    own->flags &= ~kIOMemoryRemote;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(own, 0), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(own);
}

/* DriverKit's one call for both: of a list that cannot begin it says why, a part is too little. */
static void a_list_that_ends_early_tells_why(void **state)
{
    static const IODMACommandSpecification wide = {.maxAddressBits = 64};
    IOMemoryDescriptor *own = new_own();
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint32_t count = 8;
    uint64_t flags;
    IODMACommand *command;

    (void)state;
    assert_int_equal(IODMACommand_Create(device, 0, &wide, &command), kIOReturnSuccess);
    for (says.until = 0; says.until <= OWN_LENGTH; says.until += PAGE_SIZE) {
        assert_int_equal(
            IODMACommand_PrepareForDMA(command, 0, own, 0, 0, &flags, &count, segments),
            says.until == 0           ? kIOReturnOffline
            : says.until < OWN_LENGTH ? kIOReturnMessageTooLarge
                                      : kIOReturnSuccess);
        assert_int_equal(own->wireCount, says.until == OWN_LENGTH);
    }
    assert_int_equal(count, OWN_LENGTH / PAGE_SIZE);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(device);
    OSObject_release(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(memory_without_characteristics_is_refused),
        MAP_TEST(walks_that_end_early_tell_why),
        MAP_TEST(bytes_beyond_the_cpus_reach_are_not_bounced),
        MAP_TEST(a_double_buffer_is_not_filled_past_a_stale_cache),
        MAP_TEST(a_list_that_ends_early_tells_why),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
