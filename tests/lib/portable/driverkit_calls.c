/* SPDX-License-Identifier: BSD-2-Clause */
/* Each method once as it should be, and once for each thing that it refuses. */
#include "tests/lib/portable/driverkit_calls.h"

#include "descriptors/IODriverTask.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "kernel/task.h"

/* What was called first has its objects let go of by the driver's death, if this ends early. */
#define WANT(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (false)
#define GOOD(call)          WANT((call) == kIOReturnSuccess)
#define BAD(call)           WANT((call) == kIOReturnBadArgument)
#define GIVES(call, reason) WANT((call) == (reason))

#define UP(object) IOMemoryDescriptor_upcast(object)

static unsigned buffers(void)
{
    IOBufferMemoryDescriptor *buffer;
    IOAddressSegment range;
    _IOMDPrivateState now;
    uint64_t length;

    BAD(IOBufferMemoryDescriptor_Create(4, 1, 0, &buffer));
    BAD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionIn, 0, 0, &buffer));
    BAD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionIn, UINT64_MAX, 0, &buffer));
    BAD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionIn, 1, 0, NULL));
    GIVES(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionIn, 1ull << 40, 0, &buffer),
          kIOReturnNoResources);
    WANT(buffer == NULL);
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, 2 * PAGE_SIZE, 65536, &buffer));
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(buffer, &range));
    WANT(range.address % 65536 == 0 && range.length == 2 * PAGE_SIZE);
    BAD(IOBufferMemoryDescriptor_GetAddressRange(buffer, NULL));
    BAD(IOBufferMemoryDescriptor_SetLength(buffer, 2 * PAGE_SIZE + 1));
    BAD(IOBufferMemoryDescriptor_SetLength(NULL, 1));
    GOOD(IOBufferMemoryDescriptor_SetLength(buffer, PAGE_SIZE));
    GOOD(IOMemoryDescriptor_GetLength(UP(buffer), &length));
    WANT(length == PAGE_SIZE);
    BAD(IOMemoryDescriptor_GetLength(UP(buffer), NULL));
    GOOD(IOMemoryDescriptor__CopyState(UP(buffer), &now));
    WANT(now.length == PAGE_SIZE);
    BAD(IOMemoryDescriptor__CopyState(UP(buffer), NULL));
    BAD(IOMemoryDescriptor__CopyState(NULL, &now));
    OSObject_release(buffer);
    return 0;
}

static unsigned maps(task_t task)
{
    IOBufferMemoryDescriptor *buffer;
    _IOMemoryMapPrivateState state;
    IOMemoryMap *map;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, 2 * PAGE_SIZE, 0, &buffer));
    BAD(IOMemoryDescriptor_CreateMapping(NULL, 0, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, 0, 0, 0, NULL));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 1ull << 40, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0x300, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0x10, 0, 0, 0, 0, &map));
    BAD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, PAGE_SIZE, 2 * PAGE_SIZE, 0, &map));
    GIVES(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, 0, 0, 1, &map), kIOReturnUnsupported);
    GIVES(IOMemoryDescriptor_CreateMapping(UP(buffer), kIOMemoryMapFixedAddress, 0x12340001, 0, 0,
                                           0, &map),
          kIOReturnNotAligned);
    WANT(map == NULL);
    GOOD(IOMemoryDescriptor_CreateMapping(UP(buffer), 0, 0, PAGE_SIZE, PAGE_SIZE, 0, &map));
    WANT(IOMemoryMap_getAddressTask(map) == task);
    GOOD(IOMemoryMap__CopyState(map, &state));
    WANT(state.address == IOMemoryMap_GetAddress(map) &&
         state.length == IOMemoryMap_GetLength(map) && state.offset == PAGE_SIZE &&
         state.offset == IOMemoryMap_GetOffset(map));
    BAD(IOMemoryMap__CopyState(map, NULL));
    BAD(IOMemoryMap__CopyState(NULL, &state));
    OSObject_release(map);
    OSObject_release(buffer);
    return 0;
}

