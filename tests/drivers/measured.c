/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests/bench/driverkit.c measures: one thing over and over, which the first word of the first
 * object says. The second is memory for transfers, the third a device.
 */
#include "tests/drivers/check.h"

static void send_null(IOMemoryDescriptor *memory)
{
    _IOMDPrivateState state;

    for (;;) {
        IOMemoryDescriptor__CopyState(memory, &state);
    }
}

static void map_and_release(IOMemoryDescriptor *memory)
{
    IOMemoryMap *map;

    for (;;) {
        IOMemoryDescriptor_CreateMapping(memory, 0, 0, 0, 0, 0, &map);
        OSObject_release(map);
    }
}

static void transfer(IOMemoryDescriptor *memory, IOService *device)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IODMACommand *command;
    uint64_t flags;

    GOOD(IODMACommand_Create(device, 0, &any, &command));
    for (;;) {
        uint32_t count = kIODMACommandSegmentsMax;

        GOOD(IODMACommand_PrepareForDMA(command, 0, memory, 0, 0, &flags, &count, segments));
        GOOD(IODMACommand_CompleteDMA(command, 0));
    }
}

int driver_main(unsigned count, OSObject *const objects[])
{
    IOBufferMemoryDescriptor *const given = OSDynamicCast(IOBufferMemoryDescriptor, objects[0]);
    IOMemoryDescriptor *const memory = OSDynamicCast(IOMemoryDescriptor, objects[1]);
    IOAddressSegment range;

    CHECK(count == 3 && given != NULL && memory != NULL);
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(given, &range));
    switch (*(volatile uint64_t *)range.address) {
    case 0:
        send_null((IOMemoryDescriptor *)given);
        break;
    case 1:
        map_and_release((IOMemoryDescriptor *)given);
        break;
    default:
        transfer(memory, OSDynamicCast(IOService, objects[2]));
    }
    return 0;
}
