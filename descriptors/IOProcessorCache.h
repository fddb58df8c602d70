/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU's data cache over kernel memory, by address.
 * For bus masters that do not snoop, page tables and code; DMA users rely on the
 * prepare and complete of their descriptor or command instead.
 */
#ifndef DESCRIPTORS_IOPROCESSORCACHE_H
#define DESCRIPTORS_IOPROCESSORCACHE_H

#include "descriptors/IOReturn.h"
#include "descriptors/IOTypes.h"

/*
 * Clean and invalidate every data cache line of [address, address + length), to the
 * point of coherency, then a full barrier (also when the length is 0). Lines at both
 * ends are done whole, which loses nothing. Pages that are absent are in no cache.
 *
 * kIOReturnUnsupported: the task is not kernel_task. kIOReturnBadArgument: the range
 * wraps. kIOReturnVMError: part of it is not mapped; what lies before that is done.
 * Interrupt handlers may call it for memory that is wired.
 */
IOReturn IOFlushProcessorCache(task_t task, IOVirtualAddress address, IOByteCount length);

/*
 * Map whole kernel pages with another cache mode (kIODefaultCache to
 * kIOPostedCombinedReordered, IOMemoryDescriptor.h), their data kept. For memory of
 * IOMallocPageable and for maps; it becomes resident. Other mappings of the same pages of
 * RAM follow; of registers, the mode is this mapping's. Length 0 does nothing. New code asks
 * for the mode when it maps. Thread context.
 *
 * Nothing changes with kIOReturnUnsupported (a task that is not kernel_task, an address
 * or length that is no multiple of a page), kIOReturnBadArgument (unknown mode, a range
 * that wraps), kIOReturnVMError (a page is not mapped), kIOReturnNotPermitted (the
 * linear map: the kernel itself, and what the wired families of IOMalloc.h give out),
 * kIOReturnNoResources (no memory).
 */
IOReturn IOSetProcessorCacheMode(task_t task, IOVirtualAddress address, IOByteCount length,
                                 IOOptionBits cacheMode);

#endif
