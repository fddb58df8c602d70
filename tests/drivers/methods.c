/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every method from EL0: that it does what it says, and what it refuses. objects: a buffer that the
 * kernel fills and reads, and perhaps a device with a mapper.
 */
#include <string.h>

#include "descriptors/IOSubMemoryDescriptor.h"
#include "tests/drivers/check.h"

static uint8_t pattern(uint64_t index)
{
    return (uint8_t)(index * 7 + (index >> 12) * 31);
}

static void buffers(void)
{
    IOBufferMemoryDescriptor *buffer;
    IOAddressSegment range, again;
    uint64_t length;
    uint8_t *bytes;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 10000, 0, &buffer));
    GOOD(IOMemoryDescriptor_GetLength((IOMemoryDescriptor *)buffer, &length));
    CHECK(length == 10000);
    GOOD(IOBufferMemoryDescriptor_SetLength(buffer, 100)); /* the whole is mapped even so */
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
    CHECK(range.length == 100);
    bytes = (uint8_t *)range.address;
    for (unsigned i = 0; i < 10000; i++) {
        CHECK(bytes[i] == 0);
        bytes[i] = pattern(i);
    }
    GOOD(IOBufferMemoryDescriptor_SetLength(buffer, 10000));
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &again));
    CHECK(again.address == range.address && again.length == 10000);
    GIVES(IOBufferMemoryDescriptor_SetLength(buffer, 10001), kIOReturnBadArgument);
    GOOD(IOMemoryDescriptor_GetLength((IOMemoryDescriptor *)buffer, &length));
    CHECK(length == 10000);
    OSObject_release(buffer);

    BAD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 0, 0, &buffer));
    CHECK(buffer == NULL);
    BAD(IOBufferMemoryDescriptor_Create(4, 1, 0, &buffer));
    BAD(IOBufferMemoryDescriptor_Create(0, UINT64_MAX, 0, &buffer));
    BAD(IOBufferMemoryDescriptor_Create(0, 1, 0, NULL));
    BAD(IOBufferMemoryDescriptor_SetLength(NULL, 0));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(NULL, &range));
    GOOD(IOBufferMemoryDescriptor_Create(0, 1, 65536, &buffer));
    BAD(IOBufferMemoryDescriptor_GetAddressRange(buffer, NULL));
    OSObject_release(buffer);
}

static void mappings(void)
{
    IOBufferMemoryDescriptor *buffer;
    IOMemoryDescriptor *memory;
    IOMemoryMap *map, *fixed, *same;
    _IOMemoryMapPrivateState state;
    uint64_t one, two, length;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 3 * PAGE_SIZE, 0, &buffer));
    memory = (IOMemoryDescriptor *)buffer;
    GOOD(IOMemoryDescriptor_CreateMapping(memory, 0, 0, PAGE_SIZE, PAGE_SIZE + 1, 0, &map));
    CHECK(IOMemoryMap_GetLength(map) == PAGE_SIZE + 1 && IOMemoryMap_GetOffset(map) == PAGE_SIZE);
    GOOD(IOMemoryMap__CopyState(map, &state));
    CHECK(state.address == IOMemoryMap_GetAddress(map) && state.length == PAGE_SIZE + 1);
    /* The same request is the same object, and so the same proxy. */
    GOOD(IOMemoryDescriptor_CreateMapping(memory, 0, 0, PAGE_SIZE, PAGE_SIZE + 1, 0, &same));
    CHECK(same == map && OSObject_getRetainCount(map) == 2);
    OSObject_release(same);
    GOOD(IOMemoryDescriptor_CreateMapping(memory, kIOMemoryMapFixedAddress, 0x40000000, 0, 0, 0,
                                          &fixed));
    CHECK(IOMemoryMap_GetAddress(fixed) == 0x40000000);
    *(uint8_t *)(0x40000000 + PAGE_SIZE) = 99;
    CHECK(*(uint8_t *)IOMemoryMap_GetAddress(map) == 99);
    OSObject_release(fixed);
    OSObject_release(map);
    for (uint64_t cache = 0; cache <= 0x800; cache = cache == 0 ? 0x100 : cache * 2) {
        for (uint64_t guard = 0; guard <= 0xc; guard += 4) {
            GOOD(IOMemoryDescriptor_CreateMapping(memory, cache | guard, 0, 0, 0, 0, &map));
            *(uint8_t *)IOMemoryMap_GetAddress(map) = (uint8_t)cache;
            OSObject_release(map);
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((0xf0full & 1ull << bit) == 0) {
            BAD(IOMemoryDescriptor_CreateMapping(memory, 1ull << bit, 0, 0, 0, 0, &map));
            CHECK(map == NULL);
        }
    }
    BAD(IOMemoryDescriptor_CreateMapping(memory, 0x300, 0, 0, 0, 0, &map));
    GIVES(IOMemoryDescriptor_CreateMapping(memory, 0, 0, 0, 0, 4096, &map), kIOReturnUnsupported);
    BAD(IOMemoryDescriptor_CreateMapping(memory, 0, 0, 1, 3 * PAGE_SIZE, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(NULL, 0, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(memory, 0, 0, 0, 0, 0, NULL));

    GOOD(IOMemoryDescriptor_Map(memory, 0, 0, 0, 0, &one, &length));
    CHECK(length == 3 * PAGE_SIZE);
    GOOD(IOMemoryDescriptor_Map(memory, 0, 0, 0, 0, &two, &length));
    CHECK(one == two);
    GOOD(IOMemoryDescriptor_Map(memory, kIOMemoryMapReadOnly, 0, PAGE_SIZE, 0, &two, &length));
    CHECK(one != two && length == PAGE_SIZE);
    GIVES(IOMemoryDescriptor_Map(memory, 0, 0, 0, 1, &two, &length), kIOReturnUnsupported);
    BAD(IOMemoryDescriptor_Map(memory, 0, 0, 0, 0, NULL, &length));
    OSObject_release(buffer); /* and the maps that it kept */
}

static void composites(void)
{
    IOBufferMemoryDescriptor *parts[3];
    IOMemoryDescriptor *list[kIORPCDescriptorsMost + 1], *joined, *window, *other;
    uint64_t at, length;

    for (unsigned i = 0; i < 3; i++) {
        GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &parts[i]));
        GOOD(IOMemoryDescriptor_Map((IOMemoryDescriptor *)parts[i], 0, 0, 0, 0, &at, &length));
        memset((void *)at, (int)(i + 1), PAGE_SIZE);
        list[i] = (IOMemoryDescriptor *)parts[i];
    }
    GOOD(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 3, list, &joined));
    GOOD(IOMemoryDescriptor_GetLength(joined, &length));
    CHECK(length == 3 * PAGE_SIZE);
    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionOut, PAGE_SIZE,
                                                      PAGE_SIZE + 1, joined, &window));
    GOOD(IOMemoryDescriptor_Map(window, 0, 0, 0, 0, &at, &length));
    CHECK(*(uint8_t *)at == 2 && *(uint8_t *)(at + PAGE_SIZE) == 3 && length == PAGE_SIZE + 1);
    GIVES(
        IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, 0, 1, window, &other),
        kIOReturnNotPermitted);
    GIVES(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionIn, 1, &window, &other),
          kIOReturnNotPermitted);
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 0, 1, NULL, &other));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, PAGE_SIZE, 2, window, &other));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 0, list, &other));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 1, NULL, &other));
    GIVES(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 33, list, &other), kIOReturnOverrun);
    list[1] = NULL;
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 2, list, &other));
    OSObject_release(window);
    OSObject_release(joined);
    for (unsigned i = 0; i < 3; i++) {
        OSObject_release(parts[i]);
    }
}

