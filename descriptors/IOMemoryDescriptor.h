/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMemoryDescriptor: an ordered list of ranges of memory that takes part in I/O.
 * A descriptor can pin its pages (prepare, complete), list
 * them as physical segments, and be read and written byte by byte.
 *
 * The class is abstract; the factories here give an IOGeneralMemoryDescriptor.
 * All functions work on every subclass. Offsets and lengths are bytes.
 *
 * Uniform rules: a NULL self gives kIOReturnBadArgument, NULL, 0 or false; an
 * offset plus length that wraps is out of range; after an answer that cannot say
 * why, IOMemoryLastError() does.
 *
 * Contexts: [A] any. [I] interrupt handlers too, while the memory is prepared or
 * physical. [T] thread context. [S] calls on one object must be serialised by the
 * caller, unless it was made with kIOMemoryThreadSafe.
 */
#ifndef DESCRIPTORS_IOMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOMEMORYDESCRIPTOR_H

#include "descriptors/IOClasses.h"
#include "descriptors/IOReturn.h"
#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass IOMemoryDescriptor_metaClass;

/* Direction of a transfer, seen from memory. */
#define kIODirectionNone  0x0u /* in prepare and complete: the descriptor's own */
#define kIODirectionIn    0x1u /* device to memory: memory will be written */
#define kIODirectionOut   0x2u /* memory to device: memory will be read */
#define kIODirectionOutIn 0x3u
#define kIODirectionInOut 0x3u

/* Modifiers of prepare. */
#define kIODirectionPrepareToPhys32        0x4u /* every page below 4 GiB, unless a mapper translates */
#define kIODirectionPrepareNoFault         0x8u /* fail rather than make an absent page resident */
#define kIODirectionPrepareReserved1       0x10u
#define kIODirectionPrepareNoZeroFill      0x10u /* absent pages may be supplied unzeroed: a hint */
#define kIODirectionPrepareNonCoherent     0x20u /* the device does not snoop: clean and invalidate */
#define kIODirectionPrepareAvoidThrottling 0x100u /* kIOReturnNotReady when memory is short */

/* Modifiers of complete. */
#define kIODirectionCompleteWithError     0x40u /* the transfer failed */
#define kIODirectionCompleteWithDataValid 0x80u /* the device has filled the memory */

/* Creation options and state bits, as getFlags shows them. */
#define kIOMemoryDirectionMask    0x00000007u /* bit 2: PrepareToPhys32 in every prepare */
#define kIOMemoryAutoPrepare      0x00000008u /* prepared from creation to free */
#define kIOMemoryTypeVirtual      0x00000010u /* ranges are virtual in a task */
#define kIOMemoryTypeVirtual64    kIOMemoryTypeVirtual
#define kIOMemoryTypePhysical     0x00000020u /* ranges are physical */
#define kIOMemoryTypePhysical64   kIOMemoryTypePhysical
#define kIOMemoryTypePersistentMD 0x00000040u /* withPersistentMemoryDescriptor's own: refused */
#define kIOMemoryTypeUPL          0x00000030u /* refused: kIOReturnUnsupported */
#define kIOMemoryTypeUIO          0x00000050u /* refused: kIOReturnUnsupported */
#define kIOMemoryTypeMask         0x000000F0u
#define kIOMemoryAsReference      0x00000100u /* the caller's range array is used in place */
#define kIOMemoryBufferPageable   0x00000400u /* the memory of a pageable buffer */
#define kIOMemoryMapperNone                                                                        \
    0x00000800u /* never translated; also an option of getPhysicalSegment                          \
                 */
