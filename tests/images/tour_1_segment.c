/* SPDX-License-Identifier: BSD-2-Clause */
// QEMU: -machine virtualization=on
/*
 * The tour, first stop: one buffer, one segment. docs/tour.md goes with it.
 *
 * A device that sums memory (vdma, beneath this image at EL2) is told of 8 KiB that lie in a row.
 */
#include <string.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "drivers/vdma/vdma.h"
#include "kernel/console.h"
#include "kernel/exit.h"
#include "kernel/options.h"
#include "qemu/vdma/monitor/monitor.h"
#include "tests/lib/cksum.h"

#define BYTES 8192u

VDMA_MONITOR(8);
PROGRAM("tour_1_segment", "the tour: let vdma sum 8 KiB that are one segment");

int main(void)
{
    /* Contiguous: the pages follow each other, whatever else the machine has memory for. */
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(BYTES, kIODirectionOut, true);
    IOMemoryDescriptor *memory = IOMemoryDescriptor_upcast(buffer);
    struct vdma_job job = {.type = VDMA_CHECKSUM, .source = memory, .length = BYTES};
    struct cksum sum = CKSUM_INIT;
    uint8_t *bytes;
    IOReturn status;

    if (buffer == NULL) {
        return EXIT_STATUS_FAILED;
    }
    bytes = IOBufferMemoryDescriptor_getBytesNoCopy(buffer);
    for (unsigned i = 0; i < BYTES; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    /* From here until complete the pages stay where they are. */
    status = IOMemoryDescriptor_prepare(memory, kIODirectionNone);
    if (status == kIOReturnSuccess) {
        status = vdma_perform(&job);
        IOMemoryDescriptor_complete(memory, kIODirectionNone);
    }
    cksum_update(&sum, bytes, BYTES);
    kprintf("vdma: %s, sum %llu; by the CPU %u\n", IOReturn_name(status),
            (unsigned long long)job.status.value, cksum_final(&sum));
    OSObject_release(buffer);
    return status == kIOReturnSuccess && job.status.value == cksum_final(&sum) ? EXIT_STATUS_PASSED
                                                                               : EXIT_STATUS_FAILED;
}
