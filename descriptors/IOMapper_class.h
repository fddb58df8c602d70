/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For drivers of I/O memory-management units: what a subclass of IOMapper provides, and
 * what is done for it before its methods are called.
 */
#ifndef DESCRIPTORS_IOMAPPER_CLASS_H
#define DESCRIPTORS_IOMAPPER_CLASS_H

#include "descriptors/IOMapper.h"
#include "descriptors/OSObject_class.h"

/*
 * A transfer's mapping: who is to hear that an access was blocked. Part of the transfer's
 * object; zeroed: it is in no mapper's list.
 */
struct IOMapperUse {
    struct IOMapperUse *next, **link;
    uint64_t address, length; /* I/O addresses, whole mapper pages */
    bool isRunning;           /* the device has the transfer */
    bool hasFault;            /* and has been blocked in it */
};

struct IOMapper {
    OSObject super;
    IOService *provider; /* retained; NULL before start */
    uint64_t pageSize;   /* bytes; 0 before start */
    bool fIsSystem;      /* set by the subclass before start */
    uint32_t identity;
    IOMapper *next;
    struct IOMapperUse *uses;
    IOMapper_FaultHandler faultHandler;
    void *faultContext;
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

    /*
     * Prepared memory that is one run, which a driver maps for each transfer: the quick way of
     * iovmMapMemory, judged as there, and unmapped as what that has mapped. The answer is its
     * mapAddress, which is never 0; 0: nothing has changed, and iovmMapMemory is asked. Only of a
     * mapper that has been started. Any context in which the unit's driver lets map and unmap.
     */
    uint64_t (*mapRun)(IOMapper *self, uint64_t physical, uint64_t length, uint32_t access,
                       uint64_t *mapLength);

    /* Judged already: whole pages, not empty, no sum wraps. */
    IOReturn (*iovmInsert)(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                           uint64_t physicalAddress, uint64_t length);

    /* No lock that an interrupt handler could wait for. Pointers are not NULL. */
    IOReturn (*translate)(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                          uint64_t *physicalAddress, uint64_t *contiguousLength);

    /* Deliver what the hardware has recorded (IOMapper_deliverFault); deliver it anew. */
    void (*collectFaults)(IOMapper *self);
    void (*forgetFaults)(IOMapper *self);

    /*
     * The mapper of one device of those behind this unit, +1, by the cells that follow the unit's
     * identity in the device's "iommus". NULL and the last error: kIOReturnNoDevice,
     * kIOReturnNoResources.
     */
    IOMapper *(*copyForDevice)(IOMapper *self, IOService *device, const UInt32 *cells,
                               UInt32 count);
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

uint64_t mapper_map_no_run(IOMapper *self, uint64_t physical, uint64_t length, uint32_t access,
                           uint64_t *mapLength) OS_METHOD(IOMapper, mapRun);
void mapper_collect_faults(IOMapper *self) OS_METHOD(IOMapper, collectFaults);
void mapper_forget_faults(IOMapper *self) OS_METHOD(IOMapper, forgetFaults);
IOMapper *mapper_copy_for_device(IOMapper *self, IOService *device, const UInt32 *cells,
                                 UInt32 count) OS_METHOD(IOMapper, copyForDevice);

/* What every record names that has nothing of its own to say of these. */
#define MAPPER_OF_ALL                                                                              \
    .mapRun = mapper_map_no_run, .collectFaults = mapper_collect_faults,                           \
    .forgetFaults = mapper_forget_faults, .copyForDevice = mapper_copy_for_device

/*
 * From the unit's driver: an access was blocked. The transfer in whose mapping it was has a
 * fault; where it was in nobody's, each that the device has. Any context.
 */
void IOMapper_deliverFault(IOMapper *self, const IOMapperFault *fault);

/* A transfer's mapping begins, and ends: in between the use belongs to the mapper. Any context. */
void IOMapper_addUse(IOMapper *self, struct IOMapperUse *use, uint64_t address, uint64_t length);
void IOMapper_removeUse(struct IOMapperUse *use);

/*
 * For a driver that maps memory from the submission of a transfer to its end, both of which may be
 * in an interrupt handler: iovmMapMemory, and the use begins, as one that the device has. On an
 * error nothing is mapped.
 */
IOReturn IOMapper_beginTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                                uint64_t offset, uint64_t length, uint32_t access,
                                uint64_t *mapAddress, uint64_t *mapLength);

/*
 * The same of memory that is one run from `physical` on, as IOMemoryDescriptor_isOneRun has said,
 * where the unit has a quick way: its mapAddress; the length is in the use. 0: it has none, or
 * something is wrong; nothing is mapped, and IOMapper_beginTransfer maps it, or says what.
 */
uint64_t IOMapper_beginRun(IOMapper *self, struct IOMapperUse *use, uint64_t physical,
                           uint64_t length, uint32_t access);

/*
 * The transfer has ended: what was blocked until now is collected, the use ends, and the memory is
 * unmapped. kIOReturnDMAError: the device has been blocked in it; else as
 * IOMemoryDescriptor_dmaUnmap.
 */
IOReturn IOMapper_endTransfer(IOMapper *self, struct IOMapperUse *use, IOMemoryDescriptor *memory,
                              uint64_t offset, uint64_t mapAddress, uint64_t mapLength);

/*
 * As IOMapper_copyMapperForDeviceWithIndex, which can only say NULL: success and *mapper NULL is a
 * device that has none of its own; on an error there is one, and it must not do DMA without.
 */
IOReturn IOMapper_findForDevice(IOService *device, unsigned index, IOMapper **mapper);

/* What a subclass's free ends with: unpublished, and the provider let go. */
void IOMapper_free(IOMapper *self);

#endif
