/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IORangeAllocator: the free parts of a number range, for I/O virtual addresses, physical windows,
 * channel numbers. It never touches what the numbers stand for.
 *
 * The free parts ("fragments") are an ascending list of closed intervals, never
 * adjacent. First fit from the lowest number, so that a sequence of calls always
 * has the same results, however much room the list has.
 *
 * Without IORangeAllocator_kLocking the caller serialises the calls; with it they
 * may come from thread context and from interrupt handlers alike. The list grows in
 * thread context only: a handler's call that would need that fails with
 * kIOReturnNoMemory.
 */
#ifndef DESCRIPTORS_IORANGEALLOCATOR_H
#define DESCRIPTORS_IORANGEALLOCATOR_H

#include "descriptors/IOClasses.h"
#include "descriptors/IOReturn.h"
#include "descriptors/IOTypes.h"
#include "descriptors/OSObject.h"

/* A number of the range. */
typedef IOByteCount IORangeScalar;

/* Option: calls may come from several contexts. Also known as kLocking. */
#define IORangeAllocator_kLocking 0x1u
#define kLocking                  IORangeAllocator_kLocking

/* The class object. */
extern const OSMetaClass IORangeAllocator_metaClass;

/*
 * An allocator for [0, endOfRange], all of it free; endOfRange 0 = nothing free yet,
 * to be given by deallocate. Sizes are rounded up to defaultAlignment (a power of
 * two; 0 and 1 = none), and a tail of the range that is no multiple of it is left
 * out. capacity: fragments to make room for at first and whenever the list is full
 * (0 = 1). NULL: kIOReturnBadArgument (alignment, unknown option),
 * kIOReturnNoMemory. Thread context.
 */
IORangeAllocator *IORangeAllocator_withRange(IORangeScalar endOfRange,
                                             IORangeScalar defaultAlignment, UInt32 capacity,
                                             IOOptionBits options);

/* As above, for an object that is not initialised yet (else false, kIOReturnNotPermitted). */
bool IORangeAllocator_init(IORangeAllocator *self, IORangeScalar endOfRange,
                           IORangeScalar defaultAlignment, UInt32 capacity, IOOptionBits options);

/* The class's clean-up, run by the last release. Live allocations are no error. */
void IORangeAllocator_free(IORangeAllocator *self);

/*
 * The lowest free interval of `size` numbers (rounded up) whose start is a multiple
 * of `alignment` (0 = the default). False: kIOReturnBadArgument (size 0, result
 * NULL, alignment no power of two), kIOReturnNoSpace, kIOReturnNoMemory (the list
 * cannot grow); nothing changed.
 */
bool IORangeAllocator_allocate(IORangeAllocator *self, IORangeScalar size, IORangeScalar *result,
                               IORangeScalar alignment);

/* Exactly [start, start + rounded size - 1], if all of it is free. Errors as above. */
bool IORangeAllocator_allocateRange(IORangeAllocator *self, IORangeScalar start,
                                    IORangeScalar size);

/*
 * Give numbers to the allocator: back, or for the first time. Refused as a whole,
 * nothing changed: kIOReturnBadArgument (size 0, past 2^64, overlap with what is
 * free, which is also logged), kIOReturnNoMemory. Returning whole allocations never
 * needs memory: the room for it was reserved when they were made. Parts of an
 * allocation may come back one by one; that can need memory.
 */
IOReturn IORangeAllocator_deallocate(IORangeAllocator *self, IORangeScalar start,
                                     IORangeScalar size);

/* Free fragments. Any context. */
UInt32 IORangeAllocator_getFragmentCount(const IORangeAllocator *self);

/* Room in the list, for free fragments and live allocations together; at least 1. Any context. */
UInt32 IORangeAllocator_getFragmentCapacity(const IORangeAllocator *self);

/* Growth step of the list from now on; 0 = it does not grow any more. */
void IORangeAllocator_setFragmentCapacityIncrement(IORangeAllocator *self, UInt32 count);

/* Numbers that are free; 2^64 - 1 stands for the full 64-bit range as well. Any context. */
IORangeScalar IORangeAllocator_getFreeCount(const IORangeAllocator *self);

/* A free fragment by its place in ascending order; false past the end. Any context. */
bool IORangeAllocator_getFragment(const IORangeAllocator *self, UInt32 index, IORangeScalar *start,
                                  IORangeScalar *end);

/* There is no serialiser in this library: false (kIOReturnUnsupported). */
bool IORangeAllocator_serialize(const IORangeAllocator *self, OSSerialize *serializer);

/* The dynamic class. Any context. */
const OSMetaClass *IORangeAllocator_getMetaClass(const IORangeAllocator *self);

#endif
