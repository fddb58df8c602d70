/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOInterleavedMemoryDescriptor: windows of descriptors one after another, added
 * step by step. All functions of IOMemoryDescriptor.h apply; the ones named for this class are
 * those, with the type of self fixed. Finding an offset costs O(log windows). It is mapped, purged,
 * charged and counted like an IOMultiMemoryDescriptor of the windows' descriptors.
 *
 * Calls that change the list are serialised by the caller.
 */
#ifndef DESCRIPTORS_IOINTERLEAVEDMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOINTERLEAVEDMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOInterleavedMemoryDescriptor_metaClass;

/*
 * No bytes yet, room for `capacity` windows. NULL: kIOReturnBadArgument (capacity 0,
 * options besides a direction), kIOReturnNoMemory. Thread context.
 */
IOInterleavedMemoryDescriptor *IOInterleavedMemoryDescriptor_withCapacity(IOByteCount capacity,
                                                                          IODirection direction);

/*
 * The initialiser; also begins anew, which completes outstanding prepares and
 * releases the windows. kIOReturnBusy: DMA is active through it. After another
 * failure the object is empty and fit only for release.
 */
bool IOInterleavedMemoryDescriptor_initWithCapacity(IOInterleavedMemoryDescriptor *self,
                                                    IOByteCount capacity, IODirection direction);

/*
 * Append bytes [offset, offset + length) of a descriptor, which is retained; none are
 * a window too. Its direction must include this one's. The tag is the first that is
 * not 0. False: kIOReturnNoSpace (full), kIOReturnBusy (prepared, or DMA is active),
 * kIOReturnBadArgument (no descriptor, outside it or wrapping, a direction that lacks
 * a bit, a length that wraps, nested more than 16 deep). Thread context.
 */
bool IOInterleavedMemoryDescriptor_setMemoryDescriptor(IOInterleavedMemoryDescriptor *self,
                                                       IOMemoryDescriptorRef descriptor,
                                                       IOByteCount offset, IOByteCount length);

/*
 * Complete the windows as often as they are prepared, release them, and be empty,
 * with tag 0; a direction other than kIODirectionNone is the new one. Maps made from
 * it stay. No effect but a last error: kIOReturnBusy (DMA is active),
 * kIOReturnBadArgument (options besides a direction). Thread context.
 */
void IOInterleavedMemoryDescriptor_clearMemoryDescriptors(IOInterleavedMemoryDescriptor *self,
                                                          IODirection direction);

/* The segment of the window that holds the offset, cut to that window. */
addr64_t IOInterleavedMemoryDescriptor_getPhysicalSegment(IOInterleavedMemoryDescriptor *self,
                                                          IOByteCount offset, IOByteCount *length,
                                                          IOOptionBits options);

/*
 * Prepare the descriptor of every window in order, and complete those again if one
 * fails; complete all of them and answer the last failure. kIODirectionNone is the
 * object's own.
 */
IOReturn IOInterleavedMemoryDescriptor_prepare(IOInterleavedMemoryDescriptor *self,
                                               IODirection forDirection);
IOReturn IOInterleavedMemoryDescriptor_complete(IOInterleavedMemoryDescriptor *self,
                                                IODirection forDirection);

/* What the last release does: complete what is left, release the windows. */
void IOInterleavedMemoryDescriptor_free(IOInterleavedMemoryDescriptor *self);

#endif
