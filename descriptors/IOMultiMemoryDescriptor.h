/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMultiMemoryDescriptor: descriptors one after another. All functions of
 * IOMemoryDescriptor.h apply; the ones named for this class are those, with the type
 * of self fixed. Finding an offset costs O(log children), a walk costs nothing more
 * per segment for more children.
 */
#ifndef DESCRIPTORS_IOMULTIMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOMULTIMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryMapping.h"

/* The class object. */
extern const OSMetaClass IOMultiMemoryDescriptor_metaClass;

/*
 * The bytes of the descriptors in the order of the array; each is retained, and may
 * stand there more than once. Their lengths are sampled now. Every direction must
 * include withDirection. The tag is the first that is not 0. asReference: the array
 * stays valid and unchanged; nothing depends on it here. NULL: kIOReturnBadArgument
 * (no array, count 0, a NULL entry, a direction that lacks a bit, pageable buffers
 * among others, lengths that wrap, nested more than 16 deep), kIOReturnNoMemory. Thread context.
 */
IOMultiMemoryDescriptor *IOMultiMemoryDescriptor_withDescriptors(IOMemoryDescriptor **descriptors,
                                                                 UInt32 withCount,
                                                                 IODirection withDirection,
                                                                 bool asReference);

/*
 * The initialiser; also replaces the children, which completes outstanding
 * prepares. kIOReturnBusy: DMA is active through it. After another failure the
 * object is empty and fit only for release.
 */
bool IOMultiMemoryDescriptor_initWithDescriptors(IOMultiMemoryDescriptor *self,
                                                 IOMemoryDescriptor **descriptors, UInt32 withCount,
                                                 IODirection withDirection, bool asReference);

/* The segment of the child that holds the offset, cut to that child. */
addr64_t IOMultiMemoryDescriptor_getPhysicalSegment(IOMultiMemoryDescriptor *self,
                                                    IOByteCount offset, IOByteCount *length,
                                                    IOOptionBits options);

/*
 * Prepare every child in order, and complete those again if one fails; complete all
 * of them and answer the last failure. kIODirectionNone is the object's own.
 */
IOReturn IOMultiMemoryDescriptor_prepare(IOMultiMemoryDescriptor *self, IODirection forDirection);
IOReturn IOMultiMemoryDescriptor_complete(IOMultiMemoryDescriptor *self, IODirection forDirection);

/* A number of its own, new whenever a child's is; 0 while a child is not prepared. */
uint64_t IOMultiMemoryDescriptor_getPreparationID(IOMultiMemoryDescriptor *self);

const OSMetaClass *IOMultiMemoryDescriptor_getMetaClass(
    IOMultiMemoryDescriptor *self); /* dynamic */

/*
 * Set the state of every child; the former one of all together is Empty if any was
 * Empty, else Volatile if any was. All or nothing: the first failure.
 */
IOReturn IOMultiMemoryDescriptor_setPurgeable(IOMultiMemoryDescriptor *self, IOOptionBits newState,
                                              IOOptionBits *oldState);

/* Charge every child anew, up to the first failure. */
IOReturn IOMultiMemoryDescriptor_setOwnership(IOMultiMemoryDescriptor *self, task_t newOwner,
                                              int newLedgerTag, IOOptionBits newLedgerOptions);

/* Sums of the children's pages, a page of two children twice; or the first failure. */
IOReturn IOMultiMemoryDescriptor_getPageCounts(IOMultiMemoryDescriptor *self,
                                               IOByteCount *residentPageCount,
                                               IOByteCount *dirtyPageCount);

/*
 * Internal, as in IOMemoryMapping.h: one interval, in which each child's part lies at
 * its place; children are mapped for it as long as the map lives. kIOReturnNotAligned:
 * a part does not begin at the page offset at which it has to land, or would share a
 * page with other memory; kIOReturnUnderrun: a child is shorter by now; or why a child
 * cannot be mapped.
 */
IOReturn IOMultiMemoryDescriptor_doMap(IOMultiMemoryDescriptor *self, vm_map_t addressMap,
                                       IOVirtualAddress *atAddress, IOOptionBits options,
                                       IOByteCount sourceOffset, IOByteCount length);

/* What the last release does: complete what is left, release the children. */
void IOMultiMemoryDescriptor_free(IOMultiMemoryDescriptor *self);

#endif
