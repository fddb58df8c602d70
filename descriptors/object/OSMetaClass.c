/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to a class, and casts that ask before they answer. */
#include "descriptors/OSObject_class.h"
#include "descriptors/platform.h"

const char *OSMetaClass_getClassName(const OSMetaClass *meta)
{
    return meta == NULL ? NULL : meta->name;
}

const OSMetaClass *OSMetaClass_getSuperClass(const OSMetaClass *meta)
{
    return meta == NULL ? NULL : meta->super;
}

unsigned OSMetaClass_getClassSize(const OSMetaClass *meta)
{
    return meta == NULL ? 0 : meta->size;
}

unsigned OSMetaClass_getInstanceCount(const OSMetaClass *meta)
{
    /* An abstract class has no instances of its own to count. */
    if (meta == NULL || meta->instances == NULL) {
        return 0;
    }
    return __atomic_load_n(meta->instances, __ATOMIC_RELAXED);
}

OSObject *OSMetaClassBase_safeMetaCast(OSObjectConstRef inst, const OSMetaClass *toType)
{
    if (inst.object == NULL || toType == NULL) {
        return NULL;
    }
    /*
     * From the object's own class upwards: each record names its superclass, so this ends at
     * OSObject.
     */
    for (const OSMetaClass *meta = inst.object->metaClass; meta != NULL; meta = meta->super) {
        if (meta == toType) {
            return (OSObject *)inst.object;
        }
    }
    return NULL;
}

OSObject *OSMetaClassBase_requiredMetaCast(OSObjectConstRef inst, const OSMetaClass *toType)
{
    OSObject *object = OSMetaClassBase_safeMetaCast(inst, toType);

    /* No object is of every class; a wrong one is a bug that would store to another structure. */
    if (object == NULL && inst.object != NULL) {
        platform_fatal("%s %p is not a %s", inst.object->metaClass->name, (const void *)inst.object,
                       OSMetaClass_getClassName(toType));
    }
    return object;
}

#ifdef DEBUG
void OSObject_checkClass(const OSObject *self, const OSMetaClass *meta)
{
    /* Debug builds only: every call of a method pays for it. */
    OSMetaClassBase_requiredMetaCast(self, meta);
}
#endif
