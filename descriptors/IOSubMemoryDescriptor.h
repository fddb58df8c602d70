/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOSubMemoryDescriptor: a byte window of one descriptor, its parent. All functions of
 * IOMemoryDescriptor.h apply; the ones named for this class are those, with the type of self fixed.
 */
#ifndef DESCRIPTORS_IOSUBMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOSUBMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryMapping.h"

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

/* These act on the whole parent, and count all of its pages. */
IOReturn IOSubMemoryDescriptor_setPurgeable(IOSubMemoryDescriptor *self, IOOptionBits newState,
                                            IOOptionBits *oldState);
IOReturn IOSubMemoryDescriptor_setOwnership(IOSubMemoryDescriptor *self, task_t newOwner,
                                            int newLedgerTag, IOOptionBits newLedgerOptions);
IOReturn IOSubMemoryDescriptor_getPageCounts(IOSubMemoryDescriptor *self,
                                             IOByteCount *residentPageCount,
                                             IOByteCount *dirtyPageCount);

/*
 * Internal, as in IOMemoryMapping.h. Bytes outside the window cannot be mapped
 * (kIOReturnBadArgument). A map made through it is the parent's: its set, its
 * getMemoryDescriptor, its offsets; it is shared with compatible ones of the parent. A
 * redirection concerns the parent too.
 */
IOMemoryMap *IOSubMemoryDescriptor_makeMapping(IOSubMemoryDescriptor *self,
                                               IOMemoryDescriptorRef owner, task_t intoTask,
                                               IOVirtualAddress atAddress, IOOptionBits options,
                                               IOByteCount offset, IOByteCount length);
IOReturn IOSubMemoryDescriptor_redirect(IOSubMemoryDescriptor *self, task_t safeTask,
                                        bool doRedirect);

/* What the last release does: complete what is left, release the parent. */
void IOSubMemoryDescriptor_free(IOSubMemoryDescriptor *self);

#endif
