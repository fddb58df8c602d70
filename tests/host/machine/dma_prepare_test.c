/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands: memory set and cleared, ranges prepared, and what each refusal leaves. */
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/machine/fake_mapper.h"
#include "tests/lib/portable/test_mapper.h"

static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
static const IODMACommand_SegmentOptions bits31 = {.fStructSize = 40, .fNumAddressBits = 31};

static void expect_inactive(IODMACommand *command)
{
    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                     kIOReturnNotReady);
    assert_int_equal(IODMACommand_getBounceLength(command), 0);
}

static void release_both(IODMACommand *command, IOMemoryDescriptor *memory)
{
    OSObject_release(command);
    OSObject_release(memory);
}

/* What allocates, maps or waits is not for interrupt handlers. */
static void a_handler_is_refused_what_is_for_threads(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionOutIn);
    IODMACommand *command = dma_command(&bits31, kMapped, memory);
    IODMACommand_Segment64 segment;
    UInt64 offset = 0;
    UInt32 count = 1;
    uint8_t byte;

    (void)state;
    sim_in_handler = true;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, NULL, false), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnCannotLock);
    assert_int_equal(
        IODMACommand_prepareWithSpecificationOptions(command, kIODMACommandOutputHost64, &bits31,
                                                     kMapped, NULL, 0, 0, true, true),
        kIOReturnCannotLock);
    sim_in_handler = false;
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    expect_inactive(command);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    sim_in_handler = true;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnCannotLock);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnCannotLock);
    /* What it may. */
    assert_int_equal(IODMACommand_synchronize(command, kIODirectionIn), kIOReturnSuccess);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, &segment, &count),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_readBytes(command, 3, &byte, 1), 1);
    assert_int_equal(IODMACommand_writeBytes(command, 3, &byte, 1), 1);
    sim_in_handler = false;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    release_both(command, memory);
}

/* A new descriptor that cannot be prepared leaves the former one in place. */
static void memory_that_does_not_do_leaves_the_former(void **state)
{
    const IODMACommand_SegmentOptions short_one = {.fStructSize = 40, .fMaxTransferSize = 64};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *longer = dma_memory(DMA_LOW, 65, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *absent =
        describe(new_pages(owner, 1, RW), PAGE_SIZE, kIODirectionOut, owner);
    IODMACommand *command = dma_command(&short_one, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, longer, true), kIOReturnNoSpace);
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, absent, true), kIOReturnNoSpace);
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    assert_int_equal(OSObject_getRetainCount(longer), 1);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, longer, true), kIOReturnNoSpace);
    assert_null(IODMACommand_getMemoryDescriptor(command)); /* as before the call: nothing */
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnSuccess);
    OSObject_release(longer);
    OSObject_release(absent);
    release_both(command, memory);
}

/*
 * Memory that may be read alone, over a command of both directions: the copy back of a bounced
 * byte is refused. How to have one: the descriptor says both, its preparation says Out.
 */
static IODMACommand *new_with_unwritable_bounce(IOMemoryDescriptor **memory, IOMapper *mapper)
{
    const uint64_t at = new_pages(owner, 2, RW) + 8;
    const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512};
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                                  &coarse, kMapped, mapper, NULL);

    *memory = describe(at, 100, kIODirectionOutIn, owner);
    assert_int_equal(IOMemoryDescriptor_prepare(*memory, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, *memory, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 100);
    return command;
}

/* The error of the completes that clearing makes is told, and the memory is gone all the same. */
static void clearing_tells_what_completing_said(void **state)
{
    IOMemoryDescriptor *memory;
    IODMACommand *command = new_with_unwritable_bounce(&memory, NULL);

    (void)state;
    assert_int_equal(IODMACommand_clearMemoryDescriptor(command, true), kIOReturnNotWritable);
    assert_null(IODMACommand_getMemoryDescriptor(command));
    expect_inactive(command);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    release_both(command, memory);
}

