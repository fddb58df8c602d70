/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the mappers: what each transfer goes through, which is inline and pays for no calls. */
#ifndef DESCRIPTORS_MAPPER_IOMAPPER_PRIVATE_H
#define DESCRIPTORS_MAPPER_IOMAPPER_PRIVATE_H

#include "descriptors/IOMapper_class.h"
#include "descriptors/IOMemoryDescriptor_class.h"
#include "descriptors/ledger/IOLedger.h"
#include "descriptors/platform.h"

#define MAPPER_ACCESS_BITS (kIODMAMapReadAccess | kIODMAMapWriteAccess)

static inline const IOMapperClass *mapper_methods(const IOMapper *self)
{
    OSObject_checkClass(&self->super, &IOMapper_metaClass);
    return (const IOMapperClass *)self->super.metaClass;
}

/* Kept by start, since every mapping asks; before that only the class knows. */
static inline uint64_t mapper_page_size(const IOMapper *self)
{
    return self->pageSize != 0 ? self->pageSize : mapper_methods(self)->getPageSize(self);
}

/* --- Memory that is one run ------------------------------------------------------------------- */

/*
 * By the unit's quick way, if it has one, and the memory is prepared, in one place, and nothing
 * that a unit may not see. 0: nothing is mapped, and the long way says why, or maps it.
 */
static inline uint64_t mapper_map_run(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                                      uint64_t length, uint32_t access, uint64_t *mapLength)
{
    IOPhysicalAddress physical;

    return length != 0 && access - 1 < MAPPER_ACCESS_BITS && self->pageSize != 0 &&
                   IOMemoryDescriptor_isOneRun(memory, offset, length, &physical)
               ? mapper_methods(self)->mapRun(self, physical, length, access, mapLength)
               : 0;
}

/* --- Taking away ------------------------------------------------------------------------------ */

static inline IOReturn mapper_unmap(IOMapper *self, IOMemoryDescriptor *memory,
                                    IODMACommand *command, uint64_t mapAddress, uint64_t mapLength)
{
    IOLEDGER(unmapping(self, mapAddress, mapLength));
    const IOReturn status =
        mapper_methods(self)->iovmUnmapMemory(self, memory, command, mapAddress, mapLength);
    if (status == kIOReturnSuccess || status == kIOReturnTimeout) {
        IOLEDGER(unmapped(self, mapAddress));
    }
    return status;
}

/* --- The list of uses ------------------------------------------------------------------------- */

/* Of all lists: they are changed for a few instructions, and walked when something is wrong. */
extern struct platform_short_lock IOMapper_usesLock;

/* Its addresses are there. */
static inline void mapper_add_use(IOMapper *self, struct IOMapperUse *use, bool isRunning)
{
    const platform_short_state state = platform_short_lock(&IOMapper_usesLock);
    struct IOMapperUse *const next = self->uses;

    use->next = next;
    use->link = &self->uses;
    use->isRunning = isRunning;
    use->hasFault = false;
    if (next != NULL) {
        next->link = &use->next;
    }
    self->uses = use;
    platform_short_unlock(&IOMapper_usesLock, state);
}

/* Of one that is in a list. */
static inline void mapper_remove_use(struct IOMapperUse *use)
{
    const platform_short_state state = platform_short_lock(&IOMapper_usesLock);

    *use->link = use->next;
    if (use->next != NULL) {
        use->next->link = use->link;
    }
    use->link = NULL;
    platform_short_unlock(&IOMapper_usesLock, state);
}

#endif
