/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands under their DriverKit names: cycles, and failures half-way. */
#include "descriptors/IODMAController_class.h"
#include "descriptors/IODriverTask.h"
#include "tests/host/machine/dma_fixture.h"
#include "tests/host/sim/sim_console.h"
#include "tests/lib/portable/test_mapper.h"

#define REFUSED(call) assert_int_equal(call, kIOReturnBadArgument)

static const IODMACommandSpecification wide = {.maxAddressBits = 64},
                                       narrow = {.maxAddressBits = 31};

static IODMACommand *create(const IODMACommandSpecification *specification)
{
    IOService *device = IOService_withReader("device", NULL, NULL);
    IODMACommand *command;

    assert_int_equal(IODMACommand_Create(device, 0, specification, &command), kIOReturnSuccess);
    OSObject_release(device);
    return command;
}

static IOReturn prepare(IODMACommand *command, IOMemoryDescriptor *memory, uint64_t length,
                        uint32_t room)
{
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint64_t flags = 0;
    uint32_t count = room;
    const IOReturn status =
        IODMACommand_PrepareForDMA(command, 0, memory, 0, length, &flags, &count, segments);

    if (status == kIOReturnSuccess) {
        assert_int_equal(flags, kIODirectionIn);
        assert_true(count <= room);
    } else {
        assert_int_equal(flags, 0);
        assert_int_equal(count, room);
    }
    return status;
}

/* Two pages of a task that lie apart in RAM. */
static IOMemoryDescriptor *new_memory(void)
{
    const uint64_t at = new_pages(owner, 3, RW);

    store(owner, at + 2 * PAGE_SIZE, 1);
    store(owner, at, 1);
    store(owner, at + PAGE_SIZE, 1);
    return describe(at + PAGE_SIZE - 64, 2 * PAGE_SIZE, kIODirectionIn, owner);
}

static void expect_undone(IODMACommand *command, IOMemoryDescriptor *memory)
{
    assert_null(IODMACommand_getMemoryDescriptor(command));
    assert_int_equal(IODMACommand_GetPreparation(command, NULL, NULL, NULL), kIOReturnNotReady);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
}

/* A list that does not hold the whole transfer is a failure, and nothing stays prepared. */
static void dc_31_a_list_without_room_is_undone(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(prepare(command, memory, 0, 1), kIOReturnNoSpace);
    expect_undone(command, memory);
    assert_int_equal(prepare(command, memory, 0, 32), kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Also what was set before by another name: a call that fails leaves the command as it was. */
static void what_was_set_before_a_failure_is_set_after_it(void **state)
{
    IOMemoryDescriptor *memory = new_memory(), *set = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(IODMACommand_setMemoryDescriptor(command, i == 0 ? set : memory, false),
                         kIOReturnSuccess);
        assert_int_equal(prepare(command, memory, 0, 1), kIOReturnNoSpace);
        assert_int_equal(prepare(command, memory, 3 * PAGE_SIZE, 32), kIOReturnBadArgument);
        assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), i == 0 ? set : memory);
    }
    assert_int_equal(IOMemoryDescriptor_prepare(memory, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(set);
    OSObject_release(memory);
}

/* Physical addresses in place of those of a unit that did not start would be another's memory. */
static void a_device_whose_unit_is_not_there_has_no_command(void **state)
{
    IOService *device = IOService_withReader("device", NULL, NULL);
    IODMACommand *command = (IODMACommand *)state;

    assert_int_equal(IOService_setCell(device, "iommu-parent", 77), kIOReturnSuccess);
    assert_int_equal(IODMACommand_Create(device, 0, &wide, &command), kIOReturnNoDevice);
    assert_null(command);
    assert_int_equal(IOService_setProperty(device, "iommu-parent", NULL, 0), kIOReturnSuccess);
    /* What was the matter with another device before is no reason to refuse this one. */
    assert_int_equal(IODMACommand_Create(device, 0, &wide, &command), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(device);
}

/* What another one's device does with the memory is no reason to leave it prepared for ever. */
static void another_ones_transfer_keeps_nothing_prepared(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAActive, NULL, 0),
                     kIOReturnSuccess);
    assert_int_equal(prepare(command, memory, 0, 1), kIOReturnNoSpace);
    expect_undone(command, memory);
    /* A transfer has been made: the memory is completed when the other one is over. */
    assert_int_equal(prepare(command, memory, 0, 32), kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
                     kIOReturnSuccess);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Whatever step fails, the command takes the next one as if nothing had been. */
static void a_failure_at_each_step_leaves_the_command_usable(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IOMemoryDescriptor *high = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionIn);
    IOMemoryDescriptor *low = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionIn);
    IOMemoryDescriptor *absent = describe(new_pages(owner, 1, 0), PAGE_SIZE, kIODirectionIn, owner);
    IODMACommand *command = create(&narrow);

    (void)state;
    assert_int_equal(prepare(command, absent, 0, 4), kIOReturnNotWritable); /* no page to be had */
    expect_undone(command, absent);
    assert_int_equal(prepare(command, memory, 3 * PAGE_SIZE, 4), kIOReturnBadArgument);
    expect_undone(command, memory);
    assert_int_equal(prepare(command, high, 0, 4), kIOReturnMessageTooLarge); /* never bounced */
    assert_null(IODMACommand_getMemoryDescriptor(command));
    assert_int_equal(prepare(command, low, 0, 4), kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    OSObject_release(command);
    OSObject_release(high);
    OSObject_release(low);
    OSObject_release(absent);
    OSObject_release(memory);
}