/* Of bytes that lie where they are nothing has to be written to make a copy of them. */
static void a_copy_of_what_is_for_reading_can_be_forced(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 100, kIODirectionOutIn, owner);
    IODMACommand *command = dma_command(&any, kMapped, memory);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_prepare(memory, kIODirectionOut), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_synchronize(command, kForceDoubleBuffer), kIOReturnSuccess);
    assert_int_equal(IODMACommand_getBounceLength(command), 100);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotWritable);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    release_both(command, memory);
}

/* Nor can addresses be listed that there are not yet. */
static void iterating_needs_prepared_memory_too(void **state)
{
    IOMemoryDescriptor *memory = describe(new_pages(owner, 1, RW), 100, kIODirectionOutIn, owner);
    IODMACommand *command = dma_command(&any, kIterateOnly, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNotReady);
    expect_inactive(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, (IOMemoryDescriptor *)NULL, false),
                     kIOReturnSuccess);
    assert_null(IODMACommand_getMemoryDescriptor(command));
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    release_both(command, memory);
}

/* A first step that fails is the answer, and the later ones are done: here, the unmapping. */
static void completing_goes_on_after_an_error_and_tells_the_first(void **state)
{
    struct test_mapper *mapper = test_mapper_new(1);
    IOMemoryDescriptor *memory;
    IODMACommand *command = new_with_unwritable_bounce(&memory, &mapper->super);

    (void)state;
    assert_int_equal(mapper->entries, 1);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotWritable);
    assert_int_equal(mapper->entries, 0);
    expect_inactive(command);
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    release_both(command, memory);
    OSObject_release(&mapper->super);
}

/* A length that is no multiple is refused, and leaves the command as it was. */
static void a_length_that_is_no_multiple_leaves_it_inactive(void **state)
{
    const IODMACommand_SegmentOptions words = {.fStructSize = 40, .fAlignmentLength = 4};
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IODMACommand *command = dma_command(&words, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 63, true, true), kIOReturnNotAligned);
    expect_inactive(command);
    assert_int_equal(IODMACommand_prepare(command, 2, 0, true, true), kIOReturnNotAligned);
    expect_inactive(command);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnNotReady);
    assert_int_equal(IODMACommand_prepare(command, 4, 0, true, true), kIOReturnSuccess);
    release_both(command, memory);
}

/* 2^32 pages are too many for this preparation, whatever the one before it was. */
static void more_pages_than_can_be_counted(void **state)
{
    const uint64_t most = (uint64_t)UINT32_MAX << PAGE_SHIFT; /* bytes: a page fewer than 2^32 */
    IOMemoryDescriptor *memory = dma_memory(0, most, 0, PAGE_SIZE, kIODirectionOut);
    IODMACommand *command = dma_command(&any, kMapped, memory);

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 64, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnVMError);
    assert_int_equal(IODMACommand_prepare(command, 0, most + 1, true, true), kIOReturnVMError);
    expect_inactive(command);
    assert_int_equal(IODMACommand_prepare(command, 0, most, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 64, 64, true, true), kIOReturnSuccess);
    release_both(command, memory);
}

/* Nothing to transfer is a bad argument everywhere, and holds nothing. */
static void empty_memory_is_refused(void **state)
{
    static const IODMACommandSpecification wide = {.maxAddressBits = 64};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMemoryDescriptor *empty = dma_memory(DMA_LOW, 0, 0, 0, kIODirectionOut);
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IODMACommand *command = dma_command(&any, kMapped, empty), *driverkit;
    uint64_t flags, address = 1, length = 1;
    uint32_t count = 4;
    IOMapper *mapper = new_mapper();

    (void)state;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, empty, true), kIOReturnBadArgument);
    IODMACommand_setMemoryDescriptor(command, memory, false);
    assert_int_equal(IODMACommand_prepare(command, 64, 0, true, true), kIOReturnBadArgument);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, empty, true), kIOReturnBadArgument);
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    expect_inactive(command);
    assert_int_equal(IODMACommand_Create(device, 0, &wide, &driverkit), kIOReturnSuccess);
    assert_int_equal(
        IODMACommand_PrepareForDMA(driverkit, 0, empty, 0, 0, &flags, &count, segments),
        kIOReturnBadArgument);
    assert_null(IODMACommand_getMemoryDescriptor(driverkit));
    assert_int_equal(IOMapper_iovmMapMemory(mapper, empty, 0, 0, kIODMAMapReadAccess, NULL, NULL,
                                            NULL, &address, &length),
                     kIOReturnBadArgument);
    assert_int_equal(address | length, 0);
    OSObject_release(mapper);
    OSObject_release(driverkit);
    OSObject_release(device);
    OSObject_release(empty);
    release_both(command, memory);
}

