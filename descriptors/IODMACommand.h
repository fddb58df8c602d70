/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IODMACommand: one transfer. It joins what a device can address (a specification), a
 * memory descriptor, a prepared range of it, and the I/O addresses under which the
 * device reaches these bytes:
 *
 *     command = IODMACommand_withSpecification(kIODMACommandOutputHost64, 32, ...);
 *     IODMACommand_setMemoryDescriptor(command, memory, false);
 *     IODMACommand_prepare(command, 0, 0, true, true);          bounce, cache, map
 *     while (IODMACommand_genIOVMSegments(command, &offset, list, &count) == ...) the device's list
 *     ... the transfer ...
 *     IODMACommand_complete(command, true, true);               copy back, unmap
 *
 * States: unspecified (withRefCon), specified, with memory, and active: prepared n times.
 * What needs a state the command is not in is kIOReturnNotReady. A call that fails
 * leaves the command in the state it had, with what it held.
 *
 * Bytes that the device cannot use where they are (above its address bits, or aligned
 * wrongly) are bounced: copied to and from memory of the command's own. Only these
 * bytes; the rest of the transfer is in place. Bounce memory is zeroed, is never shared
 * between commands, and comes from a pool of a stated size (IODMACommand_setBouncePool).
 *
 * `offset` of prepare is a byte position in the descriptor; that of generation, readBytes
 * and writeBytes is relative to the prepared start. Lengths are bytes. The pieces
 * produced are what the device puts on its bus: physical addresses, or I/O virtual ones
 * behind a mapper.
 *
 * A command is not thread-safe; different commands are independent, also over one
 * descriptor. Generation, byte access and synchronize without kForceDoubleBuffer are
 * for interrupt handlers too, while it is active; getters for any context; everything
 * else for thread context (kIOReturnCannotLock in a handler).
 *
 * Source: the reference's IODMACommand (IOKit, Kernel and DriverKit frameworks).
 */
#ifndef DESCRIPTORS_IODMACOMMAND_H
#define DESCRIPTORS_IODMACOMMAND_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IOCommand.h"
#include "descriptors/IODMALimits.h"
#include "descriptors/IOMapper.h"
#include "descriptors/IOMemoryRow.h"

/* The class object. */
extern const OSMetaClass IODMACommand_metaClass;

/* An entry of 32-bit lists: an I/O address and a length in bytes. */
typedef struct {
    UInt32 fIOVMAddr;
    UInt32 fLength;
} IODMACommand_Segment32;

/* The same of 64-bit lists, and what a segment function is given. */
typedef struct {
    UInt64 fIOVMAddr;
    UInt64 fLength;
} IODMACommand_Segment64;

/* kIODMAMapOption..., below. */
typedef uint32_t IODMACommand_MappingOptions;

/*
 * Writes entry `segmentIndex` of the device's list `segments`: called in order, each index
 * once, with final values. False refuses the segment, and then nothing may have become
 * valid for the device. Any context; must not block, nor generate, prepare or complete.
 */
typedef bool (*IODMACommand_SegmentFunction)(IODMACommand *target, IODMACommand_Segment64 segment,
                                             void *segments, UInt32 segmentIndex);

/*
 * A device's limits. fStructSize is 40, the documented part, or 56, with the extension
 * of this project: list formats of boundary-limited engines and of NVMe cannot be
 * stated without it. Alignments are powers of two.
 */
typedef struct {
    uint8_t fStructSize;
    uint8_t fNumAddressBits;             /* 0: no limit; else 12 to 64 */
    uint64_t fMaxSegmentSize;            /* bytes; 0: no limit */
    uint64_t fMaxTransferSize;           /* bytes; 0: no limit */
    uint32_t fAlignment;                 /* of the first segment's address; 0: 1 */
    uint32_t fAlignmentLength;           /* of every segment's length; 0: 1 */
    uint32_t fAlignmentInternalSegments; /* of every other segment's address; 0: fAlignment */
    uint32_t fReserved0;                 /* ignored */
    uint64_t fSegmentBoundary;           /* no segment crosses a multiple; 0: none, else >= 8 */
    uint32_t fAlignmentInternalEnd;      /* of the end of every segment but the last; 0: 1 */
    uint32_t fReserved1;                 /* must be 0 */
} IODMACommand_SegmentOptions;

