/* SPDX-License-Identifier: BSD-2-Clause */
/* A growing array of retained objects. */
#include "descriptors/OSArray.h"

#include <string.h>

#include "descriptors/OSObject_class.h"
#include "descriptors/platform.h"

#define FIRST_CAPACITY 4 /* of an array that was made with none */

struct OSArray {
    OSObject super;
    OSObject **members; /* NULL while the capacity is 0 */
    unsigned count;
    unsigned capacity;
};

static void array_free(OSObject *object)
{
    OSArray *self = (OSArray *)object;

    for (unsigned i = 0; i < self->count; i++) {
        OSObject_release(self->members[i]);
    }
    platform_free(self->members);
    OSObject_free(object);
}

static uint32_t instances;

OS_CLASS(OSMetaClass, OSArray);
const OSMetaClass OSArray_class = {"OSArray", &OSObject_metaClass, sizeof(OSArray), &instances,
                                   array_free};

static bool grow(OSArray *self, uint64_t capacity)
{
    /* A new list and a copy: without memory the old one is still whole. */
    OSObject **members =
        capacity <= UINT32_MAX ? platform_alloc(capacity * sizeof(*members)) : NULL;

    if (members == NULL) {
        IOMemory_fail(kIOReturnNoMemory);
        return false;
    }
    if (self->count != 0) {
        memcpy(members, self->members, self->count * sizeof(*members));
    }
    platform_free(self->members);
    self->members = members;
    self->capacity = (unsigned)capacity;
    return true;
}

OSArray *OSArray_withCapacity(unsigned capacity)
{
    OSArray *self = (OSArray *)OSMetaClass_allocate(&OSArray_class);

    if (self != NULL && capacity != 0 && !grow(self, capacity)) {
        OSSafeReleaseNULL(self);
    }
    return self;
}

/* Twice the room, as far as an unsigned can count that. */
static bool make_room(OSArray *self)
{
    const uint64_t capacity = self->capacity;

    return self->count < capacity || grow(self, capacity == 0 ? FIRST_CAPACITY : 2 * capacity);
}

bool OSArray_setObject(OSArray *self, OSObjectRef object)
{
    if (self == NULL || object.object == NULL) {
        IOMemory_fail(kIOReturnBadArgument);
        return false;
    }
    if (!make_room(self)) {
        return false;
    }
    /* After the room is there: a failed call must not hold the object. */
    OSObject_retain(object.object);
    self->members[self->count++] = object.object;
    return true;
}

OSObject *OSArray_getObject(const OSArray *self, unsigned index)
{
    return self != NULL && index < self->count ? self->members[index] : NULL;
}

unsigned OSArray_getCount(const OSArray *self)
{
    return self == NULL ? 0 : self->count;
}