static struct {
    unsigned facts, active, inactive;
    IOReturn answer;  /* to active */
    IOReturn unknown; /* to what it is like */
} asked;

static IOReturn answer_operation(IOMemoryDescriptor *self, DMACommandOps op, void *vData,
                                 UInt dataSize)
{
    asked.facts += op == kIOMDGetCharacteristics;
    asked.active += op == kIOMDSetDMAActive;
    asked.inactive += op == kIOMDSetDMAInactive;
    if (op == kIOMDGetCharacteristics && asked.unknown != kIOReturnSuccess) {
        return asked.unknown;
    }
    if (op == kIOMDSetDMAActive && asked.answer != kIOReturnSuccess) {
        return asked.answer;
    }
    return descriptor_dma_command_operation(self, op, vData, dataSize);
}

/* Make an object's class one that differs from its own, until it is made that again. */
static const IOMemoryDescriptorClass *vary(IOMemoryDescriptor *memory,
                                           IOMemoryDescriptorClass *class)
{
    const IOMemoryDescriptorClass *const before = IOMemoryDescriptor_methods(memory);

    memcpy(class, before, sizeof(*class));
    memcpy(&class->meta,
           &(OSMetaClass){"Varied", &before->meta, before->meta.size, before->meta.instances,
                          before->meta.free},
           sizeof(class->meta));
    memory->super.metaClass = &class->meta;
    return before;
}

/* A class that answers operations by itself hears of every preparation, and may refuse it. */
static void a_class_of_its_own_is_asked(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
    static IOMemoryDescriptorClass class;
    const IOMemoryDescriptorClass *const before = vary(memory, &class);
    IODMACommand *command;

    (void)state;
    class.dmaCommandOperation = answer_operation;
    memset(&asked, 0, sizeof(asked));
    command = dma_command(&any, kMapped, memory);
    asked.facts = 0; /* it was asked whether it answers at all */
    asked.answer = kIOReturnNoResources;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnNoResources);
    expect_inactive(command);
    assert_int_equal(asked.facts, 1);
    assert_int_equal(asked.active, 1);
    assert_int_equal(asked.inactive, 0);
    asked.unknown = kIOReturnOffline;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnOffline);
    asked.unknown = asked.answer = kIOReturnSuccess;
    asked.facts = 1;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(asked.facts, 2);
    assert_int_equal(asked.active, 2);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(asked.inactive, 1);
    memory->super.metaClass = &before->meta;
    release_both(command, memory);
}

static void say_unprepared(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                           IOMDDMACharacteristics *out)
{
    descriptor_get_characteristics(self, offset, end, out);
    out->fIsPrepared = false;
}

static void say_remote(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                       struct IODMAReach *reach)
{
    (void)self, (void)offset, (void)end;
    reach->some |= kIOMemoryRemote;
}

static IOReturn refuse_active(IOMemoryDescriptor *self, bool active)
{
    (void)self;
    return active ? kIOReturnNoResources : kIOReturnSuccess;
}

