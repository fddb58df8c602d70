/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every class needs of OSObject: how an object and a class record look.
 *
 * A class embeds its parent as the first member of its instances. It is one constant record that
 * names its parent and its methods, every one of them, also the inherited. It is called
 * Class_class; its first member is the parent's kind of record, so that the record of any class
 * begins with an OSMetaClass:
 *
 *     static uint32_t instances;
 *     OS_CLASS(IOMemoryDescriptorClass, Mine);
 *     const IOMemoryDescriptorClass Mine_class = {
 *         .meta = {"Mine", &IOMemoryDescriptor_metaClass, sizeof(Mine), &instances, mine_free},
 *         .prepare = mine_prepare, ...
 *     };
 */
#ifndef DESCRIPTORS_OSOBJECT_CLASS_H
#define DESCRIPTORS_OSOBJECT_CLASS_H

#include "descriptors/OSObject.h"

struct OSMetaClass {
    const char *name;
    const OSMetaClass *super;     /* NULL for OSObject */
    unsigned size;                /* bytes of an instance */
    uint32_t *instances;          /* live ones; NULL for an abstract class, which has none */
    void (*free)(OSObject *self); /* the class's whole clean-up, safe at every stage of init */
};

struct OSObject {
    const OSMetaClass *metaClass;
    uint32_t references; /* atomic; only OSObject's own functions touch it */
};

/*
 * Declare a class record, before its definition. To the linker it is the public
 * Class_metaClass: its first member is all that the public name shows.
 */
#define OS_CLASS(Record, Class) extern const Record Class##_class __asm__(#Class "_metaClass")

/*
 * A class's own answer to a method, which the record of a subclass may name. To the linker
 * it is Class.method, which no C program can call anything else.
 */
#define OS_METHOD(Class, method) __asm__(#Class "." #method)

/*
 * A zeroed instance with one reference, or NULL (kIOReturnNoMemory). What follows
 * in a factory is init, and on failure release: the class's free is the one way out.
 */
OSObject *OSMetaClass_allocate(const OSMetaClass *meta);

/* A message for the log of a debug build, then the end: the object is of another class. */
#ifdef DEBUG
void OSObject_checkClass(const OSObject *self, const OSMetaClass *meta);
#else
static inline void OSObject_checkClass(const OSObject *self, const OSMetaClass *meta)
{
    (void)self;
    (void)meta;
}
#endif

#endif
