/* SPDX-License-Identifier: BSD-2-Clause */
/* Fail the n-th: DMA commands, bounce memory, mappings for devices, services and work loops. */
#include "descriptors/IOCommandGate.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOInterruptEventSource.h"
#include "descriptors/IOService.h"
#include "tests/host/machine/inject_sweep.h"
#include "tests/lib/portable/test_mapper.h"

/* Alignments that byte 16 of a page, where the transfers begin, does not have. */
static const IODMACommand_SegmentOptions coarse = {.fStructSize = 40, .fAlignment = 512};
static const IODMACommand_SegmentOptions any = {.fStructSize = 40};

static IODMACommand *command_of(const IODMACommand_SegmentOptions *limits, uint32_t options,
                                struct test_mapper *mapper)
{
    IODMACommand *command = IODMACommand_withSpecificationOptions(
        kIODMACommandOutputHost64, limits, options, mapper == NULL ? NULL : &mapper->super, NULL);

    if (command != NULL) {
        IODMACommand_setMemoryDescriptor(command, things.prepared, false);
    }
    return command;
}

/* Prepare, perhaps double-buffer, complete: after a failure the command is as it was. */
static IOReturn cycle(IODMACommand *command, bool force)
{
    IOReturn status;

    if (command == NULL) {
        return IOMemoryLastError();
    }
    status = IODMACommand_prepare(command, 16, 0, true, true);
    if (status == kIOReturnSuccess) {
        if (force) {
            status = IODMACommand_synchronize(command, kForceDoubleBuffer);
        }
        assert_int_equal(IODMACommand_complete(command, true, true), kIOReturnSuccess);
    } else {
        assert_int_equal(IODMACommand_getPreparedOffsetAndLength(command, NULL, NULL),
                         kIOReturnNotReady);
    }
    assert_int_equal(IODMACommand_getBounceInUse(), 0);
    OSObject_release(command);
    return status;
}

static IOReturn made(void)
{
    return inject_made(IODMACommand_withRefCon(NULL));
}

static IOReturn cloned(void)
{
    IODMACommand *command = command_of(&coarse, kMapped, NULL);
    IOReturn status = command == NULL ? IOMemoryLastError()
                                      : inject_made(IODMACommand_cloneCommand(command, NULL));

    OSObject_release(command);
    return status;
}

/* DC-16 has its name on the sweep below. */
static IOReturn in_place(void)
{
    return cycle(command_of(&any, kMapped, NULL), false);
}

static IOReturn bounced(void)
{
    return cycle(command_of(&coarse, kMapped, NULL), false);
}

static IOReturn strict(void)
{
    return cycle(command_of(&any, kIODMAMapOptionStrict, NULL), false);
}

static IOReturn forced(void)
{
    return cycle(command_of(&coarse, kMapped, NULL), true);
}

static IOReturn behind_mapper(const IODMACommand_SegmentOptions *limits, bool force)
{
    struct test_mapper *mapper = test_mapper_new(1);
    IOReturn status;

    if (mapper == NULL) {
        return kIOReturnNoMemory;
    }
    status = cycle(command_of(limits, kMapped, mapper), force);
    assert_int_equal(mapper->entries, 0);
    OSObject_release(&mapper->super);
    return status;
}

static IOReturn mapped(void)
{
    return behind_mapper(&any, false);
}

static IOReturn mapped_and_copied(void)
{
    return behind_mapper(&coarse, false);
}

static IOReturn mapped_and_forced(void)
{
    return behind_mapper(&any, true);
}

