/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -machine virtualization=on
/*
 * The tour, second stop: scatter. docs/tour.md goes with it.
 *
 * Four ranges in the wrong order, two of them cut out of a page, are one descriptor; to the CPU
 * that reads them it is 13,000 bytes in a row, to the device four segments. Two ranges that
 * continue each other would be one. The target lies in a row.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/vdma/vdma.h"
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "qemu/vdma/monitor/monitor.h"

#define PAGES 8u
#define BYTES 13000u

VDMA_MONITOR(8);
PROGRAM("tour_2_scatter", "the tour: let vdma copy from four places into one");

int main(void)
{
    IOBufferMemoryDescriptor *area =
        IOBufferMemoryDescriptor_withCapacity(PAGES * 4096, kIODirectionOut, true);
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(BYTES, kIODirectionIn, true);
    IOMemoryDescriptor *target = IOMemoryDescriptor_upcast(buffer), *source;
    struct vdma_job job = {.type = VDMA_COPY, .target = target, .length = BYTES};
    uint8_t *from, *to;
    IOReturn status;
    bool good = true;

    if (area == NULL || buffer == NULL) {
        return EXIT_STATUS_FAILED;
    }
    from = IOBufferMemoryDescriptor_getBytesNoCopy(area);
    to = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);

    IOAddressRange ranges[] = {
        {(IOVirtualAddress)from + 6 * 4096, 4096},
        {(IOVirtualAddress)from + 2 * 4096 + 0x123, 1000},
        {(IOVirtualAddress)from + 4 * 4096, 6000}, /* over the end of a page, into the next */
        {(IOVirtualAddress)from + 100, 1904},
    };

    for (unsigned i = 0; i < PAGES * 4096; i++) {
        from[i] = (uint8_t)(i * 7 + i / 256);
    }
    source = IOMemoryDescriptor_withAddressRanges(ranges, 4, kIODirectionOut, kernel_task);
    job.source = source;
    status = source == NULL ? IOMemoryLastError() : kIOReturnSuccess;
    if (status == kIOReturnSuccess &&
        (status = IOMemoryDescriptor_prepare(source, kIODirectionNone)) == kIOReturnSuccess) {
        status = IOMemoryDescriptor_prepare(target, kIODirectionNone);
        if (status == kIOReturnSuccess) {
            status = vdma_perform(&job);
            IOMemoryDescriptor_complete(target, kIODirectionNone);
        }
        IOMemoryDescriptor_complete(source, kIODirectionNone);
    }
    for (unsigned i = 0, range = 0, at = 0; i < BYTES; i++) {
        good &= to[i] == ((const uint8_t *)ranges[range].address)[at];
        if (++at == ranges[range].length) {
            range++, at = 0;
        }
    }
    kprintf("vdma: %s, %llu bytes; %s\n", IOReturn_name(status), (unsigned long long)job.moved,
            good ? "all of them right" : "WRONG BYTES");
    OSObject_release(source);
    OSObject_release(buffer);
    OSObject_release(area);
    return status == kIOReturnSuccess && good ? EXIT_STATUS_PASSED : EXIT_STATUS_FAILED;
}
