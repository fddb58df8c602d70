/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -machine virtualization=on
/*
 * The tour, last stop: a wrong program, and its report. docs/tour.md goes with it.
 *
 * The device takes addresses that are a multiple of 4096 only. This program makes its command with
 * options of its own, which say nothing of that, and has it read from an odd address. Memory would
 * have been read all the same on most machines; vdma refuses, and says which rule is broken, and
 * where.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMAEventSource.h"
#include "descriptors/OSArray.h"
#include "drivers/vdma/vdma.h"
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "qemu/vdma/monitor/monitor.h"

#define BYTES 5000u

VDMA_MONITOR(8);
PROGRAM("tour_5_wrong", "the tour: a program that forgets a limit, and what the device says of it");

static IOReturn sum(IODMAEventSource *source, IOMemoryDescriptor *memory,
                    struct vdma_transfer *transfer)
{
    /* Wrong: fAlignment is 1. With NULL instead, these would be the device's own. */
    const IODMACommand_SegmentOptions options = {.fStructSize = sizeof(options),
                                                 .fNumAddressBits = 64};
    IODMACommand *command = vdma_create_command(&options, kMapped, transfer);
    IOWorkLoop *loop = IOEventSource_getWorkLoop(source);
    IOReturn status = command == NULL ? IOMemoryLastError() : kIOReturnSuccess;

    if (status == kIOReturnSuccess) {
        status = IODMACommand_setMemoryDescriptor(command, memory, true);
    }
    if (status == kIOReturnSuccess) {
        transfer->type = VDMA_CHECKSUM;
        IOWorkLoop_closeGate(loop);
        status = IODMAEventSource_startDMACommand(source, command, kIODirectionOut, 0, 0);
        IOWorkLoop_openGate(loop);
        IODMACommand_clearMemoryDescriptor(command, true);
    }
    OSObject_release(command);
    return status;
}

/* The refusal that is expected, and no other. */
static int run(IODMAEventSource *source)
{
    IOBufferMemoryDescriptor *area =
        IOBufferMemoryDescriptor_withCapacity(8192, kIODirectionOut, true);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_withAddressRange(
        (IOVirtualAddress)IOBufferMemoryDescriptor_getBytesNoCopy(area) + 77, BYTES,
        kIODirectionOut, kernel_task);
    struct vdma_transfer transfer = {0};
    IOReturn status = IOMemoryDescriptor_prepare(memory, kIODirectionNone);

    if (status == kIOReturnSuccess) {
        status = sum(source, memory, &transfer);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
    }
    kprintf("vdma: %s: rule R%02u, segment %u, value 0x%llx\n", IOReturn_name(status),
            transfer.status.rule, transfer.status.segment,
            (unsigned long long)transfer.status.value);
    OSObject_release(memory);
    OSObject_release(area);
    return status == kIOReturnNotAligned && transfer.status.rule == 5 ? EXIT_STATUS_PASSED
                                                                      : EXIT_STATUS_FAILED;
}

int main(void)
{
    const struct vdma_limits limits = {.alignment = 4096};
    const uint64_t custom[2] = {VDMA_CUSTOM, 0};
    OSArray *owner = OSArray_withCapacity(1);
    IOWorkLoop *loop = IOWorkLoop_workLoop();
    IODMAEventSource *source = NULL;
    int status = EXIT_STATUS_FAILED;

    if (vdma_control(VDMA_SET_LIMITS, custom, &limits, sizeof(limits), NULL, 0, NULL) ==
        kIOReturnSuccess) {
        source = IODMAEventSource_dmaEventSource(OSObject_upcast(owner), vdma_get_service(), NULL,
                                                 NULL, 0);
    }
    if (source != NULL && IOWorkLoop_addEventSource(loop, source) == kIOReturnSuccess) {
        status = run(source);
        IOWorkLoop_removeEventSource(loop, source);
    }
    OSObject_release(source);
    OSObject_release(loop);
    OSObject_release(owner);
    return status;
}
