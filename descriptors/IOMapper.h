/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMapper: the driver of an I/O memory-management unit. It owns an I/O address space for
 * one or more devices and translates it to physical pages. Abstract: a unit's driver
 * subclasses it (IOMapper_class.h).
 *
 * A *system mapper* serves every bus master that has no other; commands and descriptors
 * find it themselves. A *device mapper* serves one device or group
 * (IOMapper_copyMapperForDevice). Addresses and lengths are bytes; a mapping is made of
 * mapper pages. I/O addresses are never handed out from page 0, which the C helpers take
 * for "none", except on request (FixedAddress, IdentityMap).
 *
 * Mapping and unmapping are for thread context, unless the unit's driver says more of its
 * own; translation for any.
 *
 * Source: the reference's IOMapper (IOKit, Kernel framework).
 */
#ifndef DESCRIPTORS_IOMAPPER_H
#define DESCRIPTORS_IOMAPPER_H

#include "descriptors/IODMAProtocol.h"
#include "descriptors/IOService.h"

/* The class object. */
extern const OSMetaClass IOMapper_metaClass;

/* mapOptions. */
#define kIODMAMapReadAccess            0x001u /* the device may read */
#define kIODMAMapWriteAccess           0x002u /* the device may write */
#define kIODMAMapPhysicallyContiguous  0x010u /* one physical run: blocks may serve */
#define kIODMAMapDeviceMemory          0x020u /* registers of a device: mapped as such */
#define kIODMAMapPagingPath            0x040u /* do not wait for memory */
#define kIODMAMapIdentityMap           0x080u /* I/O address and physical address are equal */
#define kIODMAMapPageListFullyOccupied 0x100u /* whole pages from the first byte to the last */
#define kIODMAMapFixedAddress          0x200u /* *mapAddress is the I/O address wanted */

/* --- Mapping --------------------------------------------------------------------------------- */

/*
 * Translations for bytes [descriptorOffset, + length) of prepared memory. Physical runs are
 * placed in order, each at its own offset in a mapper page; two that meet on a page border
 * are consecutive in I/O space, any other begins a new page. *mapAddress is the I/O address
 * of the first byte, *mapLength the I/O bytes taken, a multiple of the mapper page;
 * together they are the key for unmapping. memory NULL: `length` bytes of I/O space without
 * translations, for iovmInsert. mapSpecification, dmaCommand and pageList may be NULL.
 *
 * kIOReturnBadArgument: NULL, length 0, outside the memory, no access, undefined options, an
 * alignment that is no power of two, fewer address bits than a page has; kIOReturnNotReady: not
 * prepared; kIOReturnNotAttached: remote; kIOReturnNotPermitted: host-only; kIOReturnNoSpace:
 * no I/O address below the width, or a fixed one is taken; kIOReturnNotAligned: a fixed one
 * with another page offset; kIOReturnNoResources: no tables; kIOReturnMessageTooLarge: memory
 * that the unit cannot reach; kIOReturnUnsupported: an option. On failure nothing is left
 * mapped, and both outputs are 0.
 */
IOReturn IOMapper_iovmMapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                uint64_t descriptorOffset, uint64_t length, uint32_t mapOptions,
                                const IODMAMapSpecification *mapSpecification,
                                IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                                uint64_t *mapAddress, uint64_t *mapLength);

/*
 * What is mapped at mapAddress stays so as long as the image runs, on purpose: a ring's memory.
 * Debug builds do not call it a leak at the end (descriptors/ledger); nothing else changes. Any
 * context.
 */
void IOMapper_keepMapped(IOMapper *self, uint64_t mapAddress);

/*
 * Take them away: on success the device cannot reach the memory any more, and only then may
 * its pages be used for something else. mapLength 0: success. kIOReturnNotFound: no such
 * mapping, nothing changed; kIOReturnTimeout: the unit did not acknowledge: the addresses are
 * out of use, and the pages must stay pinned for good.
 */
IOReturn IOMapper_iovmUnmapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                  IODMACommand *dmaCommand, uint64_t mapAddress,
                                  uint64_t mapLength);

/*
 * Translate `length` bytes at mapAddress + offset, inside one mapping, to physicalAddress on;
 * what was there goes first. kIOReturnNotAligned: not whole mapper pages;
 * kIOReturnBadArgument: outside a mapping, or length 0; kIOReturnNoResources.
 */
IOReturn IOMapper_iovmInsert(IOMapper *self, uint32_t options, uint64_t mapAddress, uint64_t offset,
                             uint64_t physicalAddress, uint64_t length);

/*
 * Where an access by the device ends, and how many bytes follow there (may be NULL). access:
 * kIODMAMapReadAccess and kIODMAMapWriteAccess, all of them. kIOReturnNotFound: no
 * translation; kIOReturnNotPermitted: not that access. Any context.
 */
IOReturn IOMapper_translate(IOMapper *self, uint64_t mappedAddress, uint32_t access,
                            uint64_t *physicalAddress, uint64_t *contiguousLength);

/* The same for one byte; 0 (which may be an address as well): no translation. Any context. */
uint64_t IOMapper_mapToPhysicalAddress(IOMapper *self, uint64_t mappedAddress);