static void commands(IOService *device)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IODMACommand *command;
    IOBufferMemoryDescriptor *buffer, *data;
    IOMemoryDescriptor *prepared;
    IOAddressSegment segments[kIODMACommandSegmentsMax], range;
    uint64_t flags, offset, length;
    uint32_t count = kIODMACommandSegmentsMax;

    GOOD(IODMACommand_Create(device, 0, &any, &command));
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 2 * PAGE_SIZE, 0, &buffer));
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &data));
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
    memset((void *)range.address, 0x55, 2 * PAGE_SIZE);
    GIVES(IODMACommand_CompleteDMA(command, 0), kIOReturnNotReady);
    GIVES(IODMACommand_GetPreparation(command, NULL, NULL, NULL), kIOReturnNotReady);
    GOOD(IODMACommand_PrepareForDMA(command, 0, buffer, 5, 6000, &flags, &count, segments));
    CHECK(flags == kIOMemoryDirectionInOut && count >= 1 && segments[0].length > 0);
    GIVES(IODMACommand_PrepareForDMA(command, 0, buffer, 5, 6000, &flags, &count, segments),
          kIOReturnBusy);
    GOOD(IODMACommand_GetPreparation(command, &offset, &length, &prepared));
    CHECK(offset == 5 && length == 6000 && prepared == (IOMemoryDescriptor *)buffer);
    OSObject_release(prepared);
    GOOD(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0, 100, 7,
                                       data));
    GOOD(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero, 0, 100, 0,
                                       (IOMemoryDescriptor *)NULL));
    CHECK(*(uint8_t *)(range.address + 5) == 0 && *(uint8_t *)(range.address + 4) == 0x55);
    GOOD(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionWrite, 0, 50, 7,
                                       data));
    CHECK(*(uint8_t *)(range.address + 54) == 0x55 && *(uint8_t *)(range.address + 55) == 0);
    GOOD(IODMACommand_CompleteDMA(command, 0));
    OSObject_release(data);
    /* A length that the device's prepared bytes keep is not changed for a while, and then for good.
     */
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &data));
    GOOD(IOBufferMemoryDescriptor_SetLength(data, 100));
    count = kIODMACommandSegmentsMax;
    GOOD(IODMACommand_PrepareForDMA(command, 0, data, 0, 100, &flags, &count, segments));
    GIVES(IOBufferMemoryDescriptor_GetAddressRange(data, &range), kIOReturnBusy);
    GOOD(IOMemoryDescriptor_GetLength((IOMemoryDescriptor *)data, &length));
    CHECK(length == 100);
    GOOD(IODMACommand_CompleteDMA(command, 0));
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(data, &range));
    CHECK(range.length == 100);
    BAD(IODMACommand_Create(NULL, 0, &any, &command));
    BAD(IODMACommand_Create(device, 1, &any, &command));
    OSObject_release(data);
    OSObject_release(buffer);
    /* `command` was set to NULL by the refusals: the driver's end closes what is left. */
}

int driver_main(unsigned count, OSObject *const objects[])
{
    IOBufferMemoryDescriptor *const given = OSDynamicCast(IOBufferMemoryDescriptor, objects[0]);
    IOAddressSegment range;

    CHECK(count >= 1 && given != NULL);
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(given, &range));
    for (uint64_t i = 0; i < range.length; i++) {
        uint8_t *const byte = (uint8_t *)range.address + i;

        CHECK(*byte == pattern(i));
        *byte = (uint8_t)~pattern(i);
    }
    buffers();
    mappings();
    composites();
    if (count >= 2) {
        commands(OSDynamicCast(IOService, objects[1]));
    }
    return 0;
}
