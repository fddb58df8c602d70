/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DriverKit's names of descriptors, buffers, maps and DMA commands. A driver process calls
 * them and holds proxies: objects of its own that stand for the kernel's. The kernel may call
 * them too, on the real objects, and gets the same answers for the task that is current.
 *
 * A method that travels has a stub C_M (packs a message, checks the reply), C_M_Invoke (in
 * the kernel: checks a message and calls a handler with its arguments) and C_M_Impl (does
 * it); C_Dispatch and, for static methods, C_MetaClass_Dispatch find the one that a message
 * is for. Local methods do not travel.
 *
 * Errors of every method that travels, besides its own: kIOReturnBadArgument (self or the place for
 * the answer is NULL, an object of another class), kIOReturnIPCError (a message or a reply of
 * another form), kIOReturnNoResources (the driver's table of handles is full). Objects that are
 * answered carry a reference for the caller, and are NULL on failure. Thread context.
 *
 * Options that are not defined are refused (kIOReturnBadArgument).
 */
#ifndef DESCRIPTORS_IODRIVERKIT_H
#define DESCRIPTORS_IODRIVERKIT_H

#include "descriptors/IOBufferMemoryDescriptor.h"
#include "descriptors/IODMACommand.h"
#include "descriptors/IOMemoryMap.h"
#include "descriptors/IORPC.h"
#include "descriptors/IOService.h"
#include "kernel/kern_return.h"

/* Directions, seen from memory, for creation. */
#define kIOMemoryDirectionNone      0x0u
#define kIOMemoryDirectionIn        0x1u
#define kIOMemoryDirectionOut       0x2u
#define kIOMemoryDirectionOutIn     0x3u
#define kIOMemoryDirectionInOut     0x3u
#define kIOMemoryDisableCopyOnWrite 0x10u /* of memory of a client; none is made here */

/* Options of CreateMapping: placement and access, guards (a field), cache mode (a field). */
#define kIOMemoryMapFixedAddress          0x00000001u
#define kIOMemoryMapReadOnly              0x00000002u
#define kIOMemoryMapGuardedMask           0x0000001Cu
#define kIOMemoryMapGuardedDefault        0x00000000u /* as Small; with FixedAddress none */
#define kIOMemoryMapGuardedNone           0x00000004u
#define kIOMemoryMapGuardedSmall          0x00000008u /* a page without access on either side */
#define kIOMemoryMapGuardedLarge          0x0000000Cu /* 65536 bytes of them */
#define kIOMemoryMapCacheModeDefault      0x00000000u
#define kIOMemoryMapCacheModeInhibit      0x00000100u
#define kIOMemoryMapCacheModeCopyback     0x00000200u
#define kIOMemoryMapCacheModeWriteThrough 0x00000400u
#define kIOMemoryMapCacheModeRealTime     0x00000800u

/* What a message is sent to: an object, or the class object of one with static methods. */
typedef struct OSMetaClassBase OSMetaClassBase;

/*
 * Send a message. At EL0: the system call. In the kernel: straight to the Dispatch of the
 * object's class. kIOReturnBadArgument: nobody to send it to.
 */
kern_return_t OSMetaClassBase_Invoke(OSMetaClassBase *self, IORPC rpc);

/* The root of all routers: kIOReturnUnsupported, for nobody has known the number. */
kern_return_t OSObject_Dispatch(OSObject *self, IORPC rpc);

/* --- IOMemoryDescriptor ---------------------------------------------------------------------- */

/*
 * Map bytes [offset, offset + length) into the calling task; length 0: the descriptor's.
 * address counts with kIOMemoryMapFixedAddress, which has no guards. alignment must be 0
 * (kIOReturnUnsupported). The map is read-only with kIOMemoryMapReadOnly and where the
 * descriptor's direction is Out or none, unless the caller has made that buffer itself.
 *
 * kIOReturnNotPermitted: a page would show bytes that belong to somebody else;
 * kIOReturnNoResources: the driver has as many maps as it may; else as
 * IOMemoryDescriptor_createMappingInTask.
 */
kern_return_t IOMemoryDescriptor_CreateMapping(IOMemoryDescriptor *self, uint64_t options,
                                               uint64_t address, uint64_t offset, uint64_t length,
                                               uint64_t alignment, IOMemoryMap **map);
kern_return_t IOMemoryDescriptor_CreateMapping_Impl(IOMemoryDescriptor *self, uint64_t options,
                                                    uint64_t address, uint64_t offset,
                                                    uint64_t length, uint64_t alignment,
                                                    IOMemoryMap **map);
typedef kern_return_t (*IOMemoryDescriptor_CreateMapping_Handler)(
    IOMemoryDescriptor *self, uint64_t options, uint64_t address, uint64_t offset, uint64_t length,
    uint64_t alignment, IOMemoryMap **map);
kern_return_t IOMemoryDescriptor_CreateMapping_Invoke(
    IORPC rpc, IOMemoryDescriptor *self, IOMemoryDescriptor_CreateMapping_Handler func);

/*
 * A window of a descriptor; options: a direction. kIOReturnBadArgument: no descriptor, outside it,
 * other options; kIOReturnNotPermitted: a direction that it does not have.
 */
kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor(uint64_t memoryDescriptorCreateOptions,
                                                           uint64_t offset, uint64_t length,
                                                           IOMemoryDescriptor *ofDescriptor,
                                                           IOMemoryDescriptor **memory);
kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor_Impl(
    uint64_t memoryDescriptorCreateOptions, uint64_t offset, uint64_t length,
    IOMemoryDescriptor *ofDescriptor, IOMemoryDescriptor **memory);
typedef kern_return_t (*IOMemoryDescriptor_CreateSubMemoryDescriptor_Handler)(
    uint64_t memoryDescriptorCreateOptions, uint64_t offset, uint64_t length,
    IOMemoryDescriptor *ofDescriptor, IOMemoryDescriptor **memory);
kern_return_t IOMemoryDescriptor_CreateSubMemoryDescriptor_Invoke(
    IORPC rpc, IOMemoryDescriptor_CreateSubMemoryDescriptor_Handler func);

/*
 * 1 to 32 descriptors one behind the other. kIOReturnBadArgument: none, one of them is NULL;
 * kIOReturnOverrun: more; kIOReturnNotPermitted: a direction that one does not have.
 */
kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors(
    uint64_t memoryDescriptorCreateOptions, uint32_t withDescriptorsCount,
    IOMemoryDescriptor *const withDescriptors[], IOMemoryDescriptor **memory);
kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors_Impl(
    uint64_t memoryDescriptorCreateOptions, uint32_t withDescriptorsCount,
    IOMemoryDescriptor *const withDescriptors[], IOMemoryDescriptor **memory);
typedef kern_return_t (*IOMemoryDescriptor_CreateWithMemoryDescriptors_Handler)(
    uint64_t memoryDescriptorCreateOptions, uint32_t withDescriptorsCount,
    IOMemoryDescriptor *const withDescriptors[], IOMemoryDescriptor **memory);
kern_return_t IOMemoryDescriptor_CreateWithMemoryDescriptors_Invoke(
    IORPC rpc, IOMemoryDescriptor_CreateWithMemoryDescriptors_Handler func);

/* Local: the length now. */
kern_return_t IOMemoryDescriptor_GetLength(IOMemoryDescriptor *self, uint64_t *returnLength);

/*
 * Local, for drivers: a mapping of all of it that the proxy keeps. The same arguments again
 * give the same one. In the kernel: kIOReturnUnsupported.
 */
kern_return_t IOMemoryDescriptor_Map(IOMemoryDescriptor *self, uint64_t options, uint64_t address,
                                     uint64_t length, uint64_t alignment, uint64_t *returnAddress,
                                     uint64_t *returnLength);

/* Local: what a proxy is made with. Nobody calls it; true. */
bool IOMemoryDescriptor_init(IOMemoryDescriptor *self);

/* Length and flags; private to the two sides. */
kern_return_t IOMemoryDescriptor__CopyState(IOMemoryDescriptor *self, _IOMDPrivateState *state);
kern_return_t IOMemoryDescriptor__CopyState_Impl(IOMemoryDescriptor *self,
                                                 _IOMDPrivateState *state);
typedef kern_return_t (*IOMemoryDescriptor__CopyState_Handler)(IOMemoryDescriptor *self,
                                                               _IOMDPrivateState *state);
kern_return_t IOMemoryDescriptor__CopyState_Invoke(IORPC rpc, IOMemoryDescriptor *self,
                                                   IOMemoryDescriptor__CopyState_Handler func);

/* Routers. kIOReturnUnsupported: no number of theirs; kIOReturnIPCError: rpc has no content. */
kern_return_t IOMemoryDescriptor_Dispatch(IOMemoryDescriptor *self, IORPC rpc);
kern_return_t IOMemoryDescriptor_MetaClass_Dispatch(IORPC rpc);

/* --- IOBufferMemoryDescriptor ---------------------------------------------------------------- */

/*
 * A wired buffer of zeroed whole pages that the caller may write whatever its direction (options)
 * is. Its length is its capacity. alignment: of its first byte, rounded up to a power of two; 0: a
 * page; above a page it is contiguous. kIOReturnBadArgument: capacity 0 or wrapping;
 * kIOReturnNoResources: more than the driver may have; kIOReturnNoMemory.
 */
kern_return_t IOBufferMemoryDescriptor_Create(uint64_t options, uint64_t capacity,
                                              uint64_t alignment,
                                              IOBufferMemoryDescriptor **memory);
kern_return_t IOBufferMemoryDescriptor_Create_Impl(uint64_t options, uint64_t capacity,
                                                   uint64_t alignment,
                                                   IOBufferMemoryDescriptor **memory);
typedef kern_return_t (*IOBufferMemoryDescriptor_Create_Handler)(uint64_t options,
                                                                 uint64_t capacity,
                                                                 uint64_t alignment,
                                                                 IOBufferMemoryDescriptor **memory);
kern_return_t IOBufferMemoryDescriptor_Create_Invoke(IORPC rpc,
                                                     IOBufferMemoryDescriptor_Create_Handler func);

/* kIOReturnBadArgument: more than the capacity; kIOReturnBusy: less, and a device uses it. */
kern_return_t IOBufferMemoryDescriptor_SetLength(IOBufferMemoryDescriptor *self, uint64_t length);
kern_return_t IOBufferMemoryDescriptor_SetLength_Impl(IOBufferMemoryDescriptor *self,
                                                      uint64_t length);
typedef kern_return_t (*IOBufferMemoryDescriptor_SetLength_Handler)(IOBufferMemoryDescriptor *self,
                                                                    uint64_t length);
kern_return_t IOBufferMemoryDescriptor_SetLength_Invoke(
    IORPC rpc, IOBufferMemoryDescriptor *self, IOBufferMemoryDescriptor_SetLength_Handler func);

/*
 * Local: where the calling task sees the buffer, and its length now. A driver's address is that of
 * a mapping of the whole capacity, made by the first call and kept by the proxy. kIOReturnNotReady:
 * in the kernel, a buffer that is mapped nowhere; kIOReturnBusy: the first call, of a buffer that
 * is shorter than its capacity, while a DMA command is active on it; else as CreateMapping.
 */
kern_return_t IOBufferMemoryDescriptor_GetAddressRange(IOBufferMemoryDescriptor *self,
                                                       IOAddressSegment *range);

/* Local: what a proxy is made with. Nobody calls it; true. */
bool IOBufferMemoryDescriptor_init(IOBufferMemoryDescriptor *self);

/* Routers; statics are not inherited. */
kern_return_t IOBufferMemoryDescriptor_Dispatch(IOBufferMemoryDescriptor *self, IORPC rpc);
kern_return_t IOBufferMemoryDescriptor_MetaClass_Dispatch(IORPC rpc);

/* --- IOMemoryMap ----------------------------------------------------------------------------- */

/* Local: where, how much, and from which byte of the descriptor on. */
uint64_t IOMemoryMap_GetAddress(IOMemoryMap *self);
uint64_t IOMemoryMap_GetLength(IOMemoryMap *self);
uint64_t IOMemoryMap_GetOffset(IOMemoryMap *self);

/* All of that; private to the two sides. */
kern_return_t IOMemoryMap__CopyState(IOMemoryMap *self, _IOMemoryMapPrivateState *state);
kern_return_t IOMemoryMap__CopyState_Impl(IOMemoryMap *self, _IOMemoryMapPrivateState *state);
typedef kern_return_t (*IOMemoryMap__CopyState_Handler)(IOMemoryMap *self,
                                                        _IOMemoryMapPrivateState *state);
kern_return_t IOMemoryMap__CopyState_Invoke(IORPC rpc, IOMemoryMap *self,
                                            IOMemoryMap__CopyState_Handler func);

/* Router. */
kern_return_t IOMemoryMap_Dispatch(IOMemoryMap *self, IORPC rpc);

/* --- IODMACommand: the methods themselves are in IODMACommand.h --------------------------------
 */

/* What does the work of the methods of these names. */
kern_return_t IODMACommand_Create_Impl(IOService *device, uint64_t options,
                                       const IODMACommandSpecification *specification,
                                       IODMACommand **command);
kern_return_t IODMACommand_PrepareForDMA_Impl(IODMACommand *self, uint64_t options,
                                              IOMemoryDescriptorRef memory, uint64_t offset,
                                              uint64_t length, uint64_t *flags,
                                              uint32_t *segmentsCount,
                                              IOAddressSegment segments[kIODMACommandSegmentsMax]);
kern_return_t IODMACommand_CompleteDMA_Impl(IODMACommand *self, uint64_t options);
kern_return_t IODMACommand_GetPreparation_Impl(IODMACommand *self, uint64_t *offset,
                                               uint64_t *length, IOMemoryDescriptor **memory);
kern_return_t IODMACommand_PerformOperation_Impl(IODMACommand *self, uint64_t options,
                                                 uint64_t dmaOffset, uint64_t length,
                                                 uint64_t dataOffset, IOMemoryDescriptorRef data);

/* Routers. */
kern_return_t IODMACommand_Dispatch(IODMACommand *self, IORPC rpc);
kern_return_t IODMACommand_MetaClass_Dispatch(IORPC rpc);

#endif
