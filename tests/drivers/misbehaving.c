/* SPDX-License-Identifier: BSD-2-Clause */
/* A driver that does what it should not; tests/drivers/modes.h says what. */
#include <string.h>

#include "descriptors/platform.h"
#include "tests/drivers/check.h"
#include "tests/drivers/modes.h"

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

__attribute__((noinline)) static uint64_t recurse(uint64_t depth)
{
    volatile uint8_t frame[512];

    frame[depth % sizeof(frame)] = (uint8_t)depth;
    return (depth == UINT64_MAX ? 0 : recurse(depth + 1)) + frame[depth % sizeof(frame)];
}

static void flood_handles(void)
{
    IOBufferMemoryDescriptor_Create_Msg request = {
        .header = {.msgid = IOBufferMemoryDescriptor_Create_ID, .objectRefs = 1},
        .self = kIORPCHandleIOBufferMemoryDescriptor,
        .capacity = 1};
    IOBufferMemoryDescriptor_Create_Rpl reply;
    kern_return_t status;

    do {
        status = driver_call(SYS_DK_INVOKE, (uint64_t)&request, sizeof(request), (uint64_t)&reply,
                             sizeof(reply), NULL);
    } while (status == kIOReturnSuccess);
    driver_exit(status == kIOReturnNoResources ? 8 : status);
}

/* Numbers that exist, with anything as the rest; handles from a small range, classes' among them.
 */
static void send_random(uint64_t count)
{
    static uint64_t message[256], reply[256];

    for (uint64_t i = 0; i < count; i++) {
        const IORPCMethod *const method = IORPCMethod_at((unsigned)(next_random() % 12));

        for (unsigned k = 0; k < 40; k++) {
            const uint64_t dice = next_random() % 4;

            message[k] = dice == 0   ? next_random()
                         : dice == 1 ? (1ull << 32 | next_random() % 8)
                                     : next_random() % 4;
        }
        message[0] = next_random() % 16 == 0 ? next_random() : method->msgid;
        message[2] = next_random() % 16 == 0 ? next_random() : method->requestRefs;
        driver_call(SYS_DK_INVOKE, (uint64_t)message + next_random() % 2 * 4,
                    next_random() % 8 == 0 ? next_random() % 2100 : method->request,
                    next_random() % 16 == 0 ? next_random() : (uint64_t)reply,
                    next_random() % 8 == 0 ? next_random() % 2100 : method->reply, NULL);
    }
    driver_exit(9);
}

static void hold_and_loop(IOService *device)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    IODMACommand *command;
    IOBufferMemoryDescriptor *buffer;
    uint32_t count = kIODMACommandSegmentsMax;
    uint64_t flags, at, length;

    GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionIn, 3 * PAGE_SIZE, 0, &buffer));
    GOOD(IOMemoryDescriptor_Map((IOMemoryDescriptor *)buffer, 0, 0, 0, 0, &at, &length));
    GOOD(IODMACommand_Create(device, 0, &any, &command));
    GOOD(IODMACommand_PrepareForDMA(command, 0, buffer, 0, 0, &flags, &count, segments));
    for (;;) {
        driver_wait(NULL, 0, NULL);
    }
}

/* Pages that have bytes of others: by no way are they shown, to it or to its device. */
static void want_neighbours(IOMemoryDescriptor *memory, IOService *device)
{
    const IODMACommandSpecification any = {.maxAddressBits = 64};
    IOAddressSegment segments[kIODMACommandSegmentsMax];
    uint32_t count = kIODMACommandSegmentsMax;
    IOMemoryDescriptor *window, *both;
    IODMACommand *command;
    uint64_t length, flags;
    IOMemoryMap *map;

    GOOD(IOMemoryDescriptor_GetLength(memory, &length));
    GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionInOut, 0, length, memory,
                                                      &window));
    GOOD(
        IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 1, &window, &both));
    GOOD(IODMACommand_Create(device, 0, &any, &command));
    for (unsigned i = 0; i < 3; i++) {
        IOMemoryDescriptor *const here = i == 0 ? memory : i == 1 ? window : both;

        GIVES(IOMemoryDescriptor_CreateMapping(here, 0, 0, 0, 0, 0, &map), kIOReturnNotPermitted);
        GIVES(
            IOMemoryDescriptor_CreateMapping(here, kIOMemoryMapReadOnly, 0, PAGE_SIZE, 1, 0, &map),
            kIOReturnNotPermitted);
        GIVES(IODMACommand_PrepareForDMA(command, 0, here, 0, 0, &flags, &count, segments),
              kIOReturnNotPermitted);
    }
    driver_exit(10);
}

/* Every kind of message that makes or changes something, with a buffer that is another's too. */
static void churn(IOMemoryDescriptor *given, uint64_t rounds, uint8_t mark)
{
    for (uint64_t i = 0; i < rounds; i++) {
        IOBufferMemoryDescriptor *buffer;
        IOMemoryDescriptor *parts[2], *both, *window;
        IOMemoryMap *maps[2];
        uint64_t at, length;

        GOOD(IOBufferMemoryDescriptor_Create(kIOMemoryDirectionInOut, 2 * PAGE_SIZE, 0, &buffer));
        GOOD(IOMemoryDescriptor_Map((IOMemoryDescriptor *)buffer, 0, 0, 0, 0, &at, &length));
        *(volatile uint8_t *)at = mark;
        GOOD(IOBufferMemoryDescriptor_SetLength(buffer, PAGE_SIZE));
        GOOD(IOMemoryDescriptor_CreateMapping(given, 0, 0, 0, 0, 0, &maps[0]));
        GOOD(IOMemoryDescriptor_CreateMapping(given, kIOMemoryMapReadOnly, 0, 0, 0, 0, &maps[1]));
        parts[0] = (IOMemoryDescriptor *)buffer;
        parts[1] = given;
        GOOD(IOMemoryDescriptor_CreateWithMemoryDescriptors(kIOMemoryDirectionInOut, 2, parts,
                                                            &both));
        GOOD(IOMemoryDescriptor_CreateSubMemoryDescriptor(kIOMemoryDirectionOut, 0, PAGE_SIZE, both,
                                                          &window));
        OSObject_release(both);
        CHECK(*(volatile uint8_t *)at == mark);
        OSObject_release(maps[i % 2]);
        OSObject_release(window);
        OSObject_release(buffer);
        OSObject_release(maps[1 - i % 2]);
    }
}

