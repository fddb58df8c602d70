/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IONaturalMemoryCursor: a cursor whose list is an array of 16-byte entries, address then
 * length, each 64 bits in the CPU's byte order (little-endian here).
 */
#ifndef DESCRIPTORS_IONATURALMEMORYCURSOR_H
#define DESCRIPTORS_IONATURALMEMORYCURSOR_H

#include "descriptors/IOMemoryCursor.h"

/* The class object. */
extern const OSMetaClass IONaturalMemoryCursor_metaClass;

/* As IOMemoryCursor_initWithSpecification, with outputSegment below. Thread context. */
bool IONaturalMemoryCursor_initWithSpecification(IONaturalMemoryCursor *self,
                                                 IOPhysicalLength maxSegmentSize,
                                                 IOPhysicalLength maxTransferSize,
                                                 IOPhysicalLength alignment);

/* As IOMemoryCursor_withSpecification. Thread context. */
IONaturalMemoryCursor *IONaturalMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                               IOPhysicalLength maxTransferSize,
                                                               IOPhysicalLength alignment);

/*
 * IOMemoryCursor_genPhysicalSegments with a typed list. A NULL list gives 0
 * (kIOReturnBadArgument).
 */
UInt32 IONaturalMemoryCursor_getPhysicalSegments(IONaturalMemoryCursor *self,
                                                 IOMemoryDescriptorRef descriptor,
                                                 IOByteCount fromPosition,
                                                 IOPhysicalSegment *segments, UInt32 maxSegments,
                                                 UInt32 maxTransferSize, IOByteCount *transferSize);

/*
 * The segment function: stores one entry at byte 16 * segmentIndex. Any context.
 * `segments` needs no alignment in memory, 8 bytes in device memory; NULL stores
 * nothing.
 */
void IONaturalMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments,
                                         UInt32 segmentIndex);

#define naturalOutputSegment IONaturalMemoryCursor_outputSegment /* its old name */

const OSMetaClass *IONaturalMemoryCursor_getMetaClass(
    const IONaturalMemoryCursor *self); /* dynamic */

#endif
