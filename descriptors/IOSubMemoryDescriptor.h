/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOSubMemoryDescriptor: a byte window of one descriptor, its parent (contract
 * file 12, section 2). All functions of IOMemoryDescriptor.h apply; the ones named
 * for this class are those, with the type of self fixed.
 */
#ifndef DESCRIPTORS_IOSUBMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOSUBMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryDescriptor.h"

/* The class object. */
extern const OSMetaClass IOSubMemoryDescriptor_metaClass;

/*
 * Bytes [offset, offset + length) of `of`, which is retained. Length 0 is legal up
 * to and including the end. options: a direction; kIOMemoryThreadSafe, which every
 * window has. The tag is the parent's. NULL: kIOReturnBadArgument (no parent,
 * window outside it or wrapping, other options, nested more than 16 deep),
 * kIOReturnNoMemory. Thread context.
 */
IOSubMemoryDescriptor *IOSubMemoryDescriptor_withSubRange(IOMemoryDescriptorRef of,
                                                          IOByteCount offset, IOByteCount length,
                                                          IOOptionBits options);

/*
 * The initialiser; also aims a window at something else, which is refused
 * (kIOReturnBusy) while it is prepared or DMA is active through it.
 */
bool IOSubMemoryDescriptor_initSubRange(IOSubMemoryDescriptor *self, IOMemoryDescriptorRef parent,
                                        IOByteCount offset, IOByteCount length,
                                        IODirection withDirection);

/* The parent's segment, cut to the window. */
addr64_t IOSubMemoryDescriptor_getPhysicalSegment(IOSubMemoryDescriptor *self, IOByteCount offset,
                                                  IOByteCount *length, IOOptionBits options);

/*
 * Prepare and complete the whole parent, counted here: what is left is completed
 * when the window goes. kIODirectionNone is the window's own direction.
 */
IOReturn IOSubMemoryDescriptor_prepare(IOSubMemoryDescriptor *self, IODirection forDirection);
IOReturn IOSubMemoryDescriptor_complete(IOSubMemoryDescriptor *self, IODirection forDirection);

/* A number of its own, new whenever the parent's is; 0 while the parent is not prepared. */
uint64_t IOSubMemoryDescriptor_getPreparationID(IOSubMemoryDescriptor *self);

/* What the last release does: complete what is left, release the parent. */
void IOSubMemoryDescriptor_free(IOSubMemoryDescriptor *self);

#endif
