/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel memory by the piece, in families that differ in what they promise.
 *
 *   general     wired, not zeroed
 *   aligned     wired, not zeroed, at an alignment
 *   pageable    absent until touched, zeros then; page-aligned
 *   contiguous  wired, zeroed, physically in one piece
 *   data        wired; for bytes that hold no pointers
 *
 * Wired memory is resident and mapped, readable and writable, never executable,
 * until it is freed; it begins at a multiple of 16. Pageable memory must be prepared
 * (IOMemoryDescriptor) before DMA or use with interrupts masked. Memory that is not
 * zeroed may hold anything: 0xA5 in debug builds, which also fill what is freed with
 * 0x5A.
 *
 * Sizes and alignments are bytes. A failing allocation answers NULL and sets
 * IOMemoryLastError():
 *
 *   kIOReturnBadArgument  size 0; an alignment that is no power of two (only
 *                         IOMallocAligned rounds one up) or is above 2^32 - 1
 *   kIOReturnNoMemory     no memory; a size that cannot be (2^63 and more)
 *   kIOReturnNoSpace      pageable: no room in the kernel's address space
 *   kIOReturnCannotLock   called from an interrupt handler
 *
 * Freeing takes the size of the allocation and must be done by the family's own
 * function. NULL with any size is no error. Another size than the allocation's is
 * logged, with the caller, and the whole block freed. What is not the beginning of
 * a live block of the family is not freed: it is logged, and fatal in debug builds.
 *
 * All functions are for thread context. Freeing in an interrupt handler is allowed:
 * the block is gone for its owner at once, and its memory returns at the next call
 * in thread context. Memory that a descriptor still has pinned returns after the
 * last complete: pages by themselves (and the log says so), a block of less than a
 * page at the next call after that.
 */
#ifndef DESCRIPTORS_IOMALLOC_H
#define DESCRIPTORS_IOMALLOC_H

#include "descriptors/IOMallocArray.h"
#include "descriptors/IOTypes.h"

/* General: wired memory with any contents. */
void *IOMalloc(vm_size_t size);

/* General: wired memory, zeroed. */
void *IOMallocZero(vm_size_t size);

/* Free a block of IOMalloc or IOMallocZero. */
void IOFree(void *address, vm_size_t size);

/*
 * Wired memory with any contents at a multiple of an alignment: 0 = 1; one that is
 * no power of two is rounded up to the next, so a structure's size will do.
 */
void *IOMallocAligned(vm_size_t size, vm_offset_t alignment);

/* Free a block of IOMallocAligned. */
void IOFreeAligned(void *address, vm_size_t size);

/*
 * Pageable: zero when first touched. alignment: 0 = 1, at most 2 MiB (else
 * kIOReturnUnsupported).
 */
void *IOMallocPageable(vm_size_t size, vm_size_t alignment);

/* As IOMallocPageable, whose memory is zero too; the name says that it must be. */
void *IOMallocPageableZero(vm_size_t size, vm_size_t alignment);

/* Free a block of IOMallocPageable or IOMallocPageableZero. */
void IOFreePageable(void *address, vm_size_t size);

/*
 * Wired, zeroed, one physical run, at a multiple of the alignment (0 = 1) both
 * virtually and physically. If physicalAddress is not NULL it receives the physical
 * address of the first byte (0 on failure), and the run lies below 4 GiB. New code
 * uses IOBufferMemoryDescriptor_inTaskWithPhysicalMask.
 */
void *IOMallocContiguous(vm_size_t size, vm_size_t alignment, IOPhysicalAddress *physicalAddress);

/* Free a block of IOMallocContiguous. */
void IOFreeContiguous(void *address, vm_size_t size);

/* Data: wired memory with any contents, for bytes without pointers. */
void *IOMallocData(vm_size_t size);

/* Data: the same, zeroed. */
void *IOMallocZeroData(vm_size_t size);

/* Free a block of IOMallocData or IOMallocZeroData. */
void IOFreeData(void *address, vm_size_t size);

#endif
