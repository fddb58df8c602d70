/* SPDX-License-Identifier: BSD-2-Clause */
/* Describe some memory, and print where a device would find it. */
#include <dmakit/version.h>
#include <stdio.h>

#include "descriptors/IOBufferMemoryDescriptor.h"

int main(void)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(10000, kIODirectionOutIn, false);
    IOByteCount length;

    printf("hello from dmakit %s, half of 3 is %.1f\n", dmakit_version, 3 / 2.0);
    if (buffer == NULL || IOMemoryDescriptor_prepare(buffer, kIODirectionNone) != 0) {
        return 1;
    }
    for (IOByteCount offset = 0; offset < 10000; offset += length) {
        const addr64_t at = IOMemoryDescriptor_getPhysicalSegment(buffer, offset, &length, 0);

        printf("byte %llu: %llu bytes at 0x%llx\n", (unsigned long long)offset,
               (unsigned long long)length, (unsigned long long)at);
    }
    IOMemoryDescriptor_complete(buffer, kIODirectionNone);
    OSObject_release(buffer);
    return 0;
}
