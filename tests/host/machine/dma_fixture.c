/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory on both sides of an address limit, and a device that goes by addresses. */
#include "tests/host/machine/dma_fixture.h"

int dma_power_on(void **state)
{
    (void)state;
    sim_machine_start(2 * SIM_GIB);
    IOMemoryDescriptor_initialize();
    IOMapper_setMapperRequired(false);
    return 0;
}

uint8_t *dma_bytes(uint64_t physical)
{
    return phys_to_virt(paddr(physical));
}

void dma_fill(uint64_t physical, uint64_t length, uint8_t seed)
{
    for (uint64_t i = 0; i < length; i++) {
        dma_bytes(physical)[i] = pattern(i, seed);
    }
}

IOMemoryDescriptor *dma_memory(uint64_t first, uint64_t firstLength, uint64_t second,
                               uint64_t secondLength, IODirection direction)
{
    IOAddressRange ranges[] = {{first, firstLength}, {second, secondLength}};
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRanges(
        ranges, secondLength == 0 ? 1 : 2, direction | kIOMemoryMapperNone, TASK_NULL);

    assert_non_null(memory);
    return memory;
}

IODMACommand *dma_command(const IODMACommand_SegmentOptions *options, uint32_t mapping,
                          IOMemoryDescriptor *memory)
{
    IODMACommand *command = IODMACommand_withSpecificationOptions(kIODMACommandOutputHost64,
                                                                  options, mapping, NULL, NULL);

    assert_non_null(command);
    assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false), kIOReturnSuccess);
    return command;
}

unsigned dma_list(IODMACommand *command, IODMACommand_Segment64 *list, unsigned room)
{
    UInt64 offset = 0, length;
    UInt32 count = room;

    assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, &length),
                     kIOReturnSuccess);
    assert_int_equal(IODMACommand_gen64IOVMSegments(command, &offset, list, &count),
                     kIOReturnSuccess);
    assert_int_equal(offset, length);
    return count;
}

static uint8_t *device_byte(IODMACommand *command, uint64_t position)
{
    IODMACommand_Segment64 list[256];
    const unsigned count = dma_list(command, list, 256);

    for (unsigned i = 0; i < count; i++) {
        if (position < list[i].fLength) {
            return dma_bytes(list[i].fIOVMAddr + position);
        }
        position -= list[i].fLength;
    }
    fail();
    return NULL;
}

uint8_t dma_device_reads(IODMACommand *command, uint64_t position)
{
    return *device_byte(command, position);
}

void dma_device_writes(IODMACommand *command, uint64_t position, uint8_t byte)
{
    *device_byte(command, position) = byte;
}
