/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -machine virtualization=on
/*
 * The tour, third stop: limits, and what they cost. docs/tour.md goes with it.
 *
 * The device takes segments that begin on a multiple of 64, and of 4 KiB at the most. Of 12,000
 * bytes that are to be summed, the first 1,000 begin at an odd address: these the CPU copies to
 * where the device takes them. The other 11,000 lie in a row, and are cut.
 */
#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/vdma/vdma.h"
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/cksum.h"

#define FIRST 1000u
#define REST  11000u

VDMA_MONITOR(8);
PROGRAM("tour_3_limits", "the tour: a device that does not take all memory as it is");

int main(void)
{
    const struct vdma_limits limits = {
        .alignment = 64, .alignment_internal = 64, .segment_max = 4096};
    const uint64_t custom[2] = {VDMA_CUSTOM, 0};
    IOBufferMemoryDescriptor *area =
        IOBufferMemoryDescriptor_withCapacity(20480, kIODirectionOut, true);
    struct vdma_job job = {.type = VDMA_CHECKSUM, .length = FIRST + REST};
    struct cksum sum = CKSUM_INIT;
    uint8_t *bytes;
    IOReturn status;

    if (area == NULL) {
        return EXIT_STATUS_FAILED;
    }
    bytes = IOBufferMemoryDescriptor_getBytesNoCopy(area);
    for (unsigned i = 0; i < 20480; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }

    IOAddressRange ranges[] = {{(IOVirtualAddress)bytes + 77, FIRST},
                               {(IOVirtualAddress)bytes + 8192, REST}};

    /* What the device says of itself is what its driver makes commands with. */
    status = vdma_control(VDMA_SET_LIMITS, custom, &limits, sizeof(limits), NULL, 0, NULL);
    if (status == kIOReturnSuccess) {
        job.source = IOMemoryDescriptor_withAddressRanges(ranges, 2, kIODirectionOut, kernel_task);
        status = job.source == NULL ? IOMemoryLastError()
                                    : IOMemoryDescriptor_prepare(job.source, kIODirectionNone);
    }
    if (status == kIOReturnSuccess) {
        status = vdma_perform(&job);
        IOMemoryDescriptor_complete(job.source, kIODirectionNone);
    }
    cksum_update(&sum, bytes + 77, FIRST);
    cksum_update(&sum, bytes + 8192, REST);
    kprintf("vdma: %s, sum %llu; by the CPU %u\n", IOReturn_name(status),
            (unsigned long long)job.status.value, cksum_final(&sum));
    OSObject_release(job.source);
    OSObject_release(area);
    return status == kIOReturnSuccess && job.status.value == cksum_final(&sum) ? EXIT_STATUS_PASSED
                                                                               : EXIT_STATUS_FAILED;
}
