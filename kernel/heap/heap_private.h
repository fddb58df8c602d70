/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the heap: blocks (heap_block.c), in debug builds with guards around
 * them (heap_guard.c), behind heap.h (heap.c). Alignments are powers of two.
 */
#ifndef KERNEL_HEAP_PRIVATE_H
#define KERNEL_HEAP_PRIVATE_H

#include "kernel/heap.h"

#define HEAP_ALIGNMENT  16   /* of every block, bytes */
#define HEAP_OBJECT_MAX 2048 /* larger blocks are whole pages */

void *heap_block_alloc(size_t size, size_t alignment); /* size not 0; NULL: no memory */
void heap_block_free(void *block);                     /* panics if it is no block */
size_t heap_block_size(const void *block);             /* usable bytes; panics too */

void *heap_guard_alloc(size_t size, size_t alignment);
void heap_guard_free(void *block);
size_t heap_guard_size(const void *block);

#endif
