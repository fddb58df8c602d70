/* SPDX-License-Identifier: BSD-2-Clause */
/* For drivers of I/O memory-management units: what a subclass of IOMapper provides. */
#ifndef DESCRIPTORS_IOMAPPER_CLASS_H
#define DESCRIPTORS_IOMAPPER_CLASS_H

#include "descriptors/IOMapper.h"
#include "descriptors/OSObject_class.h"

struct IOMapper {
    OSObject super;
};

typedef struct {
    OSMetaClass meta;

    /*
     * Arguments have been judged: the pointers, of which mapSpecification is never NULL, the
     * options, the range inside the memory, and the memory, which is prepared and neither
     * remote nor host-only. After a failure the outputs are zeroed for you.
     */
    IOReturn (*iovmMapMemory)(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                              uint64_t length, uint32_t mapOptions,
                              const IODMAMapSpecification *mapSpecification,
                              IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                              uint64_t *mapAddress, uint64_t *mapLength);
    IOReturn (*iovmUnmapMemory)(IOMapper *self, IOMemoryDescriptor *memory,
                                IODMACommand *dmaCommand, uint64_t mapAddress, uint64_t mapLength);
} IOMapperClass;

OS_CLASS(IOMapperClass, IOMapper);

#endif
