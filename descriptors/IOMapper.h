/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMapper: gives memory addresses that a device behind an I/O memory-management unit
 * can use. Abstract: the unit's driver subclasses it
 * (IOMapper_class.h).
 */
#ifndef DESCRIPTORS_IOMAPPER_H
#define DESCRIPTORS_IOMAPPER_H

#include "descriptors/IODMAProtocol.h"

/* The class object. */
extern const OSMetaClass IOMapper_metaClass;

/* mapOptions. */
#define kIODMAMapReadAccess            0x001u /* the device may read */
#define kIODMAMapWriteAccess           0x002u /* the device may write */
#define kIODMAMapPhysicallyContiguous  0x010u
#define kIODMAMapDeviceMemory          0x020u
#define kIODMAMapPagingPath            0x040u
#define kIODMAMapIdentityMap           0x080u
#define kIODMAMapPageListFullyOccupied 0x100u /* whole pages from the first byte to the last */
#define kIODMAMapFixedAddress          0x200u

/*
 * Translations for bytes [descriptorOffset, + length) of prepared memory. *mapAddress
 * is the I/O address of the first byte, *mapLength the I/O bytes taken; together they
 * are the key for unmapping. pageList may be NULL, and so may dmaCommand.
 * kIOReturnBadArgument: NULL, length 0, or outside the memory; else the unit's. [T]
 */
IOReturn IOMapper_iovmMapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                uint64_t descriptorOffset, uint64_t length, uint32_t mapOptions,
                                const IODMAMapSpecification *mapSpecification,
                                IODMACommand *dmaCommand, const IODMAMapPageList *pageList,
                                uint64_t *mapAddress, uint64_t *mapLength);

/*
 * Take them away: on success the device cannot reach the memory any more. mapLength 0:
 * success. kIOReturnNotFound: no such mapping. [T]
 */
IOReturn IOMapper_iovmUnmapMemory(IOMapper *self, IOMemoryDescriptorRef memory,
                                  IODMACommand *dmaCommand, uint64_t mapAddress,
                                  uint64_t mapLength);

#endif
