/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting references, and the end of an object. */
#include "descriptors/object/OSObject_private.h"
#include "descriptors/platform.h"

static uint32_t live_objects; /* instances of all classes */

static void object_free(OSObject *self)
{
    OSObject_free(self);
}

static uint32_t instances;

OS_CLASS(OSMetaClass, OSObject);
const OSMetaClass OSObject_class = {"OSObject", NULL, sizeof(OSObject), &instances, object_free};

OSObject *OSMetaClass_allocate(const OSMetaClass *meta)
{
    OSObject *self = platform_alloc(meta->size);

    if (self == NULL) {
        IOMemory_fail(kIOReturnNoMemory);
        return NULL;
    }
    self->metaClass = meta;
    /* The rest is zeroed: every class takes 0 for "not initialised". */
    self->references = 1;
    __atomic_add_fetch(meta->instances, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&live_objects, 1, __ATOMIC_RELAXED);
    return self;
}

unsigned OSMetaClass_getTotalInstanceCount(void)
{
    return __atomic_load_n(&live_objects, __ATOMIC_RELAXED);
}

bool OSObject_init(OSObjectRef self)
{
    return self.object != NULL;
}

/*
 * Relaxed: who retains holds a reference already, or asks under the lock of a list that has the
 * object, so that the count alone must be right.
 */
static bool try_retain(OSObject *self)
{
    uint32_t before = __atomic_load_n(&self->references, __ATOMIC_RELAXED);

    do {
        /*
         * A count that has reached the top stays there: the object then lives for ever, which is a
         * leak, where wrapping would free it under its users.
         */
        if (before >= OSOBJECT_PEGGED) {
            return before == OSOBJECT_PEGGED;
        }
    } while (!__atomic_compare_exchange_n(&self->references, &before, before + 1, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

void OSObject_retain(OSObjectConstRef self)
{
    if (self.object != NULL && !try_retain((OSObject *)self.object)) {
        platform_fatal("retain of %s %p, which is being freed", self.object->metaClass->name,
                       (const void *)self.object);
    }
}

bool OSObject_taggedTryRetain(OSObjectConstRef self, const void *tag)
{
    (void)tag;
    return self.object != NULL && try_retain((OSObject *)self.object);
}

void OSObject_releaseWhen(OSObjectConstRef self, int freeWhen)
{
    OSObject *object = (OSObject *)self.object;
    uint32_t before, after;

    if (object == NULL) {
        return;
    }
    before = __atomic_load_n(&object->references, __ATOMIC_RELAXED);
    do {
        /* Pegged, it lives for ever; freeing, its last release has been. */
        if (before >= OSOBJECT_PEGGED) {
            return;
        }
        after = before - 1;
        /* Wider than both: freeWhen is signed, and a count may be above INT_MAX. */
        if ((int64_t)after < freeWhen) {
            after = OSOBJECT_FREEING;
        }
        /* Whoever frees must see what every other holder wrote before its release. */
    } while (!__atomic_compare_exchange_n(&object->references, &before, after, true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (after == OSOBJECT_FREEING) {
        object->metaClass->free(object);
    }
}

void OSObject_release(OSObjectConstRef self)
{
    OSObject_releaseWhen(self, 1);
}

int OSObject_getRetainCount(OSObjectConstRef self)
{
    uint32_t count;

    if (self.object == NULL) {
        return 0;
    }
    count = __atomic_load_n(&self.object->references, __ATOMIC_RELAXED);
    /* IOKit's answer is signed: a pegged count must not look negative. */
    return count > INT32_MAX ? INT32_MAX : (int)count;
}

void OSObject_free(OSObjectRef self)
{
    OSObject *object = self.object;

    if (object == NULL) {
        return;
    }
    __atomic_sub_fetch(object->metaClass->instances, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&live_objects, 1, __ATOMIC_RELAXED);
    platform_free(object);
}

const OSMetaClass *OSObject_getMetaClass(OSObjectConstRef self)
{
    return self.object == NULL ? NULL : self.object->metaClass;
}

bool OSObject_isEqualTo(OSObjectConstRef self, OSObjectConstRef other)
{
    return self.object != NULL && self.object == other.object;
}
