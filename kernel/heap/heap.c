/* SPDX-License-Identifier: BSD-2-Clause */
/* The heap's public face: small blocks from slabs of pages, large ones as runs of pages. */
#include "kernel/heap.h"

#include <string.h>

#include "kernel/allocation.h"
#include "kernel/heap/heap_private.h"
#include "kernel/inject.h"
#include "kernel/irq.h"
#include "kernel/panic.h"

/* By name and not by pointer: release builds pay for no guards, and for no further call. */
#ifdef DEBUG
#define block_alloc heap_guard_alloc
#define block_free  heap_guard_free
#define block_size  heap_guard_size
#else
#define block_alloc heap_block_alloc
#define block_free  heap_block_free
#define block_size  heap_block_size
#endif

/* A handler may have interrupted the heap itself, with a list of it half changed. */
static inline void check_context(void)
{
#ifdef DEBUG
    if (irq_in_handler()) {
        panic("heap: an interrupt handler uses it, and may have interrupted it");
    }
#endif
}

static void *told(void *block, size_t size)
{
    if (block != NULL) {
        allocation_tell(block, size);
    }
    return block;
}

void *heap_alloc(size_t size)
{
    check_context();
    /* Here and not further down: a test fails what callers ask for, and not the slab behind it. */
    if (size == 0 || inject_fails(INJECT_HEAP)) {
        return NULL;
    }
    return told(block_alloc(size, HEAP_ALIGNMENT), size);
}

void *heap_alloc_zero(size_t size)
{
    void *block = heap_alloc(size);

    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

void *heap_alloc_aligned(size_t size, size_t alignment)
{
    check_context();
    if (size == 0 || !is_power_of_two(alignment) || inject_fails(INJECT_HEAP)) {
        return NULL;
    }
    return told(block_alloc(size, alignment), size);
}

void *heap_realloc(void *block, size_t size)
{
    size_t before;
    void *moved;

    if (block == NULL) {
        return heap_alloc(size);
    }
    if (size == 0) {
        heap_free(block);
        return NULL;
    }
    /* What the block has room for, which is more than was asked for as a rule. */
    before = block_size(block);
    /*
     * It fits, and wastes less than half: moving would only cost. Below that the block is worth
     * giving back.
     */
    if (size <= before && size > before / 2) {
        return block;
    }
    moved = heap_alloc(size);
    if (moved == NULL) {
        /* Making something smaller must not fail: it keeps its room. */
        return size <= before ? block : NULL;
    }
    memcpy(moved, block, size < before ? size : before);
    heap_free(block);
    return moved;
}

void heap_free(void *block)
{
    if (block != NULL) {
        check_context();
        block_free(block);
    }
}

size_t heap_size(const void *block)
{
    return block_size(block);
}
