/* SPDX-License-Identifier: BSD-2-Clause */
/* The cursor whose entries are little-endian. */
#include "descriptors/IOLittleMemoryCursor.h"

#include "descriptors/cursor/IOMemoryCursor_private.h"

static uint32_t instances;

OS_CLASS(OSMetaClass, IOLittleMemoryCursor);
const OSMetaClass IOLittleMemoryCursor_class = {"IOLittleMemoryCursor", &IOMemoryCursor_metaClass,
                                                sizeof(IOLittleMemoryCursor), &instances,
                                                cursor_free};

static uint64_t little_endian(uint64_t value)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(value) : value;
}

void IOLittleMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments,
                                        UInt32 segmentIndex)
{
    struct entry {
        uint64_t location, length;
        /* Packed: a device's list may begin at any byte, behind a header for example. */
    } __attribute__((packed)) *entry = segments;

    /* The untyped walk lets a missing list through: then nothing is stored. */
    if (entry != NULL) {
        entry[(uint64_t)segmentIndex].location = little_endian(segment.location);
        entry[(uint64_t)segmentIndex].length = little_endian(segment.length);
    }
}

bool IOLittleMemoryCursor_initWithSpecification(IOLittleMemoryCursor *self,
                                                IOPhysicalLength maxSegmentSize,
                                                IOPhysicalLength maxTransferSize,
                                                IOPhysicalLength alignment)
{
    return IOMemoryCursor_initWithSpecification(self, IOLittleMemoryCursor_outputSegment,
                                                maxSegmentSize, maxTransferSize, alignment);
}

IOLittleMemoryCursor *IOLittleMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                             IOPhysicalLength maxTransferSize,
                                                             IOPhysicalLength alignment)
{
    return (IOLittleMemoryCursor *)IOMemoryCursor_make(&IOLittleMemoryCursor_metaClass,
                                                       IOLittleMemoryCursor_outputSegment, NULL,
                                                       maxSegmentSize, maxTransferSize, alignment);
}

UInt32 IOLittleMemoryCursor_getPhysicalSegments(IOLittleMemoryCursor *self,
                                                IOMemoryDescriptorRef descriptor,
                                                IOByteCount fromPosition,
                                                IOPhysicalSegment *segments, UInt32 maxSegments,
                                                UInt32 maxTransferSize, IOByteCount *transferSize)
{
    return IOMemoryCursor_getTyped((IOMemoryCursor *)self, descriptor, fromPosition, segments,
                                   maxSegments, maxTransferSize, transferSize);
}

const OSMetaClass *IOLittleMemoryCursor_getMetaClass(const IOLittleMemoryCursor *self)
{
    return IOMemoryCursor_getMetaClass(self);
}