#define kIOMemoryHostOnly         0x00001000u /* never for DMA; implies MapperNone */
#define _kIOMemorySourceSegment   0x00002000u /* getPhysicalSegment only: where the ranges lie */
#define kIOMemoryRedirected       0x00004000u /* state: accesses wait */
#define kIOMemoryPreparedReadOnly 0x00008000u /* state: prepared for reading only */
#define kIOMemoryPersistent       0x00010000u /* describe this memory, whatever the task maps there */
#define kIOMemoryMapCopyOnWrite   0x00020000u /* mappings show a private image */
#define kIOMemoryRemote           0x00040000u /* another processor's memory; implies MapperNone */
#define kIOMemoryThreadSafe       0x00100000u /* the object serialises its own methods */
#define kIOMemoryClearEncrypt     0x00200000u /* no such hardware: ignored */
#define kIOMemoryBufferPurgeable  0x00400000u /* the memory of a purgeable buffer */
#define kIOMemoryUseReserve       0x00800000u /* may draw on reserved pages: a hint */
#define kIOMemoryBufferCacheMask  0x70000000u /* cache mode of the memory */
#define kIOMemoryBufferCacheShift 28

/* Cache modes, as numbers and as they stand in the options of mappings and buffers. */
#define kIODefaultCache            0u
#define kIOInhibitCache            1u
#define kIOWriteThruCache          2u
#define kIOCopybackCache           3u
#define kIOWriteCombineCache       4u
#define kIOCopybackInnerCache      5u
#define kIOPostedWrite             6u
#define kIORealTimeCache           7u
#define kIOPostedReordered         8u /* these two in mappings only */
#define kIOPostedCombinedReordered 9u

/* A cache mode among the options of a mapping. */
#define kIOMapCacheShift              8
#define kIOMapCacheMask               0x00000F00u
#define kIOMapDefaultCache            (kIODefaultCache << kIOMapCacheShift)
#define kIOMapInhibitCache            (kIOInhibitCache << kIOMapCacheShift)
#define kIOMapWriteThruCache          (kIOWriteThruCache << kIOMapCacheShift)
#define kIOMapCopybackCache           (kIOCopybackCache << kIOMapCacheShift)
#define kIOMapWriteCombineCache       (kIOWriteCombineCache << kIOMapCacheShift)
#define kIOMapCopybackInnerCache      (kIOCopybackInnerCache << kIOMapCacheShift)
#define kIOMapPostedWrite             (kIOPostedWrite << kIOMapCacheShift)
#define kIOMapRealTimeCache           (kIORealTimeCache << kIOMapCacheShift)
#define kIOMapPostedReordered         (kIOPostedReordered << kIOMapCacheShift)
#define kIOMapPostedCombinedReordered (kIOPostedCombinedReordered << kIOMapCacheShift)

/* Options of mappings, besides a cache mode. */
#define kIOMapAnywhere        0x00000001u /* the system picks the address */
#define kIOMapReadOnly        0x00001000u /* stores through it fault */
#define kIOMapStatic          0x01000000u /* it exists already: only record it */
#define kIOMapReference       0x02000000u /* only an existing compatible mapping */
#define kIOMapUnique          0x04000000u /* never shared; may be redirected */
#define kIOMap64Bit           0x08000000u /* no effect */
#define kIOMapPrefault        0x10000000u /* no access through it faults */
#define kIOMapOverwrite       0x20000000u /* in place of what the caller has at the address */
#define kIOMapGuardedMask     0xC0000000u
#define kIOMapGuardedSmall    0x40000000u /* a page without access on either side */
#define kIOMapGuardedLarge    0x80000000u /* 65536 bytes of them */
#define kIOMapUserOptionsMask 0x00000FFFu
#define kIODefaultMemoryType  0u

/* States of purgeable memory, the low four bits of setPurgeable's argument. */
#define kIOMemoryPurgeableKeepCurrent 1u
#define kIOMemoryPurgeableNonVolatile 2u
#define kIOMemoryPurgeableVolatile    3u
#define kIOMemoryPurgeableEmpty       4u