/* Bytes of a mapper page, a power of two; constant for the object's life. Any context. */
uint64_t IOMapper_getPageSize(const IOMapper *self);

const OSMetaClass *IOMapper_getMetaClass(const IOMapper *self); /* dynamic */

/* --- What was blocked ------------------------------------------------------------------------ */

/* Accesses of one device to one page, in one direction, that did not happen. */
typedef struct {
    uint64_t address; /* I/O address of the first; 0 as well where it is not known */
    uint32_t access;  /* kIODMAMapReadAccess or kIODMAMapWriteAccess; 0: not known */
    IOReturn reason;  /* kIOReturnNotFound: no translation; kIOReturnNotPermitted: not that
                         access; kIOReturnOverrun: the unit has lost count of what it blocked */
    uint64_t count;   /* accesses so far, at least */
} IOMapperFault;

/*
 * Be told of each, once: until forgetFaults, more of the same are only counted. Interrupt
 * context as a rule. NULL: nobody. A command whose memory was not reached ends with
 * kIOReturnDMAError without it.
 */
typedef void (*IOMapper_FaultHandler)(void *context, IOMapper *mapper, const IOMapperFault *fault);
void IOMapper_setFaultHandler(IOMapper *self, IOMapper_FaultHandler handler, void *context);

/* Tell at once what the unit has recorded, whose interrupt may still be on its way. Any context. */
void IOMapper_collectFaults(IOMapper *self);

/* Something new begins: what is blocked from now on is told again. Any context. */
void IOMapper_forgetFaults(IOMapper *self);

/* --- Starting, and finding ------------------------------------------------------------------- */

/*
 * Bring the unit up by the subclass's initHardware, everything blocked that is not mapped;
 * a mapper that says it is the system's is published as such, any under its provider's
 * identity ("iommu-id", else "phandle"). False: the hardware refused (kIOReturnNoDevice), its
 * page size is no power of two below 2^32 (kIOReturnBadArgument), or there is a system mapper or
 * one of that identity (kIOReturnExclusiveAccess), which goes on.
 */
bool IOMapper_start(IOMapper *self, IOService *provider);

/* The subclass's part of start, and nothing else. False: the hardware refused, or NULL. */
bool IOMapper_initHardware(IOMapper *self, IOService *provider);

/*
 * The system mapper: NULL: decided, none; 1: undecided; 2: announced, not started; else the
 * object.
 */
extern IOMapper *IOMapper_gSystem;

/* The platform's decision: announce one, or rule it out. Ignored, with a line, once there is one.
 */
void IOMapper_setMapperRequired(bool hasMapper);

/*
 * Return when it is decided. kIOReturnTimeout: nothing else can run that would decide it; for
 * this caller there is none.
 */
IOReturn IOMapper_waitForSystemMapper(void);

/* Wait only if it is undecided. Any context once it is decided. */
void IOMapper_checkForSystemMapper(void);

/* The live system mapper, not retained; NULL: none. As checkForSystemMapper. */
IOMapper *IOMapper_systemMapper(void);

/*
 * The mapper in front of a device, +1; NULL: it has none of its own, or (kIOReturnNoDevice) it
 * has one that did not start, and then the driver must not do DMA. kIOReturnBadArgument:
 * NULL, or no such index. The same device always gets the same object.
 */
IOMapper *IOMapper_copyMapperForDevice(IOService *device);
IOMapper *IOMapper_copyMapperForDeviceWithIndex(IOService *device, unsigned index);

/* --- The system mapper, page by page --------------------------------------------------------- */

/* I/O space for `pages` pages; its first page number, 0: none, or no system mapper. */
ppnum_t IOMapperIOVMAlloc(unsigned pages);

/* Give it back. No effect for what is not one's own (last error kIOReturnNotFound). */
void IOMapperIOVMFree(ppnum_t addr, unsigned pages);

/*
 * Enter physical page `page` at page `offset`; addr + offset, or 0 (last error). Without a system
 * mapper the answer is `page`, as the device reaches it so.
 */
ppnum_t IOMapperInsertPage(ppnum_t addr, unsigned offset, ppnum_t page);

/*
 * One access by the CPU to what a device reaches at this I/O address, in the CPU's byte
 * order: of RAM at any alignment, of registers naturally aligned. Where nothing is, reads are
 * all ones and writes are dropped (last error kIOReturnNotFound, kIOReturnNotAligned). Any
 * context, once the system mapper is decided.
 */
UInt8 IOMappedRead8(IOPhysicalAddress address);
UInt16 IOMappedRead16(IOPhysicalAddress address);
UInt32 IOMappedRead32(IOPhysicalAddress address);
UInt64 IOMappedRead64(IOPhysicalAddress address);
void IOMappedWrite8(IOPhysicalAddress address, UInt8 value);
void IOMappedWrite16(IOPhysicalAddress address, UInt16 value);
void IOMappedWrite32(IOPhysicalAddress address, UInt32 value);
void IOMappedWrite64(IOPhysicalAddress address, UInt64 value);

#endif