/* Pieces that do not join, in what the device sees as in RAM: more than one run to note. */
static IOReturn mapped_in_pieces(void)
{
    IOAddressRange pieces[] = {{things.at + 16, 100}, {things.at + 2 * PAGE_SIZE + 300, 100}};
    struct test_mapper *mapper = test_mapper_new(1);
    IOMemoryDescriptor *memory =
        IOMemoryDescriptor_withAddressRanges(pieces, 2, kIODirectionOutIn, owner);
    IODMACommand *command = command_of(&any, kMapped, mapper);
    IOReturn status = kIOReturnNoMemory;

    if (mapper != NULL && memory != NULL && command != NULL) {
        status = IOMemoryDescriptor_prepare(memory, 0);
        if (status == kIOReturnSuccess) {
            assert_int_equal(IODMACommand_setMemoryDescriptor(command, memory, false),
                             kIOReturnSuccess);
            OSObject_retain(command);
            status = cycle(command, false);
            assert_int_equal(mapper->entries, 0);
            IODMACommand_clearMemoryDescriptor(command, false);
            assert_int_equal(IOMemoryDescriptor_complete(memory, 0), kIOReturnSuccess);
        }
    }
    OSObject_release(command);
    OSObject_release(memory);
    OSObject_release(mapper == NULL ? NULL : &mapper->super);
    return status;
}

static IOReturn copy_buffer(void)
{
    IODMACommand *command = command_of(&any, kMapped, NULL);
    IOReturn status =
        command == NULL
            ? IOMemoryLastError()
            : inject_made(IODMACommand_createCopyBuffer(command, kIODirectionOut, 5000));

    OSObject_release(command);
    return status;
}

static IOReturn service(void)
{
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOReturn status = device == NULL ? IOMemoryLastError() : IOService_setCell(device, "reg", 5);
    UInt32 cell;

    if (status == kIOReturnSuccess) {
        status = IOService_setCell(device, "reg", 6); /* in place of the first, or that stays */
        assert_int_equal(IOService_getCell(device, "reg", 0, &cell), kIOReturnSuccess);
        assert_int_equal(cell, status == kIOReturnSuccess ? 6 : 5);
    }
    OSObject_release(device);
    return status;
}

static IOReturn loop_and_sources(void)
{
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    OSObject *owner_object = OSObject_upcast(things.memory);
    IOCommandGate *gate = IOCommandGate_commandGate(owner_object, NULL);
    IOInterruptEventSource *source =
        IOInterruptEventSource_interruptEventSource(owner_object, NULL, NULL, 0);
    const IOReturn status =
        loop == NULL || gate == NULL || source == NULL ? kIOReturnNoMemory : kIOReturnSuccess;

    if (status == kIOReturnSuccess) {
        IOWorkLoop_addEventSource(loop, gate);
        IOWorkLoop_addEventSource(loop, source);
    }
    OSObject_release(source);
    OSObject_release(gate);
    OSObject_release(loop);
    return status;
}

/* A source whose line gets a handler when it joins its loop. */
static IOReturn line(void)
{
    static const uint8_t cells[] = {0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1};
    IOService *device = IOService_withReader("device", NULL, NULL);
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IOInterruptEventSource *source = NULL;
    IOReturn status = kIOReturnNoMemory;

    if (device != NULL && loop != NULL) {
        status = IOService_setProperty(device, "interrupts", cells, sizeof(cells));
    }
    if (status == kIOReturnSuccess) {
        source = IOInterruptEventSource_interruptEventSource(OSObject_upcast(things.memory), NULL,
                                                             device, 0);
        status = source != NULL ? IOWorkLoop_addEventSource(loop, source) : IOMemoryLastError();
    }
    if (status == kIOReturnSuccess) {
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(device);
    return status;
}

static const struct inject_operation operations[] = {
    {"command", made, false, 0},
    {"clone", cloned, false, 0},
    {"prepare in place", in_place, false, 0},
    {"prepare, bounced", bounced, true, 1},
    {"prepare, strict", strict, true, 1},
    {"double buffer", forced, true, 1},
    {"prepare behind a mapper", mapped, true, 0},
    {"prepare behind a mapper, copied", mapped_and_copied, true, 1},
    {"prepare behind a mapper, in pieces", mapped_in_pieces, true, 0},
    {"double buffer behind a mapper", mapped_and_forced, true, 1},
    {"copy buffer", copy_buffer, false, 0},
    {"service", service, false, 0},
    {"work loop", loop_and_sources, false, 0},
    {"interrupt line", line, false, 1}, /* a line that cannot be had is told on the log */
};

int main(void)
{
    return inject_main(operations, sizeof(operations) / sizeof(operations[0]));
}