static unsigned composites(void)
{
    IOMemoryDescriptor *parts[2] = {NULL}, *window, *both, *none;
    IOBufferMemoryDescriptor *buffer;
    uint64_t length;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionOut, 2 * PAGE_SIZE, 0, &buffer));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 0, 1, NULL, &none));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 0, 1, UP(buffer), NULL));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(4, 0, 1, UP(buffer), &none));
    BAD(IOMemoryDescriptor_CreateSubMemoryDescriptor(0, 2 * PAGE_SIZE, 1, UP(buffer), &none));
    GIVES(
        IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionIn, 0, 1, UP(buffer), &none),
        kIOReturnNotPermitted);
    WANT(none == NULL);
    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 0, PAGE_SIZE,
                                                      UP(buffer), &window));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 1, parts, &none));
    parts[0] = parts[1] = window;
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 0, parts, &none));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 2, NULL, &none));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 2, parts, NULL));
    BAD(IOMemoryDescriptor_CreateWithMemoryDescriptors(4, 2, parts, &none));
    GIVES(IOMemoryDescriptor_CreateWithMemoryDescriptors(0, 33, parts, &none), kIOReturnOverrun);
    GIVES(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionIn, 2, parts, &none),
          kIOReturnNotPermitted);
    WANT(none == NULL);
    GOOD(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionOut, 2, parts, &both));
    GOOD(IOMemoryDescriptor_GetLength(both, &length));
    WANT(length == 2 * PAGE_SIZE);
    OSObject_release(both);
    OSObject_release(window);
    OSObject_release(buffer);
    return 0;
}

static unsigned commands(IOService *device)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64}, wide = {.maxAddressBits = 65};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IOBufferMemoryDescriptor *buffer, *data;
    IODMACommand *command, *none;
    IOMemoryDescriptor *memory;
    uint64_t flags, offset, length;
    uint32_t count = kIODMACommandSegmentsMax, one = 1;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 2 * PAGE_SIZE, 0, &buffer));
    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, PAGE_SIZE, 0, &data));
    BAD(IODMACommand_Create(NULL, 0, &any, &none));
    BAD(IODMACommand_Create(device, 1, &any, &none));
    BAD(IODMACommand_Create(device, 0, NULL, &none));
    BAD(IODMACommand_Create(device, 0, &wide, &none));
    GOOD(IODMACommand_Create(device, 0, &any, &command));
    GIVES(IODMACommand_CompleteDMA(command, 0), kIOReturnNotReady);
    GIVES(IODMACommand_GetPreparation(command, &offset, &length, &memory), kIOReturnNotReady);
    GIVES(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0, 1, 0,
                                        UP(data)),
          kIOReturnNotReady);
    BAD(IODMACommand_PrepareForDMA(command, 1, UP(buffer), 0, 0, &flags, &one, segments));
    BAD(IODMACommand_PrepareForDMA(command, 0, (IOMemoryDescriptor *)NULL, 0, 0, &flags, &one,
                                   segments));
    GOOD(IODMACommand_PrepareForDMA(command, 0, UP(buffer), 5, 6000, &flags, &count, segments));
    WANT(flags == kIOMemoryDirectionInOut && count >= 1);
    GIVES(IODMACommand_PrepareForDMA(command, 0, UP(buffer), 5, 6000, &flags, &one, segments),
          kIOReturnBusy);
    GOOD(IODMACommand_GetPreparation(command, &offset, &length, &memory));
    WANT(offset == 5 && length == 6000 && memory == UP(buffer));
    OSObject_release(memory);
    GOOD(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0, 100, 7,
                                       UP(data)));
    BAD(IODMACommand_PerformOperation(command, 3, 0, 100, 7, UP(data)));
    BAD(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionRead, 0,
                                      PAGE_SIZE, 1, UP(data)));
    GIVES(IODMACommand_PerformOperation(command, kIODMACommandPerformOperationOptionZero, 5999, 2,
                                        0, (IOMemoryDescriptor *)NULL),
          kIOReturnUnderrun);
    BAD(IODMACommand_CompleteDMA(command, 1));
    GOOD(IODMACommand_CompleteDMA(command, 0));
    OSObject_release(command);
    OSObject_release(data);
    OSObject_release(buffer);
    return 0;
}

unsigned driverkit_calls(task_t task, IOService *device)
{
    const task_t before = current_task();
    unsigned line;

    task_set_current(task);
    line = buffers();
    line = line != 0 ? line : maps(task);
    line = line != 0 ? line : composites();
    line = line != 0 ? line : commands(device);
    task_set_current(before);
    return line;
}
