/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -device edu,addr=5
/*
 * The tour, fourth stop: an IOMMU. docs/tour.md goes with it. On a machine with an SMMU
 * (MACHINE=smmu).
 *
 * QEMU's edu device has 28 bits of address, and memory begins at 2^30: it reaches none of it.
 * With an SMMU in front it is told of I/O addresses instead, at which the pages of the
 * descriptor follow each other, wherever they are; and there is nothing else there.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/edu/edu.h"
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/options.h"

#define BYTES 4000u

PROGRAM("tour_4_iommu", "the tour: through an SMMU into a device of 28 address bits, and back");

/* Into the device, or out of it: kIODirectionOut, kIODirectionIn. */
static IOReturn move(IODMAEventSource *source, struct edu *device, IOMemoryDescriptor *memory,
                     IODirection direction)
{
    struct edu_transfer transfer;
    IODMACommand *command = edu_create_command(device, NULL, kMapped, &transfer);
    IOWorkLoop *loop = IOEventSource_getWorkLoop(source);
    IOReturn status = command == NULL ? IOMemoryLastError() : kIOReturnSuccess;

    if (status == kIOReturnSuccess) {
        /* Prepares the command as well, which maps the memory for the device. */
        status = IODMACommand_setMemoryDescriptor(command, memory, true);
    }
    if (status == kIOReturnSuccess) {
        transfer.position = 0;
        IOWorkLoop_closeGate(loop);
        /* A source without a completion function: this sleeps until the device is done. */
        status = IODMAEventSource_startDMACommand(source, command, direction, 0, 0);
        IOWorkLoop_openGate(loop);
        IODMACommand_clearMemoryDescriptor(command, true);
    }
    OSObject_release(command);
    return status;
}

/* There, and back to other memory. */
static int run(struct edu *device, IODMAEventSource *source)
{
    IOBufferMemoryDescriptor *area =
        IOBufferMemoryDescriptor_withCapacity(16384, kIODirectionOut, true);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(BYTES, kIODirectionIn, true);
    IOMemoryDescriptor *target = IOMemoryDescriptor_upcast(buffer), *memory;
    uint8_t *from = IOBufferMemoryDescriptor_getBytesNoCopy(area);
    uint8_t *to = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    IOAddressRange ranges[] = {
        {(IOVirtualAddress)from + 2 * 4096 + 0x800, 2048}, /* to the end of its page ... */
        {(IOVirtualAddress)from, 1952},                    /* ... and from the start of another */
    };
    IOReturn there, back;
    bool good = true;

    for (unsigned i = 0; i < 16384; i++) {
        from[i] = (uint8_t)(i * 7 + i / 256);
    }
    memory = IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOut, kernel_task);
    there = IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    if (there == kIOReturnSuccess) {
        there = move(source, device, memory, kIODirectionOut);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
    }
    back = move(source, device, target, kIODirectionIn);
    for (unsigned i = 0; i < BYTES; i++) {
        good &= to[i] == (i < 2048 ? from[2 * 4096 + 0x800 + i] : from[i - 2048]);
    }
    kprintf("edu: there %s, back %s; %s\n", IOReturn_name(there), IOReturn_name(back),
            good ? "all bytes right" : "WRONG BYTES");
    OSObject_release(memory);
    OSObject_release(buffer);
    OSObject_release(area);
    return there == kIOReturnSuccess && back == kIOReturnSuccess && good ? EXIT_STATUS_PASSED
                                                                         : EXIT_STATUS_FAILED;
}

int main(void)
{
    struct edu *device = edu_get(0);
    OSArray *owner = OSArray_withCapacity(1);
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IODMAEventSource *source;
    int status = EXIT_STATUS_FAILED;

    if (device == NULL) {
        kprintf("there is no edu device: -device edu\n");
        return EXIT_STATUS_FAILED;
    }
    source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), edu_get_service(device), NULL,
                                             NULL, 0);
    if (source != NULL && IOWorkLoop_addEventSource(loop, source) == kIOReturnSuccess) {
        status = run(device, source);
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
    return status;
}
