/* SPDX-License-Identifier: BSD-2-Clause */
/* DMA commands under their DriverKit names: cycles, and failures half-way. */
#include "tests/host/machine/dma_fixture.h"

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

/* Whatever step fails, the command takes the next one as if nothing had been. */
static void a_failure_at_each_step_leaves_the_command_usable(void **state)
{
    IOMemoryDescriptor *memory = new_memory();
    IOMemoryDescriptor *high = dma_memory(DMA_HIGH, 64, 0, 0, kIODirectionIn);
    IOMemoryDescriptor *low = dma_memory(DMA_LOW, 64, 0, 0, kIODirectionIn);
    IOMemoryDescriptor *absent = describe(new_pages(owner, 1, 0), PAGE_SIZE, kIODirectionIn, owner);
    IODMACommand *command = create(&narrow);

    (void)state;
    assert_int_not_equal(prepare(command, absent, 0, 4), kIOReturnSuccess); /* no page to be had */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(dc_31_a_list_without_room_is_undone),
        MAP_TEST(a_failure_at_each_step_leaves_the_command_usable),
        MAP_TEST(a_second_preparation_is_refused),
        MAP_TEST(freeing_completes_the_transfer),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