/*
 * Mapping options: one type, and bits. Strict is this project's: bounce the part of a page
 * that the transfer does not fill, so that the device is never shown a neighbour's byte. It
 * is off by default, because it costs a copy.
 */
enum {
    kIODMAMapOptionMapped = 0x00,      /* use the mapper if there is one */
    kIODMAMapOptionBypassed = 0x01,    /* host addresses; refused behind a mapper */
    kIODMAMapOptionNonCoherent = 0x02, /* the device does not snoop: clean and invalidate */
    kIODMAMapOptionUnmapped = 0x03,    /* never the system mapper */
    kIODMAMapOptionTypeMask = 0x0F,
    kIODMAMapOptionNoCacheStore = 0x10, /* a hint, kept only */
    kIODMAMapOptionOnChip = 0x20,       /* a hint, kept only */
    kIODMAMapOptionIterateOnly = 0x40,  /* walk only: never bounce, report instead */
    kIODMAMapOptionDextOwner = 0x80,    /* made by IODMACommand_Create */
    kIODMAMapOptionStrict = 0x100,      /* bounce partial pages */
};

/* The same by their class-scoped names. */
enum {
    kMapped = kIODMAMapOptionMapped,
    kBypassed = kIODMAMapOptionBypassed,
    kNonCoherent = kIODMAMapOptionNonCoherent,
    kUnmapped = kIODMAMapOptionUnmapped,
    kTypeMask = kIODMAMapOptionTypeMask,
    kNoCacheStore = kIODMAMapOptionNoCacheStore,
    kOnChip = kIODMAMapOptionOnChip,
    kIterateOnly = kIODMAMapOptionIterateOnly,
};

/* And by their full names, for code in which the short ones clash. */
enum {
    IODMACommand_kMapped = kMapped,
    IODMACommand_kBypassed = kBypassed,
    IODMACommand_kNonCoherent = kNonCoherent,
    IODMACommand_kUnmapped = kUnmapped,
    IODMACommand_kTypeMask = kTypeMask,
    IODMACommand_kNoCacheStore = kNoCacheStore,
    IODMACommand_kOnChip = kOnChip,
    IODMACommand_kIterateOnly = kIterateOnly,
};

/* An option of synchronize, beside a direction: bounce the whole prepared range. */
#define kForceDoubleBuffer              0x01000000u
#define IODMACommand_kForceDoubleBuffer kForceDoubleBuffer

/* --- The six segment functions that come with the class -------------------------------------- */

/*
 * Entries of 8 (32-bit) or 16 bytes, address before length, in the CPU's order, big-endian
 * or little-endian; the array needs no alignment in normal memory. False, and nothing
 * written, if a value does not fit. Any context.
 */
bool IODMACommand_OutputHost32(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                               UInt32 segmentIndex);
bool IODMACommand_OutputBig32(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                              UInt32 segmentIndex);
bool IODMACommand_OutputLittle32(IODMACommand *target, IODMACommand_Segment64 segment,
                                 void *segments, UInt32 segmentIndex);
bool IODMACommand_OutputHost64(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                               UInt32 segmentIndex);
bool IODMACommand_OutputBig64(IODMACommand *target, IODMACommand_Segment64 segment, void *segments,
                              UInt32 segmentIndex);
bool IODMACommand_OutputLittle64(IODMACommand *target, IODMACommand_Segment64 segment,
                                 void *segments, UInt32 segmentIndex);

/* Their names as values. */
#define kIODMACommandOutputHost32   (IODMACommand_OutputHost32)
#define kIODMACommandOutputBig32    (IODMACommand_OutputBig32)
#define kIODMACommandOutputLittle32 (IODMACommand_OutputLittle32)
#define kIODMACommandOutputHost64   (IODMACommand_OutputHost64)
#define kIODMACommandOutputBig64    (IODMACommand_OutputBig64)
#define kIODMACommandOutputLittle64 (IODMACommand_OutputLittle64)