static void call_unknown(void)
{
    for (uint64_t number = 0; number < 0x500; number++) {
        if (number < SYS_DK_INVOKE || number > SYS_DK_EXIT) {
            GIVES(driver_call(number, 1, 2, 3, 4, NULL), kIOReturnUnsupported);
        }
    }
    GIVES(driver_call(UINT64_MAX, 1, 2, 3, 4, NULL), kIOReturnUnsupported);
    BAD(driver_call(SYS_DK_RETAIN, 12345, 0, 0, 0, NULL));
    BAD(driver_call(SYS_DK_RELEASE, 0, 0, 0, 0, NULL));
    GOOD(driver_call(SYS_DK_RELEASE, kIORPCHandleIOMemoryDescriptor, 0, 0, 0, NULL));
    GIVES(driver_call(SYS_DK_WRITE, 0, 1, 0, 0, NULL), kIOReturnVMError);
    GIVES(driver_call(SYS_DK_WRITE, 0, kIORPCMessageMost + 1, 0, 0, NULL),
          kIOReturnMessageTooLarge);
    BAD(driver_call(SYS_DK_WAIT, 12345, 0, 0, 0, NULL));
    GIVES(driver_call(SYS_DK_INVOKE, 0, 32, 0, 32, NULL), kIOReturnVMError);
    driver_exit(7);
}

int driver_main(unsigned count, OSObject *const objects[])
{
    IOBufferMemoryDescriptor *const given = OSDynamicCast(IOBufferMemoryDescriptor, objects[0]);
    IOAddressSegment range;
    volatile uint64_t *words;
    uint32_t stack[4];
    uint64_t at, length;
    IOMemoryMap *map;

    CHECK(count >= 1 && given != NULL);
    GOOD(IOBufferMemoryDescriptor_GetAddressRange(given, &range));
    words = (volatile uint64_t *)range.address;
    switch (words[0]) {
    case LOOPS:
        for (;;) {
            words[2]++;
        }
    case READS_NULL:
        at = 0;
        __asm__ volatile("ldr %0, [%0]" : "+r"(at));
        break;
    case READS_KERNEL:
        at = words[1];
        __asm__ volatile("ldr %0, [%0]" : "+r"(at));
        break;
    case WRITES_TEXT:
        *(volatile uint32_t *)(uint64_t)driver_main = 0;
        break;
    case RUNS_STACK:
        stack[0] = 0xd65f03c0; /* ret */
        ((void (*)(void))(uint64_t)stack)();
        break;
    case OVERFLOWS_STACK:
        return (int)recurse(0);
    case IS_PRIVILEGED:
        __asm__ volatile("msr vbar_el1, xzr");
        break;
    case IS_FATAL:
        platform_fatal("driver %u finds itself wrong", count);
    case CALLS_UNKNOWN:
        call_unknown();
        break;
    case FLOODS_MESSAGES:
        for (;;) {
            IOMemoryDescriptor_GetLength((IOMemoryDescriptor *)given, &length);
            words[2]++;
        }
    case FLOODS_HANDLES:
        flood_handles();
        break;
    case WRITES_GIVEN:
        GOOD(IOMemoryDescriptor_Map((IOMemoryDescriptor *)objects[1], 0, 0, 0, 0, &at, &length));
        words[2] = *(volatile uint8_t *)at;
        *(volatile uint8_t *)at = 1;
        break;
    case TOUCHES_RELEASED:
        GOOD(IOMemoryDescriptor_CreateMapping((IOMemoryDescriptor *)given, kIOMemoryMapFixedAddress,
                                              words[1], 0, 0, 0, &map));
        at = IOMemoryMap_GetAddress(map);
        *(volatile uint64_t *)(at + 16) = 1;
        OSObject_release(map);
        *(volatile uint64_t *)(at + 16) = 2;
        break;
    case WAITS_FOR_EVER:
        driver_wait(NULL, UINT64_MAX, NULL);
        break;
    case SENDS_RANDOM:
        send_random(words[1]);
        break;
    case HOLDS_AND_LOOPS:
        hold_and_loop(OSDynamicCast(IOService, objects[1]));
        break;
    case COUNTS_TURNS:
        while (words[2] < words[1]) {
            words[2]++;
            GOOD(driver_wait(NULL, 0, NULL));
        }
        break;
    case WANTS_NEIGHBOURS:
        want_neighbours(OSDynamicCast(IOMemoryDescriptor, objects[1]),
                        OSDynamicCast(IOService, objects[2]));
        break;
    case CHURNS:
        churn((IOMemoryDescriptor *)given, words[1], (uint8_t)words[2]);
        return 6;
    case WAITS_FOR_DEVICE:
        words[3] = (uint32_t)driver_wait(OSDynamicCast(IOService, objects[1]), words[1], &at);
        return (int)at;
    default:
        break;
    }
    return (int)words[1];
}
