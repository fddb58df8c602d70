/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel heap: size classes over pages for small blocks, whole pages for
 * large ones. It also serves malloc and its family when newlib is linked, so
 * that there is one heap. Blocks are 16-byte aligned, not zeroed.
 * Any context but interrupt handlers. No memory: NULL.
 *
 * Debug builds (DEBUG=1) put a red zone around each block, fill new ones with
 * 0xA5 and freed ones with 0x5A, and check both; a damaged red zone or a free
 * of something that is not a live block panics with the block's address. So does a
 * call from an interrupt handler, which is not bound to do harm each time.
 */
#ifndef KERNEL_HEAP_H
#define KERNEL_HEAP_H

#include "kernel/types.h"

/* Blocks of `size` bytes, aligned to 16. NULL: there is no memory. Not from interrupt handlers. */
void *heap_alloc(size_t size); /* NULL for size 0 */
void *heap_alloc_zero(size_t size);
void *heap_alloc_aligned(size_t size, size_t alignment); /* alignment: a power of two, else NULL */
void *heap_realloc(void *block, size_t size);            /* as C's realloc; size 0 frees */
void heap_free(void *block);                             /* NULL: no effect */
size_t heap_size(const void *block);                     /* usable bytes of a live block */

/* Give the pages of empty slabs back. The heap keeps at most one a size class otherwise. */
void heap_trim(void);

/* What the heap has now, and had at most. */
struct heap_stats {
    uint64_t blocks;     /* live blocks */
    uint64_t bytes;      /* usable bytes of live blocks */
    uint64_t high_water; /* most bytes at once */
    uint64_t failures;   /* requests answered NULL for want of memory */
    uint64_t pages;      /* pages held, empty slabs included */
};

/* Now. Any context. */
void heap_get_stats(struct heap_stats *stats);

#endif
