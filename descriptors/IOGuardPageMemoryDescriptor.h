/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IOGuardPageMemoryDescriptor: whole pages that nobody can reach, to stand around
 * data inside an IOMultiMemoryDescriptor.
 *
 * No memory is behind it. It prepares and completes like any other, so that what
 * holds it can; but it has no segments (0 bytes, kIOReturnNotPermitted), reads and
 * writes copy nothing, its page counts are 0, and every access through a mapping of
 * it faults. getDMAMapLength counts its pages. Purgeable states and owners are
 * accepted and change nothing: it is always non-volatile.
 *
 * DMA on data between guards: through the data's own descriptor, or through an
 * IOSubMemoryDescriptor of the multi that covers the data alone.
 */
#ifndef DESCRIPTORS_IOGUARDPAGEMEMORYDESCRIPTOR_H
#define DESCRIPTORS_IOGUARDPAGEMEMORYDESCRIPTOR_H

#include "descriptors/IOMemoryMapping.h"

/* The class object. */
extern const OSMetaClass IOGuardPageMemoryDescriptor_metaClass;

/*
 * `size` bytes rounded up to pages, which getLength reports; direction
 * kIODirectionOutIn. NULL: kIOReturnBadArgument (size 0, or too large to be rounded),
 * kIOReturnNoMemory. Thread context.
 */
IOGuardPageMemoryDescriptor *IOGuardPageMemoryDescriptor_withSize(vm_size_t size);

/*
 * The initialiser; also changes the size, which is refused (kIOReturnBusy) while it is
 * prepared or DMA is active.
 */
bool IOGuardPageMemoryDescriptor_initWithSize(IOGuardPageMemoryDescriptor *self, vm_size_t size);

/*
 * Internal, as in IOMemoryMapping.h: the interval is entered without any access, whatever
 * is asked for.
 */
IOReturn IOGuardPageMemoryDescriptor_doMap(IOGuardPageMemoryDescriptor *self, vm_map_t addressMap,
                                           IOVirtualAddress *atAddress, IOOptionBits options,
                                           IOByteCount sourceOffset, IOByteCount length);

/* What the last release does. */
void IOGuardPageMemoryDescriptor_free(IOGuardPageMemoryDescriptor *self);

#endif
