/* SPDX-License-Identifier: BSD-2-Clause */
/* The cursor whose entries are in the byte order of the CPU. */
#include "descriptors/IONaturalMemoryCursor.h"

#include "descriptors/cursor/IOMemoryCursor_private.h"

static uint32_t instances;

OS_CLASS(OSMetaClass, IONaturalMemoryCursor);
const OSMetaClass IONaturalMemoryCursor_class = {"IONaturalMemoryCursor", &IOMemoryCursor_metaClass,
                                                 sizeof(IONaturalMemoryCursor), &instances,
                                                 cursor_free};

void IONaturalMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments,
                                         UInt32 segmentIndex)
{
    struct entry {
        uint64_t location, length;
        /* Packed: a device's list may begin at any byte, behind a header for example. */
    } __attribute__((packed)) *entry = segments;

    /* The untyped walk lets a missing list through: then nothing is stored. */
    if (entry != NULL) {
        entry[(uint64_t)segmentIndex].location = segment.location;
        entry[(uint64_t)segmentIndex].length = segment.length;
    }
}

bool IONaturalMemoryCursor_initWithSpecification(IONaturalMemoryCursor *self,
                                                 IOPhysicalLength maxSegmentSize,
                                                 IOPhysicalLength maxTransferSize,
                                                 IOPhysicalLength alignment)
{
    return IOMemoryCursor_initWithSpecification(self, IONaturalMemoryCursor_outputSegment,
                                                maxSegmentSize, maxTransferSize, alignment);
}

IONaturalMemoryCursor *IONaturalMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                               IOPhysicalLength maxTransferSize,
                                                               IOPhysicalLength alignment)
{
    return (IONaturalMemoryCursor *)IOMemoryCursor_make(&IONaturalMemoryCursor_metaClass,
                                                        IONaturalMemoryCursor_outputSegment, NULL,
                                                        maxSegmentSize, maxTransferSize, alignment);
}

UInt32 IONaturalMemoryCursor_getPhysicalSegments(IONaturalMemoryCursor *self,
                                                 IOMemoryDescriptorRef descriptor,
                                                 IOByteCount fromPosition,
                                                 IOPhysicalSegment *segments, UInt32 maxSegments,
                                                 UInt32 maxTransferSize, IOByteCount *transferSize)
{
    return IOMemoryCursor_getTyped((IOMemoryCursor *)self, descriptor, fromPosition, segments,
                                   maxSegments, maxTransferSize, transferSize);
}

const OSMetaClass *IONaturalMemoryCursor_getMetaClass(const IONaturalMemoryCursor *self)
{
    return IOMemoryCursor_getMetaClass(self);
}
