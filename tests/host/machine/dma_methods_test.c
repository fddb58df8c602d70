/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands over descriptors that are general ones in all but a method. */
#include "tests/host/machine/dma_fixture.h"

static unsigned calls; /* of the one method that is not a general descriptor's */

static IOReturn count_operation(IOMemoryDescriptor *self, DMACommandOps op, void *data, UInt size)
{
    calls++;
    return descriptor_dma_command_operation(self, op, data, size);
}

static void count_characteristics(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                                  IOMDDMACharacteristics *out)
{
    calls++;
    general_get_characteristics(self, offset, end, out);
}

static IOReturn count_active(IOMemoryDescriptor *self, bool active)
{
    calls++;
    return descriptor_set_dma_active(self, active);
}

static void count_reach(IOMemoryDescriptor *self, IOByteCount offset, IOByteCount end,
                        struct IODMAReach *reach)
{
    calls++;
    descriptor_add_reach(self, offset, end, reach);
}

static IOReturn count_walk(IOMemoryDescriptor *self, struct IOSegmentSink *sink, IOByteCount offset,
                           IOByteCount end)
{
    calls++;
    return general_walk(self, sink, offset, end);
}

/* General descriptors in all but one: that one is asked. */
static void a_method_that_was_put_in_is_asked(void **state)
{
    static const IODMACommand_SegmentOptions any = {.fStructSize = 40};
    IOMemoryDescriptorClass classes[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        classes[i] = IOGeneralMemoryDescriptor_class;
    }
    classes[0].dmaCommandOperation = count_operation;
    classes[1].getCharacteristics = count_characteristics;
    classes[2].setDMAActive = count_active;
    classes[3].addReach = count_reach;
    classes[4].walk = count_walk;
    for (unsigned i = 0; i < 5; i++) {
        IOMemoryDescriptor *memory = dma_memory(DMA_LOW, 64, DMA_HIGH, 64, kIODirectionOutIn);
        IODMACommand_Segment64 list[4];
        IODMACommand *command;

        memory->super.metaClass = &classes[i].meta;
        calls = 0;
        command = dma_command(&any, kMapped, memory);
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        assert_int_equal(dma_list(command, list, 4), 2);
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
        assert_true(calls != 0);
        OSObject_release(command);
        memory->super.metaClass = &IOGeneralMemoryDescriptor_class.meta;
        OSObject_release(memory);
    }
}

static unsigned good; /* operations that go well before one does not */

static IOReturn operate_for_a_while(IOMemoryDescriptor *self, IOOptionBits options,
                                    IOByteCount offset, IOByteCount length)
{
    calls++;
    return calls == good + 1 ? kIOReturnUnderrun
                             : descriptor_perform_operation(self, options, offset, length);
}

/* Between islands and behind them: one stale line is one too many, and the others are cleaned. */
static void caches_that_were_not_maintained_are_told_of(void **state)
{
    static const IODMACommand_SegmentOptions coarse = {
        .fStructSize = 40, .fAlignment = 64, .fAlignmentLength = 64};
    IOAddressRange ranges[] = {{DMA_LOW, 128},
                               {DMA_LOW + 0x1008, 128},
                               {DMA_LOW + 0x2000, 128},
                               {DMA_LOW + 0x3008, 128},
                               {DMA_LOW + 0x4000, 128}};
    IOMemoryDescriptorClass class = IOGeneralMemoryDescriptor_class;
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(ranges, 5, kIODirectionOutIn, TASK_NULL);
    IODMACommand *command = dma_command(&coarse, kNonCoherent, memory);

    (void)state;
    class.performOperation = operate_for_a_while;
    memory->super.metaClass = &class.meta;
    for (good = 0; good < 3; good++) {
        calls = 0;
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnUnderrun);
        assert_int_equal(calls, 3);
    }
    calls = 0;
    assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
    assert_int_equal(calls, 3);
    assert_int_equal(IODMACommand_getBounceLength(command), 256);
    for (good = 0; good < 3; good++) {
        calls = 0;
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnUnderrun);
        assert_int_equal(calls, 3);
        good += 10;
        calls = 0;
        assert_int_equal(IODMACommand_prepare(command, 0, 0, true, true), kIOReturnSuccess);
        good -= 10;
    }
    good = 10;
    assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    OSObject_release(command);
    memory->super.metaClass = &IOGeneralMemoryDescriptor_class.meta;
    OSObject_release(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAP_TEST(a_method_that_was_put_in_is_asked),
        MAP_TEST(caches_that_were_not_maintained_are_told_of),
    };

    return cmocka_run_group_tests(tests, dma_power_on, map_power_off);
}