/* --- Making one ------------------------------------------------------------------------------ */

/*
 * A command for a device with these limits; 0 means none. NULL: kIOReturnBadArgument (no
 * function; bits below 12 or above 64, or above 32 with a 32-bit function; an alignment
 * that is no power of two, above the largest segment or above the address bits; a
 * boundary that is smaller than an alignment or 8; undefined options; Bypassed behind
 * a mapper; Unmapped with one named), kIOReturnNoMemory.
 *
 * mapper NULL: the system mapper, if the type uses one and the machine has it. A named
 * mapper is retained. A 32-bit function implies 32 address bits.
 */
IODMACommand *IODMACommand_withSpecification(IODMACommand_SegmentFunction outSegFunc,
                                             UInt8 numAddressBits, UInt64 maxSegmentSize,
                                             IODMACommand_MappingOptions mappingOptions,
                                             UInt64 maxTransferSize, UInt32 alignment,
                                             IOMapper *mapper, void *refCon);

/* The same, with all limits. kIOReturnBadArgument also for another fStructSize than 40 or 56. */
IODMACommand *IODMACommand_withSpecificationOptions(
    IODMACommand_SegmentFunction outSegFunc, const IODMACommand_SegmentOptions *segmentOptions,
    uint32_t mappingOptions, IOMapper *mapper, void *refCon);

/* A command without a specification: prepareWithSpecification gives it one. */
IODMACommand *IODMACommand_withRefCon(void *refCon);

/* The initialisers behind the factories, once for an object; false as the factory gives NULL. */
bool IODMACommand_initWithSpecification(IODMACommand *self, IODMACommand_SegmentFunction outSegFunc,
                                        UInt8 numAddressBits, UInt64 maxSegmentSize,
                                        IODMACommand_MappingOptions mappingOptions,
                                        UInt64 maxTransferSize, UInt32 alignment, IOMapper *mapper,
                                        void *refCon);
bool IODMACommand_initWithSpecificationOptions(IODMACommand *self,
                                               IODMACommand_SegmentFunction outSegFunc,
                                               const IODMACommand_SegmentOptions *segmentOptions,
                                               uint32_t mappingOptions, IOMapper *mapper,
                                               void *refCon);
bool IODMACommand_initWithRefCon(IODMACommand *self, void *refCon);

/*
 * withSpecification with the reason as its answer: kIOReturnBadArgument (newCommand NULL),
 * kIOReturnUnsupported (no object), kIOReturnError (specification refused). *newCommand is
 * NULL on failure.
 */
IOReturn IODMACommand_weakWithSpecification(IODMACommand **newCommand,
                                            IODMACommand_SegmentFunction outSegFunc,
                                            UInt8 numAddressBits, UInt64 maxSegmentSize,
                                            IODMACommand_MappingOptions mapType,
                                            UInt64 maxTransferSize, UInt32 alignment,
                                            IOMapper *mapper, void *refCon);

/* The same specification and nothing else of a command that may be in any state. */
IODMACommand *IODMACommand_cloneCommand(IODMACommand *self, void *refCon);

/* What the last release does: an active command is completed first, with a line on the log. */
void IODMACommand_free(IODMACommand *self);

/* --- What it is ------------------------------------------------------------------------------ */

/* The client's own pointer, at any time. */
void *IODMACommand_getRefCon(const IODMACommand *self);
void IODMACommand_setRefCon(IODMACommand *self, void *refCon);

/* What the specification says, with its defaults filled in; 0 of NULL. */
UInt8 IODMACommand_getNumAddressBits(const IODMACommand *self); /* 0: no limit */
UInt32 IODMACommand_getAlignment(const IODMACommand *self);
uint32_t IODMACommand_getAlignmentLength(const IODMACommand *self);
uint32_t IODMACommand_getAlignmentInternalSegments(const IODMACommand *self);
uint64_t IODMACommand_getSegmentBoundary(const IODMACommand *self); /* 0: none */
uint32_t IODMACommand_getAlignmentInternalEnd(const IODMACommand *self);
const OSMetaClass *IODMACommand_getMetaClass(const IODMACommand *self); /* dynamic */

