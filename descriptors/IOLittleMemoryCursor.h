/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOLittleMemoryCursor: a cursor whose list is an array of 16-byte entries, address then
 * length, each 64 bits little-endian, whatever the CPU's byte order is.
 */
#ifndef DESCRIPTORS_IOLITTLEMEMORYCURSOR_H
#define DESCRIPTORS_IOLITTLEMEMORYCURSOR_H

#include "descriptors/IOMemoryCursor.h"

/* The class object. */
extern const OSMetaClass IOLittleMemoryCursor_metaClass;

/* As IOMemoryCursor_initWithSpecification, with outputSegment below. Thread context. */
bool IOLittleMemoryCursor_initWithSpecification(IOLittleMemoryCursor *self,
                                                IOPhysicalLength maxSegmentSize,
                                                IOPhysicalLength maxTransferSize,
                                                IOPhysicalLength alignment);

/* As IOMemoryCursor_withSpecification. Thread context. */
IOLittleMemoryCursor *IOLittleMemoryCursor_withSpecification(IOPhysicalLength maxSegmentSize,
                                                             IOPhysicalLength maxTransferSize,
                                                             IOPhysicalLength alignment);

/*
 * IOMemoryCursor_genPhysicalSegments with a typed list. A NULL list gives 0
 * (kIOReturnBadArgument).
 */
UInt32 IOLittleMemoryCursor_getPhysicalSegments(IOLittleMemoryCursor *self,
                                                IOMemoryDescriptorRef descriptor,
                                                IOByteCount fromPosition,
                                                IOPhysicalSegment *segments, UInt32 maxSegments,
                                                UInt32 maxTransferSize, IOByteCount *transferSize);

/*
 * The segment function: stores one entry at byte 16 * segmentIndex. Any context.
 * `segments` needs no alignment in memory, 8 bytes in device memory; NULL stores
 * nothing.
 */
void IOLittleMemoryCursor_outputSegment(IOPhysicalSegment segment, void *segments,
                                        UInt32 segmentIndex);

#define littleOutputSegment IOLittleMemoryCursor_outputSegment /* its old name */

const OSMetaClass *IOLittleMemoryCursor_getMetaClass(
    const IOLittleMemoryCursor *self); /* dynamic */

#endif
