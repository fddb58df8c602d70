/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The channel between a DMA command, or a mapper, and a memory descriptor: one
 * operation, whose arguments are a structure of its own. Not for drivers.
 */
#ifndef DESCRIPTORS_IODMAPROTOCOL_H
#define DESCRIPTORS_IODMAPROTOCOL_H

#include "descriptors/IOMemoryDescriptor.h"

typedef IOOptionBits DMACommandOps; /* top byte: operation; the rest: its parameter */

/* Operations of dmaCommandOperation, with the structures that they take below. */
#define kIOMDWalkSegments             0x01000000u /* the segment at fOffset */
#define kIOMDFirstSegment             0x01000001u /* the same, forgetting earlier ones */
#define kIOMDGetCharacteristics       0x02000000u
#define kIOMDGetCharacteristicsMapped 0x02000001u /* the same */
#define kIOMDDMAActive                0x03000000u
#define kIOMDSetDMAInactive           0x03000000u /* one DMA user less */
#define kIOMDSetDMAActive             0x03000001u /* one more; completing is refused meanwhile */
#define kIOMDAddDMAMapSpec            0x04000000u /* tighten what a mapping must satisfy */
#define kIOMDDMAMap                   0x05000000u /* obtain an I/O mapping */
#define kIOMDDMAUnmap                 0x06000000u /* give it back */
#define kIOMDDMACommandOperationMask  0xFF000000u

/* Options of a mapping's specification: wishes, which a mapper need not be able to fulfil. */
#define kIOMapperUncached  0x1u /* accesses through it do not allocate in caches */
#define kIOMapperTransient 0x2u /* it will not last */

/* What a device asks of an I/O mapping. */
typedef struct {
    uint64_t alignment; /* of the I/O address; a power of two, 0: none */
    IOService *device;
    uint32_t options;       /* kIOMapper... */
    uint8_t numAddressBits; /* 0: no limit */
    uint8_t resvA[3];       /* [0]: kIODMAMapRead/WriteAccess, of what is needed; 0: both */
    uint32_t resvB[4];
} IODMAMapSpecification;

/* One pinned page, as a mapper takes it. */
typedef struct {
    ppnum_t phys_addr;
} upl_page_info_t;

/* The pages of a descriptor, so that a mapper need not walk it. */
typedef struct {
    uint32_t pageOffset; /* of the first byte in the first page */
    uint32_t pageListCount;
    const upl_page_info_t *pageList;
} IODMAMapPageList;

/* kIOMDDMAMap and kIOMDDMAUnmap: a mapping for a command, which owns it. */
typedef struct {
    IOMapper *fMapper; /* NULL: nothing is mapped */
    IODMACommand *fCommand;
    IODMAMapSpecification fMapSpec;
    uint64_t fOffset, fLength;     /* in: which bytes */
    uint64_t fAlloc, fAllocLength; /* the mapping; length 0: the command owns none */
} IOMDDMAMapArgs;

/* kIOMDGetCharacteristics: what a descriptor is to a device. */
typedef struct {
    UInt64 fLength;    /* bytes */
    UInt32 fSGCount;   /* ranges */
    UInt32 fPages;     /* pages of all ranges */
    UInt32 fPageAlign; /* one contiguous run: its offset in the first page | ~PAGE_MASK; else 0 */
    ppnum_t fHighestPage; /* 0 while it is not known */
    IODirection fDirection;
    UInt8 fIsPrepared;
} IOMDDMACharacteristics;

/* kIOMDWalkSegments: the segment at a position. */
typedef struct {
    UInt64 fOffset;     /* in: where; out: the byte behind the segment */
    UInt64 fIOVMAddr;   /* out */
    UInt64 fLength;     /* out: bytes */
    UInt8 fMapped;      /* in: an address for a device behind a mapper is wanted */
    UInt64 fMappedBase; /* in: the I/O address of byte 0 in a mapping; 0: the system mapper's */
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
 *
 * A walk with fMapped gives I/O addresses only: with fMappedBase those of that mapping of
 * the whole (a step forward costs a segment, one back begins again), without it what
 * getPhysicalSegment says with options 0. kIOReturnNotAttached: remote memory, at whatever
 * depth; kIOReturnNotPermitted: host-only memory, which no mapping shows;
 * kIOReturnNotAligned: byte 0 cannot be at that base. After a failure fIOVMAddr and
 * fLength are 0.
 *
 * kIOMDAddDMAMapSpec (IODMAMapSpecification): general descriptors keep the smaller
 * width and the larger alignment, others are kIOReturnUnsupported. kIOMDDMAMap and
 * kIOMDDMAUnmap (IOMDDMAMapArgs) map bytes for the command that gives the arguments,
 * which owns the mapping; unmapping always succeeds. The whole of it, by the system mapper and
 * without narrower constraints, is mapped once for all: fAllocLength is 0 then, and the mapping
 * goes with the last complete. [T]
 */
IOReturn IOMemoryDescriptor_dmaCommandOperation(IOMemoryDescriptorConstRef self, DMACommandOps op,
                                                void *vData, UInt dataSize);

/*
 * Ask a mapper for an I/O mapping of bytes [offset, offset + length) of `memory`: for
 * reading if its direction is Out or it is prepared so, for writing if that is In, else for
 * both, and for no more than mapSpec says is needed. A whole general descriptor hands its page
 * list over. Host-only memory, and no mapper:
 * success, *mapAddress and *mapLength 0, as after every failure. mapSpec NULL: no constraints.
 * kIOReturnNotAttached: some of it is remote, at whatever depth; kIOReturnNotPermitted: some of it,
 * but not all, is host-only; else what the mapper says. [T]
 */
IOReturn IOMemoryDescriptor_dmaMap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                   IOMemoryDescriptorRef memory, IODMACommand *command,
                                   const IODMAMapSpecification *mapSpec, uint64_t offset,
                                   uint64_t length, uint64_t *mapAddress, uint64_t *mapLength);

/*
 * The reverse; mapLength 0: success, nobody is asked. kIOReturnTimeout: a device may still
 * reach the memory, whose pages stay pinned and out of use for good (a line on the log
 * counts them). `offset`: as it was mapped. [T]
 */
IOReturn IOMemoryDescriptor_dmaUnmap(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t offset, uint64_t mapAddress,
                                     uint64_t mapLength);

/* Accounting of a mapping: one active DMA user more if a command has it. [T] */
void IOMemoryDescriptor_dmaMapRecord(IOMemoryDescriptorRef self, IOMapper *mapper,
                                     IODMACommand *command, uint64_t mapLength);

#endif