static IOReturn offline_operation(IOMemoryDescriptor *self, DMACommandOps op, void *data, UInt size)
{
    (void)self, (void)op, (void)data, (void)size;
    return kIOReturnOffline;
}

static IOReturn offline_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink,
                             IOByteCount offset, IOByteCount end)
{
    (void)self, (void)sink, (void)offset, (void)end;
    return kIOReturnOffline;
}

/* What memory of a class of its own says against it is the answer, whoever was told of it. */
static void what_the_memory_says_against_it_is_the_answer(void **state)
{
    IOMemoryDescriptorClass classes[] = {IOGeneralMemoryDescriptor_class,
                                         IOGeneralMemoryDescriptor_class};
    IODMACommand *command = create(&wide);

    (void)state;
    classes[0].dmaCommandOperation = offline_operation;
    classes[1].walk = offline_walk;
    for (unsigned i = 0; i < 2; i++) {
        IOMemoryDescriptor *memory = new_memory();

        memory->super.metaClass = &classes[i].meta;
        assert_int_equal(prepare(command, memory, 0, 4), kIOReturnOffline);
        expect_undone(command, memory);
        memory->super.metaClass = &IOGeneralMemoryDescriptor_class.meta;
        OSObject_release(memory);
    }
    OSObject_release(command);
}

/* A second preparation is refused: one complete ends all there is. */
static void a_second_preparation_is_refused(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);
    uint64_t length;

    (void)state;
    assert_int_equal(prepare(command, memory, 100, 4), kIOReturnSuccess);
    assert_int_equal(prepare(command, memory, 100, 4), kIOReturnBusy);
    assert_int_equal(prepare(command, memory, 50, 4), kIOReturnBusy);
    assert_int_equal(IODMACommand_GetPreparation(command, NULL, &length, NULL), kIOReturnSuccess);
    assert_int_equal(length, 100);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
}

/* While an engine moves its bytes they stay where they are. */
static void what_an_engine_has_is_not_completed(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(prepare(command, memory, 100, 4), kIOReturnSuccess);
    assert_int_equal(IODMAController_borrowCommand(command, kIODirectionIn, 100, 0),
                     kIOReturnSuccess);
    sim_console_set_quiet(true); /* it names who refuses */
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnBusy);
    sim_console_set_quiet(false);
    assert_ptr_equal(IODMACommand_getMemoryDescriptor(command), memory);
    IODMAController_returnCommand(command);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
}

/* A command that is let go of while prepared completes what it prepared itself. */
static void freeing_completes_the_transfer(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(prepare(command, memory, 0, 4), kIOReturnSuccess);
    OSObject_release(command);
    assert_int_equal(OSObject_getRetainCount(memory), 1);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    OSObject_release(memory);
}

/* Completed by who has not prepared the memory, the command has no part in that any more. */
static void who_completes_the_command_alone_keeps_the_memory(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(prepare(command, memory, 0, 4), kIOReturnSuccess);
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    OSObject_release(command);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
    assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnNotReady);
    OSObject_release(memory);
}

/* An end that fails is told, and what comes after it is done: the memory is completed. */
static void an_end_that_fails_is_told(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IODMACommand *command = create(&wide);

    (void)state;
    assert_int_equal(prepare(command, memory, 0, 4), kIOReturnSuccess);
    /* Somebody has taken back a mark that was the command's. */
    assert_int_equal(IOMemoryDescriptor_dmaCommandOperation(memory, kIOMDSetDMAInactive, NULL, 0),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnNotReady);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
}

/* Memory that is set and not prepared is no preparation, and nobody's reference. */
static void without_a_preparation_no_memory_is_told(void **state)
{
    IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionIn), *told = NULL;
    IODMACommand *command = create(&wide);
    uint64_t offset, length;

    (void)state;
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    assert_int_equal(IODMACommand_GetPreparation(command, &offset, &length, &told),
                     kIOReturnNotReady);
    assert_null(told);
    assert_int_equal(OSObject_getRetainCount(memory), 2);
    OSObject_release(command);
    OSObject_release(memory);
}

