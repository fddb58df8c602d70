/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The root of all classes: a class pointer and a reference count.
 *
 * Factories give one reference to their caller, who releases it. A NULL object
 * is no error: retain and release do nothing, questions answer 0, NULL or false.
 * retain and release are atomic and for any context, except the last release,
 * which is for thread context.
 */
#ifndef DESCRIPTORS_OSOBJECT_H
#define DESCRIPTORS_OSOBJECT_H

#include "descriptors/IOClasses.h"
#include "descriptors/IOReturn.h"

/* The constant object that stands for a class; the name a class has is Class_metaClass. */
extern const OSMetaClass OSObject_metaClass;

/* Base initialiser, called once by a subclass's. Thread context. */
bool OSObject_init(OSObjectRef self);

/*
 * Add a reference. The count saturates at 0xFFFFFFFE, after which it never changes
 * again and the object is never freed. Retaining an object that is being freed is
 * fatal: it is a use after free.
 */
void OSObject_retain(OSObjectConstRef self);

/* As retain, but answers false for an object that is being freed. The tag is ignored. */
bool OSObject_taggedTryRetain(OSObjectConstRef self, const void *tag);

/* Drop a reference; the last one frees. Ignored while the object is being freed. */
void OSObject_release(OSObjectConstRef self);

/* Drop a reference and free the object if fewer than freeWhen are left. */
void OSObject_releaseWhen(OSObjectConstRef self, int freeWhen);

/* References now; only for tests and debugging. */
int OSObject_getRetainCount(OSObjectConstRef self);

/* The last action of a class's own free: un-counts the instance, returns the storage. */
void OSObject_free(OSObjectRef self);

/* The dynamic class. Any context. */
const OSMetaClass *OSObject_getMetaClass(OSObjectConstRef self);

/* Identity. Any context. */
bool OSObject_isEqualTo(OSObjectConstRef self, OSObjectConstRef other);

/* Classes. Any context; a NULL class has no name, no parent, size and count 0. */
const char *OSMetaClass_getClassName(const OSMetaClass *meta);
const OSMetaClass *OSMetaClass_getSuperClass(const OSMetaClass *meta); /* NULL for OSObject */
unsigned OSMetaClass_getClassSize(const OSMetaClass *meta);            /* bytes of an instance */

/* Live instances whose dynamic class is exactly this one. */
unsigned OSMetaClass_getInstanceCount(const OSMetaClass *meta);

/* Live instances of all classes; a test that ends with the count it began with leaked none. */
unsigned OSMetaClass_getTotalInstanceCount(void);

/* The object if it is an instance of the class or of a subclass, else NULL. Any context. */
OSObject *OSMetaClassBase_safeMetaCast(OSObjectConstRef inst, const OSMetaClass *toType);

/* As above, but another class than the one named is fatal. NULL passes through. */
OSObject *OSMetaClassBase_requiredMetaCast(OSObjectConstRef inst, const OSMetaClass *toType);

/* The class object of a class. */
#define OSTypeID(Class) (&Class##_metaClass)

/* The object as one of this class or below it; NULL: it is another, or NULL. */
#define OSDynamicCast(Class, inst)                                                                 \
    ((Class *)(void *)OSMetaClassBase_safeMetaCast((inst), OSTypeID(Class)))

/* The same, fatal where it is another. */
#define OSRequiredCast(Class, inst)                                                                \
    ((Class *)(void *)OSMetaClassBase_requiredMetaCast((inst), OSTypeID(Class)))

/* Release what a variable holds, if anything, and forget it. */
#define OSSafeReleaseNULL(variable)                                                                \
    do {                                                                                           \
        OSObject_release(variable);                                                                \
        (variable) = NULL;                                                                         \
    } while (0)

#endif
