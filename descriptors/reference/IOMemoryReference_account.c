/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known about the memory behind a reference: purgeable state, page counts, who pays. */
#include "descriptors/reference/IOMemoryReference.h"

IOReturn IOMemoryReference_setPurge(const struct IOMemoryReference *reference,
                                    const struct platform_purge *purge,
                                    enum platform_purge_state *former)
{
    enum platform_purge_state state;

    /* Empty says more than volatile, and volatile more than neither: the states are in order. */
    *former = PLATFORM_PURGE_NONVOLATILE;
    for (size_t i = 0; i < reference->count; i++) {
        if (!platform_object_get_purge(reference->entries[i].object, &state)) {
            return kIOReturnBadArgument;
        }
        if (state > *former) {
            *former = state;
        }
    }
    /* A second pass, after all have been found purgeable: none is changed where one refuses. */
    for (size_t i = 0; i < reference->count && purge != NULL; i++) {
        platform_object_set_purge(reference->entries[i].object, purge);
    }
    return kIOReturnSuccess;
}

void IOMemoryReference_count(const struct IOMemoryReference *reference, uint64_t *resident,
                             uint64_t *dirty)
{
    uint64_t start = 0;

    *resident = *dirty = 0;
    for (size_t i = 0; i < reference->count; i++) {
        const struct IOMemoryReferenceEntry *entry = &reference->entries[i];
        /* Whole pages: the first one is in use however few of its bytes are meant. */
        const uint64_t skip = entry->offset & PAGE_MASK;
        uint64_t here, changed;

        platform_object_count(entry->object, atop(entry->offset),
                              atop(round_page(skip + (entry->end - start))), &here, &changed);
        *resident += here;
        *dirty += changed;
        start = entry->end;
    }
}

static IOReturn set_owner(const struct IOMemoryReferenceEntry *entry, task_t owner, int tag,
                          bool footprint)
{
    struct vm_object *const object = entry->object;
    struct platform_owner now;
    enum platform_purge_state state;
    const bool purgeable = platform_object_get_purge(object, &state);
    uint64_t resident, dirty;

    /* Registers take no memory that could be charged. */
    if (platform_object_is_device(object, atop(entry->offset))) {
        return kIOReturnError;
    }
    platform_object_get_owner(object, &now);
    if (!purgeable && now.task == TASK_NULL && now.tag == 0) {
        platform_object_count(object, 0, platform_object_pages(object), &resident, &dirty);
        if (resident != 0) {
            return kIOReturnError; /* in use already, on nobody's account */
        }
    }
    now.task = owner != TASK_NULL ? owner : now.task;
    now.tag = tag >= 0 ? tag : now.tag;
    now.footprint = footprint;
    /* Only purgeable memory is charged without a tag; the rest is charged by what it is for. */
    if (!purgeable && now.task != TASK_NULL && now.tag == 0) {
        return kIOReturnBadArgument;
    }
    platform_object_set_owner(object, &now);
    return kIOReturnSuccess;
}

IOReturn IOMemoryReference_setOwner(const struct IOMemoryReference *reference, task_t owner,
                                    int tag, bool footprint)
{
    IOReturn result = kIOReturnSuccess;

    for (size_t i = 0; i < reference->count; i++) {
        /*
         * All are attempted: to charge one and leave the rest to nobody would be worse than a
         * partial success that is told.
         */
        const IOReturn status = set_owner(&reference->entries[i], owner, tag, footprint);

        if (status != kIOReturnSuccess) {
            result = status;
        }
    }
    return result;
}