/* How volatile memory queues up to be taken. */
#define kIOMemoryPurgeableVolatileGroupShift       8
#define kIOMemoryPurgeableVolatileGroup0           0x000u /* goes first */
#define kIOMemoryPurgeableVolatileGroup1           0x100u
#define kIOMemoryPurgeableVolatileGroup2           0x200u
#define kIOMemoryPurgeableVolatileGroup3           0x300u
#define kIOMemoryPurgeableVolatileGroup4           0x400u
#define kIOMemoryPurgeableVolatileGroup5           0x500u
#define kIOMemoryPurgeableVolatileGroup6           0x600u
#define kIOMemoryPurgeableVolatileGroup7           0x700u
#define kIOMemoryPurgeableVolatileBehaviorFifo     0x0u
#define kIOMemoryPurgeableVolatileBehaviorLifo     0x40u
#define kIOMemoryPurgeableVolatileOrderingNormal   0x0u
#define kIOMemoryPurgeableVolatileOrderingObsolete 0x20u /* before every group */
#define kIOMemoryPurgeableFaultOnAccess            0x2000u

/* Ledger tags of setOwnership; -1 keeps the tag. */
#define VM_LEDGER_TAG_NONE             0
#define kIOMemoryLedgerTagDefault      1
#define kIOmemoryLedgerTagNetwork      2
#define kIOMemoryLedgerTagMedia        3
#define kIOMemoryLedgerTagGraphics     4
#define kIOMemoryLedgerTagNeural       5
#define kIOMemoryLedgerFlagNoFootprint 0x1u

/* The mapper argument: the system's, if there is one. */
#define kIOMapperSystem ((IOMapper *)NULL)

/* Operations of performOperation. */
#define kIOMemoryIncoherentIOFlush 1u  /* clean and invalidate the data cache */
#define kIOMemoryIncoherentIOStore 2u  /* clean it */
#define kIOMemoryClearEncrypted    50u /* kIOReturnUnsupported */
#define kIOMemorySetEncrypted      51u /* kIOReturnUnsupported */

/* Preparation IDs that are no numbers of a preparation; those start at 2^32. */
#define kIOPreparationIDUnprepared     0ull
#define kIOPreparationIDUnsupported    1ull
#define kIOPreparationIDAlwaysPrepared 2ull

/* The ID of no descriptor. */
#define kIODescriptorIDInvalid 0ull

/* Accounting tags reported where none was set. */
#define VM_KERN_MEMORY_NONE  0u
#define VM_KERN_MEMORY_IOKIT 3u
#define VM_MEMORY_IOKIT      21u

/* Highest page number of RAM, from IOMemoryDescriptor_initialize on. */
extern ppnum_t gIOLastPage;

/* Live references to the memory behind descriptors: made by mappings and by kIOMemoryPersistent. */
extern uint32_t gIOMemoryReferenceCount;

/* One-time set-up of the class; more calls do nothing. [T] */
void IOMemoryDescriptor_initialize(void);

/*
 * Designated initialiser, and re-initialiser, of a general descriptor (the base
 * class and composites answer kIOReturnUnsupported). buffers: `count` address
 * ranges, copied unless kIOMemoryAsReference; `offset` is unused. options: one
 * type, direction, flags. task: owner of virtual ranges, TASK_NULL for physical.
 * False: kIOReturnBadArgument (type, task, NULL or 0, wrapping range or sum, page
 * number above 32 bits), kIOReturnVMError (outside the address space),
 * kIOReturnNoResources (more than the RAM), kIOReturnUnsupported (UPL, UIO, cache
 * mode), kIOReturnNoMemory, kIOReturnBusy (re-initialised while DMA is active), or
 * why kIOMemoryAutoPrepare could not prepare. Such a failure leaves nothing pinned. [T][S]
 */
bool IOMemoryDescriptor_initWithOptions(IOMemoryDescriptorRef self, void *buffers, UInt32 count,
                                        UInt32 offset, task_t task, IOOptionBits options,
                                        IOMapper *mapper);

/* A new general descriptor; as initWithOptions. [T] */
IOMemoryDescriptor *IOMemoryDescriptor_withOptions(void *buffers, UInt32 count, UInt32 offset,
                                                   task_t task, IOOptionBits options,
                                                   IOMapper *mapper);

