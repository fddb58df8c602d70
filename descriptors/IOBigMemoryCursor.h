/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOBigMemoryCursor: a cursor whose list is an array of 16-byte entries, address then
 * length, each 64 bits big-endian, whatever the CPU's byte order is.
 */
#ifndef DESCRIPTORS_IOBIGMEMORYCURSOR_H
#define DESCRIPTORS_IOBIGMEMORYCURSOR_H

#include "descriptors/IOMemoryCursor.h"

/* The class object. */
extern const OSMetaClass IOBigMemoryCursor_metaClass;

/* As IOMemoryCursor_initWithSpecification, with outputSegment below. Thread context. */
bool IOBigMemoryCursor_initWithSpecification(IOBigMemoryCursor *self,
                                             IOPhysicalLength maxSegmentSize,
                                             IOPhysicalLength maxTransferSize,
                                             IOPhysicalLength alignment);

/* As IOMemoryCursor_withSpecification. Thread context. */
IOBigMemoryCursor *IOBigMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                       IOPhysicalLength maxTransferSize,
                                                       IOPhysicalLength alignment);

/*
 * IOMemoryCursor_genPhysicalSegments with a typed list. A NULL list gives 0
 * (kIOReturnBadArgument).
 */
UInt32 IOBigMemoryCursor_getPhysicalSegments(IOBigMemoryCursor *self,
                                             IOMemoryDescriptorRef descriptor,
                                             IOByteCount fromPosition, IOPhysicalSegment *segments,
                                             UInt32 maxSegments, UInt32 maxTransferSize,
                                             IOByteCount *transferSize);

/*
 * The segment function: stores one entry at byte 16 * segmentIndex. Any context.
 * `segments` needs no alignment in memory, 8 bytes in device memory; NULL stores
 * nothing.
 */
void IOBigMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments,
                                     UInt32 segmentIndex);

#define bigOutputSegment IOBigMemoryCursor_outputSegment /* its old name */

const OSMetaClass *IOBigMemoryCursor_getMetaClass(const IOBigMemoryCursor *self); /* dynamic */

#endif
