/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How descriptor classes and maps work together: making and taking away a mapping,
 * redirecting it, and showing device memory in it. Not for drivers. All for thread context.
 */
#ifndef DESCRIPTORS_IOMEMORYMAPPING_H
#define DESCRIPTORS_IOMEMORYMAPPING_H

#include "descriptors/IOMemoryDescriptor.h"

/*
 * Answer the request of a half-built map, whose pointer is atAddress and to whose
 * offset `offset` is added: with it, or with an existing compatible map, or with NULL.
 * The half-built map is consumed. owner: the descriptor that was asked. length: 0.
 */
IOMemoryMap *IOMemoryDescriptor_makeMapping(IOMemoryDescriptorRef self, IOMemoryDescriptorRef owner,
                                            task_t intoTask, IOVirtualAddress atAddress,
                                            IOOptionBits options, IOByteCount offset,
                                            IOByteCount length);

/*
 * Enter the pages of the map whose pointer is *atAddress, and set its address.
 * sourceOffset is added to the map's; length 0: the map's. addressMap is unused. On
 * failure nothing stays entered. The base class: kIOReturnUnsupported.
 */
IOReturn IOMemoryDescriptor_doMap(IOMemoryDescriptorRef self, vm_map_t addressMap,
                                  IOVirtualAddress *atAddress, IOOptionBits options,
                                  IOByteCount sourceOffset, IOByteCount length);

/*
 * Remove pages and guards of the map whose pointer is `logical`, unless it is an
 * Overwrite map. length must be 0 (kIOReturnBadArgument).
 */
IOReturn IOMemoryDescriptor_doUnmap(IOMemoryDescriptorRef self, vm_map_t addressMap,
                                    IOVirtualAddress logical, IOByteCount length);

/* The set of maps, which does not keep them alive. NULL, doubles and strangers: no effect. */
void IOMemoryDescriptor_addMapping(IOMemoryDescriptorRef self, IOMemoryMap *mapping);
void IOMemoryDescriptor_removeMapping(IOMemoryDescriptorRef self, IOMemoryMap *mapping);

/*
 * Make accesses through all maps wait, but for static ones and those in safeTask
 * (whose write-combined ones run uncached meanwhile), or end that.
 */
IOReturn IOMemoryDescriptor_redirect(IOMemoryDescriptorRef self, task_t safeTask, bool doRedirect);

/*
 * A fault in device memory: success if the access may be tried again. Nobody can wait
 * here: while redirected, kIOReturnAborted tells the caller to park the task.
 * kIOReturnBadArgument: outside the descriptor. pager: unused, NULL.
 */
IOReturn IOMemoryDescriptor_handleFault(IOMemoryDescriptorRef self, void *pager,
                                        mach_vm_size_t sourceOffset, mach_vm_size_t length);

/*
 * Enter the pages of [sourceOffset, sourceOffset + length), mapped at `address`, now.
 * kIOReturnVMError: a segment but the last is not whole pages, or nothing is mapped
 * there; kIOReturnBadArgument: misaligned, or more bytes than there are.
 */
IOReturn IOMemoryDescriptor_populateDevicePager(IOMemoryDescriptorRef self, void *pager,
                                                vm_map_t addressMap, mach_vm_address_t address,
                                                mach_vm_size_t sourceOffset, mach_vm_size_t length,
                                                IOOptionBits options);

#endif
