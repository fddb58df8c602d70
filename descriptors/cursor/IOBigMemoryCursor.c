/* SPDX-License-Identifier: BSD-2-Clause */
/* The cursor whose entries are big-endian. */
#include "descriptors/IOBigMemoryCursor.h"

#include "descriptors/cursor/IOMemoryCursor_private.h"

static uint32_t instances;

OS_CLASS(OSMetaClass, IOBigMemoryCursor);
const OSMetaClass IOBigMemoryCursor_class = {"IOBigMemoryCursor", &IOMemoryCursor_metaClass,
                                             sizeof(IOBigMemoryCursor), &instances, cursor_free};

static uint64_t big_endian(uint64_t value)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(value) : value;
}

void IOBigMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments, UInt32 segmentIndex)
{
    struct entry {
        uint64_t location, length;
        /* Packed: a device's list may begin at any byte, behind a header for example. */
    } __attribute__((packed)) *entry = segments;

    /* The untyped walk lets a missing list through: then nothing is stored. */
    if (entry != NULL) {
        entry[(uint64_t)segmentIndex].location = big_endian(segment.location);
        entry[(uint64_t)segmentIndex].length = big_endian(segment.length);
    }
}

bool IOBigMemoryCursor_initWithSpecification(IOBigMemoryCursor *self,
                                             IOPhysicalLength maxSegmentSize,
                                             IOPhysicalLength maxTransferSize,
                                             IOPhysicalLength alignment)
{
    return IOMemoryCursor_initWithSpecification(self, IOBigMemoryCursor_outputSegment,
                                                maxSegmentSize, maxTransferSize, alignment);
}

IOBigMemoryCursor *IOBigMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                       IOPhysicalLength maxTransferSize,
                                                       IOPhysicalLength alignment)
{
    return (IOBigMemoryCursor *)IOMemoryCursor_make(&IOBigMemoryCursor_metaClass,
                                                    IOBigMemoryCursor_outputSegment, NULL,
                                                    maxSegmentSize, maxTransferSize, alignment);
}

UInt32 IOBigMemoryCursor_getPhysicalSegments(IOBigMemoryCursor *self,
                                             IOMemoryDescriptorRef descriptor,
                                             IOByteCount fromPosition, IOPhysicalSegment *segments,
                                             UInt32 maxSegments, UInt32 maxTransferSize,
                                             IOByteCount *transferSize)
{
    return IOMemoryCursor_getTyped((IOMemoryCursor *)self, descriptor, fromPosition, segments,
                                   maxSegments, maxTransferSize, transferSize);
}

const OSMetaClass *IOBigMemoryCursor_getMetaClass(const IOBigMemoryCursor *self)
{
    return IOMemoryCursor_getMetaClass(self);
}
