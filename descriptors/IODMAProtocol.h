/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The channel between a DMA command, or a mapper, and a memory descriptor
 * (contract file 10, section 11.2). Not for drivers.
 */
#ifndef DESCRIPTORS_IODMAPROTOCOL_H
#define DESCRIPTORS_IODMAPROTOCOL_H

#include "descriptors/IOMemoryDescriptor.h"

typedef IOOptionBits DMACommandOps; /* top byte: operation; the rest: its parameter */

#define kIOMDWalkSegments             0x01000000u /* the segment at fOffset */
#define kIOMDFirstSegment             0x01000001u /* the same, forgetting earlier ones */
#define kIOMDGetCharacteristics       0x02000000u
#define kIOMDGetCharacteristicsMapped 0x02000001u /* the same */
#define kIOMDDMAActive                0x03000000u
#define kIOMDSetDMAInactive           0x03000000u /* one DMA user less */
#define kIOMDSetDMAActive             0x03000001u /* one more; completing is refused meanwhile */
#define kIOMDDMACommandOperationMask  0xFF000000u

typedef struct {
    UInt64 fLength;    /* bytes */
    UInt32 fSGCount;   /* ranges */
    UInt32 fPages;     /* pages of all ranges */
    UInt32 fPageAlign; /* one contiguous run: its offset in the first page | ~PAGE_MASK; else 0 */
    ppnum_t fHighestPage; /* 0 while it is not known */
    IODirection fDirection;
    UInt8 fIsPrepared;
} IOMDDMACharacteristics;

typedef struct {
    UInt64 fOffset;     /* in: where; out: the byte behind the segment */
    UInt64 fIOVMAddr;   /* out */
    UInt64 fLength;     /* out: bytes */
    UInt8 fMapped;      /* in: an address for a device behind the system mapper is wanted */
    UInt64 fMappedBase; /* in */
} IOMDDMAWalkSegmentArgs;

/* Begins with the arguments; the rest is the descriptor's. Zeroed by the caller before first use.
 */
typedef UInt8 IOMDDMAWalkSegmentState[128];

/*
 * vData and dataSize belong to the operation: a walk state, characteristics, or
 * nothing. kIOReturnUnderrun: dataSize is too small; kIOReturnBadArgument: unknown
 * operation. Walks end with kIOReturnOverrun exactly at the length,
 * kIOReturnInternalError past it; kIOReturnNotReady while not prepared. An
 * unmatched inactive is kIOReturnNotReady, one active too many
 * kIOReturnNoResources. [I]
 */
IOReturn IOMemoryDescriptor_dmaCommandOperation(IOMemoryDescriptorConstRef self, DMACommandOps op,
                                                void *vData, UInt dataSize);

#endif
