/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMemoryCursor: one device's scatter/gather limits and the function that writes
 * one entry of that device's list. A cursor keeps no position and no descriptor; it
 * is read-only once made, so any number of contexts may use it at once. It never copies, allocates
 * or maps.
 */
#ifndef DESCRIPTORS_IOMEMORYCURSOR_H
#define DESCRIPTORS_IOMEMORYCURSOR_H

#include "descriptors/IOMemoryDescriptor.h"
#include "descriptors/IOMemoryRow.h"

/* The class object. */
extern const OSMetaClass IOMemoryCursor_metaClass;

/* The documented name of what a segment function is given. */
typedef IOPhysicalSegment IOMemoryCursor_PhysicalSegment;

/*
 * Writes entry `segmentIndex` of the list `segments`. Called with indices 0, 1,
 * 2 ..., each once, with final values and a length of at least 1; so it may write
 * straight into a slot that the device will read. Any context: must not block,
 * allocate, or call the descriptor or the cursor.
 */
typedef void (*IOMemoryCursor_SegmentFunction)(IOPhysicalSegment segment, void *segments,
                                               UInt32 segmentIndex);
typedef IOMemoryCursor_SegmentFunction OutputSegmentFunc; /* its old name */

/*
 * maxSegmentSize: bytes of one entry; maxTransferSize: bytes of all entries of one
 * call; 0 is no limit for either. alignment: every entry's address is a multiple
 * of it; a power of two, 0 means 1. False: kIOReturnBadArgument (no function, an
 * alignment that is no power of two or above maxSegmentSize), kIOReturnNotPermitted
 * (initialised before; unchanged). Thread context.
 */
bool IOMemoryCursor_initWithSpecification(IOMemoryCursorRef self,
                                          IOMemoryCursor_SegmentFunction outSegFunc,
                                          IOPhysicalLength maxSegmentSize,
                                          IOPhysicalLength maxTransferSize,
                                          IOPhysicalLength alignment);

/* A new cursor, or NULL as init says or for kIOReturnNoMemory. Thread context. */
IOMemoryCursor *IOMemoryCursor_withSpecification(IOMemoryCursor_SegmentFunction outSegFunc,
                                                 IOPhysicalLength maxSegmentSize,
                                                 IOPhysicalLength maxTransferSize,
                                                 IOPhysicalLength alignment);

/*
 * Ours: writes all entries of a row at once (IOMemoryRow_each), as the segment function would one
 * after another, and returns how many. The same rules.
 */
typedef UInt32 (*IOMemoryCursor_RowFunction)(struct IOMemoryRow *row, void *segments);

/*
 * Ours: a new cursor that has both. Where memory lies in runs of which none has to be cut the
 * row's is called, once, and not the other; so long lists cost no call an entry. As the maker
 * above, and NULL also without outRowFunc. Thread context.
 */
IOMemoryCursor *IOMemoryCursor_withRowFunction(IOMemoryCursor_SegmentFunction outSegFunc,
                                               IOMemoryCursor_RowFunction outRowFunc,
                                               IOPhysicalLength maxSegmentSize,
                                               IOPhysicalLength maxTransferSize,
                                               IOPhysicalLength alignment);

/*
 * Call the segment function for the descriptor's bytes from `fromPosition` on:
 * bytes at consecutive addresses in as few entries as the limits allow, at most
 * maxSegments of them. maxTransferSize, unless 0, takes the place of the cursor's
 * limit. *transferSize (may be NULL) is the sum of the entries' lengths, also when
 * nothing was produced; the next call continues at fromPosition + *transferSize.
 *
 * Returns the number of entries. 0: kIOReturnBadArgument (no descriptor, no
 * entries allowed), kIOReturnOverrun (fromPosition at or past the end),
 * kIOReturnNotAligned (the first byte is misaligned), or why the descriptor has no
 * segment there (kIOReturnNotReady: not prepared). Memory that ends, or becomes
 * misaligned, later ends the call with what there is. Interrupt handlers too, for
 * prepared or physical memory.
 */
UInt32 IOMemoryCursor_genPhysicalSegments(IOMemoryCursorRef self, IOMemoryDescriptorRef descriptor,
                                          IOByteCount fromPosition, void *segments,
                                          UInt32 maxSegments, UInt32 maxTransferSize,
                                          IOByteCount *transferSize);

const OSMetaClass *IOMemoryCursor_getMetaClass(IOMemoryCursorConstRef self); /* dynamic */

#endif