/* --- Memory ---------------------------------------------------------------------------------- */

/*
 * Take a reference to `mem` in place of what was set; NULL clears. autoPrepare: prepare all
 * of it as well. The descriptor set already: autoPrepare prepares unless active;
 * without it an active command is completed. kIOReturnBusy: another descriptor, or NULL,
 * while active; kIOReturnNotReady: autoPrepare without a specification; else as prepare.
 */
IOReturn IODMACommand_setMemoryDescriptor(IODMACommand *self, IOMemoryDescriptorConstRef mem,
                                          bool autoPrepare);

/*
 * Let go of it. autoComplete: complete until inactive first; the first error of that is the
 * answer, the memory goes all the same. kIOReturnNotReady: active, and not autoComplete.
 */
IOReturn IODMACommand_clearMemoryDescriptor(IODMACommand *self, bool autoComplete);

/* The descriptor that was set, not retained; NULL: none. */
const IOMemoryDescriptor *IODMACommand_getMemoryDescriptor(const IODMACommand *self);

/* The one the device uses: the copy while the whole range is double-buffered. Not retained. */
IOMemoryDescriptor *IODMACommand_getIOMemoryDescriptor(const IODMACommand *self);

/* --- Preparing ------------------------------------------------------------------------------- */

/*
 * Make bytes [offset, offset + length) of the descriptor reachable by the device; length
 * 0: to the end. The descriptor itself must be prepared. synchronize: fill bounce memory.
 * flushCache: for a non-coherent device, clean the CPU's caches. Nested calls with the
 * same range only count.
 *
 * kIOReturnCannotLock: in an interrupt handler; kIOReturnNotReady: no specification, no
 * memory, the descriptor is not prepared, or active with another range;
 * kIOReturnBadArgument: outside the descriptor; kIOReturnNoSpace: longer than the largest
 * transfer, or no I/O address; kIOReturnNotAligned: a length that is no multiple of the
 * alignment of lengths; kIOReturnNoResources: no bounce memory the device could use;
 * kIOReturnNotPermitted: host-only memory behind a mapper; kIOReturnNotAttached: remote
 * memory, except for IterateOnly; kIOReturnVMError: 2^32 pages and more; or what the
 * mapper answers.
 */
IOReturn IODMACommand_prepare(IODMACommand *self, UInt64 offset, UInt64 length, bool flushCache,
                              bool synchronize);

/*
 * Set a new specification, then prepare; a failure of either brings the old one back.
 * kIOReturnNotPermitted: active.
 */
IOReturn IODMACommand_prepareWithSpecification(IODMACommand *self,
                                               IODMACommand_SegmentFunction outSegFunc,
                                               UInt8 numAddressBits, UInt64 maxSegmentSize,
                                               IODMACommand_MappingOptions mappingOptions,
                                               UInt64 maxTransferSize, UInt32 alignment,
                                               IOMapper *mapper, UInt64 offset, UInt64 length,
                                               bool flushCache, bool synchronize);
IOReturn IODMACommand_prepareWithSpecificationOptions(
    IODMACommand *self, IODMACommand_SegmentFunction outSegFunc,
    const IODMACommand_SegmentOptions *segmentOptions, uint32_t mappingOptions, IOMapper *mapper,
    UInt64 offset, UInt64 length, bool flushCache, bool synchronize);

/*
 * Undo one prepare. The last one, in this order: barrier, cache (invalidateCache, for a
 * non-coherent device), bounce memory back into the descriptor (synchronize, unless the
 * direction is Out), unmap, free. All steps are done; the first error is the answer. The
 * device must have finished or been stopped. kIOReturnNotReady: not active; kIOReturnBusy:
 * an engine still has the command.
 */
IOReturn IODMACommand_complete(IODMACommand *self, bool invalidateCache, bool synchronize);

/*
 * What is prepared stays so as long as the image runs, on purpose: a driver's rings. Debug builds
 * do not call it a leak at the end (descriptors/ledger); nothing else changes. Any context.
 */
void IODMACommand_keepPrepared(IODMACommand *self);