/*
 * Virtual ranges of `task`, or physical ones when it is TASK_NULL. Type bits in
 * options are refused (kIOReturnBadArgument). Not prepared. [T]
 */
IOMemoryDescriptor *IOMemoryDescriptor_withAddressRanges(IOAddressRange *ranges, UInt32 rangeCount,
                                                         IOOptionBits options, task_t task);

/* The same for one range; length 0 is accepted. [T] */
IOMemoryDescriptor *IOMemoryDescriptor_withAddressRange(mach_vm_address_t address,
                                                        mach_vm_size_t length, IOOptionBits options,
                                                        task_t task);

/* Kernel memory that is prepared from creation to free. [T] */
IOMemoryDescriptor *IOMemoryDescriptor_withAddress(void *address, IOByteCount withLength,
                                                   IODirection withDirection);

/* One physical range, RAM or not. [T] */
IOMemoryDescriptor *IOMemoryDescriptor_withPhysicalAddress(IOPhysicalAddress address,
                                                           IOByteCount withLength,
                                                           IODirection withDirection);

/*
 * For a descriptor made with kIOMemoryPersistent: the same one with another
 * reference if its ranges still show the memory that they did then, else a new one of
 * the memory that they show now. NULL: kIOReturnBadArgument (not such a descriptor),
 * kIOReturnVMError (not mapped any more). [T]
 */
IOMemoryDescriptor *IOMemoryDescriptor_withPersistentMemoryDescriptor(
    IOMemoryDescriptorRef originalMD);

/*
 * What the last release does: undo outstanding prepares, drop all that the object
 * holds, return the storage. Memory with active DMA is logged and stays pinned. [T]
 */
void IOMemoryDescriptor_free(IOMemoryDescriptorRef self);

/* Attributes. [A] */
IODirection IOMemoryDescriptor_getDirection(IOMemoryDescriptorConstRef self); /* flags & 7 */
IOByteCount IOMemoryDescriptor_getLength(IOMemoryDescriptorConstRef self);    /* bytes */
uint64_t IOMemoryDescriptor_getFlags(IOMemoryDescriptorRef self); /* options and live state */
const OSMetaClass *IOMemoryDescriptor_getMetaClass(IOMemoryDescriptorConstRef self); /* dynamic */

/* 32 bits for the caller's use, 0 at first. [A] */
void IOMemoryDescriptor_setTag(IOMemoryDescriptorRef self, IOOptionBits tag);
IOOptionBits IOMemoryDescriptor_getTag(IOMemoryDescriptorRef self);

/*
 * Accounting tags for kernel and user mappings. One above 0xFFFF changes neither
 * (last error kIOReturnBadArgument). getVMTag answers the one for that address
 * space, or the default where it is 0. [A]
 */
void IOMemoryDescriptor_setVMTags(IOMemoryDescriptorRef self, uint32_t kernelTag, uint32_t userTag);
uint32_t IOMemoryDescriptor_getVMTag(IOMemoryDescriptorRef self, vm_map_t map);

/* Hint bits for the I/O mapper, kept as they are, 0 at first. [A] */
void IOMemoryDescriptor_setMapperOptions(IOMemoryDescriptorRef self, uint16_t options);
uint16_t IOMemoryDescriptor_getMapperOptions(IOMemoryDescriptorRef self);

/*
 * An object that goes with the descriptor, retained by it; NULL for none. copy
 * answers it with a reference. [T] to set, [A] to copy.
 */
void IOMemoryDescriptor_setContext(IOMemoryDescriptorRef self, OSObjectRef context);
OSObject *IOMemoryDescriptor_copyContext(IOMemoryDescriptorConstRef self);

/* A unique number, not 0, given on first request and kept for life. [A] */
void IOMemoryDescriptor_setDescriptorID(IOMemoryDescriptorRef self);
uint64_t IOMemoryDescriptor_getDescriptorID(IOMemoryDescriptorRef self);