/* What a driver is told of is what its device's unit translates. */
static void a_command_goes_through_its_devices_mapper(void **state)
{
    struct test_mapper *mapper = test_mapper_new(0x100);
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOMemoryDescriptor *memory = new_memory();
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IODMACommand *command;
    uint64_t flags;
    uint32_t count = 4;

    (void)state;
    assert_int_equal(IOService_setObject(device, "iommu-parent", &mapper->super), kIOReturnSuccess);
    assert_int_equal(IODMACommand_Create(device, 0, &narrow, &command), kIOReturnSuccess);
    OSObject_release(device);
    assert_int_equal(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnSuccess);
    assert_int_equal(count, 1);
    assert_int_equal(segments[0].address, ptoa(0x100) + PAGE_SIZE - 64);
    assert_int_equal(mapper->entries, 3);
    OSObject_release(command);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(memory);
    OSObject_release(&mapper->super);
}

/* What each entry point refuses, and that nothing has happened then. */
static void what_is_not_understood_is_refused(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IOService *device = IOService_withReader("device", NULL, NULL);
    IODMACommandSpecification specification = wide;
    IODMACommand *command = (IODMACommand *)1, *bare = IODMACommand_withRefCon(NULL);
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint64_t flags;
    uint32_t count = 4, none = 0, many = kIODMACommandSegmentsMax + 1;

    (void)state;
    REFUSED(IODMACommand_Create(device, 0, &wide, NULL));
    REFUSED(IODMACommand_Create(NULL, 0, &wide, &command));
    assert_null(command);
    REFUSED(IODMACommand_Create(device, 0, NULL, &command));
    REFUSED(IODMACommand_Create(device, 1, &wide, &command));
    specification.options = 1;
    REFUSED(IODMACommand_Create(device, 0, &specification, &command));
    specification = (IODMACommandSpecification){.maxAddressBits = 65};
    REFUSED(IODMACommand_Create(device, 0, &specification, &command));
    specification.maxAddressBits = 1; /* not a page */
    assert_int_not_equal(IODMACommand_Create(device, 0, &specification, &command),
                         kIOReturnSuccess);
    assert_null(command);
    command = create(&wide);
    REFUSED(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)NULL, 0, 0, &flags, &count,
                                       segments));
    REFUSED(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, NULL, &count, segments));
    REFUSED(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, NULL, segments));
    REFUSED(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, NULL));
    REFUSED(IODMACommand_PrepareForDMA(command, 1, memory, 0, 0, &flags, &count, segments));
    REFUSED(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &none, segments));
    REFUSED(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &many, segments));
    assert_int_equal(IODMACommand_PrepareForDMA(bare, 0, memory, 0, 0, &flags, &count, segments),
                     kIOReturnNotReady);
    REFUSED(IODMACommand_CompleteDMA(command, 1));
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnNotReady);
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero,
                                                   0, 1, 0, (IOMemoryDescriptor *)NULL),
                     kIOReturnNotReady);
    expect_undone(command, memory);
    OSObject_release(bare);
    OSObject_release(command);
    OSObject_release(device);
    OSObject_release(memory);
}

/* Reading, writing and zeroing, in more than one piece, and past what is prepared. */
/* To a device, as in a mapping, pages are shown whole: a driver is given those that are memory's.
 */
static void a_driver_is_shown_no_neighbours(void **state)
{
    static const struct {
        uint64_t offset, length; /* length 0: all that follows */
        bool may;
    } rows[] = {{0, PAGE_SIZE, true},      {0, 8, true},
                {PAGE_SIZE - 8, 8, true},  {0, 0, false},
                {PAGE_SIZE, 0, false},     {PAGE_SIZE - 8, 9, false},
                {0, PAGE_SIZE + 50, false}};
    IOMemoryDescriptor *memory =
        describe(new_pages(other, 2, RW), PAGE_SIZE + 50, kIODirectionOutIn, other);
    IODMACommand *command = create(&wide);
    IODriverTask *table;

    (void)state;
    assert_int_equal(IODriverTask_create(owner, NULL, &table), kIOReturnSuccess);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        IOAddressSegment segments[kIODMACommandSegmentsMax];
        uint32_t count = kIODMACommandSegmentsMax;
        uint64_t flags;
        IOReturn status;

        task_set_current(owner);
        status = IODMACommand_PrepareForDMA(command, 0, memory, rows[i].offset, rows[i].length,
                                            &flags, &count, segments);
        task_set_current(kernel_task);
        assert_int_equal(status, rows[i].may ? kIOReturnSuccess : kIOReturnNotPermitted);
        if (rows[i].may) {
            assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
        }
    }
    IODriverTask_release(table);
    OSObject_release(command);
    OSObject_release(memory);
}