/*
 * Copy between the descriptor and bounce memory now: kIODirectionOut towards the device,
 * kIODirectionIn back, no direction: nothing. kForceDoubleBuffer: put the whole range
 * into a copy, whatever the limits; addresses generated before are invalid then (not for
 * IterateOnly: kIOReturnUnsupported). kIOReturnBadArgument: both directions, or an unknown
 * bit; kIOReturnNotReady: not active; kIOReturnNotWritable: back into memory that is
 * prepared for reading only; kIOReturnUnderrun: bytes could not be copied; kIOReturnBusy: an
 * engine has the command (kForceDoubleBuffer). For a device that does not snoop, bounce
 * memory is cleaned or invalidated as the copy needs.
 */
IOReturn IODMACommand_synchronize(IODMACommand *self, IOOptionBits options);

/* Position and length of the preparation; pointers may be NULL. kIOReturnNotReady: not active. */
IOReturn IODMACommand_getPreparedOffsetAndLength(const IODMACommand *self, UInt64 *offset,
                                                 UInt64 *length);

/* Bytes of the preparation that live in bounce memory. */
uint64_t IODMACommand_getBounceLength(const IODMACommand *self);

/*
 * A buffer for the whole range: `length` bytes, page-aligned, below the address limit,
 * prepared, +1. NULL: length 0, or no memory. A subclass may supply another.
 */
IOBufferMemoryDescriptor *IODMACommand_createCopyBuffer(IODMACommand *self, IODirection direction,
                                                        UInt64 length);

/*
 * The pool that all commands' bounce memory comes from: bytes it may have at once (at
 * first a quarter of the RAM), and has now. A prepare that would exceed it is
 * kIOReturnNoResources, with a line that names the holders.
 */
void IODMACommand_setBouncePool(uint64_t bytes);
uint64_t IODMACommand_getBouncePool(void);
uint64_t IODMACommand_getBounceInUse(void);

/* --- Segments -------------------------------------------------------------------------------- */

/*
 * Put out segments from *offset on through the specification's segment function: as few as
 * the limits allow, at most *numSegments. On success *offset is the first byte not covered,
 * *numSegments the entries written. The list does not depend on how a walk is split into calls.
 *
 * kIOReturnNotReady: not active; kIOReturnBadArgument: NULL, or room for no entry (segments
 * may be NULL for a function that does not use it); kIOReturnOverrun: *offset at or past
 * the end, which ends a loop; kIOReturnMessageTooLarge: an address above the limit, or the
 * function refused; kIOReturnNotAligned: no segment may start at *offset, or no cut obeys.
 * An error is that of the call's first segment; one that comes later ends the call
 * before it, and is the next call's. *offset and *numSegments are unchanged on failure.
 */
IOReturn IODMACommand_genIOVMSegments(IODMACommand *self, UInt64 *offset, void *segments,
                                      UInt32 *numSegments);

/* The same through another function, for this call. */
IOReturn IODMACommand_genIOVMSegmentsFunction(IODMACommand *self,
                                              IODMACommand_SegmentFunction segmentFunction,
                                              UInt64 *offset, void *segments, UInt32 *numSegments);

/*
 * Ours: writes all entries of a row at once (IOMemoryRow_each), as the segment function would one
 * after another, and returns how many. The same rules: an entry that it refuses ends the row.
 */
typedef UInt32 (*IODMACommand_RowFunction)(IODMACommand *target, struct IOMemoryRow *row,
                                           void *segments);

/*
 * Ours: the same through these two, for this call. Where all that is left lies in runs of which
 * none has to be cut the row's is called, once, and not the other; so long lists cost no call an
 * entry. rowFunction may be NULL.
 */
IOReturn IODMACommand_genIOVMSegmentsRow(IODMACommand *self,
                                         IODMACommand_SegmentFunction segmentFunction,
                                         UInt64 *offset, void *segments, UInt32 *numSegments,
                                         IODMACommand_RowFunction rowFunction);

/* Typed; kIOReturnBadArgument if the function is one of the six and of the other width. */
IOReturn IODMACommand_gen32IOVMSegments(IODMACommand *self, UInt64 *offset,
                                        IODMACommand_Segment32 *segments, UInt32 *numSegments);
