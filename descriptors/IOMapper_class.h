/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For drivers of I/O memory-management units: what a subclass of IOMapper provides, and
 * what is done for it before its methods are called.
 */
#ifndef DESCRIPTORS_IOMAPPER_CLASS_H
#define DESCRIPTORS_IOMAPPER_CLASS_H

#include "descriptors/IOMapper.h"
#include "descriptors/OSObject_class.h"

struct IOMapper {
    OSObject super;
    IOService *provider; /* retained; NULL before start */
    uint64_t pageSize;   /* bytes; 0 before start */
    bool fIsSystem;      /* set by the subclass before start */
    bool isListed;       /* under `identity`, in the list of started mappers */
    uint32_t identity;
    IOMapper *next;
};

typedef struct {
    OSMetaClass meta;

    /* The unit is ready and blocks everything that is not mapped. False: it refused. */
    bool (*initHardware)(IOMapper *self, IOService *provider);
    uint64_t (*getPageSize)(const IOMapper *self);

    /*
     * Judged already: pointers, options, access, specification (never NULL), the range inside the
     * memory, which is prepared, not remote and not host-only. Outputs count on success only.
     */
    IOReturn (*iovmMapMemory)(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                              uint64_t length, uint32_t mapOptions,
                              const IODMAMapSpecification *mapSpecification,
                              IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                              uint64_t *mapAddress, uint64_t *mapLength);
    IOReturn (*iovmUnmapMemory)(IOMapper *self, IOMemoryDescriptor *memory,
                                IODMACommand *dmaCommand, uint64_t mapAddress, uint64_t mapLength);

    /* Judged already: whole pages, not empty, no sum wraps. */
    IOReturn (*iovmInsert)(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                           uint64_t physicalAddress, uint64_t length);

    /* No lock that an interrupt handler could wait for. Pointers are not NULL. */
    IOReturn (*translate)(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                          uint64_t *physicalAddress, uint64_t *contiguousLength);
} IOMapperClass;

OS_CLASS(IOMapperClass, IOMapper);

/* The base implementations, for the records of subclasses: ready, PAGE_SIZE, unsupported. */
bool mapper_init_hardware(IOMapper *self, IOService *provider) OS_METHOD(IOMapper, initHardware);
uint64_t mapper_get_page_size(const IOMapper *self) OS_METHOD(IOMapper, getPageSize);
IOReturn mapper_map_memory(IOMapper *self, IOMemoryDescriptor *memory, uint64_t offset,
                           uint64_t length, uint32_t mapOptions,
                           const IODMAMapSpecification *mapSpecification, IODMACommand *dmaCommand,
                           const IODMAMapPageList *pageList, uint64_t *mapAddress,
                           uint64_t *mapLength) OS_METHOD(IOMapper, mapMemory);
IOReturn mapper_unmap_memory(IOMapper *self, IOMemoryDescriptor *memory, IODMACommand *dmaCommand,
                             uint64_t mapAddress, uint64_t mapLength)
    OS_METHOD(IOMapper, unmapMemory);
IOReturn mapper_insert(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                       uint64_t physicalAddress, uint64_t length) OS_METHOD(IOMapper, insert);
IOReturn mapper_translate(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                          uint64_t *physicalAddress, uint64_t *contiguousLength)
    OS_METHOD(IOMapper, translate);

/* What a subclass's free ends with: unpublished, and the provider let go. */
void IOMapper_free(IOMapper *self);

#endif
