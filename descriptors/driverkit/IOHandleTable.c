/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles: slots with generations, and the way from an object to its slot. */
#include "descriptors/driverkit/IOHandleTable.h"

#include <string.h>

#define CAPACITY_FIRST 32

/* Where numbers of slots begin; below are the classes' (kIORPCHandle...), of generation 0. */
#define GENERATION_SHIFT 32

static uint64_t handle_of(const struct IOHandleTable *table, uint32_t index)
{
    return (uint64_t)table->slots[index].generation << GENERATION_SHIFT | (index + 1);
}

/* The slot of a handle that is open; NULL: it is none. */
static struct IOHandleSlot *find(const struct IOHandleTable *table, uint64_t handle)
{
    const uint32_t index = (uint32_t)handle - 1; /* of number 0 there can be none */
    struct IOHandleSlot *slot;

    if (index >= table->fresh) {
        return NULL;
    }
    slot = &table->slots[index];
    return slot->object != NULL && slot->generation == handle >> GENERATION_SHIFT ? slot : NULL;
}

static uint32_t *bucket_of(const struct IOHandleTable *table, const OSObject *object)
{
    /* Objects lie on multiples of 16; the golden ratio spreads what is left. */
    const uint64_t hash = ((uint64_t)(uintptr_t)object >> 4) * 0x9e3779b97f4a7c15ull;

    return &table->buckets[(hash >> 32) & (table->capacity - 1)];
}

static void enter(struct IOHandleTable *table, uint32_t index)
{
    uint32_t *const bucket = bucket_of(table, table->slots[index].object);

    table->slots[index].next = *bucket;
    *bucket = index + 1;
}

static void leave(struct IOHandleTable *table, uint32_t index)
{
    uint32_t *link = bucket_of(table, table->slots[index].object);

    while (*link != index + 1) {
        link = &table->slots[*link - 1].next;
    }
    *link = table->slots[index].next;
}

/* Twice the slots, and the objects spread anew. Nothing changes without memory. */
static IOReturn grow(struct IOHandleTable *table)
{
    const uint32_t capacity = table->capacity == 0 ? CAPACITY_FIRST : table->capacity * 2;
    struct IOHandleSlot *slots = platform_alloc(capacity * sizeof(*slots));
    uint32_t *buckets = platform_alloc(capacity * sizeof(*buckets));

    if (slots == NULL || buckets == NULL) {
        platform_free(slots);
        platform_free(buckets);
        return kIOReturnNoMemory;
    }
    if (table->capacity != 0) {
        memcpy(slots, table->slots, table->capacity * sizeof(*slots));
    }
    platform_free(table->slots);
    platform_free(table->buckets);
    table->slots = slots;
    table->buckets = buckets;
    table->capacity = capacity;
    /* Of those that are free the links are the free list's, which stays as it is. */
    for (uint32_t i = 0; i < table->fresh; i++) {
        if (slots[i].object != NULL) {
            enter(table, i);
        }
    }
    return kIOReturnSuccess;
}

/* The index of a free slot. */
static IOReturn take_slot(struct IOHandleTable *table, uint32_t *index)
{
    if (table->vacant != 0) {
        *index = table->vacant - 1;
        table->vacant = table->slots[*index].next;
        return kIOReturnSuccess;
    }
    if (table->fresh == table->capacity) {
        const IOReturn status =
            table->capacity < IOHANDLES_MOST ? grow(table) : kIOReturnNoResources;

        if (status != kIOReturnSuccess) {
            return status;
        }
    }
    *index = table->fresh++;
    return kIOReturnSuccess;
}

static IOReturn add(struct IOHandleTable *table, OSObject *object, uint32_t most, uint32_t *index)
{
    IOReturn status;

    if (table->used >= most) {
        return kIOReturnNoResources;
    }
    status = take_slot(table, index);
    if (status == kIOReturnSuccess) {
        struct IOHandleSlot *const slot = &table->slots[*index];

        slot->object = object;
        slot->generation++; /* a slot whose numbers are used up is never free again */
        slot->count = 1;
        enter(table, *index);
        table->used++;
    }
    return status;
}