IOReturn IODMACommand_gen64IOVMSegments(IODMACommand *self, UInt64 *offset,
                                        IODMACommand_Segment64 *segments, UInt32 *numSegments);

/*
 * Copy from or to the bytes that the device sees, bounce memory included; what lies past
 * the prepared end is left out. Returns bytes copied; 0: kIOReturnNotReady (not active),
 * kIOReturnOverrun, kIOReturnBadArgument (NULL), kIOReturnNotAttached (remote memory),
 * kIOReturnNotWritable. No cache maintenance.
 */
UInt64 IODMACommand_readBytes(IODMACommand *self, UInt64 offset, void *bytes, UInt64 length);
UInt64 IODMACommand_writeBytes(IODMACommand *self, UInt64 offset, const void *bytes, UInt64 length);

/* --- As DriverKit names it ------------------------------------------------------------------- */

/* What a device can address, in DriverKit's words. */
typedef struct {
    uint64_t options; /* kIODMACommandSpecificationNoOptions */
    uint64_t maxAddressBits;
    uint64_t _resv[16];
} IODMACommandSpecification;

/* Options of the functions below. */
enum {
    kIODMACommandCreateNoOptions = 0,
    kIODMACommandPrepareForDMANoOptions = 0,
    kIODMACommandCompleteDMANoOptions = 0,
    kIODMACommandSpecificationNoOptions = 0,
    kIODMACommandPerformOperationOptionRead = 0x1,
    kIODMACommandPerformOperationOptionWrite = 0x2,
    kIODMACommandPerformOperationOptionZero = 0x4,
};

#define kIODMACommandSegmentsMax 32 /* entries of PrepareForDMA's array */

/*
 * A command for a device, through its mapper: 64-bit entries, maxAddressBits, no other
 * limit. *command +1. kIOReturnBadArgument: NULL, options, bits above 64; kIOReturnNoDevice: its
 * mapper did not start; kIOReturnNoMemory.
 */
IOReturn IODMACommand_Create(IOService *device, uint64_t options,
                             const IODMACommandSpecification *specification,
                             IODMACommand **command);

/*
 * Prepare the descriptor for its own direction, set it, prepare [offset, offset + length)
 * and put out its segments; *segmentsCount: room, at most 32, and then entries. *flags:
 * kIOMemoryDirectionOut, the device may read; kIOMemoryDirectionIn, it may write.
 * Nothing is bounced: kIOReturnNotAligned, kIOReturnMessageTooLarge. kIOReturnNoSpace: more
 * segments than room; kIOReturnBusy: prepared already; kIOReturnNotPermitted: for a driver process
 * memory that it may not transfer, or a page of it that has bytes of others. A failure undoes
 * everything.
 */
IOReturn IODMACommand_PrepareForDMA(IODMACommand *self, uint64_t options,
                                    IOMemoryDescriptorRef memory, uint64_t offset, uint64_t length,
                                    uint64_t *flags, uint32_t *segmentsCount,
                                    IOAddressSegment segments[kIODMACommandSegmentsMax]);

/*
 * Complete, clear, complete the descriptor: the first error. kIOReturnNotReady: not prepared;
 * kIOReturnNotPermitted: for a driver process a command that the kernel has prepared by other
 * names.
 */
IOReturn IODMACommand_CompleteDMA(IODMACommand *self, uint64_t options);

/* What is prepared; *memory is retained. kIOReturnNotReady. */
IOReturn IODMACommand_GetPreparation(IODMACommand *self, uint64_t *offset, uint64_t *length,
                                     IOMemoryDescriptor **memory);

/*
 * Copy `length` bytes at dmaOffset of the device's view to (Read) or from (Write) `data` at
 * dataOffset, or zero them (Zero): exactly one of these. kIOReturnNotReady;
 * kIOReturnBadArgument: longer than the descriptor, data NULL or too short; kIOReturnUnderrun:
 * only a part.
 */
IOReturn IODMACommand_PerformOperation(IODMACommand *self, uint64_t options, uint64_t dmaOffset,
                                       uint64_t length, uint64_t dataOffset,
                                       IOMemoryDescriptorRef data);

#endif
