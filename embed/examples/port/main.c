/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device would be told about a buffer of this process, over port.c. */
#include <stdio.h>

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IONaturalMemoryCursor.h"

int main(void)
{
    IOBufferMemoryDescriptor *buffer =
        IOBufferMemoryDescriptor_withCapacity(10000, kIODirectionOut, false);
    IONaturalMemoryCursor *cursor = IONaturalMemoryCursor_withSpecification(4096, 0, 1);
    IOPhysicalSegment segments[8];
    IOByteCount size;
    UInt32 count;

    if (IOMemoryDescriptor_prepare(buffer, kIODirectionNone) != kIOReturnSuccess) {
        return 1;
    }
    count = IONaturalMemoryCursor_getPhysicalSegments(cursor, buffer, 0, segments, 8, 0, &size);
    for (UInt32 i = 0; i < count; i++) {
        printf("%llu bytes at 0x%llx\n", (unsigned long long)segments[i].length,
               (unsigned long long)segments[i].location);
    }
    IOMemoryDescriptor_complete(buffer, kIODirectionNone);
    OSObject_release(cursor);
    OSObject_release(buffer);
    return count == 3 && size == 10000 ? 0 : 1;
}