/* The object's identities and context, in a structure for the classes only. */
typedef struct IOMemoryDescriptorReserved IOMemoryDescriptorReserved;
IOMemoryDescriptorReserved *IOMemoryDescriptor_getKernelReserved(IOMemoryDescriptorRef self);

/*
 * Make every page resident with the needed permission and pin it. Counted: each
 * success wants one complete, only the first does work. forDirection: direction
 * (none: the descriptor's own, if that is none too: both) and modifiers. On
 * failure nothing is changed: kIOReturnCannotWire (part is not mapped, or above
 * 4 GiB when asked below), kIOReturnNotWritable, kIOReturnNoResources,
 * kIOReturnNotReady (memory is short), kIOReturnNotAttached (remote),
 * kIOReturnNoMemory. Physical memory succeeds and counts nothing. [T][S]
 */
IOReturn IOMemoryDescriptor_prepare(IOMemoryDescriptorRef self, IODirection forDirection);

/*
 * Undo one prepare. Only the complete modifiers of forDirection count.
 * kIOReturnNotReady: there is none to undo; kIOReturnBusy: it is the last and DMA
 * is active. [T][S]
 */
IOReturn IOMemoryDescriptor_complete(IOMemoryDescriptorRef self, IODirection forDirection);

/*
 * A number that is equal in two answers exactly when the physical layout cannot
 * have changed in between. Virtual memory: 0 while it is unprepared, then at least
 * 2^32, and another one for each preparation; physical memory: one for life. No
 * number is ever given twice. [T]
 */
uint64_t IOMemoryDescriptor_getPreparationID(IOMemoryDescriptorRef self);

/* Give the object a number if it holds none; for subclasses. [T] */
void IOMemoryDescriptor_setPreparationID(IOMemoryDescriptorRef self);

/*
 * Copy between the described memory and kernel memory, as a device would see it.
 * A range that does not fit in the length copies nothing; a result between 0 and
 * withLength means that memory was missing part-way. writeBytes from NULL fills
 * with zeros and flushes. 0: kIOReturnNotReady (not prepared), kIOReturnNotWritable
 * (prepared for reading only), kIOReturnNotAttached (remote), kIOReturnBadArgument. [I][S]
 */
IOByteCount IOMemoryDescriptor_readBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                         void *bytes, IOByteCount withLength);
IOByteCount IOMemoryDescriptor_writeBytes(IOMemoryDescriptorRef self, IOByteCount offset,
                                          const void *bytes, IOByteCount withLength);

/*
 * Address of the byte at `offset`, and in *length (may be NULL) how many bytes
 * follow it at consecutive addresses. options: 0 for a device behind the system
 * mapper, kIOMemoryMapperNone for host physical addresses. Physical ranges that were
 * not made with that are the mapper's, where there is one: for the host, and for the
 * CPU's copies, they are translated back (kIOReturnNotFound: nothing is). No segment: 0 with
 * *length 0, as at the end of the descriptor; address 0 with a length is a
 * segment. O(log n). [I]
 */
addr64_t IOMemoryDescriptor_getPhysicalSegment(IOMemoryDescriptorRef self, IOByteCount offset,
                                               IOByteCount *length, IOOptionBits options);

/* Address of the first byte for a device behind the system mapper. [I] */
IOPhysicalAddress IOMemoryDescriptor_getPhysicalAddress(IOMemoryDescriptorRef self);

/*
 * Cache maintenance over a range, clipped at the end of the descriptor. options is
 * one operation number. kIOReturnUnsupported (unknown operation),
 * kIOReturnBadArgument (offset past the end), kIOReturnNotReady (not prepared),
 * kIOReturnNotAttached (remote), kIOReturnUnderrun (a segment is missing). [I][S]
 */
IOReturn IOMemoryDescriptor_performOperation(IOMemoryDescriptorRef self, IOOptionBits options,
                                             IOByteCount offset, IOByteCount length);