static struct IOHandleSlot *slot_of(const struct IOHandleTable *table, const OSObject *object,
                                    uint32_t *index)
{
    uint32_t number = table->capacity != 0 ? *bucket_of(table, object) : 0;

    while (number != 0 && table->slots[number - 1].object != object) {
        number = table->slots[number - 1].next;
    }
    *index = number - 1;
    return number != 0 ? &table->slots[number - 1] : NULL;
}

IOReturn IOHandleTable_add(struct IOHandleTable *table, OSObject *object, uint32_t most,
                           uint64_t *handle)
{
    IOReturn status = kIOReturnSuccess;
    struct IOHandleSlot *slot;
    uint32_t index;

    platform_lock(&table->lock);
    slot = slot_of(table, object, &index);
    if (slot == NULL) {
        status = add(table, object, most, &index);
    } else if (slot->count == UINT32_MAX) {
        status = kIOReturnNoResources;
    } else {
        slot->count++;
    }
    if (status == kIOReturnSuccess) {
        *handle = handle_of(table, index);
    }
    platform_unlock(&table->lock);
    if (status == kIOReturnSuccess && slot != NULL) {
        OSObject_release(object); /* the slot has one; never the last */
    }
    return status;
}

OSObject *IOHandleTable_copy(struct IOHandleTable *table, uint64_t handle)
{
    OSObject *object = NULL;
    const struct IOHandleSlot *slot;

    platform_lock(&table->lock);
    slot = find(table, handle);
    if (slot != NULL) {
        object = slot->object;
        OSObject_retain(object); /* before the lock goes: whoever closes it has to wait */
    }
    platform_unlock(&table->lock);
    return object;
}

IOReturn IOHandleTable_retain(struct IOHandleTable *table, uint64_t handle)
{
    IOReturn status = kIOReturnSuccess;
    struct IOHandleSlot *slot;

    platform_lock(&table->lock);
    slot = find(table, handle);
    if (slot == NULL) {
        status = kIOReturnBadArgument;
    } else if (slot->count == UINT32_MAX) {
        status = kIOReturnNoResources;
    } else {
        slot->count++;
    }
    platform_unlock(&table->lock);
    return status;
}

static OSObject *close_slot(struct IOHandleTable *table, uint32_t index)
{
    struct IOHandleSlot *const slot = &table->slots[index];
    OSObject *const object = slot->object;

    leave(table, index);
    slot->object = NULL;
    table->used--;
    /* The next generation would be one that stale handles have. */
    if (slot->generation != UINT32_MAX) {
        slot->next = table->vacant;
        table->vacant = index + 1;
    }
    return object;
}

IOReturn IOHandleTable_release(struct IOHandleTable *table, uint64_t handle, OSObject **object)
{
    struct IOHandleSlot *slot;

    *object = NULL;
    platform_lock(&table->lock);
    slot = find(table, handle);
    if (slot != NULL && --slot->count == 0) {
        *object = close_slot(table, (uint32_t)(slot - table->slots));
    }
    platform_unlock(&table->lock);
    return slot != NULL ? kIOReturnSuccess : kIOReturnBadArgument;
}

OSObject *IOHandleTable_takeNext(struct IOHandleTable *table, const OSMetaClass *meta,
                                 uint32_t *from)
{
    OSObject *object = NULL;

    platform_lock(&table->lock);
    while (object == NULL && *from < table->fresh) {
        const uint32_t index = (*from)++;

        object = table->slots[index].object;
        if (object != NULL &&
            (meta == NULL || OSMetaClassBase_safeMetaCast(object, meta) != NULL)) {
            close_slot(table, index);
        } else {
            object = NULL;
        }
    }
    platform_unlock(&table->lock);
    return object;
}

void IOHandleTable_free(struct IOHandleTable *table)
{
    platform_free(table->slots);
    platform_free(table->buckets);
    table->slots = NULL;
    table->buckets = NULL;
    table->capacity = table->fresh = table->vacant = 0;
}
