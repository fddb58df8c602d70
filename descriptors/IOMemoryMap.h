/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOMemoryMap: one interval of one descriptor, mapped into one address space. Made by
 * IOMemoryDescriptor_createMappingInTask and its kin; it keeps its descriptor alive, and its last
 * release removes the mapping.
 *
 * A compatible request to the descriptor may be answered with a map that exists
 * already, or with a new one that borrows a part of its pages: each answer is
 * released for itself.
 *
 * Contexts [A], [I] and [T] as in IOMemoryDescriptor.h. A NULL self gives
 * kIOReturnBadArgument, NULL, 0 or false.
 */
#ifndef DESCRIPTORS_IOMEMORYMAP_H
#define DESCRIPTORS_IOMEMORYMAP_H

#include "descriptors/IOClasses.h"
#include "descriptors/IOReturn.h"
#include "descriptors/OSObject.h"

/* The class object. */
extern const OSMetaClass IOMemoryMap_metaClass;

/* Address of the first byte in the target address space; 0 after unmap or task death. [A] */
IOVirtualAddress IOMemoryMap_getVirtualAddress(IOMemoryMap *self);
mach_vm_address_t IOMemoryMap_getAddress(IOMemoryMap *self);

/* Bytes of the request, not rounded; kept after unmap. [A] */
IOByteCount IOMemoryMap_getLength(IOMemoryMap *self);
mach_vm_size_t IOMemoryMap_getSize(IOMemoryMap *self);

/* Target task, not retained; NULL after its death. [A] */
task_t IOMemoryMap_getAddressTask(IOMemoryMap *self);

/*
 * The descriptor that is mapped, +0: the parent for maps made through a
 * sub-descriptor, a private one for Unique maps of physical memory. [A]
 */
IOMemoryDescriptor *IOMemoryMap_getMemoryDescriptor(IOMemoryMap *self);

/*
 * Options of the request and kIOMapStatic for a map that owns no pages. For physical
 * memory the default cache mode is replaced by the one that it stands for. [A]
 */
IOOptionBits IOMemoryMap_getMapOptions(IOMemoryMap *self);

/*
 * Physical segment at a byte offset of the map, up to its end; options as
 * IOMemoryDescriptor_getPhysicalSegment. [I]
 */
IOPhysicalAddress IOMemoryMap_getPhysicalSegment(IOMemoryMap *self, IOByteCount offset,
                                                 IOByteCount *length, IOOptionBits options);
IOPhysicalAddress IOMemoryMap_getPhysicalAddress(IOMemoryMap *self); /* segment at 0 */

const OSMetaClass *IOMemoryMap_getMetaClass(const IOMemoryMap *self); /* dynamic */

/*
 * Remove the mapping and its guards now, whoever holds references; maps that borrow
 * from it lose theirs too. Static and Overwrite maps leave the address space as it
 * is. Success as well if there is none any more. [T]
 */
IOReturn IOMemoryMap_unmap(IOMemoryMap *self);

/*
 * Replace the memory that is seen through a Unique map, at the same address. NULL:
 * accesses wait until the next redirect with a descriptor (of kernel code that would
 * be fatal). The descriptor it has: they go on. Another one: its bytes from `offset`
 * on are seen from now on, with the cache mode and ReadOnly bits of `options`, and
 * the map belongs to it. On failure the view stays: kIOReturnUnsupported (not
 * Unique), kIOReturnNotReady (not mapped), kIOReturnBadArgument (it does not hold
 * that many bytes), kIOReturnNotAligned (another page offset), kIOReturnBusy (pages
 * are pinned through wireRange), or why the new memory cannot be mapped. [T]
 */
IOReturn IOMemoryMap_redirect(IOMemoryMap *self, IOMemoryDescriptorRef newBackingMemory,
                              IOOptionBits options, mach_vm_size_t offset);

/*
 * Pin the pages of a part of the map for at least the access in options
 * (VM_PROT_READ, VM_PROT_WRITE: the two bits of kIODirectionOutIn), or unpin them if
 * there is none. Calls pair up per page; unmapping gives back the rest. All or
 * nothing: kIOReturnBadArgument (outside the map, or not pinned), kIOReturnNotReady
 * (not mapped), kIOReturnNotPermitted, kIOReturnNoResources, kIOReturnNoMemory. [T]
 */
IOReturn IOMemoryMap_wireRange(IOMemoryMap *self, uint32_t options, mach_vm_size_t offset,
                               mach_vm_size_t length);

/* Internal: for the classes, the task layer, and tests of the protocol. All [T]. */

/* Fill a half-built map. False (kIOReturnBadArgument): NULL or dead task. */
bool IOMemoryMap_init(IOMemoryMap *self, task_t intoTask, mach_vm_address_t toAddress,
                      IOOptionBits options, mach_vm_size_t offset, mach_vm_size_t length);

/*
 * Bind the map to a descriptor from a byte offset on; it leaves the set of a former
 * one. False (kIOReturnBadArgument): NULL, or too short.
 */
bool IOMemoryMap_setMemoryDescriptor(IOMemoryMap *self, IOMemoryDescriptorRef memory,
                                     mach_vm_size_t offset);

/*
 * What answers the request of a half-built map, if this one can: itself with one more
 * reference for the same bytes, or newMapping borrowing from it for a part of them.
 * Else NULL. It can if it is mapped in the same address space, is not unique, agrees in
 * kIOMapReadOnly, guards and cache mode (or the request leaves that open), and has the
 * bytes at the wanted address (or kIOMapAnywhere is set).
 */
IOMemoryMap *IOMemoryMap_copyCompatible(IOMemoryMap *self, IOMemoryMap *newMapping);

/* The target task dies: the address is gone. */
void IOMemoryMap_taskDied(IOMemoryMap *self);

/* Have taskDied unmap first. */
IOReturn IOMemoryMap_userClientUnmap(IOMemoryMap *self);

/* This map's share of IOMemoryDescriptor_redirect. */
IOReturn IOMemoryMap_redirectTask(IOMemoryMap *self, task_t safeTask, bool doRedirect);

/* What the last release does: unmap, leave the set, release what is held. */
void IOMemoryMap_free(IOMemoryMap *self);

#endif