static void operations_move_bytes_between_descriptors(void **state)
{
    enum {
        OFFSET = 100,
        LENGTH = 600
    };
    const uint64_t at = new_pages(owner, 2, RW), there = new_pages(owner, 2, RW);
    IOMemoryDescriptor *memory = describe(at, PAGE_SIZE + 50, kIODirectionOutIn, owner);
    IOMemoryDescriptor *data = describe(there, PAGE_SIZE, kIODirectionOutIn, owner);
    IOMemoryDescriptor *prepared;
    IODMACommand *command = create(&wide);
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint64_t flags, offset, length;
    uint32_t count = kIODMACommandSegmentsMax;

    (void)state;
    fill(owner, at, PAGE_SIZE + 50, 1);
    fill(owner, there, PAGE_SIZE, 2);
    assert_int_equal(
        IODMACommand_PrepareForDMA(command, 0, memory, OFFSET, 2000, &flags, &count, segments),
        kIOReturnSuccess);
    assert_int_equal(flags, kIODirectionOutIn);
    assert_int_equal(IODMACommand_GetPreparation(command, &offset, &length, &prepared),
                     kIOReturnSuccess);
    assert_int_equal(offset, OFFSET);
    assert_int_equal(length, 2000);
    assert_ptr_equal(prepared, memory);
    OSObject_release(prepared);
    assert_int_equal(IOMemoryDescriptor_prepare(data, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead,
                                                   5, LENGTH, 7, data),
                     kIOReturnSuccess);
    for (unsigned i = 0; i < LENGTH; i++) {
        assert_int_equal(load(owner, there + 7 + i), pattern(OFFSET + 5 + i, 1));
    }
    assert_int_equal(load(owner, there + 7 + LENGTH), pattern(7 + LENGTH, 2));
    assert_int_equal(IODMACommand_PerformOperation(
                         command, kIODMACommandPerformOperationOptionWrite, 1000, LENGTH, 7, data),
                     kIOReturnSuccess);
    assert_int_equal(load(owner, at + OFFSET + 1000), pattern(OFFSET + 5, 1));
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero,
                                                   0, 300, 0, (IOMemoryDescriptor *)NULL),
                     kIOReturnSuccess);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(load(owner, at + OFFSET + i), 0);
    }
    assert_int_equal(load(owner, at + OFFSET + 300), pattern(OFFSET + 300, 1));
    REFUSED(IODMACommand_PerformOperation(command, 0, 0, 1, 0, data));
    REFUSED(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0,
                                          PAGE_SIZE + 51, 0, data));
    REFUSED(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0, 1, 0,
                                          (IOMemoryDescriptor *)NULL));
    REFUSED(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0, 2,
                                          PAGE_SIZE - 1, data));
    /* Behind what is prepared there is nothing to move. */
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead,
                                                   1990, 20, 0, data),
                     kIOReturnUnderrun);
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero,
                                                   2500, 1, 0, data),
                     kIOReturnUnderrun);
    assert_int_equal(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero,
                                                   0, PAGE_SIZE + 50, 0,
                                                   (IOMemoryDescriptor *)NULL),
                     kIOReturnUnderrun); /* as many as it has, of which not all are prepared */
    assert_int_equal(IOMemoryDescriptor_complete(data, 0), kIOReturnSuccess);
    assert_int_equal(IODMACommand_CompleteDMA(command, 0), kIOReturnSuccess);
    expect_undone(command, memory);
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_31_a_list_without_room_is_undone),
        MAP_TEST(what_was_set_before_a_failure_is_set_after_it),
        MAP_TEST(a_device_whose_unit_is_not_there_has_no_command),
        MAP_TEST(another_ones_transfer_keeps_nothing_prepared),
        MAP_TEST(a_failure_at_each_step_leaves_the_command_usable),
        MAP_TEST(what_the_memory_says_against_it_is_the_answer),
        MAP_TEST(a_second_preparation_is_refused),
        MAP_TEST(what_an_engine_has_is_not_completed),
        MAP_TEST(freeing_completes_the_transfer),
        MAP_TEST(who_completes_the_command_alone_keeps_the_memory),
        MAP_TEST(an_end_that_fails_is_told),
        MAP_TEST(without_a_preparation_no_memory_is_told),
        MAP_TEST(a_command_goes_through_its_devices_mapper),
        MAP_TEST(what_is_not_understood_is_refused),
        MAP_TEST(operations_move_bytes_between_descriptors),
        MAP_TEST(a_driver_is_shown_no_neighbours),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
