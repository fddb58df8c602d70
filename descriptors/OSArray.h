/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OSArray: objects in the order in which they were put in. It holds a reference to each and
 * releases them when it is freed itself. Calls on one array are serialised by the caller.
 */
#ifndef DESCRIPTORS_OSARRAY_H
#define DESCRIPTORS_OSARRAY_H

#include "descriptors/IOClasses.h"
#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass OSArray_metaClass;

/*
 * An empty array with room for this many members, 0 included; it grows by itself.
 * The caller releases it. NULL: kIOReturnNoMemory. Thread context.
 */
OSArray *OSArray_withCapacity(unsigned capacity);

/*
 * Append an object, which the array retains; the same one may be put in again.
 * False, and nothing changed: kIOReturnBadArgument (no array, no object),
 * kIOReturnNoMemory. Thread context.
 */
bool OSArray_setObject(OSArray *self, OSObjectRef object);

/* The member at an index, borrowed from the array; NULL past the end. Any context. */
OSObject *OSArray_getObject(const OSArray *self, unsigned index);

/* Members now. Any context. */
unsigned OSArray_getCount(const OSArray *self);

#endif