/*
 * Bytes of I/O address space, whole pages, that map the descriptor when each piece
 * keeps its page offset; *offset (may be NULL) is the first byte's. Needs no
 * preparation. 0 for an empty descriptor, and if the sum overflows
 * (kIOReturnBadArgument). [T]
 */
uint64_t IOMemoryDescriptor_getDMAMapLength(IOMemoryDescriptorRef self, uint64_t *offset);

/*
 * Map bytes [offset, offset + length) into a task; length 0 means the whole
 * descriptor's. The answer carries a reference, may be a map that exists already, and
 * has the page offset of the first byte. atAddress counts without kIOMapAnywhere.
 * NULL: kIOReturnBadArgument (range, options, dead task), kIOReturnNoSpace (the
 * address is taken, or there is no room), kIOReturnNotAligned (page offsets do not
 * fit), kIOReturnNotPermitted (stores are asked for, and the memory forbids them),
 * kIOReturnNotFound (kIOMapReference), kIOReturnNotReady (kIOMapPrefault of what is
 * not prepared), kIOReturnUnsupported (kIOMapUnique of scattered physical memory),
 * kIOReturnNotAttached (remote), kIOReturnVMError (nothing is mapped there in the
 * owner), kIOReturnNoMemory. [T]
 */
IOMemoryMap *IOMemoryDescriptor_createMappingInTask(IOMemoryDescriptorRef self, task_t intoTask,
                                                    mach_vm_address_t atAddress,
                                                    IOOptionBits options, mach_vm_size_t offset,
                                                    mach_vm_size_t length);

/* All of it, anywhere in the kernel task. [T] */
IOMemoryMap *IOMemoryDescriptor_map(IOMemoryDescriptorRef self, IOOptionBits options);

/*
 * Record that all of the descriptor is mapped at an address already. The caller
 * vouches for it; releasing the map unmaps nothing. NULL: kIOReturnBadArgument. [T]
 */
IOMemoryMap *IOMemoryDescriptor_setMapping(IOMemoryDescriptorRef self, task_t task,
                                           IOVirtualAddress mapAddress, IOOptionBits options);

/*
 * Change the purgeable state of the memory (state and modifiers above) and tell the
 * former one in *oldState, which may be NULL and is written on success only.
 * kIOReturnBadArgument (not purgeable memory, unknown bits), kIOReturnUnsupported
 * (physical), kIOReturnNotReady (not of a kind that can be asked),
 * kIOReturnNotAttached (remote). [T][S]
 */
IOReturn IOMemoryDescriptor_setPurgeable(IOMemoryDescriptorRef self, IOOptionBits newState,
                                         IOOptionBits *oldState);

/*
 * Charge the memory to a task and a ledger tag; TASK_NULL and -1 keep what they are.
 * kIOReturnBadArgument, kIOReturnUnsupported (never mapped and not persistent),
 * kIOReturnNotPrivileged (asked for by a user task), kIOReturnError (memory in use
 * that was never owned), kIOReturnNotAttached (remote). Of several objects all are
 * attempted. [T][S]
 */
IOReturn IOMemoryDescriptor_setOwnership(IOMemoryDescriptorRef self, task_t newOwner,
                                         int newLedgerTag, IOOptionBits newLedgerOptions);

/*
 * Pages, not bytes, that are resident, and of them changed since they were supplied.
 * Either pointer may be NULL; written on success only. kIOReturnNotReady (physical),
 * kIOReturnNotAttached (remote), kIOReturnVMError, kIOReturnNoMemory. [T][S]
 */
IOReturn IOMemoryDescriptor_getPageCounts(IOMemoryDescriptorRef self,
                                          IOByteCount *residentPageCount,
                                          IOByteCount *dirtyPageCount);

/* Mapping between the classes: descriptors/IOMemoryMapping.h. DMA commands' private channel:
 * descriptors/IODMAProtocol.h. */

#endif
