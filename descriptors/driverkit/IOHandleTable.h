/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles of one task: numbers that stand for objects. A slot holds one reference to its object
 * and counts the driver's; an object is in one slot at most. The table knows nothing of tasks and
 * messages, and its lock is all that guards it.
 */
#ifndef DESCRIPTORS_DRIVERKIT_IOHANDLETABLE_H
#define DESCRIPTORS_DRIVERKIT_IOHANDLETABLE_H

#include "descriptors/OSObject_class.h"
#include "descriptors/platform.h"

#define IOHANDLES_MOST (1u << 20) /* slots that a table may have */

struct IOHandleSlot {
    OSObject *object;    /* retained; NULL: free */
    uint32_t generation; /* of the object here now, or of the last one */
    uint32_t count;      /* the driver's references */
    uint32_t next;       /* index + 1 of the next one in its bucket, or in the free list */
};

struct IOHandleTable {
    struct platform_lock lock;
    struct IOHandleSlot *slots;
    uint32_t *buckets; /* by object: index + 1 of the first slot; as many as slots */
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t fresh;    /* slots from here on were never used */
    uint32_t vacant;   /* index + 1 of the first free one before that */
    uint32_t used;
};

/*
 * A handle for an object; the caller's reference goes into it, or is dropped if it is there
 * already, where one more is counted. `most` handles at a time. kIOReturnNoResources: there are,
 * or it was retained 2^32 times; kIOReturnNoMemory. The reference stays the caller's then.
 */
IOReturn IOHandleTable_add(struct IOHandleTable *table, OSObject *object, uint32_t most,
                           uint64_t *handle);

/* The object, +1; NULL: the handle is closed, or never was. */
OSObject *IOHandleTable_copy(struct IOHandleTable *table, uint64_t handle);

/* kIOReturnBadArgument: no handle; kIOReturnNoResources: as often as it can be counted. */
IOReturn IOHandleTable_retain(struct IOHandleTable *table, uint64_t handle);

/*
 * Drop one reference of the driver's. *object: NULL, or after the last one the object with the
 * slot's reference, which becomes the caller's. kIOReturnBadArgument: no handle.
 */
IOReturn IOHandleTable_release(struct IOHandleTable *table, uint64_t handle, OSObject **object);

/*
 * Close a slot whose object is of this class (NULL: of any), looking from *from on, which moves:
 * the object, with the slot's reference; NULL: there is none any more.
 */
OSObject *IOHandleTable_takeNext(struct IOHandleTable *table, const OSMetaClass *meta,
                                 uint32_t *from);

/* Give back the table's memory; it holds nothing. */
void IOHandleTable_free(struct IOHandleTable *table);

#endif