/* So does one that answers only one of the questions, whatever its fields say. */
static void one_answer_of_its_own_is_heard(void **state)
{
    static const struct {
        IOMemoryDescriptorClass own; /* one method each */
        IOReturn status;
    } cases[] = {
        {{.getCharacteristics = say_unprepared}, kIOReturnNotReady},
        {{.addReach = say_remote}, kIOReturnNotAttached},
        {{.setDMAActive = refuse_active}, kIOReturnNoResources},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionOut);
        static IOMemoryDescriptorClass class;
        const IOMemoryDescriptorClass *const before = vary(memory, &class);
        const IOMemoryDescriptorClass *const own = &cases[i].own;
        IODMACommand *command;

        class.getCharacteristics =
            own->getCharacteristics != NULL ? own->getCharacteristics : before->getCharacteristics;
        class.addReach = own->addReach != NULL ? own->addReach : before->addReach;
        class.setDMAActive = own->setDMAActive != NULL ? own->setDMAActive : before->setDMAActive;
        command = dma_command(&any, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), cases[i].status);
        expect_inactive(command);
        memory->super.metaClass = &before->meta;
        release_both(command, memory);
    }
}

static IOReturn note_options(IOMemoryDescriptor *self, IOByteCount offset, IOOptionBits options,
                             IOPhysicalSegment *segment)
{
    const IOMemoryDescriptorClass *const whole =
        (const IOMemoryDescriptorClass *)self->super.metaClass->super;

    assert_int_equal(options, kIOMemoryMapperNone);
    asked.facts++;
    return whole->getPhysicalSegment(self, offset, options, segment);
}

/* A class without a walk of its own is asked where its bytes are for the host, piece by piece. */
static void a_class_without_a_walk_is_asked_for_host_addresses(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_LOW + 256, 64, kIODirectionOut);
    static IOMemoryDescriptorClass class;
    const IOMemoryDescriptorClass *const before = vary(memory, &class);
    IODMACommand *command;
    IODMACommand_Segment64 list[4];

    (void)state;
    class.walk = descriptor_walk;
    class.getPhysicalSegment = note_options;
    memory->oneRun = 0;
    command = dma_command(&any, kMapped, memory);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    asked.facts = 0;
    assert_int_equal(dma_list(command, list, 4), 2);
    assert_true(asked.facts >= 2);
    assert_int_equal(list[1].fIOVMAddr, DMA_LOW + 256);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    memory->super.metaClass = &before->meta;
    release_both(command, memory);
}

/* Whole pages to their end leave nothing over: the last segment may end where it likes. */
static void whole_pages_end_where_they_end(void **state)
{
    static const IODMACommand_SegmentOptions two_pages = {.fStructSize = 56,
                                                          .fAlignmentInternalEnd = 2 * PAGE_SIZE};

    (void)state;
    for (uint64_t tail = 0; tail < 200; tail += 100) {
        IOMemoryDescriptor *memory =
            dma_memory(DMA_LOW, 3 * PAGE_SIZE + tail, 0, 0, kIODirectionOutIn);
        IODMACommand *command = dma_command(&two_pages, kMapped | kIODMAMapOptionStrict, memory);

        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(IODMACommand_getBounceLength(command), tail == 0 ? 0 : PAGE_SIZE + tail);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        OSObject_release(command);
        OSObject_release(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_handler_is_refused_what_is_for_threads),
        MAP_TEST(memory_that_does_not_do_leaves_the_former),
        MAP_TEST(clearing_tells_what_completing_said),
        MAP_TEST(a_copy_of_what_is_for_reading_can_be_forced),
        MAP_TEST(iterating_needs_prepared_memory_too),
        MAP_TEST(completing_goes_on_after_an_error_and_tells_the_first),
        MAP_TEST(a_length_that_is_no_multiple_leaves_it_inactive),
        MAP_TEST(more_pages_than_can_be_counted),
        MAP_TEST(empty_memory_is_refused),
        MAP_TEST(a_class_of_its_own_is_asked),
        MAP_TEST(one_answer_of_its_own_is_heard),
        MAP_TEST(a_class_without_a_walk_is_asked_for_host_addresses),
        MAP_TEST(whole_pages_end_where_they_end),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
